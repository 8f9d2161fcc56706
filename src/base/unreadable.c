/*
 * unreadable.c
 *		Tables whose rows the doctor cannot look at.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "identifiers.h"
#include "unreadable.h"

PG_FUNCTION_INFO_V1(unreadable_table_remedy);

/* Look at rows of a table as its owner; see the header. */
char *
unreadable_look(Oid relid, SubtransactionWork work, void *arg)
{
	ErrorData *error = subtransaction_run(work, arg);
	char *problem;

	if (error == NULL)
		return NULL;
	error_raise_foreign(error);
	problem = psprintf("its rows cannot be looked at as its owner %s does: %s (SQLSTATE %s)",
					   quote_identifier(GetUserNameFromId(relation_owner(relid), false)),
					   error->message, unpack_sql_state(error->sqlerrcode));
	FreeErrorData(error);
	return problem;
}

/* What the owner lacks; see the header. */
char *
unreadable_remedy(Oid relid)
{
	Oid owner = relation_owner(relid);
	Oid schema = get_rel_namespace(relid);
	const char *name = quote_identifier(GetUserNameFromId(owner, false));
	StringInfoData remedy;

	initStringInfo(&remedy);
	if (!compat_may_use_schema(schema, owner))
		appendStringInfo(&remedy, "GRANT USAGE ON SCHEMA %s TO %s;",
						 quote_identifier(get_namespace_name(schema)), name);
	if (pg_class_aclcheck(relid, owner, ACL_SELECT) != ACLCHECK_OK)
		appendStringInfo(&remedy, "%sGRANT SELECT ON %s TO %s;", remedy.len > 0 ? " " : "",
						 sql_relation(relid), name);
	if (remedy.len == 0)
		appendStringInfo(&remedy,
						 "See to it that %s can read %s and the tables that are read with it.",
						 name, sql_relation(relid));
	return remedy.data;
}

/* account.unreadable_table_remedy(relation regclass) RETURNS text */
Datum
unreadable_table_remedy(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(unreadable_remedy(PG_GETARG_OID(0))));
}

/* Look at rows, and report where that cannot be; see the header. */
bool
unreadable_look_or_report(ReturnSetInfo *result, Oid relid, SubtransactionWork work, void *arg)
{
	char *problem = unreadable_look(relid, work, arg);
	Datum values[5];
	bool nulls[lengthof(values)] = {false};

	if (problem == NULL)
		return true;
	values[0] = CStringGetTextDatum("error");
	values[1] = CStringGetTextDatum("table_unreadable");
	values[2] = CStringGetTextDatum(display_relation(relid));
	values[3] = CStringGetTextDatum(problem);
	values[4] = CStringGetTextDatum(unreadable_remedy(relid));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return false;
}
