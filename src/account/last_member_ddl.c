/*
 * last_member_ddl.c
 *		Puts on tables, and takes off, what keeps the last member of a role; and what doctor finds.
 *
 *		zz_account_last_member            on members, for each row that had the role
 *		zz_account_last_member_check      on members and users, at the end of a statement
 *		zz_account_last_member_truncate   on both, before TRUNCATE
 *		zz_account_last_member_truncated  on both, after TRUNCATE
 *		zz_account_last_member_of_...     on users and tenants, FROM members
 *
 * Row triggers are on members as PostgreSQL clones them; statement triggers, and those FROM
 * members, are on each partition that there is, for itself: a clone of a constraint trigger would
 * neither go with DETACH PARTITION nor let ATTACH PARTITION come again. Partitions that come later
 * get theirs from an event trigger (attached_parts.c).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "last_member.h"
#include "last_member_rule.h"

ACCOUNT_OPERATION(protect_last_member, "protect_last_member", NO_SUBJECT);
ACCOUNT_OPERATION(unprotect_last_member, "unprotect_last_member", NO_SUBJECT);
PG_FUNCTION_INFO_V1(last_member_findings);

#define MEMBER_ROW       "zz_account_last_member"
#define MEMBER_CHECK     "zz_account_last_member_check"
#define MEMBER_TRUNCATE  "zz_account_last_member_truncate"
#define MEMBER_TRUNCATED "zz_account_last_member_truncated"
#define MEMBER_OF        "zz_account_last_member_of"

/* The longest name of a role, in characters. */
#define MAX_ROLE 256

/* A table that members refer to by one of their columns. */
typedef struct Referred
{
	Oid relid;
	AttrNumber key;
	AttrNumber column; /* of members */
} Referred;

/* --- which tables --- */

/* The column of a reference beside the tenant's, and what it refers to; false: not just one. */
static bool
read_edge(const FkEdge *edge, AttrNumber tenant, Referred *found)
{
	int n = 0;

	for (int i = 0; i < edge->nkeys; i++)
	{
		if (edge->nkeys > 1 && edge->child_cols[i] == tenant)
			continue;
		*found = (Referred){edge->parent, edge->parent_cols[i], edge->child_cols[i]};
		n++;
	}
	return n == 1;
}

/* May a column hold keys of this one? A string may hold any. */
static bool
may_refer(Oid members, AttrNumber column, Oid relid, AttrNumber key)
{
	Oid from = getBaseType(get_atttype(members, column));
	Oid to = getBaseType(get_atttype(relid, key));
	char category;
	char other;
	bool preferred;

	get_type_category_preferred(from, &category, &preferred);
	get_type_category_preferred(to, &other, &preferred);
	return from == to || category == other || category == TYPCATEGORY_STRING ||
		   other == TYPCATEGORY_STRING;
}

/* The tenants that a column of members refers to; raises 22023. */
static Referred
find_tenants(Oid members, AttrNumber column)
{
	const char *name = get_attname(members, column, false);
	const Model *model = model_get();
	Referred found;
	ListCell *lc;

	foreach (lc, fk_of(members))
		if (((FkEdge *) lfirst(lc))->nkeys == 1 && read_edge(lfirst(lc), 0, &found) &&
			found.column == column)
			return found;
	if (model == NULL || !OidIsValid(model->relation[MODEL_TENANTS]) ||
		!model_has(model, TENANTS_ID) ||
		!(members == model->relation[MODEL_MEMBERS] ? column == model->column[MEMBERS_TENANT].attnum
													: model_name_fits(USERS_TENANT, name)) ||
		!may_refer(members, column, model->relation[MODEL_TENANTS],
				   model->column[TENANTS_ID].attnum))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" of %s refers to no tenants", name,
							   display_relation(members)),
						errdetail("It has no foreign key and no declared reference of its own."),
						errhint("Declare what it refers to with account.set_reference().")));
	return (Referred){model->relation[MODEL_TENANTS], model->column[TENANTS_ID].attnum, column};
}

/* Is there a unique index of just these two columns? */
static bool
are_unique(Oid members, AttrNumber one, AttrNumber other)
{
	Relation rel = table_open(members, AccessShareLock);
	bool found = false;
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);
		int16 *keys = index->rd_index->indkey.values;

		found |= index->rd_index->indisunique && index->rd_index->indnkeyatts == 2 &&
				 ((keys[0] == one && keys[1] == other) || (keys[0] == other && keys[1] == one));
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
	return found;
}

