/*
 * registration.c
 *		account.register: a user with its profile, both or neither.
 *
 * What can be refused by looking is refused first, then the password is hashed, then come the locks: a
 * name (email or username) is locked by an advisory lock to the end of the transaction, looked for, and
 * inserted. So of racing calls one succeeds, also where the application has no unique index; where it has
 * one, that decides against writers that do not call us. Emails and usernames are one space of names: a
 * username that is another's email would take that user's login away.
 *
 * The look is FOR SHARE, on a snapshot of now: it waits for a deletion that is under way, and then sees
 * what came of it.
 *
 * Statements run as the owners of the tables, whose triggers and defaults must not get more rights than
 * that; the caller needs EXECUTE alone.
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

#include "compat.h"
#include "errors.h"
#include "event.h"
#include "identifiers.h"
#include "model_user.h"
#include "operation.h"
#include "password.h"
#include "plan_cache.h"
#include "registration.h"
#include "secret_call.h"
#include "session_lock.h"
#include "text_argument.h"
#include "version.h"

ACCOUNT_OPERATION(register_user, "register", NO_SUBJECT);

/* The longest username, in characters. */
#define MAX_USERNAME 254

/* A unique index of the users table, and the column its violation is about. */
typedef struct UniqueName
{
	const char *index;
	AttrNumber column;
	ModelAttribute
		proves; /* no two live users share this email or username; MODEL_ATTRIBUTES: none */
} UniqueName;

/* The unique indexes of this generation of the model, in a context of their own. */
static List *unique_names = NIL;
static uint64 unique_generation = 0;
static MemoryContext unique_context = NULL;

/* What is being registered. */
typedef struct Registration
{
	Model model;
	char *email;
	char *username;
	char *tenant; /* the tenant's id, or NULL */
	text *hash;
	List *unique;    /* of UniqueName; as long as the model stays */
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

/* Raise 22023 unless this is an email: dot-atom@domain. Characters beyond ASCII are let through (RFC 6531). */
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
static void
check_fits(const Model *model, ModelAttribute attribute, const char *value)
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

/* Resolve the tenant's slug or id to its id; raise PT404 or PT403. */
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
	if (model_has(model, USERS_TENANT))
	{
		if (OidIsValid(model->relation[MODEL_TENANTS]))
			reg->tenant = model_tenant(model, tenant, &is_active);
		else if (model_key_value(model, USERS_TENANT, tenant, &ignored))
			reg->tenant = pstrdup(tenant);
	}
	if (reg->tenant == NULL)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such tenant"),
						errdetail("No live tenant has this slug or id."),
						errhint("Pass the slug or id of a tenant.")));
	if (!is_active)
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("tenant is not active"),
				 errdetail("Nobody can register with it."), errhint("Activate the tenant first.")));
}

/* The column that a unique index is about: the one that holds the email or the username, else its first. */
static AttrNumber
index_subject(const Model *model, Relation index)
{
	Bitmapset *columns = NULL;

	pull_varattnos((Node *) RelationGetIndexExpressions(index), 1, &columns);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		if (index->rd_index->indkey.values[i] > 0)
			columns = bms_add_member(columns, index->rd_index->indkey.values[i] -
												  FirstLowInvalidHeapAttributeNumber);
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
		if (model_has(model, a) &&
			bms_is_member(model->column[a].attnum - FirstLowInvalidHeapAttributeNumber, columns))
			return model->column[a].attnum;
	return columns == NULL ? InvalidAttrNumber
						   : bms_next_member(columns, -1) + FirstLowInvalidHeapAttributeNumber;
}

/*
 * The attribute whose values differ among live users because of the index, compared as a login compares
 * them. An index that does so later, at the end of the transaction, is none.
 */
static ModelAttribute
index_proves(const Model *model, Relation index)
{
	Form_pg_index form = index->rd_index;
	List *expressions = RelationGetIndexExpressions(index);

	if (form->indnkeyatts != 1 || !form->indimmediate || !form->indisvalid ||
		!model_index_holds_live(model, index))
		return MODEL_ATTRIBUTES;
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
	{
		bool folds = a == USERS_EMAIL || model_username_folds(model);

		if (!model_has(model, a))
			continue;
		if (folds ? model_index_folds(index, model->column[a].attnum)
				  : expressions == NIL && form->indkey.values[0] == model->column[a].attnum)
			return a;
	}
	return MODEL_ATTRIBUTES;
}

