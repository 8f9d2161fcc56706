/*
 * grant_api.c
 *		What roles may: account.grant_api for applications, account.grant_dump for who dumps, and,
 *		for the installation, that default privileges gave nothing to anybody.
 *
 * GRANT and REVOKE are run as whoever calls, who must own the extension: event triggers of the
 * database fire in them, and are nothing to run with more rights than the caller's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "monitor/monitor.h"

ACCOUNT_OPERATION(grant_api, "grant_api", NO_SUBJECT);
ACCOUNT_OPERATION(grant_dump, "grant_dump", NO_SUBJECT);
PG_FUNCTION_INFO_V1(revoke_default_grants);
PG_FUNCTION_INFO_V1(revoke_default_grants_of_update);

/*
 * The unprivileged calls of accounts, those that PUBLIC has as well: whoever takes them from PUBLIC
 * leaves an application what it needs. Those that a version has not are passed over.
 */
static const char *const api[] = {"register",
								  "login",
								  "refresh",
								  "logout",
								  "revoke_sessions",
								  "set_password",
								  "authenticate",
								  "sign_out",
								  "uid",
								  "tenant_id",
								  "claims",
								  "claim",
								  "user_role",
								  "uid_bigint",
								  "uid_uuid",
								  "tenant_bigint",
								  "tenant_uuid",
								  "has_module",
								  "tenant_role",
								  "has_tenant_role",
								  "is_staff",
								  "is_authenticated",
								  "delete_user",
								  "restore_user",
								  "export_user",
								  "invite",
								  "accept_invitation",
								  "apply_for_role",
								  "review_application",
								  "set_client_ip",
								  "enable_tenant_isolation",
								  "disable_tenant_isolation",
								  "request_password_reset",
								  "reset_password",
								  "change_password",
								  "request_email_change",
								  "confirm_email",
								  "request_deletion",
								  "confirm_deletion",
								  "cancel_deletion",
								  "sessions",
								  "revoke_session",
								  "memberships",
								  "switch_tenant",
								  "set_member_role",
								  "remove_member",
								  "transfer_ownership",
								  "invitations",
								  "revoke_invitation",
								  "delete_tenant",
								  "restore_tenant",
								  "export_tenant"};

/* The role to grant to, quoted. Raises unless it is there and the caller owns the extension. */
static const char *
grantee(FunctionCallInfo fcinfo)
{
	char *role;

	if (PG_ARGISNULL(0))
		refuse_null_argument("role");
	version_check();
	if (!compat_extension_ownercheck(account_extension(), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_EXTENSION, "pgaccount");
	role = GetUserNameFromId(PG_GETARG_OID(0), true);
	if (role == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("role with OID %u does not exist", PG_GETARG_OID(0)),
						errdetail("It may have been dropped by another session."),
						errhint("Name a role of the application.")));
	return quote_identifier(role);
}

/* account.grant_api(role regrole): lets an application role call the unprivileged functions. */
static Datum
grant_api_operation(PG_FUNCTION_ARGS)
{
	const char *role = grantee(fcinfo);
	Oid schema = account_schema();

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
					format_procedure_qualified(lfirst_oid(cell)), role);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* Run each of the statements that a query returns. Within SPI_connect. */
static void
run_each(const char *query)
{
	SPITupleTable *rows;
	uint64 n = run_sql("%s", query);

	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
		run_sql("%s", SPI_getvalue(rows->vals[i], rows->tupdesc, 1));
}

/*
 * account.grant_dump(role regrole): lets a role read what pg_dump takes of the extension, and no
 * more.
 */
static Datum
grant_dump_operation(PG_FUNCTION_ARGS)
{
	const char *role = grantee(fcinfo);
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(
		&query,
		"SELECT pg_catalog.format('GRANT SELECT ON TABLE %%I.%%I TO %%s', n.nspname,"
		" c.relname, %s)"
		" FROM pg_catalog.pg_extension AS e"
		" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) ANY (e.extconfig)"
		" JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE e.oid OPERATOR(pg_catalog.=) %u",
		sql_literal(role), account_extension());
	SPI_connect();
	run_each(query.data);
	SPI_finish();
	PG_RETURN_VOID();
}

/* Raise unless a function is called by the extension's script. */
static void
require_script(const char *function)
{
	if (!creating_extension || CurrentExtensionObject != account_extension())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("%s is called by the extension's script alone", function),
						errdetail("It takes from roles what an administrator may have granted."),
						errhint("Use REVOKE.")));
}

/*
 * account.revoke_default_grants() RETURNS void: what default privileges of the installing role gave
 * to other roles on objects of the extension is taken from them. Of PUBLIC and the owner the script
 * says itself what they may. Called by the script, before it grants to roles.
 */