/* How well a reference fits that of members to their user. */
static int
fitness(Oid members, AttrNumber tenant, const Model *model, const Referred *referred)
{
	int fits = 1;

	if (model != NULL && members == model->relation[MODEL_MEMBERS] &&
		referred->column == model->column[MEMBERS_USER].attnum)
		fits += 8;
	if (model != NULL && referred->relid == model->relation[MODEL_USERS])
		fits += 4;
	if (are_unique(members, tenant, referred->column))
		fits += 2;
	if (model_name_fits(PROFILES_USER, get_attname(members, referred->column, false)))
		fits += 1;
	return fits;
}

/* Raise 22023: it is not known who the members are. */
compat_noreturn static void
refuse_users(Oid members, bool several)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the user of a row of %s is not known", display_relation(members)),
					several ? errdetail("Several columns may refer to it.")
							: errdetail("No foreign key or declared reference leads to users."),
					several ? errhint("Make the tenant's and the user's column unique together.")
							: errhint("Declare the reference with account.set_reference().")));
}

/* The users that a column of members refers to; raises 22023. */
static Referred
find_users(Oid members, const Referred *tenants)
{
	const Model *model = model_get();
	Referred best = {InvalidOid};
	int best_fits = 0;
	bool several = false;
	TupleDesc desc;
	Relation rel;
	ListCell *lc;

	foreach (lc, fk_of(members))
	{
		Referred found;
		int fits;

		if (!read_edge(lfirst(lc), tenants->column, &found) || found.column == tenants->column ||
			found.relid == tenants->relid)
			continue;
		fits = fitness(members, tenants->column, model, &found);
		several = fits == best_fits ? several || found.column != best.column
									: several && fits < best_fits;
		if (fits > best_fits)
		{
			best = found;
			best_fits = fits;
		}
	}
	if (several)
		refuse_users(members, true);
	if (best_fits > 0)
		return best;
	if (model == NULL || !model_has(model, USERS_ID))
		refuse_users(members, false);
	if (members == model->relation[MODEL_MEMBERS] && model_has(model, MEMBERS_USER))
		return (Referred){model->relation[MODEL_USERS], model->column[USERS_ID].attnum,
						  model->column[MEMBERS_USER].attnum};
	rel = table_open(members, AccessShareLock);
	desc = RelationGetDescr(rel);
	for (int i = 0; i < desc->natts && !OidIsValid(best.relid); i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			model_name_fits(PROFILES_USER, NameStr(TupleDescAttr(desc, i)->attname)) &&
			may_refer(members, i + 1, model->relation[MODEL_USERS], model->column[USERS_ID].attnum))
			best = (Referred){model->relation[MODEL_USERS], model->column[USERS_ID].attnum, i + 1};
	table_close(rel, AccessShareLock);
	if (!OidIsValid(best.relid))
		refuse_users(members, false);
	return best;
}

/* --- triggers --- */

/*
 * Put a trigger on a table, which may be another owner's: it is the server that does, and nobody's
 * code runs; whoever calls has checked who may.
 */
static void
create_trigger(Oid relid, Oid members, const char *function, const char *sql)
{
	RawStmt *parsed = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
	RoleState caller = run_as_for_server_code(BOOTSTRAP_SUPERUSERID);

	CreateTrigger(castNode(CreateTrigStmt, parsed->stmt), sql, relid, members, InvalidOid,
				  InvalidOid, account_function(function), InvalidOid, NULL, false, false);
	run_as_end(caller);
	CommandCounterIncrement();
}

/* The tables that statement triggers go on: all parts, inheritance children too. */
static List *
parts_of(Oid relid)
{
	return trigger_tables(relid, ShareRowExclusiveLock);
}

/* Put the triggers for each statement on a table and its parts, unless they are there. */
void
last_member_put_statement(Oid relid)
{
	static const char *const triggers[][2] = {{MEMBER_CHECK, "AFTER UPDATE OR DELETE"},
											  {MEMBER_TRUNCATE, "BEFORE TRUNCATE"},
											  {MEMBER_TRUNCATED, "AFTER TRUNCATE"}};
	ListCell *lc;

	foreach (lc, parts_of(relid))
		for (int i = 0; i < lengthof(triggers); i++)
			if (!OidIsValid(get_trigger_oid(lfirst_oid(lc), triggers[i][0], true)))
				create_trigger(lfirst_oid(lc), InvalidOid, LAST_MEMBER_CHECK,
							   psprintf("CREATE TRIGGER %s %s ON %s FOR EACH STATEMENT EXECUTE "
										"FUNCTION account." LAST_MEMBER_CHECK "()",
										triggers[i][0], triggers[i][1],
										sql_relation(lfirst_oid(lc))));
}

