/*
 * erase.c
 *		Rows erased in place: account.erase, and purges of tables that say so.
 *
 * The rows that follow are those of a cleanup, closed over the references by which rows follow
 * their parents, softly or for good. Nothing is removed: each table of which an owner said that
 * columns are erased is updated, as its owner, keys and references stay.
 *
 * Rows that were erased are noted by their primary key, so that purges pass them.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "held_rows.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "base/base.h"
#include "hold/hold.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "cleanup_run.h"
#include "erase.h"
#include "erase_table.h"
#include "erasure.h"

ACCOUNT_OPERATION(erase, "erase", NO_SUBJECT);

/* A table whose rows are erased. */
typedef struct ErasedTable
{
	FkNode *node;
	List *columns; /* ErasureColumn */
	RowSet *set;   /* these */
	uint64 rows;
	void *noted; /* by the follower */
} ErasedTable;

static ErasureFollower the_follower = {NULL, NULL};

/* Who wants to know. */
void
erasure_follower_is(ErasureFollower follower)
{
	the_follower = follower;
}

/* What was done, as the detail of an event: tables, columns and counts. */
static Jsonb *
detail_of(Oid target, const List *tables)
{
	JsonbBuild detail = {0};
	JsonbBuild by_table = {0};
	ListCell *lc;

	foreach (lc, tables)
	{
		ErasedTable *table = lfirst(lc);
		JsonbBuild one = {0};
		StringInfoData names;
		ListCell *lc2;

		initStringInfo(&names);
		foreach (lc2, table->columns)
			appendStringInfo(
				&names, "%s%s", names.len > 0 ? ", " : "",
				sql_column(table->node->relid, ((ErasureColumn *) lfirst(lc2))->attnum));
		detail_text(&one, "columns", names.data);
		detail_number(&one, "rows", (int64) table->rows);
		detail_json(&by_table, display_relation(table->node->relid), detail_end(&one));
	}
	detail_text(&detail, "target", display_relation(target));
	detail_json(&detail, "tables", detail_end(&by_table));
	return detail_end(&detail);
}

/* The tables of a cleanup that have columns to erase. Within SPI_connect. */
static List *
tables_of(Cleanup *cleanup)
{
	List *tables = NIL;
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);
		List *columns = erasure_columns(node->relid);
		ErasedTable *table;

		if (columns == NIL)
			continue;
		table = palloc0(sizeof(ErasedTable));
		table->node = node;
		table->columns = columns;
		tables = lappend(tables, table);
	}
	return tables;
}

/*
 * Those of these tables that have rows in a closed cleanup. by_purge: but those that were erased
 * since they were deleted.
 */
static List *
tables_with_rows(Cleanup *cleanup, List *tables, bool by_purge)
{
	List *busy = NIL;
	ListCell *lc;

	foreach (lc, tables)
	{
		ErasedTable *table = lfirst(lc);
		Oid relid = table->node->relid;
		const SoftDelete *soft = by_purge ? mapping_declared(relid) : NULL;

		table->set = ((CleanupTable *) table->node->data)->set;
		if (soft != NULL && table->set->n > 0)
		{
			StampType stamp = soft->stamp;

			table->set =
				erase_not_yet(relid, table->set,
							  psprintf("c.%s", sql_column(relid, soft->deleted_at)), &stamp, NULL);
		}
		if (table->set->n > 0)
			busy = lappend(busy, table);
	}
	return busy;
}

/*
 * Raise 55000 if a column has become part of a key or a reference since its owner said that it is
 * erased, or has another type. As for account.set_erasure, whose words these are.
 */
static void
check_columns(const ErasedTable *table)
{
	Oid relid = table->node->relid;
	ListCell *lc;

	foreach (lc, table->columns)
	{
		const ErasureColumn *column = lfirst(lc);

		erasure_check_is_no_key(relid, column->attnum, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE);
		erasure_check_type(relid, column, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE);
	}
}

