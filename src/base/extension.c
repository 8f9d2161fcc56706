/*
 * extension.c
 *		The tables of the extension, and their owners.
 */
#include "postgres.h"

#include "access/table.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

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
