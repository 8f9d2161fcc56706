/*
 * stats.h
 *		Statistics of operations, in shared memory.
 */
#ifndef PGACCOUNT_STATS_H
#define PGACCOUNT_STATS_H

/* One call of an operation, as it is counted. */
typedef struct StatsCall
{
	const char *operation;
	double ms;
	bool slow;
	int sqlerrcode;      /* 0: it succeeded */
	const char *message; /* of a failure */
} StatsCall;

extern void stats_init(void);

/* Are statistics kept? Only where the library was preloaded by shared_preload_libraries. */
extern bool stats_kept(void);

/* Count a call, in this database. Takes no heavyweight lock, reads no catalog, and never raises. */
extern void stats_count(const StatsCall *call);

#endif /* PGACCOUNT_STATS_H */
