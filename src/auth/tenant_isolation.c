/*
 * tenant_isolation.c
 *		Row security that shows a tenant its own rows.
 *
 * Two policies are the declaration: pg_dump carries them, \d shows them, PostgreSQL follows
 * renames. What row security was before stands in the comment of one, so that disabling gives it
 * back. The tenant is a subselect: it is evaluated once a statement, and an index on the column
 * serves. Policies bind who names their own table: partitions and children have theirs, those that
 * come later by an event trigger.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "identity_value.h"
#include "tenant_isolation.h"

ACCOUNT_OPERATION(enable_tenant_isolation, "enable_tenant_isolation", NO_SUBJECT);
ACCOUNT_OPERATION(disable_tenant_isolation, "disable_tenant_isolation", NO_SUBJECT);

/* Binds whatever other policies allow. */
#define RESTRICTIVE_POLICY "pgaccount_tenant"

/* Allows, where no other policy does. */
#define PERMISSIVE_POLICY "pgaccount_tenant_rows"

/* What row security was before, as the restrictive policy's comment has it. */
#define COMMENT_FORCED "pgaccount: row security was forced before"
#define COMMENT_ON     "pgaccount: row security was on before"
#define COMMENT_OFF    "pgaccount: row security was off before"

/* The target argument: a table of the caller's, locked until the end of the transaction. */
static Oid
target_argument(FunctionCallInfo fcinfo)
{
	Oid relid;

	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	relid = PG_GETARG_OID(0);
	check_application_table(relid, "tenant isolation");
	check_owner(relid);
	lock_checked_table(relid, AccessExclusiveLock, "tenant isolation", true);
	return relid;
}

/*
 * The helper that gives the tenant in the type of a column, without domains, so that its index
 * serves. NULL: the type cannot hold a tenant's id.
 */
static const char *
helper_of(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return "account.tenant_bigint()";
		case UUIDOID:
			return "account.tenant_uuid()";
		case TEXTOID:
		case VARCHAROID:
			return "account.tenant_id()";
		default:
			return NULL;
	}
}

/* The same of a column; 22023 for other types. */
static const char *
tenant_expression(Oid relid, AttrNumber attnum)
{
	Oid type = getBaseType(get_atttype(relid, attnum));
	const char *helper = helper_of(type);

	if (helper == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" cannot hold a tenant's id",
							   get_attname(relid, attnum, false)),
						errdetail("It is of type %s.", format_type_be(type)),
						errhint("A tenant's id is an integer, a uuid, text or varchar.")));
	return helper;
}

/* Has the table another permissive policy than ours? */
static bool
has_permissive_policy(Oid relid)
{
	Relation rel = table_open(PolicyRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found = false;

	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, PolicyPolrelidPolnameIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_policy policy = (Form_pg_policy) GETSTRUCT(tuple);

		found = policy->polpermissive && strcmp(NameStr(policy->polname), PERMISSIVE_POLICY) != 0;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* What row security was before it was enabled here, as a comment; NULL: it is not enabled here. */
static char *
state_before(Oid relid)
{
	Oid policy = get_relation_policy_oid(relid, RESTRICTIVE_POLICY, true);

	if (!OidIsValid(policy))
		return NULL;
	return GetComment(policy, PolicyRelationId, 0);
}

/* Is the table isolated by us? */
bool
tenant_isolated(Oid relid)
{
	return OidIsValid(get_relation_policy_oid(relid, RESTRICTIVE_POLICY, true));
}

/* Does an expression select what a function of ours gives, as our condition does? */
static bool
selects_helper(Node *node)
{
	Query *query;
	TargetEntry *column;

	if (!IsA(node, SubLink) || !IsA(((SubLink *) node)->subselect, Query))
		return false;
	query = castNode(Query, ((SubLink *) node)->subselect);
	column = query->targetList != NIL ? linitial(query->targetList) : NULL;
	return column != NULL && IsA(column->expr, FuncExpr) &&
		   get_func_namespace(((FuncExpr *) column->expr)->funcid) == account_schema();
}

/*
 * An expression_tree_walker() that looks for what our condition compares: a column with the
 * tenant's id. *context: its AttrNumber.
 */
static bool
find_compared(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		Node *column = strip_implicit_coercions(linitial(((OpExpr *) node)->args));

		if (IsA(column, Var) && selects_helper(lsecond(((OpExpr *) node)->args)))
		{
			*(AttrNumber *) context = ((Var *) column)->varattno;
			return true;
		}
	}
	return expression_tree_walker(node, find_compared, context);
}

/* The column by which a table itself is isolated; none where it is not. */
static AttrNumber
isolating_column(Oid relid)
{
	Relation rel = table_open(PolicyRelationId, AccessShareLock);
	AttrNumber attnum = InvalidAttrNumber;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	Datum condition = (Datum) 0;
	bool isnull = true;

	ScanKeyInit(&keys[0], Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_policy_polname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(RESTRICTIVE_POLICY));
	scan = systable_beginscan(rel, PolicyPolrelidPolnameIndexId, true, NULL, 2, keys);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		condition = heap_getattr(tuple, Anum_pg_policy_polqual, RelationGetDescr(rel), &isnull);
	if (!isnull)
		(void) find_compared(stringToNode(TextDatumGetCString(condition)), &attnum);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return attnum;
}

/* The columns by which rows of a table are isolated; see the header. */
List *
tenant_isolating_columns(Oid relid)
{
	List *columns = NIL;
	ListCell *lc;

	foreach (lc, list_union_oid(tables_above(relid), find_all_inheritors(relid, NoLock, NULL)))
	{
		AttrNumber attnum = isolating_column(lfirst_oid(lc));
		char *name = attnum > 0 ? get_attname(lfirst_oid(lc), attnum, true) : NULL;

		attnum = name != NULL ? get_attnum(relid, name) : InvalidAttrNumber;
		if (attnum > 0 && helper_of(getBaseType(get_atttype(relid, attnum))) != NULL)
			columns = list_append_unique_int(columns, attnum);
	}
	return columns;
}

/* The tables that are isolated; see the header. */
List *
tenant_isolated_tables(void)
{
	Relation rel = table_open(PolicyRelationId, AccessShareLock);
	List *tables = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_policy_polname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(RESTRICTIVE_POLICY));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid relid = ((Form_pg_policy) GETSTRUCT(tuple))->polrelid;

		/* one that is gone meanwhile has no kind */
		if (get_rel_relkind(relid) != '\0' && get_rel_persistence(relid) != RELPERSISTENCE_TEMP)
			tables = list_concat_unique_oid(tables, find_all_inheritors(relid, NoLock, NULL));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(tables, list_oid_cmp);
	return tables;
}

