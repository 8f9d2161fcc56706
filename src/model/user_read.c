/*
 * user_read.c
 *		The record of a user by its key, read without a statement.
 *
 * Each refresh reads one. What the statement of user_record.c joins, three lookups read here: the
 * user, its tenant, the role of its profile; and what membership.c asks, two: the membership, its
 * tenant.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "user_read.h"

/* Is the attribute without column, or with one of type text? */
static bool
is_text(const Model *model, ModelAttribute attribute)
{
	Oid type = model_has(model, attribute) ? model->column[attribute].base : TEXTOID;

	return type == TEXTOID || type == VARCHAROID;
}

/* Is it without column, or with one of type boolean? */
static bool
is_boolean(const Model *model, ModelAttribute attribute)
{
	return !model_has(model, attribute) || model->column[attribute].base == BOOLOID;
}

/*
 * Can records be read here? Of other types casts, which may be an application's, are the
 * statement's.
 */
bool
user_read_direct(const ModelRows *rows)
{
	static uint64 generation = 0; /* of the model that this is said of; 0: none */
	static bool readable;
	const Model *model = rows->model;

	if (generation != model->generation)
	{
		readable = is_text(model, USERS_EMAIL) && is_text(model, USERS_USERNAME) &&
				   is_text(model, USERS_PASSWORD) && is_text(model, TENANTS_SLUG) &&
				   is_text(model, TENANTS_NAME) && is_text(model, PROFILES_ROLE) &&
				   is_text(model, MEMBERS_ROLE) && is_boolean(model, USERS_IS_STAFF) &&
				   is_boolean(model, USERS_IS_SUPERUSER);
		generation = model->generation;
	}
	return readable && model_rows_direct(rows);
}

