/*
 * pace.h
 *		How fast a removal in batches may go on.
 */
#ifndef PGACCOUNT_PACE_H
#define PGACCOUNT_PACE_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "datatype/timestamp.h"

typedef struct Pace Pace;

/*
 * Begin, in the current memory context. max_lag: of standbys, in microseconds; negative: whatever
 * it is. max_wal: bytes of WAL a second that this session may write; 0: as many as it does.
 */
extern Pace *pace_begin(int64 max_lag, int64 max_wal);

/* A batch has been committed. */
extern void pace_batch_done(Pace *pace);

/*
 * Wait until the next batch may begin, interruptibly, but not longer than until some time; false:
 * that has come. activity: what is shown besides. Outside a snapshot; holds nothing meanwhile.
 */
extern bool pace_wait(Pace *pace, const char *activity, TimestampTz until);

#endif /* PGACCOUNT_PACE_H */
