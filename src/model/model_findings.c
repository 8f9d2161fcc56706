/*
 * model_findings.c
 *		account.model_findings: what the rows of the mapped tables say about logins to come.
 *
 * For account.doctor. Each finding is a count, taken as the owner of the users table, who reads the
 * others as well; remedies are SQL where SQL can mend it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/tuplestore.h"
#include "base/base.h"
#include "liveness.h"
#include "login_names.h"
#include "user_record.h"

PG_FUNCTION_INFO_V1(model_findings);

/* Where findings go, and what they are about. */
typedef struct Findings
{
	ReturnSetInfo *result;
	const Model *model;
} Findings;

/* Report one finding. */
static void
report(Findings *to, const char *severity, const char *code, ModelPart part, const char *message,
	   const char *remedy)
{
	Datum values[] = {CStringGetTextDatum(severity), CStringGetTextDatum(code),
					  CStringGetTextDatum(display_relation(to->model->relation[part])),
					  CStringGetTextDatum(message), CStringGetTextDatum(remedy)};
	bool nulls[5] = {false};

	tuplestore_putvalues(to->result->setResult, to->result->setDesc, values, nulls);
}

/* The rows of "FROM ... WHERE ...". Within SPI_connect, as the owner of users. */
static int64
count_rows(const char *from)
{
	bool isnull;

	run_sql(OWN_STATEMENT "SELECT pg_catalog.count(*) %s", from);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Tenants whose modules are no list. */
static void
find_modules(Findings *to)
{
	const Model *model = to->model;
	char *tenants;
	char *column;
	const char *malformed;
	int64 rows;

	if (!OidIsValid(model->relation[MODEL_TENANTS]) || !model_has(model, TENANTS_MODULES))
		return;
	tenants = sql_relation(model->relation[MODEL_TENANTS]);
	column = sql_column(model->relation[MODEL_TENANTS], model->column[TENANTS_MODULES].attnum);
	switch (model->column[TENANTS_MODULES].base)
	{
		case JSONBOID:
			malformed = psprintf(
				"(%s IS NULL OR pg_catalog.jsonb_typeof(%s) OPERATOR(pg_catalog.<>) 'array')",
				column, column);
			break;
		case JSONOID:
			malformed = psprintf(
				"(%s IS NULL OR pg_catalog.json_typeof(%s) OPERATOR(pg_catalog.<>) 'array')",
				column, column);
			break;
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
			malformed = psprintf("%s IS NULL", column);
			break;
		default:
			report(to, "warning", "modules_malformed", MODEL_TENANTS,
				   "the modules are of a type that is no list: tokens carry none",
				   psprintf("Make %s of %s jsonb, json or text[], or map another column.", column,
							tenants));
			return;
	}
	rows = count_rows(psprintf("FROM %s WHERE %s", tenants, malformed));
	if (rows > 0)
		report(
			to, "warning", "modules_malformed", MODEL_TENANTS,
			psprintf(INT64_FORMAT " rows have modules that are NULL or no list: tokens carry none",
					 rows),
			psprintf("UPDATE %s SET %s = '%s' WHERE %s;", tenants, column,
					 type_is_array(model->column[TENANTS_MODULES].base) ? "{}" : "[]", malformed));
}

/* Users of tenants that are not active, or not there. */
static void
find_tenants(Findings *to)
{
	const Model *model = to->model;
	char *users = sql_relation(model->relation[MODEL_USERS]);
	char *tenants;
	char *inactive;
	char *missing;
	char *live;
	int64 rows;

	if (!OidIsValid(model->relation[MODEL_TENANTS]) || !model_has(model, USERS_TENANT))
		return;
	tenants = sql_relation(model->relation[MODEL_TENANTS]);
	live = psprintf("%s AND %s", live_sql(model, "u", MODEL_USERS),
					active_sql(model, "u", MODEL_USERS));
	inactive = psprintf("EXISTS (SELECT FROM %s t WHERE %s AND NOT (%s AND %s))", tenants,
						model_sql_tenant_join(model, "u", "t"), live_sql(model, "t", MODEL_TENANTS),
						active_sql(model, "t", MODEL_TENANTS));
	rows = count_rows(psprintf("FROM %s u WHERE %s AND %s", users, live, inactive));
	if (rows > 0)
		report(to, "info", "inactive_tenant_users", MODEL_USERS,
			   psprintf(INT64_FORMAT
						" active users are of a tenant that is not: they cannot log in",
						rows),
			   model_has(model, USERS_IS_ACTIVE) && model->rule[MODEL_USERS] == NULL
				   ? psprintf("UPDATE %s AS u SET %s = false WHERE %s AND %s;", users,
							  sql_column(model->relation[MODEL_USERS],
										 model->column[USERS_IS_ACTIVE].attnum),
							  live, inactive)
				   : psprintf("Activate the tenants in %s, or delete their users.", tenants));

	missing = psprintf("%s IS NOT NULL AND NOT EXISTS (SELECT FROM %s t WHERE %s)",
					   model_sql(model, "u", USERS_TENANT), tenants,
					   model_sql_tenant_join(model, "u", "t"));
	rows = count_rows(psprintf("FROM %s u WHERE %s", users, missing));
	if (rows > 0)
		report(
			to, "warning", "missing_tenant_users", MODEL_USERS,
			psprintf(INT64_FORMAT " users are of a tenant that %s does not have", rows, tenants),
			psprintf("UPDATE %s AS u SET %s = NULL WHERE %s;", users,
					 sql_column(model->relation[MODEL_USERS], model->column[USERS_TENANT].attnum),
					 missing));
}

/* Live memberships whose user, or tenant, is not there. */
static void
find_missing(Findings *to, const char *severity, const char *code, ModelAttribute key,
			 ModelAttribute id, const char *whose)
{
	const Model *model = to->model;
	Oid of = model->relation[model_attributes[id].part];
	char *members = sql_relation(model->relation[MODEL_MEMBERS]);
	char *missing;
	int64 rows;

	if (!OidIsValid(of))
		return;
	missing = psprintf("%s AND %s IS NOT NULL AND NOT EXISTS (SELECT FROM %s o WHERE %s)",
					   live_sql(model, "m", MODEL_MEMBERS), model_sql(model, "m", key),
					   sql_relation(of), model_sql_same_key(model, "o", id, "m", key));
	rows = count_rows(psprintf("FROM %s m WHERE %s", members, missing));
	if (rows > 0)
		report(to, severity, code, MODEL_MEMBERS,
			   psprintf(INT64_FORMAT " memberships are of %s that %s does not have", rows, whose,
						sql_relation(of)),
			   psprintf("DELETE FROM %s AS m WHERE %s;", members, missing));
}

/* Memberships of tenants or users that are not there, or that are not unique any more. */
static void
find_members(Findings *to)
{
	const Model *model = to->model;
	Oid relid = model->relation[MODEL_MEMBERS];
	char *members;

	if (!OidIsValid(relid) ||
		pg_class_aclcheck(relid, model->owner[MODEL_USERS], ACL_SELECT) != ACLCHECK_OK)
		return;
	members = sql_relation(relid);
	find_missing(to, "warning", "missing_user_members", MEMBERS_USER, USERS_ID, "users");
	find_missing(to, "warning", "missing_tenant_members", MEMBERS_TENANT, TENANTS_ID, "a tenant");
	if (!model_members_are_unique(relid, model->column[MEMBERS_USER].attnum,
								  model->column[MEMBERS_TENANT].attnum))
		report(to, "error", "members_not_unique", MODEL_MEMBERS,
			   "no unique index says that a user has one membership in a tenant",
			   psprintf("CREATE UNIQUE INDEX ON %s (%s, %s);", members,
						sql_column(relid, model->column[MEMBERS_USER].attnum),
						sql_column(relid, model->column[MEMBERS_TENANT].attnum)));
	if (!model_finds_by(relid, model->column[MEMBERS_USER].attnum))
		report(to, "warning", "lookup_without_index", MODEL_MEMBERS,
			   psprintf("no index leads with %s: logins read the whole table",
						sql_column(relid, model->column[MEMBERS_USER].attnum)),
			   psprintf("CREATE INDEX ON %s (%s);", members,
						sql_column(relid, model->column[MEMBERS_USER].attnum)));
}

/* Emails and usernames that only a look at all users can find. */
static void
find_slow_lookups(Findings *to)
{
	const Model *model = to->model;
	char *users = sql_relation(model->relation[MODEL_USERS]);

	for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
	{
		char *column;
		Oid collation;

		if (!model_has(model, a))
			continue;
		column = sql_column(model->relation[MODEL_USERS], model->column[a].attnum);
		if (!name_has_index(model, a, true, &collation))
			report(to, "warning", "lookup_without_index", MODEL_USERS,
				   psprintf("no index finds users by lower(%s): logins or registrations read the "
							"whole table",
							column),
				   psprintf("CREATE INDEX ON %s (pg_catalog.lower((%s)::pg_catalog.text));", users,
							column));
		if (a == USERS_USERNAME && !name_username_folds(model) &&
			!name_has_index(model, a, false, &collation))
			report(to, "warning", "lookup_without_index", MODEL_USERS,
				   psprintf("no index finds users by %s: logins read the whole table", column),
				   psprintf("CREATE INDEX ON %s (%s);", users, column));
	}
}

/* Users whose stored hash is lesser than argon2id, or can never be verified. */
static void
find_passwords(Findings *to)
{
	const Model *model = to->model;
	char *password;
	int64 rows;

	if (!model_has(model, USERS_PASSWORD))
		return;
	password = model_sql_text(model, "u", USERS_PASSWORD);
	rows = count_rows(psprintf("FROM %s u WHERE %s AND %s OPERATOR(pg_catalog.<>) '' AND %s "
							   "COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.!~) "
							   "'^(!|[*]|[$]argon2id[$]|argon2[$]argon2id[$])'",
							   sql_relation(model->relation[MODEL_USERS]),
							   live_sql(model, "u", MODEL_USERS), password, password));
	if (rows > 0)
		report(to, "warning", "weak_password_hash", MODEL_USERS,
			   psprintf(INT64_FORMAT " users have a password hash that is not argon2id", rows),
			   "Set pgaccount.rehash to 'all' and let the users log in, which hashes a verified "
			   "password anew, if no application that shares the column fails to read argon2id; "
			   "ask those for a new password whose hash account.verify_password does not know.");
}

/* All of them, as the owner of users. */
static bool
find_all(void *arg)
{
	Findings *to = arg;
	RoleState saved;

	SPI_connect();
	saved = run_as(to->model->owner[MODEL_USERS]);
	find_slow_lookups(to);
	find_passwords(to);
	find_modules(to);
	find_tenants(to);
	find_members(to);
	run_as_end(saved);
	SPI_finish();
	return true;
}

/* account.model_findings(): findings, in the columns of account.doctor. */
Datum
model_findings(PG_FUNCTION_ARGS)
{
	Findings to = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	const Model *found = model_get();
	Model model;

	InitMaterializedSRF(fcinfo, 0);
	if (found == NULL || !model_is_whole(found))
		return (Datum) 0;
	model = *found;
	to.model = &model;
	(void) unreadable_look_or_report(to.result, model.relation[MODEL_USERS], find_all, &to);
	return (Datum) 0;
}
