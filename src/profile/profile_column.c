/*
 * profile_column.c
 *		What the columns of users and profiles can do for automatic profiles: which is the key,
 *		which unique index says that there is one profile, what a default is in its column's type.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/prs2lock.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/base.h"
#include "profile_rule.h"

/* Is this a domain, or a domain over one, that does not take NULL? */
bool
type_is_not_null(Oid typid)
{
	bool result = false;

	while (get_typtype(typid) == TYPTYPE_DOMAIN && !result)
	{
		HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", typid);
		result = ((Form_pg_type) GETSTRUCT(tuple))->typnotnull;
		typid = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* The column of users that profiles.user_column refers to. */
AttrNumber
profile_key(Relation profiles, AttrNumber user_column, Oid users, Oid *foreign_key)
{
	ListCell *cell;
	Bitmapset *primary;
	Oid constraint;
	int member;

	*foreign_key = InvalidOid;
	foreach (cell, RelationGetFKeyList(profiles))
	{
		ForeignKeyCacheInfo *key = lfirst(cell);

		if (key->confrelid == users && key->nkeys == 1 && key->conkey[0] == user_column)
		{
			*foreign_key = key->conoid;
			return key->confkey[0];
		}
	}
	primary = get_primary_key_attnos(users, false, &constraint);
	if (primary != NULL && bms_get_singleton_member(primary, &member))
		return member + FirstLowInvalidHeapAttributeNumber;
	return InvalidAttrNumber;
}

/*
 * Does this predicate of a unique index look at nothing but the columns of the table's soft delete?
 * A new profile is alive, so such an index (account.unique_among_live) covers it.
 */
static bool
is_live_predicate(Relation rel, List *predicate)
{
	TriggerDesc *desc = CopyTriggerDesc(rel->trigdesc);
	Bitmapset *mapped = NULL;
	Bitmapset *used = NULL;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
		if (is_own_function(desc->triggers[i].tgfoid, "soft_delete") &&
			desc->triggers[i].tgqual != NULL)
			pull_varattnos(stringToNode(desc->triggers[i].tgqual), PRS2_OLD_VARNO, &mapped);
	pull_varattnos((Node *) predicate, 1, &used);
	return mapped != NULL && bms_is_subset(used, mapped);
}

/* Text for ON CONFLICT from the unique index on just this column, preferably a whole one. */
char *
profile_conflict_target(Relation profiles, AttrNumber user_column)
{
	char *column = sql_column(RelationGetRelid(profiles), user_column);
	char *partial = NULL;
	char *whole = NULL;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(profiles))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisunique && form->indimmediate && form->indisvalid && form->indisready &&
			form->indnkeyatts == 1 && form->indkey.values[0] == user_column)
		{
			List *predicate = index_predicate(index);

			if (predicate == NIL)
				whole = psprintf("(%s)", column);
			else if (is_live_predicate(profiles, predicate))
				partial = psprintf(
					"(%s) WHERE %s", column,
					deparse_expression((Node *) make_ands_explicit(predicate),
									   deparse_context_for(RelationGetRelationName(profiles),
														   RelationGetRelid(profiles)),
									   false, false));
		}
		index_close(index, AccessShareLock);
	}
	return whole != NULL ? whole : partial;
}

/* The text that compares two columns by value; NULL: their types are not kin. */
char *
profile_key_equality(Oid key_type, const char *key, Oid column_type, const char *column)
{
	Oid key_base = getBaseType(key_type);
	Oid column_base = getBaseType(column_type);
	TypeCacheEntry *left;
	TypeCacheEntry *right;
	Oid equality;

	if (key_base == column_base)
	{
		if (!OidIsValid(lookup_type_cache(key_base, TYPECACHE_EQ_OPR)->eq_opr))
			return NULL;
		return psprintf("%s %s %s", key, sql_equality(key_base), column);
	}
	left = lookup_type_cache(key_base, TYPECACHE_BTREE_OPFAMILY);
	right = lookup_type_cache(column_base, TYPECACHE_BTREE_OPFAMILY);
	if (!OidIsValid(left->btree_opf) || left->btree_opf != right->btree_opf ||
		IsPolymorphicType(left->btree_opintype) || IsPolymorphicType(right->btree_opintype))
		return NULL;
	equality = get_opfamily_member(left->btree_opf, left->btree_opintype, right->btree_opintype,
								   BTEqualStrategyNumber);
	if (!OidIsValid(equality))
		return NULL;
	return psprintf("%s %s %s", key, sql_operator(equality), column);
}

/* A default that is converted to its column's type, into a memory context. */
typedef struct Conversion
{
	Form_pg_attribute column;
	Jsonb *value;
	MemoryContext context;
	Datum *result;
	bool *isnull;
} Conversion;

/* jsonb to a column's type, by jsonb_to_record, so that typmod, domains and arrays are right. */
static bool
convert(void *arg)
{
	const Conversion *to = arg;
	Form_pg_attribute column = to->column;
	Oid argtype = JSONBOID;
	Datum value = JsonbPGetDatum(to->value);
	char *sql = psprintf(OWN_STATEMENT "SELECT x.v FROM pg_catalog.jsonb_to_record("
									   "pg_catalog.jsonb_build_object('v', $1)) AS x(v %s)",
						 sql_type(column->atttypid, column->atttypmod));

	SPI_connect();
	(void) statement_run_once(sql, 1, &argtype, &value, NULL, NULL);
	*to->result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, to->isnull);
	if (!*to->isnull)
	{
		MemoryContext spi = MemoryContextSwitchTo(to->context);

		if (column->attlen == -1)
			*to->result = PointerGetDatum(PG_DETOAST_DATUM_COPY(*to->result));
		else
			*to->result = datumCopy(*to->result, column->attbyval, column->attlen);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return true;
}

/*
 * Convert a default to its column's type, into the caller's memory context. A value that does not
 * convert is an answer, not an error: a subtransaction takes it.
 */
bool
profile_convert(Form_pg_attribute column, Jsonb *value, Datum *result, bool *isnull, char **problem)
{
	Conversion to = {column, value, CurrentMemoryContext, result, isnull};
	ErrorData *error = subtransaction_run(convert, &to);

	if (error == NULL)
		return true;
	error_raise_foreign(error);
	*problem = psprintf("The value does not convert: %s.", error->message);
	return false;
}
