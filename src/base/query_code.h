/*
 * query_code.h
 *		Whose code a statement of ours would run.
 */
#ifndef PGACCOUNT_QUERY_CODE_H
#define PGACCOUNT_QUERY_CODE_H

#include "nodes/parsenodes.h"

/*
 * Raise for a rewritten query of ours that would run a function of anybody but a superuser and the
 * current user: 42846 for a cast that is written in it, that to_jsonb() looks for, or that nobody
 * wrote where tables of others are read or values are assigned to columns; 55000 for an operator,
 * for a view of somebody else's, and for a policy of another role's table where neither its owner
 * nor the caller acts.
 */
extern void query_code_check(Query *query, bool judged);

/*
 * The same for what the columns of a query are set to, where that is set as the present user and
 * the rest is planned, and judged, as another: what is constant in it is evaluated here. judged
 * above says that this was done.
 */
extern void query_code_settle(Query *query);

#endif /* PGACCOUNT_QUERY_CODE_H */
