/*
 * tuple_write.h
 *		Rows inserted, or written anew, without a statement.
 */
#ifndef PGACCOUNT_TUPLE_WRITE_H
#define PGACCOUNT_TUPLE_WRITE_H

#include "executor/executor.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"

#include "held_open.h"

/*
 * A table that rows are written to. The caller fills slot between tuple_begin() or _copy() and
 * tuple_insert() or _replace().
 */
typedef struct TupleWriter
{
	Relation rel;
	EState *estate;
	ResultRelInfo target;
	EPQState epq;
	TupleTableSlot *slot;
	TupleTableSlot *there; /* an old version is looked at; NULL: rows are inserted */
	bool as_owner;         /* of the table: it has code of that which runs for a row */
	bool after_triggers;   /* fire with each row, not with the statement that is running */
	const char *secret;    /* see secret_rethrow() */
	ExprState **defaults;  /* of the columns without a value; NULL: none has one */
	MemoryContext caller;  /* to which tuple_insert() and tuple_replace() return */
	HeldOpen held;         /* of a trigger's alone */
} TupleWriter;

/*
 * Open a table of the extension, which the caller has open and locked, and keeps so until
 * tuple_writer_close(). The caller gives the first columns a value. No rule, policy or privilege is
 * asked. Row triggers fire, statement triggers do not. Whatever runs for a row runs as the table's
 * owner.
 */
extern TupleWriter *tuple_writer_open(Relation rel, int columns);

/* The same to write rows anew, of which these columns change (by attribute number). */
extern TupleWriter *tuple_updater_open(Relation rel, const Bitmapset *updated);

/*
 * The same for a row trigger: what runs for a row runs as the current user, AFTER triggers at the
 * end of the running statement, and no error shows a hash. Lives, and is closed, with the memory of
 * flinfo.
 */
extern TupleWriter *tuple_updater_of_trigger(FmgrInfo *flinfo, Relation rel,
											 const Bitmapset *updated);

/* Begin a row: all of it is NULL, or as an old version is. To the memory of the row. */
extern void tuple_begin(TupleWriter *writer);
extern void tuple_copy(TupleWriter *writer, TupleTableSlot *old);

/* Give a column (from 0) of the row a value; put_text: NULL for NULL. */
static inline void
tuple_put(TupleWriter *writer, int column, Datum value)
{
	writer->slot->tts_values[column] = value;
	writer->slot->tts_isnull[column] = false;
}

extern void tuple_put_text(TupleWriter *writer, int column, const char *value);

/* Insert the row: what has a default and is NULL gets it. */
extern void tuple_insert(TupleWriter *writer);

/*
 * Write the row in place of an old version, which is locked. Raises 27000 where a BEFORE trigger
 * has changed that row.
 */
extern void tuple_replace(TupleWriter *writer, TupleTableSlot *old);

/*
 * Raise 27000, in the words of the executor, for a row that a trigger has changed which was fired
 * for an UPDATE of it.
 */
compat_noreturn extern void refuse_changed_row(Relation rel);

extern void tuple_writer_close(TupleWriter *writer);

#endif /* PGACCOUNT_TUPLE_WRITE_H */
