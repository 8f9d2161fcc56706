/*
 * hold_ddl.c
 *		What commands may not do to tables that holds are about.
 *
 * Event triggers see to what would lose rows under a hold otherwise: their partition is detached,
 * their key changed, and, unless a superuser does it, their table or their triggers are dropped, or
 * these disabled.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "hold_ddl.h"
#include "hold_put.h"
#include "hold_state.h"
#include "hold_trigger.h"

PG_FUNCTION_INFO_V1(doctor_hold);
PG_FUNCTION_INFO_V1(held_row_changed);
PG_FUNCTION_INFO_V1(hold_ddl_starts);
PG_FUNCTION_INFO_V1(hold_dropped);
PG_FUNCTION_INFO_V1(hold_ddl_ended);
ACCOUNT_OPERATION(enforce_holds, "enforce_holds", NO_SUBJECT);

/*
 * A command that is running: the tables and partitions that holds were about when it began, and
 * those of them whose rows were kept by triggers that fire. Commands may run within others, in a
 * function that one calls.
 */
typedef struct RunningCommand
{
	Node *parsetree; /* only compared */
	bool has_end;    /* hold_ddl_ended() is called when it ends */
	List *concerned;
	List *kept;
} RunningCommand;

/* The innermost is the last; those of a command that failed may be among them. */
static List *running_commands = NIL;
static bool forgets_running = false;

/* What is said of a reference has changed: rows of other tables may go now. */
static void
policy_changed(Oid parent)
{
	(void) hold_put_triggers(NoLock, NIL);
}

/* Follow what is said of references. */
void
hold_ddl_init(void)
{
	fk_policy_changes_follow(policy_changed);
}

/* account.enforce_holds() RETURNS bigint */
static Datum
enforce_holds_operation(PG_FUNCTION_ARGS)
{
	int64 lacked;

	version_check();
	SPI_connect();
	lacked = hold_put_triggers(NoLock, NIL);
	SPI_finish();
	PG_RETURN_INT64(lacked);
}

/* A finding of the doctor about a table. */
static void
put_finding(ReturnSetInfo *result, const char *code, Oid relid, const char *message,
			const char *remedy)
{
	Datum values[5] = {CStringGetTextDatum("error"), CStringGetTextDatum(code),
					   CStringGetTextDatum(display_relation(relid)), CStringGetTextDatum(message),
					   CStringGetTextDatum(remedy)};
	bool nulls[5] = {false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* A look at the rows that holds of a table name. */
typedef struct LostLook
{
	const HoldTable *table;
	int64 lost;
} LostLook;

/* Which hold names a row that is not there? */
static bool
look_for_lost(void *arg)
{
	LostLook *look = arg;

	SPI_connect();
	look->lost = hold_without_row(look->table);
	SPI_finish();
	return true;
}

/* account.doctor_hold(): tables whose rows a hold would not keep. */
Datum
doctor_hold(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, hold_relations())
	{
		Oid relid = lfirst_oid(lc);
		const HoldTable *table = hold_table_of(relid);
		LostLook look = {.table = table};

		CHECK_FOR_INTERRUPTS();
		if (table == NULL)
			continue;
		if (hold_takes_triggers(relid) && !hold_has_triggers(relid, table, true))
			put_finding(result, "hold_not_enforced", relid,
						"rows that must stay for a legal hold can be removed: its triggers were "
						"dropped or disabled",
						"SELECT account.enforce_holds();");
		if (relid != table->relid)
			continue;
		if (unreadable_look_or_report(result, relid, look_for_lost, &look) && look.lost != 0)
			put_finding(result, "hold_without_row", relid,
						psprintf("hold " INT64_FORMAT " names a row that is not there", look.lost),
						psprintf("SELECT account.release_hold(" INT64_FORMAT
								 ", 'its row was removed'); if that is so",
								 look.lost));
	}
	return (Datum) 0;
}

/* account.held_row_changed() RETURNS trigger: for each statement. */
Datum
held_row_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcache(called_as_trigger(fcinfo, "held_row_changed")->tg_relation);
	return PointerGetDatum(NULL);
}

/* Are rows of a table or partition that holds are about kept by triggers that fire? */
static bool
is_kept(Oid relid)
{
	const HoldTable *table = hold_table_of(relid);

	return table != NULL && hold_takes_triggers(relid) && hold_has_triggers(relid, table, true);
}

