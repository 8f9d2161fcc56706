/*
 * replace.h
 *		A new row replaces the deleted ones that hold its keys: on_reinsert => 'replace'.
 */
#ifndef PGACCOUNT_REPLACE_H
#define PGACCOUNT_REPLACE_H

#include "nodes/execnodes.h"

/*
 * Raise 23505 where deleted rows were removed for a new row of this statement that did not go in.
 * Called when the statement has written its rows: at the beginning of its ExecutorFinish, and at
 * the end, which runs data-modifying CTEs that nobody has read.
 */
extern void replace_confirm(const EState *estate);

#endif /* PGACCOUNT_REPLACE_H */
