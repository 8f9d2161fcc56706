/*
 * table_code.h
 *		Code of a table's owner that the server runs when it looks at the table, before it looks at
 *		a row.
 */
#ifndef PGACCOUNT_TABLE_CODE_H
#define PGACCOUNT_TABLE_CODE_H

#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "utils/rel.h"

/*
 * The expressions and the predicate of an index, as the server's functions of such names give them:
 * what is constant in them is evaluated, as the owner of the table.
 */
extern List *index_expressions(Relation index);
extern List *index_predicate(Relation index);

/*
 * Open the indexes of a table that is written without a statement; what is constant is evaluated as
 * its owner.
 */
extern void open_indexes(ResultRelInfo *target);

/* What planning a statement of ours has suspended. */
typedef struct Planning
{
	List *without_statistics; /* Relations */
	int guc_level;
} Planning;

/*
 * Before a statement of ours is planned, and after it, come what may: the planner evaluates what is
 * constant in the indexes, partition keys, checks and statistics of its tables. Of tables of others
 * than the current user that is done here, as their owner, or not at all.
 */
extern void planning_begin(Planning *planning, Query *query);
extern void planning_end(Planning *planning);

/*
 * Have the privileges that a parsed statement needs be those of a role, its functions' too; whoever
 * runs it.
 */
extern void privileges_of(Query *query, Oid role);

/*
 * Does writing a row of a table, whose indexes are open, run anything that somebody wrote: a
 * trigger, a check, a computed column, an index? Defaults are not looked at.
 */
extern bool write_runs_code(const ResultRelInfo *target, CmdType command);

/* Does an index have expressions or a condition, which may run functions that somebody wrote? */
extern bool index_has_code(Oid index_id);

/*
 * Does an expression, or an index, call functions that might run somebody's SQL, or check a domain?
 * The last asks for
 * functions alone, and also for those that do as they are told.
 */
extern bool index_calls_code(Oid index_id);
extern bool expression_calls_code(Node *expression);
extern bool expression_calls_functions(Node *expression);

/*
 * Is it a function of the server's, or in C, that runs SQL which it is given, or changes something
 * that its arguments name? Written in an expression by one role, it acts for another that evaluates
 * it.
 */
extern bool function_does_as_told(Oid function);

#endif /* PGACCOUNT_TABLE_CODE_H */
