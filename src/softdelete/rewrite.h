/*
 * rewrite.h
 *		The walk over a statement that is about to be planned.
 */
#ifndef PGACCOUNT_REWRITE_H
#define PGACCOUNT_REWRITE_H

#include "nodes/params.h"
#include "nodes/plannodes.h"

/* What the walk learnt that the finished plan must be told. */
typedef struct RewriteResult
{
	bool deletes;         /* the statement itself was a DELETE and is an UPDATE now */
	bool depends_on_role; /* from functions expanded in advance: see rewrite.c */
	List *inval_items;
} RewriteResult;

/* Rewrite deletions and hide deleted rows, in place. */
extern void rewrite_statement(Query *query, const char *query_string, ParamListInfo params,
							  RewriteResult *result);

/* Tell the finished plan. */
extern void rewrite_finish(PlannedStmt *plan, const RewriteResult *result);

/*
 * Does a utility statement copy a table out as it is: COPY, which under row security becomes a
 * query, or the cursor of pg_dump --inserts?
 */
extern bool rewrite_copies_table(Node *statement);

/* A table's contents are being copied out: the next statement planned, if any, shows all rows. */
extern void rewrite_show_all_once(bool copying);

/* Where the BEFORE UPDATE sync trigger has nothing to do, disable it in the executor's copy. */
extern void rewrite_executor_start(struct QueryDesc *desc);
extern void rewrite_restore_start(struct EState *estate, void *arg);

#endif /* PGACCOUNT_REWRITE_H */