/* A tenant's id; see the header. */
TenantKey *
tenant_key_make(const char *tenant_id)
{
	TenantKey *key = palloc(sizeof(TenantKey));

	identity_key_fill(key, cstring_to_text(tenant_id));
	return key;
}

/* Is it that of a column? See the header. */
char *
tenant_key_condition(const TenantKey *key, Oid relid, AttrNumber attnum, Oid *type, Datum *value)
{
	switch (getBaseType(get_atttype(relid, attnum)))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			if (!key->is_bigint)
				return NULL;
			*type = INT8OID;
			*value = Int64GetDatum(key->as_bigint);
			break;
		case UUIDOID:
			if (!key->is_uuid)
				return NULL;
			*type = UUIDOID;
			*value = UUIDPGetDatum(&key->as_uuid);
			break;
		default:
			*type = TEXTOID;
			*value = PointerGetDatum(key->as_text);
	}
	return psprintf("c.%s OPERATOR(pg_catalog.=) $1", sql_column(relid, attnum));
}

/* Is it the value of a column that isolates? As the condition compares it. */
bool
tenant_key_is(const TenantKey *key, Oid type, Oid collation, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return key->is_bigint && DatumGetInt16(value) == key->as_bigint;
		case INT4OID:
			return key->is_bigint && DatumGetInt32(value) == key->as_bigint;
		case INT8OID:
			return key->is_bigint && DatumGetInt64(value) == key->as_bigint;
		case UUIDOID:
			return key->is_uuid && memcmp(DatumGetUUIDP(value), &key->as_uuid, UUID_LEN) == 0;
		default:
			return DatumGetBool(
				DirectFunctionCall2Coll(texteq, collation, value, PointerGetDatum(key->as_text)));
	}
}

/* What row security is now, as a comment. */
static const char *
state_now(Oid relid)
{
	Relation rel = table_open(relid, NoLock);
	const char *result = rel->rd_rel->relforcerowsecurity ? COMMENT_FORCED
						 : rel->rd_rel->relrowsecurity    ? COMMENT_ON
														  : COMMENT_OFF;

	table_close(rel, NoLock);
	return result;
}

/* Drop our policies of a table. */
static void
drop_policies(Oid relid)
{
	static const char *const names[] = {RESTRICTIVE_POLICY, PERMISSIVE_POLICY};

	for (size_t i = 0; i < lengthof(names); i++)
		if (OidIsValid(get_relation_policy_oid(relid, names[i], true)))
			run_sql(OWN_STATEMENT "DROP POLICY %s ON %s", names[i], sql_relation(relid));
}

/* Enable on one table; its children are the caller's concern. */
static void
enable_one(Oid relid, const char *column_name)
{
	AttrNumber attnum = find_column(relid, column_name, "tenant_column");
	const char *before = state_before(relid);
	char *table = sql_relation(relid);
	char *condition;

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of \"%s\" does not exist", column_name, get_rel_name(relid)),
				 errdetail("The policy would compare it with account.tenant_id()."),
				 errhint("Name the column that holds the tenant's id.")));
	condition = psprintf("%s OPERATOR(pg_catalog.=) (SELECT %s)", sql_column(relid, attnum),
						 tenant_expression(relid, attnum));
	if (before == NULL)
		before = state_now(relid);

	drop_policies(relid);
	run_sql(OWN_STATEMENT "ALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
			table);
	run_sql(OWN_STATEMENT "CREATE POLICY " RESTRICTIVE_POLICY
						  " ON %s AS RESTRICTIVE FOR ALL TO PUBLIC USING (%s) WITH CHECK (%s)",
			table, condition, condition);
	run_sql(OWN_STATEMENT "COMMENT ON POLICY " RESTRICTIVE_POLICY " ON %s IS %s", table,
			sql_literal(before));
	if (!has_permissive_policy(relid))
		run_sql(OWN_STATEMENT "CREATE POLICY " PERMISSIVE_POLICY
							  " ON %s AS PERMISSIVE FOR ALL TO PUBLIC USING (%s) WITH CHECK (%s)",
				table, condition, condition);
}

