/*
 * cleanup_run.c
 *		Removes rows for good, in the order that their foreign keys ask for.
 *
 * The set comes from cleanup_closure.c, closed in one snapshot S. Components of the graph go
 * children first; before a component, keys of rows outside that reference it are set null or
 * default. Rows are deleted where they are stored (tableoid, ctid), never looked up by key again,
 * with a filter that asks the set for the tid, so that a row which another session has changed
 * meanwhile is not deleted in its new state. The trigger account.soft_delete is disabled in the
 * executor's copy, and the statement is planned without rewriting, so rows of soft-delete tables go
 * for good; a statement of somebody's trigger inside is none of ours, and stays what it is.
 *
 * Ordinary checks: the server's referential triggers all run; the tables of a component go in one
 * statement of data-modifying CTEs, so that they see its end.
 *
 * Proven path: the referential triggers of the known foreign keys are disabled on the deleted
 * tables, because each would look up, row by row, what one reading proves afterwards for all of
 * them:
 *
 * 1. All rows of the set have been deleted by us. Then every foreign key to their tables is asked,
 *    in a new snapshot N and in the way that cleanup_read.c finds best, for rows that reference a
 *    key of the set and have not been deleted. It has to be N: S shows no row that came later, and
 *    a tid of the set says nothing of who references it.
 * 2. What N does not show is not there. For whoever makes a row reference a key of ours checks it,
 *    at once or deferred, by taking FOR KEY SHARE on the row that has the key, which conflicts with
 *    our DELETE. If its lock came first, our DELETE waited until it committed, and N, taken later,
 *    shows its row. If ours came first, it waits for us, and fails when we commit. Rows that
 *    reference a key without a check were there when S was taken, or are new versions of such,
 *    whose old version was in S: they are found by N, too.
 * 3. What N shows joins the set if it follows its parent, is deleted, and the question is asked
 *    again, until nothing new joins. If it is protected the cleanup fails. If its key is to be set
 *    null, it is.
 * 4. The server lets nothing happen between our last N and our commit: 2 holds until then, for our
 *    own transaction as well: its checks see that the keys are gone.
 *
 * A row of the set that was not deleted is looked at as it is stored, see row_recheck.c: kept back
 * by a trigger or a policy, the cleanup fails; deleted by another session, it is not counted;
 * changed by another session, its new version must have joined the set by 3, else the row has left
 * the set after S, and what followed it may be gone: 40001. In both cases its key is free for a new
 * row, whose references are none of ours: there must be no such row, else it is 40001, too.
 *
 * Where nobody else has written anything since the set was known to be whole, in an idle database,
 * there is nothing to ask (Cleanup.undisturbed).
 *
 * References that no foreign key declares are asked in the same way, on either path. Nobody checks
 * them, so 2 does not hold of them: a row that another transaction makes is found if it has been
 * committed before N, and else is left behind, as a DELETE by hand would leave it.
 *
 * The proven path needs new snapshots (READ COMMITTED), must see all rows (no row security on any
 * table that is read), counts on referential triggers being active (session_replication_role), and,
 * as everything that changes what a plain statement does, on the library being preloaded.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "held_rows.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "cleanup_plan.h"
#include "cleanup_run.h"
#include "keys_write.h"
#include "plan_hash.h"
#include "removal_rights.h"
#include "removal_triggers.h"
#include "row_recheck.h"

ACCOUNT_OPERATION(cleanup, "cleanup", NO_SUBJECT);

/* After so long each step is reported. */
#define TELL_AFTER_MS 2000

/*
 * After so many rounds of the proof it is not others who insert: a trigger puts back what goes.
 * Each round takes all that others had committed, but for chains of a table's references to itself.
 */
#define MAX_ROUNDS 100

/* So much of a key is recorded. */
#define MAX_RECORDED_KEY 512

/* One execution. */
typedef struct Execution
{
	Cleanup *cleanup;
	bool repeated; /* rows are deleted that came later than S */
	uint64 missing;
	Rechecks rechecks;
	TimestampTz start;
	List *messages; /* what is to be reported once it takes long */
	uint64 max_set; /* 0, or of how many rows keys are set at once */
	RemovalTriggers triggers;
} Execution;

/* Report what is being done, to pg_stat_activity at once. */
static void
begin_step(const Cleanup *cleanup, const char *verb, Oid relid)
{
	char *text = psprintf("%s: %s %s", cleanup->activity ? cleanup->activity : "account.cleanup",
						  verb, display_relation(relid));

	pgstat_report_activity(STATE_RUNNING, text);
	pfree(text);
}

