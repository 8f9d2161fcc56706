/*
 * statement.h
 *		How statements of the extension are run: the only way.
 *
 * Their texts are parsed under pg_catalog alone. They are planned and run as the current user,
 * under its search_path: run_as() says whose. No error of a statement that runs as somebody else
 * than the caller, or that writes a table of hashes, shows a row of the table.
 */
#ifndef PGACCOUNT_STATEMENT_H
#define PGACCOUNT_STATEMENT_H

#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "nodes/execnodes.h"
#include "tcop/dest.h"
#include "utils/queryenvironment.h"
#include "utils/snapshot.h"

#include "plan_cache.h"
#include "planning.h"
#include "run_as.h"

/*
 * The head of a statement of ours, for whoever reads a log or pg_stat_statements. It says nothing
 * to the planner hook, which asks planning_own().
 */
#define OWN_STATEMENT "/* pgaccount */ "

/* Which snapshot a statement sees. */
typedef enum StatementSnapshot
{
	SNAPSHOT_OF_STATEMENT =
		0,           /* as a statement of the client's: of the transaction, where it has one */
	SNAPSHOT_OF_NOW, /* as the server's referential checks look: what was committed till now */
	SNAPSHOT_ACTIVE  /* the one that is pushed, for statements that only read */
} StatementSnapshot;

/* Called on the executor's state between ExecutorStart and ExecutorRun. */
typedef void (*ExecutorCallback)(EState *estate, void *arg);

/* How a statement is run. All zero: as a client's own. */
typedef struct StatementOptions
{
	StatementSnapshot look;
	Snapshot snapshot; /* NULL, or the very one */
	/* NULL, or a snapshot that must see what is written, too: else 40001 */
	Snapshot crosscheck;
	uint64 limit; /* rows to read at most; 0: all */
	/* AFTER triggers fire at the end of the running statement, as for referential actions */
	bool within;
	bool physical;         /* a DELETE removes rows of soft-delete tables */
	QueryEnvironment *env; /* tables of ours that it names */
	ExecutorCallback callback;
	void *arg;
	DestReceiver *dest; /* NULL: rows are left in SPI_tuptable */
	/* NULL, or what run_as() returned: the caller's policies and privileges decide */
	const RoleState *judge;
	/* NULL, or the same: once it is started the caller runs it, triggers too */
	const RoleState *caller;
	/*
	 * NULL, or settings that are off for the planner, such as "enable_hashjoin, enable_mergejoin"
	 */
	const char *without;
	PlannedStmt *plan; /* of statement_plan_once(); NULL: it is planned now */
} StatementOptions;

/*
 * The snapshots that the server's referential actions use, for all statements with these options:
 * what was committed till now; under a transaction snapshot a row that this does not see cannot be
 * written (40001). In the rest of options all is zero.
 */
extern void action_snapshot_begin(StatementOptions *options);
extern void action_snapshot_end(const StatementOptions *options);

/*
 * Run a kept statement, or a text that is planned for this run. Returns the rows processed, which
 * SPI_processed has too; SPI_tuptable has the rows, in the current memory context. options NULL:
 * all zero. Raises 55000 where a rule has made several statements of it, or another.
 */
extern uint64 statement_run(KeptStatement *statement, Datum *values, const char *nulls,
							const StatementOptions *options);
extern uint64 statement_run_once(const char *sql, int nargs, const Oid *types, Datum *values,
								 const char *nulls, const StatementOptions *options);

/* Plan such a text, to look at the plan first. In the current memory context. */
extern PlannedStmt *statement_plan_once(const char *sql, int nargs, const Oid *types, Datum *values,
										const StatementOptions *options);

/*
 * A SELECT: is there a row? A lock that it takes (FOR SHARE, FOR UPDATE) is taken on a snapshot of
 * now.
 */
extern bool statement_finds_row(KeptStatement *statement, Datum *values, const char *nulls);

/*
 * A value of a row in SPI_tuptable: as text, in a memory context, NULL for NULL; as a boolean, NULL
 * is false.
 */
extern char *row_text(uint64 row, int column, MemoryContext context);
extern bool row_boolean(uint64 row, int column);

/* Free the rows in SPI_tuptable before their memory context goes. */
extern void statement_free_rows(void);

/*
 * Run a formatted text without parameters, DDL too, all of whose names are looked up in pg_catalog.
 * Returns the rows processed. Within SPI_connect.
 */
extern uint64 run_sql(const char *fmt, ...) pg_attribute_printf(1, 2);

#endif /* PGACCOUNT_STATEMENT_H */
