/*
 * seal.c
 *		The row that a removal in batches is about: nothing new may reference it, and by its key the
 *		removal goes on, so that stays its own.
 *
 * The row's table, and each that references it, has a trigger until the end of the removal, one for
 * all removals, which asks account.removal_task for the keys. It is not a constraint trigger FROM
 * the other table, as a guard is (softdelete/guard.c): PostgreSQL gives partitions that come, and
 * takes from those that go, clones of ordinary ones.
 *
 * To put it on, and to take it off, takes a lock for which writers of the table wait, and who waits
 * for it makes others wait. So each table has a transaction of its own, and who does not get the
 * lock in a moment lets others go first, and tries again.
 *
 * A reference that is made before the trigger is there is of the removal: to put the trigger on
 * waits for all who have written the table. What comes later looks at account.removal_task on a
 * snapshot of now, whatever its own is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "removal_key.h"
#include "removal_task.h"
#include "seal.h"
#include "sealed_rows.h"

PG_FUNCTION_INFO_V1(refuse_sealed);

#define TRIGGER_SEALED "zz_account_sealed"

/* ---- The row ---- */

/* In the executor's copy, disable what makes others follow a soft deletion. */
static void
disable_cascade(EState *estate, void *arg)
{
	Oid functions[] = {account_function("soft_delete_changed"),
					   account_function("soft_delete_flush")};
	ListCell *lc;

	foreach (lc, estate->es_opened_result_relations)
	{
		TriggerDesc *triggers = ((ResultRelInfo *) lfirst(lc))->ri_TrigDesc;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			if (triggers->triggers[i].tgfoid == functions[0] ||
				triggers->triggers[i].tgfoid == functions[1])
				triggers->triggers[i].tgenabled = TRIGGER_DISABLED;
	}
}

/* Delete live rows with these keys softly, alone. */
void
seal_stamp(const KeySet *keys)
{
	const SoftDelete *soft = mapping_declared(keys->relid);
	StatementOptions options = {.callback = disable_cascade};
	int n = keys->ncols;
	Oid *types = palloc((n + 1) * sizeof(Oid));
	Datum *values = palloc((n + 1) * sizeof(Datum));
	RoleState caller;
	char *sql;

	if (soft == NULL)
		return;
	for (int i = 0; i < n; i++)
	{
		types[i] = keys->array_types[i];
		values[i] = keys->arrays[i];
	}
	types[n] = TEXTOID;
	values[n] = CStringGetTextDatum(actor_name());
	sql = psprintf(OWN_STATEMENT "UPDATE %s c SET %s WHERE %s AND c.%s IS NULL"
								 " AND $%d IS NOT NULL",
				   sql_keyed_relation(keys->relid),
				   sql_set_deleted(soft, sql_stamp_now(&soft->stamp), psprintf("$%d", n + 1)),
				   keys_condition(keys, "c", 1), sql_column(keys->relid, soft->deleted_at), n + 1);
	caller = run_as(relation_owner(keys->relid));
	(void) statement_run_once(sql, n + 1, types, values, NULL, &options);
	run_as_end(caller);
}

/* ---- Its trigger ---- */

/* Do rows of one table reference rows of another, or of a part of it? */
static bool
references(const FkEdge *edge, Oid target)
{
	return edge->parent == target || fk_node_table(edge->parent) == fk_node_table(target);
}

/* A table, and those that reference it, as far as they lack the trigger. */
List *
seal_tables_without(Oid target)
{
	FkGraph *graph = fk_graph_load();
	List *with = tables_with_own_trigger("refuse_sealed");
	List *tables = list_member_oid(with, target) ? NIL : list_make1_oid(target);
	ListCell *lc;

	foreach (lc, graph->edges)
	{
		FkEdge *edge = lfirst(lc);

		if (references(edge, target) && !list_member_oid(with, edge->child))
			tables = list_append_unique_oid(tables, edge->child);
	}
	return tables;
}

/* Is any of these tables referenced by one? */
static bool
references_any(Oid relid, const List *targets)
{
	ListCell *lc;

	foreach (lc, fk_of_with_periods(relid))
	{
		ListCell *lc2;

		foreach (lc2, targets)
			if (references(lfirst(lc), lfirst_oid(lc2)))
				return true;
	}
	return false;
}

/* The tables that have the trigger, and need it no more. */
List *
seal_tables_left(void)
{
	List *targets = removal_task_targets();
	List *tables = NIL;
	ListCell *lc;

	foreach (lc, tables_with_own_trigger("refuse_sealed"))
		if (!list_member_oid(targets, lfirst_oid(lc)) && !references_any(lfirst_oid(lc), targets))
			tables = lappend_oid(tables, lfirst_oid(lc));
	return tables;
}

