/*
 * own_statement.h
 *		Kept statements over the extension's tables, run as their owner.
 */
#ifndef PGACCOUNT_OWN_STATEMENT_H
#define PGACCOUNT_OWN_STATEMENT_H

#include "plan_cache.h"

/* A statement over a table of the extension. Its text begins with OWN_STATEMENT. */
typedef struct TableStatement
{
	PlanKind kind;
	const char *table; /* whose owner runs it */
	const char *sql;
	int nargs;
	Oid types[8];
} TableStatement;

/*
 * Run it as the owner of the table, on a snapshot of now, with a plan that looks rows up by index.
 * Returns the rows processed; SPI_tuptable has what it returns. Within SPI_connect. Raises 55000
 * where there is no such table.
 */
extern uint64 own_statement_run(const TableStatement *statement, Datum *values, const char *nulls);

#endif /* PGACCOUNT_OWN_STATEMENT_H */
