/*
 * user_read.h
 *		The record of a user by its key, read without a statement.
 */
#ifndef PGACCOUNT_USER_READ_H
#define PGACCOUNT_USER_READ_H

#include "model_rows.h"

/*
 * A user as a login or a token needs it. NULL: no such column, or NULL. In the caller's memory
 * context.
 */
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
	bool is_member;    /* where members are mapped: its tenant is that of a membership */
	char *tenant_role; /* its role there */
	Oid modules_type;
	bool modules_isnull;
	Datum modules;
	char *role;
} UserRecord;

/*
 * Can records be read by model_rows_find() and what is here? Then they say what the statement of
 * user_record.c says. rows is opened with profiles.
 */
extern bool user_read_direct(const ModelRows *rows);

/*
 * Put a user into a tenant, both given as keys of members (model_key_value()). False: it has no
 * membership there that counts (membership.h), and the record stays as it is. Registered snapshot.
 */
extern bool user_read_membership(const ModelRows *rows, Datum user_key, Datum tenant_key,
								 Snapshot snapshot, UserRecord *user);

/*
 * Lock such a membership to the end of the transaction, against changes. *role: its role, palloc'd,
 * or NULL. False: there is none that is live and active. Within a command of its own.
 */
extern bool user_read_lock_membership(const ModelRows *rows, Datum user_key, Datum tenant_key,
									  char **role);

/*
 * Put a user into the tenant of such a membership, in this role. False: the tenant is not there,
 * deleted or not active, and the record stays as it is. Registered snapshot.
 */
extern bool user_read_enter(const ModelRows *rows, Datum tenant_key, char *role, Snapshot snapshot,
							UserRecord *user);

/*
 * The key, as text, of the live tenant that an id or slug names; NULL: there is none. The id
 * decides. *asked false: no index tells, ask by a statement. Registered snapshot.
 */
extern char *user_read_tenant_key(const ModelRows *rows, const char *tenant, Snapshot snapshot,
								  bool *is_active, bool *asked);

/* The user with this key (model_key_value()); NULL: there is none. Registered snapshot. */
extern UserRecord *user_read_key(const ModelRows *rows, Datum key, Snapshot snapshot);

#endif /* PGACCOUNT_USER_READ_H */
