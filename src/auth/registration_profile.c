/*
 * registration_profile.c
 *		The argument profile of account.register: columns of the new user's profile.
 *
 * Everything is looked at and converted before the user is made. Whoever registers is not asked who
 * it is, so nothing is taken that staff could not give (profile_settable.c), and roles only as the
 * setting says. Then the profile that came with the user (by account.enable_profile, or a trigger
 * of the application) is updated; where none came it is inserted.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "base/base.h"
#include "profile/profile.h"
#include "column_values.h"
#include "profile_settable.h"
#include "registration.h"

/* Raise 22023 about a value. */
static void
refuse_value(const char *name, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("value of profile column \"%s\" is not possible", name),
					errdetail_internal("%s", why),
					errhint("Correct \"%s\" in the argument \"profile\".", name)));
}

/* A WARNING about a key that is left out. */
static void
warn_left_out(const char *name, int len)
{
	ereport(WARNING, (errmsg("profile column \"%.*s\" does not exist", Min(len, NAMEDATALEN), name),
					  errdetail("Its value is left out."),
					  errhint("Correct the argument \"profile\", or add the column.")));
}

/* Raise PT403 unless a registration may take this role. */
static void
check_role(const JsonbValue *value)
{
	if (value->type == jbvString &&
		list_setting_find(pgaccount_registration_roles,
						  pnstrdup(value->val.string.val, value->val.string.len)) >= 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("role cannot be taken"),
					errdetail("Nobody may register with this role."),
					errhint("pgaccount.registration_roles lists the roles that may be taken.")));
}

/* Why a registration may not set a column; NULL: it may. Of a role it is asked which one it is. */
static const char *
refusal_of(const Model *model, Relation profiles, Form_pg_attribute column)
{
	if (!model_has(model, PROFILES_ROLE) || column->attnum != model->column[PROFILES_ROLE].attnum)
		return profile_refusal(model, NULL, profiles, column);
	if (profile_column_of_account(model, column->attnum))
		return "It belongs to the account, not to the profile.";
	return column->attgenerated ? "It is a generated column." : NULL;
}

/* Take one member of the argument. */
static void
take_member(const Model *model, Relation profiles, const char *name, JsonbValue *value,
			ProfileValues *taken)
{
	AttrNumber attnum = get_attnum(RelationGetRelid(profiles), name);
	Form_pg_attribute column;
	const char *refusal;
	char *problem = NULL;
	bool isnull;

	if (attnum <= 0)
	{
		warn_left_out(name, strlen(name));
		return;
	}
	column = TupleDescAttr(RelationGetDescr(profiles), attnum - 1);
	refusal = refusal_of(model, profiles, column);
	if (refusal != NULL)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN),
						errmsg("column \"%s\" cannot be set by a registration", name),
						errdetail_internal("%s", refusal),
						errhint("Leave it out of the argument \"profile\".")));
	if (model_has(model, PROFILES_ROLE) && attnum == model->column[PROFILES_ROLE].attnum)
		check_role(value);
	if (!profile_convert(column, JsonbValueToJsonb(value), &taken->values[taken->n], &isnull,
						 &problem))
		refuse_value(name, problem);
	if (isnull && column->attnotnull)
		refuse_value(name, "The column does not take NULL.");
	taken->columns[taken->n] = attnum;
	taken->types[taken->n] = column->atttypid;
	taken->nulls[taken->n] = isnull ? 'n' : ' ';
	taken->n++;
}

/* Read the argument profile. */
ProfileValues *
registration_profile_read(const Model *model, Jsonb *profile)
{
	ProfileValues *taken = palloc0(sizeof(ProfileValues));
	Relation profiles = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	RoleState saved = {0};
	char *name = "";
	int n;

	if (profile == NULL)
		return taken;
	if (!JB_ROOT_IS_OBJECT(profile))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"profile\" must be a JSON object"),
						errdetail("The value is of another JSON type."),
						errhint("Pass {\"column\": value, ...}.")));
	n = JB_ROOT_COUNT(profile);
	taken->columns = palloc(sizeof(AttrNumber) * (n + 1));
	taken->types = palloc(sizeof(Oid) * (n + 1));
	taken->values = palloc(sizeof(Datum) * (n + 1));
	taken->nulls = palloc(n + 1);
	if (OidIsValid(model->relation[MODEL_PROFILES]) && n > 0)
	{
		profiles = table_open(model->relation[MODEL_PROFILES], RowExclusiveLock);
		saved = run_as(profiles->rd_rel->relowner);
	}
	it = JsonbIteratorInit(&profile->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && profiles == NULL)
			warn_left_out(name, strlen(name));
		else if (token == WJB_VALUE)
			take_member(model, profiles, name, &v, taken);
	}
	if (profiles != NULL)
	{
		run_as_end(saved);
		table_close(profiles, NoLock);
	}
	return taken;
}

