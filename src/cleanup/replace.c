/*
 * replace.c
 *		A new row replaces the deleted ones that hold its keys: on_reinsert => 'replace'.
 *
 * A row trigger before INSERT, the last of them (trigger_order.c sees to that), asks the unique
 * indexes who has the keys of the new row. If that are deleted rows alone, they are removed for
 * good, as a purge would, with the rows that were deleted with them; then the INSERT finds the keys
 * free, whatever it says about conflicts. Where a live row has one of the keys, the INSERT would
 * fail or do nothing, and where something else references the deleted row, or row security hides it
 * from who inserts, it stays: then the INSERT meets it, as without the option.
 *
 * The INSERT may yet leave the new row out, by ON CONFLICT: because of an exclusion constraint, or
 * of a live row that another transaction commits at this moment. Then the deleted row would be lost
 * for nothing. So the new row is kept, and looked for when the next one comes or the statement
 * ends: where it is not there, the statement is undone (23505).
 *
 * An UPDATE that moves a row to another partition fires the trigger there, too. It replaces
 * nothing, as one within a partition does not.
 *
 * Two INSERTs of one key: the later waits for the removal by the other. If that commits, nothing is
 * left to remove, and a live row has the key (40001 in REPEATABLE READ and above); else it removes
 * the row itself.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "cleanup_plan.h"
#include "cleanup_run.h"
#include "replace.h"

PG_FUNCTION_INFO_V1(replace_deleted);

/* A deletion has as many different stamps at most as there are precisions. */
#define MAX_STAMPS 8

/* A deleted row that has a key of the new one. */
typedef struct DeletedRow
{
	ItemPointerData tid;
	Datum stamp;
} DeletedRow;

/* Rows of a table that were deleted with others: their stamps. */
typedef struct Followers
{
	FkNode *node;
	StampType type;
	Datum stamps[MAX_STAMPS];
	int n;
} Followers;

/* Those of a table; made if there are none. NULL: the table has no soft delete. */
static Followers *
followers_of(List **all, FkNode *node)
{
	const SoftDelete *mapping;
	Followers *followers;
	ListCell *lc;

	foreach (lc, *all)
		if (((Followers *) lfirst(lc))->node == node)
			return lfirst(lc);
	mapping = mapping_declared(node->relid);
	if (mapping == NULL)
		return NULL;
	followers = palloc0(sizeof(Followers));
	followers->node = node;
	followers->type = mapping->stamp;
	*all = lappend(*all, followers);
	return followers;
}

/* Add a stamp, in the precision of the table. False: it is known. */
static bool
add_stamp(Followers *followers, Datum stamp)
{
	stamp = stamp_of(&followers->type, DatumGetTimestampTz(stamp));
	for (int i = 0; i < followers->n; i++)
		if (DatumGetTimestampTz(followers->stamps[i]) == DatumGetTimestampTz(stamp))
			return false;
	if (followers->n == MAX_STAMPS)
		return false;
	followers->stamps[followers->n++] = stamp;
	return true;
}

/* Is the step one of rows that follow? */
static bool
is_following(const CleanupStep *step)
{
	return step->edge != NULL && step->action == CLEANUP_DELETE &&
		   ((CleanupTable *) step->node->data)->set->n > 0;
}

/*
 * The stamps of the rows that were deleted with some rows, table by table: each table has them in
 * its own precision, from those it follows. False: rows of a table without soft delete follow.
 */
static bool
find_stamps(Cleanup *cleanup, const List *rows, List **all)
{
	bool more = true;
	ListCell *row;

	foreach (row, rows)
		(void) add_stamp(followers_of(all, cleanup->node), ((DeletedRow *) lfirst(row))->stamp);
	while (more)
	{
		ListCell *lc;

		more = false;
		foreach (lc, cleanup->steps)
		{
			CleanupStep *step = lfirst(lc);
			Followers *parent;
			Followers *child;

			if (!is_following(step))
				continue;
			parent = followers_of(all, step->edge->parent_node);
			child = followers_of(all, step->edge->child_node);
			if (parent == NULL || child == NULL)
				return false;
			for (int i = 0; i < parent->n; i++)
				more |= add_stamp(child, parent->stamps[i]);
		}
	}
	return true;
}

