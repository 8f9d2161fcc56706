/*
 * dependent_rows.c
 *		What the extension's own tables hold of users: it goes with them.
 *
 * A user whose row is removed for good leaves no address and agent of a session, no application
 * (notes) and no invitation (email) behind, and none that another user could be taken for who is
 * given the same id. Its sessions stay until they would have expired, ended and bare: who comes
 * with a token is told so. An invitation that is still open is for whoever has the email, and
 * stays; those that the user made are void, and go. In the records of others the user stays a bare
 * id: who reviewed, who invited.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "profile/profile.h"
#include "dependent_rows.h"

/* How it is removed; $1: ids, $2: addresses. */
static const TableStatement removals[] = {
	{PLAN_DEPENDENT_SESSIONS,
	 "session",
	 OWN_STATEMENT "UPDATE account.session s SET ip = NULL, user_agent = NULL "
				   "WHERE s.user_id OPERATOR(pg_catalog.=) ANY ($1)",
	 2,
	 {TEXTARRAYOID, TEXTARRAYOID}},
	{PLAN_DEPENDENT_APPLICATIONS,
	 "role_application",
	 OWN_STATEMENT "DELETE FROM account.role_application a "
				   "WHERE a.user_id OPERATOR(pg_catalog.=) ANY ($1)",
	 2,
	 {TEXTARRAYOID, TEXTARRAYOID}},
	{PLAN_DEPENDENT_INVITATIONS,
	 "invitation",
	 OWN_STATEMENT
	 "DELETE FROM account.invitation i WHERE i.accepted_by OPERATOR(pg_catalog.=) ANY ($1) "
	 "OR (i.accepted_at IS NULL AND (i.invited_by OPERATOR(pg_catalog.=) ANY ($1) "
	 "OR (i.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() "
	 "AND pg_catalog.lower(i.email) OPERATOR(pg_catalog.=) ANY (ARRAY("
	 "SELECT pg_catalog.lower(a.address) FROM pg_catalog.unnest($2) AS a(address))))))",
	 2,
	 {TEXTARRAYOID, TEXTARRAYOID}}};

/* Texts as text[]; those that are NULL are left out. */
static Datum
text_array(char **texts, int n)
{
	Datum *values = palloc(n * sizeof(Datum));
	int count = 0;

	for (int i = 0; i < n; i++)
		if (texts[i] != NULL)
			values[count++] = CStringGetTextDatum(texts[i]);
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Remove what there is of users; see the header. */
void
dependent_rows_remove(char **user_ids, char **addresses, int n)
{
	Datum values[2];

	SPI_connect();
	values[0] = text_array(user_ids, n);
	values[1] = text_array(addresses, n);
	for (int i = 0; i < lengthof(removals); i++)
		(void) own_statement_run(&removals[i], values, NULL);
	SPI_finish();
}

/* Run a text on a table of the extension, as its owner. */
static uint64
run_on(const char *table, const char *sql)
{
	RoleState saved = run_as_owner(table);
	uint64 rows =
		statement_run_once(sql, 0, NULL, NULL, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});

	run_as_end(saved);
	return rows;
}

/* Remove what there is of all users; see the header. */
void
dependent_rows_remove_all(uint64 *applications, uint64 *invitations)
{
	(void) run_on("session",
				  OWN_STATEMENT "UPDATE account.session SET ip = NULL, user_agent = NULL "
								"WHERE ip IS NOT NULL OR user_agent IS NOT NULL");
	*applications +=
		run_on("role_application", OWN_STATEMENT "DELETE FROM account.role_application");
	*invitations += run_on("invitation", OWN_STATEMENT "DELETE FROM account.invitation");
}

/* What there is of tenants leaves them; see the header. */
uint64
dependent_rows_leave_tenants(void)
{
	(void) run_on("role_application",
				  OWN_STATEMENT "UPDATE account.role_application SET tenant_id = NULL "
								"WHERE tenant_id IS NOT NULL");
	return run_on("invitation",
				  OWN_STATEMENT "DELETE FROM account.invitation "
								"WHERE tenant_id IS NOT NULL AND accepted_at IS NULL");
}
