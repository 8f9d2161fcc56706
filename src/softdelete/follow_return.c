/*
 * follow_return.c
 *		Children come back with a row.
 *
 * Those come back that went with it, which have its stamp; by account.restore(..., within) those
 * too that were deleted a little before. A child stays deleted while another row that it follows is
 * (other_parents.c), and takes over the stamp of that one: then it comes back with it, whichever of
 * the two was deleted first. What follows the child takes over the stamp by the child's own
 * trigger.
 *
 * The other row may itself be one that comes back, only later. Then the child comes back with it in
 * its turn; unless it waits for the child. Such circles are left to the end (comeback.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "follow_return.h"
#include "mapping.h"
#include "other_parents.h"
#include "rewrite.h"

/* Another parent of the children of a batch, and those of its rows that are deleted. */
typedef struct Blocking
{
	FkEdge *edge;
	KeyList *deleted;
	int first; /* the number of its first parameter */
} Blocking;

/* Parameters of a statement: a batch, and the deleted rows that block. */
typedef struct Parameters
{
	int n;
	Oid *types;
	Datum *values;
} Parameters;

/* The parameters of a batch and of what blocks. */
static Parameters
make_parameters(const Batch *batch, List *blocking)
{
	Parameters params;
	int room = KEY_LIST_PARAMS(batch->rows.ncols);
	int next;
	ListCell *lc;

	foreach (lc, blocking)
		room += KEY_LIST_PARAMS(((Blocking *) lfirst(lc))->deleted->ncols);
	params.types = palloc(room * sizeof(Oid));
	params.values = palloc(room * sizeof(Datum));
	next = key_list_types(&batch->rows, 1, params.types);
	(void) key_list_values(&batch->rows, 1, params.values);
	foreach (lc, blocking)
	{
		Blocking *block = lfirst(lc);

		block->first = next;
		next = key_list_types(block->deleted, next, params.types);
		(void) key_list_values(block->deleted, block->first, params.values);
	}
	params.n = next - 1;
	return params;
}

/* SQL: the UPDATE that brings children back, but for further conditions. */
static char *
return_sql(const Batch *batch)
{
	const FkEdge *edge = batch->edge;
	SoftDelete mapping = *mapping_of_table(edge->child);

	return psprintf(OWN_STATEMENT "UPDATE %s c SET %s FROM %s WHERE %s AND %s",
					sql_keyed_relation(edge->child), sql_set_live(&mapping),
					key_list_sql(&batch->rows, 1, "k"), fk_join(edge, "k.k", true, "c", false),
					sql_returns(batch));
}

/* Bring back all children of a batch that would. */
static uint64
return_all(const Batch *batch, const StatementOptions *options)
{
	bool within = batch->call != NULL && batch->call->within != NULL;
	PlanKind kind = within ? PLAN_RESTORE_WITHIN : PLAN_RESTORE_CHILDREN;
	KeptStatement *plan = plan_lookup(kind, batch->edge->constraint, batch->edge->declared);
	Parameters params = make_parameters(batch, NIL);

	if (plan == NULL)
		plan = plan_keep(kind, batch->edge->constraint, batch->edge->declared, return_sql(batch),
						 params.n, params.types);
	return cascade_run(plan, params.values, options);
}

/* Bring back those that reference none of the deleted rows. */
static uint64
return_others(const Batch *batch, List *blocking, const StatementOptions *options)
{
	Parameters params = make_parameters(batch, blocking);
	StringInfoData sql;
	ListCell *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, return_sql(batch));
	foreach (lc, blocking)
	{
		Blocking *block = lfirst(lc);

		appendStringInfo(
			&sql, " AND %s",
			sql_not_of_parents(batch, block->edge, block->deleted, block->first, false));
	}
	return cascade_run_once(sql.data, params.n, params.types, params.values, options);
}

