/*
 * batches.c
 *		A cleanup in many transactions: account.cleanup_batches.
 *
 * The first transaction plans all of it, as account.cleanup does, and refuses what that refuses. It
 * remembers the rows in the order in which they were found, parents first (tid_list.c), seals the
 * row that the removal is about (seal.c), and commits. Each batch takes rows from the end of the
 * list, where nothing follows them any more, and is a cleanup of its own: in a snapshot of its own
 * it keeps those that follow the sealed row still, lets what follows them join, sets keys of rows
 * outside, deletes, proves that nothing is left, and commits. A row follows it still if neither it
 * nor any row further up has been changed since the plan (seen_rows.c), which is what mostly is so,
 * and cheap to see; else its ways up are looked for (ascent.c). So each committed state is one
 * that a cleanup leaves. Rows that came meanwhile follow a row that goes later, and go with it.
 *
 * A row outside the batch may stand in its way, or have a key that cannot be set null, and go with
 * the removal itself: it joins the batch. Other keys within the removal are set null, which is how
 * circles of tables are taken apart.
 *
 * Where more would join than a batch has room for, fewer rows are taken; where a single row has too
 * many, what goes with it is a list of its own, found anew, and done first (Frame). That is how
 * what joined after the plan is found, too: at last the sealed row itself is taken, with what there
 * is. Rows that go with each other in a circle cannot be taken apart: they go in one transaction,
 * however many they are.
 *
 * Memory: that of a batch, and the plan's bitmaps. Locks: those of a batch. Between two batches
 * nothing is held but an advisory lock of the session, and no snapshot.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "ascent.h"
#include "batches.h"
#include "cleanup_plan.h"
#include "cleanup_run.h"
#include "pace.h"
#include "plan_hash.h"
#include "removal_scope.h"
#include "removal_task.h"
#include "seal.h"
#include "seen_rows.h"
#include "tid_list.h"

ACCOUNT_OPERATION(cleanup_batches, "cleanup_batches", NO_SUBJECT);
ACCOUNT_OPERATION(cancel_removal, "cancel_removal", NO_SUBJECT);

/* It reports how far it is each time so long has passed. */
#define REPORT_EVERY_MS 2000

/* While it waits, it looks so often whether it has been cancelled. */
#define ASK_EVERY_MS 1000

/* A batch that meets others is tried so often; the first waits, which then double, up to. */
#define MAX_RETRIES     12
#define FIRST_WAIT_MS   20
#define LONGEST_WAIT_MS 2000

/* So many rows of a list may be found to be of a circle before all of it goes at once. */
#define MAX_IN_CIRCLE 8

/* A table is asked so often for a lock, with a pause in between. */
#define MAX_LOCK_TRIES 20
#define LOCK_PAUSE_MS  500

/* So much of a key is recorded. */
#define MAX_RECORDED_KEY 512

/* Where so many batches met rows above that were changed, all is planned anew. */
#define BATCHES_IN_DOUBT 16

/* Rows of a table that others follow, as a plan has seen them. */
typedef struct Above
{
	Oid relid; /* of a node */
	SeenRows *rows;
} Above;

/* Rows that go with one row, in the order in which they were found, itself first. */
typedef struct Frame
{
	MemoryContext context;
	TidList *rows;
	uint64 size;    /* of the list, at first */
	uint64 removed; /* what had been removed by then */
	bool is_root;   /* it is that of the sealed row */
	Oid tab;        /* else where the row was */
	ItemPointerData tid;
	int in_circle;
	TransactionId xmin; /* below, for the list of the sealed row: of the snapshot of its plan */
	List *above;        /* Above, of each table that others follow */
	uint64 nroots;
	int doubts; /* batches that met changed rows there */
} Frame;

/* A removal, and how far it is. */
typedef struct Removal
{
	const RemovalRequest *request;
	MemoryContext context; /* outlives transactions */
	RemovalTask *task;
	KeySet *keys;
	Pace *pace;
	List *frames; /* the last is worked on */
	uint64 chunk; /* rows to take from the list */
	uint64 remaining;
	uint64 removed; /* in this call, with keys that were set */
	bool sealed;
	bool exact;     /* it goes in one batch, which must be what was approved */
	bool hold_keys; /* rows whose key cannot be set null join */
	bool whole;     /* take all that goes with the first row of the last frame, or with the root */
	bool executing; /* something was changed */
	int unlucky;    /* lists that came to their end and removed nothing */
	TimestampTz started_at;
	TimestampTz progress_at;
	TimestampTz reported_at;
} Removal;

/* What came of an attempt at a batch. */
typedef enum Attempt
{
	ATTEMPT_DONE,     /* rows were removed, or keys set */
	ATTEMPT_NOTHING,  /* there was nothing to do, or it was put off: try again */
	ATTEMPT_FINISHED, /* and the sealed row is gone */
	ATTEMPT_RETRY     /* it was undone */
} Attempt;

/* What a batch has done. */
typedef struct Done
{
	uint64 removed;
	uint64 keys_set;
} Done;

static RemovalSealed removal_sealed = NULL;

/* Have a function called when a row is sealed. */
void
removal_sealed_is(RemovalSealed sealed)
{
	removal_sealed = sealed;
}

/* ---- Rows ---- */

/* The rows that the removal is about, which are there. */
static RowSet *
find_roots(const Removal *removal)
{
	return rows_with_keys(removal->keys, NULL, false);
}

