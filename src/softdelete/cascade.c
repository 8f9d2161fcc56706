/*
 * cascade.c
 *		What follows from the deletion of a row, or from its return: its children go and come with
 *		it.
 *
 * Children are the rows of soft-delete tables whose key references the row ON DELETE CASCADE. The
 * consequences hang on the UPDATE of deleted_at, so they are the same whoever made it: a rewritten
 * DELETE, the row trigger, or an application that sets the column itself.
 *
 * account.soft_delete_changed(), AFTER UPDATE for each row whose deleted_at changed, collects the
 * keys; account.soft_delete_flush(), AFTER UPDATE OR DELETE for each statement, comes after the
 * last of them and updates each child table in one statement. A row trigger costs an UPDATE of
 * other columns nothing but its WHEN, and is cloned to partitions attached later. Those have no
 * statement trigger, so there each row is flushed at once.
 *
 * Batches (pending.c) are flushed early when they are large, so memory stays flat. The children's
 * statements run as their tables' owners, as the server's referential actions do, and with their
 * own AFTER triggers queued behind ours, so a deep tree needs no deep stack.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "cascade.h"
#include "mapping.h"
#include "soft_delete.h"

PG_FUNCTION_INFO_V1(soft_delete_changed);
PG_FUNCTION_INFO_V1(soft_delete_flush);

/* What became of a row. */
typedef enum Change
{
	CHANGE_DELETED,
	CHANGE_RESTORED,
	CHANGE_STAMPED /* it was deleted, and still is, with another stamp */
} Change;

/* Rows whose children follow; one kind of change, of one foreign key. */
typedef struct Batch
{
	PendingBatch pending;
	FkEdge *edge;
	Change change;
	int room;
	Datum **keys;      /* [column][row] */
	Datum *old_stamps; /* 0 for rows that were live */
	Datum *new_stamps; /* 0 for rows that are */
} Batch;

#define BATCH_ROWS 1000

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

/* So many are kept at least before those that are outdated are looked for. */
#define SWEEP_MIN 32

static HTAB *edges_of = NULL;
static long sweep_at = SWEEP_MIN;
static PendingList batches = {.function = "soft_delete_flush", .rows = "children of deleted rows"};

/*
 * How deep in triggers the statement for a batch was started, which is running; -1: none is.
 * Triggers of that statement itself only collect, and who runs it goes on with what they have: a
 * chain of rows is no chain of calls. A statement of somebody's trigger within it is as any other,
 * deeper in.
 */
static int batch_depth = -1;
static int batch_nesting = 0; /* statements for batches that run one within the other */

/* So deep rows of many children are not collected all, but let follow a batch at a time. */
#define MAX_NESTING 8
static uint64 rows_followed = 0;

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

/* Forget the edges of tables that have changed, or are dropped. */
static void
sweep_edges(void)
{
	HASH_SEQ_STATUS status;
	EdgesEntry *entry;

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

/* Between transactions no statement for a batch is running, and nobody holds an entry. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	batch_depth = -1;
	batch_nesting = 0;
	if (hash_get_num_entries(edges_of) >= sweep_at)
		sweep_edges();
}

/* Make the empty cache and follow transactions. */
void
cascade_init(void)
{
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(EdgesEntry)};

	edges_of = hash_create("pgaccount edges", 32, &ctl, HASH_ELEM | HASH_BLOBS);
	relation_changes_follow(relation_changed);
	RegisterXactCallback(transaction_ends, NULL);
	pending_follow(&batches);
}

/* Rows that followed others since the last call, for account.restore to count. */
uint64
cascade_take_count(void)
{
	uint64 count = rows_followed;

	rows_followed = 0;
	return count;
}

/*
 * Those of these foreign keys by which rows of soft-delete tables follow the rows they reference.
 */
