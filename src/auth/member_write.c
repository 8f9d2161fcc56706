/*
 * member_write.c
 *		Memberships made, revived, changed and removed.
 *
 * A deleted membership comes back by restore, with what went with it; one that is not there is
 * inserted, with neutral values for the columns that frameworks keep defaults of to themselves.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "profile/profile.h"
#include "softdelete/softdelete.h"
#include "column_values.h"
#include "member_write.h"

/* Does the column of roles take two for one that differ in case alone? */
static bool
roles_fold(void)
{
	const Model *model = model_get();

	return model != NULL && model_has(model, MEMBERS_ROLE) &&
		   type_is_citext(model->column[MEMBERS_ROLE].type);
}

/* The place of a role in the setting. */
int
member_role_rank(const char *role)
{
	char *ranked;
	char *folded;

	if (role == NULL)
		return ROLE_UNRANKED;
	folded = roles_fold() ? name_fold(role, DEFAULT_COLLATION_OID) : NULL;
	for (int place = 0; (ranked = member_role_at(place)) != NULL; place++)
		if (strcmp(ranked, role) == 0 ||
			(folded != NULL && strcmp(name_fold(ranked, DEFAULT_COLLATION_OID), folded) == 0))
			return place;
	return ROLE_UNRANKED;
}

/* The role at a place of the setting. */
char *
member_role_at(int rank)
{
	return list_setting_item(pgaccount_tenant_admin_roles, rank);
}

/* A role as a value of its column; raises 22023, or 55000. As the owner of members. */
static Datum
role_value(const Model *model, Relation members, const char *role)
{
	JsonbValue text = {.type = jbvString};
	char *problem;
	Datum value;
	bool isnull;

	if (!model_has(model, MEMBERS_ROLE))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("members have no role"),
				 errdetail("No column of %s is mapped to members.role.",
						   display_relation(RelationGetRelid(members))),
				 errhint("Map one with account.use_tables(...).")));
	text.val.string.val = pstrdup(role);
	text.val.string.len = strlen(role);
	if (!profile_convert(
			TupleDescAttr(RelationGetDescr(members), model->column[MEMBERS_ROLE].attnum - 1),
			JsonbValueToJsonb(&text), &value, &isnull, &problem) ||
		isnull)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" is no role of members", role),
						errdetail("The column of the role cannot hold it."),
						errhint("Pass a role of the application.")));
	return value;
}

/* Raise unless the column of roles can hold this one. */
void
member_role_check(const Model *model, const char *role)
{
	Relation members = table_open(model->relation[MODEL_MEMBERS], AccessShareLock);
	RoleState saved = run_as(members->rd_rel->relowner);

	(void) role_value(model, members, role);
	run_as_end(saved);
	table_close(members, NoLock);
}

/* The keys of a membership as parameters. False: there is no such row. */
static bool
key_values(const Model *model, const char *user_id, const char *tenant_key, Datum *values)
{
	return model_key_value(model, MEMBERS_USER, user_id, &values[0]) &&
		   model_key_value(model, MEMBERS_TENANT, tenant_key, &values[1]);
}

/* SQL: is row m that of user $1 and tenant $2? */
static char *
key_sql(const Model *model)
{
	return psprintf("%s AND %s", model_sql_key(model, "m", MEMBERS_USER, 1),
					model_sql_key(model, "m", MEMBERS_TENANT, 2));
}

