/*
 * cascade_edges.c
 *		What a soft deletion does to the rows that reference others, kept by table.
 *
 * A foreign key says something of the rows of the very table that it names: a partitioned table
 * with its partitions, or another without those that inherit from it. So each table of a hierarchy
 * has edges of its own, a partition those of its partitioned tables besides.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "cascade_batch.h"
#include "cascade_edges.h"
#include "mapping.h"

/* So many are kept at least before those that are outdated are looked for. */
#define SWEEP_MIN 32

static HTAB *edges_of = NULL;
static long sweep_at = SWEEP_MIN;

/*
 * A relation changed: what is known of its edges, of those of tables below it, and of those of
 * tables it references is outdated. (Whether a child has soft delete is the child's to change.)
 */
static void
relation_changed(Oid relid)
{
	HASH_SEQ_STATUS status;
	EdgesEntry *entry;

	hash_seq_init(&status, edges_of);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!OidIsValid(relid) || entry->relid == relid ||
			(entry->valid && list_member_oid(entry->tables, relid)))
			entry->valid = false;
}

/*
 * Between transactions nobody holds an entry: those of tables that have changed, or are dropped,
 * go.
 */
static void
transaction_ends(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS status;
	EdgesEntry *entry;

	if ((event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) ||
		hash_get_num_entries(edges_of) < sweep_at)
		return;
	hash_seq_init(&status, edges_of);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->valid)
			continue;
		if (entry->context != NULL)
			MemoryContextDelete(entry->context);
		(void) hash_search(edges_of, &entry->relid, HASH_REMOVE, NULL);
	}
	sweep_at = Max(SWEEP_MIN, 2 * hash_get_num_entries(edges_of));
}

/* Make the empty cache and follow transactions. */
void
cascade_edges_init(void)
{
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(EdgesEntry)};

	edges_of = hash_create("pgaccount edges", 32, &ctl, HASH_ELEM | HASH_BLOBS);
	relation_changes_follow(relation_changed);
	RegisterXactCallback(transaction_ends, NULL);
}

/* Do rows follow over this edge? */
bool
edge_is_followed(const FkEdge *edge)
{
	return fk_edge_follows_softly(edge);
}

/* What a soft deletion does to rows that reference over this edge, as policies say. */
EdgeEffect
edge_effect(const FkEdge *edge)
{
	switch (edge->on_soft_delete)
	{
		case FK_SOFT_REMOVE:
			return EDGE_REMOVES;
		case FK_SOFT_REFUSE:
			return EDGE_REFUSES;
		default:
			return edge_is_followed(edge) && mapping_declared(edge->child) != NULL ? EDGE_FOLLOWS
																				   : EDGE_KEEPS;
	}
}

/* Those of these references over which a soft deletion does something to the rows. */
static List *
acting_edges(List *references)
{
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, references)
		if (edge_effect(lfirst(lc)) != EDGE_KEEPS)
			edges = lappend(edges, lfirst(lc));
	return edges;
}

/* Does a soft deletion of rows of this very table do something to others? */
bool
cascade_acts(Oid relid)
{
	return acting_edges(fk_referencing(relid)) != NIL;
}

/* The keys by which rows of soft-delete tables follow this one's. In the current memory context. */
List *
cascade_edges(Oid relid)
{
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, fk_referencing(relid))
		if (edge_effect(lfirst(lc)) == EDGE_FOLLOWS &&
			mapping_active(((FkEdge *) lfirst(lc))->child) != NULL)
			edges = lappend(edges, lfirst(lc));
	return edges;
}

/* A table and all that inherit from it, or are parts of it, and have soft delete. */
List *
cascade_tree(Oid relid)
{
	List *tables = NIL;
	ListCell *lc;

	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
		if (mapping_declared(lfirst_oid(lc)) != NULL)
			tables = lappend_oid(tables, lfirst_oid(lc));
	return tables;
}

/* Tables whose rows may follow those of a table, itself first. */
List *
cascade_followers(Oid relid, bool whole)
{
	List *tables = list_make1_oid(relid);

	for (int i = 0; i < list_length(tables); i++)
	{
		Oid table = list_nth_oid(tables, i);
		List *parts = list_make1_oid(table);
		ListCell *lc;
		ListCell *lc2;

		CHECK_FOR_INTERRUPTS();
		if ((whole && i == 0) || get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE)
			parts = cascade_tree(table);
		foreach (lc, parts)
			foreach (lc2, cascade_edges(lfirst_oid(lc)))
				tables = list_append_unique_oid(tables, ((FkEdge *) lfirst(lc2))->child);
	}
	return tables;
}

/* The kept edges of a table. */
EdgesEntry *
cascade_edges_entry(Relation rel)
{
	Oid relid = RelationGetRelid(rel);
	bool found;
	EdgesEntry *entry = hash_search(edges_of, &relid, HASH_ENTER, &found);
	uint64 changes = relation_changes_seen();
	List *references;
	MemoryContext old;
	ListCell *lc;

	if (!found)
	{
		entry->valid = false;
		entry->context = NULL;
	}
	if (entry->valid)
		return entry;

	if (entry->context != NULL)
		MemoryContextReset(entry->context);
	else
		entry->context =
			AllocSetContextCreate(CacheMemoryContext, "pgaccount edges", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(entry->context);
	entry->has_flush = pending_is_flushed(&cascade_batches, relid, &entry->tables);
	references = fk_referencing(relid);
	entry->edges = acting_edges(references);
	foreach (lc, references)
		entry->tables = list_append_unique_oid(entry->tables, ((FkEdge *) lfirst(lc))->child);
	MemoryContextSwitchTo(old);
	/* reading the catalogs may have brought news: then this answer is for this time only */
	entry->valid = (changes == relation_changes_seen());
	return entry;
}

/* A copy of an edge. */
FkEdge *
copy_edge(const FkEdge *edge)
{
	FkEdge *copy = palloc(sizeof(FkEdge));
	Size columns = edge->nkeys * sizeof(AttrNumber);

	*copy = *edge;
	copy->name = pstrdup(edge->name);
	copy->child_cols = memcpy(palloc(columns), edge->child_cols, columns);
	copy->parent_cols = memcpy(palloc(columns), edge->parent_cols, columns);
	copy->equality =
		memcpy(palloc(edge->nkeys * sizeof(Oid)), edge->equality, edge->nkeys * sizeof(Oid));
	copy->nset = 0;
	copy->set_cols = NULL;
	return copy;
}