/* The unique indexes of users, as an error names them. After an error the catalog cannot be asked. */
static void
find_unique(Registration *reg, Relation users)
{
	MemoryContext caller = CurrentMemoryContext;
	List *indexes;
	ListCell *cell;

	if (unique_generation != model_generation())
	{
		unique_generation = 0;
		if (unique_context == NULL)
			unique_context = AllocSetContextCreate(TopMemoryContext, "pgaccount unique indexes",
												   ALLOCSET_SMALL_SIZES);
		MemoryContextReset(unique_context);
		unique_names = NIL;
		indexes = RelationGetIndexList(users);
		foreach (cell, indexes)
		{
			Relation index = index_open(lfirst_oid(cell), AccessShareLock);

			if (index->rd_index->indisunique)
			{
				AttrNumber column = index_subject(&reg->model, index);
				ModelAttribute proves = index_proves(&reg->model, index);
				UniqueName *name;

				MemoryContextSwitchTo(unique_context);
				name = palloc(sizeof(UniqueName));
				name->index = pstrdup(RelationGetRelationName(index));
				name->column = column;
				name->proves = proves;
				unique_names = lappend(unique_names, name);
				MemoryContextSwitchTo(caller);
			}
			index_close(index, AccessShareLock);
		}
		unique_generation = model_generation();
	}
	reg->unique = unique_names;
}

/* Does an index see to it that no two live users share this email or username? */
static bool
is_proved(const Registration *reg, ModelAttribute attribute)
{
	ListCell *cell;

	foreach (cell, reg->unique)
		if (((UniqueName *) lfirst(cell))->proves == attribute)
			return true;
	return false;
}

/* Raise 23505: a live user has this name. */
static void
refuse_taken(const Registration *reg, Relation users, ModelAttribute attribute, const char *value)
{
	AttrNumber attnum = reg->model.column[attribute].attnum;
	const char *column = get_attname(RelationGetRelid(users), attnum, false);
	const char *constraint = psprintf("%s_%s_key", RelationGetRelationName(users), column);
	ListCell *cell;

	foreach (cell, reg->unique)
	{
		UniqueName *name = lfirst(cell);

		if (name->column == attnum)
			constraint = name->index;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key value violates unique constraint \"%s\"", constraint),
			 errdetail_row("Key (%s)=(%s) already exists.", column, value),
			 errhint("Ask the user for another %s.", model_attributes[attribute].name),
			 errtablecol(users, attnum), err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
}

/* A name without case, as the lock of it has it. */
static char *
fold(const char *name)
{
	return str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);
}

/* Lock the names that are about to be taken, in one order for all. */
static void
lock_names(const Registration *reg)
{
	char *first = fold(reg->email != NULL ? reg->email : "");
	char *second = reg->username != NULL ? fold(reg->username) : NULL;

	if (second != NULL && strcmp(first, second) > 0)
	{
		char *swap = first;

		first = second;
		second = swap;
	}
	session_lock_name(first);
	if (second != NULL && strcmp(first, second) != 0)
		session_lock_name(second);
}

/* SQL: is the attribute of a user this email or username? NULL: an index is asked by the INSERT itself. */
static char *
taken_sql(const Registration *reg, ModelAttribute attribute, int parameter, bool same)
{
	const Model *model = &reg->model;
	bool own = (attribute == USERS_EMAIL) == (parameter == 1) || same;

	if (!model_has(model, attribute) || (parameter == 2 && reg->username == NULL) ||
		(own && is_proved(reg, attribute)))
		return NULL;
	/* an email is compared with usernames without case, because a login finds it so */
	if (attribute == USERS_USERNAME && parameter == 1)
		return psprintf("pg_catalog.lower(%s) OPERATOR(pg_catalog.=) pg_catalog.lower($%d)",
						model_sql_text(model, "u", attribute), parameter);
	return model_sql_named(model, "u", attribute, parameter);
}

/*
 * The statement that looks for a live user of the email (parameter 1) or the username (parameter 2), and
 * says whether it is the email that is taken. NULL: there is nothing to look for.
 */
static char *
look_text(const Registration *reg, bool same)
{
	StringInfoData by_email;
	StringInfoData any;

	initStringInfo(&by_email);
	initStringInfo(&any);
	for (int parameter = 1; parameter <= 2; parameter++)
		for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
		{
			char *condition = taken_sql(reg, a, parameter, same);

			if (condition == NULL)
				continue;
			appendStringInfo(&any, "%s%s", any.len > 0 ? " OR " : "", condition);
			if (parameter == 1)
				appendStringInfo(&by_email, "%s%s", by_email.len > 0 ? " OR " : "", condition);
		}
	if (any.len == 0)
		return NULL;
	return psprintf(
		OWN_STATEMENT "SELECT (%s) IS TRUE FROM %s u WHERE (%s) AND %s LIMIT 1 FOR SHARE",
		by_email.len > 0 ? by_email.data : "false", sql_relation(reg->model.relation[MODEL_USERS]),
		any.data, model_sql_live(&reg->model, "u", MODEL_USERS));
}

