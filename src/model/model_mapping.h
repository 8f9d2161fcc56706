/*
 * model_mapping.h
 *		The account model: which tables and columns hold users, profiles, tenants and members.
 */
#ifndef PGACCOUNT_MODEL_MAPPING_H
#define PGACCOUNT_MODEL_MAPPING_H

#include "access/attnum.h"
#include "executor/tuptable.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "model_rule.h"

typedef enum ModelPart
{
	MODEL_USERS,
	MODEL_PROFILES,
	MODEL_TENANTS,
	MODEL_MEMBERS,
	MODEL_PARTS
} ModelPart;

/* Attributes, the parts one after another. */
typedef enum ModelAttribute
{
	USERS_ID,
	USERS_EMAIL,
	USERS_USERNAME,
	USERS_PASSWORD,
	USERS_IS_ACTIVE,
	USERS_IS_STAFF,
	USERS_IS_SUPERUSER,
	USERS_TENANT,
	USERS_LAST_LOGIN,
	USERS_DELETED_AT,
	USERS_FLAG,
	USERS_EMAIL_VERIFIED_AT,
	PROFILES_USER,
	PROFILES_ROLE,
	TENANTS_ID,
	TENANTS_SLUG,
	TENANTS_NAME,
	TENANTS_MODULES,
	TENANTS_IS_ACTIVE,
	MEMBERS_USER,
	MEMBERS_TENANT,
	MEMBERS_ROLE,
	MEMBERS_IS_ACTIVE,
	MODEL_ATTRIBUTES
} ModelAttribute;

/* What kind of column an attribute wants. */
typedef enum ModelKind
{
	MODEL_KEY,
	MODEL_TEXT,
	MODEL_BOOLEAN,
	MODEL_TIME,
	MODEL_LIST
} ModelKind;

/* An attribute, whatever the table. */
typedef struct ModelAttributeInfo
{
	ModelPart part;
	const char *name;
	ModelKind kind;
	const char *const *candidates; /* names it goes by, best first, ending with NULL */
} ModelAttributeInfo;

/* A mapped column as it is now; attnum 0: none. */
typedef struct ModelColumn
{
	AttrNumber attnum;
	Oid type;
	Oid base; /* the same without domains */
	int32 typmod;
	Oid collation;
} ModelColumn;

/*
 * The mapping as it is now. InvalidOid: no such part. Where members are mapped, users have no
 * tenant of their own: USERS_TENANT is no column then, whatever was named.
 */
typedef struct Model
{
	Oid relation[MODEL_PARTS];
	Oid owner[MODEL_PARTS];
	ModelColumn column[MODEL_ATTRIBUTES];
	const ModelRule *rule[MODEL_PARTS]; /* how is_active reads its column; NULL: as a boolean */
	bool django;       /* users is a table of Django's: its migrations are recorded beside it */
	uint64 generation; /* model_generation() of it */
} Model;

extern const char *const model_part_names[MODEL_PARTS];
extern const ModelAttributeInfo model_attributes[MODEL_ATTRIBUTES];

extern void model_init(void);

/*
 * The mapping, or NULL: none, or its users table was dropped. Kept per backend, read anew after a
 * change of the registry or of the tables; valid until the next call; a copy is good for the
 * transaction.
 */
extern const Model *model_get(void);

/* Is there none because its users table was dropped? Nobody can log in then. */
extern bool model_is_dropped(void);

/* The same; raises 55000 where there is none, or where a required column was dropped. */
extern const Model *model_require(void);

/*
 * Another number whenever model_get() has read the mapping, or its tables, anew. Never 0 after it.
 */
extern uint64 model_generation(void);

/* Has the mapping that model_get() returned last all that it cannot do without? */
extern bool model_is_whole(const Model *model);

/* Are users of tenants by rows of a members table? */
extern bool model_has_members(const Model *model);

/* The attribute that says of which tenant a user is: of users, or of members. */
extern ModelAttribute model_tenant_attribute(const Model *model);

/* Has the mapping this attribute? */
extern bool model_has(const Model *model, ModelAttribute attribute);

/*
 * The column of an attribute in the part's table, or in a partition or child of it, which may have
 * its columns in another order; 0: none.
 */
extern AttrNumber model_attnum_in(const Model *model, ModelAttribute attribute, Relation rel);

/* SQL: alias.column. The attribute is mapped. */
extern char *model_sql(const Model *model, const char *alias, ModelAttribute attribute);

/* The same, as text. NULL::text where it is not mapped. */
extern char *model_sql_text(const Model *model, const char *alias, ModelAttribute attribute);

/*
 * The same, as a condition that is never NULL: missing is what an absent column means; a NULL is
 * false. Numbers are true unless 0; other types by their text.
 */
extern char *model_sql_boolean(const Model *model, const char *alias, ModelAttribute attribute,
							   bool missing);

/* Are the modules of tenants of a type that a token can read? */
extern bool model_reads_modules(const Model *model);

/*
 * A key as a parameter: the type it is passed as, its value for a text (false: the text is no key
 * of the column's type, so no row has it), and the condition that compares it with the column.
 */
extern Oid model_key_type(const Model *model, ModelAttribute attribute);
extern bool model_key_value(const Model *model, ModelAttribute attribute, const char *text,
							Datum *value);
extern char *model_sql_key(const Model *model, const char *alias, ModelAttribute attribute,
						   int parameter);

/* A key as its column's type writes it, palloc'd; NULL: it is none. */
extern char *model_normal_key(const Model *model, ModelAttribute attribute, const char *key);

/*
 * The value of a column of a relation's row as a cast to text gives it, as all our texts of keys
 * are; NULL: it is NULL. (The type's output function would do, were it not for char(n), which it
 * pads.)
 */
extern char *model_column_text(Relation rel, TupleTableSlot *slot, AttrNumber attnum);

/* SQL: users.tenant = tenants.id, whatever their types. */
extern char *model_sql_tenant_join(const Model *model, const char *users, const char *tenants);

/* SQL: is the column a of row alias_a equal to b of alias_b, both keys, whatever their types? */
extern char *model_sql_same_key(const Model *model, const char *alias_a, ModelAttribute a,
								const char *alias_b, ModelAttribute b);

/* model_detect.c: the column for an attribute by the names it goes by; 0: none. */
extern AttrNumber model_detect(ModelAttribute attribute, const Oid *relation);

/*
 * model_detect.c: does an index say that a members table has one row, live at least, of a user and
 * tenant, whose columns these are? The caller has a lock on the table.
 */
extern bool model_members_are_unique(Oid members, AttrNumber user, AttrNumber tenant);

/* model_detect.c: does an index of all rows, or all that are live, lead with this column? */
extern bool model_finds_by(Oid relid, AttrNumber attnum);

/* model_detect.c: is this one of the names that the attribute goes by? */
extern bool model_name_fits(ModelAttribute attribute, const char *name);

/* model_detect.c: can the attribute be a rule over a column? */
extern bool model_takes_rule(ModelAttribute attribute);

/* model_detect.c: is the column of a type that the attribute can have? */
extern bool model_type_fits(ModelAttribute attribute, Oid type);

#endif /* PGACCOUNT_MODEL_MAPPING_H */
