/*
 * model_mapping.c
 *		The account model: its mapping, kept per backend, and the SQL that reads its columns.
 *
 * The registry account.model_column holds names; they are resolved when the mapping is read, and
 * read anew after a relation cache invalidation of the registry (its trigger sends one) or of a
 * mapped table. A column that was dropped is as if it had never been mapped, but for those that
 * decide who may come in: a renamed is_active must not make everybody active. For these, and for
 * required ones, the model refuses to work (55000) until account.use_tables is called again.
 *
 * The callback only marks; what model_get() returned stays as it was until the next call.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "fmgr.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "model_mapping.h"

PG_FUNCTION_INFO_V1(model_changed);

/* Columns of account.model_column. */
enum
{
	REGISTRY_PART = 1,
	REGISTRY_ATTRIBUTE,
	REGISTRY_RELATION,
	REGISTRY_COLUMN,
	REGISTRY_SOURCE,
	REGISTRY_GIVEN
};

static Model model;
static bool model_valid = false;
static uint64 model_changes = 0; /* counted by the callback */
static bool model_mapped = false;
static uint64 model_reads = 0;
static Oid model_registry = InvalidOid;

/* A rule, with the stored form that it was read from, in a context of its own; NULL: none. */
typedef struct KeptRule
{
	MemoryContext context;
	Jsonb *stored;
	ModelRule *rule;
} KeptRule;

/* The rules of the mapping, and those that copies of an earlier one may hold till the end. */
static KeptRule rules[MODEL_PARTS];
static List *retired_rules = NIL;

/* A dropped column that the model cannot do without; MODEL_ATTRIBUTES: none. */
static ModelAttribute model_lost = MODEL_ATTRIBUTES;

/* Is there a mapping whose users table was dropped? */
static bool model_dropped = false;

/* A relation changed: if it is of the model, the mapping is outdated. */
static void
relation_changed(Oid relid)
{
	bool ours = !OidIsValid(relid) || relid == model_registry;

	for (int i = 0; i < MODEL_PARTS; i++)
		ours |= relid == model.relation[i];
	model_changes++;
	if (ours)
		model_valid = false;
}

/* Does a table hold password hashes? */
static bool
holds_hashes(Oid relid)
{
	const Model *model = model_get();

	/* a partition of users has them, too */
	return model != NULL &&
		   (model->relation[MODEL_USERS] == relid ||
			list_member_oid(get_partition_ancestors(relid), model->relation[MODEL_USERS]));
}

/* The end of a transaction: nobody holds a copy of an earlier mapping any more. */
static void
transaction_ends(XactEvent event, void *arg)
{
	ListCell *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	foreach (cell, retired_rules)
		MemoryContextDelete(lfirst(cell));
	list_free(retired_rules);
	retired_rules = NIL;
}

/* Begin to follow changes. */
void
model_init(void)
{
	relation_changes_follow(relation_changed);
	RegisterXactCallback(transaction_ends, NULL);
	secret_tables_are(holds_hashes);
}

/* Does the attribute decide who may come in? */
static bool
decides_access(ModelAttribute attribute)
{
	return attribute == USERS_ID || attribute == USERS_PASSWORD || attribute == USERS_IS_ACTIVE ||
		   attribute == USERS_TENANT || attribute == USERS_DELETED_AT || attribute == USERS_FLAG ||
		   attribute == PROFILES_USER || attribute == TENANTS_ID ||
		   attribute == TENANTS_IS_ACTIVE || attribute == MEMBERS_USER ||
		   attribute == MEMBERS_TENANT || attribute == MEMBERS_IS_ACTIVE;
}

/* The attribute of this part and name; MODEL_ATTRIBUTES: none. */
static ModelAttribute
attribute_of(const char *part, const char *name)
{
	ModelAttribute attribute;

	for (attribute = 0; attribute < MODEL_ATTRIBUTES; attribute++)
		if (strcmp(model_attributes[attribute].name, name) == 0 &&
			strcmp(model_part_names[model_attributes[attribute].part], part) == 0)
			break;
	return attribute;
}

/* Take the type of a column. */
static void
take_type(Oid relid, ModelColumn *column)
{
	get_atttypetypmodcoll(relid, column->attnum, &column->type, &column->typmod,
						  &column->collation);
	column->base = getBaseType(column->type);
}

/* Resolve a column as it is now. False: it was dropped. */
static bool
resolve(Oid relid, const char *name, ModelColumn *column)
{
	column->attnum = get_attnum(relid, name);
	if (column->attnum <= 0)
	{
		column->attnum = InvalidAttrNumber;
		return false;
	}
	take_type(relid, column);
	return true;
}

