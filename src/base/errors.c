/*
 * errors.c
 *		The meaning of SQLSTATEs for callers that speak HTTP, and refusals shared by every module.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"

PG_FUNCTION_INFO_V1(http_status);

/* Refuse a NULL argument; the function's caller sees which one. */
void
refuse_null_argument(const char *argument)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("argument \"%s\" must not be NULL", argument),
					errdetail("It has no default that NULL could stand for."),
					errhint("Give a value for \"%s\".", argument)));
}

/* Refuse a NULL argument of a function that is called with secrets. */
void
refuse_null_beside_secret(const char *argument)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("argument \"%s\" must not be NULL", argument),
					errdetail("It has no default that NULL could stand for."),
					errhint("Give a value for \"%s\".", argument), errhidesecrets()));
}

/* Where row data is not wanted, the DETAIL of an error goes to the log alone. */
void
error_be_discreet(ErrorData *error)
{
	if (pgaccount_error_detail == ERROR_DETAIL_GENERIC && error->detail_log == NULL)
	{
		error->detail_log = error->detail;
		error->detail = NULL;
	}
}

/* Raise an error again, without the data of a row where that is not wanted; see the header. */
void
rethrow_discreetly(ErrorData *error)
{
	error_be_discreet(error);
	FlushErrorState();
	ReThrowError(error);
}

/*
 * SQLSTATEs that mean something to an HTTP client, beside the class PT. Classes have three zeros.
 */
static const struct
{
	const char *sqlstate;
	int status;
} http_map[] = {
	{"22023", 400}, /* malformed argument */
	{"23001", 409}, /* protected references */
	{"23503", 409}, /* reference to a deleted row */
	{"23505", 409}, /* duplicate */
	{"23P01", 409}, /* exclusion */
	{"23502", 400}, /* NULL in a mandatory column */
	{"23514", 400}, /* check constraint */
	{"42501", 403}, /* insufficient privilege */
	{"0A000", 405}, /* bypass refused */
	{"55000", 500}, /* not configured */
	{"55P03", 409}, /* lock not available */
	{"40001", 409}, /* serialization failure: try again */
	{"40P01", 409}, /* deadlock: try again */
	{"25006", 405}, /* read-only transaction */
	{"57014", 504}, /* cancelled, or out of time */
	{"53300", 503}, /* too many connections */
	{"53400", 503}, /* configuration limit */
	{"42P01", 404}, /* no such table */
	{"42883", 404}, /* no such function */
	{"00000", 200},
};

/*
 * account.http_status(sqlstate text): the HTTP status of an SQLSTATE. PTnnn is nnn; data errors
 * (class 22) are 400, resources (53) and administrator action (57) 503, all else 500.
 */
Datum
http_status(PG_FUNCTION_ARGS)
{
	text *arg = PG_GETARG_TEXT_PP(0);
	const char *state = VARDATA_ANY(arg);
	int len = VARSIZE_ANY_EXHDR(arg);

	if (len == 5)
	{
		for (int i = 0; i < 5; i++)
			if (!((state[i] >= '0' && state[i] <= '9') || (state[i] >= 'A' && state[i] <= 'Z')))
				len = 0;
	}
	if (len != 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("malformed SQLSTATE"),
				 errdetail("An SQLSTATE is five digits or upper-case letters."),
				 errhint("Pass the SQLSTATE as the driver reports it, for example '23505'.")));

	if (state[0] == 'P' && state[1] == 'T' && state[2] >= '1' && state[2] <= '5' &&
		state[3] >= '0' && state[3] <= '9' && state[4] >= '0' && state[4] <= '9')
		PG_RETURN_INT32((state[2] - '0') * 100 + (state[3] - '0') * 10 + (state[4] - '0'));

	for (int i = 0; i < lengthof(http_map); i++)
		if (memcmp(http_map[i].sqlstate, state, 5) == 0)
			PG_RETURN_INT32(http_map[i].status);

	if (memcmp(state, "22", 2) == 0)
		PG_RETURN_INT32(400);
	if (memcmp(state, "53", 2) == 0 || memcmp(state, "57", 2) == 0)
		PG_RETURN_INT32(503);
	PG_RETURN_INT32(500);
}
