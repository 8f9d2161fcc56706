/*
 * extension.c
 *		The tables of the extension and their owners, its functions and triggers.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "extension.h"
#include "version.h"

/* A table of the extension, opened. */
Relation
own_table_open(const char *name, LOCKMODE lock)
{
	Oid schema = account_schema();
	Oid relid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

	return OidIsValid(relid) ? try_table_open(relid, lock) : NULL;
}

/* The same; there must be one. */
Relation
own_table_require(const char *name, LOCKMODE lock)
{
	Relation rel = own_table_open(name, lock);

	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("pgaccount is not installed in this database"),
						errdetail("There is no table account.%s.", name),
						errhint("Run CREATE EXTENSION pgaccount.")));
	return rel;
}

/* Act as the owner of a table of the extension. */
RoleState
run_as_owner(const char *name)
{
	Relation rel = own_table_require(name, AccessShareLock);
	Oid owner = rel->rd_rel->relowner;

	table_close(rel, AccessShareLock);
	return run_as(owner);
}

/*
 * OID of a function of ours with these arguments, in schema account, written in C; else InvalidOid.
 */
Oid
account_function_of(const char *name, int nargs, const Oid *argtypes)
{
	Oid schema = account_schema();
	oidvector *types;
	HeapTuple tuple;
	Oid result = InvalidOid;

	if (!OidIsValid(schema))
		return InvalidOid;
	types = buildoidvector(argtypes, nargs);
	tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(name), PointerGetDatum(types),
							ObjectIdGetDatum(schema));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

		if (form->prolang == ClanguageId)
			result = form->oid;
		ReleaseSysCache(tuple);
	}
	pfree(types);
	return result;
}

/* The same for a function without arguments. */
Oid
account_function(const char *name)
{
	return account_function_of(name, 0, NULL);
}

/* What an event trigger was called for; see the header. */
struct EventTriggerData *
called_as_event_trigger(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function account.%s() must be called as an event trigger", function)));
	return (EventTriggerData *) fcinfo->context;
}

/* Raise unless called as a trigger; returns its TriggerData. */
TriggerData *
called_as_trigger(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function account.%s() must be called as a trigger", function),
						errhint("Call account.enable_soft_delete to put it on a table.")));
	return (TriggerData *) fcinfo->context;
}

/* The callback for a trigger of a table, if both are there still. */
static void
give_trigger(Oid relid, Oid trigger, OwnTriggerCallback callback, void *arg)
{
	Relation rel = try_table_open(relid, AccessShareLock);
	TriggerDesc *triggers;

	if (rel == NULL)
		return;
	triggers = CopyTriggerDesc(rel->trigdesc);
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (triggers->triggers[i].tgoid == trigger)
			callback(relid, &triggers->triggers[i], arg);
	table_close(rel, AccessShareLock);
}

/* Each trigger that has a function of ours and arguments; see the header. */
void
own_triggers_with_arguments(const char *function, OwnTriggerCallback callback, void *arg)
{
	Oid wanted = account_function(function);
	Relation rel = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->tgfoid == wanted && form->tgnargs > 0)
			give_trigger(form->tgrelid, form->oid, callback, arg);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* The tables that have a trigger of a function of ours; see the header. */
List *
tables_with_own_trigger(const char *function)
{
	Oid wanted = account_function(function);
	Relation rel = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List *tables = NIL;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (form->tgfoid == wanted && !OidIsValid(form->tgparentid))
			tables = list_append_unique_oid(tables, form->tgrelid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tables;
}

/* Name of a trigger of the table that calls this function of ours. */
char *
own_trigger(Oid relid, const char *function, Oid referenced)
{
	Oid function_id = account_function(function);
	Relation rel = table_open(TriggerRelationId, AccessShareLock);
	char *name = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (name == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (form->tgfoid == function_id && OidIsValid(function_id) &&
			!OidIsValid(form->tgparentid) &&
			(!OidIsValid(referenced) || form->tgconstrrelid == referenced))
			name = pstrdup(NameStr(form->tgname));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return name;
}
