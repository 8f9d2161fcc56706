/*
 * model_map.c
 *		account.use_tables and account.forget_tables: writing the mapping of the account model.
 *
 * The registry is written as its owner; the caller must own the tables, because the functions of
 * accounts read and write them as their owner for whoever may call them.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#include "auth/auth.h"
#include "base/base.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "profile/profile.h"

ACCOUNT_OPERATION(use_tables, "use_tables", NO_SUBJECT);
ACCOUNT_OPERATION(forget_tables, "forget_tables", NO_SUBJECT);

/* Arguments of account.use_tables after users, profiles and tenants. */
enum
{
	ARG_COLUMNS = 3,
	ARG_MEMBERS
};

/* A column as it was asked for or found. */
typedef struct Choice
{
	AttrNumber attnum;
	const char *source;
	Jsonb *given; /* what was asked for; a rule as it is stored */
} Choice;

/* Raise 22023 about the argument columns. */
static void
refuse_columns(const char *detail)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"columns\" is malformed"),
		 errdetail_internal("%s", detail),
		 errhint("Pass {\"users\": {\"email\": \"mail\", \"is_active\": {\"column\": \"status\", "
				 "\"in\": [\"active\"]}}, \"tenants\": {\"modules\": null}}.")));
}

/* The attribute of this part and name; raises 22023 without one, and without the part's table. */
static ModelAttribute
find_attribute(ModelPart part, const char *name, const Oid *relation)
{
	ModelAttribute attribute;

	for (attribute = 0; attribute < MODEL_ATTRIBUTES; attribute++)
		if (model_attributes[attribute].part == part &&
			strcmp(model_attributes[attribute].name, name) == 0)
			break;
	if (attribute == MODEL_ATTRIBUTES)
		refuse_columns(psprintf("There is no attribute \"%.*s\" of \"%s\".", NAMEDATALEN, name,
								model_part_names[part]));
	if (!OidIsValid(relation[part]))
		refuse_columns(psprintf("There is no table for \"%s\".", model_part_names[part]));
	return attribute;
}

/* The column that an override names; raises 22023 without one. */
static AttrNumber
named_column(ModelAttribute attribute, Oid relid, const JsonbValue *name)
{
	char *column = pnstrdup(name->val.string.val, name->val.string.len);
	AttrNumber attnum = strlen(column) < NAMEDATALEN ? find_column(relid, column, "columns") : 0;

	if (attnum == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%.*s\" of %s does not exist", NAMEDATALEN, column,
							   display_relation(relid)),
						errdetail("It is to be mapped to %s.%s.",
								  model_part_names[model_attributes[attribute].part],
								  model_attributes[attribute].name),
						errhint("Correct \"%s\" in the argument \"columns\".",
								model_attributes[attribute].name)));
	return attnum;
}

/* Take the column of an override, which is the attribute itself. */
static void
take_column(ModelAttribute attribute, Oid relid, const JsonbValue *name, Choice *choice)
{
	Oid type;

	choice->attnum = named_column(attribute, relid, name);
	type = get_atttype(relid, choice->attnum);
	if (!model_type_fits(attribute, type))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" of %s cannot be %s.%s",
							   get_attname(relid, choice->attnum, false), display_relation(relid),
							   model_part_names[model_attributes[attribute].part],
							   model_attributes[attribute].name),
						errdetail("It is of type %s.", format_type_be(type)),
						model_takes_rule(attribute)
							? errhint("Name a boolean column, or say which values are active: "
									  "{\"column\": \"%s\", \"in\": [...]}.",
									  get_attname(relid, choice->attnum, false))
							: errhint("Correct \"%s\" in the argument \"columns\".",
									  model_attributes[attribute].name)));
}

