/*
 * settings.c
 *		Definition of the settings pgaccount.*.
 *
 * Settings that shape the server's shared state or its hooks want a restart; PostgreSQL refuses to
 * define such a setting once the server is up, so a library that is loaded later defines them as
 * superuser settings of the session, with the same defaults.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/plancache.h"

#include "compat.h"
#include "settings.h"

int pgaccount_error_detail = ERROR_DETAIL_VERBOSE;
bool pgaccount_rewrite = true;
bool pgaccount_show_deleted = false;
char *pgaccount_issuer = NULL;
char *pgaccount_audience = NULL;

static const struct config_enum_entry error_detail_options[] = {
	{"verbose", ERROR_DETAIL_VERBOSE, false},
	{"generic", ERROR_DETAIL_GENERIC, false},
	{NULL, 0, false}};

/*
 * Plans hold the live condition of hidden tables, or do not: they are made anew when the setting
 * changes, as PostgreSQL does for session_replication_role. Before there is a transaction there is
 * no plan either.
 */
static void
show_deleted_changed(bool newval, void *extra)
{
	if (newval != pgaccount_show_deleted)
		ResetPlanCache();
}

/* Define and reserve the settings. preloaded: at server start, so restart-only settings may exist. */
void
settings_init(bool preloaded)
{
	GucContext at_restart = preloaded ? PGC_POSTMASTER : PGC_SUSET;

	DefineCustomEnumVariable("pgaccount.error_detail",
							 "What the DETAIL of an error may tell its client.",
							 "With \"generic\" DETAIL carries no data of the row; the server log "
							 "still has it.",
							 &pgaccount_error_detail, ERROR_DETAIL_VERBOSE, error_detail_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomBoolVariable("pgaccount.rewrite",
							 "Turns DELETE on soft-delete tables into an UPDATE before planning.",
							 "Off, the row trigger does the work and DELETE reports 0 rows.",
							 &pgaccount_rewrite, true, at_restart, 0, NULL, NULL, NULL);

	DefineCustomBoolVariable("pgaccount.show_deleted",
							 "Shows the deleted rows of soft-delete tables.",
							 "Any role may set it: hiding is convenience, not a security boundary.",
							 &pgaccount_show_deleted, false, PGC_USERSET, 0, NULL,
							 show_deleted_changed, NULL);

	DefineCustomStringVariable("pgaccount.issuer",
							   "Issuer (iss) of the tokens made here, and asked of those verified.",
							   "Empty: tokens carry none, and any is taken.", &pgaccount_issuer, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomStringVariable("pgaccount.audience",
							   "Audience (aud) asked of the tokens verified, and of those made here.",
							   "Empty: tokens carry none, and any is taken.", &pgaccount_audience,
							   "", PGC_SUSET, 0, NULL, NULL, NULL);

	MarkGUCPrefixReserved("pgaccount");
}
