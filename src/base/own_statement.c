/*
 * own_statement.c
 *		Kept statements over the extension's tables, run as their owner.
 */
#include "postgres.h"

#include "extension.h"
#include "own_statement.h"
#include "statement.h"

/* Run a statement; see the header. */
uint64
own_statement_run(const TableStatement *statement, Datum *values, const char *nulls)
{
	RoleState saved = run_as_owner(statement->table);
	KeptStatement *plan = plan_lookup(statement->kind, InvalidOid, InvalidOid);
	uint64 processed;

	if (plan == NULL)
		plan = plan_keep_lookup(statement->kind, InvalidOid, InvalidOid, statement->sql,
								statement->nargs, statement->types);
	processed = statement_run(plan, values, nulls, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	run_as_end(saved);
	return processed;
}