/* Raise 55000 where the sealed row has been restored. */
static void
check_is_sealed(Removal *removal)
{
	Oid target = removal->request->target;
	const SoftDelete *soft = mapping_declared(target);

	if (!removal->sealed || soft == NULL ||
		rows_with_keys(removal->keys,
					   psprintf("c.%s IS NULL", sql_column(target, soft->deleted_at)), false)
				->n == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("a row of \"%s\" was restored while it was being removed",
						   get_rel_name(target)),
					errdetail("It had been deleted softly before what references it was removed."),
					errhint("CALL account.cleanup_batches again to go on, or end the removal by "
							"account.cancel_removal(%lld).",
							(long long) removal->task->id)));
}

/* Rows of several tables, by node of a cleanup. */
typedef struct NodeRows
{
	FkNode *node;
	RowSet *rows;
} NodeRows;

typedef struct Hints
{
	Cleanup *cleanup;
	List *nodes; /* NodeRows */
	Oid tab;     /* the last row's */
	ItemPointerData tid;
} Hints;

/* The rows of a node; made if there are none. */
static RowSet *
rows_of(Hints *hints, FkNode *node)
{
	NodeRows *entry;
	ListCell *lc;

	foreach (lc, hints->nodes)
	{
		entry = lfirst(lc);
		if (entry->node == node)
			return entry->rows;
	}
	entry = palloc(sizeof(NodeRows));
	entry->node = node;
	entry->rows = row_set_make(node->relid, NIL);
	row_set_keep_places(entry->rows, false);
	hints->nodes = lappend(hints->nodes, entry);
	return entry->rows;
}

/* A row of the list. */
static void
take_hint(Oid tab, ItemPointer tid, void *arg)
{
	Hints *hints = arg;

	/* a table that was dropped has none */
	if (hints->tab != tab && get_rel_name(tab) == NULL)
		return;
	hints->tab = tab;
	hints->tid = *tid;
	(void) row_set_add_tid(rows_of(hints, fk_graph_node(hints->cleanup->graph, tab)), tab, tid);
}

/* Do rows of a table follow others of its own component, by whatever reference? */
static bool
is_in_circle(const FkNode *node)
{
	ListCell *lc;

	foreach (lc, node->referencing)
	{
		const FkNode *child = ((FkEdge *) lfirst(lc))->child_node;

		if (child->data != NULL && child->component == node->component)
			return true;
	}
	return false;
}

/*
 * Is all that some tables follow, further up, as the plan has seen it? False: that is not so, or
 * not known; *known: it could be.
 */
static bool
above_is_unchanged(Frame *frame, const Cleanup *cleanup, const List *nodes, uint64 nroots,
				   bool *known)
{
	int component = PG_INT32_MAX;
	ListCell *lc;

	*known = frame->is_root;
	foreach (lc, nodes)
	{
		const FkNode *node = ((NodeRows *) lfirst(lc))->node;

		*known &= node->data != NULL && !is_in_circle(node);
		component = Min(component, node->component);
	}
	if (!*known || frame->nroots != nroots)
		return false;
	foreach (lc, frame->above)
	{
		Above *above = lfirst(lc);
		FkNode *node = cleanup_node(cleanup, above->relid);

		if (node == NULL)
			return false;
		if (node->component > component && !seen_rows_unchanged(above->rows, frame->xmin))
			return false;
	}
	return true;
}

/* Let those of some rows join a cleanup that follow the root still; their number. */
static uint64
add_belonging(Cleanup *cleanup, Ascent *ascent, FkNode *node, RowSet *rows, Snapshot snapshot)
{
	RowSet *belonging = row_set_make(node->relid, NIL);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);
	Tuplestorestate *store = row_set_rows(rows);
	uint64 n;

	row_set_rewind(store);
	while (tuplestore_gettupleslot(store, true, false, slot))
	{
		Oid tab;
		ItemPointer tid;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		tab = SLOT_TAB(slot, SET_TAB);
		tid = SLOT_TID(slot, SET_TAB);
		if (ascent_belongs(ascent, tab, tid))
			(void) row_set_add_tid(belonging, tab, tid);
	}
	ExecDropSingleTupleTableSlot(slot);
	n = belonging->n;
	cleanup_add_rows(cleanup, node, belonging, snapshot);
	row_set_free(belonging);
	return n;
}

/*
 * Let those of the rows of a frame's list join a cleanup that follow the root still; *n: how many.
 * In the snapshot that is active. False: what is further up was to be as planned, and is not.
 */
static bool
add_hints(Frame *frame, Cleanup *cleanup, Ascent *ascent, const Hints *hints, uint64 nroots,
		  uint64 *n)
{
	bool may_be_sure;
	bool sure = above_is_unchanged(frame, cleanup, hints->nodes, nroots, &may_be_sure);
	ListCell *lc;

	*n = 0;
	foreach (lc, hints->nodes)
	{
		NodeRows *entry = lfirst(lc);
		RowSet *unchanged;
		RowSet *others;

		/* a table that is not among those whose rows may go any more */
		if (entry->node->data == NULL)
			continue;
		if (!sure)
		{
			ascent_add(ascent, entry->node, entry->rows);
			continue;
		}
		unchanged = row_set_make(entry->node->relid, NIL);
		others = row_set_make(entry->node->relid, NIL);
		row_set_keep_places(unchanged, false);
		row_set_keep_places(others, false);
		seen_rows_sort_out(entry->rows, frame->xmin, unchanged, others);
		cleanup_add_rows(cleanup, entry->node, unchanged, GetActiveSnapshot());
		*n += unchanged->n;
		row_set_free(unchanged);
		entry->rows = others;
		ascent_add(ascent, entry->node, others);
	}
	ascent_run(ascent);
	foreach (lc, hints->nodes)
	{
		NodeRows *entry = lfirst(lc);

		if (entry->node->data != NULL)
			*n += add_belonging(cleanup, ascent, entry->node, entry->rows, GetActiveSnapshot());
	}
	return sure || !may_be_sure;
}

