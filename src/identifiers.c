/*
 * identifiers.c
 *		Names of relations, columns, types and operators, as generated SQL and messages need them.
 *
 * Everything that reaches SPI is qualified and quoted here; nothing depends on search_path.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "identifiers.h"

/* schema.table, quoted as needed. palloc'd. */
char *
sql_relation(Oid relid)
{
	char *name = get_rel_name(relid);
	char *schema = name ? get_namespace_name_or_temp(get_rel_namespace(relid)) : NULL;

	if (schema == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid),
						errhint("It may have been dropped by another session: try again.")));
	return quote_qualified_identifier(schema, name);
}

/* The column's name, quoted as needed. */
char *
sql_column(Oid relid, AttrNumber attnum)
{
	return pstrdup(quote_identifier(get_attname(relid, attnum, false)));
}

/* The type's name, schema-qualified, with its typmod. */
char *
sql_type(Oid typid, int32 typmod)
{
	return format_type_extended(typid, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* OPERATOR(schema.=) of the type's default equality. */
char *
sql_equality(Oid typid)
{
	TypeCacheEntry *type = lookup_type_cache(typid, TYPECACHE_EQ_OPR);
	HeapTuple tuple;
	Form_pg_operator form;
	char *result;

	if (!OidIsValid(type->eq_opr))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("could not identify an equality operator for type %s",
							   format_type_be(typid))));
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(type->eq_opr));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", type->eq_opr);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

/* 'text', quoted as a literal. */
char *
sql_literal(const char *text)
{
	return quote_literal_cstr(text);
}

/* schema.table, for messages. */
char *
display_relation(Oid relid)
{
	return sql_relation(relid);
}