/* Report what was done: a NOTICE for each step once the whole takes long. */
static void
end_step(Execution *execution, const char *verb, Oid relid, uint64 rows, TimestampTz start)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell *lc;

	execution->messages = lappend(
		execution->messages, psprintf("cleanup: %s %s: " UINT64_FORMAT " rows, %.1f s", verb,
									  display_relation(relid), rows, (now - start) / 1000000.0));
	if (!TimestampDifferenceExceeds(execution->start, now, TELL_AFTER_MS))
		return;
	foreach (lc, execution->messages)
		ereport(NOTICE, (errmsg_internal("%s", (char *) lfirst(lc))));
	list_free_deep(execution->messages);
	execution->messages = NIL;
}

/* How many rows of a table are to be deleted now. */
static uint64
count_to_delete(Execution *execution, FkNode *node)
{
	RowSet *set = ((CleanupTable *) node->data)->set;

	return execution->repeated ? set->nrecent : set->n;
}

/* The rows of a table that are to be deleted now. */
static Tuplestorestate *
rows_to_delete(Execution *execution, FkNode *node)
{
	RowSet *set = ((CleanupTable *) node->data)->set;

	return execution->repeated ? set->recent : row_set_rows(set);
}

/* Append a DELETE of the rows that are to go now from one table, as set number i. */
static void
append_delete(Execution *execution, StringInfo sql, OneRun *run, FkNode *node, int i)
{
	appendStringInfo(sql, "DELETE FROM %s c WHERE ", sql_keyed_relation(node->relid));
	row_set_append_condition(sql, run, node->relid, ((CleanupTable *) node->data)->set, i,
							 execution->repeated ? rows_to_delete(execution, node) : NULL,
							 count_to_delete(execution, node));
}

/* Does a foreign key of this name let what references go, or set its key? Reads no catalog. */
static bool
has_action(Cleanup *cleanup, const char *name)
{
	ListCell *lc;

	foreach (lc, cleanup->graph->edges)
	{
		FkEdge *edge = lfirst(lc);

		if (name != NULL && strcmp(edge->name, name) == 0 &&
			edge->catalog_action != FKCONSTR_ACTION_NOACTION &&
			edge->catalog_action != FKCONSTR_ACTION_RESTRICT)
			return true;
	}
	return false;
}

/*
 * Run a DELETE of a cleanup. Where the server's checks run, a row that references what goes and was
 * not there when the set was closed is another transaction's: one of the two has to be done again.
 */
static uint64
run_deletion(Execution *execution, const char *sql, const OneRun *run, KnownSets known)
{
	MemoryContext context = CurrentMemoryContext;
	volatile uint64 done = 0;

	if (execution->triggers.proven)
		return cleanup_run_knowing(sql, run, known, NULL, NULL);
	PG_TRY();
	{
		done = cleanup_run_knowing(sql, run, known, NULL, NULL);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION &&
			has_action(execution->cleanup, error->constraint_name))
		{
			error->sqlerrcode = ERRCODE_T_R_SERIALIZATION_FAILURE;
			error->detail =
				psprintf("Another transaction has just referenced what goes: %s.", error->message);
			error->message = "could not serialize access due to concurrent update";
			error->hint = "Try the transaction again.";
		}
		FlushErrorState();
		ReThrowError(error);
	}
	PG_END_TRY();
	return done;
}

/* Delete the rows of some tables in one statement, whose end is what the checks see. */
static void
delete_rows(Execution *execution, List *nodes)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount deletion", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int ntables = list_length(nodes);
	OneRun run = {.options = {.physical = true,
							  .callback = removal_disable_triggers,
							  .arg = &execution->triggers}};
	KnownSets known = {palloc(ntables * sizeof(RowSet *)), ntables};
	TimestampTz start = GetCurrentTimestamp();
	List *relids = NIL;
	RoleState caller;
	StringInfoData sql;
	uint64 done;
	ListCell *lc;

	run.types = palloc(ntables * ROW_SET_CONDITION_ARGS * sizeof(Oid));
	run.values = palloc(ntables * ROW_SET_CONDITION_ARGS * sizeof(Datum));
	initStringInfo(&sql);
	appendStringInfoString(&sql, OWN_STATEMENT);
	foreach (lc, nodes)
	{
		FkNode *node = lfirst(lc);
		int i = foreach_current_index(lc);

		begin_step(execution->cleanup, "delete from", node->relid);
		cleanup_check_delete(execution->cleanup, node);
		relids = lappend_oid(relids, node->relid);
		known.sets[i] = ((CleanupTable *) node->data)->set;
		if (i < ntables - 1)
			appendStringInfo(&sql, "%sd%d AS (", i > 0 ? ", " : "WITH ", i);
		append_delete(execution, &sql, &run, node, i);
		appendStringInfoString(&sql, i < ntables - 1 ? ")" : " ");
	}
	removal_run_as_owner(execution->cleanup, relids, &run, &caller);
	done = run_deletion(execution, sql.data, &run, known);
	run_as_end(caller);
	MemoryContextSwitchTo(old);
	FAILURE_POINT("cleanup-deleted");

	foreach (lc, nodes)
	{
		FkNode *node = lfirst(lc);
		int moved = list_length(execution->rechecks.moved);
		uint64 n = count_to_delete(execution, node);

		/* the statement says only how many rows of the last table it deleted */
		if (lnext(nodes, lc) != NULL || done != n)
			recheck_find(&execution->rechecks, execution->cleanup, node,
						 rows_to_delete(execution, node));
		execution->missing += list_length(execution->rechecks.moved) - moved;
		end_step(execution, "delete from", node->relid, n, start);
	}
	MemoryContextDelete(context);
}

