/*
 * settings.c
 *		Definition of the settings pgaccount.*.
 *
 * Settings that shape the server's shared state or its hooks want a restart; PostgreSQL refuses to
 * define such a setting once the server is up, so a library that is loaded later defines them as
 * superuser settings of the session, with the same defaults.
 */
#include "postgres.h"

#include <limits.h>

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/plancache.h"

#include "compat.h"
#include "settings.h"
#include "shown_tables.h"

int pgaccount_error_detail = ERROR_DETAIL_VERBOSE;
int pgaccount_truncate = TRUNCATE_REFUSE;
bool pgaccount_rewrite = true;
int pgaccount_grace_period = 30 * SECS_PER_DAY;
bool pgaccount_require_confirmation = false;
int pgaccount_password_min_length = 8;
int pgaccount_password_ops = 2;
int pgaccount_password_memory = 64 * 1024;
int pgaccount_password_max_memory = 256 * 1024;
int pgaccount_password_concurrency = 4;
int pgaccount_rehash = REHASH_SAME;
char *pgaccount_registration_roles = NULL;
char *pgaccount_tenant_admin_roles = NULL;
int pgaccount_refresh_token_ttl = 30 * 24 * 60 * 60;
int pgaccount_refresh_grace = 10 * 1000;
int pgaccount_login_max_failures = 10;
int pgaccount_login_window = 15 * 60;
bool pgaccount_login_cancels_deletion = false;
char *pgaccount_issuer = NULL;
char *pgaccount_audience = NULL;
int pgaccount_access_token_ttl = 15 * 60;
int pgaccount_leeway = 30;
int pgaccount_known_tokens = 1024;
char *pgaccount_db_role = NULL;
char *pgaccount_master_key_file = NULL;
bool pgaccount_set_request_claims = true;
bool pgaccount_live_check = true;
bool pgaccount_log_events = true;
bool pgaccount_notify = false;
int pgaccount_event_retention = 365 * SECS_PER_DAY;
int pgaccount_event_queue_size = 4096;
int pgaccount_slow_threshold = 2000;

static const struct config_enum_entry error_detail_options[] = {
	{"verbose", ERROR_DETAIL_VERBOSE, false},
	{"generic", ERROR_DETAIL_GENERIC, false},
	{NULL, 0, false}};

static const struct config_enum_entry rehash_options[] = {{"same", REHASH_SAME, false},
														  {"all", REHASH_ALL, false},
														  {"off", REHASH_OFF, false},
														  {NULL, 0, false}};

static const struct config_enum_entry truncate_options[] = {
	{"refuse", TRUNCATE_REFUSE, false}, {"allow", TRUNCATE_ALLOW, false}, {NULL, 0, false}};

/* Plans are of DELETE, or of UPDATE: they are made anew when this changes within a session. */
static void
rewrite_changed(bool newval, void *extra)
{
	if (newval != pgaccount_rewrite)
		ResetPlanCache();
}