static List *
following_edges(List *references)
{
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, references)
	{
		FkEdge *edge = lfirst(lc);

		if (edge->on_delete != FKCONSTR_ACTION_CASCADE || mapping_declared(edge->child) == NULL)
			continue;
		for (int i = 0; i < edge->nkeys; i++)
		{
			Oid type = get_atttype(edge->parent, edge->parent_cols[i]);

			if (!OidIsValid(get_array_type(getBaseType(type))) || type_is_rowtype(type))
				ereport(
					ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rows of \"%s\" cannot follow those of \"%s\"",
							get_rel_name(edge->child), get_rel_name(edge->parent)),
					 errdetail("Foreign key \"%s\" has a key of type %s; rows follow by keys that "
							   "are neither arrays nor composites.",
							   edge->name, format_type_be(type)),
					 errhint("Give the foreign key another action than CASCADE, or leave one of "
							 "the tables without soft delete.")));
		}
		edges = lappend(edges, edge);
	}
	return edges;
}

/* The same as below, whether the children's triggers fire at present or not. */
List *
cascade_declared_edges(Oid relid)
{
	return following_edges(fk_referencing(relid));
}

/* The keys by which rows of soft-delete tables follow this one's. In the current memory context. */
List *
cascade_edges(Oid relid)
{
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, cascade_declared_edges(relid))
		if (mapping_active(((FkEdge *) lfirst(lc))->child) != NULL)
			edges = lappend(edges, lfirst(lc));
	return edges;
}

/* The kept edges of a table. */
static EdgesEntry *
edges_entry(Relation rel)
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
	entry->has_flush = pending_is_flushed(&batches, relid, &entry->tables);
	references = fk_referencing(relid);
	entry->edges = following_edges(references);
	foreach (lc, references)
		entry->tables = list_append_unique_oid(entry->tables, ((FkEdge *) lfirst(lc))->child);
	MemoryContextSwitchTo(old);
	/* reading the catalogs may have brought news: then this answer is for this time only */
	entry->valid = (changes == relation_changes_seen());
	return entry;
}

/* The kept statements, by change. */
static const PlanKind following_kinds[] = {
	[CHANGE_DELETED] = PLAN_CASCADE_CHILDREN,
	[CHANGE_RESTORED] = PLAN_RESTORE_CHILDREN,
	[CHANGE_STAMPED] = PLAN_STAMP_CHILDREN,
};

/*
 * The statement that makes children follow. $1... are arrays of the parent's key columns, then of
 * its old stamps, then of its new ones, in the type of the children's; then who deleted.
 */
static KeptStatement *
following_plan(const FkEdge *edge, Change change)
{
	KeptStatement *plan = plan_lookup(following_kinds[change], edge->constraint, InvalidOid);
	const SoftDelete *mapping;
	StringInfoData sql;
	Oid argtypes[INDEX_MAX_KEYS + 3];
	char *stamp;

	if (plan != NULL)
		return plan;

	mapping = mapping_declared(edge->child);
	if (mapping == NULL)
		elog(ERROR, "table \"%s\" has no soft delete any more", get_rel_name(edge->child));
	stamp = sql_column(edge->child, mapping->deleted_at);
	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "UPDATE %s c SET ", sql_relation(edge->child));
	if (change == CHANGE_DELETED)
		appendStringInfoString(&sql,
							   sql_set_deleted(mapping, "k.new", psprintf("$%d", edge->nkeys + 3)));
	else if (change == CHANGE_RESTORED)
		appendStringInfoString(&sql, sql_set_live(mapping));
	else
		appendStringInfo(&sql, "%s = k.new", stamp);
	appendStringInfoString(&sql, " FROM ROWS FROM (");
	for (int i = 0; i < edge->nkeys + 2; i++)
	{
		Oid type = i < edge->nkeys ? getBaseType(get_atttype(edge->parent, edge->parent_cols[i]))
								   : mapping->stamp.base;

		argtypes[i] = get_array_type(type);
		appendStringInfo(&sql, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
	}
	argtypes[edge->nkeys + 2] = TEXTOID;
	appendStringInfoString(&sql, ") AS k(");
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&sql, "k%d, ", i + 1);
	appendStringInfo(&sql, "old, new) WHERE %s AND ", fk_join(edge, "k.k", true, "c", false));
	if (change == CHANGE_DELETED)
		appendStringInfo(&sql, "c.%s IS NULL", stamp);
	else
		appendStringInfo(&sql, "c.%s OPERATOR(pg_catalog.=) %s", stamp,
						 sql_stamp_from(&mapping->stamp, "k.old", &mapping->stamp));
	return plan_keep(following_kinds[change], edge->constraint, InvalidOid, sql.data,
					 edge->nkeys + 3, argtypes);
}

