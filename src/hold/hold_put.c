/*
 * hold_put.c
 *		Which tables have the triggers that keep rows under a hold.
 *
 * Every table that holds are about has them, each partition for itself: what PostgreSQL clones
 * would go with DETACH PARTITION. They come when a hold is placed, and with the CREATE or ALTER
 * TABLE, or the policy, that lets rows of another table go with those. They stay when the last hold
 * is released: to drop them would keep all readers off, and they cost nothing.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "hold_put.h"
#include "hold_state.h"
#include "hold_trigger.h"

/* One of the triggers that a table has. */
typedef struct HoldTriggerFound
{
	Oid oid; /* InvalidOid: it has none */
	NameData name;
	bool enabled;
	bool all_columns;   /* whichever column an UPDATE sets, or */
	Bitmapset *columns; /* one of these */
} HoldTriggerFound;

/* What there is of a table's triggers. */
typedef struct HoldTriggers
{
	HoldTriggerFound on_delete;
	HoldTriggerFound on_update;
	HoldTriggerFound after_update;
	HoldTriggerFound on_truncate;
} HoldTriggers;

#define ON_DELETE (TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_ROW | TRIGGER_TYPE_DELETE)
#define ON_UPDATE (TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_ROW | TRIGGER_TYPE_UPDATE)
#define AFTER_UPDATE                                                                               \
	(TRIGGER_TYPE_AFTER | TRIGGER_TYPE_ROW | TRIGGER_TYPE_UPDATE) /* and DELETE, of a partition */
#define ON_TRUNCATE (TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_TRUNCATE)

/*
 * Read a trigger with a function of ours. A table's owner may make others that have it, or rename
 * ours: one that fires at another time, or not always, is none; of several, one that fires counts.
 */
static void
read_trigger(Relation catalog, HeapTuple tuple, int16 type, HoldTriggerFound *found)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	bool enabled =
		form->tgenabled == TRIGGER_FIRES_ON_ORIGIN || form->tgenabled == TRIGGER_FIRES_ALWAYS;
	bool any = !OidIsValid(found->oid);
	bool isnull;
	Datum columns;
	int2vector *vector;

	(void) heap_getattr(tuple, Anum_pg_trigger_tgqual, RelationGetDescr(catalog), &isnull);
	if (!isnull || form->tgtype != type || (!any && found->enabled && !enabled))
		return;
	columns = heap_getattr(tuple, Anum_pg_trigger_tgattr, RelationGetDescr(catalog), &isnull);
	vector = isnull ? NULL : (int2vector *) DatumGetPointer(columns);
	if (any || (enabled && !found->enabled) ||
		strncmp(NameStr(form->tgname), TRIGGER_HOLD, strlen(TRIGGER_HOLD)) == 0)
	{
		found->oid = form->oid;
		found->name = form->tgname;
	}
	if (any || (enabled && !found->enabled))
	{
		found->columns = NULL;
		found->all_columns = false;
	}
	found->enabled = enabled;
	found->all_columns |= vector == NULL || vector->dim1 == 0;
	for (int i = 0; vector != NULL && i < vector->dim1; i++)
		found->columns = bms_add_member(found->columns, vector->values[i]);
}