/* Put the row trigger on members, or a part of them, unless it is there. */
void
last_member_put_row(const LastMemberRule *rule, Oid members)
{
	ListCell *lc;

	foreach (lc, row_trigger_tables(members, ShareRowExclusiveLock))
	{
		Oid relid = lfirst_oid(lc);
		const MemberColumns *columns = &rule->columns;
		const char *tenant = quote_identifier(get_attname(rule->members, columns->tenant, false));
		const char *role = quote_identifier(get_attname(rule->members, columns->role, false));
		const char *user = quote_identifier(get_attname(rule->members, columns->user, false));
		const char *active = "NULL::pg_catalog.bool";

		if (OidIsValid(get_trigger_oid(relid, MEMBER_ROW, true)))
			continue;
		if (columns->is_active != InvalidAttrNumber)
			active = psprintf(
				"OLD.%s", quote_identifier(get_attname(rule->members, columns->is_active, false)));
		create_trigger(relid, InvalidOid, LAST_MEMBER_ROW,
					   psprintf("CREATE TRIGGER " MEMBER_ROW " AFTER UPDATE OR DELETE ON %s FOR "
								"EACH ROW WHEN ((OLD.%s)::pg_catalog.text "
								"OPERATOR(pg_catalog.=) %s AND account.marks_member(OLD.%s, "
								"OLD.%s, OLD.%s, %s)) EXECUTE FUNCTION account." LAST_MEMBER_ROW
								"(%s)",
								sql_relation(relid), role, sql_literal(rule->role), tenant, role,
								user, active, sql_literal(rule->role)));
	}
}

/* A name for a trigger FROM members that a table has none of yet. */
static char *
new_name(Oid relid, Oid members)
{
	char *name = makeObjectName(MEMBER_OF, get_rel_name(members), NULL);

	for (int i = 1; OidIsValid(get_trigger_oid(relid, name, true)); i++)
		name = makeObjectName(MEMBER_OF, get_rel_name(members), psprintf("%d", i));
	return name;
}

/*
 * Put the triggers FROM members on a table that they refer to, and its parts, unless they are
 * there. Those of users fire for rows that change, those of tenants never.
 */
void
last_member_put_from(Oid members, Oid relid, AttrNumber key, const char *function)
{
	const char *column = quote_identifier(get_attname(relid, key, false));
	bool fires = strcmp(function, LAST_MEMBER_USER) == 0;
	ListCell *lc;

	foreach (lc, parts_of(relid))
	{
		Oid part = lfirst_oid(lc);

		if (get_rel_relkind(part) != RELKIND_RELATION ||
			own_trigger(part, function, members) != NULL)
			continue;
		create_trigger(
			part, members, function,
			psprintf("CREATE CONSTRAINT TRIGGER %s AFTER %s ON %s FROM %s FOR EACH ROW "
					 "WHEN (%saccount.marks_member(OLD.%s)) EXECUTE FUNCTION account.%s()",
					 quote_identifier(new_name(part, members)),
					 fires ? "UPDATE OR DELETE" : "DELETE", sql_relation(part),
					 sql_relation(members), fires ? "" : "NOT ", column, function));
	}
}

/* The same for who calls; raises 42501 and 55000. */
static void
create_triggers_from(Oid members, Oid relid, AttrNumber key, const char *function)
{
	if (pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER) != ACLCHECK_OK)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied for table %s", get_rel_name(relid)),
						errdetail("What becomes of its rows decides about members of %s.",
								  display_relation(members)),
						errhint("Let its owner GRANT TRIGGER ON %s.", sql_relation(relid))));
	last_member_put_from(members, relid, key, function);
	if (last_member_triggers(members, function) == NIL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("%s has no partition", display_relation(relid)),
						errdetail("Triggers of its partitions say which key members refer to."),
						errhint("Create a partition first.")));
}

/* Drop a trigger, as the owner of its table. */
static void
drop_trigger(Oid relid, const char *name)
{
	RoleState caller;

	LockRelationOid(relid, AccessExclusiveLock);
	if (!OidIsValid(get_trigger_oid(relid, name, true)))
		return;
	deferred_fire_table(relid);
	caller = run_as(relation_owner(relid));
	run_sql("DROP TRIGGER %s ON %s", quote_identifier(name), sql_relation(relid));
	run_as_end(caller);
}

