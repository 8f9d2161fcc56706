/*
 * plan_cache.h
 *		Prepared statements of the extension, kept per backend, and how they are run.
 */
#ifndef PGACCOUNT_PLAN_CACHE_H
#define PGACCOUNT_PLAN_CACHE_H

#include "executor/spi.h"
#include "nodes/execnodes.h"
#include "utils/queryenvironment.h"

/* One kind a text that some room keeps; the room's own header names what relid and other are. */
typedef enum PlanKind
{
	PLAN_CASCADE_CHILDREN,
	PLAN_RESTORE_CHILDREN,
	PLAN_STAMP_CHILDREN,
	PLAN_PARENT_EXISTS,
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
	PLAN_REGISTER_TAKEN,
	PLAN_REGISTER_INSERT,
	PLAN_PASSWORD_SET,
	PLAN_LOGIN_ENTER,
	PLAN_LOGIN_FAILED,
	PLAN_LOGIN_FORGET,
	PLAN_LOGIN_PRUNE,
	PLAN_SESSION_END_USER,
	PLAN_SESSION_END_USERS,
	PLAN_SESSION_END_TENANT,
	PLAN_SESSION_READ,
	PLAN_SESSION_ROTATE,
	PLAN_SESSION_END,
	PLAN_SESSION_PRUNE,
	PLAN_EVENT_PRUNE,
	PLAN_USER_DELETE,
	PLAN_USER_LOCK,
	PLAN_USER_JOIN,
	PLAN_INVITATION_MAKE,
	PLAN_INVITATION_LOCK,
	PLAN_INVITATION_USE,
	PLAN_APPLICATION_MAKE,
	PLAN_APPLICATION_LOCK,
	PLAN_APPLICATION_REVIEW,
	PLAN_TRACES_SESSIONS,
	PLAN_TRACES_APPLICATIONS,
	PLAN_TRACES_INVITATIONS
} PlanKind;

/*
 * Every statement of ours starts with this comment; the planner hook then shows it all rows, dead
 * ones too. It grants nothing: any role may do the same with SET pgaccount.show_deleted.
 */
#define OWN_STATEMENT "/* pgaccount */ "

/* The role and flags to return to; see run_as(). */
typedef struct RoleState
{
	Oid userid;
	int sec_context;
} RoleState;

extern void plan_cache_init(void);

/* The kept plan, or NULL: none yet, or something it depends on changed. Good for this transaction. */
extern SPIPlanPtr plan_lookup(PlanKind kind, Oid relid, Oid other);

/*
 * Forget a kept plan: a rule turned its statement into another, on which it may not even depend. Raises
 * 55000 with what the statement was.
 */
extern void plan_refuse(PlanKind kind, Oid relid, Oid other);

/* The same for a statement that is not kept. */
extern void refuse_rules(const char *sql);

/* Prepare sql and keep it. Within SPI_connect. The text must begin with OWN_STATEMENT. */
extern SPIPlanPtr plan_keep(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs,
							Oid *argtypes);

/* The same with one generic plan from the first run on: for texts whose plan no value could better. */
extern SPIPlanPtr plan_keep_generic(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs,
									Oid *argtypes);

/*
 * The same for a statement that looks rows up by a key, or by what an index finds: the plan does without
 * reading whole tables where it can, though they are small, or empty, when it is made.
 */
extern SPIPlanPtr plan_keep_lookup(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs,
								   Oid *argtypes);

/*
 * Act as role until run_as_end(), with FORCE ROW LEVEL SECURITY set aside as the server's own
 * referential actions have it. An error restores the caller's identity by the end of its
 * (sub)transaction, so no PG_TRY is needed.
 */
extern RoleState run_as(Oid role);
extern RoleState run_as_restricted(Oid role); /* may not change the session's state either */
extern void run_as_end(RoleState saved);

/*
 * The same where a superuser acts, who has more to lose than its own rights: on tables of somebody else it
 * runs what is theirs (triggers, defaults, functions of indexes) as they are. Anybody else stays itself, and
 * so does everybody for InvalidOid.
 */
