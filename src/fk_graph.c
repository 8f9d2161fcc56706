/*
 * fk_graph.c
 *		Foreign keys as data, read from pg_constraint.
 *
 * A key of, or to, a partitioned table has a row in pg_constraint for every partition too; those
 * are left out, so each edge is one that somebody declared. Lists are made in the caller's memory
 * context. Nothing is locked: callers hold locks on the tables they start from.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_operator.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "fk_graph.h"
#include "identifiers.h"

/* Make an edge of a row of pg_constraint. */
static FkEdge *
make_edge(HeapTuple tuple)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	FkEdge *edge = palloc0(sizeof(FkEdge));
	AttrNumber del_set_cols[INDEX_MAX_KEYS];
	Oid pp[INDEX_MAX_KEYS];
	Oid ff[INDEX_MAX_KEYS];
	int n_del_set_cols;

	edge->constraint = form->oid;
	edge->name = pstrdup(NameStr(form->conname));
	edge->child = form->conrelid;
	edge->parent = form->confrelid;
	edge->on_delete = form->confdeltype;
	edge->proven = form->convalidated && compat_is_enforced(form);
	edge->deferrable = form->condeferrable;
	edge->deferred = form->condeferred;
	edge->child_cols = palloc(INDEX_MAX_KEYS * sizeof(AttrNumber));
	edge->parent_cols = palloc(INDEX_MAX_KEYS * sizeof(AttrNumber));
	edge->equality = palloc(INDEX_MAX_KEYS * sizeof(Oid));
	DeconstructFkConstraintRow(tuple, &edge->nkeys, edge->child_cols, edge->parent_cols,
							   edge->equality, pp, ff, &n_del_set_cols, del_set_cols);
	return edge;
}

/* Append the declared foreign keys whose column `attribute` of pg_constraint is one of relids. */
static List *
scan_edges(List *relids, AttrNumber attribute)
{
	Relation rel = table_open(ConstraintRelationId, AccessShareLock);
	bool by_child = (attribute == Anum_pg_constraint_conrelid);
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, relids)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple tuple;

		ScanKeyInit(&key, attribute, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(lfirst_oid(lc)));
		scan = systable_beginscan(rel, by_child ? ConstraintRelidTypidNameIndexId : InvalidOid,
								  by_child, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

			if (form->contype == CONSTRAINT_FOREIGN && !OidIsValid(form->conparentid))
				edges = lappend(edges, make_edge(tuple));
		}
		systable_endscan(scan);
	}
	table_close(rel, AccessShareLock);
	return edges;
}

/* The relation and the partitioned tables it is a partition of. */
static List *
with_ancestors(Oid relid)
{
	List *relids = list_make1_oid(relid);

	if (get_rel_relispartition(relid))
		relids = list_concat(relids, get_partition_ancestors(relid));
	return relids;
}

/* The foreign keys that reference a table. */
List *
fk_referencing(Oid parent)
{
	return scan_edges(with_ancestors(parent), Anum_pg_constraint_confrelid);
}

/* The foreign keys a table has. */
List *
fk_of(Oid child)
{
	return scan_edges(with_ancestors(child), Anum_pg_constraint_conrelid);
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
		appendStringInfo(&buf, " %s ", sql_operator(edge->equality[i]));
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