/* Have children that stay deleted take over the stamps of the deleted rows that they follow. */
static void
take_over_stamps(const Batch *batch, Blocking *block, const StatementOptions *options)
{
	const FkEdge *edge = batch->edge;
	Parameters params = make_parameters(batch, list_make1(block));
	SoftDelete mapping = *mapping_of_table(edge->child);
	char *sql =
		psprintf(OWN_STATEMENT "UPDATE %s c SET %s = %s FROM %s, %s WHERE %s AND %s AND %s AND"
							   " %s AND NOT %s",
				 sql_keyed_relation(edge->child), sql_column(edge->child, mapping.deleted_at),
				 sql_stamp_value(edge->child, "d.old"), key_list_sql(&batch->rows, 1, "k"),
				 key_list_sql(block->deleted, block->first, "d"),
				 fk_join(edge, "k.k", true, "c", false), sql_returns(batch),
				 fk_join(block->edge, "d.k", true, "c", false), sql_of_edge(batch, block->edge),
				 sql_same_stamp(edge->child, "c", block->edge->parent, "d.old"));

	(void) cascade_run_once(sql, params.n, params.types, params.values, options);
}

/*
 * May a deleted parent, by its stamp, be one of those that went with the rows of the batch? Stamps
 * may be of seconds only.
 */
static bool
went_together(const Batch *batch, const KeyList *deleted)
{
	const KeyList *rows = &batch->rows;
	TimestampTz first = DT_NOEND;
	TimestampTz last = DT_NOBEGIN;

	for (int i = 0; i < rows->n; i++)
	{
		first = Min(first, DatumGetTimestampTz(rows->new[i]));
		last = Max(last, DatumGetTimestampTz(rows->old[i]));
	}
	if (!TIMESTAMP_NOT_FINITE(first))
		first -= USECS_PER_SEC;
	if (!TIMESTAMP_NOT_FINITE(last))
		last += USECS_PER_SEC;
	for (int i = 0; i < deleted->n; i++)
		if (DatumGetTimestampTz(deleted->old[i]) >= first &&
			DatumGetTimestampTz(deleted->old[i]) <= last)
			return true;
	return false;
}

/* The other parents of the children of a batch of which some rows are deleted. */
static List *
find_blocking(const Batch *batch, List *others, OtherKeys which, const StatementOptions *options)
{
	List *blocking = NIL;
	ListCell *lc;

	foreach (lc, others)
	{
		Blocking *block = palloc0(sizeof(Blocking));

		CHECK_FOR_INTERRUPTS();
		block->edge = lfirst(lc);
		block->deleted = deleted_parents(batch, block->edge, which, options);
		if (block->deleted->n > 0)
			blocking = lappend(blocking, block);
	}
	return blocking;
}

/* Add to the children of a table that stay deleted. */
static void
add_left(RestoreCall *call, Oid table, uint64 rows)
{
	MemoryContext old;
	ChildrenLeft *left;
	ListCell *lc;

	if (rows == 0)
		return;
	foreach (lc, call->left)
	{
		left = lfirst(lc);
		if (left->table == table)
		{
			left->rows += rows;
			return;
		}
	}
	old = MemoryContextSwitchTo(call->context);
	left = palloc(sizeof(ChildrenLeft));
	left->table = table;
	left->rows = rows;
	call->left = lappend(call->left, left);
	MemoryContextSwitchTo(old);
}

/*
 * Count the children of a batch that are deleted, as the owner of their table: but for those that
 * wait for another parent, whose stamp they have. Within SPI_connect.
 */
