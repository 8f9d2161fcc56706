/*
 * hold.h
 *		What the other folders may use of legal holds.
 *
 * Whoever removes rows for good with statements of its own deletes them by way of their tables'
 * triggers, which refuse (hold_physical() for soft-delete tables), and asks before it begins:
 *
 *     if (hold_concerns(relid))                   -- cheap: false wherever no hold is about
 *     {
 *         HoldJudge *judge = hold_judge_make();   -- for many rows: it remembers parents
 *         hold_check_row(judge, tab, &tid);       -- raises PT423
 *     }
 *
 * row_set_check_holds() of cleanup does so for a set of rows.
 */
#ifndef PGACCOUNT_HOLD_H
#define PGACCOUNT_HOLD_H

#include "hold_ddl.h"
#include "hold_judge.h"
#include "hold_state.h"
#include "hold_trigger.h"

#endif /* PGACCOUNT_HOLD_H */