/* The column by which the nearest table above a table is isolated, or itself; NULL: none is. */
static const char *
inherited_column(Oid relid)
{
	ListCell *lc;

	foreach (lc, tables_above(relid))
	{
		AttrNumber attnum = isolating_column(lfirst_oid(lc));
		char *name = attnum > 0 ? get_attname(lfirst_oid(lc), attnum, false) : NULL;

		/* whoever has altered the policy may compare anything */
		if (name != NULL &&
			helper_of(getBaseType(get_atttype(relid, get_attnum(relid, name)))) != NULL)
			return name;
	}
	return NULL;
}

/* May a role use a schema? */
static bool
may_use_schema(Oid role, Oid schema)
{
	return DatumGetBool(DirectFunctionCall3(has_schema_privilege_id_id, ObjectIdGetDatum(role),
											ObjectIdGetDatum(schema),
											CStringGetTextDatum("USAGE")));
}

/* Isolate a part as its owner, or tell why not. */
static void
isolate_part(Oid part, Oid owner, const char *column)
{
	RoleState caller;

	if (AfterTriggerPendingOnRel(part))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("table \"%s\" has pending trigger events, and cannot be isolated",
							   get_rel_name(part)),
						errdetail("It comes below a table of account.enable_tenant_isolation()."),
						errhint("SET CONSTRAINTS ALL IMMEDIATE first.")));
	if (!may_use_schema(owner, account_schema()) || !may_use_schema(owner, get_rel_namespace(part)))
	{
		ereport(WARNING,
				(errmsg("table \"%s\" is not isolated, but what it has come below is",
						get_rel_name(part)),
				 errdetail("Its owner may not use the schema of the table, or schema account, and "
						   "can make no policy."),
				 errhint("GRANT USAGE, and call account.enable_tenant_isolation(%s, %s).",
						 sql_literal(sql_relation(part)), sql_literal(column))));
		return;
	}
	caller = run_as(owner);
	enable_one(part, column);
	run_as_end(caller);
}

/* A table has come below another; see the header. */
void
tenant_isolation_part(Oid relid)
{
	const char *column = inherited_column(relid);
	ListCell *lc;

	if (column == NULL)
		return;
	foreach (lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid part = lfirst_oid(lc);
		Oid owner = relation_owner(part);

		CHECK_FOR_INTERRUPTS();
		if (tenant_isolated(part) || get_rel_relkind(part) == RELKIND_FOREIGN_TABLE)
			continue;
		/* the command has asked for the rights on the table itself alone */
		if (part != relid && !has_privs_of_role(GetUserId(), owner))
			continue;
		isolate_part(part, owner, column);
	}
}

/* Disable on one table. */
static void
disable_one(Oid relid)
{
	const char *before = state_before(relid);
	char *table = sql_relation(relid);

	if (before == NULL)
		return;
	drop_policies(relid);
	if (strcmp(before, COMMENT_FORCED) != 0)
		run_sql(OWN_STATEMENT "ALTER TABLE ONLY %s NO FORCE ROW LEVEL SECURITY", table);
	if (strcmp(before, COMMENT_OFF) == 0)
		run_sql(OWN_STATEMENT "ALTER TABLE ONLY %s DISABLE ROW LEVEL SECURITY", table);
}

/* account.enable_tenant_isolation(target regclass, tenant_column name) */
static Datum
enable_tenant_isolation_operation(PG_FUNCTION_ARGS)
{
	Oid target = target_argument(fcinfo);
	List *family;
	ListCell *lc;

	if (PG_ARGISNULL(1))
		refuse_null_argument("tenant_column");
	refuse_citus_table(target, "tenant isolation",
					   "The identity does not reach the shards: name the tenant in each query, as "
					   "WHERE tenant_id = (SELECT account.tenant_id()) does.");
	family = find_all_inheritors(target, AccessExclusiveLock, NULL);
	SPI_connect();
	foreach (lc, family)
		enable_one(lfirst_oid(lc), NameStr(*PG_GETARG_NAME(1)));
	SPI_finish();
	PG_RETURN_VOID();
}

/* account.disable_tenant_isolation(target regclass) */
static Datum
disable_tenant_isolation_operation(PG_FUNCTION_ARGS)
{
	Oid target = target_argument(fcinfo);
	List *family = find_all_inheritors(target, AccessExclusiveLock, NULL);
	ListCell *lc;

	SPI_connect();
	foreach (lc, family)
		disable_one(lfirst_oid(lc));
	SPI_finish();
	PG_RETURN_VOID();
}
