/*
 * live_check.c
 *		The live row behind a token: what account.authenticate looks at.
 *
 * Every request of an application begins here, so it is worth a way of its own: where users and tenants
 * are plain tables with a unique index on their keys, of the usual types, their rows are looked at through
 * these indexes. Anything else (partitions, children, other key types, a tenants table of another owner)
 * is asked by one kept statement as the owner of users. Both read the same conditions from the model, on
 * a snapshot of now: what has been ended is ended in every isolation level.
 *
 * Nothing is locked or written: it works on a hot standby.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "errors.h"
#include "identifiers.h"
#include "identity.h"
#include "key_scan.h"
#include "mapping.h"
#include "plan_cache.h"
#include "session.h"

/* What the row of a user or tenant must be like. Attribute numbers; 0: no such column. */
typedef struct DirectTable
{
	KeyIndex key;
	AttrNumber deleted_at;        /* NULL, as soft delete has it */
	AttrNumber mapped_deleted_at; /* NULL, as the mapping has it */
	AttrNumber flag;              /* not true */
	AttrNumber is_active;         /* true */
} DirectTable;

/* How rows are looked at without a statement; of one generation of the model. */
typedef struct DirectWay
{
	uint64 generation; /* 0: none */
	bool usable;
	DirectTable users;
	bool with_tenants;
	DirectTable tenants;
	AttrNumber tenant;    /* of users */
	AttrNumber tenant_id; /* of tenants */
	Oid tenant_type;      /* of users.tenant, as KeyIndex has types */
} DirectWay;

static DirectWay way;

/* Raise PT401; the detail is for who may see it. */
static void
refuse(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_UNAUTHENTICATED), errmsg("token is not valid"),
					errdetail_row("%s", detail),
					errhint("Ask for a new token, by login or refresh."), errhidesecrets()));
}

/* The statement: the tenant of user $1, as a token has it, if the user may come in. */
static char *
live_text(const Model *model)
{
	bool tenants = model_has(model, USERS_TENANT) && OidIsValid(model->relation[MODEL_TENANTS]);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT %s FROM %s u",
					 tenants ? model_sql_text(model, "t", TENANTS_ID)
							 : model_sql_text(model, "u", USERS_TENANT),
					 sql_relation(model->relation[MODEL_USERS]));
	if (tenants)
		appendStringInfo(&sql, " LEFT JOIN %s t ON %s",
						 sql_relation(model->relation[MODEL_TENANTS]),
						 model_sql_tenant_join(model, "u", "t"));
	appendStringInfo(&sql, " WHERE %s AND %s AND %s", model_sql_key(model, "u", USERS_ID, 1),
					 model_sql_live(model, "u", MODEL_USERS),
					 model_sql_boolean(model, "u", USERS_IS_ACTIVE, true));
	if (tenants)
		appendStringInfo(&sql, " AND (%s IS NULL OR (%s AND %s))",
						 model_sql(model, "t", TENANTS_ID),
						 model_sql_live(model, "t", MODEL_TENANTS),
						 model_sql_boolean(model, "t", TENANTS_IS_ACTIVE, true));
	return sql.data;
}

