/*
 * erasure_note.c
 *		What is said of the erasure of a table, noted on the table.
 *
 * It is rows of account.erasure and account.purge_action, which a dump of the schema alone leaves
 * behind: purges would then remove what they are to erase. So it is noted as arguments of a trigger
 * for TRUNCATE, which does nothing: the doctor finds there what is missing. Nothing else reads it.
 *
 * The arguments: 'erase' or 'remove', for purges; then each column, and its method.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "erasure_note.h"

PG_FUNCTION_INFO_V1(erasure_note);
PG_FUNCTION_INFO_V1(noted_erasure);

#define TRIGGER_NOTE "zz_account_erasure"

/* The arguments for $1, as SQL; NULL: nothing is said. */
static const char arguments_sql[] = OWN_STATEMENT
	"SELECT pg_catalog.concat_ws(', ', CASE WHEN p.target IS NULL THEN '''remove''' ELSE "
	"'''erase'''"
	" END, e.columns) FROM (SELECT pg_catalog.string_agg(pg_catalog.format('%L, %L', r.column_name,"
	" r.method), ', ' ORDER BY r.column_name::pg_catalog.text COLLATE \"C\") AS columns"
	" FROM account.erasure AS r WHERE r.target::pg_catalog.oid OPERATOR(pg_catalog.=) $1) AS e"
	" LEFT JOIN account.purge_action AS p ON p.target::pg_catalog.oid OPERATOR(pg_catalog.=) $1"
	" AND p.action OPERATOR(pg_catalog.=) 'erase'"
	" WHERE e.columns IS NOT NULL OR p.target IS NOT NULL";

/* The arguments that a table's trigger is to have, as SQL. NULL: none is wanted. */
static char *
wanted_arguments(Oid relid)
{
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(relid)};
	RoleState caller = run_as_owner("erasure");
	uint64 n = statement_run_once(arguments_sql, lengthof(types), types, values, NULL, NULL);
	char *sql = n > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;

	run_as_end(caller);
	return sql;
}

/* Write a table's trigger, anew if it is there. As the table's owner. */
static void
write_note(Oid relid, const char *arguments)
{
	char *sql = psprintf("CREATE OR REPLACE TRIGGER " TRIGGER_NOTE " BEFORE TRUNCATE ON %s"
						 " FOR EACH STATEMENT EXECUTE FUNCTION account.erasure_note(%s)",
						 sql_relation(relid), arguments);
	RawStmt *parsed = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));

	CreateTrigger(castNode(CreateTrigStmt, parsed->stmt), sql, relid, InvalidOid, InvalidOid,
				  InvalidOid, account_function("erasure_note"), InvalidOid, NULL, false, false);
	CommandCounterIncrement();
}

/* Note what is said of the erasure of a table; see the header. */
void
note_erasure(Oid relid)
{
	char *arguments = wanted_arguments(relid);
	char *name = own_trigger(relid, "erasure_note", InvalidOid);
	RoleState caller;

	if (arguments == NULL && name == NULL)
		return;
	if (arguments == NULL)
	{
		LockRelationOid(relid, AccessExclusiveLock);
		deferred_fire_table(relid);
	}
	caller = run_as(relation_owner(relid));
	if (arguments == NULL)
		run_sql("DROP TRIGGER %s ON %s", quote_identifier(name), sql_relation(relid));
	else
		write_note(relid, arguments);
	run_as_end(caller);
}

/* account.erasure_note() RETURNS trigger: it is there for its arguments. */
Datum
erasure_note(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("erasure_note() is called as a trigger"),
						errdetail("Its arguments are what account.set_erasure said of the table."),
						errhint("Call account.set_erasure.")));
	return PointerGetDatum(NULL);
}

/* OwnTriggerCallback: give what a table's trigger has noted. */
static void
give_notes(Oid relid, const Trigger *note, void *arg)
{
	ReturnSetInfo *result = arg;

	for (int n = 1; n + 1 < note->tgnargs; n += 2)
	{
		bool erases = strcmp(note->tgargs[0], "erase") == 0;
		Datum values[] = {ObjectIdGetDatum(relid), CStringGetTextDatum(note->tgargs[n]),
						  CStringGetTextDatum(note->tgargs[n + 1]), BoolGetDatum(erases)};
		bool nulls[lengthof(values)] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* account.noted_erasure(): what tables have noted of their erasure. */
Datum
noted_erasure(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	own_triggers_with_arguments("erasure_note", give_notes, fcinfo->resultinfo);
	return (Datum) 0;
}
