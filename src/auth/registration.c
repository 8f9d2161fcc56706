/*
 * registration.c
 *		account.register: a user with its profile and its membership, all or none.
 *
 * What can be refused by looking is refused first, then the password is hashed, then come the
 * locks: a name (email or username) is locked by an advisory lock to the end of the transaction,
 * looked for, and inserted (registered_names.c).
 *
 * Statements run as the owners of the tables, whose triggers and defaults must not get more rights
 * than that; the caller needs EXECUTE alone.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "optimizer/optimizer.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "password/password.h"
#include "profile/profile.h"
#include "column_values.h"
#include "member_write.h"
#include "registered_names.h"
#include "registration.h"
#include "tenant_hold.h"

ACCOUNT_OPERATION(register_user, "register", 0);

/* The longest username, in characters. */
#define MAX_USERNAME 254

/* What is being registered. */
typedef struct Registration
{
	Model model;
	char *email;
	char *username;
	char *tenant; /* the tenant's id, or NULL */
	text *hash;
	RegisteredNames names;
	char *values[4]; /* user_id, email, username, tenant_id as they were stored */
} Registration;

/* Does a text keep to the dots of a dot-atom (RFC 5322 §3.2.3): none first, last or doubled? */
static bool
dots_fit(const char *s, size_t len)
{
	if (len == 0 || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (size_t i = 1; i < len; i++)
		if (s[i] == '.' && s[i - 1] == '.')
			return false;
	return true;
}

/*
 * Raise 22023 unless this is an email: dot-atom@domain. Characters beyond ASCII are let through
 * (RFC 6531).
 */
void
registration_check_email(const char *email)
{
	const char *at;

	if (email == NULL || email[0] == '\0')
		refuse_argument("email", "It is empty.");
	for (const char *c = email; *c != '\0'; c++)
		if (is_control((unsigned char) *c) || strchr(" \"(),:;<>[]\\", *c) != NULL)
			refuse_argument("email", "It has a character that an email does not have.");
	at = strchr(email, '@');
	if (at == NULL || strchr(at + 1, '@') != NULL || !dots_fit(email, at - email) ||
		!dots_fit(at + 1, strlen(at + 1)))
		refuse_argument("email", "It is not of the form name@domain.");
}

/* Raise 22023 if a text is too long for its column. */
void
registration_check_fits(const Model *model, ModelAttribute attribute, const char *value)
{
	int32 max = model->column[attribute].typmod - VARHDRSZ;

	if (value != NULL && model_has(model, attribute) && max > 0 &&
		(model->column[attribute].type == VARCHAROID ||
		 model->column[attribute].type == BPCHAROID) &&
		pg_mbstrlen(value) > max)
		refuse_argument(model_attributes[attribute].name,
						psprintf("It is longer than %d characters.", max));
}

/* The users table's column of an attribute. */
static Form_pg_attribute
users_column(const Registration *reg, Relation users, ModelAttribute attribute)
{
	return TupleDescAttr(RelationGetDescr(users), reg->model.column[attribute].attnum - 1);
}

/* Raise 55000 where the table itself computes what a registration is to write. */
static void
check_written(const Registration *reg, Relation users)
{
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_PASSWORD; a++)
		if (model_has(&reg->model, a) && users_column(reg, users, a)->attgenerated)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s of users cannot be written", model_attributes[a].name),
					 errdetail("Column \"%s\" of %s is generated.",
							   NameStr(users_column(reg, users, a)->attname),
							   display_relation(RelationGetRelid(users))),
					 errhint("Map the column that it is made of with account.use_tables(...).")));
}

/* Raise PT404 unless a tenant is live, PT403 unless it is active. */
static void
check_tenant(bool is_live, bool is_active)
{
	if (!is_live)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such tenant"),
						errdetail("No live tenant has this slug or id."),
						errhint("Pass the slug or id of a tenant.")));
	if (!is_active)
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("tenant is not active"),
				 errdetail("Nobody can register with it."), errhint("Activate the tenant first.")));
}

/*
 * Resolve the tenant's slug or id to its id; raise PT404, PT403, or 55000 where users have no
 * tenant.
 */
