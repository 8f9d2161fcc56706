/*
 * cascade_edges.h
 *		By which foreign keys rows follow others, kept by table.
 */
#ifndef PGACCOUNT_CASCADE_EDGES_H
#define PGACCOUNT_CASCADE_EDGES_H

#include "utils/rel.h"

#include "fkey/fkey.h"

/*
 * What is known of a table's edges to soft-delete children; kept until its relation cache entry
 * goes.
 */
typedef struct EdgesEntry
{
	Oid relid; /* hash key */
	bool valid;
	bool has_flush; /* whichever table a statement names to reach this one, it will flush */
	List *tables;   /* those tables, and all that reference this one: the answer hangs on them */
	MemoryContext context;
	List *edges;
} EdgesEntry;

extern void cascade_edges_init(void);

/*
 * The foreign keys by which rows of soft-delete tables follow rows of this very table, not of those
 * that inherit from it or are parts of it. In the current memory context.
 */
extern List *cascade_edges(Oid relid);

/* Does a soft deletion of rows of this very table do something to others? */
extern bool cascade_acts(Oid relid);

/* A table and all that inherit from it, or are parts of it, and have soft delete. */
extern List *cascade_tree(Oid relid);

/*
 * Tables whose rows may follow those of a table, as foreign keys name them, itself first. whole:
 * those of its rows, too, that tables which inherit from it have.
 */
extern List *cascade_followers(Oid relid, bool whole);

/* The kept edges of a table. Good until the catalogs are read again. */
extern EdgesEntry *cascade_edges_entry(Relation rel);

/* Do rows follow over this edge, when the tables at its ends have soft delete? */
extern bool edge_is_followed(const FkEdge *edge);

/* What a soft deletion does to the rows that reference a deleted one. */
typedef enum EdgeEffect
{
	EDGE_KEEPS,
	EDGE_FOLLOWS, /* they are deleted, and restored, with it */
	EDGE_REMOVES, /* they are removed for good */
	EDGE_REFUSES  /* where there are some it fails */
} EdgeEffect;

extern EdgeEffect edge_effect(const FkEdge *edge);

/* A copy of an edge, in the current memory context. */
extern FkEdge *copy_edge(const FkEdge *edge);

#endif /* PGACCOUNT_CASCADE_EDGES_H */
