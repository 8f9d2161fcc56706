/*
 * hooks.c
 *		The server's hooks, in one place. They only dispatch to the modules.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_db_role_setting.h"
#include "executor/executor.h"
#include "nodes/nodes.h"
#include "optimizer/planner.h"
#include "tcop/utility.h"
#include "utils/selfuncs.h"

#include "auth/auth.h"
#include "base/base.h"
#include "cleanup/cleanup.h"
#include "hold/hold.h"
#include "profile/profile.h"
#include "softdelete/softdelete.h"
#include "hooks.h"

static planner_hook_type next_planner = NULL;
static ExecutorStart_hook_type next_ExecutorStart = NULL;
static ExecutorRun_hook_type next_ExecutorRun = NULL;
static ExecutorFinish_hook_type next_ExecutorFinish = NULL;
static ProcessUtility_hook_type next_ProcessUtility = NULL;
static object_access_hook_type next_object_access = NULL;
static get_relation_stats_hook_type next_relation_stats = NULL;

/* Statements are rewritten before anybody plans them; the next planner sees a plain UPDATE. */
static PlannedStmt *
account_planner(COMPAT_PLANNER_PARAMS)
{
	RewriteResult rewritten;
	planner_hook_type planner = next_planner != NULL ? next_planner : standard_planner;
	PlannedStmt *plan;

	if (!hooks_installed())
		return plan_as_own(COMPAT_PLANNER_ARGS, planner);
	rewrite_statement(parse, query_string, params, &rewritten);
	plan = plan_as_own(COMPAT_PLANNER_ARGS, planner);
	rewrite_finish(plan, &rewritten);
	return plan;
}

/*
 * Statements of others are marked; triggers that a rewritten statement does not need are disabled.
 */
static void
account_ExecutorStart(QueryDesc *desc, int eflags)
{
	run_as_refuse_temporary(desc->plannedstmt);
	eflags |= run_as_started();
	if (hooks_installed())
		identity_statement_begins();
	if (next_ExecutorStart)
		next_ExecutorStart(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
	if (!hooks_installed())
		return;
	rewrite_executor_start(desc);
	conflict_executor_start(desc);
	delete_call_start(desc);
	profile_executor_start(desc);
	hold_executor_start(desc);
}

/* Run a statement. */
static void
run_executor(COMPAT_EXECUTOR_RUN_PARAMS)
{
	if (next_ExecutorRun)
		next_ExecutorRun(COMPAT_EXECUTOR_RUN_ARGS);
	else
		standard_ExecutorRun(COMPAT_EXECUTOR_RUN_ARGS);
}

/* Run a statement that writes soft-delete tables. */
static void
run_writer(COMPAT_EXECUTOR_RUN_PARAMS)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		run_executor(COMPAT_EXECUTOR_RUN_ARGS);
	}
	PG_CATCH();
	{
		conflict_rethrow(context, desc);
	}
	PG_END_TRY();
}

/*
 * Run a rewritten deletion, whose UPDATE is ours: no error of it shows a hash, nor a row where
 * pgaccount.error_detail is generic.
 */
static void
run_deletion(COMPAT_EXECUTOR_RUN_PARAMS)
{
	MemoryContext context = CurrentMemoryContext;
	const char *secret = delete_call_secret(desc);

	if (secret == NULL && pgaccount_error_detail != ERROR_DETAIL_GENERIC)
	{
		run_executor(COMPAT_EXECUTOR_RUN_ARGS);
		return;
	}
	PG_TRY();
	{
		run_executor(COMPAT_EXECUTOR_RUN_ARGS);
	}
	PG_CATCH();
	{
		if (secret == NULL)
			discreet_rethrow(context);
		secret_rethrow(context, secret);
	}
	PG_END_TRY();
}

/* Rewritten deletions are measured: their rows, */
static void
account_ExecutorRun(COMPAT_EXECUTOR_RUN_PARAMS)
{
	run_as_refuse_cursor(desc);
	if (hooks_installed())
		identity_statement_begins(); /* a cursor may have begun before the identity's end */
	if (!hooks_installed() || !delete_call_follows(desc))
	{
		if (hooks_installed() && conflict_concerns(desc))
			run_writer(COMPAT_EXECUTOR_RUN_ARGS);
		else
			run_executor(COMPAT_EXECUTOR_RUN_ARGS);
		return;
	}
	delete_call_enter(desc);
	PG_TRY();
	{
		run_deletion(COMPAT_EXECUTOR_RUN_ARGS);
	}
	PG_CATCH();
	{
		delete_call_fail(desc);
		PG_RE_THROW();
	}
	PG_END_TRY();
	delete_call_leave(desc, false);
}