Datum
revoke_default_grants(PG_FUNCTION_ARGS)
{
	static const char *const objects[] = {
		"SCHEMA account", "ALL TABLES IN SCHEMA account", "ALL SEQUENCES IN SCHEMA account",
		"ALL ROUTINES IN SCHEMA account", "TYPE account.token_pair"};
	StringInfoData query;

	require_script("revoke_default_grants");
	initStringInfo(&query);
	for (int i = 0; i < lengthof(objects); i++)
		appendStringInfo(
			&query,
			"%s SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %%I', r.rolname)"
			" FROM pg_catalog.pg_default_acl AS d, LATERAL pg_catalog.aclexplode(d.defaclacl) AS a"
			" JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) a.grantee"
			" WHERE d.defaclrole OPERATOR(pg_catalog.=) %u"
			" AND a.grantee OPERATOR(pg_catalog.<>) d.defaclrole",
			i == 0 ? "" : " UNION ALL", objects[i], GetUserId());
	SPI_connect();
	run_each(query.data);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * account.revoke_default_grants_of_update() RETURNS void: the same for the objects that an update
 * script has made since it made this function; and the owner has everything on them. Others keep
 * what an administrator has granted.
 */
Datum
revoke_default_grants_of_update(PG_FUNCTION_ARGS)
{
	StringInfoData query;

	require_script("revoke_default_grants_of_update");
	initStringInfo(&query);
	appendStringInfo(
		&query,
		"WITH marker AS (SELECT d.xmin, d.cmin FROM pg_catalog.pg_depend AS d"
		" WHERE d.classid OPERATOR(pg_catalog.=) %u AND d.objid OPERATOR(pg_catalog.=) %u"
		" AND d.deptype OPERATOR(pg_catalog.=) 'e'), made AS ("
		"SELECT CASE WHEN d.classid OPERATOR(pg_catalog.=) %u"
		" THEN pg_catalog.concat('ROUTINE ', d.objid::pg_catalog.regprocedure)"
		" WHEN d.classid OPERATOR(pg_catalog.=) %u"
		" THEN pg_catalog.concat('TYPE ', d.objid::pg_catalog.regtype)"
		" WHEN c.relkind OPERATOR(pg_catalog.=) 'S'"
		" THEN pg_catalog.concat('SEQUENCE ', c.oid::pg_catalog.regclass)"
		" ELSE pg_catalog.concat('TABLE ', c.oid::pg_catalog.regclass) END AS object"
		" FROM marker AS m, pg_catalog.pg_depend AS d LEFT JOIN pg_catalog.pg_class AS c"
		" ON d.classid OPERATOR(pg_catalog.=) %u AND c.oid OPERATOR(pg_catalog.=) d.objid"
		" LEFT JOIN pg_catalog.pg_type AS t"
		" ON d.classid OPERATOR(pg_catalog.=) %u AND t.oid OPERATOR(pg_catalog.=) d.objid"
		" WHERE d.refclassid OPERATOR(pg_catalog.=) %u AND d.refobjid OPERATOR(pg_catalog.=) %u"
		" AND d.deptype OPERATOR(pg_catalog.=) 'e' AND d.xmin OPERATOR(pg_catalog.=) m.xmin"
		" AND d.cmin::pg_catalog.text::pg_catalog.int8"
		" OPERATOR(pg_catalog.>) m.cmin::pg_catalog.text::pg_catalog.int8"
		" AND (d.classid OPERATOR(pg_catalog.=) %u"
		/* of an array type no rights are given */
		" OR t.typcategory OPERATOR(pg_catalog.<>) 'A'"
		" OR c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'v', 'm', 'p', 'S']::\"char\"[])))",
		ProcedureRelationId, fcinfo->flinfo->fn_oid, ProcedureRelationId, TypeRelationId,
		RelationRelationId, TypeRelationId, ExtensionRelationId, account_extension(),
		ProcedureRelationId);
	appendStringInfo(
		&query,
		" SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %%s FROM %%I', m.object, r.rolname)"
		" FROM made AS m, pg_catalog.pg_default_acl AS d,"
		" LATERAL pg_catalog.aclexplode(d.defaclacl) AS a JOIN pg_catalog.pg_roles AS r"
		" ON r.oid OPERATOR(pg_catalog.=) a.grantee"
		" WHERE d.defaclrole OPERATOR(pg_catalog.=) %u"
		" AND a.grantee OPERATOR(pg_catalog.<>) d.defaclrole"
		" UNION ALL SELECT pg_catalog.format('GRANT ALL ON %%s TO CURRENT_USER', m.object)"
		" FROM made AS m",
		GetUserId());
	SPI_connect();
	run_each(query.data);
	SPI_finish();
	PG_RETURN_VOID();
}