/* The cleanup of a batch, or of a plan; in the current memory context. */
static Cleanup *
make_cleanup(const Removal *removal)
{
	Cleanup *cleanup =
		cleanup_make(removal->request->target, removal->request->force, CLEANUP_TO_EXECUTE, false);

	cleanup->remover = GetUserId();
	cleanup->seed.by_tid = true; /* the proof does not look for more */
	cleanup->activity =
		psprintf("account.cleanup_batches: " UINT64_FORMAT " rows removed, " UINT64_FORMAT " to go",
				 removal->task != NULL ? removal->task->done : 0, removal->remaining);
	return cleanup;
}

/* ---- What joins ---- */

/*
 * Has a row that references over this edge to go with the row it references, if it goes with the
 * removal at all? Else its key can be set, and it goes later.
 */
static bool
edge_holds(const Removal *removal, const FkEdge *edge)
{
	if (fk_edge_protects(edge) || removal->hold_keys ||
		edge->on_delete == FKCONSTR_ACTION_SETDEFAULT)
		return true;
	for (int i = 0; i < edge->nset; i++)
	{
		HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(edge->child),
										  Int16GetDatum(edge->set_cols[i]));
		bool not_null =
			HeapTupleIsValid(tuple) && ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if (not_null)
			return true;
	}
	return false;
}

/* Rows that reference rows of a cleanup and are not in it. */
typedef struct Candidates
{
	FkNode *node;
	RowSet *rows;
} Candidates;

/* A row references one of a cleanup. */
static void
note_candidate(TupleTableSlot *slot, void *arg)
{
	Candidates *candidates = arg;

	if (!cleanup_has_row(candidates->node, slot))
		(void) row_set_add_tid(candidates->rows, SLOT_TAB(slot, 0), SLOT_TID(slot, 0));
}

/*
 * The rows outside that reference rows inside over an edge, and are of a table whose rows may go.
 */
static RowSet *
find_candidates(Cleanup *cleanup, FkEdge *edge, Snapshot snapshot)
{
	Candidates candidates = {edge->child_node, row_set_make(edge->child_node->relid, NIL)};
	EdgeQuery query = {.snapshot = snapshot};

	if (cleanup->limit > 0)
		query.limit = cleanup->limit + 1 + ((CleanupTable *) edge->child_node->data)->set->n;
	cleanup_read_edge(edge, &query, note_candidate, &candidates);
	return candidates.rows;
}

/* Let rows of the removal join a cleanup that stand in its way; true: some did. */
static bool
join_holding(const Removal *removal, Cleanup *cleanup, Ascent *ascent, Snapshot snapshot)
{
	uint64 joined = 0;
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);
		ListCell *lc2;

		foreach (lc2, node->referencing)
		{
			FkEdge *edge = lfirst(lc2);
			RowSet *candidates;

			if (((CleanupTable *) node->data)->set->n == 0 || edge->child_node->data == NULL ||
				fk_edge_follows(edge, cleanup->force) || !edge_holds(removal, edge))
				continue;
			candidates = find_candidates(cleanup, edge, snapshot);
			ascent_add(ascent, edge->child_node, candidates);
			ascent_run(ascent);
			joined += add_belonging(cleanup, ascent, edge->child_node, candidates, snapshot);
			row_set_free(candidates);
			if (cleanup->limit > 0 && cleanup->rows > cleanup->limit)
			{
				cleanup->exceeded = true;
				return false;
			}
		}
	}
	return joined > 0;
}

/* Find all that goes with the rows that were added to a cleanup, up to its limit. */
static void
close_batch(const Removal *removal, Cleanup *cleanup, Ascent *ascent, Snapshot snapshot)
{
	do
	{
		CHECK_FOR_INTERRUPTS();
		cleanup->exceeded |= cleanup->limit > 0 && cleanup->rows > cleanup->limit;
		if (!cleanup->exceeded)
			cleanup_close(cleanup, snapshot);
	} while (!cleanup->exceeded && join_holding(removal, cleanup, ascent, snapshot));
}

/*
 * Are all keys that the caller has no right to set those of rows that go anyhow? Who may remove a
 * row may take it apart.
 */
static bool
sets_only_what_goes(Cleanup *cleanup, Ascent *ascent, Snapshot snapshot)
{
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);
		RowSet *candidates;
		TupleTableSlot *slot;
		bool all = true;

		if ((step->action != CLEANUP_SET_NULL && step->action != CLEANUP_SET_DEFAULT) ||
			step->rows == 0 ||
			pg_class_aclcheck(step->edge->child, GetUserId(), ACL_UPDATE) == ACLCHECK_OK)
			continue;
		if (step->edge->child_node->data == NULL)
			return false;
		candidates = find_candidates(cleanup, step->edge, snapshot);
		ascent_add(ascent, step->edge->child_node, candidates);
		ascent_run(ascent);
		slot = MakeSingleTupleTableSlot(candidates->desc, &TTSOpsMinimalTuple);
		row_set_rewind(candidates->all);
		while (all && tuplestore_gettupleslot(candidates->all, true, false, slot))
		{
			slot_getallattrs(slot);
			all = ascent_belongs(ascent, SLOT_TAB(slot, SET_TAB), SLOT_TID(slot, SET_TAB));
		}
		ExecDropSingleTupleTableSlot(slot);
		row_set_free(candidates);
		if (!all)
			return false;
	}
	return true;
}

