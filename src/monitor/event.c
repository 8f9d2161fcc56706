/*
 * event.c
 *		The record of what happened: rows of account.event.
 *
 * A success is recorded by the transaction that did it, and goes with it. The row is written
 * without a statement, as the server's own logical replication writes rows: indexes, constraints
 * and row triggers that an administrator has added see it, statement triggers do not. The table's
 * own statement trigger refuses everybody else; see event_guard().
 *
 * What failed by an error cannot be recorded here: failure_queue.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/sequence.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "catalog/pg_collation.h"
#include "utils/array.h"
#include "utils/datetime.h"
#include "utils/formatting.h"
#include "utils/inet.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"

#include "base/base.h"
#include "actor.h"
#include "client.h"
#include "event.h"
#include "failure_queue.h"
#include "operation.h"

PG_FUNCTION_INFO_V1(event_guard);
ACCOUNT_OPERATION(prune_events, "prune_events", NO_SUBJECT);

#define EVENT_CHANNEL "account_event"

/* A message has fewer bytes than this, by async.c. */
#define MAX_PAYLOAD (BLCKSZ - NAMEDATALEN - 128)

/* Every so many events the background workers are asked to remove old ones. */
#define PRUNE_EVERY 1024

/* So many are looked at in one statement. */
#define PRUNE_BATCH 10000

/* Columns of account.event, in order. */
enum
{
	EVENT_ID,
	EVENT_AT,
	EVENT_TYPE,
	EVENT_OUTCOME,
	EVENT_ACTOR,
	EVENT_SUBJECT,
	EVENT_TENANT_ID,
	EVENT_IP,
	EVENT_DURATION_MS,
	EVENT_ERROR_CODE,
	EVENT_DETAIL,
	EVENT_COLUMNS
};

struct EventWriter
{
	TupleWriter *rows;
	Oid sequence;
};

/* Why users are being deleted; in memory of its own. */
static char *given_reason = NULL;

/* A reason is for one statement: none outlives the (sub)transaction it was given in. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		event_reason(NULL);
}

/* The same of subtransactions that fail. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		event_reason(NULL);
}

/* Follow transactions. */
void
event_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}

/* Why users are being deleted or restored by the next statement. */
void
event_reason(const char *reason)
{
	if (given_reason != NULL)
		pfree(given_reason);
	given_reason = reason == NULL ? NULL : MemoryContextStrdup(TopMemoryContext, reason);
}

/* The reason given. */
const char *
event_reason_given(void)
{
	return given_reason;
}

/*
 * Lock the sequence of the ids before the table, as DROP EXTENSION does, which comes to it first:
 * else the two would wait for one another.
 */
static void
lock_sequence(void)
{
	Oid schema = account_schema();
	Oid sequence = OidIsValid(schema) ? get_relname_relid("event_id_seq", schema) : InvalidOid;

	if (OidIsValid(sequence))
		LockRelationOid(sequence, RowExclusiveLock);
}

/* Open the table of events for writing; see the header. */
EventWriter *
event_writer_open(void)
{
	Relation rel;
	Oid sequence;
	EventWriter *writer;

	lock_sequence();
	rel = own_table_open("event", RowExclusiveLock);
	if (rel == NULL)
		return NULL;
	sequence = get_relname_relid("event_id_seq", RelationGetNamespace(rel));
	if (!OidIsValid(sequence)) /* renamed: whose it is takes longer to find */
		sequence = compat_identity_sequence(rel, EVENT_ID + 1);
	writer = palloc(sizeof(EventWriter));
	writer->sequence = sequence;
	writer->rows = tuple_writer_open(rel, EVENT_COLUMNS);
	return writer;
}

/* Write an event; returns its id. */
int64
event_writer_put(EventWriter *writer, const Event *event)
{
	TupleWriter *rows = writer->rows;
	int64 id = nextval_internal(writer->sequence, false);

	tuple_begin(rows);
	tuple_put(rows, EVENT_ID, Int64GetDatum(id));
	tuple_put(rows, EVENT_AT,
			  TimestampTzGetDatum(event->at != 0 ? event->at : GetCurrentTimestamp()));
	tuple_put_text(rows, EVENT_TYPE, event->type);
	tuple_put_text(rows, EVENT_OUTCOME, event->failure ? "failure" : "success");
	tuple_put_text(rows, EVENT_ACTOR, event->actor);
	tuple_put_text(rows, EVENT_SUBJECT, event->subject);
	tuple_put_text(rows, EVENT_TENANT_ID, event->tenant_id);
	if (event->ip != NULL)
		tuple_put(rows, EVENT_IP, InetPGetDatum(event->ip));
	if (event->duration_ms >= 0)
		tuple_put(rows, EVENT_DURATION_MS, Float8GetDatum(event->duration_ms));
	tuple_put_text(rows, EVENT_ERROR_CODE, event->error_code);
	if (event->detail != NULL)
		tuple_put(rows, EVENT_DETAIL, JsonbPGetDatum(event->detail));
	tuple_insert(rows);
	return id;
}

