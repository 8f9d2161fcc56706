/*
 * stats.c
 *		Statistics of operations, in shared memory.
 *
 * Two hash tables under one lightweight lock, held shared while an entry is counted under its own
 * spinlock, and exclusively to make or remove entries. An entry is of one operation in one
 * database, or of one SQLSTATE of its failures. When there is no more room the one that was called
 * longest ago goes. Whoever owns a trigger can raise any SQLSTATE: an operation has entries of its
 * own for the first few of a database, and one more for all others, so that nobody's inventions
 * push others out.
 *
 * As pg_stat_statements does, they are written to a file by a clean shutdown and read by the next
 * start; a crash loses them.
 *
 * Times are counted in buckets, four to an octave of microseconds, which give a percentile to a
 * fifth.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_bitutils.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "failure_queue.h"
#include "stats.h"

PG_FUNCTION_INFO_V1(stat_operations);
PG_FUNCTION_INFO_V1(stat_failures);
PG_FUNCTION_INFO_V1(event_queue);
PG_FUNCTION_INFO_V1(stats_reset);

#define STATS_FILE PGSTAT_STAT_PERMANENT_DIRECTORY "/pgaccount.stat"

/* A file of ours, of this layout, begins with it. */
#define STATS_MAGIC    0x70676131

#define MAX_OPERATIONS 1024
#define MAX_FAILURES   4096

/*
 * Different SQLSTATEs of one operation in one database; all others have the entry of
 * OTHER_SQLSTATES.
 */
#define MAX_SQLSTATES   16
#define OTHER_SQLSTATES 0

#define NAME_BYTES      32
#define MESSAGE_BYTES   160

/* Four to an octave, from 1 microsecond to over an hour. */
#define BUCKETS 128

typedef struct StatsKey
{
	Oid database;
	int sqlerrcode; /* 0 in the table of operations, OTHER_SQLSTATES in that of failures */
	char operation[NAME_BYTES];
} StatsKey;

/* The counters of an operation. */
typedef struct StatsCounters
{
	int64 calls;
	int64 failures;
	int64 slow;
	double total_ms;
	double max_ms;
	TimestampTz last_at;
	TimestampTz last_error_at;
	char last_error[MESSAGE_BYTES];
	uint32 buckets[BUCKETS];
} StatsCounters;

typedef struct StatsEntry
{
	StatsKey key;
	slock_t mutex; /* protects counters */
	StatsCounters counters;
} StatsEntry;

/* The counters of one SQLSTATE. */
typedef struct FailureCounters
{
	int64 calls;
	TimestampTz last_at;
} FailureCounters;

typedef struct FailureEntry
{
	StatsKey key;
	slock_t mutex; /* protects counters */
	FailureCounters counters;
} FailureEntry;

typedef struct StatsShared
{
	LWLock *lock; /* protects the hash tables */
} StatsShared;

/* NULL: not preloaded. */
static StatsShared *shared = NULL;
static HTAB *operations = NULL;
static HTAB *failures = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

#define RECORD_BYTES (sizeof(StatsCounters) + sizeof(FailureCounters))

/* Reserve the shared memory. */
static void
stats_shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(
		add_size(MAXALIGN(sizeof(StatsShared)),
				 add_size(hash_estimate_size(MAX_OPERATIONS, sizeof(StatsEntry)),
						  hash_estimate_size(MAX_FAILURES, sizeof(FailureEntry)))));
	RequestNamedLWLockTranche("pgaccount statistics", 1);
}

/* A key, with no byte left to chance. */
static void
make_key(StatsKey *key, Oid database, const char *operation, int sqlerrcode)
{
	memset(key, 0, sizeof(*key));
	key->database = database;
	key->sqlerrcode = sqlerrcode;
	strlcpy(key->operation, operation, NAME_BYTES);
}

/* Write one record; false: the disk would not take it. */
static bool
put_record(FILE *file, const void *key, const void *counters, size_t size)
{
	return fwrite(key, sizeof(StatsKey), 1, file) == 1 && fwrite(counters, size, 1, file) == 1;
}

