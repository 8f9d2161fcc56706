/*
 * erase_table.c
 *		The rows of one table, erased in place.
 *
 * They are read and locked, what is hashed is hashed here, and they are updated in one statement,
 * as the table's owner. A hash is keyed BLAKE2b of the value's text, with a secret that nobody but
 * the owner of the extension can read: the same value gives the same hash, and nobody without the
 * secret can try values. It is given to the statement as a value: there is no function to ask.
 *
 * Memory: a context for the rows; values that are hashed are wiped when they have been.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "base/base.h"
#include "hold/hold.h"
#include "cleanup_run.h"
#include "erase_table.h"
#include "erasure.h"
#include "row_recheck.h"

/* Bytes of a hash, which is twice as many characters. */
#define HASH_BYTES 32

/* A hash that is cut to less may be another's: 128 bits are nobody else's. */
#define SHORT_HASH 32

/* So many times a hash is made again where a cut one is taken. */
#define MAX_TRIES 1000

/* Rows of a table as they are read before they change. */
typedef struct ReadRows
{
	Oid relid;
	List *columns; /* ErasureColumn: those that are hashed */
	int nkeys;     /* columns of the primary key, which come first */
	MemoryContext context;
	uint64 n;
	uint64 allocated;
	Datum *tabs;
	Datum *tids;
	Datum *keys;    /* text: the primary key; of nkeys > 0 */
	Datum **hashes; /* of each column: text, */
	bool **nulls;   /* or NULL */
	char **before;  /* the values of the row that was read last */
	const unsigned char *secret;
	HTAB **taken; /* of each column: hashes that were given; NULL: whichever may be given */
	int *lengths; /* of each column: characters */
} ReadRows;

/* The secret; see the header. */
void
erase_read_secret(unsigned char *secret)
{
	RoleState caller = run_as_owner("erasure_key");

	for (int attempt = 0;; attempt++)
	{
		Oid types[] = {BYTEAOID};
		Datum values[1];
		bytea *made;

		if (statement_run_once("SELECT k.secret FROM account.erasure_key AS k", 0, NULL, NULL, NULL,
							   &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0)
		{
			bool isnull;
			bytea *stored = DatumGetByteaPP(
				SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));

			if (VARSIZE_ANY_EXHDR(stored) != ERASURE_SECRET_BYTES)
				ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
								errmsg("the key of erased values is malformed"),
								errdetail("account.erasure_key holds no key of %d bytes.",
										  ERASURE_SECRET_BYTES),
								errhint("DELETE FROM account.erasure_key: a new one is made.")));
			memcpy(secret, VARDATA_ANY(stored), ERASURE_SECRET_BYTES);
			break;
		}
		if (attempt > 0)
			elog(ERROR, "could not make the key of erased values");
		made = palloc(VARHDRSZ + ERASURE_SECRET_BYTES);
		SET_VARSIZE(made, VARHDRSZ + ERASURE_SECRET_BYTES);
		randombytes_buf(VARDATA(made), ERASURE_SECRET_BYTES);
		values[0] = PointerGetDatum(made);
		(void) statement_run_once("INSERT INTO account.erasure_key (secret) VALUES ($1)"
								  " ON CONFLICT DO NOTHING",
								  1, types, values, NULL, NULL);
		sodium_memzero(VARDATA(made), ERASURE_SECRET_BYTES);
	}
	run_as_end(caller);
}

/* The hash of a value, in so many characters; attempt: another one each time. */
static char *
hash_of(const unsigned char *secret, const char *value, int length, uint32 attempt)
{
	unsigned char hash[HASH_BYTES];
	char *text = palloc(2 * HASH_BYTES + 1);
	crypto_generichash_state state;

	(void) crypto_generichash_init(&state, secret, ERASURE_SECRET_BYTES, HASH_BYTES);
	(void) crypto_generichash_update(&state, (const unsigned char *) value, strlen(value));
	if (attempt > 0)
	{
		(void) crypto_generichash_update(&state, (const unsigned char *) "\0", 1);
		(void) crypto_generichash_update(&state, (const unsigned char *) &attempt, sizeof(attempt));
	}
	(void) crypto_generichash_final(&state, hash, HASH_BYTES);
	(void) sodium_bin2hex(text, 2 * HASH_BYTES + 1, hash, HASH_BYTES);
	if (length >= 0 && length < 2 * HASH_BYTES)
		text[length] = '\0';
	return text;
}

/* Has a row this value in a column already? As the table's owner. */
static bool
is_in_table(Oid relid, AttrNumber attnum, const char *value)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(value)};

	return statement_run_once(psprintf(OWN_STATEMENT "SELECT 1 FROM %s c WHERE c.%s %s $1::%s",
									   sql_keyed_relation(relid), sql_column(relid, attnum),
									   sql_equality(getBaseType(get_atttype(relid, attnum))),
									   sql_type(getBaseType(get_atttype(relid, attnum)), -1)),
							  1, types, values, NULL,
							  &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0;
}

