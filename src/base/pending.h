/*
 * pending.h
 *		Rows that row triggers collect for the end of their statement, where a statement trigger
 *		flushes them.
 *
 * What is collected belongs to the subtransaction that collected it, and goes with it. Nothing is
 * left to the end of the transaction, when deferred triggers have fired and those that are queued
 * then never would.
 */
#ifndef PGACCOUNT_PENDING_H
#define PGACCOUNT_PENDING_H

#include "nodes/pg_list.h"

/* Rows that are flushed together. The first member of what a file keeps of them. */
typedef struct PendingBatch
{
	MemoryContext context; /* holds the batch, and all that is put into it */
	int nest_level;
	int n; /* rows */
} PendingBatch;

/* The batches of one kind, in the order in which they were begun. */
typedef struct PendingList
{
	const char *function;    /* of schema account, of the statement trigger that flushes */
	const char *rows;        /* for a message: what they are */
	void (*postponed)(void); /* NULL, or flushes what was postponed; see pending_postpone() */
	List *batches;
	struct PendingList *next;
} PendingList;

/* Have a list follow transactions, from now on. Called while the library is loaded. */
extern void pending_follow(PendingList *list);

/*
 * A removal of several statements begins, and ends: lists that have a function for it are not
 * flushed meanwhile, but at its end. They call pending_is_postponed() for that. After an error it
 * is pending_give_up(), in PG_CATCH.
 */
extern void pending_postpone(void);
extern void pending_catch_up(void);
extern void pending_give_up(void);
extern bool pending_is_postponed(void);

/* Begin a batch of this subtransaction; size is that of what begins with it. All of it is 0. */
extern void *pending_begin(PendingList *list, Size size);

/* Put a batch that was taken on a list, as one of this subtransaction. */
extern void pending_put(PendingList *list, PendingBatch *batch);

/*
 * Does a batch belong to the running subtransaction? One that is around it is not its to add to, or
 * to flush.
 */
extern bool pending_is_ours(const PendingBatch *batch);

/*
 * Take the first batch of this subtransaction with at least so many rows off the list, or NULL. The
 * caller deletes its context.
 */
extern void *pending_take(PendingList *list, int rows);

/* The tables that a table inherits from, or is a part of, directly. */
extern List *tables_inherited_by(Oid relid);

/*
 * The tables by which a statement may reach a table's rows: itself, and all that it inherits from,
 * or is a part of, the nearest first.
 */
extern List *tables_above(Oid relid);

/*
 * Does whatever changes rows of a table end with the trigger that flushes: is it a statement,
 * whichever table it names, this one or one that it inherits from? Else each row is flushed at
 * once. tables: NULL, or where these tables go.
 */
extern bool pending_is_flushed(const PendingList *list, Oid relid, List **tables);

#endif /* PGACCOUNT_PENDING_H */