/* Close what event_writer_open() has opened. */
void
event_writer_close(EventWriter *writer)
{
	Relation rel = writer->rows->rel;

	tuple_writer_close(writer->rows);
	table_close(rel, NoLock);
	pfree(writer);
}

/* Notify listeners of events of one type, in as few messages as they fit in. */
void
event_notify(const char *type, const int64 *ids, int n)
{
	StringInfoData payload;

	if (!pgaccount_notify || n == 0)
		return;
	initStringInfo(&payload);
	for (int i = 0; i < n;)
	{
		CHECK_FOR_INTERRUPTS();
		resetStringInfo(&payload);
		appendStringInfo(&payload, "{\"type\":\"%s\",\"ids\":[" INT64_FORMAT, type, ids[i++]);
		/* room for one more id, and the end */
		while (i < n && payload.len + MAXINT8LEN + 4 < MAX_PAYLOAD)
			appendStringInfo(&payload, "," INT64_FORMAT, ids[i++]);
		appendStringInfoString(&payload, "]}");
		Async_Notify(EVENT_CHANNEL, payload.data);
	}
	pfree(payload.data);
}

/* Push a member, beginning the object where there is none. */
static void
push_member(JsonbBuild *state, const char *name, JsonbValue *value)
{
	JsonbValue key = {.type = jbvString};

	if (state->parseState == NULL)
		compat_push_jsonb(state, WJB_BEGIN_OBJECT, NULL);
	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	compat_push_jsonb(state, WJB_KEY, &key);
	compat_push_jsonb(state, WJB_VALUE, value);
}

/* A member that is a string, or null for NULL. The text must stay until detail_end(). */
void
detail_text(JsonbBuild *state, const char *name, const char *value)
{
	JsonbValue item = {.type = jbvNull};

	if (value != NULL)
	{
		item.type = jbvString;
		item.val.string.val = unconstify(char *, value);
		item.val.string.len = strlen(value);
	}
	push_member(state, name, &item);
}

/* A member that is a number. */
void
detail_number(JsonbBuild *state, const char *name, int64 value)
{
	JsonbValue item = {.type = jbvNumeric};

	item.val.numeric = int64_to_numeric(value);
	push_member(state, name, &item);
}

/* A member that is true or false. */
void
detail_bool(JsonbBuild *state, const char *name, bool value)
{
	JsonbValue item = {.type = jbvBool};

	item.val.boolean = value;
	push_member(state, name, &item);
}

/* A member that is a time, as to_jsonb() writes it. */
void
detail_time(JsonbBuild *state, const char *name, TimestampTz value)
{
	char text[MAXDATELEN + 1];

	(void) JsonEncodeDateTime(text, TimestampTzGetDatum(value), TIMESTAMPTZOID, NULL);
	detail_text(state, name, pstrdup(text));
}

/* A member that is an object or an array, or null for NULL. */
void
detail_json(JsonbBuild *state, const char *name, const Jsonb *value)
{
	JsonbValue item = {.type = jbvNull};

	if (value != NULL)
	{
		item.type = jbvBinary;
		item.val.binary.data = unconstify(JsonbContainer *, &value->root);
		item.val.binary.len = VARSIZE(value) - VARHDRSZ;
	}
	push_member(state, name, &item);
}

/* The object. It has a member at least. */
Jsonb *
detail_end(JsonbBuild *state)
{
	compat_push_jsonb(state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(state->result);
}

/* A JSON object of strings. */
Jsonb *
event_detail_of(const char *name, ...)
{
	JsonbBuild state = {0};
	va_list args;

	va_start(args, name);
	while (name != NULL)
	{
		detail_text(&state, name, va_arg(args, const char *));
		name = va_arg(args, const char *);
	}
	va_end(args);
	return detail_end(&state);
}

/* Members of a detail that say what is unverified, and who acts as the actor. */
void
detail_marks(JsonbBuild *state, const EventMarks *marks)
{
	if (marks->actor != NULL)
		detail_text(state, "unverified_actor", marks->actor);
	if (marks->ip != NULL)
		detail_text(state, "unverified_ip", marks->ip);
	if (marks->act != NULL)
		detail_json(state, "act", event_detail("sub", marks->act));
}

/* The detail, with what is unverified, and who acts as the actor. */
static Jsonb *
add_marks(Jsonb *detail, const EventMarks *marks)
{
	JsonbBuild state = {0};
	Jsonb *mark;

	detail_marks(&state, marks);
	if (state.parseState == NULL)
		return detail;
	mark = detail_end(&state);
	if (detail == NULL)
		return mark;
	return DatumGetJsonbP(
		DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(detail), JsonbPGetDatum(mark)));
}