/* Is every row of a table that goes one that was deleted with the others? As the table's owner. */
static bool
all_followed(Followers *followers)
{
	Oid relid = followers->node->relid;
	RowSet *set = ((CleanupTable *) followers->node->data)->set;
	Oid types[1 + ROW_SET_CONDITION_ARGS] = {get_array_type(followers->type.base)};
	Datum values[1 + ROW_SET_CONDITION_ARGS];
	OneRun run = {.nargs = 1,
				  .types = types,
				  .values = values,
				  .options = {.look = SNAPSHOT_ACTIVE, .limit = 1}};
	StringInfoData sql;
	RoleState saved;
	uint64 others;

	values[0] =
		PointerGetDatum(construct_array(followers->stamps, followers->n, followers->type.base,
										sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT "SELECT 1 FROM %s c WHERE"
								   " (c.%s OPERATOR(pg_catalog.=) ANY ($1)) IS NOT TRUE AND ",
					 sql_keyed_relation(relid),
					 sql_column(relid, mapping_of_table(relid)->deleted_at));
	row_set_append_condition(&sql, &run, relid, set, 0, row_set_rows(set), set->n);
	saved = run_as(relation_owner(relid));
	others = cleanup_run_knowing(sql.data, &run, (KnownSets){&set, 1}, NULL, NULL);
	run_as_end(saved);
	return others == 0;
}

/* Is there nothing that references the rows but what was deleted with them? */
static bool
is_removable(Cleanup *cleanup, const List *rows)
{
	List *all = NIL;
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);

		if (step->action != CLEANUP_DELETE && step->rows > 0)
			return false;
	}
	if (!find_stamps(cleanup, rows, &all))
		return false;
	foreach (lc, all)
	{
		Followers *followers = lfirst(lc);

		if (((CleanupTable *) followers->node->data)->set->n > 0 && !all_followed(followers))
			return false;
	}
	return true;
}

/* The tids of some rows, as tid[]. */
static Datum
tids_of(const List *rows)
{
	Datum *tids = palloc(list_length(rows) * sizeof(Datum));
	ListCell *lc;

	foreach (lc, rows)
		tids[foreach_current_index(lc)] = PointerGetDatum(&((DeletedRow *) lfirst(lc))->tid);
	return PointerGetDatum(construct_array(tids, list_length(rows), TIDOID, sizeof(ItemPointerData),
										   false, TYPALIGN_SHORT));
}

/*
 * Remove deleted rows of one table or partition for good, and what was deleted with them. False:
 * something else references them.
 */
static bool
remove_rows(Oid target, Oid tab, const List *rows)
{
	Oid types[] = {OIDOID, TIDARRAYOID};
	Datum values[] = {ObjectIdGetDatum(tab), tids_of(rows)};
	Cleanup *cleanup;
	bool removable;
	int level;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	level = cleanup_join_memory();
	cleanup = cleanup_make(target, false, CLEANUP_TO_CUT, true);
	cleanup->live_rows_hold = true;
	cleanup->seed.by_tid = true;
	cleanup->seed.run = (OneRun){.nargs = lengthof(types), .types = types, .values = values};
	cleanup->seed.from = psprintf("%s c WHERE c.ctid OPERATOR(pg_catalog.=) ANY ($2) AND"
								  " c.tableoid OPERATOR(pg_catalog.=) $1 AND c.%s IS NOT NULL",
								  sql_keyed_relation(target),
								  sql_column(target, mapping_of_table(target)->deleted_at));
	cleanup_close(cleanup, GetActiveSnapshot());
	(void) cleanup_find_outside(cleanup, GetActiveSnapshot(), true);
	FAILURE_POINT("replace");
	removable = is_removable(cleanup, rows);
	if (removable)
		cleanup_execute(cleanup);
	cleanup_free(cleanup);
	AtEOXact_GUC(true, level);
	PopActiveSnapshot();
	return removable;
}

