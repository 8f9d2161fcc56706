/*
 * removal.c
 *		Rows that are removed for good because a row that they reference is deleted softly.
 *
 * It is a cleanup: what follows these rows by catalog or policy goes with them, what is protected
 * stands in the way. The owner of their table wants it, whoever deletes what they reference, so
 * each table is read and written as its owner. It is no call of account.cleanup, so rows of other
 * tables that have soft delete go along only where on_parent_delete lets them, as with a DELETE of
 * the server's own.
 */
#include "postgres.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "cleanup_run.h"
#include "removal.h"

/* Remove the rows `c` of a table for which a condition holds; see cascade.h. */
static void
remove_rows(Oid relid, const char *condition, int nargs, Oid *types, Datum *values)
{
	Cleanup *work = cleanup_make_by_parents(relid);

	work->seed.from = psprintf("%s c WHERE %s", sql_keyed_relation(relid), condition);
	work->seed.run = (OneRun){.nargs = nargs, .types = types, .values = values};
	cleanup_run(work);
	cleanup_free(work);
}

/* Have soft deletions remove rows. */
void
removal_init(void)
{
	cascade_removal_is(remove_rows);
}