/* ---- Lists ---- */

/* A row joins the plan of a frame. */
static void
list_row(Oid tab, ItemPointer tid, void *arg)
{
	tid_list_add(arg, tab, tid);
}

/* Make a frame, with an empty list. */
static Frame *
make_frame(Removal *removal)
{
	MemoryContext context =
		AllocSetContextCreate(removal->context, "pgaccount rows to remove", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Frame *frame = palloc0(sizeof(Frame));

	frame->context = context;
	frame->rows = tid_list_make();
	frame->removed = removal->removed;
	MemoryContextSwitchTo(old);
	return frame;
}

/* Note what a plan of the sealed row has seen of tables that others follow. */
static void
note_above(Frame *frame, const Cleanup *plan, RowSet *roots, Snapshot snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(frame->context);
	ListCell *lc;

	frame->is_root = true;
	frame->xmin = snapshot->xmin;
	frame->nroots = roots->n;
	foreach (lc, plan->nodes)
	{
		FkNode *node = lfirst(lc);
		CleanupTable *table = node->data;
		Above *above;

		if (table->keys == NIL || table->set->n == 0)
			continue;
		above = palloc(sizeof(Above));
		above->relid = node->relid;
		above->rows = seen_rows_make(table->set, node == plan->node ? roots : NULL);
		frame->above = lappend(frame->above, above);
	}
	MemoryContextSwitchTo(old);
}

/* Work on a list from now on. */
static void
push_frame(Removal *removal, Frame *frame)
{
	MemoryContext old = MemoryContextSwitchTo(removal->context);

	frame->size = tid_list_length(frame->rows);
	tid_list_end(frame->rows);
	removal->frames = lappend(removal->frames, frame);
	removal->chunk = removal->request->batch_size;
	MemoryContextSwitchTo(old);
}

/* The list that is worked on; NULL: none. */
static Frame *
top_frame(const Removal *removal)
{
	return removal->frames != NIL ? llast(removal->frames) : NULL;
}

/* Go back to the row that a list was made for; whole: take all that goes with it. */
static void
pop_frame(Removal *removal, bool whole)
{
	Frame *frame = llast(removal->frames);

	removal->frames = list_delete_last(removal->frames);
	MemoryContextDelete(frame->context);
	removal->chunk = 1;
	removal->whole = whole;
}

/* A list is at its end. */
static void
end_list(Removal *removal)
{
	Frame *frame = top_frame(removal);
	bool idle = frame->removed == removal->removed;

	removal->unlucky = idle ? removal->unlucky + 1 : 0;
	/* once or twice others may have changed every row of it */
	pop_frame(removal, frame->in_circle > 0 ? idle : removal->unlucky > 2);
}

/*
 * More goes with one row, the only one of hints, than a batch has room for; NIL: with the root.
 * Make a list of it, in this snapshot; or, where it is of a circle, leave it to the row that the
 * present list was made for.
 */
static void
begin_list(Removal *removal, const Hints *hints, RowSet *roots, Snapshot snapshot)
{
	Frame *top = top_frame(removal);
	Frame *frame = make_frame(removal);
	Cleanup *cleanup = make_cleanup(removal);
	Ascent *ascent = ascent_make(cleanup, roots, snapshot);

	cleanup->joined = list_row;
	cleanup->arg = frame->rows;
	if (hints == NULL)
	{
		cleanup_add_rows(cleanup, cleanup->node, roots, snapshot);
	}
	else
	{
		NodeRows *entry = linitial(hints->nodes);

		frame->tab = hints->tab;
		frame->tid = hints->tid;
		cleanup_add_rows(cleanup, fk_graph_node(cleanup->graph, hints->tab), entry->rows, snapshot);
	}
	close_batch(removal, cleanup, ascent, snapshot);
	if (hints == NULL)
		note_above(frame, cleanup, roots, snapshot);
	cleanup_free(cleanup);
	if (top == NULL || top->removed != removal->removed || tid_list_length(frame->rows) < top->size)
	{
		push_frame(removal, frame);
		return;
	}
	MemoryContextDelete(frame->context);
	tid_list_cut(top->rows, 1);
	if (++top->in_circle >= MAX_IN_CIRCLE || tid_list_length(top->rows) == 0)
		pop_frame(removal, true);
}

/* ---- A batch ---- */

/* What a cleanup has done. */
static void
count_done(const Cleanup *cleanup, Done *done)
{
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		const CleanupStep *step = lfirst(lc);

		if (step->action == CLEANUP_DELETE)
			done->removed += step->rows;
		else if (step->action != CLEANUP_PROTECTED)
			done->keys_set += step->rows;
	}
}

/* Keys that a closed cleanup is to set. */
static uint64
keys_to_set(const Cleanup *cleanup)
{
	Done done = {0};

	count_done(cleanup, &done);
	return done.keys_set;
}

/*
 * Take rows from the list, and what goes with them, and remove them, in the snapshot that is
 * active. In a memory context of its own.
 */
