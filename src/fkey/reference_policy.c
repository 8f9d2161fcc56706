/*
 * reference_policy.c
 *		Policies of foreign keys: set, and changed; and, with declared references, renamed and
 *		dropped with what they are about.
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
#include "policy_argument.h"
#include "policy_follower.h"

ACCOUNT_OPERATION(set_reference_policy, "set_reference_policy", NO_SUBJECT);
PG_FUNCTION_INFO_V1(reference_policy_changed);
PG_FUNCTION_INFO_V1(reference_policy_dropped);
PG_FUNCTION_INFO_V1(reference_policy_renamed);

/*
 * The foreign key that a table, or the partitioned one that it is part of, declares under a name.
 */
static FkEdge *
named_edge(Oid child, const char *constraint_name)
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
	if (OidIsValid(oid))
		foreach (lc, fk_of_with_periods(child))
			if (((FkEdge *) lfirst(lc))->constraint == oid)
				return lfirst(lc);
	return NULL;
}

/* Is a column of this name among those of an edge? */
static bool
has_column(const FkEdge *edge, const char *column)
{
	for (int i = 0; i < edge->nkeys; i++)
		if (strcmp(get_attname(edge->child, edge->child_cols[i], false), column) == 0)
			return true;
	return false;
}

/* The one foreign key that a column is part of; NULL: it is part of none. Raises for several. */
static FkEdge *
edge_of_column(Oid child, const char *column)
{
	FkEdge *found = NULL;
	StringInfoData names;
	int n = 0;
	ListCell *lc;

	initStringInfo(&names);
	foreach (lc, fk_of(child))
	{
		FkEdge *edge = lfirst(lc);

		if (!OidIsValid(edge->constraint) || !has_column(edge, column))
			continue;
		appendStringInfo(&names, "%s\"%s\"", n++ > 0 ? ", " : "", edge->name);
		found = edge;
	}
	if (n > 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" of \"%s\" has several foreign keys", column,
							   get_rel_name(child)),
						errdetail("They are %s.", names.data), errhint("Name one of them.")));
	return found;
}

/* Is a reference over this column declared without a foreign key? */
static bool
is_declared(Oid child, const char *name)
{
	ListCell *lc;

	foreach (lc, fk_of(child))
	{
		FkEdge *edge = lfirst(lc);

		if (!OidIsValid(edge->constraint) &&
			(strcmp(edge->name, name) == 0 || has_column(edge, name)))
			return true;
	}
	return false;
}

/* The foreign key of a table that a caller names, by its own name or by that of a column. */
static FkEdge *
find_edge(Oid child, const char *name)
{
	FkEdge *edge = named_edge(child, name);

	if (edge == NULL)
		edge = edge_of_column(child, name);
	if (edge != NULL && edge->period)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("foreign key \"%s\" is over a period", edge->name),
			 errdetail("Rows never follow over such a key: they stand in the way of a cleanup."),
			 errhint("Remove or change them first, or call account.cleanup with force.")));
	if (edge == NULL && is_declared(child, name))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("table \"%s\" has no foreign key \"%s\"", get_rel_name(child), name),
						errdetail("What it references is declared by account.set_reference."),
						errhint("Call account.set_reference again, with the policy.")));
	if (edge == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" has no foreign key \"%s\"", get_rel_name(child), name),
				 errdetail("A policy is that of one foreign key of the referencing table."),
				 errhint("Look up the name of the constraint with \\d %s, or declare the reference "
						 "with account.set_reference.",
						 display_relation(child))));
	return edge;
}

/*
 * account.set_reference_policy(child regclass, constraint_name name, policy text, on_soft_delete
 * text)
 */
static Datum
set_reference_policy_operation(PG_FUNCTION_ARGS)
{
	Oid child;
	FkEdge *edge;
	const char *policy;
	const char *on_soft_delete;
	Oid types[] = {REGCLASSOID, NAMEOID, TEXTOID, TEXTOID};
	Datum values[4] = {0};
	char nulls[] = "    ";
	const char *sql = "DELETE FROM account.reference_policy WHERE child OPERATOR(pg_catalog.=) $1"
					  " AND constraint_name OPERATOR(pg_catalog.=) $2";
	RoleState caller;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("child");
	if (PG_ARGISNULL(1))
		refuse_null_argument("constraint_name");
	child = PG_GETARG_OID(0);
	check_policy_owner(child);
	policy = policy_argument(fcinfo, 2);
	on_soft_delete = soft_delete_argument(fcinfo, 3);
	lock_checked_table(child, ShareUpdateExclusiveLock, "a reference policy", true);
	edge = find_edge(child, NameStr(*PG_GETARG_NAME(1)));
	check_owner(edge->child);
	check_policies(edge, policy, on_soft_delete);

	values[0] = ObjectIdGetDatum(edge->child);
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(edge->name));
	if (policy != NULL)
		values[2] = CStringGetTextDatum(policy);
	else
		nulls[2] = 'n';
	if (on_soft_delete != NULL)
		values[3] = CStringGetTextDatum(on_soft_delete);
	else
		nulls[3] = 'n';
	if (policy != NULL || on_soft_delete != NULL)
		sql = "INSERT INTO account.reference_policy"
			  " (child, constraint_name, policy, on_soft_delete)"
			  " VALUES ($1, $2, $3, $4) ON CONFLICT (child, constraint_name)"
			  " DO UPDATE SET policy = EXCLUDED.policy, on_soft_delete = EXCLUDED.on_soft_delete";
	SPI_connect();
	caller = run_as_owner("reference_policy");
	(void) statement_run_once(sql, policy || on_soft_delete ? 4 : 2, types, values, nulls, NULL);
	run_as_end(caller);
	CommandCounterIncrement();
	fk_policy_changed(edge->parent);
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

