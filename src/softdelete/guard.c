/*
 * guard.c
 *		No new references to deleted rows.
 *
 * A constraint trigger on each referencing table, and on each partition of it, declared `FROM` the
 * referenced one so that PostgreSQL follows and dumps the pair, checks new and changed keys, and
 * rows that come back to life.
 *
 * The lock that decides: the check takes FOR KEY SHARE on the parent row, as the server's
 * referential check does. A guarded deletion takes FOR UPDATE on it (soft_delete.c), which waits
 * for that and makes it wait. So if the deletion commits first the check sees a deleted row and
 * refuses; if the child commits first, it stays.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "cascade_batch.h"
#include "guard.h"
#include "hierarchy.h"
#include "mapping.h"
#include "soft_delete.h"

PG_FUNCTION_INFO_V1(guard_reference);

/*
 * May a guard of a key not have this name? SET CONSTRAINTS, by which what is deferred is fired, is
 * about all constraints of a schema that have a name: none of them may be of another kind, or,
 * where they may be deferred, another owner's.
 */
static bool
name_is_taken(const FkEdge *edge, Oid child, const char *name)
{
	Relation constraints;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	bool taken = OidIsValid(get_trigger_oid(child, name, true));

	if (taken)
		return true;
	constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_constraint_conname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(name));
	ScanKeyInit(&keys[1], Anum_pg_constraint_connamespace, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(get_rel_namespace(child)));
	scan = systable_beginscan(constraints, ConstraintNameNspIndexId, true, NULL, 2, keys);
	while (!taken && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		taken = form->condeferrable != edge->deferrable || form->condeferred != edge->deferred ||
				(edge->deferrable && OidIsValid(form->conrelid) &&
				 relation_owner(form->conrelid) != relation_owner(child));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return taken;
}

/* A name for a guard that the child does not have yet. */
static char *
new_guard_name(const FkEdge *edge, Oid child)
{
	const char *parent = get_rel_name(edge->parent);
	char *name = makeObjectName(TRIGGER_GUARD_PREFIX "of", parent, NULL);

	for (int i = 1; name_is_taken(edge, child, name); i++)
		name = makeObjectName(TRIGGER_GUARD_PREFIX "of", parent, psprintf("%d", i));
	return name;
}

/*
 * Put a guard on one table. Neither its owner nor that of the parent need have TRIGGER on both, so
 * it is the server that does, and nobody's code runs; whoever calls has checked who may.
 */
static void
create_guard(const FkEdge *edge, Oid child)
{
	char *sql = psprintf("CREATE CONSTRAINT TRIGGER %s AFTER INSERT OR UPDATE ON %s FROM %s %s"
						 " FOR EACH ROW EXECUTE FUNCTION account.guard_reference()",
						 quote_identifier(new_guard_name(edge, child)), sql_relation(child),
						 sql_relation(edge->parent),
						 edge->deferred     ? "DEFERRABLE INITIALLY DEFERRED"
						 : edge->deferrable ? "DEFERRABLE"
											: "");
	RawStmt *parsed = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
	RoleState caller = run_as_for_server_code(BOOTSTRAP_SUPERUSERID);

	CreateTrigger(castNode(CreateTrigStmt, parsed->stmt), sql, child, edge->parent, InvalidOid,
				  InvalidOid, account_function("guard_reference"), InvalidOid, NULL, false, false);
	run_as_end(caller);
	CommandCounterIncrement();
}

/*
 * Guard a foreign key in a table and its partitions. Each has a trigger of its own, for one that
 * PostgreSQL has cloned would neither go with DETACH PARTITION nor let ATTACH PARTITION come again.
 */
static void
guard_key(const FkEdge *edge, Oid child)
{
	ListCell *lc;

	foreach (lc, statement_trigger_tables(child, ShareRowExclusiveLock))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION &&
			own_trigger(lfirst_oid(lc), "guard_reference", edge->parent) == NULL)
			create_guard(edge, lfirst_oid(lc));
}

/* Is every table that has this key guarded? */
static bool
is_guarded(const FkEdge *edge)
{
	ListCell *lc;

	foreach (lc, statement_trigger_tables(edge->child, AccessShareLock))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION &&
			own_trigger(lfirst_oid(lc), "guard_reference", edge->parent) == NULL)
			return false;
	return true;
}