/* Drop the triggers for each statement from a table and its parts. */
static void
drop_statement_triggers(Oid relid)
{
	static const char *const triggers[] = {MEMBER_CHECK, MEMBER_TRUNCATE, MEMBER_TRUNCATED};
	ListCell *lc;

	foreach (lc, parts_of(relid))
		for (int i = 0; i < lengthof(triggers); i++)
			if (OidIsValid(get_trigger_oid(lfirst_oid(lc), triggers[i], true)))
				drop_trigger(lfirst_oid(lc), triggers[i]);
}

/* Is a table, or one that it is a part of, needed by another table of members, or one itself? */
static bool
is_needed(Oid relid)
{
	return last_member_tables_from(relid, LAST_MEMBER_USER) != NIL ||
		   own_trigger(relid, LAST_MEMBER_ROW, InvalidOid) != NULL;
}

/* Take everything off a table of members, its users and its tenants. */
static void
drop_all(Oid members)
{
	List *from = list_concat(last_member_triggers(members, LAST_MEMBER_USER),
							 last_member_triggers(members, LAST_MEMBER_TENANT));
	List *tables = NIL;
	ListCell *lc;
	char *name;

	foreach (lc, from)
	{
		MemberTrigger *trigger = lfirst(lc);

		tables = list_append_unique_oid(tables, trigger->relid);
		drop_trigger(trigger->relid, NameStr(trigger->name));
	}
	foreach (lc, row_trigger_tables(members, ShareRowExclusiveLock))
		while ((name = own_trigger(lfirst_oid(lc), LAST_MEMBER_ROW, InvalidOid)) != NULL)
			drop_trigger(lfirst_oid(lc), name);
	CommandCounterIncrement();
	tables = list_append_unique_oid(tables, members);
	foreach (lc, tables)
		if (!is_needed(hierarchy_top(lfirst_oid(lc))))
			drop_statement_triggers(hierarchy_top(lfirst_oid(lc)));
}

/* Take off a table, and its parts, what it had as a part of another; see the header. */
void
last_member_part_left(Oid relid)
{
	static const char *const functions[] = {LAST_MEMBER_USER, LAST_MEMBER_TENANT};
	ListCell *lc;
	char *name;

	foreach (lc, parts_of(relid))
		for (int i = 0; i < lengthof(functions); i++)
			while ((name = own_trigger(lfirst_oid(lc), functions[i], InvalidOid)) != NULL)
				drop_trigger(lfirst_oid(lc), name);
	foreach (lc, row_trigger_tables(relid, ShareRowExclusiveLock))
		while ((name = own_trigger(lfirst_oid(lc), LAST_MEMBER_ROW, InvalidOid)) != NULL)
			drop_trigger(lfirst_oid(lc), name);
	drop_statement_triggers(relid);
}

/* --- what does not hold --- */

/* Tell of tenants that have no such member already, if the caller may know. */
static void
tell_without(const LastMemberRule *rule)
{
	Oid tables[] = {rule->members, rule->users, rule->tenants};
	int64 n;

	for (int i = 0; i < lengthof(tables); i++)
		if (pg_class_aclcheck(tables[i], GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
			check_enable_rls(tables[i], InvalidOid, true) == RLS_ENABLED)
			return;
	n = last_member_count_without(rule);
	if (n > 0)
		ereport(NOTICE,
				(errmsg_plural(INT64_FORMAT " live tenant has no live member of role \"%s\"",
							   INT64_FORMAT " live tenants have no live member of role \"%s\"",
							   (unsigned long) n, n, rule->role),
				 errdetail("Those that have one keep it from now on."),
				 errhint("Give the role to a member of each.")));
}

/* A row of doctor. */
static void
put_finding(ReturnSetInfo *result, Oid members, const char *code, const char *message,
			const char *remedy)
{
	Datum values[] = {CStringGetTextDatum("warning"), CStringGetTextDatum(code),
					  CStringGetTextDatum(sql_relation(members)), CStringGetTextDatum(message),
					  CStringGetTextDatum(remedy)};
	bool nulls[lengthof(values)] = {false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* A look at the tenants of a protected table. */
typedef struct WithoutLook
{
	const LastMemberRule *rule;
	int64 n;
} WithoutLook;

/* How many have no live member of the role? */
static bool
look_without(void *arg)
{
	WithoutLook *look = arg;

	SPI_connect();
	look->n = last_member_count_without(look->rule);
	SPI_finish();
	return true;
}

/* account.last_member_findings(): what account.doctor() says of protected tables. */
Datum
last_member_findings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	foreach (lc, tables_with_own_trigger(LAST_MEMBER_ROW))
	{
		Oid members = lfirst_oid(lc);
		LastMemberRule rule;
		WithoutLook look = {.rule = &rule};

		CHECK_FOR_INTERRUPTS();
		if (!ConditionalLockRelationOid(members, AccessShareLock))
			continue;
		if (get_rel_name(members) == NULL || hierarchy_top(members) != members)
			continue;
		if (!last_member_rule(members, &rule))
		{
			put_finding(result, members, "last_member_broken",
						"the last member of a role is not protected any more: the triggers on "
						"users or tenants are gone",
						psprintf("SELECT account.unprotect_last_member(%s); "
								 "SELECT account.protect_last_member(...);",
								 sql_literal(display_relation(members))));
			continue;
		}
		if (unreadable_look_or_report(result, members, look_without, &look) && look.n > 0)
			put_finding(result, members, "tenant_without_member",
						psprintf(INT64_FORMAT " live tenants of %s have no live member of role %s",
								 look.n, display_relation(rule.tenants), sql_literal(rule.role)),
						"Give the role to a member of each tenant that has none.");
	}
	return (Datum) 0;
}

/* --- the calls --- */

/* The table of members in argument n, locked, whose owner calls. */
static Oid
members_argument(FunctionCallInfo fcinfo, int n)
{
	Oid members;

	if (PG_ARGISNULL(n))
		refuse_null_argument("members");
	members = PG_GETARG_OID(n);
	check_application_table(members, "protection of the last member");
	check_owner(members);
	lock_checked_table(members, ShareRowExclusiveLock, "protection of the last member", true);
	if (hierarchy_top(members) != members)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s is a part of another table", display_relation(members)),
						errdetail("The last member of a role is one of the whole table's."),
						errhint("Name %s.", display_relation(hierarchy_top(members)))));
	return members;
}