/* Raise PT423 for a command that takes away what a hold is about. */
static void
refuse_command(const char *table, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_HELD),
			 errmsg("\"%s\" has rows under a legal hold, or rows that would go with one", table),
			 errdetail("%s", what), errhint("%s", hint)));
}

/*
 * Raise PT423 for a DETACH PARTITION CONCURRENTLY that may take rows under a hold away: at its end,
 * when others are looked at, it has committed.
 */
static void
check_detach(const Node *command)
{
	ListCell *lc;

	if (command == NULL || !IsA(command, AlterTableStmt))
		return;
	foreach (lc, ((const AlterTableStmt *) command)->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		Oid relid;

		if (cmd->subtype != AT_DetachPartition || !((PartitionCmd *) cmd->def)->concurrent)
			continue;
		relid = RangeVarGetRelid(((PartitionCmd *) cmd->def)->name, NoLock, true);
		if (OidIsValid(relid) && hold_table_of(relid) != NULL)
			refuse_command(get_rel_name(relid), "They could be in the partition.",
						   "DETACH it without CONCURRENTLY, which looks.");
	}
}

/* The transaction ends, and with it the memory of what is running. */
static void
forget_running(void *arg)
{
	running_commands = NIL;
	forgets_running = false;
}

/* The innermost command is over. */
static void
forget_last(void)
{
	RunningCommand *command = llast(running_commands);

	list_free(command->concerned);
	list_free(command->kept);
	pfree(command);
	running_commands = list_delete_last(running_commands);
}

/* account.hold_ddl_starts() RETURNS event_trigger, ON ddl_command_start. */
Datum
hold_ddl_starts(PG_FUNCTION_ARGS)
{
	EventTriggerData *event = called_as_event_trigger(fcinfo, "hold_ddl_starts");
	List *concerned = creating_extension ? NIL : hold_relations();
	RunningCommand *command;
	MemoryContext old;
	ListCell *lc;

	if (concerned == NIL)
		PG_RETURN_NULL();
	check_detach(event->parsetree);
	if (running_commands != NIL && !((RunningCommand *) llast(running_commands))->has_end)
		forget_last(); /* it calls nothing, so it is over */
	old = MemoryContextSwitchTo(TopTransactionContext);
	if (!forgets_running)
	{
		MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

		callback->func = forget_running;
		MemoryContextRegisterResetCallback(TopTransactionContext, callback);
		forgets_running = true;
	}
	command = palloc0(sizeof(RunningCommand));
	command->parsetree = event->parsetree;
	command->has_end = event->tag == CMDTAG_ALTER_TABLE || event->tag == CMDTAG_CREATE_TABLE ||
					   event->tag == CMDTAG_CREATE_SCHEMA || event->tag == CMDTAG_CREATE_TRIGGER;
	command->concerned = list_copy(concerned);
	MemoryContextSwitchTo(old);
	foreach (lc, concerned)
	{
		if (!is_kept(lfirst_oid(lc)))
			continue;
		old = MemoryContextSwitchTo(TopTransactionContext);
		command->kept = lappend_oid(command->kept, lfirst_oid(lc));
		MemoryContextSwitchTo(old);
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	running_commands = lappend(running_commands, command);
	MemoryContextSwitchTo(old);
	PG_RETURN_NULL();
}

/* What was when a command began; all NIL where there were no holds. Those within it are over. */
static const RunningCommand *
running_command(const Node *parsetree)
{
	static const RunningCommand none = {0};

	for (int i = list_length(running_commands) - 1; i >= 0; i--)
	{
		RunningCommand *command = list_nth(running_commands, i);

		if (command->parsetree != parsetree)
			continue;
		while (list_length(running_commands) > i + 1)
			forget_last();
		return command;
	}
	return &none;
}

/* Were rows of a table or partition kept when the command began, and are not any more? */
static bool
lost_its_keeper(const RunningCommand *running, Oid relid)
{
	return list_member_oid(running->kept, relid) && get_rel_name(relid) != NULL &&
		   hold_table_of(relid) != NULL && !is_kept(relid);
}

/* One of what a command has dropped. */
static void
check_dropped(const RunningCommand *running, HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Oid class_id = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
	Oid object_id = DatumGetObjectId(SPI_getbinval(row, desc, 2, &isnull));
	char *schema = SPI_getvalue(row, desc, 3);
	char *table = SPI_getvalue(row, desc, 4);
	char *trigger = SPI_getvalue(row, desc, 5);

	if (superuser())
		return;
	if (class_id == RelationRelationId && list_member_oid(running->concerned, object_id))
		refuse_command(table, "Its rows cannot be removed by dropping it.",
					   "End the holds with account.release_hold(); account.hold shows them. "
					   "Superusers may drop it.");
	if (class_id == TriggerRelationId && trigger != NULL)
	{
		Oid namespace = get_namespace_oid(schema, true);
		Oid relid = OidIsValid(namespace) ? get_relname_relid(table, namespace) : InvalidOid;

		if (lost_its_keeper(running, relid))
			refuse_command(table, psprintf("Trigger \"%s\" keeps them.", trigger),
						   "Superusers may drop it.");
	}
}

/* A hold has ended with its table, which a superuser has dropped. */
static void
record_lost(int64 hold)
{
	JsonbBuild detail = {0};

	detail_number(&detail, "hold", hold);
	detail_text(&detail, "reason", "its table was dropped");
	event_success(EVENT_HOLD_RELEASED, NULL, NULL, detail_end(&detail));
}

/* Holds go with their table: those that were released, and those that a superuser has dropped. */
static void
forget_dropped(void)
{
	Relation registry = own_table_open("held_row", AccessShareLock);
	bool empty = registry == NULL || RelationGetNumberOfBlocks(registry) == 0;
	SPITupleTable *rows;
	RoleState caller;
	uint64 n;

	if (registry != NULL)
		table_close(registry, AccessShareLock);
	if (empty)
		return;
	caller = run_as_owner("held_row");
	n = run_sql(
		"WITH gone AS (DELETE FROM account.held_row AS h"
		" USING pg_catalog.pg_event_trigger_dropped_objects() AS d"
		" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
		" AND d.objsubid OPERATOR(pg_catalog.=) 0"
		" AND d.objid OPERATOR(pg_catalog.=) h.target::pg_catalog.oid"
		" RETURNING h.hold, h.released_at)"
		" SELECT DISTINCT g.hold FROM gone AS g WHERE g.released_at IS NULL ORDER BY g.hold");
	run_as_end(caller);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		record_lost(DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull)));
	}
}