/* Fill in what all events of this moment have. */
void
event_fill(Event *event, EventMarks *marks)
{
	actor_note_session();
	event->actor = actor_for_record(&marks->actor);
	event->duration_ms = operation_elapsed_ms();
	marks->act = actor_behind();
	marks->ip = NULL;
	if (event->ip == NULL)
		event->ip = client_ip(&marks->ip);
}

/* Record one event. */
static void
record(Event *event)
{
	EventMarks marks;
	EventWriter *writer;
	int64 id;

	if (!pgaccount_log_events)
		return;
	event_fill(event, &marks);
	event->detail = add_marks(event->detail, &marks);
	FAILURE_POINT("event");
	writer = event_writer_open();
	if (writer == NULL)
		return;
	id = event_writer_put(writer, event);
	event_writer_close(writer);
	event_notify(event->type, &id, 1);
	if (id % PRUNE_EVERY == 0)
		failure_queue_request_prune();
}

/* Record a success. */
void
event_success(const char *type, const char *subject, const char *tenant_id, Jsonb *detail)
{
	event_success_from(NULL, type, subject, tenant_id, detail);
}

/* Record a refusal that is data. */
void
event_refusal(const char *type, const char *subject, const char *tenant_id, const char *error_code,
			  Jsonb *detail)
{
	event_refusal_from(NULL, type, subject, tenant_id, error_code, detail);
}

/* Record a success of a client whose address the caller was given. */
void
event_success_from(inet *ip, const char *type, const char *subject, const char *tenant_id,
				   Jsonb *detail)
{
	Event event = {
		.type = type, .subject = subject, .tenant_id = tenant_id, .ip = ip, .detail = detail};

	record(&event);
}

/* Record a refusal that is data, of a client whose address the caller was given. */
void
event_refusal_from(inet *ip, const char *type, const char *subject, const char *tenant_id,
				   const char *error_code, Jsonb *detail)
{
	Event event = {.type = type,
				   .failure = true,
				   .subject = subject,
				   .tenant_id = tenant_id,
				   .ip = ip,
				   .error_code = error_code,
				   .detail = detail};

	record(&event);
}

/*
 * The statement of ours that removes old events needs no guard: disable it in the executor's copy.
 */
static void
disable_guard(EState *estate, void *arg)
{
	ListCell *lc;

	foreach (lc, estate->es_opened_result_relations)
	{
		TriggerDesc *triggers = ((ResultRelInfo *) lfirst(lc))->ri_TrigDesc;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			if (triggers->triggers[i].tgfoid == *(Oid *) arg)
				triggers->triggers[i].tgenabled = TRIGGER_DISABLED;
	}
}