/* Rows whose key is to be set. */
typedef struct Nulled
{
	FkNode *node;
	RowSet *set;
} Nulled;

/* A row that references a row of the set, and stays. */
static void
note_nulled(TupleTableSlot *slot, void *arg)
{
	Nulled *nulled = arg;
	Datum values[SET_FIXED] = {slot->tts_values[0], slot->tts_values[1], Int32GetDatum(0)};
	bool nulls[SET_FIXED] = {false};

	if (!cleanup_has_row(nulled->node, slot))
		(void) row_set_add(nulled->set, values, nulls);
}

/* Set the keys of rows outside that reference the set over an edge. */
static void
set_keys(Execution *execution, FkEdge *edge)
{
	Cleanup *cleanup = execution->cleanup;
	bool to_null = edge->on_delete == FKCONSTR_ACTION_SETNULL;
	CleanupStep *step = cleanup_step(cleanup, edge->child_node, edge,
									 to_null ? CLEANUP_SET_NULL : CLEANUP_SET_DEFAULT);
	TimestampTz start = GetCurrentTimestamp();
	uint64 first = 0;
	uint64 done = 0;
	uint64 n = 0;

	FAILURE_POINT("cleanup-set");
	/* what came later is found by the proof, or by the ordinary checks */
	if (!execution->repeated && step->rows == 0)
		return;
	/* a row changed at this moment is found again in its new version */
	for (int attempt = 0; attempt < 3; attempt++)
	{
		Nulled nulled = {edge->child_node, row_set_make(edge->child, NIL)};
		EdgeQuery query = {.as_owners = cleanup->as_owners, .lookups = cleanup->lookups};

		if (execution->max_set > 0)
			query.limit = execution->max_set + cleanup_set_size(edge->child_node);
		cleanup_read_edge(edge, &query, note_nulled, &nulled);
		n = nulled.set->n;
		if (n > 0)
		{
			begin_step(cleanup, "update", edge->child);
			done = keys_write(cleanup, edge, nulled.set);
			first = Max(first, done);
		}
		row_set_free(nulled.set);
		if (n == 0 || done == n)
			break;
	}
	if (n > 0 && done != n)
		recheck_refuse_kept_back(edge->child, n - done);
	step->rows = execution->repeated ? step->rows + (int64) first : (int64) first;
	if (first > 0)
		end_step(execution, "update", edge->child, first, start);
}

/* Before rows of a component go: rows outside let go of them. */
static void
set_keys_of(Execution *execution, List *component)
{
	ListCell *lc;

	foreach (lc, component)
	{
		FkNode *node = lfirst(lc);
		ListCell *lc2;

		if (((CleanupTable *) node->data)->set->n == 0)
			continue;
		foreach (lc2, node->referencing)
		{
			FkEdge *edge = lfirst(lc2);

			if (!fk_edge_follows(edge, execution->cleanup->force) && !fk_edge_protects(edge))
				set_keys(execution, edge);
		}
	}
}

/* Delete what is to be deleted, components in order. */
static void
delete_components(Execution *execution)
{
	ListCell *lc;

	foreach (lc, execution->cleanup->components)
	{
		List *component = lfirst(lc);
		List *busy = NIL;
		ListCell *lc2;

		set_keys_of(execution, component);
		foreach (lc2, component)
			if (count_to_delete(execution, lfirst(lc2)) > 0)
				busy = lappend(busy, lfirst(lc2));
		if (busy != NIL && !execution->triggers.proven)
			delete_rows(execution, busy);
		else
			foreach (lc2, busy)
				delete_rows(execution, list_make1(lfirst(lc2)));
	}
}