/* The hash that a row's column gets: no other row's where it is unique. */
static char *
free_hash(ReadRows *rows, int i, const char *value)
{
	AttrNumber attnum = ((ErasureColumn *) list_nth(rows->columns, i))->attnum;

	for (uint32 attempt = 0; attempt < MAX_TRIES; attempt++)
	{
		char *hash = hash_of(rows->secret, value, rows->lengths[i], attempt);
		char key[2 * HASH_BYTES + 1] = {0};
		bool found;

		if (rows->taken[i] == NULL)
			return hash;
		CHECK_FOR_INTERRUPTS();
		strlcpy(key, hash, sizeof(key));
		(void) hash_search(rows->taken[i], key, HASH_FIND, &found);
		if (found || is_in_table(rows->relid, attnum, hash))
			continue;
		(void) hash_search(rows->taken[i], key, HASH_ENTER, &found);
		return hash;
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("column \"%s\" of \"%s\" is too short for hashes that differ",
						   get_attname(rows->relid, attnum, false), get_rel_name(rows->relid)),
					errdetail("It is unique, and takes %d characters.", rows->lengths[i]),
					errhint("Make it longer, or erase it by 'null'.")));
}

/* Make room for another row. */
static void
grow(ReadRows *rows)
{
	uint64 allocated = Max(1024, rows->allocated * 2);
	int n = list_length(rows->columns);

#define GROW(array)                                                                                \
	((array) == NULL ? palloc(allocated * sizeof(*(array)))                                        \
					 : repalloc_huge(array, allocated * sizeof(*(array))))
	rows->tabs = GROW(rows->tabs);
	rows->tids = GROW(rows->tids);
	rows->keys = GROW(rows->keys);
	for (int i = 0; i < n; i++)
	{
		rows->hashes[i] = GROW(rows->hashes[i]);
		rows->nulls[i] = GROW(rows->nulls[i]);
	}
#undef GROW
	rows->allocated = allocated;
}

/* A row: c.tableoid, c.ctid, the key as text, and the values that are hashed, as text. */
static void
note_row(TupleTableSlot *slot, void *arg)
{
	ReadRows *rows = arg;
	MemoryContext old = MemoryContextSwitchTo(rows->context);
	ItemPointer tid = palloc(sizeof(ItemPointerData));
	int n = list_length(rows->columns);

	if (rows->n == rows->allocated)
		grow(rows);
	*tid = *SLOT_TID(slot, 0);
	rows->tabs[rows->n] = ObjectIdGetDatum(SLOT_TAB(slot, 0));
	rows->tids[rows->n] = PointerGetDatum(tid);
	rows->keys[rows->n] =
		CStringGetTextDatum(slot->tts_isnull[2] ? "" : TextDatumGetCString(slot->tts_values[2]));
	for (int i = 0; i < n; i++)
	{
		rows->nulls[i][rows->n] = slot->tts_isnull[3 + i];
		/* the value itself: it is hashed once the statement has ended */
		rows->hashes[i][rows->n] =
			slot->tts_isnull[3 + i] ? (Datum) 0
									: PointerGetDatum(TextDatumGetCString(slot->tts_values[3 + i]));
	}
	rows->n++;
	MemoryContextSwitchTo(old);
}

/* A row, counted. */
static void
count_row(TupleTableSlot *slot, void *arg)
{
	(*(uint64 *) arg)++;
}

/* SQL: the primary key of the row c as one text; see the header. */
char *
erase_key_sql(Oid relid)
{
	List *columns = primary_key_columns(relid);
	StringInfoData sql;

	if (columns == NIL)
		return "NULL::pg_catalog.text";
	initStringInfo(&sql);
	appendStringInfoString(&sql, "ROW(");
	for (int i = 0; i < list_length(columns); i++)
		appendStringInfo(&sql, "%sc.%s", i > 0 ? ", " : "",
						 sql_column(relid, list_nth_int(columns, i)));
	appendStringInfoString(&sql, ")::pg_catalog.text");
	return sql.data;
}

/* Lock the rows of a set; see the header. */
bool
erase_lock_rows(Oid relid, RowSet *set)
{
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values};
	RoleState caller = run_as(relation_owner(relid));
	StringInfoData sql;
	uint64 locked = 0;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT c.ctid FROM %s c WHERE ",
					 sql_keyed_relation(relid));
	row_set_append_condition(&sql, &run, relid, set, 0, row_set_rows(set), set->n);
	appendStringInfoString(&sql, " FOR NO KEY UPDATE OF c");
	(void) cleanup_run_knowing(sql.data, &run, (KnownSets){&set, 1}, count_row, &locked);
	run_as_end(caller);
	return locked == set->n;
}