/* Remove a batch of old events; see the header. */
uint64
event_prune_batch(void)
{
	Oid types[] = {TIMESTAMPTZOID, INT8OID};
	Datum values[] = {TimestampTzGetDatum(GetCurrentTimestamp() -
										  (int64) pgaccount_event_retention * USECS_PER_SEC),
					  Int64GetDatum(PRUNE_BATCH)};
	Oid guard = account_function("event_guard");
	KeptStatement *plan;
	RoleState saved;
	uint64 removed;

	SPI_connect();
	saved = run_as_owner("event");
	plan = plan_lookup(PLAN_EVENT_PRUNE, InvalidOid, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_generic(
			PLAN_EVENT_PRUNE, InvalidOid, InvalidOid,
			OWN_STATEMENT
			"DELETE FROM account.event e WHERE e.id OPERATOR(pg_catalog.=) ANY (ARRAY("
			"SELECT o.id FROM account.event o ORDER BY o.id LIMIT $2)) "
			"AND e.at OPERATOR(pg_catalog.<) $1",
			2, types);
	removed = statement_run(
		plan, values, NULL,
		&(StatementOptions){.physical = true, .callback = disable_guard, .arg = &guard});
	run_as_end(saved);
	SPI_finish();
	return removed;
}

/*
 * account.prune_events() RETURNS bigint: removes events that are older than
 * pgaccount.event_retention.
 */
static Datum
prune_events_operation(PG_FUNCTION_ARGS)
{
	uint64 removed = 0;
	uint64 batch;

	PreventCommandIfReadOnly("account.prune_events()");
	version_check();
	do
	{
		CHECK_FOR_INTERRUPTS();
		batch = event_prune_batch();
		removed += batch;
	} while (batch > 0);
	PG_RETURN_INT64((int64) removed);
}

/* Some texts as text[], lower-cased or as they are; NULL ones are left out. */
static Datum
texts_of(char **texts, int n, bool lower)
{
	Datum *values = palloc(n * sizeof(Datum));
	int found = 0;

	for (int i = 0; i < n; i++)
		if (texts[i] != NULL)
			values[found++] = CStringGetTextDatum(
				lower ? str_tolower(texts[i], strlen(texts[i]), DEFAULT_COLLATION_OID) : texts[i]);
	return PointerGetDatum(construct_array(values, found, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The same, as many as there are of the others: those that are NULL are NULL. */
static Datum
texts_beside(char **texts, int n, bool lower)
{
	Datum *values = palloc(n * sizeof(Datum));
	bool *nulls = palloc(n * sizeof(bool));
	int dims[] = {n};
	int lower_bound[] = {1};

	for (int i = 0; i < n; i++)
	{
		nulls[i] = texts[i] == NULL;
		if (!nulls[i])
			values[i] = CStringGetTextDatum(
				lower ? str_tolower(texts[i], strlen(texts[i]), DEFAULT_COLLATION_OID) : texts[i]);
	}
	return PointerGetDatum(
		construct_md_array(values, nulls, 1, dims, lower_bound, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * Take the emails and names of users out of what was recorded: of events that are about them, and
 * of those of failures that only knew who it was said to be.
 */
void
event_forget(char **ids, char **emails, char **names, int n)
{
	Oid types[] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
	Datum values[] = {texts_of(ids, n, false), texts_of(emails, n, true), texts_of(names, n, true)};
	Oid guard = account_function("event_guard");
	RoleState saved;

	SPI_connect();
	saved = run_as_owner("event");
	(void) statement_run_once(
		OWN_STATEMENT
		"UPDATE account.event e SET"
		" detail = e.detail OPERATOR(pg_catalog.-) '{email,username,login}'::pg_catalog.text[],"
		" subject = CASE WHEN e.subject OPERATOR(pg_catalog.=) ANY ($1) THEN e.subject"
		" WHEN pg_catalog.lower(e.subject) OPERATOR(pg_catalog.=) ANY ($2) THEN NULL"
		" WHEN e.outcome OPERATOR(pg_catalog.=) 'failure'"
		" AND pg_catalog.lower(e.subject) OPERATOR(pg_catalog.=) ANY ($3) THEN NULL"
		" ELSE e.subject END"
		" WHERE (e.subject OPERATOR(pg_catalog.=) ANY ($1)"
		" AND e.detail OPERATOR(pg_catalog.?|) '{email,username,login}'::pg_catalog.text[])"
		" OR pg_catalog.lower(e.subject) OPERATOR(pg_catalog.=) ANY ($2)"
		" OR (e.outcome OPERATOR(pg_catalog.=) 'failure'"
		" AND pg_catalog.lower(e.subject) OPERATOR(pg_catalog.=) ANY ($3))"
		" OR pg_catalog.lower(e.detail OPERATOR(pg_catalog.->>) 'email')"
		" OPERATOR(pg_catalog.=) ANY ($2)",
		3, types, values, NULL, &(StatementOptions){.callback = disable_guard, .arg = &guard});
	/* and what they have written themselves, such as a note, where it has their email */
	(void) statement_run_once(
		OWN_STATEMENT
		"UPDATE account.event e SET detail = e.detail OPERATOR(pg_catalog.-) ARRAY("
		"SELECT j.key FROM pg_catalog.jsonb_each_text(e.detail) AS j(key, value)"
		" WHERE pg_catalog.strpos(pg_catalog.lower(j.value), u.email) OPERATOR(pg_catalog.>) 0)"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u(id, email)"
		" WHERE e.subject OPERATOR(pg_catalog.=) u.id AND u.email OPERATOR(pg_catalog.<>) ''"
		" AND EXISTS (SELECT 1 FROM pg_catalog.jsonb_each_text(e.detail) AS j(key, value)"
		" WHERE pg_catalog.strpos(pg_catalog.lower(j.value), u.email) OPERATOR(pg_catalog.>) 0)",
		2, types, (Datum[]){texts_beside(ids, n, false), texts_beside(emails, n, true)}, NULL,
		&(StatementOptions){.callback = disable_guard, .arg = &guard});
	run_as_end(saved);
	SPI_finish();
}

/*
 * account.event_guard() RETURNS trigger: BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE, for each
 * statement. A grant, or membership in pg_write_all_data, must not let anybody rewrite what
 * happened.
 */
Datum
event_guard(PG_FUNCTION_ARGS)
{
	(void) called_as_trigger(fcinfo, "event_guard");
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("table \"event\" is append-only"),
				 errdetail("Events are recorded by pgaccount alone."),
				 errhint("Let pgaccount.event_retention prune old events.")));
	return PointerGetDatum(NULL);
}
