/*
 * deferred.h
 *		Deferred triggers of an application that a call of ours has queued.
 */
#ifndef PGACCOUNT_DEFERRED_H
#define PGACCOUNT_DEFERRED_H

#include "nodes/execnodes.h"

/*
 * Left alone, they would fire at COMMIT, as whoever commits. So they fire at the end of the call,
 * as the owner of their table. Checks of foreign keys stay deferred.
 *
 * Begin a call, and end it; depth is what deferred_begin() returned. deferred_fire() fires what has
 * been queued since the outermost call began: at its end, and before a procedure commits. An error
 * leaves nothing to fire.
 */
extern int deferred_begin(void);
extern void deferred_end(int depth);
extern void deferred_fire(void);

/*
 * Fire what is queued for a table, by whatever statement, checks of foreign keys too: where DDL is
 * to follow, which the server refuses otherwise (55006). Afterwards it is deferred as declared. The
 * caller holds a lock on the table.
 */
extern void deferred_fire_table(Oid relid);

/* Rows of these tables were written: by a statement that comes to its end, or without one. */
extern void deferred_note(EState *estate);
extern void deferred_note_table(Oid relid, TriggerDesc *triggers);

extern void deferred_init(void);

#endif /* PGACCOUNT_DEFERRED_H */
