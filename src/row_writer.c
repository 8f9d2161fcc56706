/*
 * row_writer.c
 *		Rows inserted without a statement.
 *
 * A statement that inserts one row spends most of its time on starting and ending the executor. This is
 * what remains of it: defaults, constraints, indexes and row triggers are as they are with a statement.
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/trigger.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "plan_cache.h"
#include "row_writer.h"
#include "version.h"

/* The defaults of the columns that are not given. */
Expr **
row_defaults(Relation rel, const Bitmapset *given)
{
	TupleDesc desc = RelationGetDescr(rel);
	Expr **defaults = NULL;

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
	return defaults;
}

/* Open a table for writing; see the header. */
RowWriter *
row_writer_open(Relation rel, Expr **defaults, bool triggers)
{
	EState *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	RowWriter *writer = palloc0(sizeof(RowWriter));
	int natts = RelationGetNumberOfAttributes(rel);

	writer->rel = rel;
	writer->estate = estate;
	compat_init_range_table(estate, rel, NULL);
	InitResultRelInfo(&writer->target, rel, 1, NULL, 0);
	if (!triggers)
		writer->target.ri_TrigDesc = NULL;
	writer->slot = table_slot_create(rel, &estate->es_tupleTable);
	writer->after_triggers =
		writer->target.ri_TrigDesc != NULL && writer->target.ri_TrigDesc->trig_insert_after_row;
	ExecOpenIndices(&writer->target, false);
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

/* A text as the value of a column. */
void
row_put_text(RowWriter *writer, int column, const char *value)
{
	if (value != NULL)
		row_put(writer, column, CStringGetTextDatum(value));
}

/* Insert the row. */
void
row_writer_put(RowWriter *writer)
{
	EState *estate = writer->estate;
	TupleTableSlot *slot = writer->slot;
	RoleState saved;

	/* defaults, constraints, indexes and triggers run with the rights of an INSERT by the table's owner */
	saved = run_as(writer->rel->rd_rel->relowner);
	for (int i = 0; writer->defaults != NULL && i < slot->tts_tupleDescriptor->natts; i++)
		if (writer->defaults[i] != NULL && slot->tts_isnull[i])
			slot->tts_values[i] = ExecEvalExpr(writer->defaults[i], GetPerTupleExprContext(estate),
											   &slot->tts_isnull[i]);
	ExecStoreVirtualTuple(slot);
	MemoryContextSwitchTo(estate->es_query_cxt);

	if (writer->after_triggers)
		AfterTriggerBeginQuery();
	ExecSimpleRelationInsert(&writer->target, estate, slot);
	if (writer->after_triggers)
		AfterTriggerEndQuery(estate);
	run_as_end(saved);

	ExecClearTuple(slot);
	ResetPerTupleExprContext(estate);
	MemoryContextSwitchTo(writer->caller);
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

/* A table of the extension, opened. */
Relation
own_table_open(const char *name, LOCKMODE lock)
{
	Oid schema = account_schema();
	Oid relid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	return OidIsValid(relid) ? try_table_open(relid, lock) : NULL;
}

/* The same; there must be one. */
Relation
own_table_require(const char *name, LOCKMODE lock)
{
	Relation rel = own_table_open(name, lock);

	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("pgaccount is not installed in this database"),
						errdetail("There is no table account.%s.", name),
						errhint("Run CREATE EXTENSION pgaccount.")));
	return rel;
}

/* A writer of a table of the extension; see the header. */
RowWriter *
own_writer_open(Relation rel, int columns)
{
	Expr **defaults = NULL;

	if (RelationGetNumberOfAttributes(rel) > columns) /* an administrator has added some */
	{
		RoleState saved = run_as(rel->rd_rel->relowner);

		defaults = row_defaults(rel, bms_add_range(NULL, 1, columns));
		run_as_end(saved);
	}
	return row_writer_open(rel, defaults, true);
}
