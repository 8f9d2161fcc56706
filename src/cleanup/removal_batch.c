/*
 * removal_batch.c
 *		One batch of a removal in many transactions: which rows it takes, and their removal.
 *
 * A row outside the batch may stand in its way, or have a key that cannot be set null, and go with
 * the removal itself: it joins the batch. Other keys within the removal are set null or default,
 * which is how circles of tables are taken apart.
 *
 * Where all is as the plan has seen it, nothing follows the rows at the end of the list but what
 * came later, and that is found by the proof (cleanup_run.c): so it is looked for once, not before
 * the rows go and again afterwards.
 *
 * Where more would join than a batch has room for, fewer rows are taken; where a single row has too
 * many, what goes with it is a list of its own, found anew, and done first (Frame). That is how
 * what joined after the plan is found, too: at last the sealed row itself is taken, with what there
 * is. Rows that go with each other in a circle cannot be taken apart: they go in one transaction,
 * however many they are.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "held_rows.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "ascent.h"
#include "cleanup_plan.h"
#include "cleanup_run.h"
#include "plan_hash.h"
#include "removal_scope.h"
#include "removal_batch.h"
#include "removal_rights.h"
#include "removal_task.h"
#include "seen_rows.h"
#include "tid_list.h"

/* So many rows of a list may be found to be of a circle before all of it goes at once. */
#define MAX_IN_CIRCLE 8

/* Where so many batches met rows above that were changed, all is planned anew. */
#define BATCHES_IN_DOUBT 16

/*
 * Keys of rows that may go themselves have been set: they are stored elsewhere now, and no list has
 * them. They are found as what follows their parents.
 */
static void
note_moved(const Removal *removal, const Cleanup *cleanup)
{
	ListCell *lc;

	if (cleanup_moves_rows(cleanup))
		foreach (lc, removal->frames)
			((Frame *) lfirst(lc))->was_alone = false;
}

/* Is nothing to be looked for that follows rows of a batch, now that they are deleted? */
static bool
batch_is_undisturbed(const Cleanup *cleanup, void *arg)
{
	const Removal *removal = arg;

	return !cleanup_moves_rows(cleanup) &&
		   frame_is_undisturbed(removal, removal_top_frame(removal));
}

/* ---- Rows ---- */

/*
 * The rows that the removal is about, which are there. Until they are sealed those alone that were
 * deleted by the time that is asked for: others may restore them.
 */
