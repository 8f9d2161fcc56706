/*
 * export_user.c
 *		account.export_user: what the database holds about a user, for the user itself or staff.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "authority.h"
#include "export_walk.h"

ACCOUNT_OPERATION(export_user, "export_user", 0);

/* account.export_user(user_id) RETURNS jsonb */
static Datum
export_user_operation(PG_FUNCTION_ARGS)
{
	Model model;
	UserRecord *user;

	version_check();
	model = *model_require_locked();
	user = authority_over(&model, id_argument(fcinfo, 0), true, NULL);
	PG_RETURN_JSONB_P(export_rows(&model, user->user_id));
}
