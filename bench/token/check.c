/*
 * check.c
 *		What authenticate and the issuers do to a token or to claims, without the tables around it.
 *
 * Linked at load time with the preloaded library, which exports its C interface up to PostgreSQL 15.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "key_store.h"
#include "token.h"

PG_MODULE_MAGIC;

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