/* Take the columns of soft delete, which follows renames, for an attribute. */
static bool
resolve_soft(Oid relid, bool flag, ModelColumn *column)
{
	const SoftDelete *soft = mapping_declared(relid);
	AttrNumber attnum = soft == NULL ? InvalidAttrNumber : flag ? soft->flag : soft->deleted_at;

	if (attnum == InvalidAttrNumber)
		return false;
	column->attnum = attnum;
	take_type(relid, column);
	return true;
}

/* The rule of a stored form, kept while the mapping has it. */
static const ModelRule *
keep_rule(ModelPart part, Jsonb *stored)
{
	KeptRule *kept = &rules[part];
	MemoryContext old;

	if (kept->context != NULL && VARSIZE(kept->stored) == VARSIZE(stored) &&
		memcmp(kept->stored, stored, VARSIZE(stored)) == 0)
		return kept->rule;
	old = MemoryContextSwitchTo(TopMemoryContext);
	if (kept->context != NULL)
		retired_rules = lappend(retired_rules, kept->context);
	kept->context = NULL;
	kept->context = AllocSetContextCreate(TopMemoryContext, "pgaccount rule of is_active",
										  ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(kept->context);
	kept->stored = (Jsonb *) pg_detoast_datum_copy((struct varlena *) stored);
	kept->rule = model_rule_read(kept->stored);
	MemoryContextSwitchTo(old);
	return kept->rule;
}

/* Take one row of the registry. */
static void
take_row(Model *fresh, HeapTuple tuple, TupleDesc desc)
{
	bool isnull;
	char *part = TextDatumGetCString(heap_getattr(tuple, REGISTRY_PART, desc, &isnull));
	char *name = TextDatumGetCString(heap_getattr(tuple, REGISTRY_ATTRIBUTE, desc, &isnull));
	Oid relid = DatumGetObjectId(heap_getattr(tuple, REGISTRY_RELATION, desc, &isnull));
	Datum column = heap_getattr(tuple, REGISTRY_COLUMN, desc, &isnull);
	ModelAttribute attribute = attribute_of(part, name);
	Datum given;

	if (attribute == MODEL_ATTRIBUTES)
		return;
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
	{
		if (model_attributes[attribute].part == MODEL_USERS)
			model_dropped = true;
		return;
	}
	fresh->relation[model_attributes[attribute].part] = relid;
	if (isnull)
		return;
	given = heap_getattr(tuple, REGISTRY_GIVEN, desc, &isnull);
	if (!isnull && JB_ROOT_IS_OBJECT(DatumGetJsonbP(given)))
		fresh->rule[model_attributes[attribute].part] =
			keep_rule(model_attributes[attribute].part, DatumGetJsonbP(given));
	if (!resolve(relid, NameStr(*DatumGetName(column)), &fresh->column[attribute]) &&
		!((attribute == USERS_DELETED_AT || attribute == USERS_FLAG) &&
		  resolve_soft(relid, attribute == USERS_FLAG, &fresh->column[attribute])) &&
		decides_access(attribute) && (model_lost == MODEL_ATTRIBUTES || model_lost == USERS_TENANT))
		model_lost = attribute; /* users.tenant says nothing where there are members */
}

/* The mapping, or NULL. */
const Model *
model_get(void)
{
	Oid schema = account_schema();
	Model fresh = {{InvalidOid}};
	Relation rel;
	SysScanDesc scan;
	HeapTuple tuple;
	uint64 changes;

	if (model_valid)
		return model_mapped ? &model : NULL;
	model_registry = OidIsValid(schema) ? get_relname_relid("model_column", schema) : InvalidOid;
	rel = OidIsValid(model_registry) ? try_relation_open(model_registry, AccessShareLock) : NULL;
	if (rel == NULL)
		return NULL;

	changes = model_changes;
	model_lost = MODEL_ATTRIBUTES;
	model_dropped = false;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		take_row(&fresh, tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	for (int i = 0; i < MODEL_PARTS; i++)
		if (OidIsValid(fresh.relation[i]))
			fresh.owner[i] = relation_owner(fresh.relation[i]);
	if (OidIsValid(fresh.relation[MODEL_MEMBERS]))
	{
		memset(&fresh.column[USERS_TENANT], 0, sizeof(ModelColumn));
		if (model_lost == USERS_TENANT)
			model_lost = MODEL_ATTRIBUTES;
	}
	if (OidIsValid(fresh.relation[MODEL_USERS]))
		fresh.django = OidIsValid(
			get_relname_relid("django_migrations", get_rel_namespace(fresh.relation[MODEL_USERS])));
	fresh.generation = ++model_reads;
	model = fresh;
	model_mapped = OidIsValid(model.relation[MODEL_USERS]);
	model_valid = changes == model_changes;
	return model_mapped ? &model : NULL;
}

/* Another number whenever the mapping was read anew. */
uint64
model_generation(void)
{
	return model_reads;
}

/* Why is there no mapping: was its users table dropped? */
bool
model_is_dropped(void)
{
	return model_get() == NULL && model_dropped;
}

/* Has the mapping all that it cannot do without? */
bool
model_is_whole(const Model *found)
{
	return model_lost == MODEL_ATTRIBUTES && model_has(found, USERS_ID) &&
		   (model_has(found, USERS_EMAIL) || model_has(found, USERS_USERNAME));
}

/* The mapping; raises 55000 where it cannot work. */
const Model *
model_require(void)
{
	const Model *found = model_get();

	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no users table is mapped"),
				 errdetail("The functions of accounts do not know which table holds the users."),
				 errhint("Call account.use_tables(...), or account.create_starter()."),
				 errhidestmt(true)));
	if (!model_is_whole(found))
	{
		ModelAttribute lost = model_lost != MODEL_ATTRIBUTES ? model_lost : USERS_EMAIL;

		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("a mapped column is gone"),
			 errdetail("The attribute %s.%s was mapped to a column that %s has no more.",
					   model_part_names[model_attributes[lost].part], model_attributes[lost].name,
					   display_relation(found->relation[model_attributes[lost].part])),
			 errhint("Call account.use_tables(...) again."), errhidestmt(true)));
	}
	return found;
}

