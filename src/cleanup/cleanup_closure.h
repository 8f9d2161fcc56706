/*
 * cleanup_closure.h
 *		Which rows go when rows of a table are removed: those, and what follows them.
 */
#ifndef PGACCOUNT_CLEANUP_CLOSURE_H
#define PGACCOUNT_CLEANUP_CLOSURE_H

#include "fmgr.h"
#include "tcop/dest.h"
#include "utils/snapshot.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "cleanup_read.h"
#include "cleanup_set.h"

typedef enum CleanupAction
{
	CLEANUP_DELETE,
	CLEANUP_SET_NULL,
	CLEANUP_SET_DEFAULT,
	CLEANUP_PROTECTED
} CleanupAction;

/* Rows of one table that come by one foreign key, or are named by the caller. */
typedef struct CleanupStep
{
	FkNode *node;
	FkEdge *edge; /* NULL: the caller's own rows */
	CleanupAction action;
	int64 rows;
} CleanupStep;

/* Where the rows come from that the caller names. */
typedef struct CleanupSeed
{
	const char *from; /* SQL after FROM, the table being `c` */
	OneRun run;       /* its arguments and options */
	bool by_tid;      /* a row that comes later is not among them */
} CleanupSeed;

/* Called for each row that joins a set, in this order. */
typedef void (*RowJoined)(Oid tab, ItemPointer tid, void *arg);

typedef struct Cleanup
{
	Oid target;
	bool force;
	const char *approved; /* NULL, or the hash of the plan that may be done */
	bool live_rows_hold;  /* purge: live rows of soft-delete tables do not follow, they hold */
	List *live_too;       /* FkEdge over which they follow all the same */
	/* who must be allowed to remove rows of soft-delete tables for good; InvalidOid: nobody */
	Oid remover;
	bool as_delete; /* rows of those that go with their parents need no leave */
	/* for what stands in the way; NULL: what a caller of account.cleanup can do */
	const char *hint;
	/* each table is read and written with its owner's rights: nobody's privileges are asked */
	bool as_owners;
	CleanupSeed seed;
	FkGraph *graph;
	FkNode *node;     /* of the target */
	List *nodes;      /* whose rows may go */
	List *components; /* of these, children first */
	List *steps;      /* CleanupStep, numbered as in SET_VIA */
	bool under_rls;   /* row security applies to the caller on some table that is read */
	uint64 rows;      /* of all sets */
	uint64 limit;     /* 0, or stop closing once there are more */
	uint64 max_rows;  /* 0, or stop executing once there are more, which is undone then */
	/* NULL, or asked once rows have gone: can there be none that follow them, for sure? */
	bool (*undisturbed)(const struct Cleanup *cleanup, void *arg);
	void *undisturbed_arg;
	bool exceeded;    /* that is so: the sets are not whole, or what was done is not */
	RowJoined joined; /* NULL, or called with arg */
	void *arg;
	bool may_set;         /* whether the caller may set keys has been judged */
	bool lookups;         /* what references its rows was just read, see EdgeQuery */
	const char *activity; /* what pg_stat_activity shows; NULL: account.cleanup */
} Cleanup;

/* What a cleanup is made for. */
typedef enum CleanupUse
{
	CLEANUP_TO_PLAN, /* it will not be executed */
	CLEANUP_TO_EXECUTE,
	CLEANUP_TO_CUT /* and it will be asked which row references which */
} CleanupUse;

/*
 * Rows of a table that belong to one of the target by a key, and go with it where the key says that
 * they stand in its way.
 */
typedef struct TakenAlong
{
	Oid relid;
	AttrNumber column;
	AttrNumber parent_column; /* of the target */
	bool deleted;             /* those alone that are deleted softly; else live ones, too */
} TakenAlong;

/*
 * A cleanup of rows of a table; reads the graph. In the current memory context. Raises 0A000 where
 * rows that could go are in a table that is no heap.
 */
extern Cleanup *cleanup_make(Oid target, bool force, CleanupUse use, bool as_owners);

/* The same to execute it as the caller; along: NULL, or what goes along. */
extern Cleanup *cleanup_make_taking(Oid target, bool force, const TakenAlong *along);

/*
 * The same for rows that go because of what they reference, with the rights of the tables' owners:
 * rows of other soft-delete tables stand in the way where on_parent_delete refuses.
 */
extern Cleanup *cleanup_make_by_parents(Oid target);

/*
 * The same for rows that are erased: those follow that follow a deletion, softly or for good. Each
 * table is read as its owner.
 */
extern Cleanup *cleanup_make_to_erase(Oid target);

/*
 * The same for a function whose arguments are target, key and, unless the rest are fewer, force.
 * Locks the target. Who calls it must be allowed to remove rows of soft-delete tables for good.
 */
extern Cleanup *cleanup_of_arguments(FunctionCallInfo fcinfo, LOCKMODE lockmode, CleanupUse use);

/*
 * The first table that is no heap, of those whose rows a cleanup could remove, so that it would
 * raise; InvalidOid if there is none.
 */
extern Oid cleanup_no_heap(Oid target);

/*
 * Let rows of a node's table join its set: those of a set of tids that are there in this snapshot;
 * which of them are is not asked where the node keeps no keys.
 */
extern void cleanup_add_rows(Cleanup *cleanup, FkNode *node, RowSet *rows, Snapshot snapshot);

/* Do live rows of a soft-delete table stand in the way over an edge by which rows follow? */
extern bool cleanup_live_rows_hold(const Cleanup *cleanup, const FkEdge *edge);

/* Give the joins enough memory to be fast, until AtEOXact_GUC() of the returned level. */
extern int cleanup_join_memory(void);

/*
 * Find all rows that go, in this snapshot: what the cleanup was seeded with, if it was, and what
 * follows it and the rows that were added.
 */
extern void cleanup_close(Cleanup *cleanup, Snapshot snapshot);

/* Find rows that go and are not in the sets yet, in this snapshot. Returns how many. */
extern uint64 cleanup_close_again(Cleanup *cleanup, Snapshot snapshot);

/* The step of an edge and an action; made if there is none. */
extern CleanupStep *cleanup_step(Cleanup *cleanup, FkNode *node, FkEdge *edge,
								 CleanupAction action);

/* Does row security apply to the caller on a table? */
extern bool cleanup_under_rls(const Cleanup *cleanup, Oid relid);

/* Let go of the sets. */
extern void cleanup_free(Cleanup *cleanup);

#endif /* PGACCOUNT_CLEANUP_CLOSURE_H */
