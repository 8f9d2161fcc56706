/*
 * row_move.h
 *		Rows that an UPDATE moves to another partition.
 */
#ifndef PGACCOUNT_ROW_MOVE_H
#define PGACCOUNT_ROW_MOVE_H

#include "fmgr.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

/*
 * Note, in a BEFORE UPDATE trigger of a partition, that its statement is about to update this row.
 * flinfo: the trigger's, whose fn_extra is the note's.
 */
extern void row_moves_note(FmgrInfo *flinfo, Relation rel, ItemPointer tid);

/*
 * In a BEFORE DELETE trigger: is this row one that the statement is updating? Then it moves to
 * another partition, and lives. Each note answers once.
 */
extern bool row_is_moving(FmgrInfo *flinfo, Relation rel, ItemPointer tid);

/*
 * In a BEFORE INSERT trigger: does the row come from another partition of the same table, by an
 * UPDATE? Each note answers once.
 */
extern bool row_has_moved(FmgrInfo *flinfo, Relation rel);

#endif /* PGACCOUNT_ROW_MOVE_H */