/* Take the rule of an override over a column. */
static void
take_rule(ModelAttribute attribute, Oid relid, JsonbContainer *rule, Choice *choice)
{
	JsonbValue *name = NULL;
	const char *problem;
	Oid type;
	int32 typmod;
	Oid collation;

	if (!model_takes_rule(attribute) || !JsonContainerIsObject(rule))
		refuse_columns("A column is a string or null; is_active may be an object.");
	name = getKeyJsonValueFromContainer(rule, "column", strlen("column"), NULL);
	if (name == NULL || name->type != jbvString)
		refuse_columns("A rule has a \"column\", a string.");
	choice->attnum = named_column(attribute, relid, name);
	get_atttypetypmodcoll(relid, choice->attnum, &type, &typmod, &collation);
	choice->given = model_rule_make(rule, type, collation, &problem);
	if (choice->given == NULL)
		refuse_columns(problem);
}

/* Take the overrides of a part. */
static void
take_part(ModelPart part, JsonbContainer *object, const Oid *relation, Choice *choices)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue v;
	ModelAttribute attribute = MODEL_ATTRIBUTES;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			attribute =
				find_attribute(part, pnstrdup(v.val.string.val, v.val.string.len), relation);
		if (token != WJB_VALUE)
			continue;
		choices[attribute].source = v.type == jbvNull ? "missing" : "given";
		choices[attribute].given = JsonbValueToJsonb(&v);
		if (v.type == jbvString)
			take_column(attribute, relation[part], &v, &choices[attribute]);
		else if (v.type == jbvBinary)
			take_rule(attribute, relation[part], v.val.binary.data, &choices[attribute]);
		else if (v.type != jbvNull)
			refuse_columns("A column is a string or null.");
	}
}

/* Take the overrides of the argument columns. */
static void
take_overrides(Jsonb *columns, const Oid *relation, Choice *choices)
{
	JsonbIterator *it = JsonbIteratorInit(&columns->root);
	JsonbIteratorToken token;
	JsonbValue v;
	int part = MODEL_PARTS;

	if (!JB_ROOT_IS_OBJECT(columns))
		refuse_columns("It is no JSON object.");
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char *name = pnstrdup(v.val.string.val, v.val.string.len);

			for (part = 0; part < MODEL_PARTS; part++)
				if (strcmp(model_part_names[part], name) == 0)
					break;
			if (part == MODEL_PARTS)
				refuse_columns(psprintf("There is no part \"%.*s\".", NAMEDATALEN, name));
		}
		if (token != WJB_VALUE)
			continue;
		if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
			refuse_columns("Each part is an object.");
		take_part(part, v.val.binary.data, relation, choices);
	}
}

/* Raise 22023: an attribute that cannot be missing is. */
static void
require_choice(ModelAttribute attribute, const Oid *relation, const Choice *choices,
			   const char *alternative)
{
	ModelPart part = model_attributes[attribute].part;

	if (!OidIsValid(relation[part]) || choices[attribute].attnum != InvalidAttrNumber)
		return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s has no column for %s.%s", display_relation(relation[part]),
						   model_part_names[part], model_attributes[attribute].name),
					errdetail("It is required%s.", alternative),
					errhint("Name it: columns => '{\"%s\": {\"%s\": \"...\"}}'.",
							model_part_names[part], model_attributes[attribute].name)));
}

/* Raise 22023 unless there is one membership of a user in a tenant: a unique index says so. */
static void
require_unique_members(Oid members, const Choice *choices)
{
	AttrNumber pair[] = {choices[MEMBERS_USER].attnum, choices[MEMBERS_TENANT].attnum};

	if (!OidIsValid(members))
		return;
	if (pair[0] == pair[1])
		refuse_columns("The user and the tenant of a membership are two columns.");
	if (!model_members_are_unique(members, pair[0], pair[1]))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s is not unique by user and tenant", display_relation(members)),
						errdetail("A user has at most one membership in a tenant, and a unique "
								  "index over all rows, or over those that are live, says so."),
						errhint("CREATE UNIQUE INDEX ON %s (%s, %s);", sql_relation(members),
								sql_column(members, pair[0]), sql_column(members, pair[1]))));
}