static void
resolve_tenant(Registration *reg, Relation users, const char *tenant)
{
	const Model *model = &reg->model;
	bool is_active = true;

	if (tenant == NULL)
	{
		if (model_has(model, USERS_TENANT) &&
			column_needs_value(users, users_column(reg, users, USERS_TENANT)))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tenant is required"),
							errdetail("Every user of %s has a tenant.",
									  display_relation(RelationGetRelid(users))),
							errhint("Pass the slug or id of a tenant.")));
		return;
	}
	model_require_tenant(model);
	reg->tenant = model_tenant_key(model, tenant, &is_active);
	check_tenant(reg->tenant != NULL, is_active);
}

/* Hold the tenant until the user is in; raises where it is not what it was any more. */
static void
hold_tenant(const Registration *reg)
{
	bool is_live;
	bool is_active;

	if (reg->tenant == NULL)
		return;
	is_live = tenant_hold(&reg->model, reg->tenant, &is_active);
	check_tenant(is_live, is_active);
}

/* The text that makes the user. Parameters: email, username, hash, the tenant's key. */
static char *
insert_text(const Registration *reg, Relation users)
{
	static const char *const given[] = {
		[USERS_EMAIL] = "$1", [USERS_USERNAME] = "$2", [USERS_PASSWORD] = "$3"};
	const Model *model = &reg->model;
	Bitmapset *done = NULL;
	StringInfoData columns;
	StringInfoData values;

	initStringInfo(&columns);
	initStringInfo(&values);
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_FLAG; a++)
	{
		Form_pg_attribute column;
		const char *value = NULL;

		if (!model_has(model, a) || bms_is_member(model->column[a].attnum, done))
			continue;
		column = users_column(reg, users, a);
		if (a <= USERS_PASSWORD)
			value = given[a];
		else if (a == USERS_TENANT && reg->tenant != NULL) /* not where members are mapped */
			value = psprintf("$4::%s", sql_type(getBaseType(column->atttypid), -1));
		else if (a == USERS_IS_ACTIVE && build_column_default(users, column->attnum) == NULL)
			value = active_value(model, MODEL_USERS, column);
		else if (a == USERS_IS_STAFF || a == USERS_IS_SUPERUSER || a == USERS_FLAG)
			value = boolean_value(column, false);
		if (value == NULL || column->attgenerated)
			continue;
		append_value(&columns, &values, column, value);
		done = bms_add_member(done, column->attnum);
	}
	append_neutral_values(users, &columns, &values, done);
	return psprintf(OWN_STATEMENT "INSERT INTO %s AS u (%s) VALUES (%s) RETURNING %s, %s, %s, %s",
					sql_relation(RelationGetRelid(users)), columns.data, values.data,
					model_sql_text(model, "u", USERS_ID), model_sql_text(model, "u", USERS_EMAIL),
					model_sql_text(model, "u", USERS_USERNAME),
					model_sql_text(model, "u", USERS_TENANT));
}

/* Make the user. Within SPI_connect, as the owner of users. */
static void
insert_user(Registration *reg, Relation users, MemoryContext context)
{
	const Model *model = &reg->model;
	Oid relid = RelationGetRelid(users);
	bool with_tenant = reg->tenant != NULL && !model_has_members(model);
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID,
				   with_tenant ? model_key_type(model, USERS_TENANT) : TEXTOID};
	Datum values[] = {CStringGetTextDatum(reg->email),
					  reg->username ? CStringGetTextDatum(reg->username) : (Datum) 0,
					  PointerGetDatum(reg->hash), (Datum) 0};
	char nulls[] = "   n";
	KeptStatement *plan = plan_lookup(PLAN_REGISTER_INSERT, relid, with_tenant);

	if (reg->username == NULL)
		nulls[1] = 'n';
	if (with_tenant && model_key_value(model, USERS_TENANT, reg->tenant, &values[3]))
		nulls[3] = ' ';
	/* generic: a plan that was made for these values would show the hash to what explains it */
	if (plan == NULL)
		plan = plan_keep_generic(PLAN_REGISTER_INSERT, relid, with_tenant, insert_text(reg, users),
								 4, types);
	if (statement_run(plan, values, nulls, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the user was not made"),
				 errdetail("A trigger or rule of %s kept the row back.", display_relation(relid)),
				 errhint("Let the trigger or rule pass what account.register inserts.")));
	for (int i = 0; i < lengthof(reg->values); i++)
		reg->values[i] = row_text(0, i + 1, context);
}

