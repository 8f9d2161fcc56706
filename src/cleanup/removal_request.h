/*
 * removal_request.h
 *		What is asked of a removal in many transactions.
 */
#ifndef PGACCOUNT_REMOVAL_REQUEST_H
#define PGACCOUNT_REMOVAL_REQUEST_H

#include "datatype/timestamp.h"

#include "cleanup_closure.h"

/* What account.cleanup_batches was asked for. */
typedef struct RemovalRequest
{
	Oid target;
	const char *key;
	bool force;
	uint64 batch_size;
	int64 max_lag;             /* microseconds; negative: whatever it is */
	int64 max_wal;             /* bytes a second; 0: as many as it writes */
	int64 max_runtime;         /* microseconds; negative: as long as it takes */
	const char *approve;       /* NULL: any plan */
	const TimestampTz *cutoff; /* NULL; else rows that were deleted by then, and are still */
	const TakenAlong *along;   /* NULL; else what goes with them, whatever its key says */
} RemovalRequest;

#endif /* PGACCOUNT_REMOVAL_REQUEST_H */
