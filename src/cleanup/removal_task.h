/*
 * removal_task.h
 *		Removals in batches, as the table account.removal_task has them.
 */
#ifndef PGACCOUNT_REMOVAL_TASK_H
#define PGACCOUNT_REMOVAL_TASK_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

/* A removal. */
typedef struct RemovalTask
{
	int64 id;
	Oid target;
	char *key;
	char *approved; /* NULL: no plan was asked to be approved */
	uint64 done;
	uint64 keys_set;
	uint64 batches;
} RemovalTask;

/* What a batch has done; seconds since the last one. */
typedef struct RemovalProgress
{
	uint64 removed;
	uint64 keys_set;
	uint64 remaining;
	double seconds;
	const char *state; /* from now on */
	bool force;        /* as the present call says */
} RemovalProgress;

/* All of these write, and read, as the owner of the table. Within SPI_connect. */

/* The open removal of a key of a table, in the current memory context; NULL: there is none. */
extern RemovalTask *removal_task_find(Oid target, const char *key);

/* Begin one; approved: NULL or the hash of the plan. 55006 where another session just did. */
extern RemovalTask *removal_task_begin(Oid target, const char *key, bool force,
									   const char *approved, uint64 remaining);

/*
 * Begin a batch: lock its row to the end of the transaction, behind who is waiting to cancel it;
 * false: it was cancelled, or is gone.
 */
extern bool removal_task_lock(const RemovalTask *task);

/* Is it open still? Locks nothing. */
extern bool removal_task_is_open(const RemovalTask *task);

/* A batch is done. */
extern void removal_task_progress(RemovalTask *task, const RemovalProgress *progress);

/* End an open one: raises PT404, PT400. Returns its table, which may be gone. */
extern Oid removal_task_cancel(int64 id);

/* An open removal of rows of a table. */
typedef struct RemovalSeal
{
	char *key;
	bool force;
} RemovalSeal;

/* Those of a table: a list of RemovalSeal. */
extern List *removal_task_seals(Oid target);

/* The tables that have open removals. */
extern List *removal_task_targets(void);

/*
 * Is this session the one that runs it? Taken for the session, and again for each transaction: then
 * false says that another is.
 */
extern bool removal_task_claim(const RemovalTask *task, bool session);
extern void removal_task_release(const RemovalTask *task);

#endif /* PGACCOUNT_REMOVAL_TASK_H */