/* Run a statement on a snapshot of now. Within SPI_connect, as the owner. */
static uint64
run_now(KeptStatement *plan, Datum *values)
{
	return statement_run(plan, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
}

/* Lock the live memberships of up to two users; see the header. */
void
member_lock(const Model *model, const char *tenant_key, const char *const *user_ids, int n,
			MemberRow **found)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid members = model->relation[MODEL_MEMBERS];
	Oid user_type = model_key_type(model, MEMBERS_USER);
	Oid types[] = {user_type, model_key_type(model, MEMBERS_TENANT), user_type};
	Datum values[3];
	KeptStatement *plan;
	RoleState saved;

	memset(found, 0, n * sizeof(MemberRow *));
	if (!key_values(model, user_ids[0], tenant_key, values) ||
		!model_key_value(model, MEMBERS_USER, user_ids[n - 1], &values[2]))
		return;
	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	plan = plan_lookup(PLAN_MEMBERSHIP_FIND, members, 0);
	if (plan == NULL)
		plan = plan_keep_lookup(
			PLAN_MEMBERSHIP_FIND, members, 0,
			psprintf(OWN_STATEMENT "SELECT %s, %s, %s FROM %s m WHERE %s AND (%s OR %s) AND %s "
								   "ORDER BY %s COLLATE \"C\" FOR UPDATE",
					 model_sql_text(model, "m", MEMBERS_USER),
					 model_sql_text(model, "m", MEMBERS_ROLE),
					 active_sql(model, "m", MODEL_MEMBERS), sql_relation(members),
					 model_sql_key(model, "m", MEMBERS_TENANT, 2),
					 model_sql_key(model, "m", MEMBERS_USER, 1),
					 model_sql_key(model, "m", MEMBERS_USER, 3),
					 live_sql(model, "m", MODEL_MEMBERS), model_sql_text(model, "m", MEMBERS_USER)),
			3, types);
	(void) run_now(plan, values);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char *user_id = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		for (int u = 0; u < n; u++)
		{
			if (strcmp(user_id, user_ids[u]) != 0)
				continue;
			found[u] = MemoryContextAllocZero(caller, sizeof(MemberRow));
			found[u]->role = row_text(i, 2, caller);
			found[u]->is_active = row_boolean(i, 3);
		}
	}
	run_as_end(saved);
	SPI_finish();
}

/* A membership, deleted or not, whose row is locked. */
typedef struct FoundMember
{
	bool is_live;
	bool is_active;
	char *role; /* or NULL; in SPI's memory */
	Datum tableoid;
	Datum ctid;
} FoundMember;

/* The text that finds the membership of user $1 in tenant $2: the live one, else the last. */
static char *
find_text(const Model *model)
{
	Oid members = model->relation[MODEL_MEMBERS];
	const SoftDelete *soft = mapping_declared(members);
	char *live = live_sql(model, "m", MODEL_MEMBERS);

	return psprintf(
		OWN_STATEMENT
		"SELECT %s, %s, %s, m.tableoid, m.ctid FROM %s m WHERE %s ORDER BY %s IS TRUE DESC%s "
		"LIMIT 1 FOR UPDATE",
		live, active_sql(model, "m", MODEL_MEMBERS), model_sql_text(model, "m", MEMBERS_ROLE),
		sql_relation(members), key_sql(model), live,
		soft != NULL ? psprintf(", m.%s DESC", sql_column(members, soft->deleted_at)) : "");
}

/* Lock and read a membership, deleted or not. Within SPI_connect, as the owner. */
static bool
find_member(const Model *model, Datum *values, const Oid *types, FoundMember *found)
{
	Oid members = model->relation[MODEL_MEMBERS];
	KeptStatement *plan = plan_lookup(PLAN_MEMBERSHIP_FIND, members, 1);
	HeapTuple row;
	TupleDesc desc;
	bool isnull;

	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MEMBERSHIP_FIND, members, 1, find_text(model), 2, types);
	if (run_now(plan, values) == 0)
		return false;
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	found->is_live = DatumGetBool(SPI_getbinval(row, desc, 1, &isnull));
	found->is_active = DatumGetBool(SPI_getbinval(row, desc, 2, &isnull));
	found->role = SPI_getvalue(row, desc, 3);
	found->tableoid = SPI_getbinval(row, desc, 4, &isnull);
	found->ctid = SPI_getbinval(row, desc, 5, &isnull);
	return true;
}

/*
 * A role that administers nothing, for a column that must have one and has no default: SQL of its
 * type, or NULL.
 */
