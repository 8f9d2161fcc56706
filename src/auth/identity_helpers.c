/*
 * identity_helpers.c
 *		What policies and applications ask of the identity, a pointer read each.
 */
#include "postgres.h"

#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "identity_value.h"

PG_FUNCTION_INFO_V1(uid);
PG_FUNCTION_INFO_V1(uid_bigint);
PG_FUNCTION_INFO_V1(uid_uuid);
PG_FUNCTION_INFO_V1(tenant_id);
PG_FUNCTION_INFO_V1(tenant_bigint);
PG_FUNCTION_INFO_V1(tenant_uuid);
PG_FUNCTION_INFO_V1(user_role);
PG_FUNCTION_INFO_V1(tenant_role);
PG_FUNCTION_INFO_V1(has_tenant_role);
PG_FUNCTION_INFO_V1(claims);
PG_FUNCTION_INFO_V1(claim);
PG_FUNCTION_INFO_V1(has_module);
PG_FUNCTION_INFO_V1(is_staff);
PG_FUNCTION_INFO_V1(is_authenticated);

/* What a helper keeps from call to call of one expression: its last value. */
typedef struct KeptValue
{
	uint64 generation;
	Datum value;
} KeptValue;

/*
 * A text of the identity as a result. Calls of one expression get the same copy while the identity
 * stays; it must outlive the identity, which may change under the statement.
 */
static Datum
return_text(FunctionCallInfo fcinfo, const text *value)
{
	KeptValue *kept = fcinfo->flinfo->fn_extra;
	text *copy;

	if (value == NULL)
		PG_RETURN_NULL();
	if (kept != NULL && kept->generation == identity_generation)
		return kept->value;

	if (kept == NULL)
	{
		kept = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(KeptValue));
		copy = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE(value));
		kept->generation = identity_generation;
		kept->value = PointerGetDatum(copy);
		fcinfo->flinfo->fn_extra = kept;
	}
	else
		copy = palloc(VARSIZE(value));
	memcpy(copy, value, VARSIZE(value));
	return PointerGetDatum(copy);
}

/* account.uid(): the user's id. */
Datum
uid(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->uid.as_text);
}

/* account.tenant_id(): the tenant's id. */
Datum
tenant_id(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->tenant_id.as_text);
}

/* account.user_role(): the role in the application. */
Datum
user_role(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->user_role);
}

/* account.tenant_role(): the role in the tenant. */
Datum
tenant_role(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->tenant_role);
}

/* account.has_tenant_role(VARIADIC roles text[]): is the role in the tenant one of these? */
Datum
has_tenant_role(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	const text *role = who == NULL ? NULL : who->tenant_role;
	ArrayIterator iterator;
	Datum element;
	bool isnull;
	bool found = false;

	if (role == NULL || PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	iterator = array_create_iterator(PG_GETARG_ARRAYTYPE_P(0), 0, NULL);
	while (!found && array_iterate(iterator, &element, &isnull))
	{
		text *one = isnull ? NULL : DatumGetTextPP(element);

		found = one != NULL && VARSIZE(role) - VARHDRSZ == VARSIZE_ANY_EXHDR(one) &&
				memcmp(VARDATA(role), VARDATA_ANY(one), VARSIZE_ANY_EXHDR(one)) == 0;
	}
	array_free_iterator(iterator);
	PG_RETURN_BOOL(found);
}

/* account.uid_bigint(): the user's id; NULL if it is none of that type. */
Datum
uid_bigint(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->uid.is_bigint)
		PG_RETURN_NULL();
	PG_RETURN_INT64(who->uid.as_bigint);
}

/* account.tenant_bigint(): the tenant's id; NULL if it is none of that type. */
Datum
tenant_bigint(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->tenant_id.is_bigint)
		PG_RETURN_NULL();
	PG_RETURN_INT64(who->tenant_id.as_bigint);
}

