/*
 * fk_reference.c
 *		References that no foreign key declares, as edges.
 *
 * account.declared_reference says which columns reference the primary key of which table. Which
 * columns that key has, and by which operators the two are compared, is looked up as edges are
 * made, as ADD FOREIGN KEY would: so a reference goes with its tables as they are. One that cannot
 * be at present (the primary key is gone, or its tables are not restored yet) is no edge; the
 * doctor names it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "fk_reference.h"

/* A table's primary key. */
typedef struct PrimaryKey
{
	int ncols;
	AttrNumber columns[INDEX_MAX_KEYS];
	Oid classes[INDEX_MAX_KEYS]; /* operator classes */
} PrimaryKey;

/* Read a table's primary key. False: it has none that references could be compared with. */
static bool
read_primary_key(Oid relid, PrimaryKey *key)
{
	Relation rel = table_open(IndexRelationId, AccessShareLock);
	bool found = false;
	ScanKeyData scan_key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&scan_key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, IndexIndrelidIndexId, true, NULL, 1, &scan_key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
		bool isnull;
		oidvector *classes;

		/* a key WITHOUT OVERLAPS (18) is an exclusion */
		if (!form->indisprimary || form->indisexclusion)
			continue;
		classes = (oidvector *) DatumGetPointer(
			heap_getattr(tuple, Anum_pg_index_indclass, RelationGetDescr(rel), &isnull));
		if (isnull)
			elog(ERROR, "null indclass for index %u", form->indexrelid);
		key->ncols = form->indnkeyatts;
		for (int i = 0; i < key->ncols; i++)
		{
			key->columns[i] = form->indkey.values[i];
			key->classes[i] = classes->values[i];
		}
		found = true;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Is the code that casts a type to another the server's, a superuser's, or of this role? */
static bool
is_own_cast(Oid from, Oid to, Oid role)
{
	Oid owner = cast_code_owner(from, to, COERCION_IMPLICIT);

	return !OidIsValid(owner) || owner == role;
}

/*
 * The operator that compares a column of a primary key with one that references it, as a foreign
 * key would: the one of the key's operator family for the two types, else the key's own where both
 * cast to its type implicitly. InvalidOid: there is none. What a row references is looked for as
 * the owner of the table with the key, so a cast of somebody else's would run as that owner, and is
 * none.
 */
static Oid
find_equality(Oid opclass, Oid key_type, Oid type, Oid owner)
{
	Oid family = get_opclass_family(opclass);
	Oid input = get_opclass_input_type(opclass);
	Oid types[] = {key_type, type};
	Oid targets[] = {input, input};
	Oid equality = get_opfamily_member(family, input, getBaseType(type), BTEqualStrategyNumber);

	if (OidIsValid(equality))
		return equality;
	return can_coerce_type(2, types, targets, COERCION_IMPLICIT) &&
				   is_own_cast(key_type, input, owner) && is_own_cast(type, input, owner)
			   ? get_opfamily_member(family, input, input, BTEqualStrategyNumber)
			   : InvalidOid;
}

/* Make the edge of a reference; see the header. */
FkEdge *
fk_reference_edge(const FkReference *reference, ReferenceFault *fault, int *where)
{
	FkEdge *edge = palloc0(sizeof(FkEdge));
	PrimaryKey key;
	int n = reference->ncolumns;

	*where = 0;
	*fault = REFERENCE_NO_TABLE;
	if (get_rel_name(reference->child) == NULL || get_rel_name(reference->parent) == NULL)
		return NULL;
	edge->declared = reference->number;
	edge->name = pstrdup(NameStr(reference->name));
	edge->child = reference->child;
	edge->parent = reference->parent;
	edge->nkeys = edge->nset = n;
	edge->child_cols = edge->set_cols = palloc(Max(n, 1) * sizeof(AttrNumber));
	edge->parent_cols = palloc(Max(n, 1) * sizeof(AttrNumber));
	edge->equality = palloc(Max(n, 1) * sizeof(Oid));
	edge->catalog_action = FKCONSTR_ACTION_NOACTION;
	edge->on_delete = reference->action;
	edge->on_soft_delete = reference->on_soft_delete;

	for (*where = 0; *where < n; (*where)++)
	{
		edge->child_cols[*where] =
			get_attnum(reference->child, NameStr(reference->columns[*where]));
		*fault = REFERENCE_NO_COLUMN;
		if (edge->child_cols[*where] <= 0)
			return NULL;
	}
	*fault = REFERENCE_NO_KEY;
	if (!read_primary_key(reference->parent, &key))
		return NULL;
	*fault = REFERENCE_OTHER_COUNT;
	*where = key.ncols;
	if (key.ncols != n)
		return NULL;
	for (*where = 0; *where < n; (*where)++)
	{
		edge->parent_cols[*where] = key.columns[*where];
		edge->equality[*where] = find_equality(
			key.classes[*where], get_atttype(edge->parent, key.columns[*where]),
			get_atttype(edge->child, edge->child_cols[*where]), relation_owner(edge->parent));
		*fault = REFERENCE_NO_EQUALITY;
		if (!OidIsValid(edge->equality[*where]))
			return NULL;
	}
	*fault = REFERENCE_FITS;
	return edge;
}

/* The edges of the references of some tables, or of all; see the header. */
List *
fk_reference_edges(List *relids, bool by_child)
{
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, fk_references())
	{
		const FkReference *reference = lfirst(lc);
		ReferenceFault fault;
		int where;
		FkEdge *edge;

		if (relids != NIL &&
			!list_member_oid(relids, by_child ? reference->child : reference->parent))
			continue;
		edge = fk_reference_edge(reference, &fault, &where);
		if (edge != NULL)
			edges = lappend(edges, edge);
	}
	return edges;
}