/* Raise PT423 if rows under a hold are not where their keys say any more. */
static void
check_rows_are_there(Oid relid)
{
	const HoldTable *table = OidIsValid(relid) ? hold_table_of(fk_node_table(relid)) : NULL;
	int64 lost = table != NULL ? hold_without_row(table) : 0;

	if (lost != 0)
		refuse_command(
			get_rel_name(relid),
			psprintf("The table would have no row with the key that hold " INT64_FORMAT " names.",
					 lost),
			psprintf("End it with account.release_hold(" INT64_FORMAT ", reason).", lost));
}

/*
 * Raise PT423 if columns were dropped that rows under a hold are named by, whatever they went with:
 * their type, domain or collation.
 */
static void
check_dropped_columns(const RunningCommand *running)
{
	uint64 n = run_sql("SELECT DISTINCT d.objid FROM"
					   " pg_catalog.pg_event_trigger_dropped_objects() AS d"
					   " WHERE d.classid OPERATOR(pg_catalog.=)"
					   " 'pg_catalog.pg_class'::pg_catalog.regclass"
					   " AND d.objsubid OPERATOR(pg_catalog.>) 0 ORDER BY d.objid");
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		Oid relid = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));

		if (list_member_oid(running->concerned, relid) && get_rel_name(relid) != NULL)
			check_rows_are_there(relid);
	}
}

/* account.hold_dropped() RETURNS event_trigger, ON sql_drop. */
Datum
hold_dropped(PG_FUNCTION_ARGS)
{
	EventTriggerData *event = called_as_event_trigger(fcinfo, "hold_dropped");
	const RunningCommand *running;

	if (creating_extension || !OidIsValid(account_schema()))
		PG_RETURN_NULL();
	running = running_command(event->parsetree);
	SPI_connect();
	if (running->concerned != NIL)
	{
		uint64 n = run_sql("SELECT d.classid, d.objid, d.address_names[1], d.address_names[2],"
						   " d.address_names[3]"
						   " FROM pg_catalog.pg_event_trigger_dropped_objects() AS d"
						   " WHERE d.objsubid OPERATOR(pg_catalog.=) 0"
						   " AND d.object_type OPERATOR(pg_catalog.=)"
						   " ANY ('{table,trigger}'::pg_catalog.text[])"
						   " ORDER BY d.object_type, d.objid");

		for (uint64 i = 0; i < n; i++)
		{
			SPITupleTable *rows = SPI_tuptable;

			check_dropped(running, rows->vals[i], rows->tupdesc);
			SPI_tuptable = rows;
		}
		check_dropped_columns(running);
	}
	forget_dropped();
	SPI_finish();
	PG_RETURN_NULL();
}

