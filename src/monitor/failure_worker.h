/*
 * failure_worker.h
 *		The background workers that record failures.
 */
#ifndef PGACCOUNT_FAILURE_WORKER_H
#define PGACCOUNT_FAILURE_WORKER_H

/* Have the postmaster run the launcher, if the server is preloading its libraries. */
extern void failure_worker_init(void);

#endif /* PGACCOUNT_FAILURE_WORKER_H */
