/*
 * identity.c
 *		Who is asking: the identity of the transaction or session.
 *
 * The claims live in the setting pgaccount.identity, whose check hook refuses every source but our
 * own call and the start of a parallel worker. PostgreSQL then ends it with the transaction, rolls
 * it back with savepoints, clears it by DISCARD ALL and carries it to parallel workers. The check
 * hook parses the value into one block of memory (identity_value.c), the assign hook points at it,
 * so that a helper in a policy reads a pointer.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/execdesc.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "identity.h"
#include "identity_value.h"
#include "token.h"

#define IDENTITY_SETTING "pgaccount.identity"
#define REQUEST_CLAIMS   "request.jwt.claims"

static char *identity_setting = NULL;
Identity *identity = NULL;
uint64 identity_generation = 1;

/* True while we set the setting ourselves; then its members, where they are parsed already. */
static bool setting_identity = false;
static const JsonMember *setting_members = NULL;

/* Check hook: believe nobody but ourselves, and the leader of a parallel worker. */
static bool
check_identity(char **newval, void **extra, GucSource source)
{
	if (source == PGC_S_DEFAULT && (*newval == NULL || **newval == '\0'))
		return true;
	if (!setting_identity && !(InitializingParallelWorker && source == PGC_S_SESSION))
	{
		GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
		GUC_check_errmsg("parameter \"%s\" cannot be set", IDENTITY_SETTING);
		GUC_check_errhint("Call account.authenticate() with a token.");
		return false;
	}
	if (**newval == '\0')
		return true;
	*extra = identity_parse(*newval, setting_members);
	return *extra != NULL;
}

/* Assign hook: point at the parsed form. */
static void
assign_identity(const char *newval, void *extra)
{
	identity = extra;
	identity_generation++;
}

/* Define the setting that holds the identity. */
void
identity_init(void)
{
	DefineCustomStringVariable(
		IDENTITY_SETTING, "Identity of the transaction or session.",
		"Set by account.authenticate() alone.", &identity_setting, "", PGC_SUSET,
		GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_SUPERUSER_ONLY,
		check_identity, assign_identity, NULL);
}

/* Set request.jwt.claims. */
static void
put_request_claims(const char *claims, GucAction action)
{
	(void) set_config_option(REQUEST_CLAIMS, claims, PGC_USERSET, PGC_S_SESSION, action, true, 0,
							 false);
}

/*
 * Set request.jwt.claims beside an identity, which they must not outlive. The session's are taken
 * back by the first statement after its end; where the hooks that do so are not installed, they are
 * the transaction's.
 */
static void
set_request_claims(const char *claims, bool is_local, TimestampTz until)
{
	if (!is_local && GetCurrentStatementStartTimestamp() >= until)
		claims = "";
	else if (!is_local && until != DT_NOEND && !hooks_installed())
	{
		put_request_claims("", GUC_ACTION_SET);
		is_local = true;
	}
	put_request_claims(claims, is_local ? GUC_ACTION_LOCAL : GUC_ACTION_SET);
}

/* Set the setting that holds the identity. */
static void
store_identity(const char *value, const JsonMember *members, GucAction action)
{
	setting_identity = true;
	setting_members = members;
	PG_TRY();
	{
		(void) set_config_option(IDENTITY_SETTING, value, PGC_SUSET, PGC_S_SESSION, action, true, 0,
								 false);
	}
	PG_FINALLY();
	{
		setting_identity = false;
		setting_members = NULL;
	}
	PG_END_TRY();
}

/* Nobody is asking any more. */
void
identity_clear(void)
{
	store_identity("", NULL, GUC_ACTION_SET);
	if (pgaccount_set_request_claims)
		put_request_claims("", GUC_ACTION_SET);
}

/* Make these claims the identity; see identity.h. */
void
identity_set(const char *claims, int len, const JsonMember *members, bool is_local,
			 TimestampTz until)
{
	char *value = palloc(1 + MAXINT8LEN + 1 + len + 1);
	char *p = value;
	int server_len;
	const char *server = utf8_to_server(claims, len, &server_len);

	if (server == NULL)
		refuse_token(JWT_BAD_CLAIMS);
	*p++ = is_local ? 'L' : 'S';
	p += pg_lltoa(until, p);
	*p++ = ' ';
	memcpy(p, claims, len);
	p[len] = '\0';
	store_identity(value, members, is_local ? GUC_ACTION_LOCAL : GUC_ACTION_SET);
	if (pgaccount_set_request_claims)
		set_request_claims(pnstrdup(server, server_len), is_local, until);
}

/*
 * What an identity that has expired has left in request.jwt.claims goes. It is looked at by what is
 * there, since a rollback may have brought it back. In a parallel operation its leader has seen to
 * it. Claims that somebody else has set stay.
 */
void
identity_statement_begins(void)
{
	const char *found;
	const char *ours;
	int len;

	if (!identity_has_expired() || !IsTransactionState() || IsInParallelMode())
		return;
	found = GetConfigOption(REQUEST_CLAIMS, true, false);
	if (found == NULL || found[0] == '\0')
		return;
	ours = utf8_to_server(identity->claims, identity->claims_len, &len);
	if (ours != NULL && strlen(found) == (size_t) len && memcmp(found, ours, len) == 0)
		put_request_claims("", GUC_ACTION_SET);
}

/*
 * Warn if a function that sets something for the transaction is called by the client's own
 * statement outside a transaction block: it ends with this statement, as SET LOCAL does.
 *
 * The client's own statement is the portal that is running, where the call is one of its own
 * executor's: a function in SQL has an executor of its own, and one in another language has a
 * connection of SPI, as its cursors have, which no running portal of a client has.
 * (SPI_unregister_relation() says whether there is one, and does nothing for a name that nobody
 * has.)
 */
void
identity_warn_if_alone(FunctionCallInfo fcinfo, const char *function)
{
	if (IsTransactionBlock() || IsSubTransaction() || ActivePortal == NULL ||
		ActivePortal->queryDesc == NULL || ActivePortal->queryDesc->estate == NULL ||
		fcinfo->flinfo->fn_mcxt != ActivePortal->queryDesc->estate->es_query_cxt ||
		SPI_unregister_relation("pgaccount: nobody's") != SPI_ERROR_UNCONNECTED)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
			 errmsg("%s can only be used in transaction blocks", function),
			 errdetail("The identity is of the transaction, which ends with this statement."),
			 errhint("BEGIN first, or set it for the session with is_local => false."),
			 errhidesecrets()));
}

/* The uid of the identity, or NULL. */
const char *
identity_uid(void)
{
	const Identity *who = current_identity();

	return who == NULL || who->uid.as_text == NULL ? NULL : text_to_cstring(who->uid.as_text);
}

/* The tenant's id of the identity, or NULL. */
const char *
identity_tenant(void)
{
	const Identity *who = current_identity();

	return who == NULL || who->tenant_id.as_text == NULL ? NULL
														 : text_to_cstring(who->tenant_id.as_text);
}

/* Who acts as the identity's user, or NULL. */
const char *
identity_actor(void)
{
	const Identity *who = current_identity();

	return who == NULL || who->actor == NULL ? NULL : text_to_cstring(who->actor);
}
