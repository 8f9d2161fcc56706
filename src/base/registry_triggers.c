/*
 * registry_triggers.c
 *		The triggers of the extension's own tables fire always, after a restore of their data, too.
 *
 * They are ENABLE ALWAYS, so that data copied under session_replication_role = replica reach every
 * session. pg_restore --disable-triggers switches triggers off around its COPY, and on again as
 * ordinary ones: it has no ALWAYS. So the command that switches on makes them what they
 * were, and, as they did not see what was copied, every session reads everything anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "compat.h"
#include "identifiers.h"
#include "extension.h"
#include "statement.h"
#include "version.h"

PG_FUNCTION_INFO_V1(registry_triggers_enabled);

/* Does this command make triggers ordinary ones? Asked of every ALTER TABLE. */
static bool
enables_triggers(Node *parsetree)
{
	ListCell *lc;

	if (parsetree == NULL || !IsA(parsetree, AlterTableStmt))
		return false;
	foreach (lc, ((AlterTableStmt *) parsetree)->cmds)
		switch (lfirst_node(AlterTableCmd, lc)->subtype)
		{
			case AT_EnableTrig:
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
				return true;
			default:
				break;
		}
	return false;
}

/* account.registry_triggers_enabled() RETURNS event_trigger, ON ddl_command_end. */
Datum
registry_triggers_enabled(PG_FUNCTION_ARGS)
{
	const EventTriggerData *event = called_as_event_trigger(fcinfo, "registry_triggers_enabled");
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(account_schema())};
	uint64 n;

	if (creating_extension || !enables_triggers(event->parsetree))
		PG_RETURN_NULL();

	SPI_connect();
	n = statement_run_once(
		"SELECT t.tgrelid, t.tgname FROM pg_catalog.pg_event_trigger_ddl_commands() AS c"
		" JOIN pg_catalog.pg_class AS r ON r.oid OPERATOR(pg_catalog.=) c.objid"
		" JOIN pg_catalog.pg_trigger AS t ON t.tgrelid OPERATOR(pg_catalog.=) r.oid"
		" JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid"
		" WHERE c.object_type OPERATOR(pg_catalog.=) 'table'"
		" AND r.relnamespace OPERATOR(pg_catalog.=) $1"
		" AND p.pronamespace OPERATOR(pg_catalog.=) $1"
		" AND t.tgenabled OPERATOR(pg_catalog.=) 'O' AND NOT t.tgisinternal",
		1, types, values, NULL, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		SPITupleTable *rows = SPI_tuptable;
		bool isnull;
		Oid relid = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		RoleState caller = run_as(relation_owner(relid));

		run_sql("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", sql_relation(relid),
				quote_identifier(SPI_getvalue(rows->vals[i], rows->tupdesc, 2)));
		run_as_end(caller);
		SPI_tuptable = rows;
	}
	SPI_finish();
	if (n > 0)
		CacheInvalidateRelcacheAll();
	PG_RETURN_NULL();
}
