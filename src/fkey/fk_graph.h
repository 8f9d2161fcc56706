/*
 * fk_graph.h
 *		Foreign keys as data.
 */
#ifndef PGACCOUNT_FK_GRAPH_H
#define PGACCOUNT_FK_GRAPH_H

#include "access/attnum.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

struct FkNode;

/* A foreign key, partitions folded into the tables it was declared on. */
typedef struct FkEdge
{
	Oid constraint;
	char *name;
	Oid child;  /* the referencing table */
	Oid parent; /* the referenced table */
	int nkeys;
	AttrNumber *child_cols;
	AttrNumber *parent_cols;
	Oid *equality;       /* parent column = child column */
	char on_delete;      /* FKCONSTR_ACTION_..., by policy where there is one */
	char catalog_action; /* what the server does */
	int nset;            /* the columns that SET NULL and SET DEFAULT set */
	AttrNumber *set_cols;
	bool proven; /* valid for the rows that are there */
	bool deferrable;
	bool deferred;
	struct FkNode *child_node; /* in a graph */
	struct FkNode *parent_node;
} FkEdge;

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

/* The foreign keys that reference a table; declared on its partitioned ancestors included. */
extern List *fk_referencing(Oid parent);

/* The foreign keys a table has; declared on its partitioned ancestors included. */
extern List *fk_of(Oid child);

/* `alias.column OPERATOR(schema.=) other.column AND …` of an edge, parent side first. */
extern char *fk_join(const FkEdge *edge, const char *parent_prefix, bool parent_numbered,
					 const char *child_prefix, bool child_numbered);

/* ` COLLATE name` after column i of the parent, where the columns' collations differ, or "". */
extern const char *fk_join_collation(const FkEdge *edge, int i);

/* All foreign keys of the database as a graph. */
extern FkGraph *fk_graph_load(void);

/* The node of a table or partition; made if there is none. */
extern FkNode *fk_graph_node(FkGraph *graph, Oid relid);

/* The table that a relation is part of: the topmost partitioned one, or itself. */
extern Oid fk_node_table(Oid relid);

/* Strongly connected components of some nodes, a list of lists of FkNode, children first. */
extern List *fk_components(List *nodes);

/* Do rows follow their parent over this edge? force: over protected ones, too. */
extern bool fk_edge_follows(const FkEdge *edge, bool force);

/* Do rows stand in their parent's way over this edge? */
extern bool fk_edge_protects(const FkEdge *edge);

/* `column`, or `(a, b)`: how messages name the referencing columns. */
extern char *reference_column(const FkEdge *edge);

/* Schema, table and constraint names of an edge as error fields; within ereport(). */
extern int err_constraint(const FkEdge *edge);

#endif /* PGACCOUNT_FK_GRAPH_H */
