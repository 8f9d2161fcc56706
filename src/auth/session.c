/*
 * session.c
 *		Sessions: opened by a login, continued by a refresh, ended by a logout.
 *
 * A refusal that has something to remember (a reused token, a session that has ended) is an answer,
 * not an error, so that what was learnt commits with the caller's transaction.
 *
 * Locks: who opens a session takes the tenant's advisory lock, then the user's row, then that of
 * its membership; who refreshes takes the session's row, and who switches to another tenant that
 * one's advisory lock and the membership's row before it. A change of the user or membership takes
 * its row, then, by its trigger, the sessions' rows; so nobody waits for somebody who waits for
 * him.
 *
 * Tables of the extension are read and written as their owner, users as theirs; the caller needs
 * EXECUTE.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "base/base.h"
#include "cleanup/cleanup.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "known_address.h"
#include "mailed_token.h"
#include "refresh_token.h"
#include "session.h"
#include "session_row.h"
#include "session_lock.h"
#include "session_use.h"

/* The longest name of who acts as another, in characters; failures have room for so many bytes. */
#define MAX_ACTOR 128

/* So many blocks of account.session are looked through for what nobody can ask about any more. */
#define PRUNED_BLOCKS 4

ACCOUNT_OPERATION(refresh, "refresh", NO_SUBJECT);
ACCOUNT_OPERATION(switch_tenant, "switch_tenant", NO_SUBJECT);
ACCOUNT_OPERATION(logout, "logout", NO_SUBJECT);
ACCOUNT_OPERATION(issue_tokens, "issue_tokens", 0);
ACCOUNT_OPERATION(issue_access_token, "issue_access_token", 0);

/* A call that goes on with a session. */
typedef struct Continuation
{
	const char *operation;
	const char *event;  /* of its success */
	const char *tenant; /* slug or id of the one to switch to; NULL: none */
	Datum ip;           /* 0: not known */
	int status;         /* of its refusal */
} Continuation;

/* What a token says of the user. */
void
session_token_user(const UserRecord *user, const char *session_id, const char *actor,
				   TokenUser *claims)
{
	const Model *model = model_get();
	bool has_members = model != NULL && model_has_members(model);

	memset(claims, 0, sizeof(*claims));
	claims->user_id = user->user_id;
	claims->session_id = session_id;
	claims->tenant_id = user->tenant_id;
	claims->tenant = user->tenant;
	claims->has_tenant_role = has_members;
	claims->tenant_role = user->tenant_role;
	claims->user_role = user->role;
	claims->actor = actor;
	claims->is_staff = user->is_staff;
	claims->modules_type = user->modules_type;
	claims->modules_isnull = user->modules_isnull;
	claims->modules = user->modules;
}

/* A text as a Datum; *isnull for NULL. */
static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

/* The row that login, refresh and issue_tokens answer. */
static Datum
answer(FunctionCallInfo fcinfo, const TokenPair *pair)
{
	TupleDesc desc;
	Datum values[8];
	bool nulls[8] = {false};
	bool granted = pair->access_token != NULL;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int32GetDatum(pair->status);
	values[1] = text_or_null(pair->error, &nulls[1]);
	values[2] = PointerGetDatum(pair->access_token);
	nulls[2] = pair->access_token == NULL;
	values[3] = PointerGetDatum(pair->refresh_token);
	nulls[3] = pair->refresh_token == NULL;
	values[4] = text_or_null(granted ? "Bearer" : NULL, &nulls[4]);
	values[5] = Int32GetDatum(pgaccount_access_token_ttl);
	nulls[5] = !granted;
	values[6] = text_or_null(pair->user_id, &nulls[6]);
	values[7] = text_or_null(pair->tenant_id, &nulls[7]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* A refusal as a row. */
Datum
session_refusal(FunctionCallInfo fcinfo, int status, const char *error)
{
	TokenPair pair = {.status = status, .error = error};

	return answer(fcinfo, &pair);
}

/* The tokens of a session as a row. */
static Datum
grant(FunctionCallInfo fcinfo, const UserRecord *user, const char *actor, const pg_uuid_t *session,
	  text *refresh_token)
{
	TokenPair pair = {.status = 200, .refresh_token = refresh_token};
	TokenUser claims;

	session_token_user(user, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(session))),
					   actor, &claims);
	pair.access_token =
		token_issue(&claims, (int64) pgaccount_access_token_ttl * USECS_PER_SEC, NULL);
	pair.user_id = user->user_id;
	pair.tenant_id = user->tenant_id;
	return answer(fcinfo, &pair);
}