/* Write the statistics to their file. */
static bool
write_file(FILE *file)
{
	uint32 header[4] = {STATS_MAGIC, RECORD_BYTES, 0, 0};
	HASH_SEQ_STATUS seq;
	StatsEntry *entry;
	FailureEntry *failure;
	bool good;

	header[2] = hash_get_num_entries(operations);
	header[3] = hash_get_num_entries(failures);
	good = fwrite(header, sizeof(header), 1, file) == 1;
	hash_seq_init(&seq, operations);
	while ((entry = hash_seq_search(&seq)) != NULL)
		good = good && put_record(file, &entry->key, &entry->counters, sizeof(StatsCounters));
	hash_seq_init(&seq, failures);
	while ((failure = hash_seq_search(&seq)) != NULL)
		good = good && put_record(file, &failure->key, &failure->counters, sizeof(FailureCounters));
	return good;
}

/* At a clean shutdown of the postmaster, after all others have gone: write the file. */
static void
stats_shmem_shutdown(int code, Datum arg)
{
	FILE *file;

	if (code != 0 || shared == NULL || operations == NULL)
		return;
	file = AllocateFile(STATS_FILE ".tmp", PG_BINARY_W);
	if (file == NULL)
	{
		ereport(LOG, (errcode_for_file_access(),
					  errmsg("could not write file \"%s\": %m", STATS_FILE ".tmp")));
		return;
	}
	if (!write_file(file))
	{
		ereport(LOG, (errcode_for_file_access(),
					  errmsg("could not write file \"%s\": %m", STATS_FILE ".tmp")));
		FreeFile(file);
		unlink(STATS_FILE ".tmp");
		return;
	}
	FreeFile(file);
	(void) durable_rename(STATS_FILE ".tmp", STATS_FILE, LOG);
}

/* Read one record into a hash table; false: the file is at its end, or the table. */
static bool
get_record(FILE *file, HTAB *table, size_t offset, size_t size)
{
	StatsKey key;
	StatsCounters counters;
	char *entry;
	bool found;

	Assert(size <= sizeof(counters));
	if (fread(&key, sizeof(key), 1, file) != 1 || fread(&counters, size, 1, file) != 1)
		return false;
	key.operation[NAME_BYTES - 1] = '\0';
	entry = hash_search(table, &key, HASH_ENTER_NULL, &found);
	if (entry == NULL)
		return false;
	memcpy(entry + offset, &counters, size);
	if (table == operations)
		((StatsEntry *) entry)->counters.last_error[MESSAGE_BYTES - 1] = '\0';
	return true;
}

/* Read the file of the last clean shutdown, and remove it: it is not to be believed twice. */
static void
read_file(void)
{
	FILE *file = AllocateFile(STATS_FILE, PG_BINARY_R);
	uint32 header[4];
	bool good;

	if (file == NULL)
	{
		if (errno != ENOENT)
			ereport(LOG, (errcode_for_file_access(),
						  errmsg("could not read file \"%s\": %m", STATS_FILE)));
		return;
	}
	good = fread(header, sizeof(header), 1, file) == 1 && header[0] == STATS_MAGIC &&
		   header[1] == RECORD_BYTES;
	for (uint32 i = 0; good && i < header[2]; i++)
		good = get_record(file, operations, offsetof(StatsEntry, counters), sizeof(StatsCounters));
	for (uint32 i = 0; good && i < header[3]; i++)
		good =
			get_record(file, failures, offsetof(FailureEntry, counters), sizeof(FailureCounters));
	if (!good)
		ereport(LOG, (errmsg("ignoring what is not ours in file \"%s\"", STATS_FILE)));
	FreeFile(file);
	unlink(STATS_FILE);
}

/* Make the spinlocks of what was read. */
static void
init_spinlocks(void)
{
	HASH_SEQ_STATUS seq;
	StatsEntry *entry;
	FailureEntry *failure;

	hash_seq_init(&seq, operations);
	while ((entry = hash_seq_search(&seq)) != NULL)
		SpinLockInit(&entry->mutex);
	hash_seq_init(&seq, failures);
	while ((failure = hash_seq_search(&seq)) != NULL)
		SpinLockInit(&failure->mutex);
}

