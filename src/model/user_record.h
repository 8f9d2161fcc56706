/*
 * user_record.h
 *		The record of a user, read through the account model.
 */
#ifndef PGACCOUNT_USER_RECORD_H
#define PGACCOUNT_USER_RECORD_H

#include "user_read.h"

/* The user of this id, deleted and inactive ones too; NULL: there is none, or the id is no key. */
extern UserRecord *model_user_by_id(const Model *model, const char *user_id);
extern UserRecord *model_rows_user(const ModelRows *rows, const char *user_id);

/*
 * Lock the row of a live user to the end of the transaction: against changes (FOR SHARE), or to
 * change it (FOR UPDATE). False: there is none.
 */
extern bool model_user_lock(const Model *model, const char *user_id, bool to_change);

/*
 * The one live user of this email or username. tenant: its slug or id decides among several; NULL:
 * any. NULL: there is none, or several. Where members are mapped, one user is who it is, whatever
 * tenant is named.
 */
extern UserRecord *model_user_by_login(const Model *model, const char *login, const char *tenant);

/*
 * The live tenant of this slug or id: its id as text, and whether it is active; NULL: there is
 * none.
 */
extern char *model_tenant(const Model *model, const char *tenant, bool *is_active);

/*
 * The key of the tenant that a slug or id names, live where tenants are mapped, as text; NULL:
 * there is none. *is_active: is it active?
 */
extern char *model_tenant_key(const Model *model, const char *tenant, bool *is_active);
extern char *model_rows_tenant_key(const ModelRows *rows, const char *tenant, bool *is_active);

/* A tenant was named: raise 55000 where users have none. */
extern void model_require_tenant(const Model *model);

/* Raise 55000 where no members are mapped. */
extern void model_require_members(const Model *model);

/* The longest slug or id of a tenant, in characters. */
#define MAX_TENANT 1024

/* May the user come in: live, active, in an active tenant or in none? */
extern bool model_user_admitted(const UserRecord *user);

/*
 * The hash of a password, in the form that the application itself reads: Django's, where users are
 * a table of Django's, or the user's present hash (NULL: there is none) is one of Django's. Raises
 * as password_hash() does.
 */
extern text *model_hash_password(const Model *model, text *password, text *present);

/* Raise 55000 if there is no column for a password's hash, or one that is too short for it. */
extern void model_require_room(const Model *model, text *hash);

/* SQL: is the attribute, an email or username, the name in this text parameter, without case? */
extern char *model_sql_folded(const Model *model, const char *alias, ModelAttribute attribute,
							  int parameter);

/* SQL: is the slug of a tenant this text parameter? Without case where its type says so. */
extern char *model_sql_slug(const Model *model, const char *alias, int parameter);

/* SQL: is it the login in this text parameter? */
extern char *model_sql_named(const Model *model, const char *alias, ModelAttribute attribute,
							 int parameter);

#endif /* PGACCOUNT_USER_RECORD_H */