/* Has this database policies or declared references, that an event trigger would see to? */
static bool
has_declarations(void)
{
	return !creating_extension && OidIsValid(account_schema()) &&
		   (fk_policies() != NIL || fk_references() != NIL);
}

/*
 * account.reference_policy_dropped() RETURNS event_trigger, ON sql_drop: policies go with their
 * keys, declared references with their tables and columns. With those only: while a dump is
 * restored, policies are there before their keys.
 */
Datum
reference_policy_dropped(PG_FUNCTION_ARGS)
{
	RoleState caller;

	(void) called_as_event_trigger(fcinfo, "reference_policy_dropped");
	if (!has_declarations())
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
	caller = run_as_owner("declared_reference");
	run_sql("DELETE FROM account.declared_reference AS r"
			" USING pg_catalog.pg_event_trigger_dropped_objects() AS d"
			" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
			" AND ((d.objsubid OPERATOR(pg_catalog.=) 0"
			" AND (d.objid OPERATOR(pg_catalog.=) r.child::pg_catalog.oid"
			" OR d.objid OPERATOR(pg_catalog.=) r.parent::pg_catalog.oid))"
			" OR (d.objsubid OPERATOR(pg_catalog.<>) 0"
			" AND d.objid OPERATOR(pg_catalog.=) r.child::pg_catalog.oid"
			" AND d.address_names[3] OPERATOR(pg_catalog.=) ANY (r.columns::pg_catalog.text[])))");
	run_as_end(caller);
	SPI_finish();
	PG_RETURN_NULL();
}

/* Who has noted what a table references by its names notes it anew. */
static void
names_changed(Oid child)
{
	List *parents = NIL;
	ListCell *lc;

	CommandCounterIncrement();
	foreach (lc, fk_of(child))
		parents = list_append_unique_oid(parents, ((FkEdge *) lfirst(lc))->parent);
	foreach (lc, parents)
		fk_policy_changed(lfirst_oid(lc));
}

/* A policy follows the name of its key. Tables are known by oid, so that theirs may change. */
static void
constraint_renamed(Datum *values)
{
	Oid types[] = {REGCLASSOID, NAMEOID, NAMEOID};
	RoleState caller = run_as_owner("reference_policy");
	bool renamed;

	/* what has the new name already is the policy of no key */
	(void) statement_run_once("DELETE FROM account.reference_policy"
							  " WHERE child OPERATOR(pg_catalog.=) $1"
							  " AND constraint_name OPERATOR(pg_catalog.=) $3"
							  " AND $2 OPERATOR(pg_catalog.<>) $3",
							  3, types, values, NULL, NULL);
	renamed = statement_run_once("UPDATE account.reference_policy SET constraint_name = $3"
								 " WHERE child OPERATOR(pg_catalog.=) $1"
								 " AND constraint_name OPERATOR(pg_catalog.=) $2",
								 3, types, values, NULL, NULL) > 0;
	run_as_end(caller);
	if (renamed)
		names_changed(DatumGetObjectId(values[0]));
}

/*
 * A declared reference follows the names of its columns, which change with those of a table that
 * its table inherits from, or is a partition of, and of a type that its table is of.
 */
static void
column_renamed(Datum *values)
{
	Oid types[] = {REGCLASSOID, NAMEOID, NAMEOID};
	RoleState caller = run_as_owner("declared_reference");
	bool renamed;

	renamed = statement_run_once(
				  "WITH RECURSIVE renamed(relid) AS (SELECT $1::pg_catalog.oid"
				  " UNION SELECT t.oid FROM pg_catalog.pg_class AS t JOIN pg_catalog.pg_class AS y"
				  " ON y.reltype OPERATOR(pg_catalog.=) t.reloftype"
				  " WHERE y.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid"
				  " UNION SELECT i.inhrelid FROM renamed AS p JOIN pg_catalog.pg_inherits AS i"
				  " ON i.inhparent OPERATOR(pg_catalog.=) p.relid)"
				  " UPDATE account.declared_reference AS r"
				  " SET columns = pg_catalog.array_replace(r.columns, $2, $3)"
				  " WHERE r.child::pg_catalog.oid OPERATOR(pg_catalog.=) ANY"
				  " (ARRAY(SELECT n.relid FROM renamed AS n))"
				  " AND $2 OPERATOR(pg_catalog.=) ANY (r.columns)",
				  3, types, values, NULL, NULL) > 0;
	run_as_end(caller);
	if (renamed)
		names_changed(DatumGetObjectId(values[0]));
}

/*
 * account.reference_policy_renamed() RETURNS event_trigger, ON ddl_command_end: what is said of
 * references follows the names of keys and columns.
 */
Datum
reference_policy_renamed(PG_FUNCTION_ARGS)
{
	RenameStmt *stmt =
		(RenameStmt *) called_as_event_trigger(fcinfo, "reference_policy_renamed")->parsetree;
	Datum values[3];

	if (stmt == NULL || !IsA(stmt, RenameStmt) ||
		(stmt->renameType != OBJECT_TABCONSTRAINT && stmt->renameType != OBJECT_COLUMN &&
		 stmt->renameType != OBJECT_ATTRIBUTE) ||
		!has_declarations())
		PG_RETURN_NULL();
	values[0] = ObjectIdGetDatum(RangeVarGetRelid(stmt->relation, NoLock, true));
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(stmt->subname));
	values[2] = DirectFunctionCall1(namein, CStringGetDatum(stmt->newname));
	SPI_connect();
	if (stmt->renameType == OBJECT_TABCONSTRAINT)
		constraint_renamed(values);
	else
		column_renamed(values);
	SPI_finish();
	PG_RETURN_NULL();
}
