/*
 * reference_policy.c
 *		Policies of foreign keys: set, changed, renamed and dropped.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "fk_graph.h"
#include "fk_policy.h"
#include "reference_policy.h"

ACCOUNT_OPERATION(set_reference_policy, "set_reference_policy", NO_SUBJECT);
PG_FUNCTION_INFO_V1(reference_policy_changed);
PG_FUNCTION_INFO_V1(reference_policy_dropped);
PG_FUNCTION_INFO_V1(reference_policy_renamed);

static FkPolicyChanged follower_of_changes = NULL;

/* Who follows changes of policies. */
void
fk_policies_follow(FkPolicyChanged follower)
{
	follower_of_changes = follower;
}

/* The foreign key of this name that a table declares; a partition's is its table's. */
static FkEdge *
find_edge(Oid child, const char *constraint_name)
{
	Oid oid = get_relation_constraint_oid(child, constraint_name, true);
	ListCell *lc;

	while (OidIsValid(oid))
	{
		HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(oid));
		Oid parent;

		if (!HeapTupleIsValid(tuple))
			break;
		parent = ((Form_pg_constraint) GETSTRUCT(tuple))->conparentid;
		ReleaseSysCache(tuple);
		if (!OidIsValid(parent))
			break;
		oid = parent;
	}
	foreach (lc, fk_of(child))
		if (((FkEdge *) lfirst(lc))->constraint == oid)
			return lfirst(lc);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("table \"%s\" has no foreign key \"%s\"", get_rel_name(child), constraint_name),
			 errdetail("A policy is that of one foreign key of the referencing table."),
			 errhint("Look up the name of the constraint with \\d %s.", display_relation(child))));
}

/* Refuse 'set null' for a column that takes no NULL. */
static void
check_nullable(const FkEdge *edge)
{
	for (int i = 0; i < edge->nkeys; i++)
	{
		HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(edge->child),
										  Int16GetDatum(edge->child_cols[i]));
		bool not_null;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for attribute %d of relation %u", edge->child_cols[i],
				 edge->child);
		not_null = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
		ReleaseSysCache(tuple);
		if (not_null)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" of \"%s\" cannot be set null",
								   get_attname(edge->child, edge->child_cols[i], false),
								   get_rel_name(edge->child)),
							errdetail("It is NOT NULL."),
							errhint("Give 'cascade' or 'protect', or drop NOT NULL first.")));
	}
}

/* account.set_reference_policy(child regclass, constraint_name name, policy text) */
static Datum
set_reference_policy_operation(PG_FUNCTION_ARGS)
{
	Oid child;
	FkEdge *edge;
	char *policy = NULL;
	Oid types[] = {REGCLASSOID, NAMEOID, TEXTOID};
	Datum values[3];
	const char *sql = "DELETE FROM account.reference_policy WHERE child OPERATOR(pg_catalog.=) $1"
					  " AND constraint_name OPERATOR(pg_catalog.=) $2";
	RoleState caller;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("child");
	if (PG_ARGISNULL(1))
		refuse_null_argument("constraint_name");
	child = PG_GETARG_OID(0);
	if (!PG_ARGISNULL(2))
		policy = text_to_cstring(PG_GETARG_TEXT_PP(2));

	check_application_table(child, "a reference policy");
	refuse_citus_table(child, "a reference policy",
					   "Declare ON DELETE with the foreign key: shards follow the catalog.");
	check_owner(child);
	if (policy != NULL && fk_policy_named(policy) == FK_POLICY_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown value for \"policy\""),
				 errdetail("It is \"%.64s\".", policy),
				 errhint("Give 'cascade', 'protect', 'set null', or NULL for what the "
						 "catalog says.")));
	LockRelationOid(child, ShareUpdateExclusiveLock);
	edge = find_edge(child, NameStr(*PG_GETARG_NAME(1)));
	check_owner(edge->child);
	if (policy != NULL && fk_policy_named(policy) == FKCONSTR_ACTION_SETNULL)
		check_nullable(edge);

	values[0] = ObjectIdGetDatum(edge->child);
	values[1] = CStringGetDatum(edge->name);
	values[1] = DirectFunctionCall1(namein, values[1]);
	values[2] = policy ? CStringGetTextDatum(policy) : (Datum) 0;
	if (policy != NULL)
		sql = "INSERT INTO account.reference_policy (child, constraint_name, policy)"
			  " VALUES ($1, $2, $3) ON CONFLICT (child, constraint_name)"
			  " DO UPDATE SET policy = EXCLUDED.policy";
	SPI_connect();
	caller = run_as_owner("reference_policy");
	(void) statement_run_once(sql, policy ? 3 : 2, types, values, NULL, NULL);
	run_as_end(caller);
	CommandCounterIncrement();
	if (follower_of_changes != NULL)
		follower_of_changes(edge->parent);
	SPI_finish();
	PG_RETURN_VOID();
}