/* The triggers of ours that a table has. */
static HoldTriggers
triggers_of(Oid relid)
{
	Oid on_delete = account_function("hold_delete");
	Oid on_update = account_function("hold_update");
	Oid on_truncate = account_function("hold_truncate");
	Relation catalog = table_open(TriggerRelationId, AccessShareLock);
	HoldTriggers found = {0};
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid function = ((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid;

		if (function == on_delete)
			read_trigger(catalog, tuple, ON_DELETE, &found.on_delete);
		else if (function == on_update)
		{
			read_trigger(catalog, tuple, ON_UPDATE, &found.on_update);
			read_trigger(catalog, tuple,
						 get_rel_relispartition(relid) ? AFTER_UPDATE | TRIGGER_TYPE_DELETE
													   : AFTER_UPDATE,
						 &found.after_update);
		}
		else if (function == on_truncate)
			read_trigger(catalog, tuple, ON_TRUNCATE, &found.on_truncate);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/*
 * Put a trigger on a table, whoever owns it. It is the server that does, and nobody's code runs. A
 * name that the owner has given to another is made longer.
 */
static void
create_trigger(Oid relid, const char *name, const char *event, const char *level,
			   const char *function)
{
	RawStmt *parsed;
	RoleState caller;
	char *sql;

	while (OidIsValid(get_trigger_oid(relid, name, true)))
		name = psprintf("%s_", name);
	sql = psprintf("CREATE TRIGGER %s %s ON %s FOR EACH %s EXECUTE FUNCTION account.%s()",
				   quote_identifier(name), event, sql_relation(relid), level, function);
	parsed = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
	caller = run_as_for_server_code(BOOTSTRAP_SUPERUSERID);
	CreateTrigger(castNode(CreateTrigStmt, parsed->stmt), sql, relid, InvalidOid, InvalidOid,
				  InvalidOid, account_function(function), InvalidOid, NULL, false, false);
	run_as_end(caller);
	CommandCounterIncrement();
}

/* Which columns the trigger on UPDATE looks at: *any of a partition, whose rows may move. */
static Bitmapset *
watched_columns(Oid relid, const HoldTable *table, bool *any)
{
	Bitmapset *columns;

	*any = get_rel_relispartition(relid);
	columns = *any ? NULL : hold_key_columns(table);
	return columns;
}

/* Is the trigger on UPDATE that a table has enough? */
static bool
update_suffices(Oid relid, const HoldTable *table, const HoldTriggerFound *found)
{
	bool any;
	Bitmapset *columns = watched_columns(relid, table, &any);

	if (!any && bms_is_empty(columns))
		return true;
	if (!OidIsValid(found->oid))
		return false;
	return found->all_columns || (!any && bms_is_subset(columns, found->columns));
}

/* Put the trigger on UPDATE on a table, in place of one that looks at too little. */
static void
create_update_trigger(Oid relid, const HoldTable *table, const HoldTriggerFound *found)
{
	bool any;
	Bitmapset *columns = watched_columns(relid, table, &any);
	StringInfoData event;
	int attnum = -1;

	if (OidIsValid(found->oid))
	{
		ObjectAddress object;

		ObjectAddressSet(object, TriggerRelationId, found->oid);
		performDeletion(&object, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
		CommandCounterIncrement();
	}
	initStringInfo(&event);
	appendStringInfoString(&event, "BEFORE UPDATE");
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		appendStringInfo(&event, "%s%s", event.len == strlen("BEFORE UPDATE") ? " OF " : ", ",
						 sql_column(relid, attnum));
	create_trigger(relid, TRIGGER_HOLD_UPDATE, event.data, "ROW", "hold_update");
}

/* Does a table need the trigger that looks at rows once they are written? */
static bool
needs_after_update(const HoldTable *table)
{
	return !bms_is_empty(hold_key_columns(table));
}

/* Is the one that it has enough? */
static bool
after_update_suffices(const HoldTable *table, const HoldTriggerFound *found)
{
	return !needs_after_update(table) || (OidIsValid(found->oid) && found->all_columns);
}

/* Enable a trigger that a table has. */
static void
enable_trigger(Oid relid, const HoldTriggerFound *found)
{
	RoleState caller;

	if (!OidIsValid(found->oid) || found->enabled)
		return;
	caller = run_as(relation_owner(relid));
	run_sql("ALTER TABLE %s ENABLE TRIGGER %s", sql_relation(relid),
			quote_identifier(NameStr(found->name)));
	run_as_end(caller);
	CommandCounterIncrement();
}

/* Has a table all triggers that it needs? enabled: and do they fire? */
bool
hold_has_triggers(Oid relid, const HoldTable *table, bool enabled)
{
	HoldTriggers found = triggers_of(relid);

	if (!OidIsValid(found.on_delete.oid) || !OidIsValid(found.on_truncate.oid) ||
		!update_suffices(relid, table, &found.on_update) ||
		!after_update_suffices(table, &found.after_update))
		return false;
	return !enabled || (found.on_delete.enabled && found.on_truncate.enabled &&
						(!OidIsValid(found.on_update.oid) || found.on_update.enabled) &&
						(!needs_after_update(table) || found.after_update.enabled));
}

/* Put what it lacks on a table. */
static void
put_triggers_on(Oid relid)
{
	HoldTriggers found = triggers_of(relid);
	const HoldTable *table;

	if (!OidIsValid(found.on_delete.oid))
		create_trigger(relid, TRIGGER_HOLD, "BEFORE DELETE", "ROW", "hold_delete");
	if (!OidIsValid(found.on_truncate.oid))
		create_trigger(relid, TRIGGER_HOLD_TRUNCATE, "BEFORE TRUNCATE", "STATEMENT",
					   "hold_truncate");
	table = hold_table_of(relid);
	if (table != NULL && !update_suffices(relid, table, &found.on_update))
		create_update_trigger(relid, table, &found.on_update);
	else
		enable_trigger(relid, &found.on_update);
	if (table != NULL && !after_update_suffices(table, &found.after_update))
		create_trigger(relid, TRIGGER_HOLD_UPDATED,
					   get_rel_relispartition(relid) ? "AFTER UPDATE OR DELETE" : "AFTER UPDATE",
					   "ROW", "hold_update");
	else
		enable_trigger(relid, &found.after_update);
	enable_trigger(relid, &found.on_delete);
	enable_trigger(relid, &found.on_truncate);
}

/* Does a table take triggers, that is, has it rows? */
bool
hold_takes_triggers(Oid relid)
{
	return get_rel_relkind(relid) == RELKIND_RELATION;
}

/*
 * Put the triggers on every table that has none; see the header. Each lock may bring news of other
 * tables: so again, until there are none.
 */
int64
hold_put_triggers(LOCKMODE lock, const List *but)
{
	List *done = list_copy(but);
	int64 lacked = 0;
	bool again = true;

	while (again)
	{
		ListCell *lc;

		again = false;
		foreach (lc, hold_relations())
		{
			Oid relid = lfirst_oid(lc);
			const HoldTable *table;

			CHECK_FOR_INTERRUPTS();
			if (list_member_oid(done, relid))
				continue;
			done = lappend_oid(done, relid);
			again = true;
			if (lock != NoLock)
				LockRelationOid(relid, lock);
			table = hold_table_of(relid);
			if (table == NULL || !hold_takes_triggers(relid) ||
				hold_has_triggers(relid, table, true))
				continue;
			LockRelationOid(relid, ShareRowExclusiveLock);
			if (get_rel_name(relid) == NULL)
				continue; /* dropped meanwhile */
			lacked++;
			put_triggers_on(relid);
		}
	}
	return lacked;
}
