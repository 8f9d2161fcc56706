/*
 * identifiers.c
 *		Names of relations, columns, types and operators, as generated SQL and messages need them.
 *
 * Everything that reaches SPI is qualified and quoted here; nothing depends on search_path.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/keywords.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "identifiers.h"

/* Raise for a relation that is not there. */
compat_noreturn static void
no_such_relation(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relid),
			 errdetail("A catalog or a call named it."),
			 errhint("It may have been dropped by another session: try again.")));
}

/*
 * A name, quoted as needed: quote_identifier() whatever quote_all_identifiers is, for names are in
 * answers, notes and hashes, which are the same in every session. May be the argument itself.
 */
static const char *
quoted(const char *name)
{
	bool safe = (*name >= 'a' && *name <= 'z') || *name == '_';
	int keyword;

	if (!quote_all_identifiers)
		return quote_identifier(name);
	for (const char *c = name; safe && *c != '\0'; c++)
		safe = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_';
	keyword = safe ? ScanKeywordLookup(name, &ScanKeywords) : -1;
	safe = safe && (keyword < 0 || ScanKeywordCategories[keyword] == UNRESERVED_KEYWORD);
	return safe ? name : quote_identifier(name);
}

/* schema.table, quoted as needed. palloc'd. */
char *
sql_relation(Oid relid)
{
	char *name = get_rel_name(relid);
	char *schema = name ? get_namespace_name_or_temp(get_rel_namespace(relid)) : NULL;

	if (schema != NULL)
		return psprintf("%s.%s", quoted(schema), quoted(name));
	no_such_relation(relid);
}

/* The same, as a referential check names it. */
char *
sql_keyed_relation(Oid relid)
{
	return psprintf("%s%s", get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					sql_relation(relid));
}

/* The role that owns a relation. */
Oid
relation_owner(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		no_such_relation(relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* The collation's name, qualified. */
char *
sql_collation(Oid collation)
{
	HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name_or_temp(form->collnamespace),
									  NameStr(form->collname));
	ReleaseSysCache(tuple);
	return name;
}

/* The column's name, quoted as needed. */
char *
sql_column(Oid relid, AttrNumber attnum)
{
	return pstrdup(quoted(get_attname(relid, attnum, false)));
}

/* The type's name, schema-qualified, with its typmod. */
char *
sql_type(Oid typid, int32 typmod)
{
	return format_type_extended(typid, typmod,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* The type of a column, with its typmod. */
char *
sql_column_type(Oid relid, AttrNumber attnum)
{
	Oid type;
	int32 typmod;
	Oid collation;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return sql_type(type, typmod);
}

/* OPERATOR(schema.name). */
char *
sql_operator(Oid operator_id)
{
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator_id));
	Form_pg_operator form;
	char *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator_id);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

/* OPERATOR(schema.=) of the type's default equality. */
char *
sql_equality(Oid typid)
{
	TypeCacheEntry *type = lookup_type_cache(typid, TYPECACHE_EQ_OPR);

	if (!OidIsValid(type->eq_opr))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("could not identify an equality operator for type %s",
							   format_type_be(typid)),
						errdetail("Keys of this type cannot be compared."),
						errhint("Give the column a type with a default operator class.")));
	return sql_operator(type->eq_opr);
}

/*
 * SQL: are these two texts the same, or both NULL? False or NULL: no. IS DISTINCT FROM would name
 * no operator.
 */
char *
sql_same_text(const char *one, const char *other)
{
	return psprintf("(%s OPERATOR(pg_catalog.=) %s OR (%s IS NULL AND %s IS NULL))", one, other,
					one, other);
}

/* 'text', quoted as a literal. */
char *
sql_literal(const char *text)
{
	return quote_literal_cstr(text);
}

/* OIDs as oid[]. */
Datum
oid_array(const List *oids)
{
	int n = list_length(oids);
	Datum *values = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		values[i] = ObjectIdGetDatum(list_nth_oid(oids, i));
	return PointerGetDatum(construct_array(values, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

/* schema.table, for messages. */
char *
display_relation(Oid relid)
{
	return sql_relation(relid);
}
