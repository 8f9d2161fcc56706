/*
 * referencing.c
 *		Rows that reference deleted rows, and do not follow them: they refuse the deletion, or are
 *		removed for good.
 *
 * What refuses is looked for at the end of the statement that deletes, as a RESTRICT key is, and
 * before anything follows: rows that the same statement has deleted refuse nothing. It is looked
 * for as the owner of the referencing table, by locking: a row that another session is just
 * deleting is waited for. Where a batch has found some, what the rest of the statement deletes is
 * collected to the end, so that the error tells all.
 *
 * What is removed is removed by a cleanup (cascade_removal_is()), with what goes with it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "cascade_batch.h"
#include "mapping.h"
#include "referencing.h"

PendingList cascade_refusals = {.function = "soft_delete_flush",
								.rows = "references to deleted rows"};

static RemoveRows remove_rows = NULL;

/* How rows are removed for good. */
void
cascade_removal_is(RemoveRows remove)
{
	remove_rows = remove;
}

/* SQL, a further condition on `c`: it references another row, not itself alone. */
static char *
but_itself(const FkEdge *edge)
{
	if (fk_node_table(edge->child) != fk_node_table(edge->parent))
		return "";
	return psprintf(" AND (%s) IS NOT TRUE", fk_join(edge, "c", false, "c", false));
}

/* SQL, after FROM: the rows `c` that reference those of a batch. */
static char *
referencing_sql(const Batch *batch)
{
	const FkEdge *edge = batch->edge;

	return psprintf("%s c, %s WHERE %s%s", sql_keyed_relation(edge->child),
					key_list_sql(&batch->rows, 1, "k"), fk_join(edge, "k.k", true, "c", false),
					but_itself(edge));
}

/* The statement that finds rows that reference those of a batch. */
static KeptStatement *
finding_plan(const Batch *batch)
{
	const FkEdge *edge = batch->edge;
	KeptStatement *plan = plan_lookup(PLAN_REFERENCING_FIND, edge->constraint, edge->declared);
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];

	if (plan != NULL)
		return plan;
	return plan_keep(PLAN_REFERENCING_FIND, edge->constraint, edge->declared,
					 psprintf(OWN_STATEMENT "SELECT 1 FROM %s", referencing_sql(batch)),
					 key_list_types(&batch->rows, 1, types) - 1, types);
}

/* The statement that counts, and locks, rows that do and are live. */
static KeptStatement *
counting_plan(const Batch *batch)
{
	const FkEdge *edge = batch->edge;
	KeptStatement *plan = plan_lookup(PLAN_REFERENCING_COUNT, edge->constraint, edge->declared);
	const SoftDelete *mapping;
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	const char *live = "";
	char *sql;

	if (plan != NULL)
		return plan;
	mapping = mapping_declared(edge->child);
	if (mapping != NULL)
		live = psprintf(" AND c.%s IS NULL", sql_column(edge->child, mapping->deleted_at));
	sql = psprintf(OWN_STATEMENT "SELECT pg_catalog.count(*) FROM (SELECT 1 FROM %s%s FOR SHARE"
								 " OF c) AS r",
				   referencing_sql(batch), live);
	return plan_keep(PLAN_REFERENCING_COUNT, edge->constraint, edge->declared, sql,
					 key_list_types(&batch->rows, 1, types) - 1, types);
}

/* Is there a row that references one of a batch, committed till now? */
static bool
is_referenced(const Batch *batch)
{
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	StatementOptions options = {.look = SNAPSHOT_OF_NOW, .limit = 1};
	RoleState caller;
	bool found;

	SPI_connect();
	(void) key_list_values(&batch->rows, 1, values);
	caller = run_as(relation_owner(batch->edge->child));
	found = statement_run(finding_plan(batch), values, NULL, &options) > 0;
	run_as_end(caller);
	SPI_finish();
	return found;
}

