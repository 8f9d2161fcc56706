/*
 * repeated_trigger.c
 *		A dump's CREATE TRIGGER of a trigger of ours that the table has already.
 *
 * Triggers of ours are dumped with their tables. They are also put on by the commands that make
 * them needed: a partition is attached, a key lets rows of a table go with those under a hold.
 * While a dump is restored such a command may come first, in whatever order, by whatever program.
 * Then the CREATE TRIGGER that the dump brings finds its trigger there, and takes its place.
 *
 * So it is for the table's owner, of the same name, function, arguments and condition as a dump
 * writes them. Which columns and events a trigger looks at may differ: those that need it can be
 * others by then. Any other CREATE TRIGGER fails, as ever.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "command_tables.h"
#include "extension.h"
#include "run_as.h"
#include "version.h"

PG_FUNCTION_INFO_V1(trigger_repeated);

/* The trigger of this name if it has a function of ours, and is no clone; else InvalidOid. */
static Oid
our_trigger(Oid relid, const char *name)
{
	Oid extension = account_extension();
	Relation catalog = table_open(TriggerRelationId, AccessShareLock);
	Oid trigger = InvalidOid;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(name));
	scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (!form->tgisinternal && !OidIsValid(form->tgparentid) && OidIsValid(extension) &&
			getExtensionOfObject(ProcedureRelationId, form->tgfoid) == extension)
			trigger = form->oid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return trigger;
}

/* What may differ, and the table, which is known to be the same, left out. */
static CreateTrigStmt *
essence(const CreateTrigStmt *stmt)
{
	CreateTrigStmt *copy = copyObject((CreateTrigStmt *) stmt);

	copy->relation = NULL;
	copy->columns = NIL;
	copy->events = 0;
	return copy;
}

/* Does a command make a trigger again as it is? */
static bool
is_repeated(const CreateTrigStmt *stmt, Oid trigger)
{
	int level = names_begin(); /* names are written as in a dump */
	char *definition =
		TextDatumGetCString(DirectFunctionCall1(pg_get_triggerdef, ObjectIdGetDatum(trigger)));
	RawStmt *there = linitial_node(RawStmt, raw_parser(definition, RAW_PARSE_DEFAULT));

	names_end(level);
	return equal(essence(stmt), essence(castNode(CreateTrigStmt, there->stmt)));
}

/* The table's trigger of ours that a command makes again; InvalidOid: it makes another. */
static Oid
repeated_trigger(const CreateTrigStmt *stmt, Oid relid)
{
	Oid trigger = our_trigger(relid, stmt->trigname);

	return OidIsValid(trigger) && is_repeated(stmt, trigger) ? trigger : InvalidOid;
}

/* Let the command take that trigger's place. CREATE OR REPLACE knows no constraint triggers. */
static void
make_way(CreateTrigStmt *stmt, Oid trigger)
{
	ObjectAddress object;

	if (!stmt->isconstraint)
	{
		stmt->replace = true;
		return;
	}
	ObjectAddressSet(object, TriggerRelationId, trigger);
	performDeletion(&object, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
}

/*
 * account.trigger_repeated() RETURNS event_trigger, ON ddl_command_start of CREATE TRIGGER. The
 * command's own lock is taken here: another session may be about to put the trigger on.
 */
Datum
trigger_repeated(PG_FUNCTION_ARGS)
{
	Node *command = called_as_event_trigger(fcinfo, "trigger_repeated")->parsetree;
	CreateTrigStmt *stmt = (CreateTrigStmt *) command;
	Oid relid;
	Oid trigger;

	if (creating_extension || command == NULL || !IsA(command, CreateTrigStmt) || stmt->replace ||
		!OidIsValid(account_schema()))
		PG_RETURN_NULL();
	relid = command_table(stmt->relation);
	if (!OidIsValid(relid) || !compat_object_ownercheck(RelationRelationId, relid, GetUserId()))
		PG_RETURN_NULL();
	LockRelationOid(relid, ShareRowExclusiveLock);
	trigger = get_rel_name(relid) != NULL ? repeated_trigger(stmt, relid) : InvalidOid;
	if (OidIsValid(trigger))
		make_way(stmt, trigger);
	PG_RETURN_NULL();
}