static Attempt
attempt(Removal *removal, Done *done)
{
	Snapshot snapshot = GetActiveSnapshot();
	uint64 limit = removal->request->batch_size;
	Frame *top = top_frame(removal);
	uint64 taken = 0;
	Cleanup *cleanup = make_cleanup(removal);
	Hints hints = {.cleanup = cleanup};
	RowSet *roots = find_roots(removal);
	Ascent *ascent;
	uint64 seeds = 0;
	uint64 to_set;
	uint64 work;

	if (roots->n == 0)
		return ATTEMPT_FINISHED;
	check_is_sealed(removal);
	ascent = ascent_make(cleanup, roots, snapshot);
	if (!removal->whole)
		cleanup->limit = limit;
	if (top == NULL)
	{
		cleanup_add_rows(cleanup, cleanup->node, roots, snapshot);
		seeds = 1;
	}
	else
	{
		taken = Min(removal->chunk, tid_list_length(top->rows));
		if (taken == 0)
		{
			end_list(removal);
			return ATTEMPT_NOTHING;
		}
		tid_list_last(top->rows, taken, take_hint, &hints);
		if (!add_hints(top, cleanup, ascent, &hints, roots->n, &seeds) &&
			++top->doubts > BATCHES_IN_DOUBT && top->removed != removal->removed)
		{
			pop_frame(removal, false);
			return ATTEMPT_NOTHING;
		}
		if (seeds == 0)
		{
			tid_list_cut(top->rows, taken);
			return ATTEMPT_NOTHING;
		}
	}
	close_batch(removal, cleanup, ascent, snapshot);
	if (cleanup->exceeded)
	{
		if (taken > 1)
			removal->chunk = taken / 2;
		else
			begin_list(removal, top != NULL ? &hints : NULL, roots, snapshot);
		cleanup_free(cleanup);
		return ATTEMPT_NOTHING;
	}
	(void) cleanup_find_held(cleanup, NULL, NULL);
	(void) cleanup_find_outside(cleanup, snapshot, true);
	if (removal->exact)
	{
		cleanup->approved = removal->request->approve;
		plan_check_approved(cleanup, snapshot, cleanup->approved);
	}
	cleanup_refuse_protected(cleanup);
	cleanup->may_set = sets_only_what_goes(cleanup, ascent, snapshot);
	to_set = keys_to_set(cleanup);
	removal->executing = true;
	if (to_set > 0 && cleanup->rows + to_set > limit && !removal->whole)
	{
		if (taken > 1)
		{
			removal->chunk = taken / 2;
			cleanup_free(cleanup);
			return ATTEMPT_NOTHING;
		}
		/* the keys first, which leaves what they reference as it is */
		cleanup_check_allowed(cleanup);
		done->keys_set = cleanup_set_some(cleanup, limit);
		cleanup_free(cleanup);
		return ATTEMPT_DONE;
	}
	work = cleanup->rows + to_set;
	cleanup->limit = 0;
	cleanup_execute(cleanup);
	count_done(cleanup, done);
	if (top != NULL)
	{
		tid_list_cut(top->rows, taken);
		/* as many as will fill the next batch, if they are like these */
		removal->chunk = Max(Min(taken * limit / Max(work, 1), limit), 1);
	}
	removal->whole = false;
	if (((CleanupTable *) cleanup->node->data)->set->n > 0)
	{
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		roots = find_roots(removal);
		PopActiveSnapshot();
	}
	cleanup_free(cleanup);
	return roots->n == 0 ? ATTEMPT_FINISHED : ATTEMPT_DONE;
}

/*
 * May what failed succeed when it is tried again? Others were at the same rows, or have put
 * something in the way that goes with the removal.
 */
static bool
may_retry(Removal *removal, const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_T_R_SERIALIZATION_FAILURE:
		case ERRCODE_T_R_DEADLOCK_DETECTED:
			return true;
		case ERRCODE_RESTRICT_VIOLATION:
			return removal->executing;
		case ERRCODE_NOT_NULL_VIOLATION:
		case ERRCODE_CHECK_VIOLATION:
		case ERRCODE_UNIQUE_VIOLATION:
		case ERRCODE_EXCLUSION_VIOLATION:
			/* a row that goes anyhow cannot do without its key: it goes with what it references */
			if (!removal->executing || removal->hold_keys)
				return false;
			removal->hold_keys = true;
			return true;
		default:
			return false;
	}
}

/* An attempt in a subtransaction, which what it does is undone with if it meets others. */
static Attempt
attempt_guarded(Removal *removal, int retries, Done *done)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext context =
		AllocSetContextCreate(caller, "pgaccount batch", ALLOCSET_DEFAULT_SIZES);
	volatile Attempt result = ATTEMPT_RETRY;

	memset(done, 0, sizeof(Done));
	removal->executing = false;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		int level = cleanup_join_memory();

		MemoryContextSwitchTo(context);
		PushActiveSnapshot(GetTransactionSnapshot());
		result = attempt(removal, done);
		PopActiveSnapshot();
		AtEOXact_GUC(true, level);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (!may_retry(removal, error) || retries >= MAX_RETRIES)
			ReThrowError(error);
		FreeErrorData(error);
		memset(done, 0, sizeof(Done));
		result = ATTEMPT_RETRY;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	MemoryContextDelete(context);
	return result;
}

/* Record that all is removed. */
static void
record_finished(const Removal *removal)
{
	JsonbBuild detail = {0};
	char *key = pstrdup(removal->request->key);

	key[pg_mbcliplen(key, strlen(key), MAX_RECORDED_KEY)] = '\0';
	detail_text(&detail, "target", display_relation(removal->request->target));
	detail_text(&detail, "key", key);
	detail_number(&detail, "rows", (int64) (removal->task->done + removal->task->keys_set));
	detail_bool(&detail, "force", removal->request->force);
	detail_number(&detail, "removal", removal->task->id);
	detail_number(&detail, "batches", (int64) removal->task->batches);
	event_success(EVENT_CLEANUP_DONE, NULL, NULL, detail_end(&detail));
}