/* How many live rows reference those of a batch. */
static uint64
count_referencing(const Batch *batch)
{
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	StatementOptions options = {.look = SNAPSHOT_OF_NOW};
	RoleState caller;
	bool isnull;
	uint64 count;

	/* before the statement names it and its columns */
	LockRelationOid(batch->edge->child, AccessShareLock);
	SPI_connect();
	(void) key_list_values(&batch->rows, 1, values);
	caller = run_as(relation_owner(batch->edge->child));
	(void) statement_run(counting_plan(batch), values, NULL, &options);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run_as_end(caller);
	SPI_finish();
	return count;
}

/* A batch of at least so many rows that were not looked at yet; NULL: there is none. */
static Batch *
next_refusal(int rows)
{
	ListCell *lc;

	foreach (lc, cascade_refusals.batches)
	{
		Batch *batch = lfirst(lc);

		/* where some were found the statement fails anyhow */
		if (pending_is_ours(&batch->pending) && batch->rows.n >= rows &&
			(batch->refusing == 0 || rows == 1))
			return batch;
	}
	return NULL;
}

/* Raise 23001 for the rows that were found. */
static void
raise_refusal(void)
{
	StringInfoData detail;
	const FkEdge *first = NULL;
	ListCell *lc;

	initStringInfo(&detail);
	foreach (lc, cascade_refusals.batches)
	{
		const Batch *batch = lfirst(lc);

		if (!pending_is_ours(&batch->pending) || batch->refusing == 0)
			continue;
		if (first == NULL)
			first = batch->edge;
		appendStringInfo(&detail, "%s%s.%s: " UINT64_FORMAT " rows", detail.len > 0 ? "\n" : "",
						 display_relation(batch->edge->child), reference_column(batch->edge),
						 batch->refusing);
	}
	if (first == NULL)
		elog(ERROR, "nothing refuses the deletion");
	ereport(ERROR,
			(errcode(ERRCODE_RESTRICT_VIOLATION),
			 errmsg("protected references stand in the way of deleting rows of \"%s\"",
					get_rel_name(first->parent)),
			 errdetail("%s", detail.data),
			 errhint("Delete or change these rows first, or let account.%s say otherwise of "
					 "on_soft_delete.",
					 OidIsValid(first->constraint) ? "set_reference_policy" : "set_reference"),
			 err_constraint(first)));
}

/* Do rows reference those that were deleted? See the header. */
bool
refuse_deletions(int rows)
{
	bool refused = false;
	Batch *batch;
	ListCell *lc;

	while ((batch = next_refusal(rows)) != NULL)
	{
		batch->refusing += count_referencing(batch);
		batch->rows.n = 0;
		if (batch->refusing == 0)
		{
			cascade_refusals.batches = list_delete_ptr(cascade_refusals.batches, batch);
			MemoryContextDelete(batch->pending.context);
		}
	}
	foreach (lc, cascade_refusals.batches)
	{
		batch = lfirst(lc);
		refused |= pending_is_ours(&batch->pending) && batch->refusing > 0;
	}
	if (refused && rows == 1)
		raise_refusal();
	return refused;
}

/* Remove for good what references the rows of a batch. */
void
remove_referencing(Batch *batch)
{
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	const FkEdge *edge = batch->edge;
	int nargs = key_list_types(&batch->rows, 1, types) - 1;
	char *condition =
		psprintf("EXISTS (SELECT 1 FROM %s WHERE %s)%s", key_list_sql(&batch->rows, 1, "k"),
				 fk_join(edge, "k.k", true, "c", false), but_itself(edge));

	/* a cleanup reads all foreign keys: most rows have none that reference them */
	if (!is_referenced(batch))
		return;
	(void) key_list_values(&batch->rows, 1, values);
	remove_rows(edge->child, condition, nargs, types, values);
	/* a snapshot of the transaction shows no row that was committed since */
	if (IsolationUsesXactSnapshot() && is_referenced(batch))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("Another transaction has referenced a row that is being deleted."),
				 errhint("Try the transaction again.")));
}