/* The statements about users read the other tables as the owner of users: may that role? */
static void
check_readable(const Oid *relation)
{
	Oid owner = relation_owner(relation[MODEL_USERS]);

	for (int part = MODEL_PROFILES; part <= MODEL_TENANTS; part++)
		if (OidIsValid(relation[part]) &&
			pg_class_aclcheck(relation[part], owner, ACL_SELECT) != ACLCHECK_OK)
			ereport(
				ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of %s may not read %s", display_relation(relation[MODEL_USERS]),
						display_relation(relation[part])),
				 errdetail("A user's profile and tenant are read as the owner of the users."),
				 errhint("GRANT SELECT ON %s TO %s.", display_relation(relation[part]),
						 quote_identifier(GetUserNameFromId(owner, false)))));
}

/* Write one row of the registry. Within SPI_connect, as its owner. */
static void
write_row(ModelAttribute attribute, const Oid *relation, const Choice *choice)
{
	ModelPart part = model_attributes[attribute].part;
	Oid types[] = {TEXTOID, TEXTOID, OIDOID, TEXTOID, TEXTOID, JSONBOID};
	Datum values[] = {CStringGetTextDatum(model_part_names[part]),
					  CStringGetTextDatum(model_attributes[attribute].name),
					  ObjectIdGetDatum(relation[part]),
					  (Datum) 0,
					  CStringGetTextDatum(choice->source),
					  PointerGetDatum(choice->given)};
	char nulls[] = {' ', ' ', ' ', 'n', ' ', choice->given == NULL ? 'n' : ' ', '\0'};

	if (choice->attnum != InvalidAttrNumber)
	{
		values[3] = CStringGetTextDatum(get_attname(relation[part], choice->attnum, false));
		nulls[3] = ' ';
	}
	(void) statement_run_once(OWN_STATEMENT
							  "INSERT INTO account.model_column "
							  "(part, attribute, relation, column_name, source, given) "
							  "VALUES ($1, $2, $3, $4::pg_catalog.name, $5, $6)",
							  6, types, values, nulls, NULL);
}

/* One mapping follows another: calls that change it wait for each other. */
static void
lock_registry(void)
{
	table_close(own_table_require("model_column", ShareRowExclusiveLock), NoLock);
}

/* Whose ids are those of others by a change of the mapping, and what was known by them. */
typedef struct LeftTables
{
	bool users;   /* another table, or another column of it */
	bool tenants; /* the same of tenants, or of what says in which tenant a user is */
	bool tokens;  /* there are keys: access tokens may name users by their ids */
	KnownIds known;
} LeftTables;

/* Is the column of an attribute the one that it was? */
static bool
same_column(const Model *old, ModelAttribute attribute, const Oid *relation, const Choice *choices)
{
	ModelPart part = model_attributes[attribute].part;

	return OidIsValid(relation[part]) && relation[part] == old->relation[part] &&
		   choices[attribute].attnum != InvalidAttrNumber &&
		   choices[attribute].attnum == old->column[attribute].attnum;
}

/*
 * Do ids of tenants become those of others? What says who they are is the table of tenants. Where
 * that comes, or goes, it is the column by which users, or members, are of a tenant.
 */
static bool
tenants_change(const Model *old, const Oid *relation, const Choice *choices)
{
	ModelAttribute tenant = model_tenant_attribute(old);
	bool members = OidIsValid(relation[MODEL_MEMBERS]);

	if (OidIsValid(old->relation[MODEL_TENANTS]) && OidIsValid(relation[MODEL_TENANTS]))
		return !same_column(old, TENANTS_ID, relation, choices);
	if (!OidIsValid(old->relation[MODEL_TENANTS]) && !model_has(old, tenant))
		return false;
	return members != model_has_members(old) || !same_column(old, tenant, relation, choices);
}

/*
 * Leave the tables mapped so far, for these (all InvalidOid: for none): their triggers go. Ids that
 * are those of others by now are good for nothing any more. choices may be NULL where there are
 * none.
 */
