/*
 * profile_registry.c
 *		Writing the registry of automatic profiles, and following the tables it speaks of.
 *
 * Columns that only `defaults` names carry no dependency: dropping one must need no CASCADE. So
 * renames are followed by an event trigger: at the start of an ALTER TABLE this backend notes the
 * attribute number of each name, at its end it writes the name that each number has by then.
 * Nothing but names is stored, so a restored registry is as good as the one that was dumped. A
 * dropped column's name stays, for the warning. Another event trigger removes rules whose tables or
 * triggers were dropped.
 *
 * Both cost a look into a table of a few rows, and write, as the registry's owner, only what
 * changed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "profile_registry.h"
#include "profile_rule.h"

PG_FUNCTION_INFO_V1(profile_rule_changed);
PG_FUNCTION_INFO_V1(profile_rule_replaced);
PG_FUNCTION_INFO_V1(follow_profile_columns);
PG_FUNCTION_INFO_V1(follow_profile_drops);

/* Which column a default is for. */
typedef struct ColumnNote
{
	RegistryDefault def;
	AttrNumber attnum;
} ColumnNote;

/* Notes of the command that is running, in TopTransactionContext. */
static List *notes = NIL;

/* How many calls of ours are dropping triggers of a rule at present. */
static int rearranging = 0;

/* Begin or end dropping triggers of ours. */
void
profile_registry_rearrange(bool begin)
{
	rearranging += begin ? 1 : -1;
}

/* Is there a rule of these two tables? */
bool
profile_registry_has(Oid users, Oid profiles)
{
	ListCell *cell;

	foreach (cell, registry_rules())
	{
		RegistryRule *rule = lfirst(cell);

		if (rule->users == users && rule->profiles == profiles)
			return true;
	}
	return false;
}

/*
 * Run a statement on a table of the registry with up to four parameters, as its owner. Within
 * SPI_connect.
 */
static void
write_registry(const char *table, const char *sql, int nargs, Oid *types, Datum *values)
{
	RoleState saved = run_as_owner(table);

	(void) statement_run_once(sql, nargs, types, values, NULL, NULL);
	run_as_end(saved);
}

/* Remove the rule of two tables, all its defaults, one of them; rename one of them. */
static const char delete_rule[] =
	OWN_STATEMENT "DELETE FROM account.profile_rule r "
				  "WHERE r.users::pg_catalog.oid OPERATOR(pg_catalog.=) $1 "
				  "AND r.profiles::pg_catalog.oid OPERATOR(pg_catalog.=) $2";
static const char delete_defaults[] =
	OWN_STATEMENT "DELETE FROM account.profile_default d "
				  "WHERE d.users::pg_catalog.oid OPERATOR(pg_catalog.=) $1 "
				  "AND d.profiles::pg_catalog.oid OPERATOR(pg_catalog.=) $2";
static const char delete_default[] =
	OWN_STATEMENT "DELETE FROM account.profile_default d "
				  "WHERE d.users::pg_catalog.oid OPERATOR(pg_catalog.=) $1 "
				  "AND d.profiles::pg_catalog.oid OPERATOR(pg_catalog.=) $2 "
				  "AND d.column_name OPERATOR(pg_catalog.=) $3";
static const char rename_default[] =
	OWN_STATEMENT "UPDATE account.profile_default d SET column_name = $3 "
				  "WHERE d.users::pg_catalog.oid OPERATOR(pg_catalog.=) $1 "
				  "AND d.profiles::pg_catalog.oid OPERATOR(pg_catalog.=) $2 "
				  "AND d.column_name OPERATOR(pg_catalog.=) $4";

/* Remove a rule with its defaults. */
void
profile_registry_remove(Oid users, Oid profiles)
{
	Oid types[] = {OIDOID, OIDOID};
	Datum values[] = {ObjectIdGetDatum(users), ObjectIdGetDatum(profiles)};

	write_registry("profile_default", delete_defaults, 2, types, values);
	write_registry("profile_rule", delete_rule, 2, types, values);
}

/* Write a rule with its defaults, in place of what there was. */
void
profile_registry_write(Oid users, Oid profiles, bool adopt, Jsonb *defaults)
{
	Oid types[] = {OIDOID, OIDOID, BOOLOID, JSONBOID};
	Datum values[] = {ObjectIdGetDatum(users), ObjectIdGetDatum(profiles), BoolGetDatum(adopt),
					  JsonbPGetDatum(defaults)};

	profile_registry_remove(users, profiles);
	write_registry("profile_rule",
				   OWN_STATEMENT "INSERT INTO account.profile_rule (users, profiles, adopt) "
								 "VALUES ($1, $2, $3)",
				   3, types, values);
	write_registry("profile_default",
				   OWN_STATEMENT "INSERT INTO account.profile_default "
								 "(users, profiles, column_name, value) "
								 "SELECT $1, $2, d.key, d.value FROM pg_catalog.jsonb_each($4) d",
				   4, types, values);
}

/*
 * Send an invalidation of the table whose OID is in this column, if there is (still) such a table.
 */
static void
invalidate_table(HeapTuple tuple, int column, TupleDesc desc)
{
	bool isnull;
	Oid relid = DatumGetObjectId(heap_getattr(tuple, column, desc, &isnull));

	if (!isnull && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		CacheInvalidateRelcacheByRelid(relid);
}

/*
 * account.profile_rule_changed(): trigger function on the registry, for each row. Every session
 * reads the rule anew, whoever changed it, a restore included.
 */
Datum
profile_rule_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("account.profile_rule_changed must be called as the trigger of "
							   "account.profile_rule")));
	invalidate_table(trigdata->tg_trigtuple, 1, RelationGetDescr(trigdata->tg_relation));
	invalidate_table(trigdata->tg_trigtuple, 2, RelationGetDescr(trigdata->tg_relation));
	return PointerGetDatum(NULL);
}

