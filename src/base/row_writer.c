/*
 * row_writer.c
 *		Rows inserted, or written anew, without a statement.
 *
 * A statement that writes one row spends most of its time on starting and ending the executor. This is
 * what remains of it: defaults, constraints, indexes and row triggers are as they are with a statement.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "commands/trigger.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "deferred.h"
#include "row_writer.h"
#include "statement.h"
#include "table_code.h"

/* The defaults of the columns that are not given; what is constant in them is evaluated here. */
Expr **
row_defaults(Relation rel, const Bitmapset *given)
{
	TupleDesc desc = RelationGetDescr(rel);
	Expr **defaults = NULL;
	RoleState saved = run_as(rel->rd_rel->relowner);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		Node *value;

		if (column->attisdropped || column->attgenerated || bms_is_member(i + 1, given))
			continue;
		value = build_column_default(rel, i + 1);
		if (value == NULL)
			continue;
		if (defaults == NULL)
			defaults = palloc0(desc->natts * sizeof(Expr *));
		defaults[i] = expression_planner((Expr *) value);
	}
	run_as_end(saved);
	return defaults;
}

/* Make a writer. */
static RowWriter *
make_writer(Relation rel, Bitmapset *updated)
{
	EState *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	RowWriter *writer = palloc0(sizeof(RowWriter));

	writer->rel = rel;
	writer->estate = estate;
	compat_init_range_table(estate, rel, updated);
	InitResultRelInfo(&writer->target, rel, 1, NULL, 0);
	writer->slot = table_slot_create(rel, &estate->es_tupleTable);
	open_indexes(&writer->target);
	MemoryContextSwitchTo(caller);
	return writer;
}

/* Open a table for writing; see the header. */
RowWriter *
row_writer_open(Relation rel, Expr **defaults, bool triggers)
{
	RowWriter *writer = make_writer(rel, NULL);
	MemoryContext caller = MemoryContextSwitchTo(writer->estate->es_query_cxt);
	int natts = RelationGetNumberOfAttributes(rel);

	if (!triggers)
		writer->target.ri_TrigDesc = NULL;
	writer->runs_code = defaults != NULL || write_runs_code(&writer->target, CMD_INSERT);
	writer->after_triggers =
		writer->target.ri_TrigDesc != NULL && writer->target.ri_TrigDesc->trig_insert_after_row;
	if (defaults != NULL)
	{
		writer->defaults = palloc0(natts * sizeof(ExprState *));
		for (int i = 0; i < natts; i++)
			if (defaults[i] != NULL)
				writer->defaults[i] = ExecInitExpr(defaults[i], NULL);
	}
	MemoryContextSwitchTo(caller);
	return writer;
}

/* Open a table for writing rows anew. */
RowWriter *
row_updater_open(Relation rel, const Bitmapset *updated)
{
	Bitmapset *columns = NULL;
	RowWriter *writer;

	for (int attnum = -1; (attnum = bms_next_member(updated, attnum)) >= 0;)
		columns = bms_add_member(columns, attnum - FirstLowInvalidHeapAttributeNumber);
	writer = make_writer(rel, columns);
	compat_EvalPlanQualInit(&writer->epq, writer->estate);
	writer->runs_code = write_runs_code(&writer->target, CMD_UPDATE);
	writer->after_triggers =
		writer->target.ri_TrigDesc != NULL && writer->target.ri_TrigDesc->trig_update_after_row;
	return writer;
}

/* Begin a row. */
void
row_writer_begin(RowWriter *writer)
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
row_writer_copy(RowWriter *writer, TupleTableSlot *old)
{
	int natts = writer->slot->tts_tupleDescriptor->natts;

	row_writer_begin(writer);
	slot_getallattrs(old);
	memcpy(writer->slot->tts_values, old->tts_values, natts * sizeof(Datum));
	memcpy(writer->slot->tts_isnull, old->tts_isnull, natts * sizeof(bool));
}

/* A text as the value of a column. */
void
row_put_text(RowWriter *writer, int column, const char *value)
{
	if (value != NULL)
		row_put(writer, column, CStringGetTextDatum(value));
}

/*
 * Write the row; old: in place of that. Defaults, constraints, indexes and triggers run with the rights of a
 * statement of the table's owner, where there are any: to act as somebody is a quarter of the work.
 */
static void
write_row(RowWriter *writer, TupleTableSlot *old)
{
	EState *estate = writer->estate;
	TupleTableSlot *slot = writer->slot;
	RoleState saved = {0};

	if (writer->runs_code)
		saved = run_as(writer->rel->rd_rel->relowner);
	for (int i = 0; writer->defaults != NULL && i < slot->tts_tupleDescriptor->natts; i++)
		if (writer->defaults[i] != NULL && slot->tts_isnull[i])
			slot->tts_values[i] = ExecEvalExpr(writer->defaults[i], GetPerTupleExprContext(estate),
											   &slot->tts_isnull[i]);
	ExecStoreVirtualTuple(slot);
	MemoryContextSwitchTo(estate->es_query_cxt);
	if (writer->after_triggers)
		AfterTriggerBeginQuery();
	if (old != NULL)
		ExecSimpleRelationUpdate(&writer->target, estate, &writer->epq, old, slot);
	else
		ExecSimpleRelationInsert(&writer->target, estate, slot);
	if (writer->after_triggers)
		AfterTriggerEndQuery(estate);
	if (writer->runs_code)
		run_as_end(saved);
	deferred_note_table(RelationGetRelid(writer->rel), writer->target.ri_TrigDesc);

	ExecClearTuple(slot);
	ResetPerTupleExprContext(estate);
	MemoryContextSwitchTo(writer->caller);
}

/* Insert the row. */
void
row_writer_put(RowWriter *writer)
{
	write_row(writer, NULL);
}

/* Write the row in place of an old version. */
void
row_writer_replace(RowWriter *writer, TupleTableSlot *old)
{
	write_row(writer, old);
}

/* Close what row_writer_open() has opened. */
void
row_writer_close(RowWriter *writer)
{
	EState *estate = writer->estate;

	ExecResetTupleTable(estate->es_tupleTable, false);
	ExecCloseIndices(&writer->target);
	ExecCloseResultRelations(estate); /* those that AFTER triggers have opened */
	FreeExecutorState(estate);        /* writer goes with it */
}

/* A writer of a table of the extension; see the header. */
RowWriter *
own_writer_open(Relation rel, int columns)
{
	Expr **defaults = NULL;

	if (RelationGetNumberOfAttributes(rel) > columns) /* an administrator has added some */
		defaults = row_defaults(rel, bms_add_range(NULL, 1, columns));
	return row_writer_open(rel, defaults, true);
}
