/*
 * batches.h
 *		A cleanup in many transactions.
 */
#ifndef PGACCOUNT_BATCHES_H
#define PGACCOUNT_BATCHES_H

#include "base/base.h"
#include "cleanup_closure.h"
#include "removal_request.h"

/*
 * Do it, committing after each batch. In a procedure that may commit, within SPI_connect_ext() with
 * SPI_OPT_NONATOMIC, outside a snapshot of the caller's own. Returns whether nothing is left to do.
 */
extern bool removal_in_batches(const RemovalRequest *request);

/*
 * Would it be refused, because of what stands in the way, or runs it already? Then a WARNING says
 * why. For who removes one row after the other. Within SPI_connect.
 */
extern bool removal_is_blocked(const RemovalRequest *request);

/* Called with the plan of what goes, whose rows the snapshot that is active sees. */
typedef void (*RemovalFollower)(Cleanup *plan);

/* Before anything is done: raises what else stands in the way. */
extern void removal_judged_by(RemovalFollower judge);

/* When the row is sealed: for what else there is of users who are removed. */
extern void removal_sealed_is(RemovalFollower sealed);

#endif /* PGACCOUNT_BATCHES_H */
