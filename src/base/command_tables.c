/*
 * command_tables.c
 *		The tables that a command of DDL is about.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "storage/lockdefs.h"
#include "utils/lsyscache.h"

#include "command_tables.h"

/* A table that a command names; see the header. */
Oid
command_table(RangeVar *name)
{
	Oid schema = name->schemaname != NULL ? get_namespace_oid(name->schemaname, true) : InvalidOid;

	/* CREATE SCHEMA may have made it for a role whose rights the caller has not */
	return OidIsValid(schema) ? get_relname_relid(name->relname, schema)
							  : RangeVarGetRelid(name, NoLock, true);
}

/* Each CREATE TABLE of a command; see the header. */
List *
command_creates(Node *command)
{
	List *creates = NIL;
	ListCell *lc;

	if (command != NULL && IsA(command, CreateStmt))
		return list_make1(command);
	/* the server has written the schema's name into these */
	if (command != NULL && IsA(command, CreateSchemaStmt))
		foreach (lc, ((CreateSchemaStmt *) command)->schemaElts)
			if (IsA(lfirst(lc), CreateStmt))
				creates = lappend(creates, lfirst(lc));
	return creates;
}