/* Note in the table what was done, and what the state is. */
static void
note_progress(Removal *removal, const Done *done, const char *state)
{
	TimestampTz now = GetCurrentTimestamp();
	RemovalProgress progress = {.removed = done->removed,
								.keys_set = done->keys_set,
								.seconds = (double) (now - removal->progress_at) / USECS_PER_SEC,
								.state = state};

	removal->remaining -= Min(removal->remaining, done->removed);
	if (strcmp(state, "finished") == 0)
		removal->remaining = 0;
	progress.remaining = removal->remaining;
	removal_task_progress(removal->task, &progress);
	removal->removed += done->removed + done->keys_set;
	removal->progress_at = now;
}

/* Tell the client how far it is, now and then. */
static void
report_progress(Removal *removal, bool always)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!always && !TimestampDifferenceExceeds(removal->reported_at, now, REPORT_EVERY_MS))
		return;
	ereport(NOTICE,
			(errmsg("removal %lld: " UINT64_FORMAT " rows removed, " UINT64_FORMAT " to go",
					(long long) removal->task->id, removal->task->done, removal->remaining)));
	removal->reported_at = now;
}

/* Commit, and go on in a new transaction. */
static void
commit_batch(void)
{
	deferred_fire();
	SPI_commit();
}

/* What pg_stat_activity shows between batches; palloc'd. */
static char *
activity_of(const Removal *removal)
{
	return psprintf("account.cleanup_batches: " UINT64_FORMAT " rows removed, " UINT64_FORMAT
					" to go",
					removal->task->done, removal->remaining);
}

/* Wait a moment, interruptibly. */
static void
pause_for(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Lock the target in a new transaction: it may have been dropped, or be another kind of table. */
static void
lock_target(Oid target)
{
	check_application_table(target, "a cleanup");
	refuse_citus_beside_shards(target, "a cleanup",
							   "json_agg(c) FROM account.cleanup('%s', key) c");
	LockRelationOid(target, RowExclusiveLock);
}

/* Raise 55006: another session runs it. */
static void
refuse_second(Oid target)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("the removal from \"%s\" is running in another session", get_rel_name(target)),
			 errdetail("There is one removal of a key at a time."),
			 errhint("account.removal shows how far it is; account.cancel_removal() ends it.")));
}

/* Begin the transaction of a batch; false: the removal was cancelled. */
static bool
begin_batch(Removal *removal)
{
	/* its row before any table: who cancels it holds that and waits for tables */
	if (!removal_task_lock(removal->task))
		return false;
	if (!removal_task_claim(removal->task, false))
		refuse_second(removal->request->target);
	lock_target(removal->request->target);
	return true;
}

/* What came of the batches. */
typedef enum Outcome
{
	OUTCOME_FINISHED,
	OUTCOME_PAUSED,
	OUTCOME_CANCELLED
} Outcome;

/* When the time is over that one call may take. */
static TimestampTz
end_of_time(const Removal *removal)
{
	int64 max_runtime = removal->request->max_runtime;

	return max_runtime < 0 ? DT_NOEND : removal->started_at + max_runtime;
}

/* The time is over while the next batch is waited for. */
static Outcome
pause_waiting(Removal *removal)
{
	Done nothing = {0};

	if (!begin_batch(removal))
		return OUTCOME_CANCELLED;
	note_progress(removal, &nothing, "paused");
	commit_batch();
	return OUTCOME_PAUSED;
}

/*
 * Wait until the next batch may begin; false: there is to be none, and *outcome says why. What it
 * has looked at is let go of each time that it looks whether the removal has been cancelled.
 */
static bool
wait_for_turn(Removal *removal, Outcome *outcome)
{
	TimestampTz end = end_of_time(removal);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount removal wait", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool may_go_on = false;
	bool is_open = true;

	while (is_open)
	{
		TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ASK_EVERY_MS);

		may_go_on = pace_wait(removal->pace, activity_of(removal), Min(until, end));
		if (may_go_on || GetCurrentTimestamp() >= end)
			break;
		is_open = removal_task_is_open(removal->task);
		commit_batch();
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (!may_go_on)
		*outcome = is_open ? pause_waiting(removal) : OUTCOME_CANCELLED;
	return may_go_on;
}

/* Remove rows batch by batch, from the transaction that is open on. */
static Outcome
run_batches(Removal *removal)
{
	Outcome outcome;
	int retries = 0;

	removal->started_at = removal->reported_at = GetCurrentTimestamp();
	for (;;)
	{
		Attempt came = ATTEMPT_NOTHING;
		bool time_is_over;
		Done done;

		if (!begin_batch(removal))
			return OUTCOME_CANCELLED;
		while (came == ATTEMPT_NOTHING)
		{
			CHECK_FOR_INTERRUPTS();
			came = attempt_guarded(removal, retries, &done);
		}
		if (came == ATTEMPT_RETRY)
		{
			commit_batch();
			pause_for(Min((long) FIRST_WAIT_MS << retries, LONGEST_WAIT_MS));
			retries++;
			continue;
		}
		retries = 0;
		time_is_over = GetCurrentTimestamp() >= end_of_time(removal);
		note_progress(removal, &done,
					  came == ATTEMPT_FINISHED ? "finished"
					  : time_is_over           ? "paused"
											   : "running");
		if (came == ATTEMPT_FINISHED)
			record_finished(removal);
		commit_batch();
		if (came == ATTEMPT_FINISHED)
			return OUTCOME_FINISHED;
		report_progress(removal, false);
		pace_batch_done(removal->pace);
		if (time_is_over)
			return OUTCOME_PAUSED;
		if (!wait_for_turn(removal, &outcome))
			return outcome;
	}
}

