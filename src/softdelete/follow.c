/*
 * follow.c
 *		The statements by which children follow a deletion, or a new stamp.
 *
 * They run as their tables' owners, as the server's referential actions do, and see what those
 * would: what was committed till now. Under a transaction snapshot (REPEATABLE READ and above) a
 * row that was committed or changed after it fails the statement, 40001, as in ri_PerformCheck().
 *
 * A deletion takes every child along or fails. Where the children's table has triggers of its
 * owner, the statement's own snapshot, with what was done since, is asked for children that are
 * still live. It asks by locking: a row that another session has changed meanwhile is looked at in
 * its newest version, as the statement before has done.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "follow.h"
#include "mapping.h"

/*
 * The statement that makes children follow. Parameters are the rows that they follow, then who
 * deleted.
 */
static KeptStatement *
following_plan(const Batch *batch)
{
	const FkEdge *edge = batch->edge;
	PlanKind kind = batch->change == CHANGE_DELETED ? PLAN_CASCADE_CHILDREN : PLAN_STAMP_CHILDREN;
	KeptStatement *plan = plan_lookup(kind, edge->constraint, edge->declared);
	SoftDelete mapping;
	StringInfoData sql;
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS) + 1];
	int actor;
	char *stamp;

	if (plan != NULL)
		return plan;

	mapping = *mapping_of_table(edge->child);
	stamp = sql_column(edge->child, mapping.deleted_at);
	actor = key_list_types(&batch->rows, 1, types);
	types[actor - 1] = TEXTOID;
	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "UPDATE %s c SET ", sql_keyed_relation(edge->child));
	if (batch->change == CHANGE_DELETED)
		appendStringInfoString(&sql,
							   sql_set_deleted(&mapping, sql_stamp_value(edge->child, "k.new"),
											   psprintf("$%d", actor)));
	else
		appendStringInfo(&sql, "%s = %s", stamp, sql_stamp_value(edge->child, "k.new"));
	appendStringInfo(&sql, " FROM %s WHERE %s AND ", key_list_sql(&batch->rows, 1, "k"),
					 fk_join(edge, "k.k", true, "c", false));
	if (batch->change == CHANGE_DELETED)
		appendStringInfo(&sql, "c.%s IS NULL", stamp);
	else
		appendStringInfoString(&sql, sql_same_stamp(edge->child, "c", edge->parent, "k.old"));
	return plan_keep(kind, edge->constraint, edge->declared, sql.data, actor, types);
}

/* The statement that finds, and locks, children of deleted rows which are live. */
static KeptStatement *
live_children_plan(const Batch *batch)
{
	const FkEdge *edge = batch->edge;
	KeptStatement *plan = plan_lookup(PLAN_LIVE_CHILDREN, edge->constraint, edge->declared);
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	int next;
	char *sql;

	if (plan != NULL)
		return plan;
	next = key_list_types(&batch->rows, 1, types);
	sql = psprintf(OWN_STATEMENT "SELECT c.tableoid FROM %s c, %s WHERE %s AND c.%s IS NULL"
								 " FOR NO KEY UPDATE OF c",
				   sql_keyed_relation(edge->child), key_list_sql(&batch->rows, 1, "k"),
				   fk_join(edge, "k.k", true, "c", false),
				   sql_column(edge->child, mapping_of_table(edge->child)->deleted_at));
	return plan_keep(PLAN_LIVE_CHILDREN, edge->constraint, edge->declared, sql, next - 1, types);
}

/* Is this trigger one of the table's owner, and neither the server's nor ours? */
static bool
is_own_trigger(const Trigger *trigger)
{
	return !trigger->tgisinternal && get_func_namespace(trigger->tgfoid) != account_schema();
}

/* ExecutorCallback: do tables that the statement writes have triggers of their owners? */
void
follow_look_for_triggers(EState *estate, void *arg)
{
	bool *found = arg;
	ListCell *lc;

	foreach (lc, estate->es_opened_result_relations)
	{
		TriggerDesc *triggers = ((ResultRelInfo *) lfirst(lc))->ri_TrigDesc;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			*found |= is_own_trigger(&triggers->triggers[i]);
	}
}

/* Append a line for each trigger of a table that may have kept an UPDATE from its rows. */
static void
append_triggers(StringInfo buf, Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	int n = rel->trigdesc != NULL ? rel->trigdesc->numtriggers : 0;
	Trigger *triggers = palloc0(Max(n, 1) * sizeof(Trigger));

	/* a copy of what is needed: looking a function up may rebuild the relation's cache entry */
	for (int i = 0; i < n; i++)
	{
		triggers[i] = rel->trigdesc->triggers[i];
		triggers[i].tgname = pstrdup(triggers[i].tgname);
	}
	table_close(rel, NoLock);
	for (int i = 0; i < n; i++)
		if (is_own_trigger(&triggers[i]) && TRIGGER_FOR_ROW(triggers[i].tgtype) &&
			TRIGGER_FOR_UPDATE(triggers[i].tgtype))
			appendStringInfo(buf, "\nTrigger \"%s\" of %s fires when they are deleted.",
							 triggers[i].tgname, display_relation(relid));
}

/* Lines for the triggers that may have kept rows live; SPI_tuptable has the tables of these. */
char *
follow_triggers_of(uint64 n)
{
	StringInfoData lines;
	List *tables = NIL;
	ListCell *lc;

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		tables = list_append_unique_oid(
			tables, DatumGetObjectId(
						SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)));
	}
	initStringInfo(&lines);
	foreach (lc, tables)
		append_triggers(&lines, lfirst_oid(lc));
	return lines.data;
}

/*
 * Raise 27000 for live children of deleted rows, if there are any; SPI_tuptable has their tables.
 */
static void
refuse_live_children(const FkEdge *edge, uint64 n)
{
	if (n == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("rows of \"%s\" were kept from being deleted with what they reference",
					get_rel_name(edge->child)),
			 errdetail("%s.%s: " UINT64_FORMAT " rows%s", display_relation(edge->child),
					   reference_column(edge), n, follow_triggers_of(n)),
			 errhint("Let the triggers of the table pass an UPDATE that sets its column "
					 "of the deletion, or give the foreign key another action than CASCADE."),
			 err_constraint(edge)));
}

/* Let the children of a batch follow. */
void
follow_batch(Batch *batch)
{
	const FkEdge *edge = batch->edge;
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS) + 1];
	StatementOptions options;
	bool has_triggers = false;
	RoleState caller;
	int actor;

	SPI_connect();
	actor = key_list_values(&batch->rows, 1, values);
	values[actor - 1] = CStringGetTextDatum(actor_name());
	caller = run_as(relation_owner(edge->child));
	action_snapshot_begin(&options);
	options.callback = follow_look_for_triggers;
	options.arg = &has_triggers;
	(void) cascade_run(following_plan(batch), values, &options);
	if (batch->change == CHANGE_DELETED && has_triggers)
	{
		options.callback = NULL;
		refuse_live_children(edge,
							 statement_run(live_children_plan(batch), values, NULL, &options));
	}
	action_snapshot_end(&options);
	run_as_end(caller);
	SPI_finish();
}
