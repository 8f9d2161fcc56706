/*
 * profile_findings.c
 *		What account.doctor() asks of automatic profiles: users without one, and profiles
 *		of users that are not there. The findings themselves are SQL (doctor.sql).
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "profile_rule.h"

PG_FUNCTION_INFO_V1(profile_findings);

/* `alias.deleted_at IS NULL AND`, where the table has soft delete. */
static char *
live_clause(Oid relid, const char *alias)
{
	const SoftDelete *mapping = mapping_declared(relid);

	if (mapping == NULL)
		return "";
	return psprintf("%s.%s IS NULL AND ", alias, sql_column(relid, mapping->deleted_at));
}

/* Rows of one table without a row in the other; a number. Within SPI_connect. */
static Datum
count_without(Oid table, Oid other, const char *condition, const char *live)
{
	char *sql = psprintf(OWN_STATEMENT "SELECT pg_catalog.count(*) FROM %s a WHERE %sNOT EXISTS"
									   " (SELECT FROM %s b WHERE %s)",
						 profile_scan(table), live, profile_scan(other), condition);
	RoleState reader = run_as_reader_of(table, other);
	bool isnull;

	(void) statement_run_once(sql, 0, NULL, NULL, NULL, NULL);
	run_as_end(reader);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

/*
 * account.profile_findings(): for each rule its user column and keys, how many users have no
 * profile, deleted ones included, and how many live profiles have no user. NULLs: it cannot work
 * any more.
 */
Datum
profile_findings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, registry_rules())
	{
		RegistryRule *entry = lfirst(lc);
		ProfileRule *rule = profile_rule(entry->users, entry->profiles);
		Datum values[6];
		bool nulls[6] = {false};
		char *key;
		char *column;

		CHECK_FOR_INTERRUPTS();
		if (rule == NULL)
		{
			/* the tables are there, but not what a profile is made by */
			values[0] = ObjectIdGetDatum(entry->users);
			values[1] = ObjectIdGetDatum(entry->profiles);
			memset(nulls + 2, true, 4);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
			continue;
		}
		key = sql_column(rule->users, rule->key);
		column = sql_column(rule->profiles, rule->user_column);
		values[0] = ObjectIdGetDatum(rule->users);
		values[1] = ObjectIdGetDatum(rule->profiles);
		values[2] = CStringGetTextDatum(key);
		values[3] = CStringGetTextDatum(column);
		SPI_connect();
		values[4] = count_without(rule->users, rule->profiles,
								  profile_key_equality(rule->key_type, psprintf("a.%s", key),
													   rule->column_type, psprintf("b.%s", column)),
								  "");
		values[5] = count_without(rule->profiles, rule->users,
								  profile_key_equality(rule->key_type, psprintf("b.%s", key),
													   rule->column_type, psprintf("a.%s", column)),
								  live_clause(rule->profiles, "a"));
		SPI_finish();
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
