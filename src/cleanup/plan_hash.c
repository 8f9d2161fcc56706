/*
 * plan_hash.c
 *		The hash of what a cleanup would do: account.plan_hash.
 *
 * Hashed are the steps, as account.cleanup_plan shows them, and the keys of the rows that go or
 * lose a key: primary keys, or all columns where there is none. Keys are texts, made under fixed
 * settings, and each is hashed with SHA-256; the server sorts the hashes, on disk where they are
 * many, and what comes out of the sort is hashed with BLAKE2b. So the hash is the same whoever asks
 * in whatever session, in whatever order and place rows are stored. Sums of hashes would need no
 * sort, but who owns a table could choose keys whose sum is that of others.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/relation.h"
#include "access/sysattr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "cleanup_plan.h"
#include "plan_hash.h"

ACCOUNT_OPERATION(plan_hash, "plan_hash", NO_SUBJECT);

/* What is hashed changes with this. */
#define PLAN_HASH_VERSION "pgaccount plan 1"

/* Hash a text, so that no two texts are as one. NULL is none. */
static void
hash_text(crypto_generichash_state *state, const char *text)
{
	uint64 length = text != NULL ? strlen(text) + 1 : 0;

	length = pg_hton64(length);
	(void) crypto_generichash_update(state, (unsigned char *) &length, sizeof(length));
	if (text != NULL)
		(void) crypto_generichash_update(state, (const unsigned char *) text, strlen(text));
}

/* Hash a number. */
static void
hash_number(crypto_generichash_state *state, uint64 number)
{
	number = pg_hton64(number);
	(void) crypto_generichash_update(state, (unsigned char *) &number, sizeof(number));
}

/* A row's hash comes, sorted. */
static void
hash_row(TupleTableSlot *slot, void *arg)
{
	bytea *hash = DatumGetByteaPP(slot->tts_values[0]);

	(void) crypto_generichash_update(arg, (unsigned char *) VARDATA_ANY(hash),
									 VARSIZE_ANY_EXHDR(hash));
}

/* SQL: the key of row c of a table, or all of it, as a text. */
static char *
sql_key_text(Oid relid)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Bitmapset *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	StringInfoData sql;
	int member = -1;

	relation_close(rel, NoLock);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "(ROW(");
	while ((member = bms_next_member(key, member)) >= 0)
		appendStringInfo(&sql, "%sc.%s", sql.data[sql.len - 1] == '(' ? "" : ", ",
						 sql_column(relid, member + FirstLowInvalidHeapAttributeNumber));
	if (bms_is_empty(key))
		appendStringInfoString(&sql, "c.*");
	appendStringInfoString(&sql, "))::pg_catalog.text");
	return sql.data;
}

/* Hash the keys of rows of a table. */
static void
hash_rows(crypto_generichash_state *state, const Cleanup *cleanup, Oid relid, RowSet *rows,
		  Snapshot snapshot)
{
	KnownSets known = {&rows, 1};
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values, .options.snapshot = snapshot};
	RoleState reader;
	StringInfoData sql;
	int level;

	hash_text(state, sql_relation(relid));
	hash_number(state, rows->n);
	if (rows->n == 0)
		return;
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT "SELECT pg_catalog.sha256(pg_catalog.convert_to(%s, 'UTF8'))"
								   " FROM %s c WHERE ",
					 sql_key_text(relid), sql_keyed_relation(relid));
	row_set_append_condition(&sql, &run, relid, rows, 0, NULL, rows->n);
	appendStringInfoString(&sql, " ORDER BY 1 USING OPERATOR(pg_catalog.<)");
	reader = cleanup->as_owners ? run_as(relation_owner(relid)) : run_as_reader(relid);
	level = value_formats_begin();
	(void) names_begin();
	(void) cleanup_run_knowing(sql.data, &run, known, hash_row, state);
	AtEOXact_GUC(true, level);
	run_as_end(reader);
}

/* A row outside that references one inside. */
typedef struct Referencing
{
	FkNode *node;
	RowSet *rows;
} Referencing;