static const char *
least_role(Form_pg_attribute column)
{
	Oid type = getBaseType(column->atttypid);
	char category;
	bool preferred;
	const char *label = NULL;

	get_type_category_preferred(type, &category, &preferred);
	if (category == TYPCATEGORY_STRING)
		return "'member'";
	if (category != TYPCATEGORY_ENUM)
		return NULL;
	if (run_sql(OWN_STATEMENT "SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid "
							  "OPERATOR(pg_catalog.=) %u ORDER BY e.enumsortorder DESC",
				type) > 0)
		for (uint64 i = 0; i < SPI_processed && label == NULL; i++)
		{
			char *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

			if (member_role_rank(value) == ROLE_UNRANKED)
				label = sql_literal(value);
		}
	return label;
}

/* The text that makes the membership of user $1 in tenant $2, with role $3 or without. */
static char *
insert_text(const Model *model, Relation members, bool with_role)
{
	static const ModelAttribute attributes[] = {MEMBERS_USER, MEMBERS_TENANT, MEMBERS_ROLE,
												MEMBERS_IS_ACTIVE};
	Bitmapset *done = NULL;
	StringInfoData columns;
	StringInfoData values;

	initStringInfo(&columns);
	initStringInfo(&values);
	for (int i = 0; i < lengthof(attributes); i++)
	{
		ModelAttribute a = attributes[i];
		Form_pg_attribute column;
		const char *value = NULL;

		if (!model_has(model, a) || bms_is_member(model->column[a].attnum, done))
			continue;
		column = TupleDescAttr(RelationGetDescr(members), model->column[a].attnum - 1);
		if (a == MEMBERS_USER || a == MEMBERS_TENANT)
			value = psprintf("$%d::%s", i + 1, sql_type(getBaseType(column->atttypid), -1));
		else if (a == MEMBERS_ROLE && with_role)
			value = "$3";
		else if (a == MEMBERS_ROLE && column_needs_value(members, column))
			value = least_role(column);
		else if (a == MEMBERS_IS_ACTIVE && build_column_default(members, column->attnum) == NULL)
			value = active_value(model, MODEL_MEMBERS, column);
		if (value == NULL || column->attgenerated)
			continue;
		append_value(&columns, &values, column, value);
		done = bms_add_member(done, column->attnum);
	}
	append_neutral_values(members, &columns, &values, done);
	return psprintf(OWN_STATEMENT "INSERT INTO %s AS m (%s) VALUES (%s) RETURNING %s",
					sql_relation(RelationGetRelid(members)), columns.data, values.data,
					model_sql_text(model, "m", MEMBERS_ROLE));
}

/* Make a membership. Within SPI_connect, as the owner. role: see types[2]; (Datum) 0 without. */
static void
insert_member(const Model *model, Relation members, Datum *values, const Oid *types, bool with_role)
{
	Oid relid = RelationGetRelid(members);
	KeptStatement *plan = plan_lookup(PLAN_MEMBERSHIP_MAKE, relid, with_role);
	char *role;

	/* without a role the text depends on a setting */
	if (plan == NULL || !with_role)
		plan = plan_keep(PLAN_MEMBERSHIP_MAKE, relid, with_role,
						 insert_text(model, members, with_role), 2 + with_role, types);
	if (statement_run(plan, values, NULL, NULL) != 1)
		refuse_row_kept_back(model->relation[MODEL_MEMBERS], "the membership was not made");
	role = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (!with_role && member_role_rank(role) != ROLE_UNRANKED)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("who registers would administer the tenant"),
						errdetail("By default members have the role \"%s\", one of "
								  "pgaccount.tenant_admin_roles.",
								  role),
						errhint("Give the column of the role another default.")));
}

/*
 * Change a live membership: its role, $3, and with activate that it is active. Within SPI_connect,
 * as the owner. Returns the rows.
 */
