/*
 * invitation_list.c
 *		Invitations that are open: listed, and taken back, by who may invite into the tenant.
 *
 * One that is taken back is removed: who comes with its token is told that it is unknown.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "auth/auth.h"
#include "base/base.h"
#include "monitor/monitor.h"
#include "authority.h"
#include "invitation_list.h"

ACCOUNT_OPERATION(invitations, "invitations", NO_SUBJECT);
ACCOUNT_OPERATION(revoke_invitation, "revoke_invitation", NO_SUBJECT);

/* $1: a tenant's id, or NULL for all. */
static const TableStatement list_statement = {
	PLAN_INVITATION_LIST,
	"invitation",
	OWN_STATEMENT "SELECT i.id, i.email, i.role, i.tenant_id, i.invited_by, i.expires_at "
				  "FROM account.invitation i WHERE i.accepted_at IS NULL "
				  "AND i.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp() "
				  "AND ($1 IS NULL OR i.tenant_id OPERATOR(pg_catalog.=) $1) ORDER BY i.id",
	1,
	{TEXTOID}};

/* The columns of what is listed. */
enum
{
	LIST_TENANT_ID = 4,
	LIST_COLUMNS = 6
};

/* Whether an actor may list the invitations of a tenant: the last one asked about is kept. */
typedef struct Listing
{
	Model model;
	UserRecord *actor;
	char *tenant_id; /* or NULL */
	bool asked;
	bool may;
} Listing;

/* May the actor list the invitations into this tenant, NULL: into none? */
static bool
may_list(Listing *listing, const char *tenant_id)
{
	TenantRights rights;

	if (listing->asked && (tenant_id == NULL || listing->tenant_id == NULL
							   ? tenant_id == listing->tenant_id
							   : strcmp(tenant_id, listing->tenant_id) == 0))
		return listing->may;
	rights = authority_in_tenant(&listing->model, listing->actor, tenant_id);
	listing->asked = true;
	listing->tenant_id = tenant_id == NULL ? NULL : pstrdup(tenant_id);
	listing->may = rights_are_any(&rights);
	return listing->may;
}

/* May the actor list the invitations of any tenant? */
static bool
may_list_any(const Model *model, const UserRecord *actor)
{
	List *memberships;
	ListCell *cell;

	if (actor->is_staff || actor->is_superuser)
		return true;
	memberships = model_has_members(model) ? membership_list(model, actor->user_id) : NIL;
	foreach (cell, memberships)
	{
		Membership *member = lfirst(cell);

		if (member->counts && member_role_rank(member->role) != ROLE_UNRANKED)
			return true;
	}
	return false;
}

/*
 * account.invitations(tenant text): id bigint, email text, role text, tenant_id text, invited_by
 * text, expires_at timestamptz; of a tenant, or all that the actor may list.
 */
static Datum
invitations_operation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char *tenant = text_argument(fcinfo, 0, "tenant", MAX_TENANT);
	Listing listing = {.asked = false};
	TenantRights rights;
	char *key = NULL;
	Datum values[1] = {(Datum) 0};
	MemoryContext caller = CurrentMemoryContext;
	SPITupleTable *rows;
	uint64 n;

	version_check();
	listing.model = *model_require_locked();
	listing.actor = authority_actor(&listing.model);
	if (tenant != NULL)
		key = authority_tenant(&listing.model, listing.actor, tenant, &rights, NULL);
	else if (!may_list_any(&listing.model, listing.actor))
		authority_require_staff(listing.actor);
	InitMaterializedSRF(fcinfo, 0);
	if (key != NULL)
		values[0] = CStringGetTextDatum(key);
	SPI_connect();
	n = own_statement_run(&list_statement, values, key == NULL ? "n" : " ");
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		Datum row[LIST_COLUMNS];
		bool nulls[LIST_COLUMNS];
		char *of = SPI_getvalue(rows->vals[i], rows->tupdesc, LIST_TENANT_ID);
		MemoryContext spi;

		CHECK_FOR_INTERRUPTS();
		spi = MemoryContextSwitchTo(caller);
		if (may_list(&listing, of))
		{
			heap_deform_tuple(rows->vals[i], rows->tupdesc, row, nulls);
			tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
		}
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return (Datum) 0;
}