/* Make the user, its profile and its membership, all or none. */
static void
make_account(Registration *reg, Relation users, ProfileValues *profile)
{
	MemoryContext context = CurrentMemoryContext;
	uint64 left_out = profiles_left_out();
	RoleState saved;

	SPI_connect();
	saved = run_as(reg->model.owner[MODEL_USERS]);
	names_lock(&reg->names);
	names_check_free(&reg->names, users);
	PG_TRY();
	{
		insert_user(reg, users, context);
		run_as_end(saved);
		FAILURE_POINT("register-profile");
		registration_profile_write(&reg->model, reg->values[0], profile,
								   profiles_left_out() != left_out);
		if (reg->tenant != NULL && model_has_members(&reg->model))
		{
			(void) member_join(&reg->model, reg->values[0], reg->tenant, NULL);
			reg->values[3] = reg->tenant;
		}
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		names_complete_error(&reg->names, users, error);
		rethrow_discreetly(error);
	}
	PG_END_TRY();
	SPI_finish();
}

/* Open and lock the users table, and see the model and its indexes as they are under the lock. */
static Relation
open_users(Registration *reg)
{
	for (;;)
	{
		Oid relid = reg->model.relation[MODEL_USERS];
		Relation users = try_table_open(relid, RowExclusiveLock);

		reg->model = *model_require();
		if (users != NULL && reg->model.relation[MODEL_USERS] == relid)
			return users;
		if (users != NULL)
			table_close(users, RowExclusiveLock);
		CHECK_FOR_INTERRUPTS();
	}
}

/* account.register(email text, password text, username text, tenant text, profile jsonb). */
static Datum
register_user_operation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Registration reg = {{{InvalidOid}}};
	ErrorContextCallback hiding;
	ProfileValues *profile;
	Relation users;
	text *password = PG_ARGISNULL(1) ? NULL : (text *) PG_GETARG_POINTER(1);
	Datum values[4];
	bool nulls[4];

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.register()");
	version_check();
	reg.model = *model_require_locked();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	reg.email = text_argument(fcinfo, 0, "email", MAX_EMAIL);
	registration_check_email(reg.email);
	reg.username = text_argument(fcinfo, 2, "username", MAX_USERNAME);
	if (reg.username != NULL)
		check_name(reg.username, "username");
	if (reg.username != NULL && !model_has(&reg.model, USERS_USERNAME))
	{
		ereport(WARNING, (errmsg("users have no username"),
						  errhint("Map a column with account.use_tables to keep usernames.")));
		reg.username = NULL;
	}
	password_require_length(password, "password");

	users = open_users(&reg);
	check_written(&reg, users);
	if (reg.username == NULL && model_has(&reg.model, USERS_USERNAME) &&
		(!model_has(&reg.model, USERS_EMAIL) ||
		 column_needs_value(users, users_column(&reg, users, USERS_USERNAME))))
		reg.username = reg.email;
	registration_check_fits(&reg.model, USERS_EMAIL, reg.email);
	registration_check_fits(&reg.model, USERS_USERNAME, reg.username);
	profile = registration_profile_read(&reg.model, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4));
	resolve_tenant(&reg, users, text_argument(fcinfo, 3, "tenant", 1024));
	reg.names =
		(RegisteredNames){.model = &reg.model, .email = reg.email, .username = reg.username};
	names_find_unique(&reg.names, users);
	reg.hash = model_hash_password(&reg.model, password, NULL);
	if (model_has(&reg.model, USERS_PASSWORD))
		model_require_room(&reg.model, reg.hash);
	else
		ereport(WARNING, (errmsg("users have no password"),
						  errhint("Map a column with account.use_tables to keep passwords.")));
	names_begin_taking();
	hold_tenant(&reg);
	make_account(&reg, users, profile);
	table_close(users, NoLock);

	for (int i = 0; i < lengthof(values); i++)
	{
		nulls[i] = reg.values[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(reg.values[i]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	event_success(EVENT_USER_REGISTERED, reg.values[0], reg.values[3],
				  event_detail("email", reg.values[1], "username", reg.values[2]));
	secret_call_end(&hiding);
	return (Datum) 0;
}