/* A copy of a uuid of the identity. */
static Datum
return_uuid(const pg_uuid_t *value)
{
	pg_uuid_t *copy = palloc(sizeof(pg_uuid_t));

	*copy = *value;
	PG_RETURN_UUID_P(copy);
}

/* account.uid_uuid(): the user's id; NULL if it is none of that type. */
Datum
uid_uuid(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->uid.is_uuid)
		PG_RETURN_NULL();
	return return_uuid(&who->uid.as_uuid);
}

/* account.tenant_uuid(): the tenant's id; NULL if it is none of that type. */
Datum
tenant_uuid(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->tenant_id.is_uuid)
		PG_RETURN_NULL();
	return return_uuid(&who->tenant_id.as_uuid);
}

/* account.is_staff(): does the token say so? */
Datum
is_staff(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	PG_RETURN_BOOL(who != NULL && who->is_staff);
}

/* account.is_authenticated(): is there an identity? */
Datum
is_authenticated(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(current_identity() != NULL);
}

/* Is this one of the modules of an identity? */
static bool
find_module(const Identity *who, const text *module)
{
	for (int i = 0; i < who->nmodules; i++)
		if (VARSIZE(who->modules[i]) - VARHDRSZ == VARSIZE_ANY_EXHDR(module) &&
			memcmp(VARDATA(who->modules[i]), VARDATA_ANY(module), VARSIZE_ANY_EXHDR(module)) == 0)
			return true;
	return false;
}

/*
 * Is the first argument of a call written out in the query? A parameter changes while its
 * expression is kept.
 */
static bool
argument_is_constant(const FmgrInfo *flinfo)
{
	return flinfo->fn_expr != NULL && IsA(flinfo->fn_expr, FuncExpr) &&
		   IsA(linitial(((FuncExpr *) flinfo->fn_expr)->args), Const);
}

/* account.has_module(module text): has the tenant this module? What a constant gave is kept. */
Datum
has_module(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	KeptValue *kept = fcinfo->flinfo->fn_extra;
	bool result;

	if (who == NULL || PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	if (kept != NULL && kept->generation == identity_generation)
		return kept->value;

	result = find_module(who, PG_GETARG_TEXT_PP(0));
	if (kept == NULL && argument_is_constant(fcinfo->flinfo))
		fcinfo->flinfo->fn_extra = kept =
			MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(KeptValue));
	if (kept != NULL)
	{
		kept->generation = identity_generation;
		kept->value = BoolGetDatum(result);
	}
	PG_RETURN_BOOL(result);
}

/* The claims of an identity as jsonb. */
static Jsonb *
identity_jsonb(const Identity *who)
{
	ClaimsJsonb builder = {0};
	char *arena;

	/* They were accepted when they were set. */
	(void) json_scan_object(who->claims, who->claims_len, NULL, 0, claims_jsonb_sink, &builder,
							&arena);
	return claims_jsonb_result(&builder);
}

/* account.claims(): all claims. */
Datum
claims(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	Jsonb *result = who == NULL ? NULL : identity_jsonb(who);

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

/* account.claim(name text): one claim as text, as ->> has it. */
Datum
claim(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	Jsonb *all = who == NULL || PG_ARGISNULL(0) ? NULL : identity_jsonb(who);
	text *name;
	JsonbValue value;

	if (all == NULL)
		PG_RETURN_NULL();
	name = PG_GETARG_TEXT_PP(0);
	if (getKeyJsonValueFromContainer(&all->root, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name),
									 &value) == NULL)
		PG_RETURN_NULL();
	switch (value.type)
	{
		case jbvString:
			PG_RETURN_TEXT_P(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
		case jbvBool:
			PG_RETURN_TEXT_P(cstring_to_text(value.val.boolean ? "true" : "false"));
		case jbvNumeric:
			PG_RETURN_TEXT_P(cstring_to_text(DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)))));
		case jbvBinary:
			PG_RETURN_TEXT_P(
				cstring_to_text(JsonbToCString(NULL, value.val.binary.data, value.val.binary.len)));
		default:
			PG_RETURN_NULL();
	}
}
