/*
 * plan_cache.h
 *		Statements of the extension that are kept, per backend.
 */
#ifndef PGACCOUNT_PLAN_CACHE_H
#define PGACCOUNT_PLAN_CACHE_H

#include "utils/plancache.h"
#include "utils/queryenvironment.h"

/* One kind a text that some file keeps; its own header names what relid and other are. */
typedef enum PlanKind
{
	PLAN_CASCADE_CHILDREN,
	PLAN_RESTORE_CHILDREN,
	PLAN_STAMP_CHILDREN,
	PLAN_LIVE_CHILDREN,
	PLAN_REFERENCING_FIND,
	PLAN_REFERENCING_COUNT,
	PLAN_RESTORE_WITHIN,
	PLAN_CHILDREN_LEFT,
	PLAN_PARENT_EXISTS,
	PLAN_HOLD_PARENT,
	PLAN_GUARD_PARENT,
	PLAN_MOVE_ROW,
	PLAN_PROFILE_ONE,
	PLAN_PROFILE_SET,
	PLAN_PROFILE_BACKFILL,
	PLAN_PROFILE_ADOPT,
	PLAN_PROFILE_REFERENCED,
	PLAN_PROFILE_REMOVE,
	PLAN_PROFILE_ENSURE,
	PLAN_MODEL_USER,
	PLAN_MODEL_LOGIN,
	PLAN_MODEL_LIVE,
	PLAN_MODEL_TENANT,
	PLAN_TENANT_USERS,
	PLAN_MEMBERSHIP_READ,
	PLAN_MEMBERSHIP_TENANT,
	PLAN_MEMBERSHIP_LOCK,
	PLAN_MEMBERSHIP_FIND,
	PLAN_MEMBERSHIP_MAKE,
	PLAN_MEMBERSHIP_CHANGE,
	PLAN_MEMBERSHIP_STAFF,
	PLAN_TENANT_HOLD,
	PLAN_REGISTER_TAKEN,
	PLAN_REGISTER_INSERT,
	PLAN_PASSWORD_SET,
	PLAN_LOGIN_ENTER,
	PLAN_LOGIN_FAILED,
	PLAN_LOGIN_FORGET,
	PLAN_LOGIN_PRUNE,
	PLAN_KNOWN_NOTE,
	PLAN_KNOWN_PRUNE,
	PLAN_KNOWN_FORGET_ALL,
	PLAN_SESSION_END_ALL,
	PLAN_SESSION_END_USER,
	PLAN_SESSION_END_USERS,
	PLAN_SESSION_END_TENANT,
	PLAN_SESSION_END_IN_TENANT,
	PLAN_SESSION_END_MEMBERS,
	PLAN_SESSION_END_IN_TENANTS,
	PLAN_SESSION_LAST,
	PLAN_SESSION_PRUNE,
	PLAN_EVENT_PRUNE,
	PLAN_USER_DELETE,
	PLAN_USER_LOCK,
	PLAN_USER_JOIN,
	PLAN_TENANT_FIND,
	PLAN_TENANT_LOCK,
	PLAN_INVITATION_MAKE,
	PLAN_INVITATION_LOCK,
	PLAN_INVITATION_USE,
	PLAN_INVITATION_LIST,
	PLAN_INVITATION_READ,
	PLAN_INVITATION_REVOKE,
	PLAN_INVITATION_VOID,
	PLAN_INVITATION_WAIT,
	PLAN_APPLICATION_MAKE,
	PLAN_APPLICATION_LOCK,
	PLAN_APPLICATION_REVIEW,
	PLAN_DEPENDENT_SESSIONS,
	PLAN_DEPENDENT_APPLICATIONS,
	PLAN_DEPENDENT_INVITATIONS,
	PLAN_SESSION_USE_PRUNE,
	PLAN_SESSION_LIST,
	PLAN_LAST_MEMBER,
	PLAN_MAIL_MAKE,
	PLAN_MAIL_FIND,
	PLAN_MAIL_USE,
	PLAN_MAIL_VOID,
	PLAN_MAIL_VOID_ALL,
	PLAN_MAIL_PRUNE,
	PLAN_OWN_DELETION_NOTE,
	PLAN_OWN_DELETION_FORGET,
	PLAN_OWN_DELETION_FORGET_ALL,
	PLAN_OWN_DELETION_FIND,
	PLAN_EMAIL_SET,
	PLAN_DELETED_LOGIN,
	PLAN_REMOVAL_LOCK,
	PLAN_REMOVAL_PROGRESS,
	PLAN_REMOVAL_SEALS,
	PLAN_REMOVAL_TARGETS
} PlanKind;

/*
 * A statement that is kept. Good for the transaction in which plan_lookup() or plan_keep() returned
 * it.
 */
typedef struct KeptStatement KeptStatement;

extern void plan_cache_init(void);

/* The kept statement, or NULL: none yet, or something it depends on changed. */
extern KeptStatement *plan_lookup(PlanKind kind, Oid relid, Oid other);

/*
 * Keep a statement. Its plan is chosen as the server chooses. The text is parsed under pg_catalog
 * alone, planned under the search_path of the moment when it runs.
 */
extern KeptStatement *plan_keep(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs,
								const Oid *types);

/*
 * The same with one generic plan from the first run on: for texts whose plan no value could better.
 */
extern KeptStatement *plan_keep_generic(PlanKind kind, Oid relid, Oid other, const char *sql,
										int nargs, const Oid *types);

/* The same for a text that names tables of ours, such as the rows that a statement has inserted. */
extern KeptStatement *plan_keep_over(PlanKind kind, Oid relid, Oid other, const char *sql,
									 int nargs, const Oid *types, QueryEnvironment *env);

/*
 * The same for a statement that looks rows up by a key, or by what an index finds: the plan does
 * without reading whole tables where it can, though they are small, or empty, when it is made.
 */
extern KeptStatement *plan_keep_lookup(PlanKind kind, Oid relid, Oid other, const char *sql,
									   int nargs, const Oid *types);

/* The types of its parameters; returns how many. */
extern int plan_parameters(const KeptStatement *statement, const Oid **types);

/* Its text. */
extern const char *plan_text(const KeptStatement *statement);

/*
 * The source of its plans, parsed under pg_catalog, and good under the present search_path. Until
 * the end of the transaction, whatever happens to the statement meanwhile. env: tables of ours that
 * it names, or NULL.
 */
extern CachedPlanSource *plan_source(KeptStatement *statement, QueryEnvironment *env);

/* The plan of such a source to run, planned anew as the server's plan cache decides. */
extern CachedPlan *plan_get(CachedPlanSource *source, ParamListInfo params, QueryEnvironment *env,
							bool physical);

/*
 * Make the plan of a kept statement now, without a kind of node (a setting such as
 * "enable_nestloop"), unless it is made already: for tables that grow while it is in use, faster
 * than their statistics. values: NULL for a generic plan.
 */
extern void plan_make_without(KeptStatement *statement, const char *setting, Datum *values,
							  const char *nulls, QueryEnvironment *env);

/* Forget a kept statement that a rule turned into another, on which it may not even depend. */
extern void plan_forget(KeptStatement *statement);

#endif /* PGACCOUNT_PLAN_CACHE_H */
