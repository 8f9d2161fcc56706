/*
 * pace.c
 *		How fast a removal in batches may go on.
 *
 * A standby's lag is how long ago the WAL was written that it has not replayed yet. The server says
 * it of what was replayed last (pg_stat_replication.replay_lag), and so says nothing of a standby
 * that has stopped replaying. So where our own WAL was at what time is remembered, too: a standby
 * that has not replayed what was written max_lag ago is further behind. What is remembered begins
 * with the call, and a server that was started anew, or a standby that has become the primary,
 * knows as much.
 *
 * Of its own WAL a session knows how much it has written (pgWalUsage), whatever others write. Each
 * batch takes its share of time, and what waits for a standby is not made up for afterwards.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/instrument.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "pace.h"

/* How often standbys are looked at, and interrupts are. */
#define LOOK_EVERY_MS 200

/* Points that are remembered at most. */
#define MAX_POINTS 64

/* Where the WAL was at what time. */
typedef struct WalPoint
{
	TimestampTz at;
	XLogRecPtr lsn;
} WalPoint;

struct Pace
{
	int64 max_lag;
	int64 max_wal;
	uint64 wal_before;           /* what this session had written after the last batch */
	TimestampTz may_go_on;       /* as far as its WAL is concerned */
	WalPoint points[MAX_POINTS]; /* oldest first */
	int npoints;
};

/* Remember where the WAL is now. */
static void
note_point(Pace *pace)
{
	TimestampTz now = GetCurrentTimestamp();

	if (pace->max_lag < 0)
		return;
	/* those that are close to each other say the same */
	if (pace->npoints > 1 &&
		now - pace->points[pace->npoints - 2].at < pace->max_lag / (MAX_POINTS / 2))
		pace->npoints--;
	if (pace->npoints == MAX_POINTS)
		memmove(pace->points, pace->points + 1, --pace->npoints * sizeof(WalPoint));
	pace->points[pace->npoints++] = (WalPoint){now, GetXLogInsertRecPtr()};
}

/* Begin. */
Pace *
pace_begin(int64 max_lag, int64 max_wal)
{
	Pace *pace = palloc0(sizeof(Pace));

	pace->max_lag = max_lag;
	pace->max_wal = max_wal;
	pace->wal_before = pgWalUsage.wal_bytes;
	pace->may_go_on = GetCurrentTimestamp();
	note_point(pace);
	return pace;
}

/* A batch has been committed. */
void
pace_batch_done(Pace *pace)
{
	note_point(pace);
	if (pace->max_wal > 0)
		pace->may_go_on = Max(pace->may_go_on, GetCurrentTimestamp() - USECS_PER_SEC) +
						  (TimestampTz) ((double) (pgWalUsage.wal_bytes - pace->wal_before) /
										 (double) pace->max_wal * USECS_PER_SEC);
	pace->wal_before = pgWalUsage.wal_bytes;
}

/* What every standby must have replayed: what was written max_lag ago, or before. */
static XLogRecPtr
due_point(const Pace *pace)
{
	TimestampTz then = GetCurrentTimestamp() - pace->max_lag;
	XLogRecPtr lsn = InvalidXLogRecPtr;

	for (int i = 0; i < pace->npoints && pace->points[i].at <= then; i++)
		lsn = pace->points[i].lsn;
	return lsn;
}

/*
 * Is a standby too far behind? Its name, in the current memory context; NULL: none is. Subscribers
 * are none.
 */
static char *
standby_behind(const Pace *pace)
{
	Oid types[] = {LSNOID, FLOAT8OID};
	Datum values[] = {LSNGetDatum(due_point(pace)),
					  Float8GetDatum((double) pace->max_lag / USECS_PER_SEC)};
	RoleState saved = run_as_owner("removal_task");
	char *name = NULL;

	if (statement_run_once(OWN_STATEMENT
						   "SELECT r.application_name"
						   " FROM pg_catalog.pg_stat_replication r"
						   " WHERE r.state OPERATOR(pg_catalog.=) ANY ('{streaming,catchup}')"
						   " AND (r.replay_lsn OPERATOR(pg_catalog.<) $1 OR"
						   " EXTRACT(epoch FROM r.replay_lag)::pg_catalog.float8"
						   " OPERATOR(pg_catalog.>) $2)"
						   " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_replication_slots s"
						   " WHERE s.active_pid OPERATOR(pg_catalog.=) r.pid"
						   " AND s.slot_type OPERATOR(pg_catalog.=) 'logical') LIMIT 1",
						   2, types, values, NULL, NULL) > 0)
		name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	run_as_end(saved);
	return name;
}

/* Report what is waited for, and wait a moment. */
static void
wait_a_moment(const char *activity, const char *why, int64 ms)
{
	static uint32 wait_event = 0;
	char *text = psprintf("%s: %s", activity, why);

	if (wait_event == 0)
		wait_event = compat_wait_event_new("PgaccountRemovalPace");
	pgstat_report_activity(STATE_RUNNING, text);
	pfree(text);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, (long) ms,
					 wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Wait until the next batch may begin, or it is too late for it. */
bool
pace_wait(Pace *pace, const char *activity, TimestampTz until)
{
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		int64 left_ms = Min((until - now) / 1000 + 1, LOOK_EVERY_MS);
		char *standby;

		CHECK_FOR_INTERRUPTS();
		if (now >= until)
			return false;
		if (pace->max_wal > 0 && now < pace->may_go_on)
		{
			wait_a_moment(activity, "waits, its WAL comes too fast",
						  Min((pace->may_go_on - now) / 1000 + 1, left_ms));
			continue;
		}
		if (pace->max_lag < 0)
			return true;
		standby = standby_behind(pace);
		if (standby == NULL)
			return true;
		wait_a_moment(activity, psprintf("waits for standby \"%s\"", standby), left_ms);
	}
}
