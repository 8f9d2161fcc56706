/*
 * truncate_trigger.c
 *		The trigger that refuses TRUNCATE of a soft-delete table.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "mapping.h"
#include "truncate_trigger.h"

/*
 * Refuse TRUNCATE of a table, or of a partition, which a TRUNCATE may name itself. Its owner may
 * have no rights in our schema when a partition is attached, so the function is not looked up by
 * name.
 */
void
create_truncate_trigger(Oid relid)
{
	if (own_trigger(relid, "soft_delete_truncate", InvalidOid) == NULL)
		write_truncate_trigger(relid, "");
}

/* Write that trigger, with these arguments, anew if it is there. */
void
write_truncate_trigger(Oid relid, const char *arguments)
{
	char *sql = psprintf("CREATE OR REPLACE TRIGGER %s BEFORE TRUNCATE ON %s FOR EACH STATEMENT"
						 " EXECUTE FUNCTION account.soft_delete_truncate(%s)",
						 quote_identifier(TRIGGER_TRUNCATE), sql_relation(relid), arguments);
	RawStmt *parsed;

	parsed = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
	CreateTrigger(castNode(CreateTrigStmt, parsed->stmt), sql, relid, InvalidOid, InvalidOid,
				  InvalidOid, account_function("soft_delete_truncate"), InvalidOid, NULL, false,
				  false);
	CommandCounterIncrement();
}