/* Are users of tenants by rows of a members table? */
bool
model_has_members(const Model *found)
{
	return OidIsValid(found->relation[MODEL_MEMBERS]);
}

/* The attribute that says of which tenant a user is. */
ModelAttribute
model_tenant_attribute(const Model *found)
{
	return model_has_members(found) ? MEMBERS_TENANT : USERS_TENANT;
}

/* Has the mapping this attribute? */
bool
model_has(const Model *found, ModelAttribute attribute)
{
	return found->column[attribute].attnum != InvalidAttrNumber;
}

/* The column of an attribute in a relation. */
AttrNumber
model_attnum_in(const Model *found, ModelAttribute attribute, Relation rel)
{
	Oid relid = found->relation[model_attributes[attribute].part];

	if (!model_has(found, attribute))
		return InvalidAttrNumber;
	if (relid == RelationGetRelid(rel))
		return found->column[attribute].attnum;
	return get_attnum(RelationGetRelid(rel),
					  get_attname(relid, found->column[attribute].attnum, false));
}

/* SQL: alias.column. */
char *
model_sql(const Model *found, const char *alias, ModelAttribute attribute)
{
	Oid relid = found->relation[model_attributes[attribute].part];

	return psprintf("%s.%s", alias, sql_column(relid, found->column[attribute].attnum));
}

/* SQL: the column as text. */
char *
model_sql_text(const Model *found, const char *alias, ModelAttribute attribute)
{
	if (!model_has(found, attribute))
		return "NULL::pg_catalog.text";
	return sql_as_text(model_sql(found, alias, attribute), found->column[attribute].type);
}

/* SQL: the column as a condition that is never NULL. */
char *
model_sql_boolean(const Model *found, const char *alias, ModelAttribute attribute, bool missing)
{
	char *column;
	char category;
	bool preferred;
	Oid base;

	if (!model_has(found, attribute))
		return missing ? "true" : "false";
	column = model_sql(found, alias, attribute);
	base = found->column[attribute].base;
	if (base == BOOLOID)
		return psprintf("(%s IS TRUE)", column);
	get_type_category_preferred(base, &category, &preferred);
	if (category == TYPCATEGORY_NUMERIC)
		return psprintf("(((%s)::pg_catalog.text OPERATOR(pg_catalog.!~) '^[-0.]*$') IS TRUE)",
						column);
	return psprintf("((pg_catalog.lower((%s)::pg_catalog.text) OPERATOR(pg_catalog.=) "
					"ANY ('{t,true,y,yes,on,1}'::pg_catalog.text[])) IS TRUE)",
					column);
}

/* Are the modules of tenants of a type that a token can read? */
bool
model_reads_modules(const Model *model)
{
	if (!model_has(model, TENANTS_MODULES))
		return false;
	switch (model->column[TENANTS_MODULES].base)
	{
		case JSONBOID:
		case JSONOID:
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
			return true;
		default:
			return false;
	}
}

