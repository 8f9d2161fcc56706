/*
 * cleanup_set.h
 *		Sets of rows of one table, by where they are stored, with the keys that others reference.
 */
#ifndef PGACCOUNT_CLEANUP_SET_H
#define PGACCOUNT_CLEANUP_SET_H

#include "access/tupdesc.h"
#include "storage/itemptr.h"
#include "utils/hsearch.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "key_bitmap.h"

/* The columns before the keys. */
#define SET_TAB   0 /* oid: the partition the row is in */
#define SET_TID   1 /* tid */
#define SET_VIA   2 /* int4: the step it is counted in */
#define SET_FIXED 3

/* What SQL calls the set that a statement reads. */
#define SET_NAME "pgaccount_set"

/* The keys of a column, for statements that read a set by its keys. */
typedef struct KeyColumn
{
	KeyBitmap *bitmap; /* NULL: row_set_map_key() was not called */
	Tuplestorestate *rows;
	uint64 n;
	uint64 stored; /* of these, in rows */
	bool spilled;  /* not all keys are in the bitmap */
} KeyColumn;

typedef struct RowSet
{
	MemoryContext context;
	Oid *tabs; /* the partitions that have rows */
	int ntabs;
	int allocated;
	int last_tab;            /* of the row looked up last */
	KeyBitmap *tids;         /* which rows */
	TupleDesc desc;          /* tab oid, tid tid, via int4, k<n> of each key column */
	KeyColumn *keys;         /* as many as desc has */
	List *retired;           /* stores that were replaced */
	Tuplestorestate *all;    /* every row, or see row_set_keep_places() */
	Tuplestorestate *recent; /* NULL: not asked for; rows since row_set_take_recent() */
	uint64 n;
	uint64 nrecent;
	ItemPointerData first; /* of the tids of all, in whichever table */
	ItemPointerData last;
	bool places_only;  /* rows are stored when they are asked for */
	uint64 stored;     /* in that case: rows in all */
	int step;          /* the step of all of them, unless */
	KeyBitmap **steps; /* there are several: their tids by step */
	int nsteps;
} RowSet;

/* An empty set. keys: attribute numbers of the table's columns to keep. In the current context. */
extern RowSet *row_set_make(Oid relid, List *keys);

/* From now on keep the keys of a column, which are integers, for account.key_in_set(). */
extern void row_set_map_key(RowSet *set, AttrNumber attnum);

/*
 * Keep only the tids of rows, and the keys that are mapped, which must be all. several_lines: and
 * in which step each of them is counted.
 */
extern void row_set_keep_places(RowSet *set, bool several_lines);

/*
 * The number of a key column for account.key_in_set(); -1: none. With all_known only if every key
 * is known there, else there may be more in row_set_keys().
 */
extern int row_set_mapped_key(RowSet *set, AttrNumber attnum, bool all_known);

/* The keys of a column that is mapped, as rows that have nothing else. */
extern Tuplestorestate *row_set_keys(RowSet *set, int column);

/* The same as int8[]. */
extern Datum row_set_key_array(RowSet *set, int column);

/* Every row: what is kept of it. */
extern Tuplestorestate *row_set_rows(RowSet *set);

/* Is the row in the set? */
extern bool row_set_contains(RowSet *set, Oid tab, ItemPointer tid);

/*
 * Called for rows of one page whose line pointers are neighbours: bit n of bits is for line pointer
 * first + n.
 */
typedef void (*PageCallback)(Oid tab, BlockNumber block, OffsetNumber first, uint64 bits,
							 void *arg);

/* Hand all rows to callback, by their tids, in no order. */
extern void row_set_each_page(RowSet *set, PageCallback callback, void *arg);

/* Add a row; false: it was there. values: as desc has them. */
extern bool row_set_add(RowSet *set, Datum *values, bool *nulls);

/* Add a tid to a set without keys; false: it was there. */
extern bool row_set_add_tid(RowSet *set, Oid tab, ItemPointer tid);

/* The table and the tid in two columns of a row of a set. */
#define SLOT_TAB(slot, first) DatumGetObjectId((slot)->tts_values[first])
#define SLOT_TID(slot, first) ((ItemPointer) DatumGetPointer((slot)->tts_values[(first) + 1]))

/* From now on keep what is added apart as well. */
extern void row_set_keep_recent(RowSet *set);

/* What was added since; its number in n. The caller ends it. NULL: nothing. */
extern Tuplestorestate *row_set_take_recent(RowSet *set, uint64 *n);

/* For the planner: is this column of a table of ours unique, as far as estimates go? */
extern bool row_set_is_unique(const char *name, AttrNumber attnum);

/* Read a store from its beginning. */
extern void row_set_rewind(Tuplestorestate *rows);

/* The tids of rows of this shape as tid[]. */
extern Datum row_set_tids(TupleDesc desc, Tuplestorestate *rows, uint64 n);

/*
 * The sets that account.row_in_set() and account.key_in_set() have by number; the ones before,
 * which the caller puts back.
 */
typedef struct KnownSets
{
	RowSet **sets;
	int n;
} KnownSets;

extern KnownSets row_set_make_known(KnownSets known);

/* Let go of memory and files. */
extern void row_set_free(RowSet *set);

/* Add rows of this shape to an environment, as a table that SQL can name. */
extern void row_set_register(QueryEnvironment *env, const char *name, TupleDesc desc,
							 Tuplestorestate *rows, uint64 n);

/* A statement that is planned for one run. */
typedef struct OneRun
{
	int nargs;
	Oid *types;
	Datum *values;
	StatementOptions options;
} OneRun;

/*
 * Append the condition that row c of table relid is one of its set, and how it is found: few rows
 * by their tids, many by reading the table from the first to the last. The set is number i of those
 * that are known while the statement runs. rows, n: those that are asked for, of the set; rows
 * NULL: all of them. Adds at most ROW_SET_CONDITION_ARGS arguments to run, whose arrays have room
 * for them.
 */
#define ROW_SET_CONDITION_ARGS 2
extern void row_set_append_condition(StringInfo sql, OneRun *run, Oid relid, RowSet *set, int i,
									 Tuplestorestate *rows, uint64 n);

extern uint64 run_once(const char *sql, const OneRun *run);
extern PlannedStmt *plan_once(const char *sql, const OneRun *run);

/* Called for each row: c.tableoid, c.ctid, then what the query adds. */
typedef void (*RowCallback)(TupleTableSlot *slot, void *arg);

/* Run a query of ours and hand each row to callback. */
extern uint64 cleanup_query(const char *sql, const OneRun *run, RowCallback callback, void *arg);

/* Run a statement of ours that asks these sets by number. callback: NULL, or as above. */
extern uint64 cleanup_run_knowing(const char *sql, const OneRun *run, KnownSets known,
								  RowCallback callback, void *arg);

#endif /* PGACCOUNT_CLEANUP_SET_H */
