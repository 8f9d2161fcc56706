/*
 * policy_note.c
 *		What is said of the references to a table, noted on the table.
 *
 * Policies and declared references are rows, which a dump of the schema alone leaves behind. So
 * they are noted as arguments of the trigger that refuses TRUNCATE, which every soft-delete table
 * has and which costs other statements nothing: the doctor finds there what is missing. Nothing
 * else reads them.
 *
 * The arguments are lists that end with an empty one: 'policy' or 'reference', schema and name of
 * the referencing table, policy, on_soft_delete ('-' for none), then the constraint, or the
 * columns.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "mapping.h"
#include "policy_note.h"
#include "truncate_trigger.h"

PG_FUNCTION_INFO_V1(noted_policies);

#define NOTE_NONE "-"

/* The fields of a note before its names. */
typedef enum NoteField
{
	NOTE_KIND,
	NOTE_SCHEMA,
	NOTE_TABLE,
	NOTE_POLICY,
	NOTE_ON_SOFT_DELETE,
	NOTE_FIELDS
} NoteField;

/* The arguments for the references to $1, as SQL; NULL: nothing is said of any. */
static const char arguments_sql[] = OWN_STATEMENT
	"SELECT pg_catalog.string_agg(a.sql, ', ' ORDER BY s.nspname COLLATE \"C\","
	" c.relname COLLATE \"C\", r.names::pg_catalog.text COLLATE \"C\")"
	" FROM (SELECT 'policy' AS kind, p.child, p.policy, p.on_soft_delete,"
	" ARRAY[p.constraint_name::pg_catalog.text] AS names FROM account.reference_policy AS p"
	" JOIN pg_catalog.pg_constraint AS k ON k.conrelid OPERATOR(pg_catalog.=) p.child"
	" AND k.conname OPERATOR(pg_catalog.=) p.constraint_name"
	" AND k.contype OPERATOR(pg_catalog.=) 'f' WHERE k.confrelid OPERATOR(pg_catalog.=) $1"
	" UNION ALL SELECT 'reference', d.child, d.policy, d.on_soft_delete,"
	" d.columns::pg_catalog.text[] FROM account.declared_reference AS d"
	" WHERE d.parent OPERATOR(pg_catalog.=) $1) AS r"
	" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.child"
	" JOIN pg_catalog.pg_namespace AS s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace,"
	" LATERAL (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(u.x), ', ' ORDER BY u.n)"
	" FROM pg_catalog.unnest(ARRAY[r.kind, s.nspname, c.relname,"
	" COALESCE(r.policy, '" NOTE_NONE "'), COALESCE(r.on_soft_delete, '" NOTE_NONE "')]"
	"::pg_catalog.text[] OPERATOR(pg_catalog.||) r.names"
	" OPERATOR(pg_catalog.||) ARRAY['']::pg_catalog.text[]) WITH ORDINALITY AS u(x, n)) AS a(sql)";

/* The arguments that a table's trigger is to have, as SQL. In the memory of the caller. */
static char *
wanted_arguments(Oid parent)
{
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(parent)};
	RoleState caller = run_as_owner("reference_policy");
	char *sql;

	(void) statement_run_once(arguments_sql, lengthof(types), types, values, NULL, NULL);
	sql = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	run_as_end(caller);
	return sql != NULL ? sql : "";
}

/* Note what is said of the references to a table; see the header. */
void
note_policies(Oid parent)
{
	char *arguments = wanted_arguments(parent);
	RoleState caller;

	if (own_trigger(parent, "soft_delete_truncate", InvalidOid) == NULL)
		return;
	caller = run_as(relation_owner(parent));
	write_truncate_trigger(parent, arguments);
	run_as_end(caller);
}

/* The words of a trigger, one after the other; NULL: there are no more. */
typedef struct Words
{
	char **next;
	char **end;
} Words;

static char *
next_word(Words *words)
{
	return words->next < words->end ? *words->next++ : NULL;
}

/* A word, or NULL for none. */
static Datum
word_or_null(const char *word, bool *isnull)
{
	*isnull = strcmp(word, NOTE_NONE) == 0;
	return *isnull ? (Datum) 0 : CStringGetTextDatum(word);
}

/*
 * Read one note, which anybody may have written who owns the table; see noted_policies(). False:
 * there is none, or it is none of ours.
 */
static bool
read_note(Words *words, Datum *values, bool *nulls, bool *known)
{
	char *fields[NOTE_FIELDS];
	Datum names[INDEX_MAX_KEYS];
	int n = 0;
	char *name;
	Oid schema;
	Oid child;
	bool is_policy;

	for (int i = 0; i < NOTE_FIELDS; i++)
		if ((fields[i] = next_word(words)) == NULL)
			return false;
	is_policy = strcmp(fields[NOTE_KIND], "policy") == 0;
	if (!is_policy && strcmp(fields[NOTE_KIND], "reference") != 0)
		return false;
	while ((name = next_word(words)) != NULL && name[0] != '\0')
	{
		if (n == lengthof(names) || strlen(name) >= NAMEDATALEN)
			return false;
		names[n++] = DirectFunctionCall1(namein, CStringGetDatum(name));
	}
	if (name == NULL || n == 0 || (is_policy && n > 1))
		return false;
	schema = get_namespace_oid(fields[NOTE_SCHEMA], true);
	child = OidIsValid(schema) ? get_relname_relid(fields[NOTE_TABLE], schema) : InvalidOid;
	*known = OidIsValid(child);
	values[1] = ObjectIdGetDatum(child);
	values[2] = names[0];
	nulls[2] = !is_policy;
	values[3] =
		PointerGetDatum(construct_array(names, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
	nulls[3] = is_policy;
	values[4] = word_or_null(fields[NOTE_POLICY], &nulls[4]);
	values[5] = word_or_null(fields[NOTE_ON_SOFT_DELETE], &nulls[5]);
	return true;
}

/* OwnTriggerCallback: give the notes of a table's trigger whose tables are there. */
static void
give_notes(Oid relid, const Trigger *trigger, void *arg)
{
	ReturnSetInfo *result = arg;
	Words words = {trigger->tgargs, trigger->tgargs + trigger->tgnargs};
	Datum values[6] = {ObjectIdGetDatum(relid)};
	bool nulls[6] = {false};
	bool known;

	while (read_note(&words, values, nulls, &known))
		if (known)
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * account.noted_policies(): what soft-delete tables have noted of the references to them, of tables
 * that are there.
 */
Datum
noted_policies(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	own_triggers_with_arguments("soft_delete_truncate", give_notes, fcinfo->resultinfo);
	return (Datum) 0;
}