/* May the referential triggers be left out? See the head of this file. */
bool
cleanup_may_prove(const Cleanup *cleanup)
{
	return !IsolationUsesXactSnapshot() && !cleanup->under_rls && hooks_installed() &&
		   SessionReplicationRole == SESSION_REPLICATION_ROLE_ORIGIN;
}

/* Does a reference that no foreign key declares lead to tables whose rows go? */
static bool
has_declared(const Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		ListCell *lc2;

		foreach (lc2, ((FkNode *) lfirst(lc))->referencing)
			if (!OidIsValid(((FkEdge *) lfirst(lc2))->constraint))
				return true;
	}
	return false;
}

/* Fail because whatever is deleted, there is always more. */
static void
refuse_endless(Oid target)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("rows to remove with those of \"%s\" keep coming", get_rel_name(target)),
			 errdetail("After %d rounds there were still more; nothing was removed.", MAX_ROUNDS),
			 errhint("Look for a trigger that inserts rows for those that are deleted. If "
					 "other sessions insert them, try again.")));
}

/* Set keys of some rows outside. */
uint64
cleanup_set_some(Cleanup *cleanup, uint64 max)
{
	Execution execution = {.cleanup = cleanup, .start = GetCurrentTimestamp(), .max_set = max};
	uint64 rows = 0;
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);

		if ((step->action != CLEANUP_SET_NULL && step->action != CLEANUP_SET_DEFAULT) ||
			step->rows == 0)
			continue;
		set_keys(&execution, step->edge);
		rows += (uint64) step->rows;
		if (rows >= max)
			break;
		execution.max_set = max - rows;
	}
	return rows;
}

/* Have keys been set, or are they to be, in a table whose rows may go? */
bool
cleanup_moves_rows(const Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		const CleanupStep *step = lfirst(lc);

		if ((step->action == CLEANUP_SET_NULL || step->action == CLEANUP_SET_DEFAULT) &&
			step->rows > 0 && step->edge->child_node->data != NULL)
			return true;
	}
	return false;
}

/* Set keys of some rows outside. To be undone. */
static bool
set_some(void *arg)
{
	Execution *execution = arg;
	ListCell *lc;

	foreach (lc, execution->cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);
		int64 rows = step->rows;

		if ((step->action != CLEANUP_SET_NULL && step->action != CLEANUP_SET_DEFAULT) || rows == 0)
			continue;
		set_keys(execution, step->edge);
		step->rows = rows;
	}
	return false;
}

/* Do it, and undo it: would it fail? */
void
cleanup_try_setting(Cleanup *cleanup, uint64 max)
{
	Execution execution = {.cleanup = cleanup, .start = GetCurrentTimestamp(), .max_set = max};
	ErrorData *error = subtransaction_run(set_some, &execution);

	if (error != NULL)
		ReThrowError(error);
}

/* Remove the rows of a cleanup that is closed and that nothing holds. */
void
cleanup_execute(Cleanup *cleanup)
{
	Execution execution = {.cleanup = cleanup,
						   .triggers = removal_triggers(cleanup, cleanup_may_prove(cleanup)),
						   .start = GetCurrentTimestamp()};
	bool asks_again = execution.triggers.proven || has_declared(cleanup);
	int rounds = 0;

	/* before anything is changed */
	cleanup_check_deletions(cleanup);
	delete_components(&execution);
	/* after the deletes: whoever comes now waits for them */
	asks_again &=
		cleanup->undisturbed == NULL || !cleanup->undisturbed(cleanup, cleanup->undisturbed_arg);
	while (asks_again || execution.missing > 0)
	{
		uint64 found;

		CHECK_FOR_INTERRUPTS();
		if (++rounds > MAX_ROUNDS)
			refuse_endless(cleanup->target);
		execution.missing = 0;
		execution.repeated = true;
		begin_step(cleanup, "prove removal from", cleanup->target);
		FAILURE_POINT("cleanup-prove");
		found = cleanup_close_again(cleanup, NULL);
		found += cleanup_find_outside(cleanup, NULL, false);
		recheck_check_keys(&execution.rechecks);
		cleanup_refuse_protected(cleanup);
		if (found == 0)
			break;
		/* what others have added meanwhile nobody has approved */
		if (cleanup->approved != NULL)
			plan_refuse_other(cleanup->target);
		cleanup->exceeded = cleanup->max_rows > 0 && cleanup->rows > cleanup->max_rows;
		if (cleanup->exceeded)
			return;
		delete_components(&execution);
	}
	recheck_check_moved(&execution.rechecks);
	recheck_check_keys(&execution.rechecks);
	FAILURE_POINT("cleanup-end");
	pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
}