/* The end of a refresh token that is issued now. */
static TimestampTz
token_end(TimestampTz now)
{
	return now + (int64) pgaccount_refresh_token_ttl * USECS_PER_SEC;
}

/* Run a kept statement on a snapshot of now. Within SPI_connect. Returns the rows. */
static uint64
run_now(KeptStatement *plan, Datum *values, const char *nulls)
{
	return statement_run(plan, values, nulls, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
}

/* SQL: does everything that was read of user u still hold? $1 its key, $2 its tenant. */
static char *
still_admitted_sql(const Model *model)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s AND %s AND %s", model_sql_key(model, "u", USERS_ID, 1),
					 live_sql(model, "u", MODEL_USERS), active_sql(model, "u", MODEL_USERS));
	appendStringInfo(&sql, " AND %s",
					 sql_same_text(model_sql_text(model, "u", USERS_TENANT), "$2"));
	if (model_has(model, USERS_TENANT) && OidIsValid(model->relation[MODEL_TENANTS]))
		appendStringInfo(
			&sql, " AND NOT EXISTS (SELECT FROM %s t WHERE %s AND NOT (%s AND %s))",
			sql_relation(model->relation[MODEL_TENANTS]), model_sql_tenant_join(model, "u", "t"),
			live_sql(model, "t", MODEL_TENANTS), active_sql(model, "t", MODEL_TENANTS));
	return sql.data;
}

/* The statement that locks the user. $3 the verified hash, $4 the new one. */
static char *
admit_text(const Model *model, bool login, bool rehash)
{
	Oid users = model->relation[MODEL_USERS];
	bool stamp = login && model_has(model, USERS_LAST_LOGIN);
	StringInfoData sql;

	initStringInfo(&sql);
	if (stamp || rehash)
		appendStringInfo(
			&sql, OWN_STATEMENT "UPDATE %s u SET %s%s%s%s%s WHERE ", sql_relation(users),
			stamp ? sql_column(users, model->column[USERS_LAST_LOGIN].attnum) : "",
			stamp ? " = pg_catalog.clock_timestamp()" : "", stamp && rehash ? ", " : "",
			rehash ? sql_column(users, model->column[USERS_PASSWORD].attnum) : "",
			rehash ? " = $4" : "");
	else
		appendStringInfo(&sql, OWN_STATEMENT "SELECT FROM %s u WHERE ", sql_relation(users));
	appendStringInfoString(&sql, still_admitted_sql(model));
	if (login)
		appendStringInfo(&sql, " AND %s",
						 sql_same_text(model_sql_text(model, "u", USERS_PASSWORD), "$3"));
	if (!stamp && !rehash)
		appendStringInfoString(&sql, " FOR SHARE OF u");
	return sql.data;
}

/*
 * Does the membership still hold by which the user is in its tenant? Locks it. True without one.
 */
static bool
still_member(const Model *model, const UserRecord *user)
{
	UserRecord now = *user;
	Membership member;
	ModelRows rows;
	bool holds;

	if (!user->is_member)
		return true;
	model_rows_open_as(&rows, model);
	holds = membership_lock(&rows, user->user_id, user->tenant_key, &member) &&
			membership_take(&rows, &now, &member);
	model_rows_close(&rows);
	return holds;
}

/* Let a user in; see the header. */
bool
session_admit(const Model *model, const UserRecord *user, bool login, text *new_hash)
{
	Oid types[] = {model_key_type(model, USERS_ID), TEXTOID, TEXTOID, TEXTOID};
	Datum values[4] = {0};
	char nulls[] = "    ";
	Oid variant = (login ? 1 : 0) + (new_hash != NULL ? 2 : 0);
	KeptStatement *plan;
	RoleState saved;
	volatile bool admitted = false;

	if (!model_key_value(model, USERS_ID, user->user_id, &values[0]))
		return false;
	if (user->tenant_key != NULL)
		session_lock_tenant(user->tenant_key, false);
	/* of a member the row of users has no tenant */
	if (user->tenant_key != NULL && !user->is_member)
		values[1] = CStringGetTextDatum(user->tenant_key);
	else
		nulls[1] = 'n';
	values[2] = PointerGetDatum(user->password);
	nulls[2] = user->password == NULL ? 'n' : ' ';
	values[3] = PointerGetDatum(new_hash);
	nulls[3] = new_hash == NULL ? 'n' : ' ';

	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_LOGIN_ENTER, model->relation[MODEL_USERS], variant);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_LOGIN_ENTER, model->relation[MODEL_USERS], variant,
								admit_text(model, login, new_hash != NULL), 4, types);
	if (new_hash != NULL)
		session_keep(user->user_id, true, NULL);
	PG_TRY();
	{
		admitted = run_now(plan, values, nulls) > 0;
	}
	PG_FINALLY();
	{
		session_keep_end();
	}
	PG_END_TRY();
	run_as_end(saved);
	SPI_finish();
	/* who is being removed counts as deleted */
	return admitted && still_member(model, user) &&
		   !removal_takes(model->relation[MODEL_USERS], user->user_id);
}