static void
count_left(const Batch *batch, List *blocking, const StatementOptions *options)
{
	const FkEdge *edge = batch->edge;
	Parameters params = make_parameters(batch, blocking);
	StringInfoData sql;
	RoleState caller;
	bool isnull;
	ListCell *lc;

	initStringInfo(&sql);
	/*
	 * Not in WHERE: statistics may be older than the deletion. By them none of the rows would be
	 * deleted, and the keys would be gone through for each of them.
	 */
	appendStringInfo(&sql,
					 OWN_STATEMENT "SELECT pg_catalog.count(*) FILTER (WHERE %s IS NOT NULL)"
								   " FROM %s c, %s WHERE %s",
					 sql_row_stamp(edge->child, "c"), sql_keyed_relation(edge->child),
					 key_list_sql(&batch->rows, 1, "k"), fk_join(edge, "k.k", true, "c", false));
	foreach (lc, blocking)
	{
		Blocking *block = lfirst(lc);

		appendStringInfo(
			&sql, " AND %s",
			sql_not_of_parents(batch, block->edge, block->deleted, block->first, true));
	}
	caller = run_as(relation_owner(edge->child));
	if (blocking == NIL)
	{
		KeptStatement *plan = plan_lookup(PLAN_CHILDREN_LEFT, edge->constraint, edge->declared);

		if (plan == NULL)
			plan = plan_keep(PLAN_CHILDREN_LEFT, edge->constraint, edge->declared, sql.data,
							 params.n, params.types);
		(void) statement_run(plan, params.values, NULL, options);
	}
	else
		(void) statement_run_once(sql.data, params.n, params.types, params.values, NULL, options);
	add_left(batch->call, edge->child,
			 (uint64) DatumGetInt64(
				 SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)));
	statement_free_rows();
	run_as_end(caller);
}

/* Count the children that were left until all that come back are back. */
void
count_children_left(RestoreCall *call)
{
	ListCell *lc;

	foreach (lc, call->later)
	{
		Batch *batch = lfirst(lc);
		StatementOptions options;

		CHECK_FOR_INTERRUPTS();
		SPI_connect();
		action_snapshot_begin(&options);
		count_left(
			batch,
			find_blocking(batch, other_parents(batch->edge), OTHER_KEYS_OF_DELETED, &options),
			&options);
		action_snapshot_end(&options);
		SPI_finish();
		MemoryContextDelete(batch->pending.context);
	}
	call->later = NIL;
}

/* The batch has been run: should it be kept? */
static void
keep_batch(Batch *batch, List *others, bool waits)
{
	RestoreCall *call = batch->call;

	if (waits)
		pending_put(&cascade_waiting, &batch->pending);
	else if (call != NULL && call->tell && others != NIL)
		batch_is_counted_later(batch);
	else
		return;
	batch->kept = true;
}

/* Have the children of a batch be counted when all that come back are back. */
void
batch_is_counted_later(Batch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->call->context);

	batch->call->later = lappend(batch->call->later, batch);
	MemoryContextSwitchTo(old);
}

/* Let children of the rows of a batch come back. */
void
return_batch(Batch *batch)
{
	List *others = other_parents(batch->edge);
	List *blocking;
	StatementOptions options;
	RoleState caller;
	uint64 returned;
	bool waits = false;
	ListCell *lc;

	SPI_connect();
	action_snapshot_begin(&options);
	options.callback = rewrite_restore_start;
	blocking = find_blocking(batch, others, OTHER_KEYS_OF_RETURNING, &options);
	caller = run_as(relation_owner(batch->edge->child));
	if (blocking == NIL)
		returned = return_all(batch, &options);
	else
	{
		returned = return_others(batch, blocking, &options);
		foreach (lc, blocking)
		{
			Blocking *block = lfirst(lc);

			waits |= went_together(batch, block->deleted) && edge_is_cyclic(block->edge);
			take_over_stamps(batch, block, &options);
		}
	}
	run_as_end(caller);
	if (batch->call != NULL)
	{
		batch->call->rows += returned; /* which those that follow these have changed meanwhile */
		if (batch->call->tell && others == NIL)
			count_left(batch, NIL, &options);
	}
	action_snapshot_end(&options);
	SPI_finish();
	keep_batch(batch, others, waits);
}