static void
leave_tables(const Oid *relation, const Choice *choices, LeftTables *left)
{
	const Model *found = model_get();
	Model old = {{InvalidOid}};
	int nkeys;

	*left = (LeftTables){.users = true};
	if (found != NULL)
		old = *found;
	if (found != NULL && choices != NULL)
	{
		left->users = !same_column(&old, USERS_ID, relation, choices);
		left->tenants = !left->users && tenants_change(&old, relation, choices);
	}
	/* whatever is being made by ids as they were so far is there then, or waits */
	if (left->users && OidIsValid(old.relation[MODEL_USERS]))
		LockRelationOid(old.relation[MODEL_USERS], AccessExclusiveLock);
	if (left->tenants)
		for (ModelPart part = MODEL_USERS; part < MODEL_PARTS; part++)
			if (part != MODEL_PROFILES && OidIsValid(old.relation[part]))
				LockRelationOid(old.relation[part], AccessExclusiveLock);
	user_trigger_detach(old.relation);
	if (left->users)
		known_ids_forget_users(SESSION_END_UNMAPPED, &left->known);
	else if (left->tenants)
		known_ids_forget_tenants(SESSION_END_UNMAPPED, &left->known);
	(void) key_store_keys(&nkeys);
	left->tokens = nkeys > 0 && (found != NULL || model_is_dropped());
}

/* A WARNING about what was known by ids that are those of others, or of nobody, by now. */
static void
warn_left(const LeftTables *left, const char *message)
{
	ereport(
		WARNING,
		(errmsg("%s", message),
		 known_ids_are_none(&left->known)
			 ? errdetail("No session, invitation or application named one.")
			 : errdetail("What named them by their ids has ended or is gone: %s.",
						 known_ids_text(&left->known)),
		 errhint("Access tokens without a session (account.issue_access_token) and identities "
				 "that database sessions keep (is_local => false) cannot be ended: they are for "
				 "who has the id then. Rotate the keys by account.create_key() and "
				 "account.retire_key(), and let those sessions DISCARD ALL.")));
}

/* Say what has become of what was known by ids before other tables, or columns, were mapped. */
static void
tell_left(const LeftTables *left)
{
	if ((left->users || left->tenants) && (left->tokens || !known_ids_are_none(&left->known)))
		warn_left(left, left->users
							? "users go by the ids of another table or column from now on"
							: "tenants go by the ids of another table or column from now on");
}

/*
 * The same where none are mapped any more: of what is the application's data, and of tokens, which
 * whoever is mapped next would be taken for. Sessions, and with them mailed tokens, end of course.
 */
static void
tell_forgotten(const LeftTables *left)
{
	if (left->tokens ||
		left->known.invitations + left->known.applications + left->known.own_deletions > 0)
		warn_left(left, "no tables of accounts are mapped any more");
}

/* The arguments of a call but users, as JSON: {"tables": {part: name}, "columns": {...}}. */
static char *
call_as_json(const Oid *relation, Jsonb *columns)
{
	StringInfoData json;
	const char *comma = "";

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"tables\": {");
	for (int part = MODEL_USERS + 1; part < MODEL_PARTS; part++)
	{
		if (!OidIsValid(relation[part]))
			continue;
		appendStringInfo(&json, "%s\"%s\": ", comma, model_part_names[part]);
		escape_json(&json, sql_relation(relation[part]));
		comma = ", ";
	}
	appendStringInfo(&json, "}, \"columns\": %s}",
					 JsonbToCString(NULL, &columns->root, VARSIZE(columns)));
	return json.data;
}

/*
 * account.use_tables(users regclass, profiles regclass, tenants regclass, columns jsonb, members
 * regclass): see model.sql.
 */