/* An array of values of a type. */
static Datum
make_array(Datum *values, int n, Oid type)
{
	int16 len;
	bool by_value;
	char align;

	get_typlenbyvalalign(type, &len, &by_value, &align);
	return PointerGetDatum(construct_array(values, n, type, len, by_value, align));
}

/* How deep in triggers are we? */
static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

/* Does this trigger belong to the statement that is running for a batch? */
static bool
in_batch(void)
{
	return batch_depth >= 0 && trigger_depth() == batch_depth + 1;
}

/* Run the statement for a batch. Its triggers fire with it, as the owner of the children. */
static uint64
run_following(KeptStatement *plan, Datum *values)
{
	int outer = batch_depth;
	volatile uint64 followed = 0;

	PG_TRY();
	{
		batch_depth = trigger_depth();
		batch_nesting++;
		followed = statement_run(plan, values, NULL, NULL);
	}
	PG_FINALLY();
	{
		batch_depth = outer;
		batch_nesting--;
	}
	PG_END_TRY();
	return followed;
}

/* Let the children of a batch follow, and free it. */
static void
run_batch(Batch *batch)
{
	FkEdge *edge = batch->edge;
	int n = batch->pending.n;
	Datum values[INDEX_MAX_KEYS + 3];
	KeptStatement *plan;
	const Oid *types;
	Oid stamp_type;
	RoleState caller;
	uint64 followed;

	SPI_connect();
	values[edge->nkeys + 2] = CStringGetTextDatum(actor_name());
	caller = run_as(relation_owner(edge->child));
	plan = following_plan(edge, batch->change);
	for (int i = 0; i < edge->nkeys; i++)
		values[i] = make_array(batch->keys[i], n,
							   getBaseType(get_atttype(edge->parent, edge->parent_cols[i])));
	(void) plan_parameters(plan, &types);
	stamp_type = get_element_type(types[edge->nkeys]);
	values[edge->nkeys] = make_array(batch->old_stamps, n, stamp_type);
	values[edge->nkeys + 1] = make_array(batch->new_stamps, n, stamp_type);
	followed = run_following(plan, values);
	rows_followed += followed; /* which those that follow these have changed meanwhile */
	run_as_end(caller);
	SPI_finish();
	MemoryContextDelete(batch->pending.context);
}

/* The batch for rows of this edge, in this subtransaction; made if there is none. */
static Batch *
open_batch(const FkEdge *edge, Change change)
{
	MemoryContext old;
	Batch *batch;
	ListCell *lc;

	foreach (lc, batches.batches)
	{
		batch = lfirst(lc);
		if (batch->edge->constraint == edge->constraint && batch->change == change &&
			pending_is_ours(&batch->pending))
			return batch;
	}
	batch = pending_begin(&batches, sizeof(Batch));
	old = MemoryContextSwitchTo(batch->pending.context);
	batch->change = change;
	batch->edge = palloc(sizeof(FkEdge));
	*batch->edge = *edge;
	batch->edge->name = pstrdup(edge->name);
	batch->edge->child_cols = palloc(edge->nkeys * sizeof(AttrNumber));
	memcpy(batch->edge->child_cols, edge->child_cols, edge->nkeys * sizeof(AttrNumber));
	batch->edge->parent_cols = palloc(edge->nkeys * sizeof(AttrNumber));
	memcpy(batch->edge->parent_cols, edge->parent_cols, edge->nkeys * sizeof(AttrNumber));
	batch->edge->equality = palloc(edge->nkeys * sizeof(Oid));
	memcpy(batch->edge->equality, edge->equality, edge->nkeys * sizeof(Oid));
	batch->keys = palloc(edge->nkeys * sizeof(Datum *));
	batch->room = 8;
	for (int i = 0; i < edge->nkeys; i++)
		batch->keys[i] = palloc(batch->room * sizeof(Datum));
	batch->old_stamps = palloc(batch->room * sizeof(Datum));
	batch->new_stamps = palloc(batch->room * sizeof(Datum));
	MemoryContextSwitchTo(old);
	return batch;
}

/*
 * Add a row to the batch of an edge. Runs nothing: the caller walks a list that running may free.
 */