/* Put a guard on every table that references this one, or a part of it, and has none. */
void
guard_create_triggers(Oid parent)
{
	ListCell *part;

	foreach (part, find_all_inheritors(parent, NoLock, NULL))
	{
		ListCell *lc;

		foreach (lc, fk_referencing(lfirst_oid(part)))
		{
			FkEdge *edge = lfirst(lc);

			if (is_guarded(edge))
				continue;
			refuse_citus_table(
				edge->child, "guard_references",
				"Leave guard_references off: on a shard the trigger would look for the "
				"referenced rows in the table, and not in its shard.");
			if (pg_class_aclcheck(edge->child, GetUserId(), ACL_TRIGGER) != ACLCHECK_OK)
				ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
								errmsg("permission denied for table %s", get_rel_name(edge->child)),
								errdetail(OidIsValid(edge->constraint)
											  ? "Its foreign key \"%s\" is to be guarded by a "
												"trigger."
											  : "Its declared reference \"%s\" is to be guarded by "
												"a trigger.",
										  edge->name),
								errhint("Let its owner GRANT TRIGGER ON %s, or leave references "
										"unguarded.",
										sql_relation(edge->child))));
			guard_key(edge, edge->child);
		}
	}
}

/* Are new references to a table's deleted rows refused? */
static bool
guards(Oid parent)
{
	const SoftDelete *mapping = mapping_declared(parent);

	return mapping != NULL && mapping->options.guard_references;
}

/* A partition has come to a table: see the header. */
void
guard_partition(Oid relid)
{
	List *parts = find_all_inheritors(relid, NoLock, NULL);
	ListCell *part;
	ListCell *lc;

	foreach (lc, fk_of(relid))
		if (guards(((FkEdge *) lfirst(lc))->parent))
			guard_key(lfirst(lc), relid);
	foreach (part, parts)
	{
		foreach (lc, fk_referencing(lfirst_oid(part)))
		{
			FkEdge *edge = lfirst(lc);

			if (list_member_oid(parts, edge->parent) && guards(edge->parent))
				guard_key(edge, edge->child);
		}
	}
}

/* The tables that have a guard of one of these tables. */
static List *
guarded_tables(List *parents)
{
	Oid function = account_function("guard_reference");
	Relation rel = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List *tables = NIL;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (form->tgfoid == function && list_member_oid(parents, form->tgconstrrelid))
			tables = list_append_unique_oid(tables, form->tgrelid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tables;
}

/* Take the guards of this table, and of its parts, off. */
void
guard_drop_triggers(Oid parent)
{
	List *parents = find_all_inheritors(parent, NoLock, NULL);
	ListCell *lc;

	foreach (lc, guarded_tables(parents))
	{
		Oid child = lfirst_oid(lc);
		ListCell *part;

		LockRelationOid(child, AccessExclusiveLock);
		if (get_rel_name(child) == NULL)
			continue; /* dropped meanwhile */
		foreach (part, parents)
		{
			char *name;

			while ((name = own_trigger(child, "guard_reference", lfirst_oid(part))) != NULL)
			{
				RoleState caller;

				deferred_fire_table(child);
				/* the child may be somebody else's, but the trigger is ours */
				caller = run_as(relation_owner(child));
				run_sql("DROP TRIGGER %s ON %s", quote_identifier(name), sql_relation(child));
				run_as_end(caller);
			}
		}
	}
}

/* The key of a row for an edge; false: a column is NULL, so it references nothing. */
static bool
read_key(Relation rel, HeapTuple tuple, const FkEdge *edge, Datum *keys, Oid *types)
{
	for (int i = 0; i < edge->nkeys; i++)
	{
		AttrNumber attnum = edge->child == RelationGetRelid(rel)
								? edge->child_cols[i]
								: get_attnum(RelationGetRelid(rel),
											 get_attname(edge->child, edge->child_cols[i], false));
		bool isnull;

		keys[i] = heap_getattr(tuple, attnum, RelationGetDescr(rel), &isnull);
		types[i] = TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid;
		if (isnull)
			return false;
	}
	return true;
}

/* Did an UPDATE leave the key as it was? */
static bool
same_key(const FkEdge *edge, Datum *old, Datum *new, Oid *types)
{
	for (int i = 0; i < edge->nkeys; i++)
	{
		int16 len;
		bool by_value;

		get_typlenbyval(types[i], &len, &by_value);
		if (!datum_image_eq(old[i], new[i], by_value, len))
			return false;
	}
	return true;
}

/* `(a, b)=(1, 2)`: the key as a message shows it. */
static char *
display_key(const FkEdge *edge, Datum *keys, Oid *types)
{
	StringInfoData columns;
	StringInfoData values;

	initStringInfo(&columns);
	initStringInfo(&values);
	for (int i = 0; i < edge->nkeys; i++)
	{
		Oid output;
		bool is_varlena;

		getTypeOutputInfo(types[i], &output, &is_varlena);
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "",
						 get_attname(edge->child, edge->child_cols[i], false));
		appendStringInfo(&values, "%s%s", i > 0 ? ", " : "",
						 OidOutputFunctionCall(output, keys[i]));
	}
	return psprintf("(%s)=(%s)", columns.data, values.data);
}