/* ---- Before and after ---- */

/*
 * Plan all of it, and raise what account.cleanup raises. The list of the rows is the first that is
 * worked on. Returns the plan, whose snapshot is active.
 */
static Cleanup *
plan_removal(Removal *removal)
{
	const RemovalRequest *request = removal->request;
	Frame *frame = make_frame(removal);
	Cleanup *plan = make_cleanup(removal);
	RowSet *roots = find_roots(removal);

	plan->joined = list_row;
	plan->arg = frame->rows;
	cleanup_add_rows(plan, plan->node, roots, GetActiveSnapshot());
	cleanup_close(plan, GetActiveSnapshot());
	(void) cleanup_find_outside(plan, GetActiveSnapshot(), true);
	(void) cleanup_find_held(plan, NULL, NULL);
	/* once rows have gone the plan is the rest of the one that was approved */
	if (request->approve != NULL && (removal->task == NULL || removal->task->approved == NULL ||
									 strcmp(removal->task->approved, request->approve) != 0))
		plan_check_approved(plan, GetActiveSnapshot(), request->approve);
	cleanup_refuse_protected(plan);
	cleanup_check_allowed(plan);
	removal->remaining = plan->rows;
	note_above(frame, plan, roots, GetActiveSnapshot());
	push_frame(removal, frame);
	return plan;
}

/*
 * Put the seal's trigger on the tables that want it, or take it off those that do not; each in a
 * transaction of its own. False: not all could be locked; first: the first of those.
 */
static bool
change_triggers(Oid target, bool on, Oid *first)
{
	for (int tries = 0; tries < MAX_LOCK_TRIES; tries++)
	{
		List *tables = on ? seal_tables_without(target) : seal_tables_left();
		ListCell *lc;

		if (tables == NIL)
			return true;
		if (tries > 0)
			pause_for(LOCK_PAUSE_MS);
		*first = linitial_oid(tables);
		foreach (lc, tables)
		{
			CHECK_FOR_INTERRUPTS();
			(void) (on ? seal_put_on(lfirst_oid(lc)) : seal_take_off(lfirst_oid(lc), false));
			commit_batch();
		}
	}
	return false;
}

/* Let no new reference to the row come, and end what its users have. Commits. */
static void
seal_root(Removal *removal, Cleanup *plan)
{
	seal_stamp(removal->keys);
	if (removal_sealed != NULL)
		removal_sealed(plan);
	removal->sealed = true;
}

/* Put the triggers on. */
static void
seal_tables(const Removal *removal)
{
	Oid table;

	if (!change_triggers(removal->request->target, true, &table))
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg("could not lock table \"%s\" for a moment", get_rel_name(table)),
						errdetail("A trigger was to be put on it that refuses new references to "
								  "what is being removed; transactions that write it did not end."),
						errhint("CALL account.cleanup_batches again to go on, when these have "
								"ended, or cancel the removal.")));
}

/* Take them off, those that are left from other removals, too. */
static void
unseal_tables(void)
{
	Oid table;

	if (!change_triggers(InvalidOid, false, &table))
		ereport(WARNING,
				(errmsg("could not lock table \"%s\" for a moment", get_rel_name(table)),
				 errdetail("Its trigger that refused new references does nothing any more, and is "
						   "left; the next removal takes it off.")));
}

/* The first transaction: plan, refuse, begin, seal. False: there is nothing to remove. */
static bool
begin_removal(Removal *removal)
{
	const RemovalRequest *request = removal->request;
	MemoryContext context = CurrentMemoryContext;
	int level = cleanup_join_memory();
	Done nothing = {0};
	Cleanup *plan;
	bool small;

	PushActiveSnapshot(GetTransactionSnapshot());
	plan = plan_removal(removal);
	if (plan->rows == 0 && removal->task == NULL)
	{
		PopActiveSnapshot();
		AtEOXact_GUC(true, level);
		return false;
	}
	MemoryContextSwitchTo(removal->context);
	if (removal->task == NULL)
		removal->task = removal_task_begin(request->target, request->key, request->force,
										   request->approve, plan->rows);
	if (removal->task == NULL || !removal_task_claim(removal->task, true))
		refuse_second(request->target);
	MemoryContextSwitchTo(context);
	/* what fits into one batch needs no seal: it goes, or is there */
	small = plan->rows + keys_to_set(plan) <= request->batch_size && removal->task->batches == 0;
	removal->exact = small && request->approve != NULL;
	if (small)
		pop_frame(removal, false);
	else
		seal_root(removal, plan);
	removal->progress_at = GetCurrentTimestamp();
	note_progress(removal, &nothing, "running");
	cleanup_free(plan);
	PopActiveSnapshot();
	AtEOXact_GUC(true, level);
	return true;
}

/* All of it, once it is claimed; see removal_in_batches(). */
static bool
run_removal(Removal *removal)
{
	Outcome outcome;

	if (!begin_removal(removal))
	{
		ereport(NOTICE, (errmsg("there is nothing to remove from \"%s\"",
								get_rel_name(removal->request->target))));
		commit_batch();
		unseal_tables();
		return true;
	}
	if (removal->sealed)
	{
		commit_batch();
		report_progress(removal, true);
		seal_tables(removal);
	}
	outcome = run_batches(removal);
	report_progress(removal, true);
	if (outcome == OUTCOME_CANCELLED)
		ereport(WARNING, (errmsg("removal %lld was cancelled", (long long) removal->task->id)));
	if (outcome != OUTCOME_PAUSED)
		unseal_tables();
	return outcome == OUTCOME_FINISHED;
}

