/*
 * mailed_token.c
 *		Tokens that an application mails to a user, who proves by them that the mailbox is its own.
 *
 * account.mailed_token has a row for each that is open: a user has one for each purpose, and the
 * next one takes its place. Using one removes it. What makes it void removes it, too: the end of
 * the user, another email, another password (user_trigger.c), by whatever statement.
 *
 * A request for somebody who is not there does the same work, and leaves a row that no token opens:
 * its user is a digest of what was asked for.
 *
 * Locks: the user's row, then the token's. A request shares the user's row: what voids tokens has
 * been then, and is seen, or waits, and sees this one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "access/table.h"

#include "base/base.h"
#include "digest_table.h"
#include "login_attempt.h"
#include "mailed_token.h"
#include "one_time_token.h"
#include "refresh_token.h"

#define MAIL_TABLE "mailed_token"

/* The names of the purposes, as the table has them. */
static const char *const purposes[] = {
	[MAIL_PASSWORD_RESET] = "password_reset", [MAIL_EMAIL] = "email", [MAIL_DELETION] = "deletion"};

/* The purpose of rows that no token opens. */
#define NOBODYS "nobody"

/* By what a request is counted. */
void
mail_request_digest(MailPurpose purpose, bool is_user, const char *name, unsigned char *digest)
{
	session_key_digest(psprintf("mail %s %s", purposes[purpose], is_user ? "user" : "login"), name,
					   digest);
}

/* Is a request not one too many? Then it counts, where there is shared memory. */
bool
mail_request_allowed(const unsigned char *digest)
{
	return attempt_key_begin(digest);
}

/* Have requests remembered at commit. */
void
mail_requests_note(const unsigned char *const *digests, int n)
{
	attempt_keys_note(digests, n);
}

/* Raise PT429. */
void
mail_request_refuse(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_TOO_MANY), errmsg("too many requests"),
					errdetail("Too many mails were asked for."),
					errhint("Wait for pgaccount.login_window.")));
}

/* Count a request of a user; raises PT429. */
void
mail_request_of_user(MailPurpose purpose, const char *user_id)
{
	unsigned char digest[DIGEST_BYTES];
	const unsigned char *digests[] = {digest};

	mail_request_digest(purpose, true, user_id, digest);
	if (!mail_request_allowed(digest))
		mail_request_refuse();
	mail_requests_note(digests, 1);
}

static const TableStatement make_token = {
	PLAN_MAIL_MAKE,
	MAIL_TABLE,
	OWN_STATEMENT "INSERT INTO account.mailed_token AS m (user_id, purpose, token_hash, email, "
				  "verifies, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, "
				  "pg_catalog.clock_timestamp(), $6) "
				  "ON CONFLICT (user_id, purpose) DO UPDATE SET token_hash = excluded.token_hash, "
				  "email = excluded.email, verifies = excluded.verifies, "
				  "created_at = excluded.created_at, expires_at = excluded.expires_at",
	6,
	{TEXTOID, TEXTOID, BYTEAOID, TEXTOID, BOOLOID, TIMESTAMPTZOID}};

/* $1 a hash, $2 the purpose. */
static const TableStatement find_token = {
	PLAN_MAIL_FIND,
	MAIL_TABLE,
	OWN_STATEMENT "SELECT m.user_id, m.email FROM account.mailed_token m "
				  "WHERE m.token_hash OPERATOR(pg_catalog.=) $1 "
				  "AND m.purpose OPERATOR(pg_catalog.=) $2 "
				  "AND m.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()",
	2,
	{BYTEAOID, TEXTOID}};
static const TableStatement use_token = {
	PLAN_MAIL_USE,
	MAIL_TABLE,
	OWN_STATEMENT "DELETE FROM account.mailed_token m "
				  "WHERE m.token_hash OPERATOR(pg_catalog.=) $1 "
				  "AND m.purpose OPERATOR(pg_catalog.=) $2 "
				  "AND m.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()",
	2,
	{BYTEAOID, TEXTOID}};

/* $1 users, $2 but those that verify. */
static const TableStatement void_tokens = {
	PLAN_MAIL_VOID,
	MAIL_TABLE,
	OWN_STATEMENT "DELETE FROM account.mailed_token m "
				  "WHERE m.user_id OPERATOR(pg_catalog.=) ANY ($1) AND NOT (m.verifies AND $2)",
	2,
	{TEXTARRAYOID, BOOLOID}};