static void
collect(const FkEdge *edge, Change change, Relation rel, HeapTuple tuple, Datum old_stamp,
		Datum new_stamp)
{
	TupleDesc desc = RelationGetDescr(rel);
	Datum keys[INDEX_MAX_KEYS];
	AttrNumber attnums[INDEX_MAX_KEYS];
	MemoryContext old;
	Batch *batch;
	int n;

	for (int i = 0; i < edge->nkeys; i++)
	{
		bool isnull;

		/* a partition may have its columns in another order than the table of the key */
		attnums[i] = edge->parent == RelationGetRelid(rel)
						 ? edge->parent_cols[i]
						 : get_attnum(RelationGetRelid(rel),
									  get_attname(edge->parent, edge->parent_cols[i], false));
		keys[i] = heap_getattr(tuple, attnums[i], desc, &isnull);
		if (isnull)
			return; /* nothing can reference it */
	}
	batch = open_batch(edge, change);
	old = MemoryContextSwitchTo(batch->pending.context);
	n = batch->pending.n++;
	if (n == batch->room)
	{
		batch->room *= 2;
		for (int i = 0; i < edge->nkeys; i++)
			batch->keys[i] = repalloc(batch->keys[i], batch->room * sizeof(Datum));
		batch->old_stamps = repalloc(batch->old_stamps, batch->room * sizeof(Datum));
		batch->new_stamps = repalloc(batch->new_stamps, batch->room * sizeof(Datum));
	}
	for (int i = 0; i < edge->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, attnums[i] - 1);

		batch->keys[i][n] = datumCopy(keys[i], att->attbyval, att->attlen);
	}
	batch->old_stamps[n] = old_stamp;
	batch->new_stamps[n] = new_stamp;
	MemoryContextSwitchTo(old);
}

/* Run the batches of this subtransaction that have at least so many rows. */
static void
flush(int rows)
{
	Batch *batch;

	while ((batch = pending_take(&batches, rows)) != NULL)
		run_batch(batch);
}

/*
 * account.soft_delete_changed() RETURNS trigger: AFTER UPDATE, for each row that is deleted,
 * restored, or stamped anew.
 */
Datum
soft_delete_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "soft_delete_changed");
	Relation rel = trigger->tg_relation;
	TupleDesc desc = RelationGetDescr(rel);
	const SoftDelete *mapping;
	EdgesEntry *entry;
	Datum old_stamp;
	Datum new_stamp;
	bool was_live;
	bool is_live;
	bool has_flush;
	Change change;
	ListCell *lc;

	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return PointerGetDatum(NULL);
	mapping = mapping_declared(RelationGetRelid(rel));
	if (mapping == NULL)
		return PointerGetDatum(NULL);

	old_stamp = heap_getattr(trigger->tg_trigtuple, mapping->deleted_at, desc, &was_live);
	new_stamp = heap_getattr(trigger->tg_newtuple, mapping->deleted_at, desc, &is_live);
	if (was_live && is_live)
		return PointerGetDatum(NULL);
	change = was_live ? CHANGE_DELETED : is_live ? CHANGE_RESTORED : CHANGE_STAMPED;
	if (change == CHANGE_STAMPED &&
		DatumGetTimestampTz(old_stamp) == DatumGetTimestampTz(new_stamp))
		return PointerGetDatum(NULL);

	entry = edges_entry(rel);
	has_flush = entry->has_flush;
	foreach (lc, entry->edges)
		if (mapping_active(((FkEdge *) lfirst(lc))->child) != NULL)
			collect(lfirst(lc), change, rel, trigger->tg_newtuple, was_live ? 0 : old_stamp,
					is_live ? 0 : new_stamp);
	if (!in_batch())
		flush(has_flush ? BATCH_ROWS : 1);
	else if (batch_nesting < MAX_NESTING)
		flush(BATCH_ROWS);
	return PointerGetDatum(NULL);
}

/* account.soft_delete_flush() RETURNS trigger: AFTER UPDATE OR DELETE, for each statement. */
Datum
soft_delete_flush(PG_FUNCTION_ARGS)
{
	(void) called_as_trigger(fcinfo, "soft_delete_flush");
	if (!in_batch())
		flush(1);
	return PointerGetDatum(NULL);
}