/* Read the rows of a set, locked, and hash what is to be hashed. Within SPI_connect. */
static void
read_rows(ReadRows *rows, RowSet *set)
{
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values};
	int n = list_length(rows->columns);
	StringInfoData sql;
	int level;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT c.tableoid, c.ctid, %s",
					 erase_key_sql(rows->relid));
	for (int i = 0; i < n; i++)
		appendStringInfo(
			&sql, ", c.%s::pg_catalog.text",
			sql_column(rows->relid, ((ErasureColumn *) list_nth(rows->columns, i))->attnum));
	appendStringInfo(&sql, " FROM %s c WHERE ", sql_keyed_relation(rows->relid));
	row_set_append_condition(&sql, &run, rows->relid, set, 0, row_set_rows(set), set->n);
	appendStringInfoString(&sql, " FOR NO KEY UPDATE OF c");
	level = value_formats_begin();
	(void) cleanup_run_knowing(sql.data, &run, (KnownSets){&set, 1}, note_row, rows);
	AtEOXact_GUC(true, level);
	if (rows->n != set->n)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not erase rows of \"%s\"", get_rel_name(rows->relid)),
						errdetail("Another transaction has changed or removed " UINT64_FORMAT
								  " of them meanwhile.",
								  set->n - rows->n),
						errhint("Try the transaction again.")));
	for (int i = 0; i < n; i++)
		for (uint64 j = 0; j < rows->n; j++)
		{
			char *value = (char *) DatumGetPointer(rows->hashes[i][j]);

			CHECK_FOR_INTERRUPTS();
			if (rows->nulls[i][j])
				continue;
			rows->hashes[i][j] = CStringGetTextDatum(free_hash(rows, i, value));
			sodium_memzero(value, strlen(value));
			pfree(value);
		}
}

/* An array of values; see the header. */
Datum
erase_array(Datum *values, bool *nulls, uint64 n, Oid type)
{
	int dims[] = {(int) n};
	int lower[] = {1};
	int16 length;
	bool by_value;
	char align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(
		construct_md_array(values, nulls, 1, dims, lower, type, length, by_value, align));
}

/* A row that was updated: is it as it was to be? */
static void
note_kept(TupleTableSlot *slot, void *arg)
{
	if (slot->tts_isnull[0] || !DatumGetBool(slot->tts_values[0]))
		(*(uint64 *) arg)++;
}

/*
 * SQL: what DEFAULT is for a column of a table; NULL: NULL. *volatile_value: another each time that
 * it is asked.
 */
static char *
default_sql(Oid relid, AttrNumber attnum, bool *volatile_value)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Node *value = build_column_default(rel, attnum);
	char *sql = NULL;

	relation_close(rel, NoLock);
	*volatile_value = value != NULL && contain_volatile_functions(value);
	if (value != NULL && !*volatile_value)
	{
		int level = names_begin();

		sql = deparse_expression(value, NIL, false, false);
		names_end(level);
	}
	return sql;
}

/* Append SQL: has a column of row c the value that it was given? value NULL: NULL. */
static void
append_is_given(StringInfo sql, const char *column, const char *value)
{
	if (value == NULL)
		appendStringInfo(sql, " AND c.%s IS NULL", column);
	else
		appendStringInfo(sql, " AND %s",
						 sql_same_text(psprintf("(c.%s)::pg_catalog.text COLLATE \"C\"", column),
									   psprintf("(%s)::pg_catalog.text COLLATE \"C\"", value)));
}

/*
 * Update the rows that were read. A trigger of the application may keep what was to go: then it is
 * no erasure, and none is told of. What DEFAULT has made of a volatile expression is anything.
 * Within SPI_connect.
 */
