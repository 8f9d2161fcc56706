/*
 * cleanup_read.h
 *		Which rows reference rows of a set.
 */
#ifndef PGACCOUNT_CLEANUP_READ_H
#define PGACCOUNT_CLEANUP_READ_H

#include "utils/snapshot.h"

#include "fkey/fkey.h"
#include "cleanup_set.h"

/* A table whose rows may go; FkNode.data. */
typedef struct CleanupTable
{
	FkNode *node;
	List *keys;     /* attribute numbers of the columns that others reference */
	List *incoming; /* the edges by which rows follow, those from components further up first */
	RowSet *set;
	bool under_rls; /* row security applies to the caller */
	/* nothing asks for its rows: they are counted, and the set stays empty but for n */
	bool counted;
} CleanupTable;

/* Rows of a node that go; 0 where none can. */
static inline uint64
cleanup_set_size(const FkNode *node)
{
	return node->data != NULL ? ((CleanupTable *) node->data)->set->n : 0;
}

/* Key column i that an edge references, as the table of its node numbers it. */
extern AttrNumber cleanup_parent_key(const FkEdge *edge, int i);

/* Does an edge compare integers, and nothing else? */
extern bool cleanup_compares_integers(const FkEdge *edge);

/* SQL: the columns that a set of the node keeps, of table `c` named relid; begins with a comma. */
extern char *cleanup_key_columns(FkNode *node, Oid relid);

/* The same of any columns of the node's table, attribute numbers. */
extern char *cleanup_columns(FkNode *node, Oid relid, const List *columns);

/* Column i of an edge's child, as the table of its node numbers it. */
extern AttrNumber cleanup_child_key(const FkEdge *edge, int i);

/* SQL: a condition that s.tab is a table, or one of its partitions, after what is in sql. */
extern void cleanup_add_parts_condition(StringInfo sql, OneRun *run, Oid relid);

/* Is the row (c.tableoid, c.ctid in columns 1 and 2) one that goes? */
extern bool cleanup_has_row(FkNode *node, TupleTableSlot *slot);

/* Which rows are read, and what of them. */
typedef struct EdgeQuery
{
	Tuplestorestate *rows; /* of the parent's set: those that are referenced; NULL: all of them */
	uint64 n;              /* so many */
	Snapshot snapshot;
	bool deleted_only; /* leave live rows out */
	bool parents;      /* after the row's own columns: tableoid and ctid of the one it references */
	bool as_owners;    /* as the tables' owners, whatever the caller may read */
	uint64 limit;      /* of rows that are read, of each edge at most; 0: all */
	bool count;        /* one row, which has only the number of rows; for one edge at a time */
	bool lookups;      /* what references few keys was just read: indexes are in memory */
} EdgeQuery;

/*
 * Read the rows that reference some rows of the parent's set over an edge, whether they go or not.
 * With parents the set must have its rows stored, see row_set_keep_places().
 */
extern void cleanup_read_edge(FkEdge *edge, const EdgeQuery *query, RowCallback callback,
							  void *arg);

/*
 * The same over several edges of one referencing table; args: what callback gets for rows of each.
 * A row may come once for each edge, or only for the first.
 */
extern void cleanup_read_edges(List *edges, const EdgeQuery *query, RowCallback callback,
							   void **args);

/* Read the rows of the table that an edge references that have a key of its set: their tids. */
extern void cleanup_read_keys(const FkEdge *edge, RowCallback callback, void *arg);

#endif /* PGACCOUNT_CLEANUP_READ_H */
