/*
 * hold_judge.h
 *		Is a row under a hold, or would it go with one that is?
 */
#ifndef PGACCOUNT_HOLD_JUDGE_H
#define PGACCOUNT_HOLD_JUDGE_H

#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

/* Why a row must stay. */
typedef struct HoldFound
{
	int64 hold;
	Oid target; /* the table of the row under the hold, */
	char *key;  /* and its key, `(a, b)=(1, 2)` */
	bool own;   /* it is the row itself; else the row would go with it */
} HoldFound;

/* Judges many rows of one statement: remembers which parents are free. */
typedef struct HoldJudge HoldJudge;

/* In the current memory context, with which it goes. */
extern HoldJudge *hold_judge_make(void);

/* Must the row stay? True: *found says why, in the current memory context. */
extern bool hold_judge_row(HoldJudge *judge, Relation rel, TupleTableSlot *slot, HoldFound *found);

/* The same of a row by where it is stored; one that is not there any more is free. */
extern bool hold_judge_tid(HoldJudge *judge, Oid tab, ItemPointer tid, HoldFound *found);

/* Raise PT423 if it must stay. */
extern void hold_check_row(HoldJudge *judge, Oid tab, ItemPointer tid);

/* Raise PT423 for a row of a table. */
compat_noreturn extern void hold_refuse(Oid relid, const HoldFound *found);

#endif /* PGACCOUNT_HOLD_JUDGE_H */