/* Do it. */
bool
removal_in_batches(const RemovalRequest *request)
{
	Removal removal = {.request = request};
	MemoryContext caller = CurrentMemoryContext;
	volatile bool finished = false;

	removal.context = AllocSetContextCreate(caller, "pgaccount removal", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(removal.context);
	lock_target(request->target);
	removal.keys = keys_of_text(request->target, request->key);
	removal.pace = pace_begin(request->max_lag, request->max_wal);
	removal.task = removal_task_find(request->target, request->key);
	if (removal.task != NULL && !removal_task_claim(removal.task, true))
		refuse_second(request->target);
	PG_TRY();
	{
		finished = run_removal(&removal);
	}
	PG_FINALLY();
	{
		if (removal.task != NULL)
			removal_task_release(removal.task);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(removal.context);
	pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
	return finished;
}

/* Plan it, and raise what it would raise. */
static void
try_plan(const RemovalRequest *request)
{
	Removal removal = {.request = request, .context = CurrentMemoryContext};
	int level = cleanup_join_memory();

	lock_target(request->target);
	removal.keys = keys_of_text(request->target, request->key);
	removal.task = removal_task_find(request->target, request->key);
	if (removal.task != NULL && !removal_task_claim(removal.task, false))
		refuse_second(request->target);
	PushActiveSnapshot(GetTransactionSnapshot());
	cleanup_free(plan_removal(&removal));
	PopActiveSnapshot();
	AtEOXact_GUC(true, level);
}

/* Would it be refused? */
bool
removal_is_blocked(const RemovalRequest *request)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext context =
		AllocSetContextCreate(caller, "pgaccount removal plan", ALLOCSET_DEFAULT_SIZES);
	volatile bool blocked = false;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		try_plan(request);
		MemoryContextSwitchTo(caller);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode != ERRCODE_RESTRICT_VIOLATION &&
			error->sqlerrcode != ERRCODE_ACCOUNT_HELD && error->sqlerrcode != ERRCODE_OBJECT_IN_USE)
			ReThrowError(error);
		ereport(WARNING, (errcode(error->sqlerrcode), errmsg("%s", error->message),
						  error->detail != NULL ? errdetail("%s", error->detail) : 0,
						  errhint("It is passed over.")));
		FreeErrorData(error);
		blocked = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	MemoryContextDelete(context);
	return blocked;
}

/* ---- The functions ---- */

/* An interval in microseconds, a month of 30 days; negative for NULL. Raises 22023. */
static int64
interval_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	const Interval *interval;
	double usecs;

	if (PG_ARGISNULL(n))
		return -1;
	interval = PG_GETARG_INTERVAL_P(n);
	usecs = (double) interval->time +
			((double) interval->day + (double) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;
	if (!compat_interval_is_finite(interval) || usecs < 0 || usecs > (double) (PG_INT64_MAX / 4))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not be negative", name), errdetail("It is a length of time."),
				 errhint("Give an interval such as '5 minutes', or NULL.")));
	return (int64) usecs;
}

/* Raise 22023 unless a number is positive. */
static void
check_positive(int64 value, const char *name, const char *hint)
{
	if (value <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" must be positive", name),
				 errdetail("It is %lld.", (long long) value), errhint("%s", hint)));
}

/*
 * account.cleanup_batches(target regclass, key text, force boolean, batch_size integer, max_lag
 * interval, max_wal_per_second bigint, max_runtime interval, approve text): a procedure
 */
static Datum
cleanup_batches_operation(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"target", "key", "force", "batch_size"};
	bool atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
				  castNode(CallContext, fcinfo->context)->atomic;
	RemovalRequest request = {0};

	version_check();
	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			refuse_null_argument(names[i]);
	request.target = PG_GETARG_OID(0);
	request.key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	request.force = PG_GETARG_BOOL(2);
	check_positive(PG_GETARG_INT32(3), names[3],
				   "Give the number of rows that one transaction removes.");
	request.batch_size = (uint64) PG_GETARG_INT32(3);
	request.max_lag = interval_argument(fcinfo, 4, "max_lag");
	if (!PG_ARGISNULL(5))
		check_positive(PG_GETARG_INT64(5), "max_wal_per_second",
					   "Give a number of bytes, or NULL for no limit.");
	request.max_wal = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);
	request.max_runtime = interval_argument(fcinfo, 6, "max_runtime");
	request.approve = PG_ARGISNULL(7) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(7));
	if (atomic)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
						errmsg("account.cleanup_batches cannot run inside a transaction block"),
						errdetail("It commits after each batch."),
						errhint("CALL it by itself, or use account.cleanup.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	(void) removal_in_batches(&request);
	SPI_finish();
	PG_RETURN_VOID();
}

/* account.cancel_removal(id bigint) RETURNS void */
static Datum
cancel_removal_operation(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	version_check();
	SPI_connect();
	(void) removal_task_cancel(PG_GETARG_INT64(0));
	CommandCounterIncrement();
	foreach (lc, seal_tables_left())
		(void) seal_take_off(lfirst_oid(lc), true);
	SPI_finish();
	PG_RETURN_VOID();
}
