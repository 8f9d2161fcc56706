/*
 * model_rows.c
 *		The rows of the account model by their keys, without a statement.
 *
 * Every request of an application looks at a user, and every refresh reads one: worth a way of its
 * own. Where users, tenants, profiles and members are plain tables of one owner with a unique index
 * on their keys, of the usual types, their rows are looked at through these indexes. Anything else
 * (partitions, children, other key types, columns that rows do not hold, a tenants table of another
 * owner) is asked by statement.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "liveness.h"
#include "model_rows.h"

/* What the rows of a table must be like. Attribute numbers; 0: no such column. */
typedef struct DirectTable
{
	bool known;
	bool usable;
	LookupIndex key;
	Liveness liveness;
} DirectTable;

static DirectTable tables[MODEL_PARTS];
static Oid id_type;           /* of users.id, and */
static Oid tenant_type;       /* of users.tenant, or members.tenant, below domains */
static uint64 generation = 0; /* of the model that these are of; 0: none */

/* The keys of the parts. */
static const ModelAttribute keys[MODEL_PARTS] = {USERS_ID, PROFILES_USER, TENANTS_ID, MEMBERS_USER};

/* What the key of a part is compared with. */
static ModelAttribute
compared_with(const Model *model, ModelPart part)
{
	return part == MODEL_TENANTS ? model_tenant_attribute(model) : USERS_ID;
}

/*
 * Are the values of this attribute of users compared with a part's keys as the index compares
 * these?
 */
static bool
compares(const Model *model, ModelPart part)
{
	ModelAttribute key = keys[part];
	ModelAttribute other = compared_with(model, part);

	return model_has(model, key) && model_has(model, other) &&
		   model_key_type(model, key) == model_key_type(model, other) &&
		   (model_key_type(model, key) != TEXTOID ||
			model->column[key].collation == model->column[other].collation);
}

/* Are keys of users of this type, without domains, such that model_rows_key() reads them? */
static bool
is_readable(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
		case TEXTOID:
		case VARCHAROID:
			return true;
		default:
			return false;
	}
}

/* The column that says when soft delete has deleted a row of the table; 0: there is none. */
static AttrNumber
deletion_column(Relation rel)
{
	const SoftDelete *soft = mapping_declared(RelationGetRelid(rel));

	return soft != NULL ? soft->deleted_at : InvalidAttrNumber;
}

/* Find the index by which rows of a part are looked up. */
static bool
find_key(const Model *model, ModelPart part, Relation rel, LookupIndex *key)
{
	AttrNumber pair[2];

	if (part != MODEL_MEMBERS)
		return lookup_unique_index(rel, model->column[keys[part]].attnum, 0, key);
	pair[0] = model->column[MEMBERS_USER].attnum;
	pair[1] = model->column[MEMBERS_TENANT].attnum;
	return lookup_unique_pair(rel, pair, deletion_column(rel), key);
}

/* Do rows of a part hold all columns that the model has of it? */
static bool
rows_hold_all(const Model *model, ModelPart part, Relation rel)
{
	for (ModelAttribute i = 0; i < MODEL_ATTRIBUTES; i++)
		if (model_attributes[i].part == part && column_is_virtual(rel, model->column[i].attnum))
			return false;
	return true;
}

/* How to look at the rows of a part. */
static void
find_direct(const Model *model, ModelPart part, Relation rel)
{
	DirectTable table = {.known = true};

	table.usable =
		rel->rd_rel->relkind == RELKIND_RELATION && !has_subclass(RelationGetRelid(rel)) &&
		rel->rd_rel->relowner == model->owner[MODEL_USERS] &&
		pg_class_aclcheck(RelationGetRelid(rel), model->owner[MODEL_USERS], ACL_SELECT) ==
			ACLCHECK_OK &&
		compares(model, part) &&
		is_readable(compared_with(model, part) == USERS_ID ? id_type : tenant_type) &&
		rows_hold_all(model, part, rel) && find_key(model, part, rel, &table.key);
	if (part != MODEL_PROFILES) /* a role is read of whatever profile there is */
		liveness_of(model, part, rel, &table.liveness);
	tables[part] = table;
}

/* The index on slugs of tenants; see the header. */
bool
model_rows_slug_index(const ModelRows *rows, LookupIndex *by)
{
	Relation rel = rows->rel[MODEL_TENANTS];

	return lookup_unique_index(rel, rows->model->column[TENANTS_SLUG].attnum, deletion_column(rel),
							   by);
}

/* Can the rows be looked at without a statement? See the header. */
bool
model_rows_direct(const ModelRows *rows)
{
	const Model *model = rows->model;

	if (rows->rel[MODEL_USERS] == NULL || generation != model->generation)
		return false;
	for (ModelPart part = 0; part < MODEL_PARTS; part++)
	{
		if (rows->rel[part] == NULL)
			continue;
		if (!tables[part].known)
			find_direct(model, part, rows->rel[part]);
		if (!tables[part].usable)
			return false;
	}
	return !OidIsValid(tenant_type) || is_readable(tenant_type);
}

/* The table of a part that is to be opened, or InvalidOid. */
static Oid
wanted_table(const Model *model, ModelPart part, bool with_profiles)
{
	if ((part == MODEL_TENANTS && !model_has(model, model_tenant_attribute(model))) ||
		(part == MODEL_PROFILES && !with_profiles))
		return InvalidOid;
	return model->relation[part];
}

