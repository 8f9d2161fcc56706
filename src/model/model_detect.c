/*
 * model_detect.c
 *		Which column holds which attribute of the account model, by the names that frameworks use.
 *
 * What the catalog says comes first: a primary key, the foreign key of a profile, the columns of
 * soft delete. Then the names of Django, Rails, Supabase and TypeORM, compared exactly, and once
 * more without case and underscores, so that tenant_id and "tenantId" are one name. A column of a
 * type that cannot hold the attribute is not it, whatever its name.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "profile/profile.h"
#include "softdelete/softdelete.h"
#include "model_mapping.h"

#define NAMES(...)                                                                                 \
	(const char *const[])                                                                          \
	{                                                                                              \
		__VA_ARGS__, NULL                                                                          \
	}

const char *const model_part_names[MODEL_PARTS] = {"users", "profiles", "tenants", "members"};

const ModelAttributeInfo model_attributes[MODEL_ATTRIBUTES] = {
	[USERS_ID] = {MODEL_USERS, "id", MODEL_KEY, NAMES("id", "user_id", "uuid", "uid")},
	[USERS_EMAIL] = {MODEL_USERS, "email", MODEL_TEXT,
					 NAMES("email", "email_address", "mail", "e_mail")},
	[USERS_USERNAME] = {MODEL_USERS, "username", MODEL_TEXT,
						NAMES("username", "user_name", "login", "login_name", "handle")},
	[USERS_PASSWORD] = {MODEL_USERS, "password", MODEL_TEXT,
						NAMES("password", "encrypted_password", "password_hash", "password_digest",
							  "hashed_password", "passwd")},
	[USERS_IS_ACTIVE] = {MODEL_USERS, "is_active", MODEL_BOOLEAN,
						 NAMES("is_active", "active", "enabled", "is_enabled")},
	[USERS_IS_STAFF] = {MODEL_USERS, "is_staff", MODEL_BOOLEAN,
						NAMES("is_staff", "staff", "is_admin", "admin")},
	[USERS_IS_SUPERUSER] = {MODEL_USERS, "is_superuser", MODEL_BOOLEAN,
							NAMES("is_superuser", "superuser", "is_super_admin", "super_admin")},
	[USERS_TENANT] = {MODEL_USERS, "tenant", MODEL_KEY,
					  NAMES("tenant_id", "organization_id", "organisation_id", "org_id",
							"company_id", "account_id", "tenant", "organization")},
	[USERS_LAST_LOGIN] = {MODEL_USERS, "last_login", MODEL_TIME,
						  NAMES("last_login", "last_login_at", "last_sign_in_at",
								"current_sign_in_at")},
	[USERS_DELETED_AT] = {MODEL_USERS, "deleted_at", MODEL_TIME,
						  NAMES("deleted_at", "discarded_at", "deleted_on")},
	[USERS_FLAG] = {MODEL_USERS, "flag", MODEL_BOOLEAN, NAMES("is_deleted", "deleted")},
	[USERS_EMAIL_VERIFIED_AT] = {MODEL_USERS, "email_verified_at", MODEL_TIME,
								 NAMES("email_verified_at", "email_confirmed_at", "email_verified",
									   "confirmed_at")},
	[PROFILES_USER] = {MODEL_PROFILES, "user", MODEL_KEY, NAMES("user_id", "user", "owner_id")},
	[PROFILES_ROLE] = {MODEL_PROFILES, "role", MODEL_TEXT,
					   NAMES("role", "user_role", "user_type", "role_name")},
	[TENANTS_ID] = {MODEL_TENANTS, "id", MODEL_KEY,
					NAMES("id", "tenant_id", "organization_id", "uuid")},
	[TENANTS_SLUG] = {MODEL_TENANTS, "slug", MODEL_TEXT,
					  NAMES("slug", "subdomain", "code", "schema_name")},
	[TENANTS_NAME] = {MODEL_TENANTS, "name", MODEL_TEXT,
					  NAMES("name", "title", "display_name", "company_name")},
	[TENANTS_MODULES] = {MODEL_TENANTS, "modules", MODEL_LIST,
						 NAMES("enabled_modules", "modules", "active_modules", "features")},
	[TENANTS_IS_ACTIVE] = {MODEL_TENANTS, "is_active", MODEL_BOOLEAN,
						   NAMES("is_active", "active", "enabled", "is_enabled")},
	[MEMBERS_USER] = {MODEL_MEMBERS, "user", MODEL_KEY,
					  NAMES("user_id", "member_id", "profile_id", "user", "member")},
	[MEMBERS_TENANT] = {MODEL_MEMBERS, "tenant", MODEL_KEY,
						NAMES("tenant_id", "organization_id", "organisation_id", "org_id",
							  "team_id", "account_id", "workspace_id", "company_id", "project_id",
							  "group_id", "tenant", "organization", "team", "account", "workspace",
							  "company")},
	[MEMBERS_ROLE] = {MODEL_MEMBERS, "role", MODEL_TEXT,
					  NAMES("role", "account_role", "member_role", "membership_role", "tenant_role",
							"organization_role", "org_role", "team_role", "workspace_role",
							"company_role", "user_role", "role_name")},
	[MEMBERS_IS_ACTIVE] = {MODEL_MEMBERS, "is_active", MODEL_BOOLEAN,
						   NAMES("is_active", "active", "enabled", "is_enabled")}};

/* Is the column of a type that the attribute can have? */
bool
model_type_fits(ModelAttribute attribute, Oid type)
{
	Oid base = getBaseType(type);
	char category;
	bool preferred;

	switch (model_attributes[attribute].kind)
	{
		case MODEL_BOOLEAN:
			return base == BOOLOID;
		case MODEL_TIME:
			return base == TIMESTAMPTZOID || base == TIMESTAMPOID || base == DATEOID;
		case MODEL_TEXT:
			get_type_category_preferred(base, &category, &preferred);
			/* a role may be an enum, or a number that the application knows */
			return category == TYPCATEGORY_STRING ||
				   ((attribute == PROFILES_ROLE || attribute == MEMBERS_ROLE) &&
					(category == TYPCATEGORY_ENUM || category == TYPCATEGORY_NUMERIC));
		case MODEL_KEY:
			return base != BOOLOID && !type_is_array(base);
		case MODEL_LIST:
			return true; /* what is no list reads as an empty one */
	}
	return false;
}

