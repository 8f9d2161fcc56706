/*
 * removal_batch.h
 *		One batch of a removal in many transactions; batches.c runs them one after the other.
 */
#ifndef PGACCOUNT_REMOVAL_BATCH_H
#define PGACCOUNT_REMOVAL_BATCH_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"
#include "removal_frame.h"

/* A batch that meets others is tried so often. */
#define MAX_RETRIES 12

/* What came of an attempt at a batch. */
typedef enum Attempt
{
	ATTEMPT_DONE,     /* rows were removed, or keys set */
	ATTEMPT_NOTHING,  /* there was nothing to do, or it was put off: try again */
	ATTEMPT_FINISHED, /* and the sealed row is gone */
	ATTEMPT_RETRY     /* it was undone */
} Attempt;

/* What a batch has done. */
typedef struct Done
{
	uint64 removed;
	uint64 keys_set;
} Done;

/* The rows that the removal is about, which are there. */
extern RowSet *removal_roots(const Removal *removal);

/* The cleanup of a batch, or of a plan; in the current memory context. */
extern Cleanup *removal_cleanup(const Removal *removal);

/* Keys that a closed cleanup is to set. */
extern uint64 removal_keys_to_set(const Cleanup *cleanup);

/* An attempt in a subtransaction, which what it does is undone with if it meets others. */
extern Attempt removal_attempt(Removal *removal, int retries, Done *done);

#endif /* PGACCOUNT_REMOVAL_BATCH_H */
