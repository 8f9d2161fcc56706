/*
 * settings.h
 *		The settings pgaccount.*, as C variables.
 */
#ifndef PGACCOUNT_SETTINGS_H
#define PGACCOUNT_SETTINGS_H

typedef enum
{
	ERROR_DETAIL_VERBOSE,
	ERROR_DETAIL_GENERIC
} ErrorDetail;

/* Which verified hashes a login replaces. */
typedef enum
{
	REHASH_OFF,
	REHASH_SAME, /* argon2id of lesser cost, in its own format */
	REHASH_ALL   /* all that argon2id is better than */
} Rehash;

typedef enum
{
	TRUNCATE_REFUSE,
	TRUNCATE_ALLOW
} TruncateRule;

extern int pgaccount_error_detail;
extern int pgaccount_truncate; /* a TruncateRule */
extern bool pgaccount_rewrite;
extern char *pgaccount_issuer;
extern char *pgaccount_audience;
extern int pgaccount_access_token_ttl; /* seconds */
extern int pgaccount_leeway;           /* seconds */
extern int pgaccount_known_tokens;
extern char *pgaccount_db_role;
extern char *pgaccount_master_key_file;
extern bool pgaccount_set_request_claims;
extern bool pgaccount_live_check;
extern int pgaccount_grace_period; /* seconds */
extern bool pgaccount_require_confirmation;

extern int pgaccount_password_min_length; /* characters */
extern int pgaccount_password_ops;
extern int pgaccount_password_memory;     /* kB */
extern int pgaccount_password_max_memory; /* kB */
extern int pgaccount_password_concurrency;
extern int pgaccount_rehash; /* a Rehash */

extern char *pgaccount_registration_roles;
extern char *pgaccount_tenant_admin_roles;
extern int pgaccount_refresh_token_ttl; /* seconds */
extern int pgaccount_refresh_grace;     /* milliseconds */
extern int pgaccount_login_max_failures;
extern int pgaccount_login_window; /* seconds */
extern bool pgaccount_login_cancels_deletion;

extern bool pgaccount_log_events;
extern bool pgaccount_notify;
extern int pgaccount_event_retention; /* seconds */
extern int pgaccount_event_queue_size;
extern int pgaccount_slow_threshold; /* milliseconds; -1: none is slow */

/*
 * Define and reserve the settings. preloaded: at server start, so restart-only settings may exist.
 */
extern void settings_init(bool preloaded);
extern void settings_reserve(void);

#endif /* PGACCOUNT_SETTINGS_H */