/* Erase rows of these tables; returns how many. Within SPI_connect. */
static uint64
erase_tables(Cleanup *cleanup, List *busy)
{
	unsigned char secret[ERASURE_SECRET_BYTES];
	uint64 rows = 0;
	bool followed = false;
	Jsonb *detail;
	ListCell *lc;

	erase_read_secret(secret);
	foreach (lc, busy)
	{
		ErasedTable *table = lfirst(lc);

		if (the_follower.before != NULL)
			table->noted = the_follower.before(table->node->relid, table->set);
	}
	foreach (lc, busy)
	{
		ErasedTable *table = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		table->rows = erase_table(table->node->relid, table->columns, table->set, secret);
		rows += table->rows;
	}
	sodium_memzero(secret, sizeof(secret));
	detail = detail_of(cleanup->target, busy);
	foreach (lc, busy)
		if (((ErasedTable *) lfirst(lc))->noted != NULL)
		{
			the_follower.after(((ErasedTable *) lfirst(lc))->noted, detail);
			followed = true;
		}
	if (!followed)
		event_success(EVENT_USER_ERASED, NULL, NULL, detail);
	return rows;
}

/*
 * Close a seeded cleanup, and erase what it finds in these tables; returns how many rows. Rows that
 * a hold keeps, and those asked for, whatever is erased of them, raise PT423, or, of a purge, whose
 * *hold is given, keep all as it is. Where *again is given and others have changed rows since they
 * were found, it is set, and nothing is done but to lock those found. Within SPI_connect.
 */
static uint64
erase_seeded(Cleanup *cleanup, List *tables, int64 *hold, bool *again)
{
	List *busy;
	uint64 rows = 0;
	ListCell *lc;
	int level;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	level = cleanup_join_memory();
	cleanup_close(cleanup, GetActiveSnapshot());
	if (hold == NULL)
		row_set_check_holds(((CleanupTable *) cleanup->node->data)->set);
	busy = tables_with_rows(cleanup, tables, hold != NULL);
	/* whoever places a hold there has done so, and is seen, or waits */
	foreach (lc, busy)
		LockRelationOid(((ErasedTable *) lfirst(lc))->node->relid, RowExclusiveLock);
	foreach (lc, busy)
	{
		ErasedTable *table = lfirst(lc);

		if (hold == NULL)
			row_set_check_holds(table->set);
		else if (*hold == 0)
			*hold = row_set_find_hold(table->set);
	}
	foreach (lc, again != NULL ? busy : NIL)
		*again |= !erase_lock_rows(((ErasedTable *) lfirst(lc))->node->relid,
								   ((ErasedTable *) lfirst(lc))->set);
	if (busy != NIL && (hold == NULL || *hold == 0) && (again == NULL || !*again))
	{
		foreach (lc, busy)
			check_columns(lfirst(lc));
		rows = erase_tables(cleanup, busy);
	}
	AtEOXact_GUC(true, level);
	PopActiveSnapshot();
	return rows;
}

/* Erase deleted rows of a table, and what follows them; see the header. */
int64
erase_deleted_rows(Oid target, RowSet *rows)
{
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	Cleanup *cleanup = cleanup_make_to_erase(target);
	KnownSets before = row_set_make_known((KnownSets){&rows, 1});
	StringInfoData from;
	int64 hold = 0;

	cleanup->live_rows_hold = true;
	cleanup->seed.by_tid = true;
	cleanup->seed.run = (OneRun){.types = types, .values = values};
	initStringInfo(&from);
	appendStringInfo(&from, "%s c WHERE ", sql_keyed_relation(target));
	row_set_append_condition(&from, &cleanup->seed.run, target, rows, 0, row_set_rows(rows),
							 rows->n);
	cleanup->seed.from = from.data;
	PG_TRY();
	{
		SPI_connect();
		(void) erase_seeded(cleanup, tables_of(cleanup), &hold, NULL);
		SPI_finish();
	}
	PG_FINALLY();
	{
		(void) row_set_make_known(before);
	}
	PG_END_TRY();
	cleanup_free(cleanup);
	return hold;
}

