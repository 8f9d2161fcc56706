/*
 * profile_grant.c
 *		What an invitation or an approval gives: a role, and values of profile columns.
 *
 * Who may give is the caller's to decide; here it is what can be given. Staff rule over profiles of
 * their tenant, so they may set what a profile says, but not what makes the account: see
 * profile_settable.c.
 *
 * Profiles are written as their owner.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "auth/auth.h"
#include "base/base.h"
#include "profile/profile.h"
#include "profile_grant.h"

/* The longest name of a role, in characters. */
#define MAX_ROLE 254

/* The most grants at once, and their size in bytes. */
#define MAX_GRANTS      100
#define MAX_GRANTS_SIZE (64 * 1024)

/* The name of a role. */
char *
role_argument(FunctionCallInfo fcinfo, int n)
{
	char *role = text_argument(fcinfo, n, "role", MAX_ROLE);

	if (role == NULL)
		refuse_null_argument("role");
	check_name(role, "role");
	return role;
}

/* Grants. */
Jsonb *
grants_argument(FunctionCallInfo fcinfo, int n)
{
	Jsonb *grants;

	if (PG_ARGISNULL(n))
		refuse_null_argument("grants");
	grants = PG_GETARG_JSONB_P(n);
	if (!JB_ROOT_IS_OBJECT(grants) || JB_ROOT_COUNT(grants) > MAX_GRANTS ||
		VARSIZE(grants) > MAX_GRANTS_SIZE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"grants\" must be a JSON object"),
						errdetail("It has at most %d members, columns of a profile, and %d bytes.",
								  MAX_GRANTS, MAX_GRANTS_SIZE),
						errhint("Pass {\"column\": value, ...}.")));
	return grants;
}

/* A WARNING about what cannot be given. */
static void
warn_left_out(const char *name, const char *detail)
{
	int len = pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1);

	ereport(WARNING,
			(errmsg("profile column \"%.*s\" does not exist", len, name), errdetail("%s", detail),
			 errhint("Correct the argument, or add the column to the profiles.")));
}

/* Raise 22023 about a value. */
static void
refuse_value(const char *name, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("value of profile column \"%s\" is not possible", name),
					errdetail_internal("%s", why), errhint("Give \"%s\" another value.", name)));
}

/* Raise PT403 about a column. */
static void
refuse_column(const char *name, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("column \"%s\" cannot be granted", name),
			 errdetail_internal("%s", why), errhint("Leave it out of the grants.")));
}

/* Add a value of a column. */
static void
add_value(ProfileValues *values, Form_pg_attribute column, Jsonb *value)
{
	char *problem = NULL;
	bool isnull;

	if (!profile_convert(column, value, &values->values[values->n], &isnull, &problem))
		refuse_value(NameStr(column->attname), problem);
	if (isnull && column->attnotnull)
		refuse_value(NameStr(column->attname), "The column does not take NULL.");
	values->columns[values->n] = column->attnum;
	values->types[values->n] = column->atttypid;
	values->nulls[values->n] = isnull ? 'n' : ' ';
	values->n++;
}

/* Add the role, or say that there is no place for it. */
static void
add_role(const Model *model, Relation profiles, const char *role, ProfileValues *values)
{
	JsonbValue value = {.type = jbvString};

	if (profiles == NULL || !model_has(model, PROFILES_ROLE))
	{
		warn_left_out("role", "The role is left out: no column is mapped to profiles.role.");
		return;
	}
	if (profile_column_of_account(model, model->column[PROFILES_ROLE].attnum))
		refuse_column("role", "Its column belongs to the account, not to the profile.");
	value.val.string.val = pstrdup(role);
	value.val.string.len = strlen(role);
	add_value(values,
			  TupleDescAttr(RelationGetDescr(profiles), model->column[PROFILES_ROLE].attnum - 1),
			  JsonbValueToJsonb(&value));
}

/* Add the grants; those that have a column are pushed to *applied. */
static void
add_grants(const Model *model, const UserRecord *giver, Relation profiles, Jsonb *grants,
		   ProfileValues *values, JsonbBuild *applied)
{
	JsonbIterator *it = JsonbIteratorInit(&grants->root);
	JsonbIteratorToken token;
	JsonbValue v;
	JsonbValue key = {.type = jbvNull};

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char *name;
		AttrNumber attnum;
		Form_pg_attribute column;
		const char *refusal;

		if (token == WJB_KEY)
			key = v;
		if (token != WJB_VALUE)
			continue;
		name = pnstrdup(key.val.string.val, key.val.string.len);
		attnum =
			profiles != NULL ? get_attnum(RelationGetRelid(profiles), name) : InvalidAttrNumber;
		if (attnum <= 0)
		{
			warn_left_out(name, "The grant is left out.");
			continue;
		}
		column = TupleDescAttr(RelationGetDescr(profiles), attnum - 1);
		refusal = profile_refusal(model, giver, profiles, column);
		if (refusal != NULL)
			refuse_column(name, refusal);
		add_value(values, column, JsonbValueToJsonb(&v));
		compat_push_jsonb(applied, WJB_KEY, &key);
		compat_push_jsonb(applied, WJB_VALUE, &v);
	}
}

/* Check a role and grants. */
ProfileGrant *
profile_grant_read(const Model *model, const UserRecord *giver, const char *role, Jsonb *grants)
{
	ProfileGrant *grant = palloc0(sizeof(ProfileGrant));
	ProfileValues *values = palloc0(sizeof(ProfileValues));
	int n = JB_ROOT_COUNT(grants) + 1;
	JsonbBuild applied = {0};
	Relation profiles = NULL;
	RoleState saved = {0};

	values->columns = palloc(sizeof(AttrNumber) * n);
	values->types = palloc(sizeof(Oid) * n);
	values->values = palloc(sizeof(Datum) * n);
	values->nulls = palloc(n);
	if (OidIsValid(model->relation[MODEL_PROFILES]) && model_has(model, PROFILES_USER))
	{
		profiles = table_open(model->relation[MODEL_PROFILES], RowExclusiveLock);
		saved = run_as(profiles->rd_rel->relowner);
	}
	if (role != NULL)
		add_role(model, profiles, role, values);
	compat_push_jsonb(&applied, WJB_BEGIN_OBJECT, NULL);
	add_grants(model, giver, profiles, grants, values, &applied);
	compat_push_jsonb(&applied, WJB_END_OBJECT, NULL);
	grant->applied = JsonbValueToJsonb(applied.result);
	grant->values = values;
	if (profiles != NULL)
	{
		run_as_end(saved);
		table_close(profiles, NoLock);
	}
	return grant;
}

/* Give a user what was read. */
void
profile_grant_write(const Model *model, const char *user_id, ProfileGrant *grant)
{
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	PG_TRY();
	{
		registration_profile_write(model, user_id, grant->values, false);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		rethrow_discreetly(CopyErrorData());
	}
	PG_END_TRY();
	SPI_finish();
}
