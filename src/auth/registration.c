/*
 * registration.c
 *		account.register: a user with its profile, both or neither.
 *
 * What can be refused by looking is refused first, then the password is hashed, then come the
 * locks: a name (email or username) is locked by an advisory lock to the end of the transaction,
 * looked for, and inserted (registered_names.c).
 *
 * Statements run as the owners of the tables, whose triggers and defaults must not get more rights
 * than that; the caller needs EXECUTE alone.
 */
#include "postgres.h"

#include "access/genam.h"
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
#include "registered_names.h"
#include "registration.h"
#include "session_lock.h"

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

/* Must a statement give the column a value? */
bool
column_needs_value(Relation rel, Form_pg_attribute column)
{
	return column->attnotnull && !column->attgenerated && !column->attidentity &&
		   build_column_default(rel, column->attnum) == NULL;
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
	Datum ignored;

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
	if (OidIsValid(model->relation[MODEL_TENANTS]))
		reg->tenant = model_tenant(model, tenant, &is_active);
	else if (model_key_value(model, USERS_TENANT, tenant, &ignored))
		reg->tenant = pstrdup(tenant);
	if (reg->tenant == NULL)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such tenant"),
						errdetail("No live tenant has this slug or id."),
						errhint("Pass the slug or id of a tenant.")));
	if (!is_active)
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("tenant is not active"),
				 errdetail("Nobody can register with it."), errhint("Activate the tenant first.")));
}

/*
 * SQL: a neutral value for a mandatory column that nobody has a value for: frameworks such as
 * Django keep their defaults to themselves. NULL: there is none for the type.
 */
const char *
neutral_value(Form_pg_attribute column)
{
	Oid type = getBaseType(column->atttypid);
	char category;
	bool preferred;

	if (type == UUIDOID)
		return "pg_catalog.gen_random_uuid()";
	if (type == JSONOID || type == JSONBOID)
		return "'{}'";
	get_type_category_preferred(type, &category, &preferred);
	switch (category)
	{
		case TYPCATEGORY_STRING:
			return "''";
		case TYPCATEGORY_BOOLEAN:
			return "false";
		case TYPCATEGORY_NUMERIC:
			return "0";
		case TYPCATEGORY_DATETIME:
			return "pg_catalog.now()";
		case TYPCATEGORY_ARRAY:
			return "'{}'";
		default:
			return NULL;
	}
}

/*
 * Columns of a foreign key, or of a unique index: a neutral value would be wrong, or not for long.
 */
Bitmapset *
constrained_columns(Relation rel)
{
	Bitmapset *columns = bms_copy(RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY));
	ListCell *cell;

	foreach (cell, RelationGetFKeyList(rel))
	{
		ForeignKeyCacheInfo *key = lfirst(cell);

		for (int i = 0; i < key->nkeys; i++)
			columns = bms_add_member(columns, key->conkey[i] - FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/* Append column and value to the two lists of an INSERT. */
static void
append_value(StringInfo columns, StringInfo values, Form_pg_attribute column, const char *value)
{
	appendStringInfo(columns, "%s%s", columns->len > 0 ? ", " : "",
					 quote_identifier(NameStr(column->attname)));
	appendStringInfo(values, "%s%s", values->len > 0 ? ", " : "", value);
}

/*
 * Append neutral values of the mandatory columns that are not in given (by attribute number).
 * Raises 55000 for those that have none.
 */
void
append_neutral_values(Relation rel, StringInfo columns, StringInfo values, Bitmapset *given)
{
	Bitmapset *constrained = constrained_columns(rel);

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);
		const char *value;

		if (column->attisdropped || bms_is_member(column->attnum, given) ||
			!column_needs_value(rel, column))
			continue;
		value = neutral_value(column);
		if (bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, constrained) &&
			getBaseType(column->atttypid) != UUIDOID)
			value = NULL;
		if (value == NULL)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("column \"%s\" of %s needs a value", NameStr(column->attname),
								   display_relation(RelationGetRelid(rel))),
							errdetail("It is NOT NULL and has no default."),
							errhint("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT ...",
									sql_relation(RelationGetRelid(rel)),
									quote_identifier(NameStr(column->attname))),
							errtablecol(rel, column->attnum)));
		append_value(columns, values, column, value);
	}
}

/* SQL: true or false, as the column's type says it. */
static const char *
boolean_value(Form_pg_attribute column, bool value)
{
	char category;
	bool preferred;

	get_type_category_preferred(getBaseType(column->atttypid), &category, &preferred);
	if (category == TYPCATEGORY_BOOLEAN)
		return value ? "true" : "false";
	return category == TYPCATEGORY_NUMERIC ? (value ? "1" : "0") : (value ? "'true'" : "'false'");
}

/* A value of the column that says who is active, with which the user is; NULL: leave it NULL. */
static const char *
active_value(const Model *model, Form_pg_attribute column)
{
	const char *value;

	if (model->rule[MODEL_USERS] == NULL)
		return boolean_value(column, true);
	value = model_rule_value(model->rule[MODEL_USERS], column->atttypid);
	return value == NULL ? NULL
						 : psprintf("%s::%s", value, sql_type(column->atttypid, column->atttypmod));
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
		else if (a == USERS_TENANT && reg->tenant != NULL)
			value = psprintf("$4::%s", sql_type(column->atttypid, column->atttypmod));
		else if (a == USERS_IS_ACTIVE && build_column_default(users, column->attnum) == NULL)
			value = active_value(model, column);
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
	bool with_tenant = reg->tenant != NULL;
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
	if (plan == NULL)
		plan =
			plan_keep(PLAN_REGISTER_INSERT, relid, with_tenant, insert_text(reg, users), 4, types);
	if (statement_run(plan, values, nulls, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the user was not made"),
				 errdetail("A trigger or rule of %s kept the row back.", display_relation(relid)),
				 errhint("Let the trigger or rule pass what account.register inserts.")));
	for (int i = 0; i < lengthof(reg->values); i++)
	{
		char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);

		reg->values[i] = value ? MemoryContextStrdup(context, value) : NULL;
	}
}

/* Make the user and its profile, both or neither. */
static void
make_account(Registration *reg, Relation users, ProfileValues *profile)
{
	MemoryContext context = CurrentMemoryContext;
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
		registration_profile_write(&reg->model, reg->values[0], profile);
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
	reg.model = *model_require();
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
	password_require_length(password);

	users = open_users(&reg);
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