/* Can the attribute be a rule over a column? */
bool
model_takes_rule(ModelAttribute attribute)
{
	return attribute == USERS_IS_ACTIVE || attribute == TENANTS_IS_ACTIVE ||
		   attribute == MEMBERS_IS_ACTIVE;
}

/* Are two names one, without case and underscores? */
static bool
same_name(const char *a, const char *b)
{
	for (;;)
	{
		while (*a == '_')
			a++;
		while (*b == '_')
			b++;
		if (pg_ascii_tolower((unsigned char) *a) != pg_ascii_tolower((unsigned char) *b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

/* Is this one of the names that the attribute goes by? */
bool
model_name_fits(ModelAttribute attribute, const char *name)
{
	for (const char *const *known = model_attributes[attribute].candidates; *known; known++)
		if (same_name(name, *known))
			return true;
	return false;
}

/* The column by its name; 0: none that fits. */
static AttrNumber
by_name(Relation rel, ModelAttribute attribute)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int loose = 0; loose < 2; loose++)
		for (const char *const *name = model_attributes[attribute].candidates; *name; name++)
			for (int i = 0; i < desc->natts; i++)
			{
				Form_pg_attribute column = TupleDescAttr(desc, i);

				if (!column->attisdropped &&
					(loose ? same_name(NameStr(column->attname), *name)
						   : strcmp(NameStr(column->attname), *name) == 0) &&
					model_type_fits(attribute, column->atttypid))
					return column->attnum;
			}
	return InvalidAttrNumber;
}

/* The primary key, if it is one column. */
static AttrNumber
primary_key(Relation rel)
{
	Bitmapset *keys = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	int member;

	if (!bms_get_singleton_member(keys, &member))
		return InvalidAttrNumber;
	return member + FirstLowInvalidHeapAttributeNumber;
}

/* The one column that refers to another table by a foreign key; 0: there is none, or several. */
static AttrNumber
referring_column(Relation rel, Oid parent)
{
	AttrNumber found = InvalidAttrNumber;
	int references = 0;
	ListCell *cell;

	if (!OidIsValid(parent))
		return InvalidAttrNumber;
	foreach (cell, fk_of(RelationGetRelid(rel)))
	{
		FkEdge *edge = lfirst(cell);

		if (edge->parent == parent && edge->nkeys == 1)
		{
			found = edge->child_cols[0];
			references++;
		}
	}
	return references == 1 ? found : InvalidAttrNumber;
}

/*
 * The column of profiles that refers to users, by the rule of automatic profiles or a foreign key.
 */
static AttrNumber
profile_reference(Relation profiles, Oid users)
{
	AttrNumber column = profile_user_column(profiles, users);

	return column != InvalidAttrNumber ? column : referring_column(profiles, users);
}

/* The column for an attribute; 0: none. */
AttrNumber
model_detect(ModelAttribute attribute, const Oid *relation)
{
	Oid relid = relation[model_attributes[attribute].part];
	Relation rel = table_open(relid, AccessShareLock);
	const SoftDelete *soft = mapping_declared(relid);
	AttrNumber found = InvalidAttrNumber;

	switch (attribute)
	{
		case USERS_ID:
		case TENANTS_ID:
			found = primary_key(rel);
			break;
		case PROFILES_USER:
			found = relid == relation[MODEL_USERS] ? primary_key(rel)
												   : profile_reference(rel, relation[MODEL_USERS]);
			break;
		case MEMBERS_USER:
			found = referring_column(rel, relation[MODEL_USERS]);
			break;
		case MEMBERS_TENANT:
			found = referring_column(rel, relation[MODEL_TENANTS]);
			break;
		case USERS_DELETED_AT:
			found = soft != NULL ? soft->deleted_at : InvalidAttrNumber;
			break;
		case USERS_FLAG:
			found = soft != NULL ? soft->flag : InvalidAttrNumber;
			break;
		default:
			break;
	}
	if (found == InvalidAttrNumber)
		found = by_name(rel, attribute);
	table_close(rel, AccessShareLock);
	return found;
}

/* Does an index hold all rows, or all that are live? */
static bool
holds_live_rows(Relation index, AttrNumber deleted_at)
{
	List *predicate = index_predicate(index);
	NullTest *test = predicate != NIL ? linitial(predicate) : NULL;

	if (test == NULL)
		return true;
	return deleted_at != InvalidAttrNumber && list_length(predicate) == 1 && IsA(test, NullTest) &&
		   test->nulltesttype == IS_NULL && IsA(test->arg, Var) &&
		   ((Var *) test->arg)->varattno == deleted_at;
}

/* Is it unique, and are all its keys among these two columns? */
static bool
is_unique_of(Form_pg_index form, const AttrNumber *pair)
{
	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] != pair[0] && form->indkey.values[i] != pair[1])
			return false;
	return form->indisunique;
}

