/*
 * delete_call.c
 *		DELETE statements on soft-delete tables, measured as the operation "soft_delete".
 *
 * A statement runs in two steps of the executor: its rows, then its AFTER triggers. The operation
 * lasts from the first to the end of the second; it is the current one while either runs.
 * Statements nest, so those that are followed are chained; a chain's end is the memory of its
 * statement.
 */
#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "delete_call.h"

typedef struct DeleteCall
{
	QueryDesc *desc;
	OperationFrame frame;
	bool begun;
	const char *secret; /* see delete_call_secret() */
	MemoryContextCallback at_end;
	struct DeleteCall *next;
} DeleteCall;

static const Operation soft_delete_operation = {"soft_delete", NO_SUBJECT};

static DeleteCall *calls = NULL;

/* The memory of a statement goes. */
static void
call_ends(void *arg)
{
	for (DeleteCall **p = &calls; *p != NULL; p = &(*p)->next)
		if (*p == arg)
		{
			*p = (*p)->next;
			return;
		}
}

/* A statement was started. */
void
delete_call_start(QueryDesc *desc)
{
	ModifyTable *node = (ModifyTable *) desc->plannedstmt->planTree;
	DeleteCall *call;
	char *secret;

	if (desc->operation != CMD_DELETE || !IsA(node, ModifyTable) || node->operation != CMD_UPDATE)
		return;
	secret = secret_table(
		rt_fetch(linitial_int(node->resultRelations), desc->plannedstmt->rtable)->relid);
	if (!stats_kept() && secret == NULL && pgaccount_error_detail != ERROR_DETAIL_GENERIC)
		return;
	call = MemoryContextAlloc(desc->estate->es_query_cxt, sizeof(DeleteCall));
	call->desc = desc;
	call->begun = false;
	call->secret = secret != NULL ? MemoryContextStrdup(desc->estate->es_query_cxt, secret) : NULL;
	call->next = calls;
	calls = call;
	call->at_end.func = call_ends;
	call->at_end.arg = call;
	MemoryContextRegisterResetCallback(desc->estate->es_query_cxt, &call->at_end);
}

/* The call of a statement; NULL: it is not followed. */
static DeleteCall *
call_of(const QueryDesc *desc)
{
	for (DeleteCall *call = calls; call != NULL; call = call->next)
		if (call->desc == desc)
			return call;
	return NULL;
}

/* Is the statement followed? */
bool
delete_call_follows(QueryDesc *desc)
{
	return calls != NULL && call_of(desc) != NULL;
}

/* The name of the table, if it holds secrets. */
const char *
delete_call_secret(QueryDesc *desc)
{
	return call_of(desc)->secret;
}

/* The statement does something. */
void
delete_call_enter(QueryDesc *desc)
{
	DeleteCall *call = call_of(desc);

	if (call->begun)
		operation_resume(&call->frame);
	else
		operation_begin(&call->frame, &soft_delete_operation, NULL);
	call->begun = true;
}

/* It has done it. */
void
delete_call_leave(QueryDesc *desc, bool last)
{
	DeleteCall *call = call_of(desc);

	if (last)
		operation_end(&call->frame);
	else
		operation_suspend(&call->frame);
}

/* It raised an error, which goes on when this returns. */
void
delete_call_fail(QueryDesc *desc)
{
	operation_fail(&call_of(desc)->frame);
}