static uint64
change_member(const Model *model, Relation members, Datum *values, const Oid *types, bool with_role,
			  bool activate)
{
	Oid relid = RelationGetRelid(members);
	Oid variant = (with_role ? 1 : 0) + (activate ? 2 : 0);
	KeptStatement *plan = plan_lookup(PLAN_MEMBERSHIP_CHANGE, relid, variant);
	StringInfoData set;

	if (plan == NULL)
	{
		initStringInfo(&set);
		if (with_role)
			appendStringInfo(&set, "%s = $3",
							 sql_column(relid, model->column[MEMBERS_ROLE].attnum));
		if (activate)
		{
			AttrNumber attnum = model->column[MEMBERS_IS_ACTIVE].attnum;
			const char *value = active_value(model, MODEL_MEMBERS,
											 TupleDescAttr(RelationGetDescr(members), attnum - 1));

			appendStringInfo(&set, "%s%s = %s", set.len > 0 ? ", " : "", sql_column(relid, attnum),
							 value != NULL ? value : "NULL");
		}
		plan = plan_keep_lookup(PLAN_MEMBERSHIP_CHANGE, relid, variant,
								psprintf(OWN_STATEMENT "UPDATE %s m SET %s WHERE %s AND %s",
										 sql_relation(relid), set.data, key_sql(model),
										 live_sql(model, "m", MODEL_MEMBERS)),
								2 + with_role, types);
	}
	return run_now(plan, values);
}

/* Bring a deleted membership back. As the owner. */
static void
revive_member(Oid members, const FoundMember *found, Oid caller)
{
	Oid types[] = {OIDOID, TIDOID};
	Datum values[] = {found->tableoid, found->ctid};
	RestoreKeys keys = {.condition = "t.tableoid OPERATOR(pg_catalog.=) $1 AND "
									 "t.ctid OPERATOR(pg_catalog.=) $2",
						.n = 2,
						.types = types,
						.values = values};

	(void) restore_rows(members, &keys, NULL, caller, NULL, false);
}

/* Is a stored role the former one, and not the one that was asked for, in whatever spelling? */
static bool
is_former_role(const char *stored, const char *former, const char *role)
{
	if (stored == NULL || former == NULL)
		return stored == former;
	return strcmp(stored, former) == 0 && strcmp(name_fold(stored, DEFAULT_COLLATION_OID),
												 name_fold(role, DEFAULT_COLLATION_OID)) != 0;
}

/*
 * Raise 55000 if the role of a membership comes before the one that was asked for, or is the former
 * one still: a trigger of the application, or its column, has made another of it. Within
 * SPI_connect, as the owner.
 */
static void
check_stored(const Model *model, Datum *values, const Oid *types, const char *former,
			 const char *role)
{
	FoundMember found;

	if (!find_member(model, values, types, &found))
		return;
	if (is_former_role(found.role, former, role))
		refuse_values_kept(model->relation[MODEL_MEMBERS], "the membership was not changed");
	if (member_role_rank(found.role) >= member_role_rank(role))
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the membership would have another role"),
					errdetail("Of \"%s\" %s has made \"%s\", which comes before it in "
							  "pgaccount.tenant_admin_roles.",
							  role, display_relation(model->relation[MODEL_MEMBERS]), found.role),
					errhint("Pass the role as it is to be stored.")));
}

/* Make the user a member; see the header. */
bool
member_join(const Model *model, const char *user_id, const char *tenant_key, const char *role)
{
	Relation members = table_open(model->relation[MODEL_MEMBERS], RowExclusiveLock);
	bool with_role = role != NULL && model_has(model, MEMBERS_ROLE);
	Oid types[] = {model_key_type(model, MEMBERS_USER), model_key_type(model, MEMBERS_TENANT),
				   with_role ? model->column[MEMBERS_ROLE].type : InvalidOid};
	Datum values[3] = {0};
	const char *former = role;
	FoundMember found;
	RoleState saved;
	bool joins;

	if (!key_values(model, user_id, tenant_key, values))
		elog(ERROR, "user %s and tenant %s are no keys of members", user_id, tenant_key);
	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	if (with_role)
		values[2] = role_value(model, members, role);
	if (!find_member(model, values, types, &found))
	{
		insert_member(model, members, values, types, with_role);
		joins = true;
	}
	else
	{
		bool activate;

		joins = !found.is_live || !found.is_active;
		if (!found.is_live)
			revive_member(RelationGetRelid(members), &found, saved.userid);
		activate = !found.is_active && model_has(model, MEMBERS_IS_ACTIVE);
		with_role = with_role && (joins || member_role_rank(role) <= member_role_rank(found.role));
		if ((with_role || activate) &&
			change_member(model, members, values, types, with_role, activate) == 0)
			refuse_row_kept_back(model->relation[MODEL_MEMBERS], "the membership was not changed");
		former = found.role;
	}
	if (with_role)
		check_stored(model, values, types, former, role);
	run_as_end(saved);
	SPI_finish();
	table_close(members, NoLock);
	if (!membership_counts(model, user_id, tenant_key, NULL))
		refuse_row_kept_back(model->relation[MODEL_MEMBERS], "the membership was not made");
	return joins;
}