/* Whose sessions are looked at to be pruned; $2: the user, $3 and $4: tids. */
static const char *const prunings[] = {
	"e.user_id OPERATOR(pg_catalog.=) $2",
	"e.ctid OPERATOR(pg_catalog.>=) $3 AND e.ctid OPERATOR(pg_catalog.<) $4"};

/*
 * Drop sessions that nobody can ask about any more: the user's, and those in a few blocks of the
 * table by chance, of users that may never log in again. An index to find these by would make each
 * end of a session an entry in all of them. What another login is pruning is left to it.
 */
static void
prune_sessions(const char *user_id, TimestampTz now, const pg_uuid_t *chance)
{
	Oid types[] = {TIMESTAMPTZOID, TEXTOID, TIDOID, TIDOID};
	Relation sessions = own_table_require("session", RowExclusiveLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(sessions);
	BlockNumber first;
	ItemPointerData from;
	ItemPointerData to;
	Datum values[] = {TimestampTzGetDatum(now - USECS_PER_DAY), CStringGetTextDatum(user_id),
					  PointerGetDatum(&from), PointerGetDatum(&to)};
	RoleState saved;

	table_close(sessions, NoLock);
	memcpy(&first, chance->data + 1, sizeof(first));
	first %= Max(blocks, 1);
	ItemPointerSet(&from, first, 0);
	ItemPointerSet(&to, first + PRUNED_BLOCKS, 0);
	SPI_connect();
	saved = run_as_owner("session");
	for (int i = 0; i < lengthof(prunings); i++)
	{
		KeptStatement *plan = plan_lookup(PLAN_SESSION_PRUNE, InvalidOid, i);

		if (plan == NULL)
			plan = plan_keep_lookup(
				PLAN_SESSION_PRUNE, InvalidOid, i,
				psprintf(OWN_STATEMENT
						 "DELETE FROM account.session s WHERE s.ctid OPERATOR(pg_catalog.=) ANY "
						 "(ARRAY(SELECT e.ctid FROM account.session e WHERE %s AND e.expires_at "
						 "OPERATOR(pg_catalog.<) $1 FOR UPDATE SKIP LOCKED))",
						 prunings[i]),
				4, types);
		(void) run_now(plan, values, NULL);
	}
	run_as_end(saved);
	SPI_finish();
}

/* Open a session; see the header. */
Datum
session_open(FunctionCallInfo fcinfo, const UserRecord *user, const char *actor, Datum ip,
			 bool ip_isnull, text *user_agent)
{
	TimestampTz now = GetCurrentTimestamp();
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));
	unsigned char hash[REFRESH_HASH_BYTES];
	SessionToken token = {.hash = hash, .issued_at = now, .expires_at = token_end(now)};
	text *refresh_token;

	randombytes_buf(id->data, UUID_LEN);
	id->data[6] = (id->data[6] & 0x0f) | 0x40; /* RFC 9562 §5.4: version 4 */
	id->data[8] = (id->data[8] & 0x3f) | 0x80;
	refresh_token = refresh_token_make(id, 0, hash);
	FAILURE_POINT("session-open");
	session_use_begin(id, now);
	session_row_write(id, user->user_id, user->tenant_key, actor, &token,
					  ip_isnull ? (Datum) 0 : ip, user_agent);
	if (!ip_isnull)
		known_address_note(user->user_id, DatumGetInetPP(ip));
	if (id->data[0] < 16) /* one login in 16 */
	{
		prune_sessions(user->user_id, now, id);
		session_uses_prune(now - (int64) pgaccount_refresh_token_ttl * USECS_PER_SEC -
						   USECS_PER_DAY);
		mailed_tokens_prune();
	}
	return grant(fcinfo, user, actor, id, refresh_token);
}

