/*
 * tuple_write.c
 *		Rows inserted, or written anew, without a statement.
 *
 * A statement that writes one row spends most of its time on starting and ending the executor. This
 * is what remains of it: defaults, constraints, indexes and row triggers are as they are with a
 * statement (ExecSimpleRelationInsert and ExecSimpleRelationUpdate, as logical replication writes).
 *
 * A writer of a row trigger is made for the first row of a statement, and is held open as long as
 * the statement's memory lives.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "deferred.h"
#include "errors.h"
#include "held_open.h"
#include "run_as.h"
#include "secret.h"
#include "table_code.h"
#include "tuple_write.h"

/* The statement's memory goes: let go of what its writer holds. */
static void
close_held(void *arg)
{
	TupleWriter *writer = arg;

	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	ExecCloseIndices(&writer->target);
}

/*
 * Have functions of BEFORE triggers outlive the row: the executor would look them up in its memory.
 */
static void
look_up_functions(ResultRelInfo *target, MemoryContext context)
{
	const TriggerDesc *triggers = target->ri_TrigDesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (TRIGGER_FOR_ROW(triggers->triggers[i].tgtype) &&
			TRIGGER_FOR_BEFORE(triggers->triggers[i].tgtype))
			fmgr_info_cxt(triggers->triggers[i].tgfoid, &target->ri_TrigFunctions[i], context);
}

/* Make a writer, in the current memory context; updated: NULL for one that inserts. */
static TupleWriter *
make_writer(Relation rel, const Bitmapset *updated)
{
	EState *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	TupleWriter *writer = palloc0(sizeof(TupleWriter));
	Bitmapset *columns = NULL;

	for (int attnum = -1; (attnum = bms_next_member(updated, attnum)) >= 0;)
		columns = bms_add_member(columns, attnum - FirstLowInvalidHeapAttributeNumber);
	writer->rel = rel;
	writer->estate = estate;
	compat_init_range_table(estate, rel, columns);
	estate->es_output_cid = GetCurrentCommandId(true);
	InitResultRelInfo(&writer->target, rel, 1, NULL, 0);
	look_up_functions(&writer->target, estate->es_query_cxt);
	if (updated != NULL)
	{
		compat_EvalPlanQualInit(&writer->epq, estate);
		writer->there = table_slot_create(rel, &estate->es_tupleTable);
	}
	writer->slot = table_slot_create(rel, &estate->es_tupleTable);
	open_indexes(&writer->target);
	MemoryContextSwitchTo(caller);
	return writer;
}

/*
 * The defaults of the columns after the first ones, by column; NULL: there are none. As the table's
 * owner: what is constant in them is evaluated here.
 */
static ExprState **
make_defaults(Relation rel, int columns)
{
	TupleDesc desc = RelationGetDescr(rel);
	ExprState **defaults = NULL;
	RoleState saved = run_as(rel->rd_rel->relowner);

	for (int i = columns; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		Node *value =
			column->attisdropped || column->attgenerated ? NULL : build_column_default(rel, i + 1);

		if (value == NULL)
			continue;
		if (defaults == NULL)
			defaults = palloc0(desc->natts * sizeof(ExprState *));
		defaults[i] = ExecInitExpr(expression_planner((Expr *) value), NULL);
	}
	run_as_end(saved);
	return defaults;
}

/* Open a table of the extension to insert rows; see the header. */
TupleWriter *
tuple_writer_open(Relation rel, int columns)
{
	TupleWriter *writer = make_writer(rel, NULL);
	MemoryContext caller = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	const TriggerDesc *triggers = writer->target.ri_TrigDesc;

	if (RelationGetNumberOfAttributes(rel) > columns) /* an administrator has added some */
		writer->defaults = make_defaults(rel, columns);
	writer->as_owner = writer->defaults != NULL || write_runs_code(&writer->target, CMD_INSERT);
	writer->after_triggers = triggers != NULL && triggers->trig_insert_after_row;
	MemoryContextSwitchTo(caller);
	return writer;
}

/* Open one to write rows anew. */
TupleWriter *
tuple_updater_open(Relation rel, const Bitmapset *updated)
{
	TupleWriter *writer = make_writer(rel, updated);
	const TriggerDesc *triggers = writer->target.ri_TrigDesc;

	writer->as_owner = write_runs_code(&writer->target, CMD_UPDATE);
	writer->after_triggers = triggers != NULL && triggers->trig_update_after_row;
	return writer;
}

/* Open the table of a row trigger. */
TupleWriter *
tuple_updater_of_trigger(FmgrInfo *flinfo, Relation rel, const Bitmapset *updated)
{
	MemoryContext caller = MemoryContextSwitchTo(flinfo->fn_mcxt);
	TupleWriter *writer = make_writer(rel, updated);

	writer->secret = secret_table(RelationGetRelid(rel));
	hold_open(&writer->held, writer->estate->es_query_cxt, close_held, writer);
	MemoryContextSwitchTo(caller);
	return writer;
}

/* Begin a row. */
void
tuple_begin(TupleWriter *writer)
{
	TupleTableSlot *slot = writer->slot;
	int natts = slot->tts_tupleDescriptor->natts;

	writer->caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
	ExecClearTuple(slot);
	memset(slot->tts_values, 0, natts * sizeof(Datum));
	memset(slot->tts_isnull, true, natts * sizeof(bool));
}

