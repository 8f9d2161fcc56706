/*
 * session_tenant.c
 *		The tenant that a session is in, where users are members of several.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "session.h"

static const TableStatement last_session = {
	PLAN_SESSION_LAST,
	"session",
	OWN_STATEMENT "SELECT s.tenant_id FROM account.session s "
				  "WHERE s.user_id OPERATOR(pg_catalog.=) $1 ORDER BY s.created_at DESC LIMIT 1",
	1,
	{TEXTOID}};

/* The tenant of the user's last session, ended or not; NULL: none. */
static char *
last_tenant(const char *user_id)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum values[] = {CStringGetTextDatum(user_id)};
	char *tenant = NULL;

	SPI_connect();
	if (own_statement_run(&last_session, values, NULL) > 0)
		tenant = row_text(0, 1, caller);
	SPI_finish();
	return tenant;
}

/* Put a user into a tenant as a login does; see the header. */
bool
session_choose_tenant(const Model *model, UserRecord *user, bool is_named, const char *tenant)
{
	bool is_active;
	char *key;

	if (!model_has_members(model))
		return true;
	if (is_named)
	{
		key = tenant == NULL ? NULL : model_tenant_key(model, tenant, &is_active);
		return key != NULL && membership_enter(model, user, key);
	}
	key = membership_only(model, user->user_id);
	if (key == NULL)
		key = last_tenant(user->user_id);
	if (key != NULL)
		(void) membership_enter(model, user, key);
	return true;
}