/* The values with the user's key in front, as parameters. */
static void
make_parameters(const Model *model, const char *user_id, const ProfileValues *profile, Oid **types,
				Datum **values, char **nulls)
{
	*types = palloc(sizeof(Oid) * (profile->n + 1));
	*values = palloc(sizeof(Datum) * (profile->n + 1));
	*nulls = palloc0(profile->n + 2);
	(*types)[0] = TEXTOID;
	(*values)[0] = CStringGetTextDatum(user_id);
	(*nulls)[0] = ' ';
	for (int i = 0; i < profile->n; i++)
	{
		(*types)[i + 1] = profile->types[i];
		(*values)[i + 1] = profile->values[i];
		(*nulls)[i + 1] = profile->nulls[i];
	}
}

/* The text that updates the profile, or, with no columns, that looks for it. */
static char *
update_text(const Model *model, Relation profiles, const ProfileValues *profile, const char *key)
{
	Oid relid = RelationGetRelid(profiles);
	StringInfoData sql;

	initStringInfo(&sql);
	if (profile->n == 0)
		appendStringInfo(&sql, OWN_STATEMENT "SELECT FROM %s p", sql_relation(relid));
	else
		appendStringInfo(&sql, OWN_STATEMENT "UPDATE %s p SET ", sql_relation(relid));
	for (int i = 0; i < profile->n; i++)
		appendStringInfo(&sql, "%s%s = $%d", i > 0 ? ", " : "",
						 sql_column(relid, profile->columns[i]), i + 2);
	appendStringInfo(&sql, " WHERE %s OPERATOR(pg_catalog.=) %s",
					 model_sql(model, "p", PROFILES_USER), key);
	return sql.data;
}

/* The text that inserts the profile. */
static char *
insert_text(const Model *model, Relation profiles, const ProfileValues *profile, const char *key)
{
	Oid relid = RelationGetRelid(profiles);
	Bitmapset *given = bms_make_singleton(model->column[PROFILES_USER].attnum);
	StringInfoData columns;
	StringInfoData values;

	initStringInfo(&columns);
	initStringInfo(&values);
	appendStringInfoString(&columns, sql_column(relid, model->column[PROFILES_USER].attnum));
	appendStringInfoString(&values, key);
	for (int i = 0; i < profile->n; i++)
	{
		appendStringInfo(&columns, ", %s", sql_column(relid, profile->columns[i]));
		appendStringInfo(&values, ", $%d", i + 2);
		given = bms_add_member(given, profile->columns[i]);
	}
	append_neutral_values(profiles, &columns, &values, given);
	return psprintf(OWN_STATEMENT "INSERT INTO %s (%s) VALUES (%s)", sql_relation(relid),
					columns.data, values.data);
}

/* Does each user have a profile without our doing? The caller has locked profiles. */
static bool
is_made_already(const Model *found, Relation profiles)
{
	static uint64 generation = 0;
	static Oid of = InvalidOid;
	static bool made = false;

	/* what was changed before the lock counts */
	(void) model_get();
	if (generation != model_generation() || of != RelationGetRelid(profiles))
	{
		made = profile_user_column(profiles, found->relation[MODEL_USERS]) != 0 ||
			   found->relation[MODEL_PROFILES] == found->relation[MODEL_USERS];
		generation = model_generation();
		of = RelationGetRelid(profiles);
	}
	return made;
}

/* Is there a profile? A trigger may have put it elsewhere, as into a table that inherits. */
static bool
is_there(const Model *model, Relation profiles, Datum *values, const char *key)
{
	Oid types[] = {TEXTOID};

	return statement_run_once(update_text(model, profiles, &(ProfileValues){.n = 0}, key), 1, types,
							  values, NULL, NULL) > 0;
}

/* Give the profile of a new user these values; see the header. */
void
registration_profile_write(const Model *model, const char *user_id, ProfileValues *profile,
						   bool left_out)
{
	Relation profiles;
	RoleState saved;
	Oid *types;
	Datum *values;
	char *nulls;
	char *key;

	if (!OidIsValid(model->relation[MODEL_PROFILES]) || !model_has(model, PROFILES_USER))
		return;
	profiles = table_open(model->relation[MODEL_PROFILES], RowExclusiveLock);
	if (profile->n == 0 && !left_out && is_made_already(model, profiles))
	{
		table_close(profiles, NoLock);
		return;
	}
	saved = run_as(profiles->rd_rel->relowner);
	make_parameters(model, user_id, profile, &types, &values, &nulls);
	/* without a length: what is too long is refused as it is assigned, where a cast would cut it */
	key = psprintf("$1::%s", sql_type(getBaseType(model->column[PROFILES_USER].type), -1));
	if (statement_run_once(update_text(model, profiles, profile, key), profile->n + 1, types,
						   values, nulls, NULL) == 0 &&
		statement_run_once(insert_text(model, profiles, profile, key), profile->n + 1, types,
						   values, nulls, NULL) == 0 &&
		!is_there(model, profiles, values, key))
		refuse_row_kept_back(RelationGetRelid(profiles), "the profile was not made");
	run_as_end(saved);
	table_close(profiles, NoLock);
}
