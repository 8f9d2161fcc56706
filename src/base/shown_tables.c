/*
 * shown_tables.c
 *		The setting pgaccount.show_deleted: of which tables deleted rows are shown.
 *
 * It is a boolean, or a list of schema-qualified names. The check hook, which may run where there
 * is no transaction, takes the names apart and looks none up; whoever plans a statement compares
 * them with those of its tables. So a name that means nothing yet matches nothing. Plans hold the
 * live condition of hidden tables, or do not: all are made anew when the setting changes, as
 * PostgreSQL does for session_replication_role.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "compat.h"
#include "shown_tables.h"

/* A table in the list. */
typedef struct ShownTable
{
	char schema[NAMEDATALEN];
	char name[NAMEDATALEN];
} ShownTable;

/* What the setting says. One piece of memory, which the server frees. */
typedef struct ShownTables
{
	bool all;
	int n;
	ShownTable tables[FLEXIBLE_ARRAY_MEMBER];
} ShownTables;

static char *show_deleted = NULL;
static const ShownTables *shown = NULL;

/* Skip white space. */
static const char *
skip_space(const char *text)
{
	while (scanner_isspace(*text))
		text++;
	return text;
}

/* May a name that is not quoted have this character? */
static bool
is_name_character(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IS_HIGHBIT_SET(c) ||
		   (!first && ((c >= '0' && c <= '9') || c == '$'));
}

/* Read a name, as SQL has it. What follows it, or NULL for none. */
static const char *
read_name(const char *text, char *name)
{
	char *buffer = palloc(strlen(text) + 1);
	int len = 0;

	text = skip_space(text);
	if (*text == '"')
	{
		for (text++; *text != '"' || text[1] == '"'; text++)
		{
			if (*text == '\0')
				return NULL;
			if (*text == '"')
				text++;
			buffer[len++] = *text;
		}
		text++;
		buffer[len] = '\0';
		truncate_identifier(buffer, len, false);
	}
	else
	{
		const char *start = text;

		while (is_name_character(*text, text == start))
			text++;
		len = text - start;
		strlcpy(buffer, downcase_truncate_identifier(start, len, false), len + 1);
	}
	if (len == 0)
		return NULL;
	strlcpy(name, buffer, NAMEDATALEN);
	pfree(buffer);
	return skip_space(text);
}

/* Read a list of tables. False: it is none. */
static bool
read_tables(const char *text, ShownTables *tables)
{
	for (;;)
	{
		ShownTable *table = &tables->tables[tables->n++];

		text = read_name(text, table->schema);
		if (text == NULL || *text != '.')
			return false;
		text = read_name(text + 1, table->name);
		if (text == NULL || (*text != ',' && *text != '\0'))
			return false;
		if (*text++ == '\0')
			return true;
	}
}

/* How many tables may be in a list? */
static int
most_tables(const char *text)
{
	int n = 1;

	for (; *text != '\0'; text++)
		n += *text == ',';
	return n;
}

/* Check hook: on, off, or a list of tables. */
static bool
check_show_deleted(char **value, void **extra, GucSource source)
{
	size_t size = offsetof(ShownTables, tables) + most_tables(*value) * sizeof(ShownTable);
	ShownTables *tables = compat_guc_malloc(size);
	bool all;

	if (tables == NULL)
		return false;
	memset(tables, 0, size);
	*extra = tables;
	if (parse_bool(*value, &all))
	{
		tables->all = all;
		return true;
	}
	if (read_tables(*value, tables))
		return true;
	GUC_check_errdetail("It is neither a boolean nor a list of schema-qualified tables.");
	GUC_check_errhint("Give on, off, or tables such as 'app.users, app.posts'.");
	return false;
}

/* Do two values say the same? */
static bool
same_tables(const ShownTables *one, const ShownTables *other)
{
	return one->all == other->all && one->n == other->n &&
		   memcmp(one->tables, other->tables, one->n * sizeof(ShownTable)) == 0;
}

/* Assign hook. Before there is a transaction there is no plan either. */
static void
assign_show_deleted(const char *value, void *extra)
{
	const ShownTables *before = shown;

	shown = extra;
	if (before != NULL && !same_tables(before, shown))
		ResetPlanCache();
}

/* SHOW: a boolean as the server shows it. */
static const char *
display_show_deleted(void)
{
	return shown->n > 0 ? show_deleted : shown->all ? "on" : "off";
}

/* Define the setting. */
void
shown_tables_init(void)
{
	DefineCustomStringVariable(
		"pgaccount.show_deleted", "Shows the deleted rows of soft-delete tables.",
		"On, off, or a list of schema-qualified tables; a table includes its partitions and "
		"those that inherit from it. Any role may set it: hiding is convenience, not a security "
		"boundary.",
		&show_deleted, "off", PGC_USERSET, GUC_LIST_INPUT, check_show_deleted, assign_show_deleted,
		display_show_deleted);
}

/* Are the deleted rows of all tables shown? */
bool
shows_all_deleted(void)
{
	return shown->all;
}

/* Is the table in the list by its own name? */
static bool
is_listed(Oid relid)
{
	char *name = get_rel_name(relid);
	char *schema = get_namespace_name(get_rel_namespace(relid));

	for (int i = 0; name != NULL && schema != NULL && i < shown->n; i++)
		if (strcmp(shown->tables[i].name, name) == 0 &&
			strcmp(shown->tables[i].schema, schema) == 0)
			return true;
	return false;
}

/* The tables that these are parts of, or inherit from, are added to a list. */
static List *
with_parents(List *tables)
{
	Relation inherits = table_open(InheritsRelationId, AccessShareLock);

	for (int i = 0; i < list_length(tables); i++)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple tuple;

		ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(list_nth_oid(tables, i)));
		scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			tables =
				list_append_unique_oid(tables, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
		systable_endscan(scan);
	}
	table_close(inherits, AccessShareLock);
	return tables;
}

/* Are the deleted rows of this table shown? */
bool
shows_deleted_of(Oid relid)
{
	ListCell *lc;

	if (shown->all || shown->n == 0)
		return shown->all;
	foreach (lc, with_parents(list_make1_oid(relid)))
		if (is_listed(lfirst_oid(lc)))
			return true;
	return false;
}