/*
 * Raise 23505 if a live user has the email or the username. The caller has locked both. What a unique
 * index says at the INSERT is not asked here.
 */
static void
check_free(const Registration *reg, Relation users)
{
	const Model *model = &reg->model;
	Oid relid = RelationGetRelid(users);
	Oid types[] = {TEXTOID, TEXTOID};
	Datum values[] = {CStringGetTextDatum(reg->email),
					  reg->username ? CStringGetTextDatum(reg->username) : (Datum) 0};
	const char *nulls = reg->username != NULL ? "  " : " n";
	bool same = reg->username != NULL && strcmp(fold(reg->email), fold(reg->username)) == 0;
	Oid variant = reg->username == NULL ? 0 : same ? 1 : 2;
	SPIPlanPtr plan = plan_lookup(PLAN_REGISTER_TAKEN, relid, variant);
	Snapshot snapshot;
	bool by_email;
	bool isnull;

	if (plan == NULL)
	{
		char *sql = look_text(reg, same);

		if (sql == NULL)
			return;
		plan = plan_keep_generic(PLAN_REGISTER_TAKEN, relid, variant, sql, 2, types);
		/* the table may be empty still */
		plan_make_without(plan, "enable_seqscan", values, nulls, NULL);
	}
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (SPI_execute_snapshot(plan, values, nulls, snapshot, InvalidSnapshot, false, true, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not look for the email and username");
	UnregisterSnapshot(snapshot);
	if (SPI_processed == 0)
		return;
	by_email =
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if ((by_email && model_has(model, USERS_EMAIL)) || !model_has(model, USERS_USERNAME))
		refuse_taken(reg, users, USERS_EMAIL, reg->email);
	refuse_taken(reg, users, USERS_USERNAME, reg->username ? reg->username : reg->email);
}

/* Does a unique index look after the names that this attribute holds? */
static bool
has_index(const Registration *reg, ModelAttribute attribute)
{
	ListCell *cell;

	foreach (cell, reg->unique)
		if (((UniqueName *) lfirst(cell))->column == reg->model.column[attribute].attnum)
			return true;
	return false;
}

/* SQL: is a name of user u the one in a parameter, without case? As any_name_sql() has it across columns. */
static char *
folded_sql(const Model *model, ModelAttribute attribute, int parameter)
{
	return psprintf("pg_catalog.lower(%s) OPERATOR(pg_catalog.=) pg_catalog.lower($%d)",
					model_sql_text(model, "u", attribute), parameter);
}

/*
 * SQL: does user u have the name that the returning one has in an attribute, parameter 1 its email, 2 its
 * username? Where an index looks after the attribute, it decides about those that have it in the same one:
 * it may be unique in each tenant only.
 */
static char *
clash_sql(const Registration *reg, ModelAttribute own, ModelAttribute other)
{
	const Model *model = &reg->model;
	int parameter = own == USERS_EMAIL ? 1 : 2;
	char *same = model_has(model, own) ? model_sql_named(model, "u", own, parameter) : "false";
	char *across = model_has(model, other) ? folded_sql(model, other, parameter) : "false";

	if (has_index(reg, own))
		return psprintf("(%s AND (%s) IS NOT TRUE) IS TRUE", across, same);
	return psprintf("(%s OR %s) IS TRUE", same, across);
}

/* Claim the names of a user that is to come back. */
void
registration_claim_names(const Model *model, const UserRecord *user)
{
	Registration reg = {.model = *model, .email = user->email, .username = user->username};
	Relation users = table_open(model->relation[MODEL_USERS], RowExclusiveLock);
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[] = {user->email ? CStringGetTextDatum(user->email) : (Datum) 0,
					  user->username ? CStringGetTextDatum(user->username) : (Datum) 0,
					  CStringGetTextDatum(user->user_id)};
	char nulls[] = {user->email ? ' ' : 'n', user->username ? ' ' : 'n', ' ', '\0'};
	Snapshot snapshot;
	SPIPlanPtr plan;
	RoleState saved;
	char *by_email;
	bool email_taken = false;
	bool taken;
	bool isnull;

	find_unique(&reg, users);
	lock_names(&reg);
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	by_email = clash_sql(&reg, USERS_EMAIL, USERS_USERNAME);
	plan = SPI_prepare(psprintf(OWN_STATEMENT "SELECT %s FROM %s u WHERE (%s OR %s) AND %s "
											  "AND %s OPERATOR(pg_catalog.<>) $3 "
											  "LIMIT 1 FOR SHARE",
								by_email, sql_relation(RelationGetRelid(users)), by_email,
								clash_sql(&reg, USERS_USERNAME, USERS_EMAIL),
								model_sql_live(model, "u", MODEL_USERS),
								model_sql_text(model, "u", USERS_ID)),
					   3, types);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (plan == NULL || SPI_execute_snapshot(plan, values, nulls, snapshot, InvalidSnapshot, false,
											 true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the email and username");
	UnregisterSnapshot(snapshot);
	taken = SPI_processed > 0;
	if (taken)
		email_taken =
			DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run_as_end(saved);
	SPI_finish();
	if (taken && email_taken)
		refuse_taken(&reg, users, model_has(model, USERS_EMAIL) ? USERS_EMAIL : USERS_USERNAME,
					 user->email);
	if (taken)
		refuse_taken(&reg, users, USERS_USERNAME, user->username);
	table_close(users, NoLock);
}

/*
 * SQL: a neutral value for a mandatory column that nobody has a value for: frameworks such as Django
 * keep their defaults to themselves. NULL: there is none for the type.
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

/* Columns of a foreign key, or of a unique index: a neutral value would be wrong, or not for long. */
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
 * Append neutral values of the mandatory columns that are not in given (by attribute number). Raises
 * 55000 for those that have none.
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
			value = boolean_value(column, true);
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
	SPIPlanPtr plan = plan_lookup(PLAN_REGISTER_INSERT, relid, with_tenant);

	if (reg->username == NULL)
		nulls[1] = 'n';
	if (with_tenant && model_key_value(model, USERS_TENANT, reg->tenant, &values[3]))
		nulls[3] = ' ';
	if (plan == NULL)
		plan =
			plan_keep(PLAN_REGISTER_INSERT, relid, with_tenant, insert_text(reg, users), 4, types);
	if (SPI_execute_plan(plan, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING ||
		SPI_processed != 1)
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

/* The lines of an error's context but the first, if that is about a statement of ours: it says nothing to a caller. */
static char *
without_own_statement(char *context)
{
	char *own = context != NULL ? strstr(context, OWN_STATEMENT) : NULL;
	char *end = context != NULL ? strchr(context, '\n') : NULL;

	if (own == NULL || (end != NULL && own > end))
		return context;
	return end != NULL ? end + 1 : NULL;
}

/* Complete an error of an insertion: the column that a unique violation is about; no row data if not wanted. */
static void
rethrow(const Registration *reg, Relation users, MemoryContext context)
{
	ErrorData *error;
	ListCell *cell;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION && error->constraint_name != NULL)
	{
		foreach (cell, reg->unique)
		{
			UniqueName *name = lfirst(cell);

			if (strcmp(name->index, error->constraint_name) != 0)
				continue;
			if (error->column_name == NULL && name->column > 0)
				error->column_name = pstrdup(
					NameStr(TupleDescAttr(RelationGetDescr(users), name->column - 1)->attname));
			error->context = without_own_statement(error->context);
			if (error->hint == NULL && name->proves != MODEL_ATTRIBUTES)
				error->hint =
					psprintf("Ask the user for another %s.", model_attributes[name->proves].name);
		}
	}
	rethrow_discreetly(error);
}

/* Make the user and its profile, both or neither. */
static void
make_account(Registration *reg, Relation users, ProfileValues *profile)
{
	MemoryContext context = CurrentMemoryContext;
	RoleState saved;

	SPI_connect();
	saved = run_as(reg->model.owner[MODEL_USERS]);
	lock_names(reg);
	check_free(reg, users);
	PG_TRY();
	{
		insert_user(reg, users, context);
		run_as_end(saved);
		registration_profile_write(&reg->model, reg->values[0], profile);
	}
	PG_CATCH();
	{
		rethrow(reg, users, context);
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
	InitMaterializedSRF(fcinfo, 0);
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
	check_fits(&reg.model, USERS_EMAIL, reg.email);
	check_fits(&reg.model, USERS_USERNAME, reg.username);
	profile = registration_profile_read(&reg.model, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4));
	resolve_tenant(&reg, users, text_argument(fcinfo, 3, "tenant", 1024));
	find_unique(&reg, users);
	reg.hash = model_hash_password(&reg.model, password);
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
