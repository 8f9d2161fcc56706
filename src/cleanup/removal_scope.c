/*
 * removal_scope.c
 *		Which rows removals in batches are about, and take along.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "ascent.h"
#include "removal_key.h"
#include "removal_scope.h"
#include "removal_task.h"

/* Note the tid of a row. */
static void
note_tid(TupleTableSlot *slot, void *arg)
{
	(void) row_set_add_tid(arg, SLOT_TAB(slot, 0), SLOT_TID(slot, 0));
}

/* SQL: were rows of a table deleted by then? See the header. */
char *
sql_deleted_by(Oid relid, TimestampTz cutoff)
{
	if (mapping_declared(relid) == NULL)
		return pstrdup("false");
	return psprintf("%s OPERATOR(pg_catalog.<=) %s::pg_catalog.timestamptz",
					sql_row_stamp(relid, "c"), sql_literal(timestamptz_to_str(cutoff)));
}

/* The rows of a table with some keys. */
RowSet *
rows_with_keys(const KeySet *keys, const char *condition, bool as_owner)
{
	RowSet *rows = row_set_make(keys->relid, NIL);
	OneRun run = {.nargs = keys->ncols, .types = keys->array_types, .values = keys->arrays};
	RoleState reader;

	run.options.snapshot = GetActiveSnapshot();
	reader = as_owner ? run_as(relation_owner(keys->relid)) : run_as_reader(keys->relid);
	(void) cleanup_query(psprintf(OWN_STATEMENT "SELECT c.tableoid, c.ctid FROM %s c WHERE %s%s%s",
								  sql_keyed_relation(keys->relid), keys_condition(keys, "c", 1),
								  condition != NULL ? " AND " : "",
								  condition != NULL ? condition : ""),
						 &run, note_tid, rows);
	run_as_end(reader);
	return rows;
}

/* Hand an expression to callback for each row that goes. */
void
cleanup_each_row(Cleanup *cleanup, FkNode *node, const char *expression, RowCallback callback,
				 void *arg)
{
	RowSet *rows = ((CleanupTable *) node->data)->set;
	KnownSets known = {&rows, 1};
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values, .options.snapshot = GetActiveSnapshot()};
	RoleState reader;
	StringInfoData sql;

	if (rows->n == 0)
		return;
	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT %s FROM %s c WHERE ", expression,
					 sql_keyed_relation(node->relid));
	row_set_append_condition(&sql, &run, node->relid, rows, 0, NULL, rows->n);
	reader = cleanup->as_owners ? run_as(relation_owner(node->relid)) : run_as_reader(node->relid);
	(void) cleanup_run_knowing(sql.data, &run, known, callback, arg);
	run_as_end(reader);
}

/* The node of a table in a cleanup. */
FkNode *
cleanup_node(const Cleanup *cleanup, Oid relid)
{
	ListCell *lc;

	foreach (lc, cleanup->nodes)
		if (((FkNode *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	return NULL;
}

/* Does a removal of rows of a table take a row along? In a snapshot that is active. */
static bool
takes_row(Oid target, const RemovalSeal *seal, const KeySet *key)
{
	Cleanup *cleanup = cleanup_make(target, seal->force, CLEANUP_TO_EXECUTE, true);
	FkNode *node = cleanup_node(cleanup, fk_node_table(key->relid));
	RowSet *rows;
	Ascent *ascent;
	TupleTableSlot *slot;
	bool takes = false;

	if (node == NULL)
		return false;
	rows = rows_with_keys(key, NULL, true);
	ascent = ascent_make(cleanup, rows_with_keys(removal_key_read(target, seal->key), NULL, true),
						 GetActiveSnapshot());
	ascent_add(ascent, node, rows);
	ascent_run(ascent);
	slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);
	row_set_rewind(rows->all);
	while (!takes && tuplestore_gettupleslot(rows->all, true, false, slot))
	{
		slot_getallattrs(slot);
		takes = ascent_belongs(ascent, SLOT_TAB(slot, SET_TAB), SLOT_TID(slot, SET_TAB));
	}
	ExecDropSingleTupleTableSlot(slot);
	return takes;
}

/* Does an open removal take a row along? */
bool
removal_takes(Oid relid, const char *key)
{
	MemoryContext context;
	MemoryContext old;
	bool takes = false;
	List *targets;
	ListCell *lc;

	SPI_connect();
	targets = removal_task_targets();
	if (targets == NIL)
	{
		SPI_finish();
		return false;
	}
	context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount removals", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetLatestSnapshot());
	foreach (lc, targets)
	{
		Oid target = lfirst_oid(lc);
		ListCell *lc2;

		if (get_rel_name(target) == NULL)
			continue;
		foreach (lc2, removal_task_seals(target))
			takes |= takes_row(target, lfirst(lc2), keys_of_text(relid, key));
	}
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	SPI_finish();
	return takes;
}