/* The settings of tokens and keys. at_restart: the context of those that want a restart. */
static void
token_settings_init(GucContext at_restart)
{
	DefineCustomStringVariable("pgaccount.issuer",
							   "Issuer (iss) of the tokens made here, and asked of those verified.",
							   "Empty: tokens carry none, and any is taken.", &pgaccount_issuer, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"pgaccount.audience",
		"Audience (aud) asked of the tokens verified, and of those made here.",
		"Empty: tokens carry none, and any is taken.", &pgaccount_audience, "", PGC_SUSET, 0, NULL,
		NULL, NULL);

	DefineCustomIntVariable("pgaccount.access_token_ttl", "How long an access token is valid.",
							"An access token cannot be taken back without a look at the live row: "
							"keep it short.",
							&pgaccount_access_token_ttl, 15 * 60, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.leeway", "How far the clocks of those who make and check tokens may differ.",
		"Allowed when exp and nbf of an access token are checked.", &pgaccount_leeway, 30, 0,
		INT_MAX, PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.known_tokens", "Number of access tokens that a connection keeps as checked.",
		"A token that is kept is not taken apart again, nor its signature computed; what can "
		"change is looked at each time. Each takes about 2 kB of the connection's memory.",
		&pgaccount_known_tokens, 1024, 0, 1024 * 1024, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"pgaccount.db_role", "Database role (role) that access tokens name, as PostgREST reads it.",
		"Empty: tokens carry none.", &pgaccount_db_role, "", PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"pgaccount.master_key_file", "File of 32 random bytes that seals the signing keys at rest.",
		"It must be readable by the server's user alone. Empty: new keys are "
		"stored as they are.",
		&pgaccount_master_key_file, "", at_restart, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);

	DefineCustomBoolVariable("pgaccount.set_request_claims",
							 "Sets request.jwt.claims beside the identity.",
							 "For policies written for PostgREST or Supabase. Anybody can set that "
							 "variable: the identity is never read back from it.",
							 &pgaccount_set_request_claims, true, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomBoolVariable(
		"pgaccount.live_check", "Lets authenticate look at the live row of the user.",
		"Off, a token of a deleted or deactivated user is good until it expires.",
		&pgaccount_live_check, true, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* The settings of passwords. at_restart: the context of those that shape shared memory. */
static void
password_settings_init(GucContext at_restart)
{
	DefineCustomIntVariable(
		"pgaccount.password_min_length", "Least number of characters of a new password.",
		"Asked of registrations and password changes, not of hash_password.",
		&pgaccount_password_min_length, 8, 1, 1024, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("pgaccount.password_ops", "Passes over the memory of a password hash.",
							"More passes make guessing dearer, and each login.",
							&pgaccount_password_ops, 2, 1, 16, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("pgaccount.password_memory", "Memory of a password hash.",
							"More memory makes guessing dearer, and each login.",
							&pgaccount_password_memory, 64 * 1024, 8, MAX_KILOBYTES, PGC_SUSET,
							GUC_UNIT_KB, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.password_max_memory", "The most memory that a stored password hash may ask for.",
		"A hash that asks for more verifies as false, at once.", &pgaccount_password_max_memory,
		256 * 1024, 8, MAX_KILOBYTES, PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);

	DefineCustomIntVariable("pgaccount.password_concurrency",
							"How many passwords may be hashed at once in the whole server.",
							"The next wait. Roles that may not call account.login share half of "
							"it. Without shared_preload_libraries there is no limit.",
							&pgaccount_password_concurrency, 4, 1, 1024, at_restart, 0, NULL, NULL,
							NULL);

	DefineCustomEnumVariable(
		"pgaccount.rehash", "Which stored hashes a login replaces by one of the current cost.",
		"\"same\": an argon2id hash of lesser cost, in its own format, which an application that "
		"shares the column goes on reading; \"all\": other formats too; \"off\": none. A hash "
		"that costs more is never replaced.",
		&pgaccount_rehash, REHASH_SAME, rehash_options, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* The settings of registration, logins and sessions. */
static void
login_settings_init(void)
{
	DefineCustomStringVariable("pgaccount.registration_roles",
							   "Roles of the application that a registration may take.",
							   "A list separated by commas. Empty: none.",
							   &pgaccount_registration_roles, "", PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable(
		"pgaccount.tenant_admin_roles",
		"Roles of members that administer their tenant, the highest first.",
		"A list separated by commas: who has one may invite, list and remove members of the tenant "
		"and set their roles, but none that comes before its own.",
		&pgaccount_tenant_admin_roles, "owner,admin", PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.refresh_token_ttl", "How long a refresh token is valid.",
		"Each refresh gives a new one: a session ends after so long without any.",
		&pgaccount_refresh_token_ttl, 30 * 24 * 60 * 60, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S, NULL,
		NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.refresh_grace", "How long a used refresh token gives its successor again.",
		"For clients that lose an answer, or ask twice at once. After that, use ends the session.",
		&pgaccount_refresh_grace, 10 * 1000, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.login_max_failures",
		"Failed logins of a user or an address before further ones are refused.",
		"Counted over pgaccount.login_window; 0 refuses none.", &pgaccount_login_max_failures, 10,
		0, 1000000, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("pgaccount.login_window", "How long a failed login counts.",
							"0: none counts.", &pgaccount_login_window, 15 * 60, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);

	DefineCustomBoolVariable(
		"pgaccount.login_cancels_deletion",
		"Lets users who have deleted themselves come back by account.cancel_deletion.",
		"With their password, within pgaccount.grace_period. Off, who is deleted stays deleted "
		"until staff restores it.",
		&pgaccount_login_cancels_deletion, false, PGC_SUSET, 0, NULL, NULL, NULL);
}

/*
 * The settings of events and statistics. at_restart: the context of those that shape shared memory.
 */
static void
event_settings_init(GucContext at_restart)
{
	DefineCustomBoolVariable(
		"pgaccount.log_events", "Records events in account.event.",
		"Off, neither successes nor failures are recorded; statistics are kept "
		"all the same.",
		&pgaccount_log_events, true, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomBoolVariable("pgaccount.notify", "Notifies of events on channel account_event.",
							 "NOTIFY lets transactions commit one after another, and a transaction "
							 "that notifies cannot be prepared.",
							 &pgaccount_notify, false, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("pgaccount.event_retention", "How long events are kept.",
							"Older ones are removed now and then; 0 keeps none for long, INT_MAX "
							"all but for ever.",
							&pgaccount_event_retention, 365 * SECS_PER_DAY, 0, INT_MAX, PGC_SUSET,
							GUC_UNIT_S, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.event_queue_size",
		"How many failures may wait to be recorded, in the whole server.",
		"What does not fit is counted. Without shared_preload_libraries there is "
		"no queue.",
		&pgaccount_event_queue_size, 4096, 16, 1048576, at_restart, 0, NULL, NULL, NULL);

	DefineCustomIntVariable(
		"pgaccount.slow_threshold",
		"Operations that take longer are slow: counted, with a WARNING in the log.",
		"0: all are; -1: none is.", &pgaccount_slow_threshold, 2000, -1, INT_MAX, PGC_SUSET,
		GUC_UNIT_MS, NULL, NULL, NULL);
}

/*
 * Define and reserve the settings. preloaded: at server start, so restart-only settings may exist.
 */
void
settings_init(bool preloaded)
{
	GucContext at_restart = preloaded ? PGC_POSTMASTER : PGC_SUSET;

	DefineCustomEnumVariable("pgaccount.error_detail",
							 "What the DETAIL of an error may show its client.",
							 "With \"generic\" DETAIL carries no data of the row; the server log "
							 "still has it.",
							 &pgaccount_error_detail, ERROR_DETAIL_VERBOSE, error_detail_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomBoolVariable("pgaccount.rewrite",
							 "Turns DELETE on soft-delete tables into an UPDATE before planning.",
							 "Off, the row trigger does the work and DELETE reports 0 rows.",
							 &pgaccount_rewrite, true, at_restart, 0, NULL, rewrite_changed, NULL);

	shown_tables_init();

	DefineCustomEnumVariable(
		"pgaccount.truncate", "Refuses or allows TRUNCATE of soft-delete tables.",
		"It removes rows that a DELETE keeps. A database of tests, which "
		"empties its tables so, may allow it: ALTER DATABASE ... SET.",
		&pgaccount_truncate, TRUNCATE_REFUSE, truncate_options, PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("pgaccount.grace_period",
							"How long deleted rows are kept before account.purge removes them.",
							"An administrator who may restore for longer, or must forget sooner, "
							"sets it.",
							&pgaccount_grace_period, 30 * SECS_PER_DAY, 0, INT_MAX, PGC_SUSET,
							GUC_UNIT_S, NULL, NULL, NULL);

	DefineCustomBoolVariable(
		"pgaccount.require_confirmation", "Asks users who delete themselves for their password.",
		"So that a session left open, or a stolen token, cannot end an "
		"account.",
		&pgaccount_require_confirmation, false, PGC_SUSET, 0, NULL, NULL, NULL);

	password_settings_init(at_restart);
	login_settings_init();
	token_settings_init(at_restart);
	event_settings_init(at_restart);
}

/* All settings are defined: nobody else may define one under our prefix. */
void
settings_reserve(void)
{
	MarkGUCPrefixReserved("pgaccount");
}