/* How long a moment is. */
static int
moment_ms(void)
{
	int moment = DeadlockTimeout + 500;

	return LockTimeout > 0 ? Min(moment, LockTimeout) : moment;
}

/* A table that is to be locked. */
typedef struct TableLock
{
	Oid relid;
	LOCKMODE mode;
} TableLock;

/* Lock it, waiting for a moment. */
static bool
lock_table(void *arg)
{
	const TableLock *lock = arg;
	int level = NewGUCNestLevel();

	(void) set_config_option("lock_timeout", psprintf("%d", moment_ms()), PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	LockRelationOid(lock->relid, lock->mode);
	AtEOXact_GUC(true, level);
	return true;
}

/*
 * Lock a table; false: others have it for longer than a moment, which is what it takes to have an
 * autovacuum cancelled.
 */
static bool
lock_in_a_moment(Oid relid, LOCKMODE mode)
{
	ErrorData *error = subtransaction_run(lock_table, &(TableLock){relid, mode});

	if (error != NULL && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		ReThrowError(error);
	return error == NULL;
}

/*
 * Put the trigger on a table. Whoever owns it need not have agreed: its keys say that what they
 * reference may go. The server puts it on, and nobody's code runs.
 */
bool
seal_put_on(Oid relid)
{
	RoleState caller;
	RawStmt *parsed;
	char *sql;

	if (!lock_in_a_moment(relid, ShareRowExclusiveLock))
		return false;
	if (get_rel_name(relid) == NULL ||
		list_member_oid(tables_with_own_trigger("refuse_sealed"), relid))
		return true;
	refuse_citus_table(relid, "account.cleanup_batches",
					   "Use account.cleanup, on each shard by itself.");
	sql = psprintf("CREATE TRIGGER %s AFTER INSERT OR UPDATE ON %s FOR EACH ROW"
				   " EXECUTE FUNCTION account.refuse_sealed()",
				   OidIsValid(get_trigger_oid(relid, TRIGGER_SEALED, true)) ? TRIGGER_SEALED
					   "_account"
																			: TRIGGER_SEALED,
				   sql_relation(relid));
	parsed = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
	caller = run_as_for_server_code(BOOTSTRAP_SUPERUSERID);
	/* between two transactions of a procedure there is none, and catalogs may store out of line */
	PushActiveSnapshot(GetTransactionSnapshot());
	CreateTrigger(castNode(CreateTrigStmt, parsed->stmt), sql, relid, InvalidOid, InvalidOid,
				  InvalidOid, account_function("refuse_sealed"), InvalidOid, NULL, false, false);
	PopActiveSnapshot();
	run_as_end(caller);
	CommandCounterIncrement();
	return true;
}

/* Take it off. */
bool
seal_take_off(Oid relid, bool patient)
{
	RoleState caller;
	char *name;

	if (patient)
		LockRelationOid(relid, AccessExclusiveLock);
	else if (!lock_in_a_moment(relid, AccessExclusiveLock))
		return false;
	if (get_rel_name(relid) == NULL)
		return true; /* dropped meanwhile */
	name = own_trigger(relid, "refuse_sealed", InvalidOid);
	if (name == NULL)
		return true;
	deferred_fire_table(relid);
	caller = run_as(relation_owner(relid));
	run_sql("DROP TRIGGER %s ON %s", quote_identifier(name), sql_relation(relid));
	run_as_end(caller);
	return true;
}

/* ---- What it does ---- */

/* A reference of a table whose rows are refused that have one of these keys. */
typedef struct SealedKey
{
	FkEdge *edge;
	AttrNumber columns[INDEX_MAX_KEYS]; /* of the table itself */
	FkComparison *comparison;
	int nrows;
	Datum *keys; /* of the rows that are being removed, as they are compared */
} SealedKey;

/* What is refused in a statement. */
typedef struct Sealed
{
	List *keys; /* SealedKey */
	List *rows; /* of sealed_rows_read() */
} Sealed;

/* Read the keys, as an edge references them, of rows of a table with one of some keys. */
static void
read_sealed_rows(SealedKey *sealed, KeySet *keys, MemoryContext context)
{
	FkEdge *edge = sealed->edge;
	StringInfoData sql;
	RoleState caller;
	uint64 n;

	initStringInfo(&sql);
	appendStringInfoString(&sql, OWN_STATEMENT "SELECT ");
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&sql, "%sc.%s", i > 0 ? ", " : "",
						 sql_column(edge->parent, edge->parent_cols[i]));
	appendStringInfo(&sql, " FROM %s c WHERE %s", sql_keyed_relation(edge->parent),
					 keys_condition(keys, "c", 1));
	caller = run_as(relation_owner(edge->parent));
	n = statement_run_once(sql.data, keys->ncols, keys->array_types, keys->arrays, NULL,
						   &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	run_as_end(caller);
	if (n > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		Size size = (sealed->nrows + n) * edge->nkeys * sizeof(Datum);

		sealed->keys = sealed->keys == NULL ? palloc(size) : repalloc(sealed->keys, size);
		for (uint64 row = 0; row < n; row++)
			for (int i = 0; i < edge->nkeys; i++)
			{
				bool isnull;
				Datum value =
					SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, i + 1, &isnull);

				/* what is NULL in a unique key is referenced by nobody */
				sealed->keys[sealed->nrows * edge->nkeys + i] =
					isnull ? (Datum) 0 : fk_parent_value(sealed->comparison, i, value);
				if (isnull)
					break;
				if (i == edge->nkeys - 1)
					sealed->nrows++;
			}
		MemoryContextSwitchTo(old);
	}
	statement_free_rows();
}

/* The column of an edge in a table that has it, from its parent or itself. */
static AttrNumber
column_in(Relation rel, const FkEdge *edge, int i)
{
	return edge->child == RelationGetRelid(rel)
			   ? edge->child_cols[i]
			   : get_attnum(RelationGetRelid(rel),
							get_attname(edge->child, edge->child_cols[i], false));
}

/* Prepare to compare the keys of an edge. */
static void
prepare_comparison(SealedKey *sealed, Relation rel, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	for (int i = 0; i < sealed->edge->nkeys; i++)
		sealed->columns[i] = column_in(rel, sealed->edge, i);
	sealed->comparison = fk_comparison(sealed->edge);
	MemoryContextSwitchTo(old);
}

/* The columns of a table that the trigger looks at. */
typedef struct WatchedColumns
{
	Oid relid;              /* the key of the hash table */
	Bitmapset *referencing; /* by which its rows reference others */
	Bitmapset *naming;      /* of its unique keys, by which removals find them */
} WatchedColumns;

/*
 * Those of tables that have the trigger, as they were when no relation had changed since: every
 * UPDATE asks for them, and reads nothing else where it leaves them alone.
 */
static MemoryContext known_context = NULL;
static HTAB *known_columns = NULL;
static uint64 known_changes = 0;

/* Read the columns of a table that are to be watched. */
static WatchedColumns
read_watched_columns(Relation rel)
{
	WatchedColumns watched = {.relid = RelationGetRelid(rel)};
	Bitmapset *keys = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	int member = -1;
	ListCell *lc;

	while ((member = bms_next_member(keys, member)) >= 0)
		if (member + FirstLowInvalidHeapAttributeNumber > 0)
			watched.naming =
				bms_add_member(watched.naming, member + FirstLowInvalidHeapAttributeNumber);
	foreach (lc, fk_of_with_periods(RelationGetRelid(rel)))
	{
		const FkEdge *edge = lfirst(lc);

		for (int i = 0; i < edge->nkeys; i++)
			watched.referencing = bms_add_member(watched.referencing, column_in(rel, edge, i));
	}
	return watched;
}

/* The same, kept until a relation changes. */
static WatchedColumns
watched_columns(Relation rel)
{
	Oid relid = RelationGetRelid(rel);
	uint64 changes = relation_changes_seen();
	WatchedColumns *entry;
	WatchedColumns watched;
	MemoryContext old;

	if (known_columns != NULL && known_changes == changes)
	{
		entry = hash_search(known_columns, &relid, HASH_FIND, NULL);
		if (entry != NULL)
			return *entry;
	}
	watched = read_watched_columns(rel);
	if (changes != relation_changes_seen())
		return watched;
	if (known_context == NULL)
		known_context =
			AllocSetContextCreate(TopMemoryContext, "pgaccount seals", ALLOCSET_SMALL_SIZES);
	if (known_columns == NULL || known_changes != changes)
	{
		HASHCTL ctl = {
			.keysize = sizeof(Oid), .entrysize = sizeof(WatchedColumns), .hcxt = known_context};

		known_columns = NULL;
		MemoryContextReset(known_context);
		known_columns =
			hash_create("pgaccount seals", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		known_changes = changes;
	}
	old = MemoryContextSwitchTo(known_context);
	watched.referencing = bms_copy(watched.referencing);
	watched.naming = bms_copy(watched.naming);
	MemoryContextSwitchTo(old);
	entry = hash_search(known_columns, &relid, HASH_ENTER, NULL);
	*entry = watched;
	return watched;
}

/* Did an UPDATE change what is watched? */
static bool
changes_watched(Relation rel, HeapTuple old, HeapTuple new)
{
	WatchedColumns watched = watched_columns(rel);

	return columns_changed(rel, old, new, watched.referencing, false) ||
		   columns_changed(rel, old, new, watched.naming, true);
}

/* Read the keys that are refused in this statement. In a memory context of the statement's. */
static Sealed *
read_sealed(Relation rel, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Sealed *sealed = palloc0(sizeof(Sealed));
	List *edges = fk_of_with_periods(RelationGetRelid(rel));
	List *targets;
	ListCell *lc;

	MemoryContextSwitchTo(old);
	SPI_connect();
	targets = removal_task_targets();
	old = MemoryContextSwitchTo(context);
	sealed->rows = sealed_rows_read(rel, targets);
	MemoryContextSwitchTo(old);
	foreach (lc, edges)
	{
		FkEdge *edge = lfirst(lc);
		SealedKey *key = NULL;
		ListCell *lc2;

		foreach (lc2, targets)
		{
			Oid target = lfirst_oid(lc2);
			ListCell *lc3;

			if (get_rel_name(target) == NULL || !references(edge, target))
				continue;
			foreach (lc3, removal_task_seals(target))
			{
				if (key == NULL)
				{
					key = MemoryContextAllocZero(context, sizeof(SealedKey));
					key->edge = edge;
					prepare_comparison(key, rel, context);
				}
				read_sealed_rows(key, removal_key_read(target, ((RemovalSeal *) lfirst(lc3))->key),
								 context);
			}
		}
		if (key != NULL && key->nrows > 0)
		{
			old = MemoryContextSwitchTo(context);
			sealed->keys = lappend(sealed->keys, key);
			MemoryContextSwitchTo(old);
		}
	}
	SPI_finish();
	return sealed;
}

/*
 * Is the key of a row that of a row that is being removed? Values are compared as a referential
 * check does.
 */
static bool
matches(SealedKey *sealed, const Datum *keys)
{
	FkEdge *edge = sealed->edge;

	for (int row = 0; row < sealed->nrows; row++)
	{
		int i = 0;

		while (i < edge->nkeys &&
			   fk_equal(sealed->comparison, i, sealed->keys[row * edge->nkeys + i], keys[i]))
			i++;
		if (i == edge->nkeys)
			return true;
	}
	return false;
}

/* Raise 23503. */
static void
refuse_row(const FkEdge *edge)
{
	ereport(ERROR, (errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					errmsg("row of \"%s\" references a row of \"%s\" that is being removed",
						   get_rel_name(edge->child), get_rel_name(edge->parent)),
					errdetail("Column %s references it.", reference_column(edge)),
					errhint("Reference another row. account.removal shows how far it is."),
					err_constraint(edge)));
}

/*
 * account.refuse_sealed() RETURNS trigger: AFTER INSERT OR UPDATE, for each row of a child, or of
 * the table itself.
 */
Datum
refuse_sealed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "refuse_sealed");
	Relation rel = trigger->tg_relation;
	bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	HeapTuple row = update ? trigger->tg_newtuple : trigger->tg_trigtuple;
	Sealed *sealed = fcinfo->flinfo->fn_extra;
	ListCell *lc;

	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		return PointerGetDatum(NULL);
	if (update && !changes_watched(rel, trigger->tg_trigtuple, row))
		return PointerGetDatum(NULL);
	if (sealed == NULL)
	{
		sealed = read_sealed(rel, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = sealed;
	}
	sealed_rows_refuse(rel, sealed->rows, update ? trigger->tg_trigtuple : NULL, row);
	foreach (lc, sealed->keys)
	{
		SealedKey *key = lfirst(lc);
		Datum keys[INDEX_MAX_KEYS];
		bool changed = !update;
		bool any_null = false;

		for (int i = 0; i < key->edge->nkeys && !any_null; i++)
		{
			Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), key->columns[i] - 1);
			bool isnull;
			Datum old;

			keys[i] = heap_getattr(row, key->columns[i], RelationGetDescr(rel), &any_null);
			if (any_null || changed)
				continue;
			old = heap_getattr(trigger->tg_trigtuple, key->columns[i], RelationGetDescr(rel),
							   &isnull);
			changed = isnull || !datum_image_eq(old, keys[i], att->attbyval, att->attlen);
		}
		if (changed && !any_null && matches(key, keys))
			refuse_row(key->edge);
	}
	return PointerGetDatum(NULL);
}