extern RoleState run_down_to(Oid role);

/*
 * Look names up in pg_catalog alone until names_end(), for text that was deparsed from the catalog and
 * cannot be qualified throughout (IS DISTINCT FROM, CASE, NULLIF). Not around statements that fire an
 * application's triggers. An error undoes it.
 */
extern int names_begin(void);
extern void names_end(int saved);

/* Called on the executor's state between ExecutorStart and ExecutorRun. */
typedef void (*ExecutorTweak)(EState *estate, void *arg);

/*
 * Run a kept one-statement plan in a query descriptor of our own, so that tweak can set triggers
 * aside in the executor's copy. Returns the rows processed. Within SPI_connect. physical: the plan
 * is made and run with no rewriting, so that a DELETE removes rows of soft-delete tables.
 */
extern uint64 plan_run(SPIPlanPtr plan, Datum *values, const char *nulls, QueryEnvironment *env,
					   bool physical, ExecutorTweak tweak, void *arg);

/*
 * The same in a snapshot of now, as the server's referential checks look: under REPEATABLE READ, too,
 * it sees what was committed before the caller locked its tables.
 */
extern uint64 plan_run_latest(SPIPlanPtr plan, Datum *values, const char *nulls,
							  ExecutorTweak tweak, void *arg);

/*
 * Look for one row and lock it (SELECT ... FOR SHARE, or FOR UPDATE), in a snapshot of now: what others
 * have just committed counts. True: SPI_tuptable has it. Within SPI_connect.
 */
extern bool plan_lock_row(SPIPlanPtr plan, Datum *values, const char *nulls);

/*
 * Is there a row, in such a snapshot? Without a lock, and at less cost: where this finds none, plan_lock_row()
 * would find none. Within SPI_connect.
 */
extern bool plan_finds_row(SPIPlanPtr plan, Datum *values, const char *nulls);

/*
 * The same as plan_run() inside a running statement, as the server's referential actions run: what AFTER triggers
 * it sets off fire at the end of that statement, not at the end of this one.
 */
extern uint64 plan_run_within(SPIPlanPtr plan, Datum *values, const char *nulls, bool physical,
							  ExecutorTweak tweak, void *arg);

/*
 * Make a kept plan now, without a kind of node (a setting such as "enable_nestloop"), unless it is
 * made already: for tables that grow while the plan is in use, faster than their statistics. values: NULL
 * for a generic plan.
 */
extern void plan_make_without(SPIPlanPtr plan, const char *setting, Datum *values,
							  const char *nulls, QueryEnvironment *env);

/* What a statement that is planned for one run has besides its text. */
typedef struct OneRun
{
	int nargs;
	Oid *types;
	Datum *values;
	QueryEnvironment *env; /* the tables of ours that it names */
	Snapshot snapshot;     /* NULL: as a new statement has */
	bool physical;
	ExecutorTweak tweak;
	void *arg;
	DestReceiver *dest; /* NULL: nobody looks at its rows */
	const char
		*without; /* NULL, or a setting that is off for the planner, such as "enable_seqscan" */
	PlannedStmt *plan; /* of plan_once(); NULL: it is planned now */
} OneRun;

/* Plan a statement for one run, to look at the plan first. In the current memory context. */
extern PlannedStmt *plan_once(const char *sql, const OneRun *run);

/*
 * Plan a statement and run it once: for texts whose best plan depends on how many rows there are. The
 * text must begin with OWN_STATEMENT. Returns the rows processed. Needs no SPI.
 */
extern uint64 run_once(const char *sql, const OneRun *run);

/* SPI_execute of formatted text; raises unless it succeeds. Within SPI_connect. */
extern uint64 run_sql(const char *fmt, ...) pg_attribute_printf(1, 2);

/* Is the statement now being planned one of plan_run's physical ones? Asking consumes the mark. */
extern bool planning_physical(void);

#endif /* PGACCOUNT_PLAN_CACHE_H */