/* Does row security of a table, if it applies to who inserts, let that see the row? */
static bool
lets_see(Oid relid, Oid tab, ItemPointer tid)
{
	char *condition;

	if (!row_policies_apply(relid))
		return true;
	condition = psprintf("p.tableoid OPERATOR(pg_catalog.=) %u AND p.ctid"
						 " OPERATOR(pg_catalog.=) $1",
						 tab);
	return row_policies_let_see(relation_owner(relid), sql_keyed_relation(relid), condition, TIDOID,
								PointerGetDatum(tid));
}

/*
 * Lock a deleted row and read its stamp. False: another transaction has removed it or brought it
 * back, which is an error in REPEATABLE READ and above.
 */
static bool
lock_row(Relation rel, AttrNumber deleted_at, TupleTableSlot *slot, DeletedRow *row)
{
	TM_FailureData failure;
	TM_Result result;
	bool isnull = true;

	result = table_tuple_lock(rel, &row->tid, GetActiveSnapshot(), slot, GetCurrentCommandId(false),
							  LockTupleExclusive, LockWaitBlock, 0, &failure);
	if (result == TM_Ok)
		row->stamp = slot_getattr(slot, deleted_at, &isnull);
	else if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not replace a deleted row of table \"%s\"",
							   RelationGetRelationName(rel)),
						errdetail("Another transaction has changed or removed it meanwhile."),
						errhint("Try the transaction again.")));
	return !isnull;
}

/* The deleted rows at some tids, locked, with their stamps. NIL: one of them is gone. */
static List *
lock_rows(Relation rel, const List *tids, AttrNumber deleted_at)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	List *rows = NIL;
	bool gone = false;
	ListCell *lc;

	foreach (lc, tids)
	{
		DeletedRow *row = palloc0(sizeof(DeletedRow));

		row->tid = *(ItemPointer) lfirst(lc);
		gone |= !lock_row(rel, deleted_at, slot, row);
		rows = lappend(rows, row);
	}
	ExecDropSingleTupleTableSlot(slot);
	return gone ? NIL : rows;
}

/* Remove the deleted rows at some tids. False: all are left as they are. */
static bool
replace_rows(Relation rel, const List *tids, AttrNumber deleted_at)
{
	Oid tab = RelationGetRelid(rel);
	Oid target = fk_node_table(tab);
	List *rows;
	ListCell *lc;

	foreach (lc, tids)
		if (!lets_see(tab, tab, lfirst(lc)) ||
			(target != tab && !lets_see(target, tab, lfirst(lc))))
			return false;
	rows = lock_rows(rel, tids, deleted_at);
	return rows != NIL && remove_rows(target, tab, rows);
}

/* A statement that inserts into a table. In its memory. */
typedef struct Inserting
{
	Relation rel;
	UniqueKeys *keys;
	MemoryContext statement;
	bool unconfirmed; /* deleted rows were removed for the row that the keys have kept, */
	CommandId since;  /* by a command that is not before this one */
	MemoryContextCallback at_end;
	struct Inserting *next;
} Inserting;

static Inserting *all_inserting = NULL;

/* The memory of a statement goes. */
static void
inserting_ends(void *arg)
{
	for (Inserting **p = &all_inserting; *p != NULL; p = &(*p)->next)
		if (*p == arg)
		{
			*p = (*p)->next;
			return;
		}
}

/*
 * The statement whose trigger this is. NULL: COPY, which calls from memory that outlives what it
 * has open, and leaves no row out.
 */