/* Is the user of the tenant that its session is in? Where members are mapped it is put there. */
static bool
is_of_tenant(const ModelRows *rows, UserRecord *user, const char *tenant_id)
{
	if (model_has_members(rows->model))
		return tenant_id == NULL || membership_rows_enter(rows, user, tenant_id);
	return strcmp(user->tenant_key ? user->tenant_key : "", tenant_id ? tenant_id : "") == 0;
}

/*
 * Decide about an authentic token: NULL, or the refusal. *again: the successor of this token is
 * given once more. Ends the session where the token was used before, or the user may not come in
 * any more. switches: into which tenant it is to go the caller sees to.
 */
static const char *
judge(const ModelRows *rows, const RefreshToken *token, SessionRow *row, bool switches,
	  UserRecord **user, bool *again)
{
	unsigned char hash[REFRESH_HASH_BYTES];
	TimestampTz now = GetCurrentTimestamp();

	if (row->ended)
		return "session_ended";
	refresh_token_hash(token, hash);
	if (token->counter > row->counter ||
		(token->counter == row->counter && sodium_memcmp(hash, row->hash, sizeof(hash)) != 0))
		return "token_invalid";
	*again = token->counter < row->counter;
	if (*again && (token->counter + 1 != row->counter ||
				   now >= row->refreshed_at + (int64) pgaccount_refresh_grace * 1000))
	{
		session_row_end(row, SESSION_END_REUSED);
		return "token_reused";
	}
	if (now >= row->expires_at)
		return "token_expired";
	*user = model_rows_user(rows, row->user_id);
	/* nobody acts as a superuser, also one that has become it since */
	if (*user == NULL || !model_user_admitted(*user) ||
		(row->actor != NULL && (*user)->is_superuser) ||
		(!switches && !is_of_tenant(rows, *user, row->tenant_id)))
	{
		session_row_end(row, SESSION_END_USER);
		return "session_ended";
	}
	return NULL;
}

/* Who acts in a session, for the detail of an event; NULL: the user itself. */
static void
detail_actor(JsonbBuild *detail, const char *actor)
{
	if (actor != NULL)
		detail_json(detail, "act", event_detail("sub", actor));
}

/*
 * Record a refresh, or a switch to another tenant; row NULL: of no session of ours; refused NULL:
 * it succeeded.
 */
static void
record_refresh(const Continuation *call, const SessionRow *row, const char *tenant_id,
			   const char *refused)
{
	inet *ip = call->ip == (Datum) 0 ? NULL : DatumGetInetPP(call->ip);
	const char *user_id = row ? row->user_id : NULL;
	const char *actor = row ? row->actor : NULL;
	int code = call->status == 403 ? ERRCODE_ACCOUNT_FORBIDDEN : ERRCODE_ACCOUNT_UNAUTHENTICATED;
	JsonbBuild detail = {0};

	if (refused == NULL)
	{
		if (call->tenant != NULL)
			detail_text(&detail, "from", row->tenant_id);
		detail_actor(&detail, actor);
		event_success_from(ip, call->event, user_id, tenant_id,
						   detail.parseState != NULL ? detail_end(&detail) : NULL);
		return;
	}
	operation_concerns(user_id, row ? row->tenant_id : NULL);
	operation_comes_from(ip);
	operation_refused(code, refused);
	detail_text(&detail, "operation", call->operation);
	detail_text(&detail, "error", refused);
	detail_actor(&detail, actor);
	event_refusal_from(
		ip, strcmp(refused, "token_reused") == 0 ? EVENT_TOKEN_REUSED : EVENT_OPERATION_FAILED,
		user_id, row ? row->tenant_id : NULL, unpack_sql_state(code), detail_end(&detail));
}

/* The next token of a session in a tenant, or the last one again. */
static text *
next_token(const pg_uuid_t *session, SessionRow *row, bool again, Datum ip, const char *tenant_id)
{
	unsigned char hash[REFRESH_HASH_BYTES];
	TimestampTz now = GetCurrentTimestamp();
	SessionToken token = {.counter = again ? row->counter : row->counter + 1,
						  .hash = hash,
						  .issued_at = now,
						  .expires_at = token_end(now)};
	text *next = refresh_token_make(session, token.counter, hash);

	if (!again)
		session_row_rotate(row, &token, ip, tenant_id);
	else
		session_row_move(row, tenant_id);
	return next;
}