/* The column in argument n. */
static AttrNumber
column_argument(FunctionCallInfo fcinfo, int n, Oid members, const char *argument)
{
	AttrNumber attnum;

	if (PG_ARGISNULL(n))
		refuse_null_argument(argument);
	attnum = find_column(members, NameStr(*PG_GETARG_NAME(n)), argument);
	if (attnum == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s has no column \"%s\"", display_relation(members),
							   NameStr(*PG_GETARG_NAME(n))),
						errdetail("Argument \"%s\" names it.", argument),
						errhint("Pass the name of a column.")));
	return attnum;
}

/*
 * account.protect_last_member(members regclass, tenant_column name, role_column name, role text):
 * by the owner of the table.
 */
static Datum
protect_last_member_operation(PG_FUNCTION_ARGS)
{
	LastMemberRule rule = {InvalidOid};
	Referred tenants;
	Referred users;

	PreventCommandIfReadOnly("account.protect_last_member()");
	version_check();
	rule.members = members_argument(fcinfo, 0);
	rule.columns.tenant = column_argument(fcinfo, 1, rule.members, "tenant_column");
	rule.columns.role = column_argument(fcinfo, 2, rule.members, "role_column");
	rule.role = text_argument(fcinfo, 3, "role", MAX_ROLE);
	if (rule.role == NULL)
		refuse_null_argument("role");
	check_name(rule.role, "role");
	tenants = find_tenants(rule.members, rule.columns.tenant);
	users = find_users(rule.members, &tenants);
	rule.columns.user = users.column;
	rule.columns.is_active = last_member_active_column(rule.members);
	rule.users = users.relid;
	rule.users_key = users.key;
	rule.tenants = tenants.relid;
	rule.tenants_key = tenants.key;
	refuse_citus_table(rule.members, "protect_last_member",
					   "Check for it in the application: on a shard the trigger would see the "
					   "members of that shard alone.");

	SPI_connect();
	drop_all(rule.members);
	last_member_put_row(&rule, rule.members);
	create_triggers_from(rule.members, rule.users, rule.users_key, LAST_MEMBER_USER);
	create_triggers_from(rule.members, rule.tenants, rule.tenants_key, LAST_MEMBER_TENANT);
	last_member_put_statement(rule.members);
	last_member_put_statement(rule.users);
	tell_without(&rule);
	SPI_finish();
	PG_RETURN_VOID();
}

/* account.unprotect_last_member(members regclass): by the owner of the table. */
static Datum
unprotect_last_member_operation(PG_FUNCTION_ARGS)
{
	Oid members;

	PreventCommandIfReadOnly("account.unprotect_last_member()");
	version_check();
	members = members_argument(fcinfo, 0);
	SPI_connect();
	drop_all(members);
	SPI_finish();
	PG_RETURN_VOID();
}