/* Begin a row as an old version of it is. */
void
tuple_copy(TupleWriter *writer, TupleTableSlot *old)
{
	TupleTableSlot *slot = writer->slot;
	int natts = slot->tts_tupleDescriptor->natts;

	writer->caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
	ExecClearTuple(slot);
	slot_getallattrs(old);
	memcpy(slot->tts_values, old->tts_values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, old->tts_isnull, natts * sizeof(bool));
}

/* A text as the value of a column. */
void
tuple_put_text(TupleWriter *writer, int column, const char *value)
{
	if (value != NULL)
		tuple_put(writer, column, CStringGetTextDatum(value));
}

/* Give the columns that are NULL their defaults. */
static void
put_defaults(TupleWriter *writer)
{
	TupleTableSlot *slot = writer->slot;

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		if (writer->defaults[i] != NULL && slot->tts_isnull[i])
			slot->tts_values[i] = ExecEvalExpr(
				writer->defaults[i], GetPerTupleExprContext(writer->estate), &slot->tts_isnull[i]);
}

/* Raise 27000 for a row that has another version meanwhile; see the header. */
void
refuse_changed_row(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("tuple to be updated was already modified by an operation triggered by the "
					"current command"),
			 errdetail("A BEFORE trigger of \"%s\" has changed the row that it was fired for.",
					   RelationGetRelationName(rel)),
			 errhint("Consider using an AFTER trigger instead of a BEFORE trigger to propagate "
					 "changes to other rows.")));
}

/* Raise it unless a version of a row, which is locked, is the last. */
static void
check_last_version(TupleWriter *writer, ItemPointer tid)
{
	bool last = table_tuple_fetch_row_version(writer->rel, tid, SnapshotSelf, writer->there);

	ExecClearTuple(writer->there);
	if (!last)
		refuse_changed_row(writer->rel);
}

/*
 * Write the row in place of an old version, which is locked. Triggers that fire before may have
 * written it themselves: the server's function, which would fire them, does not look.
 */
static void
replace_tuple(TupleWriter *writer, TupleTableSlot *old)
{
	TriggerDesc *triggers = writer->target.ri_TrigDesc;
	bool before = triggers != NULL && triggers->trig_update_before_row;

	check_last_version(writer, &old->tts_tid);
	if (before)
	{
		if (!compat_fire_before_update(writer->estate, &writer->epq, &writer->target, &old->tts_tid,
									   writer->slot))
			return;
		check_last_version(writer, &old->tts_tid);
		triggers->trig_update_before_row = false;
	}
	ExecSimpleRelationUpdate(&writer->target, writer->estate, &writer->epq, old, writer->slot);
	if (before)
		triggers->trig_update_before_row = true;
}

/* Write the row; old: in place of that. */
static void
write_tuple(TupleWriter *writer, TupleTableSlot *old)
{
	/* between two transactions of a procedure there is none, and values may go out of line */
	bool needs_snapshot = !ActiveSnapshotSet();

	if (needs_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	if (writer->after_triggers)
		AfterTriggerBeginQuery();
	if (old != NULL)
		replace_tuple(writer, old);
	else
		ExecSimpleRelationInsert(&writer->target, writer->estate, writer->slot);
	if (writer->after_triggers)
		AfterTriggerEndQuery(writer->estate);
	if (needs_snapshot)
		PopActiveSnapshot();
}

/* The same where an error would show a row, or a hash, to whoever called. */
static void
write_hidden_tuple(TupleWriter *writer, TupleTableSlot *old)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		write_tuple(writer, old);
	}
	PG_CATCH();
	{
		if (!writer->as_owner && writer->secret == NULL)
			discreet_rethrow(context);
		secret_rethrow(context, writer->secret);
	}
	PG_END_TRY();
}

/*
 * Write what has been put. To act as somebody is a quarter of the work: only where some code runs.
 */
static void
end_tuple(TupleWriter *writer, TupleTableSlot *old)
{
	RoleState saved = {0};

	if (writer->as_owner)
		saved = run_as(writer->rel->rd_rel->relowner);
	if (writer->defaults != NULL)
		put_defaults(writer);
	ExecStoreVirtualTuple(writer->slot);
	MemoryContextSwitchTo(writer->estate->es_query_cxt);
	if (writer->as_owner || writer->secret != NULL ||
		pgaccount_error_detail == ERROR_DETAIL_GENERIC)
		write_hidden_tuple(writer, old);
	else
		write_tuple(writer, old);
	if (writer->as_owner)
		run_as_end(saved);
	deferred_note_table(RelationGetRelid(writer->rel), writer->target.ri_TrigDesc);

	ExecClearTuple(writer->slot);
	ResetPerTupleExprContext(writer->estate);
	MemoryContextSwitchTo(writer->caller);
}

/* Insert the row. */
void
tuple_insert(TupleWriter *writer)
{
	FAILURE_POINT("row-insert");
	end_tuple(writer, NULL);
}

/* Write the row in place of an old version. */
void
tuple_replace(TupleWriter *writer, TupleTableSlot *old)
{
	FAILURE_POINT("row-replace");
	end_tuple(writer, old);
}

/* Close a writer. */
void
tuple_writer_close(TupleWriter *writer)
{
	EState *estate = writer->estate;

	ExecResetTupleTable(estate->es_tupleTable, false);
	ExecCloseIndices(&writer->target);
	ExecCloseResultRelations(estate); /* those that AFTER triggers have opened */
	FreeExecutorState(estate);        /* writer goes with it */
}