static const TableStatement read_statement = {
	PLAN_INVITATION_READ,
	"invitation",
	OWN_STATEMENT "SELECT i.role, i.tenant_id, i.email FROM account.invitation i "
				  "WHERE i.id OPERATOR(pg_catalog.=) $1 AND i.accepted_at IS NULL "
				  "AND i.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp() FOR UPDATE",
	1,
	{INT8OID}};
static const TableStatement revoke_statement = {
	PLAN_INVITATION_REVOKE,
	"invitation",
	OWN_STATEMENT "DELETE FROM account.invitation i WHERE i.id OPERATOR(pg_catalog.=) $1",
	1,
	{INT8OID}};
static const TableStatement wait_statement = {
	PLAN_INVITATION_WAIT,
	"invitation",
	OWN_STATEMENT "SELECT i.id FROM account.invitation i WHERE i.accepted_at IS NULL "
				  "AND pg_catalog.lower(i.email) OPERATOR(pg_catalog.=) pg_catalog.lower($1) "
				  "AND i.tenant_id OPERATOR(pg_catalog.=) $2 "
				  "ORDER BY i.id FOR UPDATE",
	2,
	{TEXTOID, TEXTOID}};
static const TableStatement void_statement = {
	PLAN_INVITATION_VOID,
	"invitation",
	OWN_STATEMENT "DELETE FROM account.invitation i WHERE i.accepted_at IS NULL "
				  "AND pg_catalog.lower(i.email) OPERATOR(pg_catalog.=) pg_catalog.lower($1) "
				  "AND i.tenant_id OPERATOR(pg_catalog.=) $2",
	2,
	{TEXTOID, TEXTOID}};

/* Run a statement on the open invitations of an email into a tenant. */
static void
run_on_open(const TableStatement *statement, const char *email, const char *tenant_id)
{
	Datum values[2];

	if (email == NULL)
		return;
	values[0] = CStringGetTextDatum(email);
	values[1] = CStringGetTextDatum(tenant_id);
	SPI_connect();
	(void) own_statement_run(statement, values, NULL);
	SPI_finish();
}

/* Lock the open invitations of an email into a tenant; see the header. */
void
invitations_lock(const char *email, const char *tenant_id)
{
	run_on_open(&wait_statement, email, tenant_id);
}

/* Take back the open invitations of an email into a tenant. */
void
invitations_void(const char *email, const char *tenant_id)
{
	run_on_open(&void_statement, email, tenant_id);
}

/* account.revoke_invitation(id bigint) RETURNS boolean: was it open? */
static Datum
revoke_invitation_operation(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum id = PG_ARGISNULL(0) ? Int64GetDatum(0) : PG_GETARG_DATUM(0);
	JsonbBuild detail = {0};
	TenantRights rights;
	Model model;
	UserRecord *actor;
	char *role = NULL;
	char *tenant_id = NULL;
	char *email = NULL;
	bool found;

	PreventCommandIfReadOnly("account.revoke_invitation()");
	version_check();
	model = *model_require_locked();
	actor = authority_actor(&model);
	if (!may_list_any(&model, actor))
		authority_require_staff(actor);
	SPI_connect();
	found = own_statement_run(&read_statement, &id, NULL) > 0;
	if (found)
	{
		role = row_text(0, 1, caller);
		tenant_id = row_text(0, 2, caller);
		email = row_text(0, 3, caller);
	}
	SPI_finish();
	if (!found)
		PG_RETURN_BOOL(false);
	operation_concerns(NULL, tenant_id);
	rights = authority_in_tenant(&model, actor, tenant_id);
	if (!rights_cover_role(&rights, role))
		authority_refuse_tenant("not allowed",
								"Only who could make the invitation may take it back.");
	SPI_connect();
	(void) own_statement_run(&revoke_statement, &id, NULL);
	SPI_finish();
	detail_number(&detail, "invitation_id", DatumGetInt64(id));
	detail_text(&detail, "email", email);
	detail_text(&detail, "role", role);
	event_success(EVENT_INVITATION_REVOKED, NULL, tenant_id, detail_end(&detail));
	PG_RETURN_BOOL(true);
}
