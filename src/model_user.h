/*
 * model_user.h
 *		The record of a user, read through the account model.
 */
#ifndef PGACCOUNT_MODEL_USER_H
#define PGACCOUNT_MODEL_USER_H

#include "utils/rel.h"

#include "model.h"

/* A user as a login or a token needs it. NULL: no such column, or NULL. In the caller's memory context. */
typedef struct UserRecord
{
	char *user_id;
	char *email;
	char *username;
	text *password; /* the stored hash */
	bool is_active;
	bool is_staff;
	bool is_superuser;
	bool is_live;     /* not deleted */
	char *tenant_id;  /* NULL also where there is no such tenant */
	char *tenant_key; /* as the user's row has it */
	char *tenant;     /* its slug, else its name */
	bool tenant_is_active;
	Oid modules_type;
	bool modules_isnull;
	Datum modules;
	char *role;
} UserRecord;

/* The user of this id, deleted and inactive ones too; NULL: there is none, or the id is no key. */
extern UserRecord *model_user_by_id(const Model *model, const char *user_id);

/*
 * Lock the row of a live user to the end of the transaction: against changes (FOR SHARE), or to change it
 * (FOR UPDATE). False: there is none.
 */
extern bool model_user_lock(const Model *model, const char *user_id, bool to_change);

/*
 * The one live user of this email or username. tenant: its slug or id decides among several; NULL: any.
 * NULL: there is none, or several.
 */
extern UserRecord *model_user_by_login(const Model *model, const char *login, const char *tenant);

/* The live tenant of this slug or id: its id as text, and whether it is active; NULL: there is none. */
extern char *model_tenant(const Model *model, const char *tenant, bool *is_active);

/* Are the modules of tenants of a type that a token can read? */
extern bool model_reads_modules(const Model *model);

/* May the user come in: live, active, in an active tenant or in none? */
extern bool model_user_admitted(const UserRecord *user);

/* The hash of a password, in the form that the application itself reads. Raises as password_hash() does. */
extern text *model_hash_password(const Model *model, text *password);

/* Raise 55000 if there is no column for a password's hash, or one that is too short for it. */
extern void model_require_room(const Model *model, text *hash);

/* Is a username compared without case: is it citext, or unique by lower()? */
extern bool model_username_folds(const Model *model);

/* Are all live users in the index: has it no predicate, or that of soft delete? */
extern bool model_index_holds_live(const Model *model, Relation index);

/* Is one of the keys of an index lower(column)? */
extern bool model_index_folds(Relation index, AttrNumber attnum);

/* SQL: is the attribute, an email or username, the login in this text parameter? */
extern char *model_sql_named(const Model *model, const char *alias, ModelAttribute attribute,
							 int parameter);

#endif /* PGACCOUNT_MODEL_USER_H */
