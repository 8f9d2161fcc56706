/*
 * enable_report.h
 *		What enabling and disabling soft delete change, told to whoever does it.
 */
#ifndef PGACCOUNT_ENABLE_REPORT_H
#define PGACCOUNT_ENABLE_REPORT_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "nodes/pg_list.h"

/* One call of enable_soft_delete. */
typedef struct EnableReport
{
	Oid target;    /* the table that the call names */
	List *visited; /* all tables that it has come to, the target included */
	List *enabled; /* those of them that had no soft delete before */
	bool changed;  /* something is not as it was */
} EnableReport;

/* The rows that count as deleted; as the table's owner, within SPI_connect. */
extern uint64 count_deleted_rows(Oid relid);

/* So many rows of a table count as deleted from now on, which did not before. */
extern void report_deleted_rows(Oid relid, uint64 rows);

/* Such a column was added to a table: tell of one that the application has for it already. */
extern void report_other_column(Oid relid, const char *added);

/* No flag is kept with this column; tell of one that the application has. */
extern void report_other_flag(Oid relid, const char *deleted_at);

/* What a call has changed, once it is done. */
extern void report_enabled(const EnableReport *report);

/* So many deleted rows of a table are rows like others from now on. hidden: they were not seen. */
extern void report_disabled(Oid relid, uint64 rows, bool hidden);

#endif /* PGACCOUNT_ENABLE_REPORT_H */