typedef enum ParentState
{
	PARENT_MISSING,
	PARENT_LIVE,
	PARENT_DELETED
} ParentState;

/* What a snapshot has of the row that this key references. Locks it against deletion. */
static ParentState
parent_seen(const FkEdge *edge, const SoftDelete *mapping, Datum *keys, Oid *types,
			StatementSnapshot look)
{
	KeptStatement *plan = plan_lookup(PLAN_GUARD_PARENT, edge->constraint, edge->declared);
	StatementOptions options = {.look = look, .limit = 1, .within = true};
	bool isnull;
	bool deleted;

	if (plan == NULL)
	{
		/* a key references rows of the very table, and not of those that inherit from it */
		char *sql = psprintf(
			OWN_STATEMENT "SELECT p.%s IS NOT NULL FROM %s%s p WHERE %s FOR KEY SHARE OF p",
			sql_column(edge->parent, mapping->deleted_at),
			get_rel_relkind(edge->parent) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
			sql_relation(edge->parent), fk_join(edge, "p", false, "$", true));

		plan =
			plan_keep(PLAN_GUARD_PARENT, edge->constraint, edge->declared, sql, edge->nkeys, types);
	}
	if (statement_run(plan, keys, NULL, &options) == 0)
		return PARENT_MISSING;
	deleted = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	statement_free_rows();
	return deleted ? PARENT_DELETED : PARENT_LIVE;
}

/*
 * The row that this key references. Under a transaction snapshot its newest version counts, as in
 * referential checks; where that lives again, which the transaction has not seen, no order of the
 * two transactions would give what both have seen: 40001. Within SPI_connect.
 */
static ParentState
parent_state(const FkEdge *edge, const SoftDelete *mapping, Datum *keys, Oid *types)
{
	bool one_snapshot = IsolationUsesXactSnapshot();
	RoleState caller = run_as(relation_owner(edge->parent));
	ParentState state = parent_seen(edge, mapping, keys, types,
									one_snapshot ? SNAPSHOT_OF_NOW : SNAPSHOT_OF_STATEMENT);

	if (one_snapshot && state == PARENT_LIVE &&
		parent_seen(edge, mapping, keys, types, SNAPSHOT_OF_STATEMENT) == PARENT_DELETED)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update"),
						errdetail("Another transaction has restored a row that is referenced."),
						errhint("Try the transaction again.")));
	run_as_end(caller);
	return state;
}

/* Raise 23503 for a key that references a deleted row. */
static void
refuse_reference(const FkEdge *edge, Datum *keys, Oid *types)
{
	ereport(ERROR, (errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					errmsg("row of \"%s\" references a deleted row of \"%s\"",
						   get_rel_name(edge->child), get_rel_name(edge->parent)),
					errdetail_row("Key %s is deleted in table \"%s\".",
								  display_key(edge, keys, types), get_rel_name(edge->parent)),
					errhint("Restore the referenced row first, or reference another."),
					err_constraint(edge)));
}

/* Raise 23503 if rows that these keys of a child reference are deleted, and guarded. */
void
guard_check(const FkEdge *edge, const KeyList *keys)
{
	const SoftDelete *found = mapping_active(edge->parent);
	SoftDelete mapping;
	Oid types[INDEX_MAX_KEYS];

	if (found == NULL || !found->options.guard_references)
		return;
	mapping = *found;
	for (int i = 0; i < edge->nkeys; i++)
		types[i] = get_atttype(edge->child, edge->child_cols[i]);
	SPI_connect();
	for (int i = 0; i < keys->n; i++)
	{
		Datum key[INDEX_MAX_KEYS];

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < edge->nkeys; j++)
			key[j] = keys->keys[j][i];
		if (parent_state(edge, &mapping, key, types) == PARENT_DELETED)
			refuse_reference(edge, key, types);
	}
	SPI_finish();
}

