/*
 * removal_task.c
 *		Removals in batches, as the table account.removal_task has them.
 *
 * A batch and what the table says of it are of one transaction, so its numbers are true whatever
 * happens to the session. Who runs a removal holds an advisory lock of its number, by which
 * everybody knows that it is running. Its row is locked before anything else in a transaction, so
 * who cancels it waits for a batch at most, and holds nothing meanwhile; and before that a lock for
 * which there is a queue, or the next batch would have the row first.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "removal_task.h"

#define TASK_TABLE "removal_task"

static const TableStatement lock_statement = {
	PLAN_REMOVAL_LOCK,
	TASK_TABLE,
	OWN_STATEMENT "SELECT t.state FROM account.removal_task t WHERE t.id OPERATOR(pg_catalog.=) $1"
				  " FOR UPDATE",
	1,
	{INT8OID}};

/* $1 id, $2 rows removed, $3 keys set, $4 rows that remain, $5 seconds, $6 state, $7 force */
static const TableStatement progress_statement = {
	PLAN_REMOVAL_PROGRESS,
	TASK_TABLE,
	OWN_STATEMENT
	"UPDATE account.removal_task SET done = done OPERATOR(pg_catalog.+) $2,"
	" keys_set = keys_set OPERATOR(pg_catalog.+) $3,"
	" batches = batches OPERATOR(pg_catalog.+) CASE WHEN"
	" $2 OPERATOR(pg_catalog.+) $3 OPERATOR(pg_catalog.>) 0::pg_catalog.int8 THEN 1 ELSE 0 END,"
	" remaining = $4, seconds = seconds OPERATOR(pg_catalog.+) $5, state = $6, force = $7,"
	" last_batch_at = CASE WHEN"
	" $2 OPERATOR(pg_catalog.+) $3 OPERATOR(pg_catalog.>) 0::pg_catalog.int8"
	" THEN pg_catalog.clock_timestamp() ELSE last_batch_at END,"
	" finished_at = CASE WHEN $6 OPERATOR(pg_catalog.=) 'finished'"
	" THEN pg_catalog.clock_timestamp() END"
	" WHERE id OPERATOR(pg_catalog.=) $1",
	7,
	{INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID, TEXTOID, BOOLOID}};

static const TableStatement seals_statement = {
	PLAN_REMOVAL_SEALS,
	TASK_TABLE,
	OWN_STATEMENT "SELECT t.key, t.force FROM account.removal_task t"
				  " WHERE t.target OPERATOR(pg_catalog.=) $1"
				  " AND t.state OPERATOR(pg_catalog.=) ANY ('{running,paused}')"
				  " ORDER BY t.id",
	1,
	{OIDOID}};

static const TableStatement targets_statement = {
	PLAN_REMOVAL_TARGETS,
	TASK_TABLE,
	OWN_STATEMENT "SELECT t.target FROM account.removal_task t"
				  " WHERE t.state OPERATOR(pg_catalog.=) ANY ('{running,paused}')",
	0,
	{InvalidOid}};

#define TASK_COLUMNS "t.id, t.target, t.key, t.approved, t.done, t.keys_set, t.batches"

/* Run a statement once, as the owner of the table. */
static uint64
run_as_table_owner(const char *sql, int nargs, const Oid *types, Datum *values, const char *nulls)
{
	RoleState saved = run_as_owner(TASK_TABLE);
	uint64 rows = statement_run_once(sql, nargs, types, values, nulls,
									 &(StatementOptions){.look = SNAPSHOT_OF_NOW});

	run_as_end(saved);
	return rows;
}

/* A number of the row that was read. */
static uint64
read_number(int column)
{
	bool isnull;

	return (uint64) DatumGetInt64(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull));
}

/* The removal that was read. */
static RemovalTask *
read_task(void)
{
	RemovalTask *task = palloc(sizeof(RemovalTask));
	bool isnull;

	task->id = (int64) read_number(1);
	task->target =
		DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	task->key = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	task->approved = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4);
	task->done = read_number(5);
	task->keys_set = read_number(6);
	task->batches = read_number(7);
	statement_free_rows();
	return task;
}

/* The open removal of a key of a table. */
RemovalTask *
removal_task_find(Oid target, const char *key)
{
	Oid types[] = {OIDOID, TEXTOID};
	Datum values[] = {ObjectIdGetDatum(target), CStringGetTextDatum(key)};

	if (run_as_table_owner(OWN_STATEMENT
						   "SELECT " TASK_COLUMNS " FROM account.removal_task t"
						   " WHERE t.target OPERATOR(pg_catalog.=) $1"
						   " AND t.key OPERATOR(pg_catalog.=) $2"
						   " AND t.state OPERATOR(pg_catalog.=) ANY ('{running,paused}')",
						   2, types, values, NULL) == 0)
		return NULL;
	return read_task();
}

/* Let go of those that ended longer ago than events are kept. */
static void
forget_ended(void)
{
	Oid types[] = {TIMESTAMPTZOID};
	Datum values[] = {TimestampTzGetDatum(GetCurrentTimestamp() -
										  (int64) pgaccount_event_retention * USECS_PER_SEC)};

	(void) run_as_table_owner(OWN_STATEMENT
							  "DELETE FROM account.removal_task t"
							  " WHERE t.state OPERATOR(pg_catalog.=) ANY ('{finished,cancelled}')"
							  " AND t.finished_at OPERATOR(pg_catalog.<) $1",
							  1, types, values, NULL);
}