/* Does a command of ALTER TABLE take rows, or columns, away from the table that it names? */
static bool
may_lose_rows(const AlterTableStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->cmds)
		switch (lfirst_node(AlterTableCmd, lc)->subtype)
		{
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
			case AT_AlterColumnType:
			case AT_DropColumn:
				return true;
			default:
				break;
		}
	return false;
}

/* Raise PT423 if a command has kept triggers of ours from firing; superusers may have it so. */
static void
check_still_kept(const RunningCommand *running)
{
	ListCell *lc;

	if (superuser())
		return;
	foreach (lc, running->kept)
		if (lost_its_keeper(running, lfirst_oid(lc)))
			refuse_command(get_rel_name(lfirst_oid(lc)), "Its triggers of the hold keep them.",
						   "Superusers may disable and replace them.");
}

/* Does a command of ALTER TABLE say which triggers fire? */
static bool
changes_triggers(const AlterTableStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->cmds)
	{
		AlterTableType type = lfirst_node(AlterTableCmd, lc)->subtype;

		if (type == AT_DisableTrig || type == AT_DisableTrigAll || type == AT_DisableTrigUser ||
			type == AT_EnableReplicaTrig)
			return true;
	}
	return false;
}

/* Keys follow the name of a column, and of those that inherit it. */
static void
column_renamed(const RenameStmt *stmt)
{
	Oid relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	Oid types[] = {OIDARRAYOID, NAMEOID, NAMEOID};
	Datum values[3];
	Relation registry = own_table_open("held_row", AccessShareLock);
	bool empty = registry == NULL || RelationGetNumberOfBlocks(registry) == 0;
	RoleState caller;

	if (registry != NULL)
		table_close(registry, AccessShareLock);
	if (empty || !OidIsValid(relid))
		return;
	values[0] = oid_array(find_all_inheritors(relid, NoLock, NULL));
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(stmt->subname));
	values[2] = DirectFunctionCall1(namein, CStringGetDatum(stmt->newname));
	SPI_connect();
	caller = run_as_owner("held_row");
	(void) statement_run_once("UPDATE account.held_row AS h"
							  " SET key_columns = pg_catalog.array_replace(h.key_columns, $2, $3)"
							  " WHERE h.target::pg_catalog.oid OPERATOR(pg_catalog.=) ANY ($1)"
							  " AND $2 OPERATOR(pg_catalog.=) ANY (h.key_columns)",
							  3, types, values, NULL, NULL);
	run_as_end(caller);
	SPI_finish();
}

/* A command has ended that may have changed which rows are under a hold, or how they are kept. */
static void
see_to_holds(const Node *command, const RunningCommand *running)
{
	if (command != NULL && IsA(command, AlterTableStmt))
	{
		const AlterTableStmt *stmt = (const AlterTableStmt *) command;

		if (may_lose_rows(stmt))
			check_rows_are_there(RangeVarGetRelid(stmt->relation, NoLock, true));
		if (changes_triggers(stmt))
			check_still_kept(running);
	}
	/*
	 * Tables that the command has brought below others get triggers. Those that holds were about
	 * before are let be: while a dump is restored holds are there before the triggers of their
	 * tables are, which it brings itself.
	 */
	if (command == NULL || !IsA(command, CreateTrigStmt))
		(void) hold_put_triggers(NoLock, running->concerned);
	else if (((const CreateTrigStmt *) command)->replace)
		check_still_kept(running);
}

/*
 * account.hold_ddl_ended() RETURNS event_trigger, ON ddl_command_end of CREATE and ALTER TABLE,
 * CREATE TRIGGER.
 */
Datum
hold_ddl_ended(PG_FUNCTION_ARGS)
{
	Node *command = called_as_event_trigger(fcinfo, "hold_ddl_ended")->parsetree;
	const RunningCommand *running = running_command(command);

	if (creating_extension || !OidIsValid(account_schema()))
		PG_RETURN_NULL();
	if (command != NULL && IsA(command, RenameStmt) &&
		((RenameStmt *) command)->renameType == OBJECT_COLUMN)
		column_renamed((RenameStmt *) command);
	if (hold_relations() != NIL)
	{
		SPI_connect();
		see_to_holds(command, running);
		SPI_finish();
	}
	if (running_command(command)->parsetree != NULL)
		forget_last();
	PG_RETURN_NULL();
}
