/*
 * model_map.c
 *		account.use_tables and account.forget_tables: writing the mapping of the account model.
 *
 * The registry is written as its owner; the caller must own the tables, because the functions of
 * accounts read and write them as their owner for whoever may call them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
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

/* A column as it was asked for or found. */
typedef struct Choice
{
	AttrNumber attnum;
	const char *source;
} Choice;

/* Raise 22023 about the argument columns. */
static void
refuse_columns(const char *detail)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"columns\" is malformed"),
		 errdetail_internal("%s", detail),
		 errhint("Pass {\"users\": {\"email\": \"mail\"}, \"tenants\": {\"modules\": null}}.")));
}

/* Take one override: the column's name, or NULL for none. */
static void
take_override(ModelPart part, const char *name, const char *column, const Oid *relation,
			  Choice *choices)
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
	choices[attribute].source = "missing";
	if (column == NULL)
		return;
	choices[attribute].source = "given";
	choices[attribute].attnum =
		strlen(column) < NAMEDATALEN ? find_column(relation[part], column, "columns") : 0;
	if (choices[attribute].attnum == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%.*s\" of %s does not exist", NAMEDATALEN, column,
							   display_relation(relation[part])),
						errdetail("It is to be mapped to %s.%s.", model_part_names[part], name),
						errhint("Correct \"%s\" in the argument \"columns\".", name)));
	if (!model_type_fits(attribute, get_atttype(relation[part], choices[attribute].attnum)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of %s cannot be %s.%s", column,
						display_relation(relation[part]), model_part_names[part], name),
				 errdetail("It is of type %s.",
						   format_type_be(get_atttype(relation[part], choices[attribute].attnum))),
				 errhint("Correct \"%s\" in the argument \"columns\".", name)));
}

/* Take the overrides of the argument columns. */
static void
take_overrides(Jsonb *columns, const Oid *relation, Choice *choices)
{
	JsonbIterator *it = JsonbIteratorInit(&columns->root);
	JsonbIteratorToken token;
	JsonbValue v;
	int part = MODEL_PARTS;
	char *name = "";
	int depth = 0;

	if (!JB_ROOT_IS_OBJECT(columns))
		refuse_columns("It is no JSON object.");
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_OBJECT)
			depth++;
		else if (token == WJB_END_OBJECT)
			depth--;
		else if (token == WJB_KEY && depth == 1)
		{
			name = pnstrdup(v.val.string.val, v.val.string.len);
			for (part = 0; part < MODEL_PARTS; part++)
				if (strcmp(model_part_names[part], name) == 0)
					break;
			if (part == MODEL_PARTS)
				refuse_columns(psprintf("There is no part \"%.*s\".", NAMEDATALEN, name));
		}
		else if (token == WJB_KEY && depth == 2)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && depth == 2 && v.type == jbvNull)
			take_override(part, name, NULL, relation, choices);
		else if (token == WJB_VALUE && depth == 2 && v.type == jbvString)
			take_override(part, name, pnstrdup(v.val.string.val, v.val.string.len), relation,
						  choices);
		else
			refuse_columns("Each part is an object, each column a string or null.");
		if (depth > 2)
			refuse_columns("A column is a string or null.");
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

/* The statements about users read the other tables as the owner of users: may that role? */
static void
check_readable(const Oid *relation)
{
	Oid owner = relation_owner(relation[MODEL_USERS]);

	for (int part = MODEL_PROFILES; part < MODEL_PARTS; part++)
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
	Oid types[] = {TEXTOID, TEXTOID, OIDOID, TEXTOID, TEXTOID};
	Datum values[] = {CStringGetTextDatum(model_part_names[part]),
					  CStringGetTextDatum(model_attributes[attribute].name),
					  ObjectIdGetDatum(relation[part]), (Datum) 0,
					  CStringGetTextDatum(choice->source)};
	char nulls[] = "   n ";

	if (choice->attnum != InvalidAttrNumber)
	{
		values[3] = CStringGetTextDatum(get_attname(relation[part], choice->attnum, false));
		nulls[3] = ' ';
	}
	(void) statement_run_once(OWN_STATEMENT "INSERT INTO account.model_column "
											"(part, attribute, relation, column_name, source) "
											"VALUES ($1, $2, $3, $4::pg_catalog.name, $5)",
							  5, types, values, nulls, NULL);
}

/*
 * Leave the tables mapped so far: their triggers go, and all sessions end unless the users table
 * stays this one.
 */
static void
leave_tables(Oid users)
{
	const Model *model = model_get();
	Oid mapped[MODEL_PARTS] = {InvalidOid};

	if (model != NULL)
		memcpy(mapped, model->relation, sizeof(mapped));
	if (mapped[MODEL_USERS] != users)
		session_end_all();
	user_trigger_detach(mapped[MODEL_USERS], mapped[MODEL_TENANTS]);
}

/*
 * account.use_tables(users regclass, profiles regclass, tenants regclass, columns jsonb): see the
 * contract, and model.sql.
 */
static Datum
use_tables_operation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid relation[MODEL_PARTS] = {InvalidOid};
	Choice choices[MODEL_ATTRIBUTES] = {{InvalidAttrNumber}};
	RoleState saved;

	if (PG_ARGISNULL(MODEL_USERS))
		refuse_null_argument("users");
	if (PG_ARGISNULL(MODEL_PARTS))
		refuse_null_argument("columns");
	version_check();
	for (int part = 0; part < MODEL_PARTS; part++)
	{
		if (PG_ARGISNULL(part))
			continue;
		relation[part] = PG_GETARG_OID(part);
		check_application_table(relation[part], "accounts");
		refuse_citus_table(relation[part], "the account model",
						   "Keep the tables of the accounts local to the coordinator, and "
						   "distribute what the users work on.");
		check_owner(relation[part]);
		LockRelationOid(relation[part], ShareRowExclusiveLock);
		check_heap(relation[part], "Rows of accounts are locked and looked up as heap does it.");
	}
	check_readable(relation);
	take_overrides(PG_GETARG_JSONB_P(MODEL_PARTS), relation, choices);
	for (ModelAttribute a = 0; a < MODEL_ATTRIBUTES; a++)
	{
		if (choices[a].source != NULL || !OidIsValid(relation[model_attributes[a].part]))
			continue;
		choices[a].attnum = model_detect(a, relation);
		choices[a].source = choices[a].attnum != InvalidAttrNumber ? "detected" : "missing";
	}
	require_choice(USERS_ID, relation, choices, "");
	if (choices[USERS_USERNAME].attnum == InvalidAttrNumber)
		require_choice(USERS_EMAIL, relation, choices, ", or users.username is");
	require_choice(PROFILES_USER, relation, choices, "");
	require_choice(TENANTS_ID, relation, choices, "");

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	leave_tables(relation[MODEL_USERS]);
	saved = run_as_owner("model_column");
	run_sql(OWN_STATEMENT "DELETE FROM account.model_column");
	for (ModelAttribute a = 0; a < MODEL_ATTRIBUTES; a++)
		if (choices[a].source != NULL)
			write_row(a, relation, &choices[a]);
	run_as_end(saved);
	user_trigger_attach(relation[MODEL_USERS], relation[MODEL_TENANTS]);
	SPI_finish();

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
	RoleState saved;

	version_check();
	SPI_connect();
	leave_tables(InvalidOid);
	saved = run_as_owner("model_column");
	run_sql(OWN_STATEMENT "DELETE FROM account.model_column");
	run_as_end(saved);
	SPI_finish();
	PG_RETURN_VOID();
}