/* Begin one. */
RemovalTask *
removal_task_begin(Oid target, const char *key, bool force, const char *approved, uint64 remaining)
{
	Oid types[] = {REGCLASSOID, TEXTOID, BOOLOID, TEXTOID, INT8OID};
	Datum values[] = {ObjectIdGetDatum(target), CStringGetTextDatum(key), BoolGetDatum(force),
					  approved != NULL ? CStringGetTextDatum(approved) : (Datum) 0,
					  Int64GetDatum((int64) remaining)};

	forget_ended();
	if (run_as_table_owner(OWN_STATEMENT
						   "INSERT INTO account.removal_task AS t (target, key, force, approved,"
						   " state, started_at, remaining) VALUES"
						   " ($1, $2, $3, $4, 'running', pg_catalog.clock_timestamp(), $5)"
						   " ON CONFLICT DO NOTHING RETURNING " TASK_COLUMNS,
						   5, types, values, approved != NULL ? NULL : "   n ") == 0)
		return NULL;
	return read_task();
}

/* Lock its row, after others who want to. */
static bool
lock_row(const RemovalTask *task, LOCKMODE mode)
{
	Datum values[] = {Int64GetDatum(task->id)};
	char *state;

	own_lock(OWN_LOCK_REMOVAL_BATCH, (uint32) task->id, mode);
	if (own_statement_run(&lock_statement, values, NULL) == 0)
		return false;
	state = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	statement_free_rows();
	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0;
}

/* Begin a batch. */
bool
removal_task_lock(const RemovalTask *task)
{
	return lock_row(task, ShareLock);
}

/* Has nobody cancelled it? */
bool
removal_task_is_open(const RemovalTask *task)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(task->id)};

	return run_as_table_owner(OWN_STATEMENT
							  "SELECT 1 FROM account.removal_task t"
							  " WHERE t.id OPERATOR(pg_catalog.=) $1"
							  " AND t.state OPERATOR(pg_catalog.=) ANY ('{running,paused}')",
							  1, types, values, NULL) > 0;
}

/* A batch is done. */
void
removal_task_progress(RemovalTask *task, const RemovalProgress *progress)
{
	Datum values[] = {Int64GetDatum(task->id),
					  Int64GetDatum((int64) progress->removed),
					  Int64GetDatum((int64) progress->keys_set),
					  Int64GetDatum((int64) progress->remaining),
					  Float8GetDatum(progress->seconds),
					  CStringGetTextDatum(progress->state),
					  BoolGetDatum(progress->force)};

	(void) own_statement_run(&progress_statement, values, NULL);
	task->done += progress->removed;
	task->keys_set += progress->keys_set;
	task->batches += progress->removed + progress->keys_set > 0 ? 1 : 0;
}

/* End an open one. */
Oid
removal_task_cancel(int64 id)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(id)};
	RemovalTask task = {.id = id};
	bool isnull;
	Oid target;

	if (!lock_row(&task, ExclusiveLock))
	{
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_ACCOUNT_NOT_FOUND),
					 errmsg("there is no removal %lld", (long long) id),
					 errdetail("account.removal has no such row."),
					 errhint("Look there for the id of the removal that is to be cancelled.")));
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOTHING_TO_DO),
						errmsg("removal %lld has ended", (long long) id),
						errdetail("It was finished or cancelled before."),
						errhint("account.removal shows the state of each.")));
	}
	(void) run_as_table_owner(OWN_STATEMENT "UPDATE account.removal_task SET state = 'cancelled',"
											" finished_at = pg_catalog.clock_timestamp()"
											" WHERE id OPERATOR(pg_catalog.=) $1 RETURNING target",
							  1, types, values, NULL);
	target =
		DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	statement_free_rows();
	return target;
}

/* The open removals of rows of a table. */
List *
removal_task_seals(Oid target)
{
	Datum values[] = {ObjectIdGetDatum(target)};
	uint64 n = own_statement_run(&seals_statement, values, NULL);
	List *seals = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		RemovalSeal *seal = palloc(sizeof(RemovalSeal));
		bool isnull;

		seal->key = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		seal->force =
			DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		seals = lappend(seals, seal);
	}
	statement_free_rows();
	return seals;
}

/* The tables that have open removals. */
List *
removal_task_targets(void)
{
	uint64 n = own_statement_run(&targets_statement, NULL, NULL);
	List *targets = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		targets = list_append_unique_oid(
			targets, DatumGetObjectId(
						 SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)));
	}
	statement_free_rows();
	return targets;
}

/* Is this session the one that runs it? */
bool
removal_task_claim(const RemovalTask *task, bool session)
{
	return own_lock_try(OWN_LOCK_REMOVAL, (uint32) task->id, session);
}

/* It does not any more. */
void
removal_task_release(const RemovalTask *task)
{
	own_lock_release(OWN_LOCK_REMOVAL, (uint32) task->id);
}