static Inserting *
inserting_of(FmgrInfo *flinfo, const TriggerData *trigger)
{
	Inserting *inserting = flinfo->fn_extra;
	MemoryContext caller;

	if (inserting != NULL)
		return inserting;
	check_fires_last(trigger->tg_relation, trigger->tg_trigger->tgname,
					 trigger->tg_trigger->tgfoid);
	if (strcmp(flinfo->fn_mcxt->name, "ExecutorState") != 0)
		return NULL;
	caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	inserting = palloc0(sizeof(Inserting));
	inserting->rel = trigger->tg_relation;
	inserting->statement = flinfo->fn_mcxt;
	inserting->keys = unique_keys_open(inserting->rel);
	unique_keys_hold(inserting->keys);
	inserting->next = all_inserting;
	all_inserting = inserting;
	inserting->at_end.func = inserting_ends;
	inserting->at_end.arg = inserting;
	MemoryContextRegisterResetCallback(flinfo->fn_mcxt, &inserting->at_end);
	MemoryContextSwitchTo(caller);
	flinfo->fn_extra = inserting;
	return inserting;
}

/* Raise where the new row for which deleted ones were removed is not there. */
static void
confirm(Inserting *inserting)
{
	Oid relid = RelationGetRelid(inserting->rel);
	Relation missing;

	if (!inserting->unconfirmed)
		return;
	missing = unique_keys_missing(inserting->keys, inserting->rel, inserting->since);
	if (missing != NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("could not replace a deleted row of table \"%s\"", get_rel_name(relid)),
			 errdetail(
				 "ON CONFLICT has left the new row out because of another one, which is live."),
			 errhint("If that has just come, try the statement again; else restore the deleted "
					 "row with account.restore, or remove it with account.purge."),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(get_rel_namespace(relid))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(relid)),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, RelationGetRelationName(missing))));
	inserting->unconfirmed = false;
}

/* The statement has written its rows; see the header. */
void
replace_confirm(const EState *estate)
{
	for (Inserting *inserting = all_inserting; inserting != NULL; inserting = inserting->next)
		if (inserting->statement == estate->es_query_cxt)
			confirm(inserting);
}

/* Replace the deleted rows that hold the keys of a row. */
static void
replace_for(FmgrInfo *flinfo, const TriggerData *trigger, AttrNumber deleted_at)
{
	Inserting *inserting = inserting_of(flinfo, trigger);
	Relation rel = trigger->tg_relation;
	UniqueKeys *keys = inserting != NULL ? inserting->keys : unique_keys_open(rel);
	List *tids = NIL;
	KeyHolder holder;

	if (inserting != NULL)
		confirm(inserting);
	holder =
		unique_keys_holder(keys, rel, deleted_at, trigger->tg_trigslot, GetActiveSnapshot(), &tids);
	if (inserting == NULL)
		unique_keys_close(keys);
	if (holder != KEYS_OF_DELETED_ROWS || !replace_rows(rel, tids, deleted_at) || inserting == NULL)
		return;
	unique_keys_keep(keys, rel, trigger->tg_trigslot);
	inserting->unconfirmed = true;
	inserting->since = GetActiveSnapshot()->curcid;
}

/* account.replace_deleted() RETURNS trigger: BEFORE INSERT, for each row, in memory of the row. */
Datum
replace_deleted(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "replace_deleted");
	Relation rel = trigger->tg_relation;
	const SoftDelete *mapping = mapping_declared(RelationGetRelid(rel));
	AttrNumber deleted_at = mapping != NULL ? mapping->deleted_at : InvalidAttrNumber;

	if (!TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) || mapping == NULL ||
		mapping->options.on_reinsert != ON_REINSERT_REPLACE || row_has_moved(fcinfo->flinfo, rel) ||
		!slot_attisnull(trigger->tg_trigslot, deleted_at))
		return PointerGetDatum(trigger->tg_trigtuple);
	replace_for(fcinfo->flinfo, trigger, deleted_at);
	return PointerGetDatum(trigger->tg_trigtuple);
}
