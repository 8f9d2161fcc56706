/*
 * command_tables.h
 *		The tables that a command of DDL is about, for event triggers at its end.
 */
#ifndef PGACCOUNT_COMMAND_TABLES_H
#define PGACCOUNT_COMMAND_TABLES_H

#include "nodes/parsenodes.h"

/* A table that a command names, which holds a lock on it. InvalidOid: it is not there. */
extern Oid command_table(RangeVar *name);

/* Each CREATE TABLE that a command is, or has, as CREATE SCHEMA may: CreateStmt. */
extern List *command_creates(Node *command);

#endif /* PGACCOUNT_COMMAND_TABLES_H */