/* Make the shared memory, or find it. */
static void
stats_shmem_startup(void)
{
	HASHCTL ctl = {.keysize = sizeof(StatsKey), .entrysize = sizeof(StatsEntry)};
	bool found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("pgaccount statistics", sizeof(StatsShared), &found);
	operations = compat_shmem_hash("pgaccount statistics of operations", MAX_OPERATIONS, &ctl,
								   HASH_ELEM | HASH_BLOBS);
	ctl.entrysize = sizeof(FailureEntry);
	failures = compat_shmem_hash("pgaccount statistics of failures", MAX_FAILURES, &ctl,
								 HASH_ELEM | HASH_BLOBS);
	if (!found)
		shared->lock = &GetNamedLWLockTranche("pgaccount statistics")->lock;
	LWLockRelease(AddinShmemInitLock);
	if (!IsUnderPostmaster)
		on_shmem_exit(stats_shmem_shutdown, (Datum) 0);
	if (!found)
	{
		read_file();
		init_spinlocks();
	}
}

/* Ask for shared memory, if the server is preloading its libraries. */
void
stats_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = stats_shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = stats_shmem_startup;
}

/* Are statistics kept? */
bool
stats_kept(void)
{
	return shared != NULL;
}

/* Make room in the table of operations: the one that was called longest ago goes. */
static void
forget_oldest_operation(void)
{
	HASH_SEQ_STATUS seq;
	StatsEntry *entry;
	StatsEntry *oldest = NULL;

	hash_seq_init(&seq, operations);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (oldest == NULL || entry->counters.last_at < oldest->counters.last_at)
			oldest = entry;
	if (oldest != NULL)
		(void) hash_search(operations, &oldest->key, HASH_REMOVE, NULL);
}

/* The same in the table of failures. */
static void
forget_oldest_failure(void)
{
	HASH_SEQ_STATUS seq;
	FailureEntry *entry;
	FailureEntry *oldest = NULL;

	hash_seq_init(&seq, failures);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (oldest == NULL || entry->counters.last_at < oldest->counters.last_at)
			oldest = entry;
	if (oldest != NULL)
		(void) hash_search(failures, &oldest->key, HASH_REMOVE, NULL);
}

/*
 * The entry of a key, made when missing. The lock is held exclusively, and stays so, so that nobody
 * takes the entry away. NULL: there is no room, which cannot be.
 */
static void *
make_entry(HTAB *table, const StatsKey *key)
{
	void *entry = hash_search(table, key, HASH_FIND, NULL);
	bool found;

	if (entry != NULL)
		return entry;
	if (table == operations && hash_get_num_entries(table) >= MAX_OPERATIONS)
		forget_oldest_operation();
	if (table == failures && hash_get_num_entries(table) >= MAX_FAILURES)
		forget_oldest_failure();
	entry = hash_search(table, key, HASH_ENTER_NULL, &found);
	if (entry != NULL && !found)
	{
		if (table == operations)
		{
			memset(&((StatsEntry *) entry)->counters, 0, sizeof(StatsCounters));
			SpinLockInit(&((StatsEntry *) entry)->mutex);
		}
		else
		{
			memset(&((FailureEntry *) entry)->counters, 0, sizeof(FailureCounters));
			SpinLockInit(&((FailureEntry *) entry)->mutex);
		}
	}
	return entry;
}

/*
 * The entry of an operation, made when missing. The lock is held shared, and may have been let go
 * meanwhile.
 */
static StatsEntry *
find_operation(const StatsKey *key)
{
	StatsEntry *entry = hash_search(operations, key, HASH_FIND, NULL);

	if (entry != NULL)
		return entry;
	LWLockRelease(shared->lock);
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	return make_entry(operations, key);
}

/* Has an operation as many entries of SQLSTATEs as it may have? The lock is held exclusively. */
static bool
sqlstates_are_full(const StatsKey *key)
{
	HASH_SEQ_STATUS seq;
	FailureEntry *entry;
	int n = 0;

	hash_seq_init(&seq, failures);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (entry->key.database == key->database &&
			strcmp(entry->key.operation, key->operation) == 0)
			n++;
	return n >= MAX_SQLSTATES;
}

