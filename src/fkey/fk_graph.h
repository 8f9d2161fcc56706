/*
 * fk_graph.h
 *		Foreign keys, and references that none declares, as data.
 */
#ifndef PGACCOUNT_FK_GRAPH_H
#define PGACCOUNT_FK_GRAPH_H

#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "fk_edge.h"

/* A table in the graph, its partitions folded into it. */
typedef struct FkNode
{
	Oid relid;         /* hash key */
	List *referencing; /* the edges to it */
	int component;     /* number among fk_components(), children first */
	void *data;        /* the caller's */
	bool member;       /* below: fk_components() alone */
	bool on_stack;
	int order;
	int low;
} FkNode;

typedef struct FkGraph
{
	HTAB *nodes;
	List *edges; /* by schema, table and name */
} FkGraph;

/*
 * The references to a table; declared on its partitioned ancestors included. Without keys over
 * periods.
 */
extern List *fk_referencing(Oid parent);

/* The references that a table has, likewise; or with keys over periods. */
extern List *fk_of(Oid child);
extern List *fk_of_with_periods(Oid child);

/* All references of the database as a graph. */
extern FkGraph *fk_graph_load(void);

/* The node of a table or partition; made if there is none. */
extern FkNode *fk_graph_node(FkGraph *graph, Oid relid);

/* The table that a relation is part of: the topmost partitioned one, or itself. */
extern Oid fk_node_table(Oid relid);

/* Strongly connected components of some nodes, a list of lists of FkNode, children first. */
extern List *fk_components(List *nodes);

#endif /* PGACCOUNT_FK_GRAPH_H */
