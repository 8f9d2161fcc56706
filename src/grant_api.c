/*
 * grant_api.c
 *		account.grant_api: what an application role may call.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"
#include "errors.h"
#include "operation.h"
#include "statement.h"
#include "version.h"

ACCOUNT_OPERATION(grant_api, "grant_api", NO_SUBJECT);

/* The unprivileged calls that are not PUBLIC's; those that a version has not are passed over. */
static const char *const api[] = {"register",
								  "login",
								  "refresh",
								  "logout",
								  "revoke_sessions",
								  "set_password",
								  "authenticate",
								  "sign_out",
								  "delete_user",
								  "restore_user",
								  "export_user",
								  "invite",
								  "accept_invitation",
								  "apply_for_role",
								  "review_application",
								  "set_client_ip",
								  "enable_tenant_isolation",
								  "disable_tenant_isolation"};

/* account.grant_api(role regrole): lets an application role call the unprivileged functions. */
static Datum
grant_api_operation(PG_FUNCTION_ARGS)
{
	Oid schema;
	char *role;

	if (PG_ARGISNULL(0))
		refuse_null_argument("role");
	version_check();
	schema = account_schema();
	role = GetUserNameFromId(PG_GETARG_OID(0), true);
	if (role == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("role with OID %u does not exist", PG_GETARG_OID(0)),
						errdetail("It may have been dropped by another session."),
						errhint("Name a role of the application.")));
	SPI_connect();
	for (int i = 0; i < lengthof(api); i++)
	{
		CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(api[i]));
		List *functions = NIL;
		ListCell *cell;

		for (int j = 0; j < list->n_members; j++)
		{
			Form_pg_proc form = (Form_pg_proc) GETSTRUCT(&list->members[j]->tuple);

			if (form->pronamespace == schema)
				functions = lappend_oid(functions, form->oid);
		}
		ReleaseCatCacheList(list);
		foreach (cell, functions)
			run_sql("GRANT EXECUTE ON FUNCTION %s TO %s",
					format_procedure_qualified(lfirst_oid(cell)), quote_identifier(role));
	}
	SPI_finish();
	PG_RETURN_VOID();
}