/* Note it. */
static void
note_outside(TupleTableSlot *slot, void *arg)
{
	Referencing *outside = arg;

	if (!cleanup_has_row(outside->node, slot))
		(void) row_set_add_tid(outside->rows, SLOT_TAB(slot, 0), SLOT_TID(slot, 0));
}

/* Hash the rows of a table whose keys a step sets. */
static void
hash_set_rows(crypto_generichash_state *state, Cleanup *cleanup, FkNode *node, FkEdge *edge,
			  Snapshot snapshot)
{
	Referencing outside = {node, row_set_make(edge->child, NIL)};
	EdgeQuery query = {.snapshot = snapshot, .as_owners = cleanup->as_owners};

	row_set_keep_places(outside.rows, false);
	/* what the caller may not read it cannot change, either */
	if (cleanup->as_owners || !cleanup_is_unreadable(edge->child))
		cleanup_read_edge(edge, &query, note_outside, &outside);
	hash_rows(state, cleanup, edge->child, outside.rows, snapshot);
	row_set_free(outside.rows);
}

/*
 * The hash of a closed cleanup whose rows outside have been counted, none of whose sets is only
 * counted.
 */
static char *
plan_hash_of(Cleanup *cleanup, Snapshot snapshot)
{
	crypto_generichash_state state;
	unsigned char hash[crypto_generichash_BYTES];
	char *text = palloc(2 * sizeof(hash) + 1);
	ListCell *lc;

	(void) crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	hash_text(&state, PLAN_HASH_VERSION);
	foreach (lc, cleanup_ordered_steps(cleanup))
	{
		const CleanupStep *step = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		hash_text(&state, sql_relation(step->node->relid));
		hash_text(&state, step->edge != NULL ? step->edge->name : NULL);
		hash_number(&state, step->action);
		hash_number(&state, (uint64) step->rows);
		/* rows of the target itself come by no edge */
		if (step->edge != NULL &&
			(step->action == CLEANUP_SET_NULL || step->action == CLEANUP_SET_DEFAULT))
			hash_set_rows(&state, cleanup, step->node, step->edge, snapshot);
	}
	/* a table may be in several steps, its rows are in one set */
	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);
		RowSet *set = ((CleanupTable *) node->data)->set;

		if (set->n > 0)
			hash_rows(&state, cleanup, node->relid, set, snapshot);
	}
	(void) crypto_generichash_final(&state, hash, sizeof(hash));
	return sodium_bin2hex(text, 2 * sizeof(hash) + 1, hash, sizeof(hash));
}

/* Raise PT409. */
void
plan_refuse_other(Oid target)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_ACCOUNT_CONFLICT),
		 errmsg("what would be removed from \"%s\" is not what was approved", get_rel_name(target)),
		 errdetail("Rows or keys have changed since the plan was read."),
		 errhint("Read account.cleanup_plan and account.plan_hash again, and approve that.")));
}

/* Raise PT409 unless it is the one that was approved. */
void
plan_check_approved(Cleanup *cleanup, Snapshot snapshot, const char *approved)
{
	if (strcmp(plan_hash_of(cleanup, snapshot), approved) != 0)
		plan_refuse_other(cleanup->target);
}

/* account.plan_hash(target regclass, key "any" | text, force boolean) RETURNS text */
static Datum
plan_hash_operation(PG_FUNCTION_ARGS)
{
	Cleanup *cleanup = cleanup_of_arguments(fcinfo, AccessShareLock, CLEANUP_TO_EXECUTE);
	int nest_level = cleanup_join_memory();
	text *hash;

	cleanup_close(cleanup, GetActiveSnapshot());
	(void) cleanup_find_outside(cleanup, GetActiveSnapshot(), true);
	hash = cstring_to_text(plan_hash_of(cleanup, GetActiveSnapshot()));
	AtEOXact_GUC(true, nest_level);
	cleanup_free(cleanup);
	PG_RETURN_TEXT_P(hash);
}