/* The type that keys of a column are passed as. */
Oid
model_key_type(const Model *found, ModelAttribute attribute)
{
	switch (found->column[attribute].base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return INT8OID;
		case UUIDOID:
			return UUIDOID;
		default:
			return TEXTOID;
	}
}

/* Read a uuid. */
static bool
read_uuid(const char *text, Datum *value)
{
	pg_uuid_t *uuid = palloc(sizeof(pg_uuid_t));

	*value = UUIDPGetDatum(uuid);
	return uuid_text_read(text, uuid);
}

/* Read a whole number as the types of integers do, without their errors. */
static bool
read_integer(const char *text, Datum *value)
{
	const char *digits = text + (text[0] == '-');
	char *end;
	int64 number;

	if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
		return false;
	errno = 0;
	number = strtoi64(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*value = Int64GetDatum(number);
	return true;
}

/* The value of a key as a parameter; see the header. */
bool
model_key_value(const Model *found, ModelAttribute attribute, const char *text, Datum *value)
{
	switch (model_key_type(found, attribute))
	{
		case INT8OID:
			return read_integer(text, value);
		case UUIDOID:
			return read_uuid(text, value);
		default:
			if (found->column[attribute].base == BYTEAOID)
				text = bytea_text_normal(text);
			if (text != NULL)
				*value = CStringGetTextDatum(text);
			return text != NULL;
	}
}

/* A key as its column's type writes it; NULL: it is none. */
char *
model_normal_key(const Model *found, ModelAttribute attribute, const char *key)
{
	Datum value;

	if (!model_key_value(found, attribute, key, &value))
		return NULL;
	switch (model_key_type(found, attribute))
	{
		case INT8OID:
			return psprintf(INT64_FORMAT, DatumGetInt64(value));
		case UUIDOID:
			return DatumGetCString(DirectFunctionCall1(uuid_out, value));
		default:
			return TextDatumGetCString(value);
	}
}

/* SQL: is the column the key that this parameter holds? */
char *
model_sql_key(const Model *found, const char *alias, ModelAttribute attribute, int parameter)
{
	return psprintf("%s OPERATOR(pg_catalog.=) $%d",
					model_key_type(found, attribute) == TEXTOID
						? model_sql_text(found, alias, attribute)
						: model_sql(found, alias, attribute),
					parameter);
}

/* SQL: are two keys equal? Of types that have no common one their texts are compared. */
char *
model_sql_same_key(const Model *found, const char *alias_a, ModelAttribute a, const char *alias_b,
				   ModelAttribute b)
{
	bool kin =
		model_key_type(found, a) == model_key_type(found, b) && model_key_type(found, a) != TEXTOID;

	return psprintf("%s OPERATOR(pg_catalog.=) %s",
					kin ? model_sql(found, alias_a, a) : model_sql_text(found, alias_a, a),
					kin ? model_sql(found, alias_b, b) : model_sql_text(found, alias_b, b));
}

/* SQL: users.tenant = tenants.id. */
char *
model_sql_tenant_join(const Model *found, const char *users, const char *tenants)
{
	return model_sql_same_key(found, tenants, TENANTS_ID, users, USERS_TENANT);
}

/*
 * account.model_changed(): trigger function on the registry, for each row. Every session reads the
 * mapping anew, and makes its statements anew, whoever changed it, a restore included.
 */
Datum
model_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = called_as_trigger(fcinfo, "model_changed");
	TupleDesc desc = RelationGetDescr(trigdata->tg_relation);
	HeapTuple tuples[] = {trigdata->tg_trigtuple, trigdata->tg_newtuple};

	CacheInvalidateRelcache(trigdata->tg_relation);
	for (int i = 0; i < 2; i++)
	{
		bool isnull;
		Oid relid;

		if (!HeapTupleIsValid(tuples[i]))
			continue;
		relid = DatumGetObjectId(heap_getattr(tuples[i], REGISTRY_RELATION, desc, &isnull));
		if (!isnull && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
			CacheInvalidateRelcacheByRelid(relid);
	}
	return PointerGetDatum(NULL);
}

/* The value of a row's column as a cast to text gives it; see the header. */
char *
model_column_text(Relation rel, TupleTableSlot *slot, AttrNumber attnum)
{
	Oid relid = RelationGetRelid(rel);
	bool isnull;
	Datum value = column_value(relid, slot, attnum, &isnull);

	if (isnull)
		return NULL;
	return text_to_cstring(
		cast_code_text(relid, TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid,
					   DEFAULT_COLLATION_OID, value));
}