/* A row that a purge may erase: c.tableoid, c.ctid, its key, and when it was deleted. */
typedef struct Candidate
{
	Oid tab;
	ItemPointerData tid;
	Datum key;
	Datum stamp;
} Candidate;

/* Those that were read. */
typedef struct Candidates
{
	MemoryContext context;
	List *rows;
} Candidates;

/* Note a row. */
static void
note_candidate(TupleTableSlot *slot, void *arg)
{
	Candidates *candidates = arg;
	MemoryContext old = MemoryContextSwitchTo(candidates->context);
	Candidate *row = palloc(sizeof(Candidate));

	row->tab = SLOT_TAB(slot, 0);
	row->tid = *SLOT_TID(slot, 0);
	row->key =
		CStringGetTextDatum(slot->tts_isnull[2] ? "" : TextDatumGetCString(slot->tts_values[2]));
	row->stamp = slot->tts_values[3];
	candidates->rows = lappend(candidates->rows, row);
	MemoryContextSwitchTo(old);
}

/* Those of some rows that have not been erased since they were deleted; see the header. */
RowSet *
erase_not_yet(Oid target, RowSet *rows, const char *stamp, const StampType *type,
			  const Datum *cutoff)
{
	Oid types[Max(1 + ROW_SET_CONDITION_ARGS, 4)];
	Datum values[Max(1 + ROW_SET_CONDITION_ARGS, 4)];
	OneRun run = {.types = types, .values = values};
	static const StampType instant = {TIMESTAMPTZOID, -1, TIMESTAMPTZOID, -1};
	Candidates candidates = {.context = CurrentMemoryContext};
	RowSet *rest = row_set_make(target, NIL);
	StringInfoData sql;
	RoleState caller;
	Datum *keys;
	Datum *stamps;
	HTAB *erased;
	HASHCTL ctl = {
		.keysize = sizeof(uint64), .entrysize = sizeof(uint64), .hcxt = CurrentMemoryContext};
	ListCell *lc;
	uint64 n;
	int level;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT c.tableoid, c.ctid, %s, %s FROM %s c WHERE ",
					 erase_key_sql(target), stamp, sql_keyed_relation(target));
	if (cutoff != NULL)
	{
		types[0] = type->base;
		values[0] = *cutoff;
		run.nargs = 1;
		appendStringInfo(&sql, "%s OPERATOR(pg_catalog.<=) $1 AND ", stamp);
	}
	row_set_append_condition(&sql, &run, target, rows, 0, row_set_rows(rows), rows->n);
	SPI_connect();
	level = value_formats_begin();
	caller = run_as(relation_owner(target));
	(void) cleanup_run_knowing(sql.data, &run, (KnownSets){&rows, 1}, note_candidate, &candidates);
	run_as_end(caller);
	AtEOXact_GUC(true, level);
	if (candidates.rows == NIL)
	{
		SPI_finish();
		return rest;
	}
	keys = palloc(list_length(candidates.rows) * sizeof(Datum));
	stamps = palloc(list_length(candidates.rows) * sizeof(Datum));
	foreach (lc, candidates.rows)
	{
		keys[foreach_current_index(lc)] = ((Candidate *) lfirst(lc))->key;
		stamps[foreach_current_index(lc)] = ((Candidate *) lfirst(lc))->stamp;
	}
	types[0] = REGCLASSOID;
	values[0] = ObjectIdGetDatum(target);
	types[1] = TEXTARRAYOID;
	values[1] = erase_array(keys, NULL, list_length(candidates.rows), TEXTOID);
	types[2] = get_array_type(type->base);
	values[2] = erase_array(stamps, NULL, list_length(candidates.rows), type->base);
	caller = run_as_owner("erased_row");
	n = statement_run_once(
		psprintf("SELECT k.n FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3))"
				 " WITH ORDINALITY AS k(key, stamp, n) JOIN account.erased_row AS e"
				 " ON e.key OPERATOR(pg_catalog.=) k.key"
				 " WHERE e.target OPERATOR(pg_catalog.=) $1"
				 " AND %s OPERATOR(pg_catalog.>=) k.stamp",
				 sql_stamp_from(type, "e.erased_at", &instant)),
		3, types, values, NULL, NULL);
	run_as_end(caller);
	erased = hash_create("pgaccount erased rows", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		uint64 number = (uint64) DatumGetInt64(
			SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

		(void) hash_search(erased, &number, HASH_ENTER, NULL);
	}
	foreach (lc, candidates.rows)
	{
		uint64 number = foreach_current_index(lc) + 1;
		Candidate *row = lfirst(lc);

		if (hash_search(erased, &number, HASH_FIND, NULL) == NULL)
			(void) row_set_add_tid(rest, row->tab, &row->tid);
	}
	SPI_finish();
	return rest;
}