/* Is this its first key? */
static bool
leads_with(Form_pg_index form, const AttrNumber *column)
{
	return form->indkey.values[0] == *column;
}

/* Does an index of a table that holds all rows, or all that are live, pass a test? */
static bool
has_index(Oid relid, bool (*passes)(Form_pg_index form, const AttrNumber *columns),
		  const AttrNumber *columns)
{
	Relation rel = table_open(relid, AccessShareLock);
	List *indexes = RelationGetIndexList(rel);
	const SoftDelete *soft = mapping_declared(relid);
	AttrNumber deleted_at = soft != NULL ? soft->deleted_at : InvalidAttrNumber;
	bool found = false;
	ListCell *cell;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		found = index->rd_index->indisvalid && passes(index->rd_index, columns) &&
				holds_live_rows(index, deleted_at);
		index_close(index, AccessShareLock);
		if (found)
			break;
	}
	table_close(rel, AccessShareLock);
	return found;
}

/* Has a members table one row of a user and tenant? See the header. */
bool
model_members_are_unique(Oid members, AttrNumber user, AttrNumber tenant)
{
	AttrNumber pair[] = {user, tenant};

	return has_index(members, is_unique_of, pair);
}

/* Does an index lead with a column? See the header. */
bool
model_finds_by(Oid relid, AttrNumber attnum)
{
	return has_index(relid, leads_with, &attnum);
}
