/*
 * row_writer.h
 *		Rows inserted, or written anew, without a statement.
 */
#ifndef PGACCOUNT_ROW_WRITER_H
#define PGACCOUNT_ROW_WRITER_H

#include "executor/executor.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"

#include "extension.h"

/* A table that rows are written to. The caller fills slot between row_writer_begin() and _put() or _replace(). */
typedef struct RowWriter
{
	Relation rel;
	EState *estate;
	ResultRelInfo target;
	TupleTableSlot *slot;
	bool runs_code; /* of the table's owner, so that rows are written as that */
	bool after_triggers;
	EPQState epq;
	ExprState **defaults; /* of the columns without a value; NULL: none has one */
	MemoryContext caller; /* to which row_writer_put() returns */
} RowWriter;

/*
 * The defaults of the columns that are not in given (by attribute number), planned, by column; NULL: there
 * are none. In the current memory context. As the table's owner: planning may run functions.
 */
extern Expr **row_defaults(Relation rel, const Bitmapset *given);

/*
 * Open a table that the caller has open and locked, and keeps so until row_writer_close(). No rule, policy
 * or privilege is asked. Whatever runs for a row runs as the table's owner. Row triggers fire with triggers;
 * without, the caller has seen to it that none is to fire. Statement triggers do not. NULL defaults: none.
 */
extern RowWriter *row_writer_open(Relation rel, Expr **defaults, bool triggers);

/* The same to write rows anew, of which these columns change (by attribute number). Row triggers fire. */
extern RowWriter *row_updater_open(Relation rel, const Bitmapset *updated);

/* Begin a row: all of it is NULL. To the memory of the row, until row_writer_put() or _replace(). */
extern void row_writer_begin(RowWriter *writer);

/* Insert the row: what has a default and is NULL gets it. */
extern void row_writer_put(RowWriter *writer);

/* Write the row in place of an old version, which is locked. row_writer_copy() begins it as that is. */
extern void row_writer_copy(RowWriter *writer, TupleTableSlot *old);
extern void row_writer_replace(RowWriter *writer, TupleTableSlot *old);

extern void row_writer_close(RowWriter *writer);

/* Give a column (from 0) of the row a value; put_text: NULL for NULL. */
static inline void
row_put(RowWriter *writer, int column, Datum value)
{
	writer->slot->tts_values[column] = value;
	writer->slot->tts_isnull[column] = false;
}

extern void row_put_text(RowWriter *writer, int column, const char *value);

/* A writer of a table of the extension, whose first columns the caller gives. Its triggers fire. */
extern RowWriter *own_writer_open(Relation rel, int columns);

#endif /* PGACCOUNT_ROW_WRITER_H */
