/*
 * check.c
 *		What authenticate and the issuers do to a token or to claims, without the tables around it.
 *
 * Linked into the library that is measured, which shows nothing of its C interface to others.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "auth/auth.h"
#include "base/base.h"

PG_FUNCTION_INFO_V1(check_token);

/* check_token(token text): every check of an access token, and no jsonb. */
Datum
check_token(PG_FUNCTION_ARGS)
{
	CheckedToken checked;
	bool good = token_check(PG_GETARG_TEXT_PP(0), &checked, NULL, NULL) == JWT_OK;

	token_free(&checked);
	if (!good)
		elog(ERROR, "wrong token");
	PG_RETURN_BOOL(good);
}