/* The text of an attribute in a row; NULL for NULL, and where there is no such column. */
static char *
read_text(const Model *model, ModelAttribute attribute, TupleTableSlot *slot)
{
	bool isnull;
	Datum value = model_row_value(model, attribute, slot, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* A boolean of users; false for NULL, and where there is no such column. */
static bool
read_boolean(const Model *model, ModelAttribute attribute, TupleTableSlot *slot)
{
	bool isnull;
	Datum value = model_row_value(model, attribute, slot, &isnull);

	return !isnull && DatumGetBool(value);
}

/* Read the tenant's part of a record. */
static void
read_tenant(const ModelRows *rows, TupleTableSlot *slot, UserRecord *user)
{
	const Model *model = rows->model;
	Datum value;

	/* a text may be equal, and another one */
	user->tenant_id = model_key_type(model, TENANTS_ID) == TEXTOID
						  ? read_text(model, TENANTS_ID, slot)
						  : user->tenant_key;
	user->tenant = read_text(model, TENANTS_SLUG, slot);
	if (user->tenant == NULL || user->tenant[0] == '\0')
		user->tenant = read_text(model, TENANTS_NAME, slot);
	user->tenant_is_active =
		model_row_is_live(MODEL_TENANTS, slot) && model_row_is_active(MODEL_TENANTS, slot);
	if (!model_reads_modules(model))
		return;
	user->modules_type = model->column[TENANTS_MODULES].type;
	value = model_row_value(model, TENANTS_MODULES, slot, &user->modules_isnull);
	if (!user->modules_isnull)
		user->modules = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
}

/* Read a record from the row of users. */
static UserRecord *
read_record(const ModelRows *rows, TupleTableSlot *slot, Snapshot snapshot)
{
	const Model *model = rows->model;
	UserRecord *user = palloc0(sizeof(UserRecord));
	LookupScan scan;
	char *password;
	bool isnull;
	Datum key = model_rows_key(rows, USERS_ID, slot, &isnull);

	if (!isnull)
		user->user_id = model_rows_key_text(USERS_ID, key);
	user->email = read_text(model, USERS_EMAIL, slot);
	user->username = read_text(model, USERS_USERNAME, slot);
	password = read_text(model, USERS_PASSWORD, slot);
	user->password = password ? cstring_to_text(password) : NULL;
	user->is_live = model_row_is_live(MODEL_USERS, slot);
	user->is_active = model_row_is_active(MODEL_USERS, slot);
	user->is_staff = read_boolean(model, USERS_IS_STAFF, slot);
	user->is_superuser = read_boolean(model, USERS_IS_SUPERUSER, slot);
	if (!isnull && model_has(model, PROFILES_ROLE) &&
		model_rows_find(rows, MODEL_PROFILES, key, snapshot, &scan))
	{
		user->role = read_text(model, PROFILES_ROLE, scan.slot);
		lookup_end(&scan);
	}

	user->tenant_is_active = true;
	user->modules_isnull = true;
	key = model_rows_key(rows, USERS_TENANT, slot, &isnull);
	if (isnull)
		return user;
	user->tenant_key = model_rows_key_text(USERS_TENANT, key);
	if (rows->rel[MODEL_TENANTS] == NULL)
		user->tenant_id = user->tenant_key;
	else if (model_rows_find(rows, MODEL_TENANTS, key, snapshot, &scan))
	{
		read_tenant(rows, scan.slot, user);
		lookup_end(&scan);
	}
	return user;
}

/* The user with this key. */
UserRecord *
user_read_key(const ModelRows *rows, Datum key, Snapshot snapshot)
{
	UserRecord *user;
	LookupScan scan;

	if (!model_rows_find(rows, MODEL_USERS, key, snapshot, &scan))
		return NULL;
	user = read_record(rows, scan.slot, snapshot);
	lookup_end(&scan);
	return user;
}

/* Put a member into its tenant; see the header. */
bool
user_read_enter(const ModelRows *rows, Datum tenant_key, char *role, Snapshot snapshot,
				UserRecord *user)
{
	UserRecord entered = *user;
	LookupScan scan;

	entered.is_member = true;
	entered.modules_isnull = true;
	entered.tenant_is_active = true;
	entered.tenant_key = model_rows_key_text(MEMBERS_TENANT, tenant_key);
	entered.tenant_role = role;
	if (rows->rel[MODEL_TENANTS] == NULL)
		entered.tenant_id = entered.tenant_key;
	else if (model_rows_find(rows, MODEL_TENANTS, tenant_key, snapshot, &scan))
	{
		read_tenant(rows, scan.slot, &entered);
		lookup_end(&scan);
	}
	else
		return false;
	if (entered.tenant_is_active)
		*user = entered;
	return entered.tenant_is_active;
}

/* Does the row of a membership count? *role: its role there. */
static bool
take_member(const ModelRows *rows, TupleTableSlot *slot, char **role)
{
	if (!model_row_is_live(MODEL_MEMBERS, slot) || !model_row_is_active(MODEL_MEMBERS, slot))
		return false;
	*role = read_text(rows->model, MEMBERS_ROLE, slot);
	return true;
}

/* Put a user into a tenant; see the header. */
bool
user_read_membership(const ModelRows *rows, Datum user_key, Datum tenant_key, Snapshot snapshot,
					 UserRecord *user)
{
	LookupScan scan;
	char *role;
	bool counts;

	if (!model_rows_find_member(rows, user_key, tenant_key, snapshot, &scan))
		return false;
	counts = take_member(rows, scan.slot, &role);
	lookup_end(&scan);
	return counts && user_read_enter(rows, tenant_key, role, snapshot, user);
}

/* So often a membership is looked for anew because the row has changed under the look. */
#define MAX_LOOKS 100

/*
 * Lock a membership, found by a snapshot of now, in its last version. False: the row is none of
 * this membership any more, or gone: look again.
 */
static bool
lock_found(const ModelRows *rows, TupleTableSlot *found, Snapshot snapshot, TupleTableSlot *slot)
{
	Relation rel = rows->rel[MODEL_MEMBERS];
	ItemPointerData tid = found->tts_tid;
	TM_FailureData failure;

	return table_tuple_lock(rel, &tid, snapshot, slot, GetCurrentCommandId(true), LockTupleShare,
							LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure) == TM_Ok;
}

/* Is it the row of this user and tenant? */
static bool
is_membership(const ModelRows *rows, TupleTableSlot *slot, Datum user_key, Datum tenant_key)
{
	bool no_user;
	bool no_tenant;
	Datum user = model_rows_key(rows, MEMBERS_USER, slot, &no_user);
	Datum tenant = model_rows_key(rows, MEMBERS_TENANT, slot, &no_tenant);

	return !no_user && !no_tenant && model_rows_same_key(MEMBERS_USER, user, user_key) &&
		   model_rows_same_key(MEMBERS_TENANT, tenant, tenant_key);
}

/* Lock a membership; see the header. */
bool
user_read_lock_membership(const ModelRows *rows, Datum user_key, Datum tenant_key, char **role)
{
	Relation rel = rows->rel[MODEL_MEMBERS];
	TupleTableSlot *slot;
	bool held = false;

	LockRelation(rel, RowShareLock);
	slot = table_slot_create(rel, NULL);
	for (int i = 0; i < MAX_LOOKS; i++)
	{
		Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
		LookupScan scan;
		bool found = model_rows_find_member(rows, user_key, tenant_key, snapshot, &scan);
		bool locked = found && lock_found(rows, scan.slot, snapshot, slot);

		CHECK_FOR_INTERRUPTS();
		if (found)
			lookup_end(&scan);
		UnregisterSnapshot(snapshot);
		held = locked && is_membership(rows, slot, user_key, tenant_key);
		if (!found || held)
			break;
	}
	held = held && take_member(rows, slot, role);
	ExecDropSingleTupleTableSlot(slot);
	return held;
}

/* The index on slugs of tenants; NULL: there is none to use. */
static const LookupIndex *
slug_index(const ModelRows *rows)
{
	static uint64 generation = 0; /* of the model that this index is of; 0: none */
	static bool indexed;
	static LookupIndex by;
	const Model *model = rows->model;

	if (generation != model->generation)
	{
		indexed = model_rows_slug_index(rows, &by);
		generation = model->generation;
	}
	return indexed ? &by : NULL;
}

/* The key of a tenant that was found, if it is live; ends the look. */
static char *
take_tenant_key(const ModelRows *rows, LookupScan *scan, bool *is_active)
{
	char *key = NULL;
	bool isnull;

	if (model_row_is_live(MODEL_TENANTS, scan->slot))
	{
		Datum id = model_rows_key(rows, TENANTS_ID, scan->slot, &isnull);

		key = isnull ? NULL : model_rows_key_text(model_tenant_attribute(rows->model), id);
		*is_active = model_row_is_active(MODEL_TENANTS, scan->slot);
	}
	lookup_end(scan);
	return key;
}

/* The key of the tenant that an id or slug names; see the header. */
char *
user_read_tenant_key(const ModelRows *rows, const char *tenant, Snapshot snapshot, bool *is_active,
					 bool *asked)
{
	const Model *model = rows->model;
	const LookupIndex *by;
	LookupScan scan;
	char *key = NULL;
	Datum value;

	*asked = false;
	if (rows->rel[MODEL_TENANTS] == NULL)
		return NULL;
	if (model_key_value(model, TENANTS_ID, tenant, &value) &&
		model_rows_find(rows, MODEL_TENANTS, value, snapshot, &scan))
		key = take_tenant_key(rows, &scan, is_active);
	*asked = key != NULL || !model_has(model, TENANTS_SLUG);
	by = *asked ? NULL : slug_index(rows);
	if (by == NULL)
		return key;
	*asked = true;
	value = CStringGetTextDatum(tenant);
	return lookup_one(&scan, rows->rel[MODEL_TENANTS], by, &value, snapshot)
			   ? take_tenant_key(rows, &scan, is_active)
			   : NULL;
}
