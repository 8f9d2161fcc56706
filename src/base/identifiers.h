/*
 * identifiers.h
 *		Names of relations, columns, types and operators, as generated SQL and messages need them.
 */
#ifndef PGACCOUNT_IDENTIFIERS_H
#define PGACCOUNT_IDENTIFIERS_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

/* schema.table, quoted: for generated SQL. palloc'd. Raises 42P01 for a dropped relation. */
extern char *sql_relation(Oid relid);

/*
 * The same, as a referential check names it: a partitioned table with its partitions, any other
 * without tables that inherit from it, which its keys say nothing of.
 */
extern char *sql_keyed_relation(Oid relid);

/* The column's name, quoted: for generated SQL. Raises for a dropped column. */
extern char *sql_column(Oid relid, AttrNumber attnum);

/* The type's name, schema-qualified, with its typmod: for generated SQL. */
extern char *sql_type(Oid typid, int32 typmod);

/* The type of a column, with its typmod: for casts in generated SQL. */
extern char *sql_column_type(Oid relid, AttrNumber attnum);

/* The collation's name, schema-qualified: for generated SQL. */
extern char *sql_collation(Oid collation);

/* OPERATOR(schema.name), for generated SQL. */
extern char *sql_operator(Oid operator_id);

/* OPERATOR(schema.=) of the type's default equality, which every key type has. */
extern char *sql_equality(Oid typid);

/* A condition: two expressions of type text are the same, or both NULL. NULL counts as false. */
extern char *sql_same_text(const char *one, const char *other);

/* 'text', quoted as a literal: for generated SQL. */
extern char *sql_literal(const char *text);

/* OIDs as oid[]: a parameter of generated SQL. */
extern Datum oid_array(const List *oids);

/* schema.table, quoted only where needed: for messages. */
extern char *display_relation(Oid relid);

/* The role that owns a relation. Raises 42P01 for a dropped relation. */
extern Oid relation_owner(Oid relid);

#endif /* PGACCOUNT_IDENTIFIERS_H */