/*
 * Lock what a switch to a tenant depends on, before the session's row: the tenant, and the user's
 * membership in it, which is read. False: there is none.
 */
static bool
lock_target(const ModelRows *rows, const char *user_id, const char *tenant, Membership *member)
{
	bool is_active;
	char *key = model_rows_tenant_key(rows, tenant, &is_active);

	if (key == NULL)
		return false;
	session_lock_tenant(key, false);
	return membership_lock(rows, user_id, key, member);
}

/* Go on with a session: its next tokens, or why not. */
static Datum
go_on(FunctionCallInfo fcinfo, const Model *model, text *token, Continuation *call)
{
	RefreshToken read;
	SessionRow row;
	ModelRows rows;
	Membership member;
	UserRecord *user = NULL;
	const char *refused = "token_invalid";
	bool is_member = false;
	bool again = false;
	bool found = refresh_token_read(token, &read) && session_row_find(&read.session, &row);
	Datum result;

	call->status = 401;
	model_rows_open_as(&rows, model);
	if (found && call->tenant != NULL)
		is_member = lock_target(&rows, row.user_id, call->tenant, &member);
	found = found && session_row_lock(&row);
	FAILURE_POINT("refresh");
	if (found)
		refused = judge(&rows, &read, &row, call->tenant != NULL, &user, &again);
	if (refused == NULL && call->tenant != NULL &&
		!(is_member && membership_take(&rows, user, &member)))
	{
		call->status = 403;
		refused = "not_a_member";
	}
	result = refused == NULL
				 ? grant(fcinfo, user, row.actor, &read.session,
						 next_token(&read.session, &row, again, call->ip, user->tenant_key))
				 : session_refusal(fcinfo, call->status, refused);
	if (refused == NULL && !again && call->ip != (Datum) 0)
		known_address_note(user->user_id, DatumGetInetPP(call->ip));
	FAILURE_POINT("refresh-end");
	record_refresh(call, found ? &row : NULL, user ? user->tenant_key : NULL, refused);
	if (found)
		session_row_close(&row);
	model_rows_close(&rows);
	return result;
}

/* account.refresh(refresh_token text, ip inet): the next tokens of a session, or why not. */
static Datum
refresh_operation(PG_FUNCTION_ARGS)
{
	text *token = PG_ARGISNULL(0) ? NULL : (text *) PG_GETARG_POINTER(0);
	Continuation call = {.operation = "refresh",
						 .event = EVENT_TOKEN_REFRESHED,
						 .ip = PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1)};
	ErrorContextCallback hiding;
	Model model;
	Datum result;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.refresh()");
	version_check();
	model = *model_require_locked();
	result = go_on(fcinfo, &model, token, &call);
	secret_call_end(&hiding);
	return result;
}

/*
 * account.switch_tenant(refresh_token text, tenant text, ip inet): the next tokens of a session, in
 * another tenant of the user's, or why not.
 */
static Datum
switch_tenant_operation(PG_FUNCTION_ARGS)
{
	text *token = PG_ARGISNULL(0) ? NULL : (text *) PG_GETARG_POINTER(0);
	Continuation call = {.operation = "switch_tenant",
						 .event = EVENT_TENANT_SWITCHED,
						 .ip = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2)};
	ErrorContextCallback hiding;
	Model model;
	Datum result;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.switch_tenant()");
	if (PG_ARGISNULL(1))
		refuse_null_beside_secret("tenant");
	version_check();
	model = *model_require_locked();
	model_require_members(&model);
	call.tenant = text_argument(fcinfo, 1, "tenant", MAX_TENANT);
	result = go_on(fcinfo, &model, token, &call);
	secret_call_end(&hiding);
	return result;
}

/* Record that sessions of a user were ended. */
void
session_event_revoked(const char *user_id, const char *tenant_id, uint64 sessions,
					  const char *reason, const char *actor)
{
	JsonbBuild detail = {0};

	detail_number(&detail, "sessions", (int64) sessions);
	detail_text(&detail, "reason", reason);
	detail_actor(&detail, actor);
	event_success(EVENT_SESSIONS_REVOKED, user_id, tenant_id, detail_end(&detail));
}