/*
 * The entry of a failure's SQLSTATE, else that of other ones; made when missing. The lock is held
 * shared, and may have been let go meanwhile. NULL: there is no room, which cannot be.
 */
static FailureEntry *
find_failure(const StatsKey *key)
{
	StatsKey others = *key;
	FailureEntry *entry = hash_search(failures, key, HASH_FIND, NULL);

	/* there are others: all places are taken */
	others.sqlerrcode = OTHER_SQLSTATES;
	if (entry == NULL)
		entry = hash_search(failures, &others, HASH_FIND, NULL);
	if (entry != NULL)
		return entry;
	LWLockRelease(shared->lock);
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (hash_search(failures, key, HASH_FIND, NULL) == NULL && sqlstates_are_full(key))
		key = &others;
	return make_entry(failures, key);
}

/* The bucket of a time. */
static int
bucket_of(double ms)
{
	uint64 quarters;
	int octave;

	/* quarters of a microsecond: two bits below the first one choose the bucket in the octave */
	if (!(ms > 0))
		return 0;
	quarters = ms >= 4.0e9 ? PG_UINT64_MAX : (uint64) (ms * 4000.0);
	if (quarters < 4)
		return 0;
	octave = pg_leftmost_one_pos64(quarters) - 2;
	return Min(octave * 4 + (int) ((quarters >> octave) & 3), BUCKETS - 1);
}

/* The time at which a bucket begins, in milliseconds. */
static double
bucket_start(int bucket)
{
	return (double) ((uint64) (4 + bucket % 4) << (bucket / 4)) / 4000.0;
}

/* Add a call to the counters. Within the spinlock. */
static void
add_call(StatsCounters *counters, const StatsCall *call, int message_len, TimestampTz now)
{
	uint32 *bucket = &counters->buckets[bucket_of(call->ms)];

	counters->calls++;
	counters->slow += call->slow ? 1 : 0;
	counters->total_ms += call->ms;
	counters->max_ms = Max(counters->max_ms, call->ms);
	counters->last_at = now;
	if (*bucket == PG_UINT32_MAX)
		for (int i = 0; i < BUCKETS; i++)
			counters->buckets[i] /= 2; /* their proportions are what counts */
	(*bucket)++;
	if (call->sqlerrcode != 0)
	{
		counters->failures++;
		counters->last_error_at = now;
		memcpy(counters->last_error, call->message, message_len);
		counters->last_error[message_len] = '\0';
	}
}

/* Count a call. */
void
stats_count(const StatsCall *call)
{
	StatsKey key;
	StatsEntry *entry;
	FailureEntry *failure;
	TimestampTz now;
	int len = 0;

	if (shared == NULL || !OidIsValid(MyDatabaseId))
		return;
	now = GetCurrentTimestamp();
	if (call->sqlerrcode != 0)
		len = pg_mbcliplen(call->message, strlen(call->message), MESSAGE_BYTES - 1);
	make_key(&key, MyDatabaseId, call->operation, 0);
	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find_operation(&key);
	if (entry != NULL)
	{
		SpinLockAcquire(&entry->mutex);
		add_call(&entry->counters, call, len, now);
		SpinLockRelease(&entry->mutex);
	}
	LWLockRelease(shared->lock);
	if (call->sqlerrcode == 0)
		return;

	key.sqlerrcode = call->sqlerrcode;
	LWLockAcquire(shared->lock, LW_SHARED);
	failure = find_failure(&key);
	if (failure != NULL)
	{
		SpinLockAcquire(&failure->mutex);
		failure->counters.calls++;
		failure->counters.last_at = now;
		SpinLockRelease(&failure->mutex);
	}
	LWLockRelease(shared->lock);
}

/* Remove this database's entries from a table. Both kinds of entries begin with their key. */
static void
forget_in(HTAB *table)
{
	HASH_SEQ_STATUS seq;
	StatsKey *key;

	hash_seq_init(&seq, table);
	while ((key = hash_seq_search(&seq)) != NULL)
		if (key->database == MyDatabaseId)
			(void) hash_search(table, key, HASH_REMOVE, NULL);
}