RowSet *
removal_roots(const Removal *removal)
{
	const RemovalRequest *request = removal->request;

	return rows_with_keys(removal->keys,
						  request->cutoff != NULL && !removal->sealed
							  ? sql_deleted_by(request->target, *request->cutoff)
							  : NULL,
						  false);
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
above_is_unchanged(const Removal *removal, Frame *frame, const Cleanup *cleanup, const List *nodes,
				   uint64 nroots, bool *known)
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
	if (frame_is_undisturbed(removal, frame))
		return true;
	foreach (lc, frame->above)
	{
		Above *above = lfirst(lc);
		FkNode *node = cleanup_node(cleanup, above->relid);

		if (node == NULL)
			return false;
		if (node->component > component &&
			!seen_rows_unchanged(above->rows, frame->xmin, frame->files))
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
 * Lock the tables of some rows, which nobody puts elsewhere from then on. Whoever has done so since
 * the rows were listed has taken a transaction number, or left another file.
 */
static void
lock_places(const List *nodes)
{
	ListCell *lc;

	foreach (lc, nodes)
	{
		Oid relid = ((NodeRows *) lfirst(lc))->node->relid;

		LockRelationOid(relid, AccessShareLock);
		list_free(find_all_inheritors(relid, AccessShareLock, NULL));
	}
}

/*
 * Let those of the rows of a frame's list join a cleanup that follow the root still; *n: how many.
 * In the snapshot that is active. *sure: what is further up is as planned. False: it was to be so,
 * and is not.
 */
static bool
add_hints(const Removal *removal, Frame *frame, Cleanup *cleanup, Ascent *ascent,
		  const Hints *hints, uint64 nroots, uint64 *n, bool *sure)
{
	bool may_be_sure;
	bool undisturbed;
	ListCell *lc;

	lock_places(hints->nodes);
	*sure = above_is_unchanged(removal, frame, cleanup, hints->nodes, nroots, &may_be_sure);
	undisturbed = *sure && frame_is_undisturbed(removal, frame);
	*n = 0;
	foreach (lc, hints->nodes)
	{
		NodeRows *entry = lfirst(lc);
		RowSet *unchanged;
		RowSet *others;

		/* a table that is not among those whose rows may go any more */
		if (entry->node->data == NULL)
			continue;
		if (!*sure)
		{
			ascent_add(ascent, entry->node, entry->rows);
			continue;
		}
		if (undisturbed)
		{
			cleanup_add_rows(cleanup, entry->node, entry->rows, GetActiveSnapshot());
			*n += entry->rows->n;
			continue;
		}
		unchanged = row_set_make(entry->node->relid, NIL);
		others = row_set_make(entry->node->relid, NIL);
		row_set_keep_places(unchanged, false);
		row_set_keep_places(others, false);
		seen_rows_sort_out(entry->rows, frame->xmin, frame->files, unchanged, others);
		cleanup_add_rows(cleanup, entry->node, unchanged, GetActiveSnapshot());
		*n += unchanged->n;
		row_set_free(unchanged);
		entry->rows = others;
		ascent_add(ascent, entry->node, others);
	}
	if (undisturbed)
		return true;
	ascent_run(ascent);
	foreach (lc, hints->nodes)
	{
		NodeRows *entry = lfirst(lc);

		if (entry->node->data != NULL)
			*n += add_belonging(cleanup, ascent, entry->node, entry->rows, GetActiveSnapshot());
	}
	return *sure || !may_be_sure;
}

/* The cleanup of a batch, or of a plan; in the current memory context. */
Cleanup *
removal_cleanup(const Removal *removal)
{
	const RemovalRequest *request = removal->request;
	Cleanup *cleanup = cleanup_make_taking(request->target, request->force, request->along);

	cleanup->remover = GetUserId();
	/* a purge that has not begun takes no live row: some may have come back alone */
	cleanup->live_rows_hold = request->cutoff != NULL && !removal->sealed &&
							  (removal->task == NULL || removal->task->batches == 0);
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
	if (fk_edge_protects(edge) || removal->hold_keys)
		return true;
	/* whether a default will do turns out when it is set, or not before the commit */
	if (edge->on_delete == FKCONSTR_ACTION_SETDEFAULT)
		return edge->deferrable;
	return fk_edge_not_null(edge) != InvalidAttrNumber;
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
	EdgeQuery query = {.snapshot = snapshot, .lookups = cleanup->lookups};

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

/* A list is at its end. */
static void
end_list(Removal *removal)
{
	Frame *frame = removal_top_frame(removal);
	bool idle = frame->removed == removal->removed;

	removal->unlucky = idle ? removal->unlucky + 1 : 0;
	/* once or twice others may have changed every row of it */
	frame_pop(removal, frame->in_circle > 0 ? idle : removal->unlucky > 2);
}

/*
 * More goes with one row, the only one of hints, than a batch has room for; NIL: with the root.
 * Make a list of it, in this snapshot; or, where it is of a circle, leave it to the row that the
 * present list was made for.
 */
static void
begin_list(Removal *removal, const Hints *hints, RowSet *roots, Snapshot snapshot)
{
	Frame *top = removal_top_frame(removal);
	Frame *frame = frame_make(removal);
	Cleanup *cleanup = removal_cleanup(removal);
	Ascent *ascent = ascent_make(cleanup, roots, snapshot);

	cleanup->joined = frame_list_row;
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
		frame_note_above(removal, frame, cleanup, roots, snapshot);
	cleanup_free(cleanup);
	if (top == NULL || top->removed != removal->removed || tid_list_length(frame->rows) < top->size)
	{
		frame_push(removal, frame);
		return;
	}
	MemoryContextDelete(frame->context);
	tid_list_cut(top->rows, 1);
	if (++top->in_circle >= MAX_IN_CIRCLE || tid_list_length(top->rows) == 0)
		frame_pop(removal, true);
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
uint64
removal_keys_to_set(const Cleanup *cleanup)
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
	Frame *top = removal_top_frame(removal);
	uint64 taken = 0;
	Cleanup *cleanup = removal_cleanup(removal);
	Hints hints = {.cleanup = cleanup};
	RowSet *roots = removal_roots(removal);
	Ascent *ascent;
	uint64 seeds = 0;
	bool sure = false;
	uint64 to_set;
	uint64 work;

	if (roots->n == 0)
		return ATTEMPT_FINISHED;
	check_is_sealed(removal);
	cleanup->lookups = true;
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
		if (!add_hints(removal, top, cleanup, ascent, &hints, roots->n, &seeds, &sure) &&
			++top->doubts > BATCHES_IN_DOUBT && top->removed != removal->removed)
		{
			frame_pop(removal, false);
			return ATTEMPT_NOTHING;
		}
		if (seeds == 0)
		{
			tid_list_cut(top->rows, taken);
			return ATTEMPT_NOTHING;
		}
	}
	/* what follows is left to the proof where there should be nothing */
	sure &= !removal->careful && !removal->whole && cleanup_may_prove(cleanup);
	if (!sure || join_holding(removal, cleanup, ascent, snapshot))
	{
		sure = false;
		close_batch(removal, cleanup, ascent, snapshot);
	}
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
	to_set = removal_keys_to_set(cleanup);
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
		note_moved(removal, cleanup);
		cleanup_free(cleanup);
		return ATTEMPT_DONE;
	}
	work = cleanup->rows + to_set;
	cleanup->limit = 0;
	cleanup->max_rows = sure ? limit - Min(to_set, limit - 1) : 0;
	if (sure)
	{
		cleanup->undisturbed = batch_is_undisturbed;
		cleanup->undisturbed_arg = removal;
	}
	cleanup_execute(cleanup);
	removal->careful = cleanup->exceeded;
	if (cleanup->exceeded)
	{
		cleanup_free(cleanup);
		return ATTEMPT_RETRY;
	}
	count_done(cleanup, done);
	note_moved(removal, cleanup);
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
		roots = removal_roots(removal);
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
		case ERRCODE_FOREIGN_KEY_VIOLATION:
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

/* An attempt, in a memory context of its own. */
typedef struct AttemptCall
{
	Removal *removal;
	Done *done;
	MemoryContext context;
	Attempt result;
} AttemptCall;

/* Make it; what comes to nothing is undone. */
static bool
make_attempt(void *arg)
{
	AttemptCall *call = arg;
	int level = cleanup_join_memory();
	MemoryContext caller = MemoryContextSwitchTo(call->context);

	PushActiveSnapshot(GetTransactionSnapshot());
	call->result = attempt(call->removal, call->done);
	PopActiveSnapshot();
	AtEOXact_GUC(true, level);
	MemoryContextSwitchTo(caller);
	return call->result != ATTEMPT_RETRY;
}

/* An attempt in a subtransaction, which what it does is undone with if it meets others. */
Attempt
removal_attempt(Removal *removal, int retries, Done *done)
{
	AttemptCall call;
	ErrorData *error;

	memset(done, 0, sizeof(Done));
	call.removal = removal;
	call.done = done;
	call.context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount batch", ALLOCSET_DEFAULT_SIZES);
	call.result = ATTEMPT_RETRY;
	removal->executing = false;
	error = subtransaction_run(make_attempt, &call);
	if (error != NULL)
	{
		if (!may_retry(removal, error) || retries >= MAX_RETRIES)
			ReThrowError(error);
		FreeErrorData(error);
		memset(done, 0, sizeof(Done));
		removal->careful = true;
		call.result = ATTEMPT_RETRY;
	}
	MemoryContextDelete(call.context);
	return call.result;
}