static void
update_rows(ReadRows *rows, List *columns)
{
	int max = list_length(columns) + 2;
	Oid *types = palloc(max * sizeof(Oid));
	Datum *values = palloc(max * sizeof(Datum));
	StringInfoData set;
	StringInfoData from;
	StringInfoData names;
	StringInfoData given;
	OneRun run;
	int nargs = 2;
	int nhashes = 0;
	uint64 done;
	uint64 kept = 0;
	ListCell *lc;

	types[0] = OIDARRAYOID;
	values[0] = erase_array(rows->tabs, NULL, rows->n, OIDOID);
	types[1] = TIDARRAYOID;
	values[1] = erase_array(rows->tids, NULL, rows->n, TIDOID);
	initStringInfo(&set);
	initStringInfo(&from);
	initStringInfo(&names);
	initStringInfo(&given);
	foreach (lc, columns)
	{
		ErasureColumn *column = lfirst(lc);
		char *type = sql_column_type(rows->relid, column->attnum);
		char *name = sql_column(rows->relid, column->attnum);
		char *value = NULL;
		bool unknown = false;

		appendStringInfo(&set, "%s%s = ", foreach_current_index(lc) > 0 ? ", " : "", name);
		switch (column->method)
		{
			case ERASE_NULL:
				appendStringInfoString(&set, "NULL");
				break;
			case ERASE_DEFAULT:
				appendStringInfoString(&set, "DEFAULT");
				value = default_sql(rows->relid, column->attnum, &unknown);
				if (value != NULL)
					value = psprintf("(%s)::%s", value, type);
				break;
			case ERASE_CONSTANT:
				types[nargs] = TEXTOID;
				values[nargs] = CStringGetTextDatum(column->constant);
				value = psprintf("$%d::%s", ++nargs, type);
				appendStringInfoString(&set, value);
				break;
			case ERASE_HASH:
				types[nargs] = TEXTARRAYOID;
				values[nargs] =
					erase_array(rows->hashes[nhashes], rows->nulls[nhashes], rows->n, TEXTOID);
				appendStringInfo(&from, ", pg_catalog.unnest($%d)", ++nargs);
				appendStringInfo(&names, ", h%d", ++nhashes);
				value = psprintf("v.h%d::%s", nhashes, type);
				appendStringInfoString(&set, value);
				break;
		}
		if (!unknown)
			append_is_given(&given, name, value);
	}
	run = (OneRun){.nargs = nargs, .types = types, .values = values};
	done = cleanup_query(
		psprintf(
			OWN_STATEMENT
			"UPDATE %s c SET %s FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)%s)"
			" AS v(tab, tid%s) WHERE c.ctid OPERATOR(pg_catalog.=) v.tid"
			" AND c.ctid OPERATOR(pg_catalog.>=) v.tid AND c.ctid OPERATOR(pg_catalog.<=) v.tid"
			" AND c.tableoid OPERATOR(pg_catalog.=) v.tab RETURNING true%s",
			sql_keyed_relation(rows->relid), set.data, from.data, names.data, given.data),
		&run, note_kept, &kept);
	if (done != rows->n)
		recheck_refuse_kept_back(rows->relid, rows->n - done);
	if (kept > 0)
		refuse_values_kept(rows->relid, psprintf(UINT64_FORMAT " rows of \"%s\" were not erased",
												 kept, get_rel_name(rows->relid)));
}

/* Remember the keys of rows that were erased. Within SPI_connect. */
static void
remember_rows(const ReadRows *rows)
{
	Oid types[] = {REGCLASSOID, TEXTARRAYOID};
	Datum values[2];
	RoleState caller;

	if (primary_key_columns(rows->relid) == NIL)
		return;
	values[0] = ObjectIdGetDatum(rows->relid);
	values[1] = erase_array(rows->keys, NULL, rows->n, TEXTOID);
	caller = run_as_owner("erased_row");
	(void) statement_run_once(
		"INSERT INTO account.erased_row AS e (target, key, erased_at)"
		" SELECT $1, k.key, pg_catalog.now()"
		" FROM pg_catalog.unnest($2) AS k(key)"
		" ON CONFLICT (target, key) DO UPDATE SET erased_at = EXCLUDED.erased_at",
		2, types, values, NULL, NULL);
	run_as_end(caller);
}

/* Erase rows of a table; see the header. */
uint64
erase_table(Oid relid, List *columns, RowSet *set, const unsigned char *secret)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount erasure", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ReadRows rows = {.relid = relid, .context = context, .secret = secret};
	RoleState caller;
	ListCell *lc;
	int n;

	foreach (lc, columns)
		if (((ErasureColumn *) lfirst(lc))->method == ERASE_HASH)
			rows.columns = lappend(rows.columns, lfirst(lc));
	n = list_length(rows.columns);
	rows.hashes = palloc0((n + 1) * sizeof(Datum *));
	rows.nulls = palloc0((n + 1) * sizeof(bool *));
	rows.taken = palloc0((n + 1) * sizeof(HTAB *));
	rows.lengths = palloc0((n + 1) * sizeof(int));
	for (int i = 0; i < n; i++)
	{
		AttrNumber attnum = ((ErasureColumn *) list_nth(rows.columns, i))->attnum;
		HASHCTL ctl = {
			.keysize = 2 * HASH_BYTES + 1, .entrysize = 2 * HASH_BYTES + 1, .hcxt = context};

		rows.lengths[i] = erasure_characters(rows.relid, attnum);
		if (rows.lengths[i] >= 0 && rows.lengths[i] < SHORT_HASH &&
			erasure_is_unique(rows.relid, attnum))
			rows.taken[i] =
				hash_create("pgaccount hashes", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	caller = run_as(relation_owner(rows.relid));
	read_rows(&rows, set);
	update_rows(&rows, columns);
	run_as_end(caller);
	remember_rows(&rows);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return rows.n;
}