/* Ask by the statement. False: the user may not come in. *tenant: its tenant, as a token has it. */
static bool
ask_statement(const Model *model, Datum key, Snapshot snapshot, char **tenant)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid users = model->relation[MODEL_USERS];
	Oid type = model_key_type(model, USERS_ID);
	SPIPlanPtr plan;
	RoleState saved;
	bool found;

	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MODEL_LIVE, users, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MODEL_LIVE, users, InvalidOid, live_text(model), 1, &type);
	if (SPI_execute_snapshot(plan, &key, NULL, snapshot, InvalidSnapshot, true, false, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not look at the live row of a user");
	found = SPI_processed > 0;
	*tenant = found ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
	if (*tenant != NULL)
		*tenant = MemoryContextStrdup(caller, *tenant);
	run_as_end(saved);
	SPI_finish();
	return found;
}

/* Is the attribute without column, or with one of type boolean? */
static bool
is_boolean(const Model *model, ModelAttribute attribute)
{
	return !model_has(model, attribute) || getBaseType(model->column[attribute].type) == BOOLOID;
}

/* How to look at the rows of a part. False: only a statement can. */
static bool
find_direct(const Model *model, ModelPart part, Relation rel, DirectTable *table)
{
	const SoftDelete *soft = mapping_declared(RelationGetRelid(rel));
	ModelAttribute id = part == MODEL_USERS ? USERS_ID : TENANTS_ID;
	ModelAttribute active = part == MODEL_USERS ? USERS_IS_ACTIVE : TENANTS_IS_ACTIVE;

	memset(table, 0, sizeof(*table));
	if (rel->rd_rel->relkind != RELKIND_RELATION || has_subclass(RelationGetRelid(rel)) ||
		rel->rd_rel->relowner != model->owner[MODEL_USERS] ||
		pg_class_aclcheck(RelationGetRelid(rel), model->owner[MODEL_USERS], ACL_SELECT) !=
			ACLCHECK_OK ||
		!is_boolean(model, active) || !key_index_find(rel, model->column[id].attnum, &table->key))
		return false;
	table->deleted_at = soft != NULL ? soft->deleted_at : InvalidAttrNumber;
	table->is_active = model->column[active].attnum;
	if (part == MODEL_USERS)
	{
		table->mapped_deleted_at = model->column[USERS_DELETED_AT].attnum;
		table->flag = model->column[USERS_FLAG].attnum;
		return is_boolean(model, USERS_FLAG);
	}
	return true;
}

/* The type of a column, as KeyIndex has them. */
static Oid
key_type(const Model *model, ModelAttribute attribute)
{
	Oid type = getBaseType(model->column[attribute].type);

	return type == VARCHAROID ? TEXTOID : type;
}

/* Find the direct way of this generation of the model. */
static void
find_way(const Model *model, Relation users, Relation tenants)
{
	way.generation = 0;
	way.with_tenants = tenants != NULL;
	way.usable = find_direct(model, MODEL_USERS, users, &way.users);
	way.tenant = model->column[USERS_TENANT].attnum;
	way.tenant_id = model->column[TENANTS_ID].attnum;
	if (way.tenant != InvalidAttrNumber)
	{
		way.tenant_type = key_type(model, USERS_TENANT);
		way.usable &= way.tenant_type == UUIDOID || way.tenant_type == TEXTOID ||
					  model_key_type(model, USERS_TENANT) == INT8OID;
	}
	if (way.usable && tenants != NULL)
		way.usable = find_direct(model, MODEL_TENANTS, tenants, &way.tenants) &&
					 model_key_type(model, USERS_TENANT) == model_key_type(model, TENANTS_ID) &&
					 (way.tenant_type != TEXTOID ||
					  model->column[USERS_TENANT].collation == model->column[TENANTS_ID].collation);
	way.generation = model_generation();
}

/* A key, one of int8, uuid and text, as a value of an index's type. False: it has no such value. */
static bool
narrow(Datum key, Oid type, Datum *value)
{
	int64 number = type == INT2OID || type == INT4OID ? DatumGetInt64(key) : 0;

	*value = key;
	switch (type)
	{
		case INT2OID:
			*value = Int16GetDatum((int16) number);
			return number == (int16) number;
		case INT4OID:
			*value = Int32GetDatum((int32) number);
			return number == (int32) number;
		default:
			return true;
	}
}

/* The other way round. */
static Datum
widen(Datum value, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return Int64GetDatum(DatumGetInt16(value));
		case INT4OID:
			return Int64GetDatum(DatumGetInt32(value));
		default:
			return value;
	}
}

/* A widened key as text. */
static char *
key_text(Datum key, Oid type)
{
	char *number;

	switch (type)
	{
		case UUIDOID:
			return DatumGetCString(DirectFunctionCall1(uuid_out, key));
		case TEXTOID:
			return TextDatumGetCString(key);
		default:
			number = palloc(MAXINT8LEN + 1);
			(void) pg_lltoa(DatumGetInt64(key), number);
			return number;
	}
}

/* Is the row live and active? */
static bool
row_passes(TupleTableSlot *slot, const DirectTable *table)
{
	bool isnull;
	Datum value;

	if (table->deleted_at != InvalidAttrNumber && !slot_attisnull(slot, table->deleted_at))
		return false;
	if (table->mapped_deleted_at != InvalidAttrNumber &&
		!slot_attisnull(slot, table->mapped_deleted_at))
		return false;
	if (table->flag != InvalidAttrNumber)
	{
		value = slot_getattr(slot, table->flag, &isnull);
		if (!isnull && DatumGetBool(value))
			return false;
	}
	if (table->is_active == InvalidAttrNumber)
		return true;
	value = slot_getattr(slot, table->is_active, &isnull);
	return !isnull && DatumGetBool(value);
}

