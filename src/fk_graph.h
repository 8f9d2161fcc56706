/*
 * fk_graph.h
 *		Foreign keys as data.
 */
#ifndef PGACCOUNT_FK_GRAPH_H
#define PGACCOUNT_FK_GRAPH_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

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
	Oid *equality;  /* parent column = child column */
	char on_delete; /* FKCONSTR_ACTION_... */
	bool proven;    /* enforced, and valid for the rows that are there */
	bool deferrable;
	bool deferred;
} FkEdge;

/* The foreign keys that reference a table; declared on its partitioned ancestors included. */
extern List *fk_referencing(Oid parent);

/* The foreign keys a table has; declared on its partitioned ancestors included. */
extern List *fk_of(Oid child);

/* `alias.column OPERATOR(schema.=) other.column AND …` of an edge, parent side first. */
extern char *fk_join(const FkEdge *edge, const char *parent_prefix, bool parent_numbered,
					 const char *child_prefix, bool child_numbered);

/* `column`, or `(a, b)`: how messages name the referencing columns. */
extern char *reference_column(const FkEdge *edge);

/* Schema, table and constraint names of an edge as error fields; within ereport(). */
extern int err_constraint(const FkEdge *edge);

#endif /* PGACCOUNT_FK_GRAPH_H */