/* The tables of a policy's foreign key are looked at anew, by every session. */
static void
policy_changed(Oid child)
{
	ListCell *lc;

	if (get_rel_name(child) == NULL)
		return; /* dropped, or not restored yet: nobody knows anything of it */
	CacheInvalidateRelcacheByRelid(child);
	foreach (lc, fk_of(child))
		CacheInvalidateRelcacheByRelid(((FkEdge *) lfirst(lc))->parent);
}

/*
 * account.reference_policy_changed() RETURNS trigger: AFTER INSERT OR UPDATE OR DELETE, for each
 * row.
 */
Datum
reference_policy_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "reference_policy_changed");
	bool isnull;

	policy_changed(DatumGetObjectId(
		heap_getattr(trigger->tg_trigtuple, 1, RelationGetDescr(trigger->tg_relation), &isnull)));
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		policy_changed(DatumGetObjectId(heap_getattr(
			trigger->tg_newtuple, 1, RelationGetDescr(trigger->tg_relation), &isnull)));
	return PointerGetDatum(NULL);
}

/* The command of an event trigger; raises where there is none. */
static EventTriggerData *
called_as_event_trigger(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function account.%s() must be called as an event trigger", function)));
	return (EventTriggerData *) fcinfo->context;
}

/*
 * account.reference_policy_dropped() RETURNS event_trigger, ON sql_drop: policies go with their
 * keys. With those only: while a dump is restored, policies are there before their keys.
 */
Datum
reference_policy_dropped(PG_FUNCTION_ARGS)
{
	RoleState caller;

	(void) called_as_event_trigger(fcinfo, "reference_policy_dropped");
	if (creating_extension || !OidIsValid(account_schema()) || fk_policies() == NIL)
		PG_RETURN_NULL();
	SPI_connect();
	caller = run_as_owner("reference_policy");
	/* the table of a dropped key has its name still, unless it was dropped itself */
	run_sql("DELETE FROM account.reference_policy AS p"
			" USING pg_catalog.pg_event_trigger_dropped_objects() AS d"
			" WHERE (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
			" AND d.objsubid OPERATOR(pg_catalog.=) 0"
			" AND d.objid OPERATOR(pg_catalog.=) p.child::pg_catalog.oid)"
			" OR (d.object_type OPERATOR(pg_catalog.=) 'table constraint'"
			" AND d.address_names[3] OPERATOR(pg_catalog.=) p.constraint_name"
			" AND EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n"
			" ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
			" WHERE c.oid OPERATOR(pg_catalog.=) p.child::pg_catalog.oid"
			" AND n.nspname OPERATOR(pg_catalog.=) d.address_names[1]"
			" AND c.relname OPERATOR(pg_catalog.=) d.address_names[2]))");
	run_as_end(caller);
	SPI_finish();
	PG_RETURN_NULL();
}

/*
 * account.reference_policy_renamed() RETURNS event_trigger, ON ddl_command_end: a policy follows
 * its key's name. Tables are known by oid, so that theirs may change.
 */
Datum
reference_policy_renamed(PG_FUNCTION_ARGS)
{
	RenameStmt *stmt =
		(RenameStmt *) called_as_event_trigger(fcinfo, "reference_policy_renamed")->parsetree;
	Oid types[] = {REGCLASSOID, NAMEOID, NAMEOID};
	Datum values[3];
	RoleState caller;

	if (stmt == NULL || !IsA(stmt, RenameStmt) || stmt->renameType != OBJECT_TABCONSTRAINT ||
		creating_extension || !OidIsValid(account_schema()) || fk_policies() == NIL)
		PG_RETURN_NULL();
	values[0] = ObjectIdGetDatum(RangeVarGetRelid(stmt->relation, NoLock, true));
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(stmt->subname));
	values[2] = DirectFunctionCall1(namein, CStringGetDatum(stmt->newname));
	SPI_connect();
	caller = run_as_owner("reference_policy");
	/* what has the new name already is the policy of no key */
	(void) statement_run_once("DELETE FROM account.reference_policy"
							  " WHERE child OPERATOR(pg_catalog.=) $1"
							  " AND constraint_name OPERATOR(pg_catalog.=) $3"
							  " AND $2 OPERATOR(pg_catalog.<>) $3",
							  3, types, values, NULL, NULL);
	(void) statement_run_once("UPDATE account.reference_policy SET constraint_name = $3"
							  " WHERE child OPERATOR(pg_catalog.=) $1"
							  " AND constraint_name OPERATOR(pg_catalog.=) $2",
							  3, types, values, NULL, NULL);
	run_as_end(caller);
	SPI_finish();
	PG_RETURN_NULL();
}