/* So often the rows are looked for anew because others change them. */
#define MAX_LOOKS 10

/* The same once. *again: see erase_seeded(). */
static bool
try_to_erase(Oid relid, KeySet *keys, uint64 *rows, bool *again)
{
	Cleanup *cleanup = cleanup_make_to_erase(relid);
	List *tables = tables_of(cleanup);

	cleanup->seed.from =
		psprintf("%s c WHERE %s", sql_keyed_relation(relid), keys_condition(keys, "c", 1));
	cleanup->seed.run.nargs = keys->ncols;
	cleanup->seed.run.types = keys->array_types;
	cleanup->seed.run.values = keys->arrays;
	*rows += erase_seeded(cleanup, tables, NULL, again);
	cleanup_free(cleanup);
	return tables != NIL;
}

/*
 * Erase the rows of one table that have some keys, which are of it or of a table that it inherits
 * from, and what follows them. False: nothing is to be erased there. Within SPI_connect.
 *
 * What others change meanwhile is looked for anew, as an UPDATE would; above READ COMMITTED, and
 * where they do not cease, it is 40001.
 */
static bool
erase_keys(Oid relid, KeySet *keys, uint64 *rows)
{
	int looks = IsolationUsesXactSnapshot() ? 0 : MAX_LOOKS;

	for (; looks > 0; looks--)
	{
		bool again = false;
		bool any = try_to_erase(relid, keys, rows, &again);

		if (!again)
			return any;
		CHECK_FOR_INTERRUPTS();
	}
	return try_to_erase(relid, keys, rows, NULL);
}

/* account.erase(target regclass, key "any" | text) RETURNS bigint */
static Datum
erase_operation(PG_FUNCTION_ARGS)
{
	Oid target;
	List *tables;
	KeySet *keys;
	bool any = false;
	uint64 rows = 0;
	ListCell *lc;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	target = PG_GETARG_OID(0);
	check_application_table(target, "an erasure");
	refuse_citus_beside_shards(target, "account.erase", "account.erase('%s', key)");
	lock_checked_table(target, RowExclusiveLock, "an erasure", false);
	keys = keys_of_argument(fcinfo, 1, target);
	/* partitions are parts of their table, those that inherit are tables of their own */
	tables = get_rel_relkind(target) == RELKIND_PARTITIONED_TABLE
				 ? list_make1_oid(target)
				 : find_all_inheritors(target, RowExclusiveLock, NULL);
	SPI_connect();
	foreach (lc, tables)
		any |= erase_keys(lfirst_oid(lc), keys, &rows);
	SPI_finish();
	if (!any)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("no column of \"%s\" is erased", get_rel_name(target)),
						errdetail("Nor is one of a table whose rows follow."),
						errhint("Let the table's owner call account.set_erasure first.")));
	PG_RETURN_INT64((int64) rows);
}