static Datum
use_tables_operation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid relation[MODEL_PARTS] = {InvalidOid};
	Choice choices[MODEL_ATTRIBUTES] = {{InvalidAttrNumber}};
	LeftTables left;
	RoleState saved;

	if (PG_ARGISNULL(MODEL_USERS))
		refuse_null_argument("users");
	if (PG_ARGISNULL(ARG_COLUMNS))
		refuse_null_argument("columns");
	version_check();
	lock_registry();
	for (int part = 0; part < MODEL_PARTS; part++)
	{
		int argument = part == MODEL_MEMBERS ? ARG_MEMBERS : part;

		if (PG_ARGISNULL(argument))
			continue;
		relation[part] = PG_GETARG_OID(argument);
		check_application_table(relation[part], "accounts");
		refuse_citus_table(relation[part], "the account model",
						   "Keep the tables of the accounts local to the coordinator, and "
						   "distribute what the users work on.");
		check_owner(relation[part]);
		lock_checked_table(relation[part], ShareRowExclusiveLock, "accounts", true);
		check_heap(relation[part], "Rows of accounts are locked and looked up as heap does it.");
	}
	check_readable(relation);
	take_overrides(PG_GETARG_JSONB_P(ARG_COLUMNS), relation, choices);
	for (ModelAttribute a = 0; a < MODEL_ATTRIBUTES; a++)
	{
		if (choices[a].source != NULL || !OidIsValid(relation[model_attributes[a].part]))
			continue;
		/* where there are members users have no tenant of their own */
		if (a != USERS_TENANT || !OidIsValid(relation[MODEL_MEMBERS]))
			choices[a].attnum = model_detect(a, relation);
		choices[a].source = choices[a].attnum != InvalidAttrNumber ? "detected" : "missing";
	}
	require_choice(USERS_ID, relation, choices, "");
	if (choices[USERS_USERNAME].attnum == InvalidAttrNumber)
		require_choice(USERS_EMAIL, relation, choices, ", or users.username is");
	require_choice(PROFILES_USER, relation, choices, "");
	require_choice(TENANTS_ID, relation, choices, "");
	require_choice(MEMBERS_USER, relation, choices, "");
	require_choice(MEMBERS_TENANT, relation, choices, "");
	require_unique_members(relation[MODEL_MEMBERS], choices);

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	leave_tables(relation, choices, &left);
	saved = run_as_owner("model_column");
	run_sql(OWN_STATEMENT "DELETE FROM account.model_column");
	for (ModelAttribute a = 0; a < MODEL_ATTRIBUTES; a++)
		if (choices[a].source != NULL)
			write_row(a, relation, &choices[a]);
	run_as_end(saved);
	user_trigger_attach(relation, call_as_json(relation, PG_GETARG_JSONB_P(ARG_COLUMNS)));
	SPI_finish();
	tell_left(&left);

	for (ModelAttribute a = 0; a < MODEL_ATTRIBUTES; a++)
	{
		ModelPart part = model_attributes[a].part;
		Datum values[4];
		bool nulls[4] = {false};
		NameData name;

		if (choices[a].source == NULL)
			continue;
		values[0] = CStringGetTextDatum(model_part_names[part]);
		values[1] = CStringGetTextDatum(model_attributes[a].name);
		nulls[2] = choices[a].attnum == InvalidAttrNumber;
		if (!nulls[2])
			namestrcpy(&name, get_attname(relation[part], choices[a].attnum, false));
		values[2] = NameGetDatum(&name);
		values[3] = CStringGetTextDatum(choices[a].source);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* account.forget_tables(): no tables are mapped any more. */
static Datum
forget_tables_operation(PG_FUNCTION_ARGS)
{
	static const Oid relation[MODEL_PARTS] = {InvalidOid};
	LeftTables left;
	RoleState saved;

	version_check();
	lock_registry();
	SPI_connect();
	leave_tables(relation, NULL, &left);
	saved = run_as_owner("model_column");
	run_sql(OWN_STATEMENT "DELETE FROM account.model_column");
	run_as_end(saved);
	SPI_finish();
	tell_forgotten(&left);
	PG_RETURN_VOID();
}