/* Open and lock these tables; false: the model, which is looked at again, has others. */
static bool
open_tables(ModelRows *rows, bool with_profiles)
{
	const Model *model = model_require();
	bool same = true;

	for (ModelPart part = 0; part < MODEL_PARTS; part++)
	{
		Oid relid = wanted_table(model, part, with_profiles);

		rows->rel[part] = OidIsValid(relid) ? try_table_open(relid, AccessShareLock) : NULL;
	}
	rows->model = model_require();
	for (ModelPart part = 0; part < MODEL_PARTS; part++)
		if (wanted_table(rows->model, part, with_profiles) !=
			(rows->rel[part] != NULL ? RelationGetRelid(rows->rel[part]) : InvalidOid))
			same = false;
	return same;
}

/*
 * Open and lock the mapped tables. The locks let changes be seen: so the model is looked at again.
 */
void
model_rows_open(ModelRows *rows, bool with_profiles)
{
	ModelAttribute attribute;

	while (!open_tables(rows, with_profiles))
	{
		CHECK_FOR_INTERRUPTS();
		for (ModelPart part = 0; part < MODEL_PARTS; part++)
			if (rows->rel[part] != NULL)
				table_close(rows->rel[part], AccessShareLock);
	}
	if (generation != model_generation())
	{
		memset(tables, 0, sizeof(tables));
		id_type = rows->model->column[USERS_ID].base;
		attribute = model_tenant_attribute(rows->model);
		tenant_type =
			model_has(rows->model, attribute) ? rows->model->column[attribute].base : InvalidOid;
		generation = model_generation();
	}
}

/* The mapping, its tables locked; see the header. */
const Model *
model_require_locked(void)
{
	ModelRows rows;

	model_rows_open(&rows, true);
	model_rows_close(&rows);
	return rows.model;
}

/* Open them for as long as this mapping stands; see the header. */
void
model_rows_open_as(ModelRows *rows, const Model *model)
{
	model_rows_open(rows, true);
	if (rows->model->generation != model->generation)
	{
		model_rows_close(rows);
		memset(rows->rel, 0, sizeof(rows->rel));
	}
	rows->model = model;
}

/* Close the tables. */
void
model_rows_close(ModelRows *rows)
{
	for (ModelPart part = 0; part < MODEL_PARTS; part++)
		if (rows->rel[part] != NULL)
			table_close(rows->rel[part], NoLock);
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

/* Look for a row by its key; see the header. */
bool
model_rows_find(const ModelRows *rows, ModelPart part, Datum key, Snapshot snapshot,
				LookupScan *scan)
{
	const LookupIndex *by = &tables[part].key;
	Datum value;

	if (rows->rel[part] == NULL || !narrow(key, by->key[0].type, &value))
		return false;
	return lookup_one(scan, rows->rel[part], by, &value, snapshot);
}

/* Look for the membership of a user in a tenant; see the header. */
bool
model_rows_find_member(const ModelRows *rows, Datum user, Datum tenant, Snapshot snapshot,
					   LookupScan *scan)
{
	const LookupIndex *by = &tables[MODEL_MEMBERS].key;
	Datum values[2];

	if (rows->rel[MODEL_MEMBERS] == NULL)
		return false;
	for (int i = 0; i < by->nkeys; i++)
	{
		bool is_user = by->key[i].attnum == rows->model->column[MEMBERS_USER].attnum;

		if (!narrow(is_user ? user : tenant, by->key[i].type, &values[i]))
			return false;
	}
	return lookup_one(scan, rows->rel[MODEL_MEMBERS], by, values, snapshot);
}

/* The value of an attribute in a row. */
Datum
model_row_value(const Model *model, ModelAttribute attribute, TupleTableSlot *slot, bool *isnull)
{
	AttrNumber attnum = model->column[attribute].attnum;

	*isnull = true;
	return attnum == InvalidAttrNumber ? (Datum) 0 : slot_getattr(slot, attnum, isnull);
}

/*
 * The type of a key, below domains: of users', or of tenants', which is what these are compared by.
 */
static Oid
type_of_key(ModelAttribute attribute)
{
	return attribute == USERS_ID || attribute == MEMBERS_USER ? id_type : tenant_type;
}

/* A key in a row of users or members. */
Datum
model_rows_key(const ModelRows *rows, ModelAttribute attribute, TupleTableSlot *slot, bool *isnull)
{
	Datum value = model_row_value(rows->model, attribute, slot, isnull);

	if (*isnull)
		return (Datum) 0;
	if (attribute != USERS_ID && attribute != model_tenant_attribute(rows->model))
		return widen(value, rows->model->column[attribute].base);
	return widen(value, type_of_key(attribute));
}

/* Are two keys one? */
bool
model_rows_same_key(ModelAttribute attribute, Datum a, Datum b)
{
	switch (type_of_key(attribute))
	{
		case UUIDOID:
			return memcmp(DatumGetUUIDP(a)->data, DatumGetUUIDP(b)->data, UUID_LEN) == 0;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return DatumGetInt64(a) == DatumGetInt64(b);
		default:
			return strcmp(TextDatumGetCString(a), TextDatumGetCString(b)) == 0;
	}
}

/* Such a key as text. */
char *
model_rows_key_text(ModelAttribute attribute, Datum key)
{
	char *number;

	switch (type_of_key(attribute))
	{
		case UUIDOID:
			return uuid_text_write(DatumGetUUIDP(key));
		case INT2OID:
		case INT4OID:
		case INT8OID:
			number = palloc(MAXINT8LEN + 1);
			(void) pg_lltoa(DatumGetInt64(key), number);
			return number;
		default:
			return TextDatumGetCString(key);
	}
}

/* Is the row not deleted? */
bool
model_row_is_live(ModelPart part, TupleTableSlot *slot)
{
	return row_is_live(&tables[part].liveness, slot);
}

/* Is the row active? */
bool
model_row_is_active(ModelPart part, TupleTableSlot *slot)
{
	return row_is_active(&tables[part].liveness, slot);
}