/* Finish a statement, and note the deferred triggers that it may have queued. */
static void
finish_executor(QueryDesc *desc)
{
	replace_confirm(desc->estate);
	if (next_ExecutorFinish)
		next_ExecutorFinish(desc);
	else
		standard_ExecutorFinish(desc);
	replace_confirm(desc->estate);
	deferred_note(desc->estate);
}

/* and what follows from them. */
static void
account_ExecutorFinish(QueryDesc *desc)
{
	if (!hooks_installed() || !delete_call_follows(desc))
	{
		finish_executor(desc);
		return;
	}
	delete_call_enter(desc);
	PG_TRY();
	{
		finish_executor(desc);
	}
	PG_CATCH();
	{
		delete_call_fail(desc);
		PG_RE_THROW();
	}
	PG_END_TRY();
	delete_call_leave(desc, true);
}

/* Hand a utility statement on. */
static void
run_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
			ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *env,
			DestReceiver *dest, QueryCompletion *completion)
{
	if (next_ProcessUtility)
		next_ProcessUtility(pstmt, query_string, read_only_tree, context, params, env, dest,
							completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, env, dest,
								completion);
}

/* Some copy tables out as they are; ALTER TABLE runs a query to validate a foreign key. */
static void
account_ProcessUtility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
					   ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *env,
					   DestReceiver *dest, QueryCompletion *completion)
{
	bool copies_table = hooks_installed() && rewrite_copies_table(pstmt->utilityStmt);
	bool alters_table = hooks_installed() && IsA(pstmt->utilityStmt, AlterTableStmt);
	bool altered_one;

	run_as_refuse_utility(pstmt->utilityStmt);
	identity_statement_begins();
	if (!copies_table && !alters_table)
	{
		run_utility(pstmt, query_string, read_only_tree, context, params, env, dest, completion);
		return;
	}
	altered_one = referential_alter_table(alters_table);
	PG_TRY();
	{
		rewrite_show_all_once(copies_table);
		run_utility(pstmt, query_string, read_only_tree, context, params, env, dest, completion);
	}
	PG_FINALLY();
	{
		rewrite_show_all_once(false);
		(void) referential_alter_table(altered_one);
	}
	PG_END_TRY();
}

/*
 * TRUNCATE asks for each table, partitions attached yesterday and tables of a CASCADE included. The
 * fast path of the protocol asks for the function that it calls without a statement.
 */
static void
account_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (next_object_access)
		next_object_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_TRUNCATE && class_id == RelationRelationId && hooks_installed())
	{
		hold_refuse_truncate(object_id);
		refuse_truncate_of(object_id);
	}
	if (access == OAT_POST_ALTER && class_id == DbRoleSettingRelationId)
		run_as_settings_changed();
	if (access == OAT_POST_CREATE)
		run_as_refuse_object(class_id, object_id);
	if (access == OAT_FUNCTION_EXECUTE)
	{
		run_as_refuse_function(object_id);
		identity_statement_begins();
	}
}

/*
 * The planner asks for statistics of a column: there are some of the sets of a cleanup.
 */
static bool
account_relation_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum,
					   VariableStatData *vardata)
{
	if (rte->rtekind == RTE_NAMEDTUPLESTORE && row_set_is_unique(rte->enrname, attnum))
	{
		vardata->isunique = true;
		return true;
	}
	return next_relation_stats != NULL && next_relation_stats(root, rte, attnum, vardata);
}

/*
 * Install the hooks, in front of those that are there. Those that keep what runs because of us in
 * its bounds are there whenever the library is; the others only where it was loaded before the
 * session's first statement.
 */
void
hooks_init(bool library_preloaded)
{
	next_ExecutorFinish = ExecutorFinish_hook;
	ExecutorFinish_hook = account_ExecutorFinish;
	next_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = account_ProcessUtility;
	next_object_access = object_access_hook;
	object_access_hook = account_object_access;
	next_planner = planner_hook;
	planner_hook = account_planner;
	next_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = account_ExecutorStart;
	next_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = account_ExecutorRun;
	if (!library_preloaded)
		return;
	next_relation_stats = get_relation_stats_hook;
	get_relation_stats_hook = account_relation_stats;
	hooks_are_installed();
}