/* Forget the calls counted in this database. */
static void
stats_forget(void)
{
	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	forget_in(operations);
	forget_in(failures);
	LWLockRelease(shared->lock);
}

/*
 * The time that 95 of 100 calls did not take longer than: within its bucket by proportion, and
 * never more than the longest.
 */
static double
percentile_95(const StatsCounters *counters)
{
	double total = 0;
	double wanted;

	for (int i = 0; i < BUCKETS; i++)
		total += counters->buckets[i];
	wanted = total * 0.95;
	for (int i = 0; i < BUCKETS; i++)
	{
		if (wanted <= counters->buckets[i])
		{
			double start = i == 0 ? 0 : bucket_start(i);
			double part = wanted / counters->buckets[i];

			return Min(start + (bucket_start(i + 1) - start) * part, counters->max_ms);
		}
		wanted -= counters->buckets[i];
	}
	return counters->max_ms;
}

/* account.stat_operations(): the operations counted in this database. */
Datum
stat_operations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	HASH_SEQ_STATUS seq;
	StatsEntry *entry;

	InitMaterializedSRF(fcinfo, 0);
	if (shared == NULL)
		return (Datum) 0;
	LWLockAcquire(shared->lock, LW_SHARED);
	hash_seq_init(&seq, operations);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		StatsCounters counters;
		Datum values[10];
		bool nulls[10] = {false};

		if (entry->key.database != MyDatabaseId)
			continue;
		SpinLockAcquire(&entry->mutex);
		counters = entry->counters;
		SpinLockRelease(&entry->mutex);
		values[0] = CStringGetTextDatum(entry->key.operation);
		values[1] = Int64GetDatum(counters.calls);
		values[2] = Int64GetDatum(counters.failures);
		values[3] = Int64GetDatum(counters.slow);
		values[4] = Float8GetDatum(counters.total_ms);
		values[5] = Float8GetDatum(counters.calls > 0 ? counters.total_ms / counters.calls : 0);
		values[6] = Float8GetDatum(counters.max_ms);
		values[7] = Float8GetDatum(percentile_95(&counters));
		nulls[8] = nulls[9] = counters.failures == 0;
		values[8] = CStringGetTextDatum(counters.last_error);
		values[9] = TimestampTzGetDatum(counters.last_error_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	LWLockRelease(shared->lock);
	return (Datum) 0;
}

/*
 * account.stat_failures(): the failures counted in this database, by operation and SQLSTATE (NULL:
 * others).
 */
Datum
stat_failures(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	HASH_SEQ_STATUS seq;
	FailureEntry *entry;

	InitMaterializedSRF(fcinfo, 0);
	if (shared == NULL)
		return (Datum) 0;
	LWLockAcquire(shared->lock, LW_SHARED);
	hash_seq_init(&seq, failures);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		FailureCounters counters;
		Datum values[4];
		bool nulls[4] = {false};

		if (entry->key.database != MyDatabaseId)
			continue;
		SpinLockAcquire(&entry->mutex);
		counters = entry->counters;
		SpinLockRelease(&entry->mutex);
		values[0] = CStringGetTextDatum(entry->key.operation);
		nulls[1] = entry->key.sqlerrcode == OTHER_SQLSTATES;
		values[1] = CStringGetTextDatum(unpack_sql_state(entry->key.sqlerrcode));
		values[2] = Int64GetDatum(counters.calls);
		values[3] = TimestampTzGetDatum(counters.last_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	LWLockRelease(shared->lock);
	return (Datum) 0;
}

/* account.event_queue(): failures of this database that wait, and those that were dropped. */
Datum
event_queue(PG_FUNCTION_ARGS)
{
	FailureQueueState state;
	TupleDesc desc;
	Datum values[4];
	bool nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	failure_queue_state(&state);
	values[0] = Int64GetDatum(state.waiting);
	values[1] = Int64GetDatum(state.capacity);
	values[2] = Int64GetDatum(state.dropped);
	values[3] = BoolGetDatum(state.attended);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* account.stats_reset(): forgets what was counted in this database, lost failures too. */
Datum
stats_reset(PG_FUNCTION_ARGS)
{
	stats_forget();
	failure_queue_forget_drops();
	PG_RETURN_VOID();
}