/*
 * The row of an event as it is now, NULL where it is gone. Deferred, or behind a trigger of the
 * table that fired first, a command of ours may have changed the row since; where that left the key
 * alone nobody else judges it.
 */
static HeapTuple
row_by_now(Relation rel, TupleTableSlot *version, HeapTuple row)
{
	ItemPointerData tid = row->t_self;
	TupleTableSlot *slot;
	TableScanDesc scan;
	HeapTuple now = NULL;

	if (table_tuple_satisfies_snapshot(rel, version, SnapshotSelf))
		return row;
	scan = table_beginscan_tid(rel, SnapshotSelf);
	table_tuple_get_latest_tid(scan, &tid);
	table_endscan(scan);
	slot = table_slot_create(rel, NULL);
	if (table_tuple_fetch_row_version(rel, &tid, SnapshotSelf, slot))
		now = ExecCopySlotHeapTuple(slot);
	ExecDropSingleTupleTableSlot(slot);
	return now;
}

/* account.guard_reference() RETURNS trigger: AFTER INSERT OR UPDATE, for each row of a child. */
Datum
guard_reference(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "guard_reference");
	Relation rel = trigger->tg_relation;
	Oid parent = trigger->tg_trigger->tgconstrrelid;
	bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	HeapTuple row = update ? trigger->tg_newtuple : trigger->tg_trigtuple;
	HeapTuple now;
	const SoftDelete *child_mapping;
	const SoftDelete *found;
	SoftDelete mapping;
	bool revived = false;
	ListCell *lc;

	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigger->tg_event) || !OidIsValid(parent))
		return PointerGetDatum(NULL);
	found = mapping_active(parent);
	if (found == NULL || !found->options.guard_references)
		return PointerGetDatum(NULL);
	mapping = *found;
	now = row_by_now(rel, update ? trigger->tg_newslot : trigger->tg_trigslot, row);
	if (now == NULL)
		return PointerGetDatum(NULL);

	child_mapping = mapping_declared(RelationGetRelid(rel));
	if (child_mapping != NULL)
	{
		bool is_live;
		bool stays_live;
		bool was_live = true;

		(void) heap_getattr(row, child_mapping->deleted_at, RelationGetDescr(rel), &is_live);
		(void) heap_getattr(now, child_mapping->deleted_at, RelationGetDescr(rel), &stays_live);
		if (!is_live || !stays_live)
			return PointerGetDatum(NULL); /* a deleted row may reference deleted rows */
		if (update)
			(void) heap_getattr(trigger->tg_trigtuple, child_mapping->deleted_at,
								RelationGetDescr(rel), &was_live);
		revived = !was_live;
	}

	SPI_connect();
	foreach (lc, fk_of(RelationGetRelid(rel)))
	{
		FkEdge *edge = lfirst(lc);
		Datum keys[INDEX_MAX_KEYS];
		Datum old_keys[INDEX_MAX_KEYS];
		Datum keys_now[INDEX_MAX_KEYS];
		Oid types[INDEX_MAX_KEYS];
		bool had_key = false;

		if (edge->parent != parent || !read_key(rel, row, edge, keys, types))
			continue;
		if (now != row &&
			(!read_key(rel, now, edge, keys_now, types) || !same_key(edge, keys, keys_now, types)))
			continue; /* for the event of the command that changed it */
		if (update && !revived)
		{
			had_key = read_key(rel, trigger->tg_trigtuple, edge, old_keys, types);
			if (had_key && same_key(edge, old_keys, keys, types))
				continue;
		}
		/* a missing parent is for the foreign key itself to refuse */
		if (parent_state(edge, &mapping, keys, types) != PARENT_DELETED)
			continue;
		/* a key that left the parent table took its children along: ON UPDATE CASCADE */
		if (had_key && OidIsValid(edge->constraint) &&
			parent_state(edge, &mapping, old_keys, types) == PARENT_MISSING)
			continue;
		/* it may come back with this one */
		if (revived && cascade_in_batch())
			cascade_guard_later(edge, keys);
		else
			refuse_reference(edge, keys, types);
	}
	SPI_finish();
	return PointerGetDatum(NULL);
}
