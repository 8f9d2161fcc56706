/*
 * judge.h
 *		A statement that the caller's policies judge, while the owner of the table acts.
 */
#ifndef PGACCOUNT_JUDGE_H
#define PGACCOUNT_JUDGE_H

#ifndef IN_base
#error "private to src/base"
#endif

#include "executor/execdesc.h"
#include "nodes/pg_list.h"

#include "run_as.h"

/* Whoever judges. On the C stack of who runs the statement. */
typedef struct Judge
{
	const RoleState *caller;
	Oid actor;    /* the owner, who sets columns */
	List *plans;  /* PlanState nodes, */
	List *nodes;  /* and what runs them */
	List *states; /* JudgedExpr */
	struct Judge *outer;
} Judge;

/*
 * Begin, after the statement was planned as judge->caller and started; it is run as the present
 * user until judge_end(). An error leaves it to judge_back_to(), with what judge_now() said before.
 */
extern void judge_begin(Judge *judge, QueryDesc *desc);
extern void judge_end(Judge *judge);
extern Judge *judge_now(void);
extern void judge_back_to(Judge *judge);

#endif /* PGACCOUNT_JUDGE_H */