/*
 * account.profile_rule_replaced(): trigger function on the registry, BEFORE INSERT for each row. A
 * row takes the place of the one that speaks of the same tables (and column), so that data restored
 * into a database that has the rules already is no conflict.
 */
Datum
profile_rule_replaced(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Oid types[] = {OIDOID, OIDOID, TEXTOID};
	Datum values[3];
	TupleDesc desc;
	bool isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("account.profile_rule_replaced must be called as the trigger of "
							   "account.profile_rule")));
	desc = RelationGetDescr(trigdata->tg_relation);
	for (int i = 0; i < lengthof(values); i++)
		values[i] = heap_getattr(trigdata->tg_trigtuple, i + 1, desc, &isnull);
	SPI_connect();
	if (strcmp(RelationGetRelationName(trigdata->tg_relation), "profile_rule") == 0)
		write_registry("profile_rule", delete_rule, 2, types, values);
	else
		write_registry("profile_default", delete_default, 3, types, values);
	SPI_finish();
	return PointerGetDatum(trigdata->tg_trigtuple);
}

/* The transaction's memory goes, and the notes with it. */
static void
forget_notes(void *arg)
{
	notes = NIL;
}

/* Note which column each default is for; the notes last for the transaction. */
static void
note_columns(void)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	ListCell *cell;

	notes = NIL;
	foreach (cell, registry_defaults())
	{
		RegistryDefault *def = lfirst(cell);
		ColumnNote *note = palloc(sizeof(ColumnNote));

		note->def = *def;
		note->attnum = get_attnum(def->profiles, def->column_name);
		if (note->attnum > 0)
			notes = lappend(notes, note);
	}
	if (notes != NIL)
	{
		MemoryContextCallback *forget = palloc(sizeof(MemoryContextCallback));

		forget->func = forget_notes;
		forget->arg = NULL;
		MemoryContextRegisterResetCallback(TopTransactionContext, forget);
	}
	MemoryContextSwitchTo(caller);
}

/* The name of a column; NULL: it, or its table, was dropped. */
static char *
live_column_name(Oid relid, AttrNumber attnum)
{
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	char *name = NULL;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	if (!((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped)
		name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
	ReleaseSysCache(tuple);
	return name;
}

/* Write the names that the columns noted have now. */
static void
follow_notes(void)
{
	ListCell *cell;

	foreach (cell, notes)
	{
		ColumnNote *note = lfirst(cell);
		char *name = live_column_name(note->def.profiles, note->attnum);
		Oid types[] = {OIDOID, OIDOID, TEXTOID, TEXTOID};
		Datum values[4];

		if (name == NULL || strcmp(name, note->def.column_name) == 0)
			continue;
		values[0] = ObjectIdGetDatum(note->def.users);
		values[1] = ObjectIdGetDatum(note->def.profiles);
		values[2] = CStringGetTextDatum(name);
		values[3] = CStringGetTextDatum(note->def.column_name);
		SPI_connect();
		write_registry("profile_default", delete_default, 3, types,
					   values); /* of a column dropped before */
		write_registry("profile_default", rename_default, 4, types, values);
		SPI_finish();
	}
}

/*
 * account.follow_profile_columns(): event trigger, before and after commands that rename columns.
 */
Datum
follow_profile_columns(PG_FUNCTION_ARGS)
{
	const EventTriggerData *trigdata = called_as_event_trigger(fcinfo, "follow_profile_columns");

	if (strcmp(trigdata->event, "ddl_command_start") != 0)
		follow_notes();
	note_columns();
	PG_RETURN_NULL();
}

/* Has this table the trigger with that function and mark? */
static bool
has_trigger(Oid relid, const char *function, Oid marked)
{
	Relation rel = try_table_open(relid, AccessShareLock);
	TriggerDesc *desc;
	bool result = false;

	if (rel == NULL)
		return false;
	desc = CopyTriggerDesc(rel->trigdesc);
	for (int i = 0; desc != NULL && i < desc->numtriggers && !result; i++)
	{
		Oid found;
		AttrNumber attnum;

		result = is_own_function(desc->triggers[i].tgfoid, function) &&
				 profile_mark(desc->triggers[i].tgqual, &found, &attnum) && found == marked;
	}
	table_close(rel, NoLock);
	return result;
}

/*
 * account.follow_profile_drops(): event trigger on sql_drop. A rule that lost a table or the
 * trigger that carries it is over: what is left of it goes, with a WARNING where users remain.
 */
Datum
follow_profile_drops(PG_FUNCTION_ARGS)
{
	ListCell *cell;

	(void) called_as_event_trigger(fcinfo, "follow_profile_drops");
	if (rearranging > 0)
		PG_RETURN_NULL();
	foreach (cell, registry_rules())
	{
		RegistryRule *rule = lfirst(cell);

		if (has_trigger(rule->users, MAKE_PROFILE, rule->profiles) &&
			has_trigger(rule->profiles, KEEP_PROFILE, rule->users))
			continue;
		SPI_connect();
		rearranging++;
		PG_TRY();
		{
			profile_drop_triggers(rule->users, rule->profiles);
			profile_registry_remove(rule->users, rule->profiles);
		}
		PG_FINALLY();
		{
			rearranging--;
		}
		PG_END_TRY();
		SPI_finish();
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(rule->users)))
			ereport(WARNING, (errmsg("automatic profiles of %s are switched off",
									 display_relation(rule->users)),
							  errdetail("What they need was dropped."),
							  errhint("Call account.enable_profile to have them again.")));
	}
	PG_RETURN_NULL();
}