/* Look at the tenant of a user that may come in. False: the tenant may not. */
static bool
look_at_tenant(Relation tenants, Datum key, Snapshot snapshot, char **tenant)
{
	KeyScan scan;
	Datum value;
	bool passes = true; /* without such a tenant */

	if (!narrow(key, way.tenants.key.type, &value))
		return true;
	key_scan_begin(&scan, tenants, &way.tenants.key, value, snapshot);
	if (key_scan_next(&scan))
	{
		passes = row_passes(scan.slot, &way.tenants);
		*tenant = key_text(key, way.tenants.key.type);
	}
	key_scan_end(&scan);
	return passes;
}

/* Look without a statement; see ask_statement(). */
static bool
look(Relation users, Relation tenants, Datum key, Snapshot snapshot, char **tenant)
{
	KeyScan scan;
	bool passes;
	bool no_tenant = true;
	Datum value;
	Datum tenant_key = (Datum) 0;

	*tenant = NULL;
	if (!narrow(key, way.users.key.type, &value))
		return false;
	key_scan_begin(&scan, users, &way.users.key, value, snapshot);
	passes = key_scan_next(&scan) && row_passes(scan.slot, &way.users);
	if (passes && way.tenant != InvalidAttrNumber)
		tenant_key = slot_getattr(scan.slot, way.tenant, &no_tenant);
	if (!no_tenant)
	{
		tenant_key = widen(tenant_key, way.tenant_type);
		if (way.with_tenants)
			passes = look_at_tenant(tenants, tenant_key, snapshot, tenant);
		else
			*tenant = key_text(tenant_key, way.tenant_type);
	}
	key_scan_end(&scan);
	return passes;
}

/* Open a mapped table, or nothing. */
static Relation
open_part(const Model *model, ModelPart part)
{
	return OidIsValid(model->relation[part])
			   ? try_table_open(model->relation[part], AccessShareLock)
			   : NULL;
}

/*
 * Open and lock the mapped tables, to the end of the transaction as a SELECT does. The locks let changes
 * be seen, and keep the tables from changing further: so the model is looked at again under them.
 */
static const Model *
open_tables(Relation *users, Relation *tenants)
{
	for (;;)
	{
		const Model *model = model_require();
		uint64 generation = model_generation();

		*users = open_part(model, MODEL_USERS);
		*tenants = model_has(model, USERS_TENANT) ? open_part(model, MODEL_TENANTS) : NULL;
		model = model_require();
		if (*users != NULL && generation == model_generation())
			return model;
		if (*tenants != NULL)
			table_close(*tenants, AccessShareLock);
		if (*users != NULL)
			table_close(*users, AccessShareLock);
	}
}

/* May this user come in? *tenant: its tenant, as a token has it. */
static bool
may_come_in(const char *uid, Snapshot snapshot, char **tenant)
{
	Relation users;
	Relation tenants;
	const Model *model = open_tables(&users, &tenants);
	Datum key;
	bool admitted;

	if (way.generation != model_generation())
		find_way(model, users, tenants);
	if (!model_key_value(model, USERS_ID, uid, &key))
		admitted = false;
	else if (way.usable)
		admitted = look(users, tenants, key, snapshot, tenant);
	else
		admitted = ask_statement(model, key, snapshot, tenant);
	if (tenants != NULL)
		table_close(tenants, NoLock);
	table_close(users, NoLock);
	return admitted;
}

/* Is the user of these claims present, live, active, still of that tenant, its session not ended? */
void
identity_live_check(const IdentityClaims *claims)
{
	Snapshot snapshot;
	char *tenant = NULL;

	if (model_get() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no users table is mapped"),
				 errdetail("authenticate() looks at the live row of the user."),
				 errhint("Map it with account.use_tables(), or set pgaccount.live_check off."),
				 errhidesecrets()));
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (claims->uid == NULL || !may_come_in(claims->uid, snapshot, &tenant))
		refuse("The user is gone, deleted or not active, or its tenant is not.");
	if (tenant == NULL || claims->tenant_id == NULL ? tenant != NULL || claims->tenant_id != NULL
													: strcmp(tenant, claims->tenant_id) != 0)
		refuse("The user is of another tenant now.");
	if (claims->session_id != NULL && !session_is_live(claims->session_id, claims->uid, snapshot))
		refuse("The session has ended.");
	UnregisterSnapshot(snapshot);
}