/* $1 how many at most. What another is at is left to it. */
static const TableStatement prune_tokens = {
	PLAN_MAIL_PRUNE,
	MAIL_TABLE,
	OWN_STATEMENT "DELETE FROM account.mailed_token m WHERE m.ctid OPERATOR(pg_catalog.=) ANY "
				  "(ARRAY(SELECT e.ctid FROM account.mailed_token e WHERE e.expires_at "
				  "OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() LIMIT $1 "
				  "FOR UPDATE SKIP LOCKED))",
	1,
	{INT8OID}};

/* At most so many are removed at once. */
#define PRUNED_TOKENS 1000

/* A digest as hexadecimal digits. */
static char *
digest_text(const unsigned char *digest)
{
	char *text = palloc(2 * DIGEST_BYTES + 1);

	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

/* Make a token; see the header. */
text *
mailed_token_make(MailPurpose purpose, const char *user_id, const char *email, bool verifies,
				  int64 ttl, const unsigned char *digest)
{
	bytea *hash;
	text *token = one_time_token_make(&hash);
	Datum values[] = {CStringGetTextDatum(user_id != NULL ? user_id : digest_text(digest)),
					  CStringGetTextDatum(user_id != NULL ? purposes[purpose] : NOBODYS),
					  PointerGetDatum(hash),
					  email != NULL ? CStringGetTextDatum(email) : (Datum) 0,
					  BoolGetDatum(verifies),
					  TimestampTzGetDatum(GetCurrentTimestamp() + ttl)};

	SPI_connect();
	(void) own_statement_run(&make_token, values, email != NULL ? NULL : "   n  ");
	SPI_finish();
	return token;
}

/* The open token of a hash; see the header. */
bool
mailed_token_find(MailPurpose purpose, bytea *hash, MailedToken *token)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum values[] = {PointerGetDatum(hash), CStringGetTextDatum(purposes[purpose])};
	bool found;

	if (hash == NULL)
		return false;
	SPI_connect();
	found = own_statement_run(&find_token, values, NULL) > 0;
	if (found)
	{
		token->user_id = row_text(0, 1, caller);
		token->email = row_text(0, 2, caller);
	}
	SPI_finish();
	return found;
}

/* Use a token; see the header. */
bool
mailed_token_use(MailPurpose purpose, bytea *hash)
{
	Datum values[] = {PointerGetDatum(hash), CStringGetTextDatum(purposes[purpose])};
	bool used;

	SPI_connect();
	used = own_statement_run(&use_token, values, NULL) > 0;
	SPI_finish();
	return used;
}

/* Is there nothing in the table, or no table? */
static bool
is_empty(void)
{
	Relation rel = own_table_open(MAIL_TABLE, AccessShareLock);
	bool empty;

	if (rel == NULL)
		return true;
	empty = RelationGetNumberOfBlocks(rel) == 0;
	table_close(rel, NoLock);
	return empty;
}

/* Void the open tokens of users; see the header. */
void
mailed_tokens_void(char **user_ids, int n, bool but_verifying)
{
	Datum *keys;
	Datum values[2];

	if (n == 0 || is_empty())
		return;
	keys = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		keys[i] = CStringGetTextDatum(user_ids[i]);
	}
	values[0] = PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = BoolGetDatum(but_verifying);
	SPI_connect();
	(void) own_statement_run(&void_tokens, values, NULL);
	SPI_finish();
	for (int i = 0; i < n; i++)
		pfree(DatumGetPointer(keys[i]));
	pfree(keys);
	pfree(DatumGetPointer(values[0]));
}

/* Void all. */
uint64
mailed_tokens_void_all(void)
{
	static const TableStatement all = {PLAN_MAIL_VOID_ALL,
									   MAIL_TABLE,
									   OWN_STATEMENT "DELETE FROM account.mailed_token",
									   0,
									   {InvalidOid}};

	return own_statement_run(&all, NULL, NULL);
}

/* Remove some that have expired. */
void
mailed_tokens_prune(void)
{
	Datum value = Int64GetDatum(PRUNED_TOKENS);

	if (is_empty())
		return;
	SPI_connect();
	(void) own_statement_run(&prune_tokens, &value, NULL);
	SPI_finish();
}

/* Raise PT404. */
void
mailed_token_unknown(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such token"),
					errdetail("It is unknown, used, expired or void."),
					errhint("Ask for another mail."), errhidesecrets()));
}