/* Give a live membership a role. */
void
member_set_role(const Model *model, const char *user_id, const char *tenant_key, const char *former,
				const char *role)
{
	Relation members = table_open(model->relation[MODEL_MEMBERS], RowExclusiveLock);
	Oid types[] = {model_key_type(model, MEMBERS_USER), model_key_type(model, MEMBERS_TENANT),
				   model->column[MEMBERS_ROLE].type};
	Datum values[3] = {0};
	RoleState saved;
	uint64 rows = 0;

	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	values[2] = role_value(model, members, role);
	if (key_values(model, user_id, tenant_key, values))
		rows = change_member(model, members, values, types, true, false);
	if (rows > 0)
		check_stored(model, values, types, former, role);
	run_as_end(saved);
	SPI_finish();
	table_close(members, NoLock);
	if (rows == 0)
		refuse_row_kept_back(model->relation[MODEL_MEMBERS], "the membership was not changed");
}

/*
 * The statement that removes the membership of user $1 in tenant $2; $3: who does it. It returns
 * whether it is live still.
 */
static char *
remove_text(const Model *model)
{
	Oid members = model->relation[MODEL_MEMBERS];
	const SoftDelete *soft = mapping_declared(members);
	char *live = live_sql(model, "m", MODEL_MEMBERS);

	if (soft == NULL)
		return psprintf(OWN_STATEMENT "DELETE FROM %s m WHERE %s AND %s RETURNING false",
						sql_relation(members), key_sql(model), live);
	return psprintf(OWN_STATEMENT "UPDATE %s m SET %s WHERE %s AND %s RETURNING %s",
					sql_relation(members), sql_set_deleted(soft, sql_stamp_now(&soft->stamp), "$3"),
					key_sql(model), live, live);
}

/* The kept statement that removes one. */
static KeptStatement *
remove_plan(const Model *model, Oid members, const Oid *types)
{
	KeptStatement *plan = plan_lookup(PLAN_MEMBERSHIP_CHANGE, members, 4);

	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MEMBERSHIP_CHANGE, members, 4, remove_text(model), 3, types);
	return plan;
}

/* Remove a live membership. */
void
member_remove(const Model *model, const char *user_id, const char *tenant_key)
{
	Relation rel = table_open(model->relation[MODEL_MEMBERS], RowExclusiveLock);
	Oid members = RelationGetRelid(rel);
	Oid types[] = {model_key_type(model, MEMBERS_USER), model_key_type(model, MEMBERS_TENANT),
				   TEXTOID};
	Datum values[3] = {0};
	MemoryContext context = CurrentMemoryContext;
	RoleState saved;
	volatile uint64 rows = 0;

	values[2] = CStringGetTextDatum(actor_name());
	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	if (key_values(model, user_id, tenant_key, values))
	{
		PG_TRY();
		{
			rows = run_now(remove_plan(model, members, types), values);
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(context);
			rethrow_discreetly(CopyErrorData());
		}
		PG_END_TRY();
		for (uint64 i = 0; i < rows; i++)
			if (row_boolean(i, 1))
				refuse_values_kept(members, "the membership was not removed");
	}
	run_as_end(saved);
	SPI_finish();
	table_close(rel, NoLock);
	if (rows == 0)
		refuse_row_kept_back(model->relation[MODEL_MEMBERS], "the membership was not removed");
}
