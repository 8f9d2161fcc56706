/*
 * kept_back.c
 *		What a trigger of the application has undone, of what an account call was to do.
 */
#include "postgres.h"

#include "utils/elog.h"

#include "identifiers.h"
#include "kept_back.h"

/* Raise 55000 for a row that was not written; see the header. */
void
refuse_row_kept_back(Oid relid, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", what),
			 errdetail("A trigger or rule of %s kept the row back.", display_relation(relid)),
			 errhint("Let the trigger or rule pass what pgaccount does.")));
}

/* Raise 55000 for one that was written as it was; see the header. */
void
refuse_values_kept(Oid relid, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", what),
			 errdetail("A trigger of %s put back what was to change.", display_relation(relid)),
			 errhint("Let the trigger pass what pgaccount does: have it return NEW as it "
					 "came, and not with values of OLD.")));
}
