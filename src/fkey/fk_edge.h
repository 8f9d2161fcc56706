/*
 * fk_edge.h
 *		A reference of one table to another: a foreign key, or one that no foreign key declares.
 */
#ifndef PGACCOUNT_FK_EDGE_H
#define PGACCOUNT_FK_EDGE_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

struct FkNode;

/* What becomes of rows whose parent is deleted softly, as account.set_reference_policy() says. */
typedef enum FkSoftDelete
{
	FK_SOFT_DEFAULT, /* nothing is said: see fk_edge_follows_softly() */
	FK_SOFT_FOLLOW,
	FK_SOFT_KEEP,
	FK_SOFT_REMOVE, /* for good */
	FK_SOFT_REFUSE
} FkSoftDelete;

/* A reference, partitions folded into the tables it was declared on. */
typedef struct FkEdge
{
	Oid constraint; /* InvalidOid: no foreign key declares it, account.set_reference() did */
	Oid declared;   /* then its number; else InvalidOid. Plans are kept by the two */
	char *name;
	Oid child;  /* the referencing table */
	Oid parent; /* the referenced table */
	int nkeys;
	AttrNumber *child_cols;
	AttrNumber *parent_cols;
	bool period;         /* a key over a period: its last columns are ranges that overlap */
	Oid *equality;       /* parent column = child column, or && */
	char on_delete;      /* FKCONSTR_ACTION_..., by policy where there is one */
	char catalog_action; /* what the server does; FKCONSTR_ACTION_NOACTION without foreign key */
	FkSoftDelete on_soft_delete;
	int nset; /* the columns that SET NULL and SET DEFAULT set */
	AttrNumber *set_cols;
	bool proven; /* valid for the rows that are there */
	bool deferrable;
	bool deferred;
	struct FkNode *child_node; /* in a graph */
	struct FkNode *parent_node;
} FkEdge;

/*
 * A row and itself, by a column that is unique: for what asks for rows by a list of what they
 * reference. It is no reference, and the same as none. palloc'd.
 */
extern FkEdge *fk_edge_of_key(Oid relid, AttrNumber column);

/* Are two edges the same reference? */
extern bool fk_same_edge(const FkEdge *one, const FkEdge *other);

/* Is an edge the same as one of a list? */
extern bool fk_edge_among(const FkEdge *edge, const List *edges);

/* `alias.column OPERATOR(schema.=) other.column AND …` of an edge, parent side first. */
extern char *fk_join(const FkEdge *edge, const char *parent_prefix, bool parent_numbered,
					 const char *child_prefix, bool child_numbered);

/* ` COLLATE name` after column i of the parent, where the columns' collations differ, or "". */
extern const char *fk_join_collation(const FkEdge *edge, int i);

/* Do rows follow their parent over this edge? force: over protected ones, too. */
extern bool fk_edge_follows(const FkEdge *edge, bool force);

/* Must each row have a reference over this edge: are its columns NOT NULL? */
extern bool fk_edge_is_mandatory(const FkEdge *edge);

/* The first column that SET NULL would set and that is NOT NULL; InvalidAttrNumber: none is. */
extern AttrNumber fk_edge_not_null(const FkEdge *edge);

/* Do rows stand in their parent's way over this edge? */
extern bool fk_edge_protects(const FkEdge *edge);

/*
 * Do rows of a soft-delete table follow their parent's soft deletion over this edge? Where nothing
 * is said of it they do if they would follow for good.
 */
extern bool fk_edge_follows_softly(const FkEdge *edge);

/* `column`, or `(a, b)`: how messages name the referencing columns. */
extern char *reference_column(const FkEdge *edge);

/* Schema, table and constraint names of an edge as error fields; within ereport(). */
extern int err_constraint(const FkEdge *edge);

#endif /* PGACCOUNT_FK_EDGE_H */
