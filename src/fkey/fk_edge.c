/*
 * fk_edge.c
 *		A reference of one table to another: what it does, and how SQL and messages name it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/base.h"
#include "fk_edge.h"

/* A row and itself, by a column that is unique. */
FkEdge *
fk_edge_of_key(Oid relid, AttrNumber column)
{
	FkEdge *edge = palloc0(sizeof(FkEdge));

	edge->constraint = relid; /* a foreign key has no number beside it, */
	edge->declared = column;  /* and a declared reference nothing but that */
	edge->name = pstrdup(get_rel_name(relid));
	edge->child = edge->parent = relid;
	edge->nkeys = 1;
	edge->child_cols = palloc(sizeof(AttrNumber));
	edge->child_cols[0] = column;
	edge->parent_cols = edge->child_cols;
	edge->equality = palloc(sizeof(Oid));
	edge->equality[0] =
		lookup_type_cache(getBaseType(get_atttype(relid, column)), TYPECACHE_EQ_OPR)->eq_opr;
	edge->on_delete = FKCONSTR_ACTION_CASCADE;
	edge->catalog_action = FKCONSTR_ACTION_NOACTION;
	return edge;
}

/* Are two edges the same reference? */
bool
fk_same_edge(const FkEdge *one, const FkEdge *other)
{
	return one->constraint == other->constraint && one->declared == other->declared;
}

/* Is an edge the same as one of a list? */
bool
fk_edge_among(const FkEdge *edge, const List *edges)
{
	ListCell *lc;

	foreach (lc, edges)
		if (fk_same_edge(lfirst(lc), edge))
			return true;
	return false;
}

/*
 * ` COLLATE name` of the parent's column where the child's has another collation: the parent's
 * decides, as in a referential check.
 */
const char *
fk_join_collation(const FkEdge *edge, int i)
{
	Oid type;
	int32 typmod;
	Oid parent;
	Oid child;

	get_atttypetypmodcoll(edge->parent, edge->parent_cols[i], &type, &typmod, &parent);
	get_atttypetypmodcoll(edge->child, edge->child_cols[i], &type, &typmod, &child);
	if (parent == child || !OidIsValid(parent) || !OidIsValid(child))
		return "";
	return psprintf(" COLLATE %s", sql_collation(parent));
}

/*
 * The join condition of an edge. A side is `prefix.column`, or, numbered, `prefix1`, `prefix2` …
 * (parameters, or columns of a function).
 */
char *
fk_join(const FkEdge *edge, const char *parent_prefix, bool parent_numbered,
		const char *child_prefix, bool child_numbered)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < edge->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&buf, " AND ");
		if (parent_numbered)
			appendStringInfo(&buf, "%s%d", parent_prefix, i + 1);
		else
			appendStringInfo(&buf, "%s.%s", parent_prefix,
							 sql_column(edge->parent, edge->parent_cols[i]));
		appendStringInfo(&buf, "%s %s ", fk_join_collation(edge, i),
						 sql_operator(edge->equality[i]));
		if (child_numbered)
			appendStringInfo(&buf, "%s%d", child_prefix, i + 1);
		else
			appendStringInfo(&buf, "%s.%s", child_prefix,
							 sql_column(edge->child, edge->child_cols[i]));
	}
	return buf.data;
}

/* `column`, or `(a, b)`: how messages name the referencing columns. */
char *
reference_column(const FkEdge *edge)
{
	StringInfoData buf;

	if (edge->nkeys == 1)
		return sql_column(edge->child, edge->child_cols[0]);
	initStringInfo(&buf);
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "(",
						 sql_column(edge->child, edge->child_cols[i]));
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* Schema, table and constraint names of an edge as error fields. */
int
err_constraint(const FkEdge *edge)
{
	err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(get_rel_namespace(edge->child)));
	err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(edge->child));
	err_generic_string(PG_DIAG_CONSTRAINT_NAME, edge->name);
	return 0;
}

/* Is this an edge over which rows follow their parent? force: those that are protected, too. */
bool
fk_edge_follows(const FkEdge *edge, bool force)
{
	return edge->on_delete == FKCONSTR_ACTION_CASCADE || (force && fk_edge_protects(edge));
}

/* Must each row have a reference over this edge? */
bool
fk_edge_is_mandatory(const FkEdge *edge)
{
	for (int i = 0; i < edge->nkeys; i++)
	{
		HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(edge->child),
										  Int16GetDatum(edge->child_cols[i]));
		bool not_null =
			HeapTupleIsValid(tuple) && ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if (!not_null)
			return false;
	}
	return true;
}

/* The first column that SET NULL would set and that is NOT NULL; InvalidAttrNumber: none is. */
AttrNumber
fk_edge_not_null(const FkEdge *edge)
{
	for (int i = 0; i < edge->nset; i++)
	{
		HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(edge->child),
										  Int16GetDatum(edge->set_cols[i]));
		bool not_null =
			HeapTupleIsValid(tuple) && ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if (not_null)
			return edge->set_cols[i];
	}
	return InvalidAttrNumber;
}

/* Does a row that references over this edge stand in the way of its parent's deletion? */
bool
fk_edge_protects(const FkEdge *edge)
{
	return edge->on_delete == FKCONSTR_ACTION_RESTRICT ||
		   edge->on_delete == FKCONSTR_ACTION_NOACTION;
}

/* Do rows of a soft-delete table follow their parent's soft deletion over this edge? */
bool
fk_edge_follows_softly(const FkEdge *edge)
{
	if (edge->on_soft_delete == FK_SOFT_DEFAULT)
		return fk_edge_follows(edge, false);
	return edge->on_soft_delete == FK_SOFT_FOLLOW;
}
