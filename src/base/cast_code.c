/*
 * cast_code.c
 *		Whose code a cast is.
 *
 * Whoever owns a type makes casts of it, to types of the server too, and the cast's function runs
 * as whoever casts. So before a statement of ours casts a value of a type that somebody else has
 * chosen, it is asked whose function that is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "cast_code.h"
#include "identifiers.h"
#include "run_as.h"
#include "value_formats.h"

/* Whoever owns a function. */
Oid
function_owner(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* The owner of a function; see the header. */
Oid
code_owner(Oid function)
{
	Oid owner = function_owner(function);

	return superuser_arg(owner) ? InvalidOid : owner;
}

/* Whose code it is; see the header. */
Oid
cast_code_owner(Oid from, Oid to, CoercionContext context)
{
	Oid function;

	for (;;)
	{
		from = getBaseType(from);
		to = getBaseType(to);
		if (from == to || IsPolymorphicType(to) || IsBinaryCoercible(from, to))
			return InvalidOid;
		switch (find_coercion_pathway(to, from, context, &function))
		{
			case COERCION_PATH_FUNC:
				return code_owner(function);
			case COERCION_PATH_ARRAYCOERCE:
				from = get_element_type(from);
				to = get_element_type(to);
				break;
			default:
				return InvalidOid;
		}
	}
}

/* Raise for a cast of somebody else. */
void
cast_code_check(Oid function)
{
	Oid owner = code_owner(function);

	if (OidIsValid(owner) && owner != GetUserId())
		ereport(ERROR, (errcode(ERRCODE_CANNOT_COERCE),
						errmsg("function %s of a cast is the code of \"%s\"",
							   format_procedure(function), GetUserNameFromId(owner, false)),
						errdetail("It would run as \"%s\".", GetUserNameFromId(GetUserId(), false)),
						errhint("Let both have one owner, or give the column another type.")));
}

/* A value as text; see the header. */
text *
cast_code_text(Oid relid, Oid type, Oid collation, Datum value)
{
	Oid function;
	bool is_varlena;
	RoleState saved;
	text *result;

	type = getBaseType(type);
	if (type == TEXTOID || type == VARCHAROID)
		return DatumGetTextPP(value);
	if (type == BYTEAOID)
		return cstring_to_text(bytea_as_text(DatumGetByteaPP(value)));
	if (find_coercion_pathway(TEXTOID, type, COERCION_EXPLICIT, &function) != COERCION_PATH_FUNC)
	{
		getTypeOutputInfo(type, &function, &is_varlena);
		return cstring_to_text(OidOutputFunctionCall(function, value));
	}
	if (!OidIsValid(code_owner(function)))
		return DatumGetTextPP(OidFunctionCall1Coll(function, collation, value));
	saved = run_as(relation_owner(relid));
	cast_code_check(function);
	result = DatumGetTextPP(OidFunctionCall1Coll(function, collation, value));
	run_as_end(saved);
	return result;
}

/*
 * Raise for a cast to json of somebody else, which to_jsonb() and its kin look for: of the type, or
 * of one within it.
 */
void
cast_code_check_json(Oid type)
{
	Oid function;

	check_stack_depth();
	type = getBaseType(type);
	if (type < FirstNormalObjectId)
		return;
	if (OidIsValid(get_element_type(type)))
		cast_code_check_json(get_element_type(type));
	else if (type_is_rowtype(type))
	{
		TupleDesc desc = lookup_rowtype_tupdesc_copy(type, -1);

		for (int i = 0; i < desc->natts; i++)
			if (!TupleDescAttr(desc, i)->attisdropped)
				cast_code_check_json(TupleDescAttr(desc, i)->atttypid);
	}
	else if (find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT, &function) ==
			 COERCION_PATH_FUNC)
		cast_code_check(function);
}