/* Remove the rows that a new cleanup was seeded with, or raise and change nothing. */
void
cleanup_run(Cleanup *work)
{
	int nest_level;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	nest_level = cleanup_join_memory();
	pending_postpone();
	PG_TRY();
	{
		begin_step(work, "plan removal from", work->target);
		cleanup_close(work, GetActiveSnapshot());
		(void) cleanup_find_held(work, NULL, NULL);
		(void) cleanup_find_outside(work, GetActiveSnapshot(), true);
		if (work->approved != NULL)
			plan_check_approved(work, GetActiveSnapshot(), work->approved);
		cleanup_refuse_protected(work);
		cleanup_execute(work);
	}
	PG_CATCH();
	{
		pending_give_up();
		PG_RE_THROW();
	}
	PG_END_TRY();
	pending_catch_up();
	AtEOXact_GUC(true, nest_level);
	PopActiveSnapshot();
}

/* Remove rows by a condition; see the header. */
bool
cleanup_delete_alone(Cleanup *cleanup, const char *condition, int nargs, Oid *types, Datum *values,
					 uint64 *rows)
{
	RemovalTriggers triggers = removal_triggers(cleanup, false);
	OneRun run = {
		.nargs = nargs,
		.types = types,
		.values = values,
		.options = {.physical = true, .callback = removal_disable_triggers, .arg = &triggers}};
	RoleState caller;

	if (cleanup_under_rls(cleanup, cleanup->target) || cleanup->node->referencing != NIL ||
		removal_may_be_kept_back(cleanup->target))
		return false;
	cleanup_check_delete(cleanup, cleanup->node);
	begin_step(cleanup, "delete from", cleanup->target);
	removal_run_as_owner(cleanup, list_make1_oid(cleanup->node->relid), &run, &caller);
	*rows = cleanup_run_knowing(psprintf(OWN_STATEMENT "DELETE FROM %s c WHERE %s",
										 sql_keyed_relation(cleanup->target), condition),
								&run, (KnownSets){NULL, 0}, NULL, NULL);
	run_as_end(caller);
	FAILURE_POINT("cleanup-deleted");
	return true;
}

/* Rows of the target that a cleanup has removed. */
uint64
cleanup_target_rows(Cleanup *work)
{
	uint64 rows = 0;
	ListCell *lc;

	foreach (lc, work->steps)
	{
		CleanupStep *step = lfirst(lc);

		if (step->action == CLEANUP_DELETE && step->node == work->node)
			rows += step->rows;
	}
	return rows;
}

/* The key that the caller named, as text. */
static char *
key_as_text(FunctionCallInfo fcinfo)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	Oid output;
	bool is_varlena;
	char *key;

	if (PG_ARGISNULL(1) || !OidIsValid(type))
		return NULL;
	if (type == UNKNOWNOID)
		key = pstrdup(DatumGetCString(PG_GETARG_DATUM(1)));
	else
	{
		getTypeOutputInfo(type, &output, &is_varlena);
		key = OidOutputFunctionCall(output, PG_GETARG_DATUM(1));
	}
	key[pg_mbcliplen(key, strlen(key), MAX_RECORDED_KEY)] = '\0';
	return key;
}

/* Record what was removed, if anything was. */
static void
record_cleanup(FunctionCallInfo fcinfo, Cleanup *work)
{
	JsonbBuild detail = {0};
	int64 rows = 0;
	ListCell *lc;

	foreach (lc, cleanup_ordered_steps(work))
		rows += ((CleanupStep *) lfirst(lc))->rows;
	if (rows == 0)
		return;
	detail_text(&detail, "target", display_relation(work->target));
	detail_text(&detail, "key", key_as_text(fcinfo));
	detail_number(&detail, "rows", rows);
	detail_bool(&detail, "force", work->force);
	event_success(EVENT_CLEANUP_DONE, NULL, NULL, detail_end(&detail));
}

/*
 * account.cleanup(target regclass, key "any" | text, force boolean, approve text) RETURNS TABLE
 * (...)
 */
static Datum
cleanup_operation(PG_FUNCTION_ARGS)
{
	Cleanup *work;

	work = cleanup_of_arguments(fcinfo, RowExclusiveLock, CLEANUP_TO_EXECUTE);
	if (!PG_ARGISNULL(3))
		work->approved = text_to_cstring(PG_GETARG_TEXT_PP(3));
	cleanup_run(work);
	cleanup_return(fcinfo, work);
	record_cleanup(fcinfo, work);
	cleanup_free(work);
	return (Datum) 0;
}
