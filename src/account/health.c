/*
 * health.c
 *		account.health: can accounts be used? Asked by probes, every second.
 *
 * It reads caches and counters of shared memory, and runs no statement. What raises all the same is
 * caught in a subtransaction, and is an answer.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "auth/auth.h"
#include "base/base.h"
#include "model/model.h"
#include "monitor/monitor.h"

PG_FUNCTION_INFO_V1(health);

/* What was found. */
typedef struct Health
{
	bool signing;
	int verifying;
	const char *model;
	const char *database;
	int sqlerrcode; /* of what raised; 0: nothing did */
} Health;

/* Look at what may raise. */
static bool
look(void *arg)
{
	Health *health = arg;
	const Model *model;
	const StoredKey *keys;

	health->database = get_database_name(MyDatabaseId);
	version_check();
	keys = key_store_keys(&health->verifying);
	health->signing = health->verifying > 0 && keys[0].signs && keys[0].usable;
	model = model_get();
	if (model != NULL)
		health->model = model_is_whole(model) ? "mapped" : "incomplete";
	else
		health->model = model_is_dropped() ? "incomplete" : "none";
	return true;
}

/* The same in a subtransaction, so that an error leaves the caller's transaction as it was. */
static void
look_safely(Health *health)
{
	ErrorData *error = subtransaction_run(look, health);

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	health->sqlerrcode = error->sqlerrcode;
}

/* How the library was loaded. */
static const char *
library_mode(void)
{
	return stats_kept() ? "preloaded" : hooks_installed() ? "session" : "loaded";
}

/* What it comes to. */
static const char *
status_of(const Health *health, const FailureQueueState *queue)
{
	bool mapped = strcmp(health->model, "mapped") == 0;

	if (health->sqlerrcode != 0 || strcmp(health->model, "incomplete") == 0 ||
		(mapped && !health->signing))
		return "unhealthy";
	if (queue->capacity == 0 || queue->dropped > 0 || queue->waiting > queue->capacity / 2 ||
		(!queue->attended && !RecoveryInProgress()))
		return "degraded";
	return "healthy";
}

/* Push a member whose value is an object begun by the caller, or null. */
static void
push_key(JsonbBuild *state, const char *name)
{
	JsonbValue key = {.type = jbvString};

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	compat_push_jsonb(state, WJB_KEY, &key);
}

/* account.health() RETURNS jsonb: see event.sql. */
Datum
health(PG_FUNCTION_ARGS)
{
	Health health = {.model = "none"};
	FailureQueueState queue;
	JsonbBuild state = {0};
	char buffer[MAXDATELEN + 1];
	JsonbValue null = {.type = jbvNull};

	look_safely(&health);
	failure_queue_state(&queue);

	detail_text(&state, "status", status_of(&health, &queue));
	detail_text(&state, "database", health.database);
	detail_text(&state, "timestamp",
				JsonEncodeDateTime(buffer, TimestampTzGetDatum(GetCurrentTimestamp()),
								   TIMESTAMPTZOID, NULL));
	detail_text(&state, "version", PGACCOUNT_VERSION);
	detail_text(&state, "library", library_mode());
	push_key(&state, "keys");
	compat_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
	detail_bool(&state, "signing", health.signing);
	detail_number(&state, "verifying", health.verifying);
	compat_push_jsonb(&state, WJB_END_OBJECT, NULL);
	detail_text(&state, "model", health.model);
	push_key(&state, "queue");
	if (queue.capacity == 0)
		compat_push_jsonb(&state, WJB_VALUE, &null);
	else
	{
		compat_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
		detail_number(&state, "waiting", queue.waiting);
		detail_number(&state, "capacity", queue.capacity);
		detail_number(&state, "dropped", queue.dropped);
		detail_bool(&state, "recording", queue.attended);
		compat_push_jsonb(&state, WJB_END_OBJECT, NULL);
	}
	if (health.sqlerrcode != 0)
		detail_text(&state, "error", unpack_sql_state(health.sqlerrcode));
	PG_RETURN_JSONB_P(detail_end(&state));
}