/* account.logout(refresh_token text) RETURNS boolean: was there a session to end? */
static Datum
logout_operation(PG_FUNCTION_ARGS)
{
	text *token = PG_ARGISNULL(0) ? NULL : (text *) PG_GETARG_POINTER(0);
	ErrorContextCallback hiding;
	RefreshToken read;
	SessionRow row;
	bool ended = false;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.logout()");
	version_check();
	if (refresh_token_read(token, &read) && session_row_find(&read.session, &row) &&
		session_row_lock(&row))
	{
		ended = !row.ended;
		session_row_end(&row, SESSION_END_LOGOUT);
		session_row_close(&row);
	}
	if (ended)
		session_event_revoked(row.user_id, row.tenant_id, 1, SESSION_END_LOGOUT, row.actor);
	secret_call_end(&hiding);
	PG_RETURN_BOOL(ended);
}

/* The live and active user whose id argument n is; see the header. */
UserRecord *
session_user_argument(FunctionCallInfo fcinfo, int n, const Model *model)
{
	char *id = id_argument(fcinfo, n);
	UserRecord *user = id != NULL ? model_user_by_id(model, id) : NULL;

	operation_concerns(id, user != NULL ? user->tenant_id : NULL);
	if (user == NULL || !user->is_live ||
		removal_takes(model->relation[MODEL_USERS], user->user_id))
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such user"),
				 errdetail("No live user has this id."), errhint("Pass the id of a live user.")));
	if (!model_user_admitted(user))
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("account is not active"),
						errdetail("The user or its tenant is not active."),
						errhint("Activate it first.")));
	(void) session_choose_tenant(model, user, false, NULL);
	return user;
}

/* Who acts as a user; see the header. */
char *
session_actor_argument(FunctionCallInfo fcinfo, int n, const UserRecord *user)
{
	char *actor = text_argument(fcinfo, n, "actor", MAX_ACTOR);

	if (actor == NULL)
		return NULL;
	check_name(actor, "actor");
	if (user->is_superuser)
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
				 errdetail("Nobody acts as a superuser."), errhint("Act as a user that is none.")));
	return actor;
}

/* Whose session this is. */
char *
session_user_of(const pg_uuid_t *session)
{
	SessionRow row;

	if (!session_row_find(session, &row))
		return NULL;
	session_row_close(&row);
	return row.user_id;
}

/* End a session; see the header. */
bool
session_end_one(const pg_uuid_t *session, const char *reason, char **tenant_id)
{
	SessionRow row;
	bool ended;

	if (!session_row_find(session, &row) || !session_row_lock(&row))
		return false;
	ended = !row.ended && row.expires_at > GetCurrentTimestamp();
	session_row_end(&row, reason);
	*tenant_id = row.tenant_id;
	session_row_close(&row);
	return ended;
}

/*
 * account.issue_tokens(user_id, ip inet, actor text): a new session, without password. Privileged.
 */
static Datum
issue_tokens_operation(PG_FUNCTION_ARGS)
{
	Model model;
	UserRecord *user;
	char *actor;

	PreventCommandIfReadOnly("account.issue_tokens()");
	version_check();
	model = *model_require_locked();
	do
	{
		CHECK_FOR_INTERRUPTS();
		user = session_user_argument(fcinfo, 0, &model);
		actor = session_actor_argument(fcinfo, 2, user);
	} while (!session_admit(&model, user, false, NULL));
	return session_open(fcinfo, user, actor, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1),
						PG_ARGISNULL(1), NULL);
}

/*
 * account.issue_access_token(user_id, ttl interval, extra jsonb): without session. Privileged.
 */
static Datum
issue_access_token_operation(PG_FUNCTION_ARGS)
{
	int64 ttl = (int64) pgaccount_access_token_ttl * USECS_PER_SEC;
	Model model;
	TokenUser claims;

	version_check();
	model = *model_require_locked();
	if (!PG_ARGISNULL(1))
	{
		Interval *interval = PG_GETARG_INTERVAL_P(1);
		double usecs = (double) interval->time + (double) interval->day * USECS_PER_DAY +
					   (double) interval->month * DAYS_PER_MONTH * USECS_PER_DAY;

		/* out of range either way: token_issue() refuses it */
		ttl = usecs < 0 || usecs > (double) PG_INT64_MAX / 2 ? -1 : (int64) usecs;
	}
	session_token_user(session_user_argument(fcinfo, 0, &model), NULL, NULL, &claims);
	PG_RETURN_TEXT_P(token_issue(&claims, ttl, PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2)));
}
