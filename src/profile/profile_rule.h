/*
 * profile_rule.h
 *		What makes a profile: the rule of one users table and one profiles table, shared by the
 *		modules profile, profile_adopt, profile_enable, profile_follow and profile_proof.
 */
#ifndef PGACCOUNT_PROFILE_RULE_H
#define PGACCOUNT_PROFILE_RULE_H

#include "commands/trigger.h"
#include "executor/execdesc.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "base/base.h"

/*
 * A rule as the cache keeps it. Parameter 0 of every statement is the user's key, the others are
 * the values of `defaults`; columns, types, values and nulls share that numbering.
 */
typedef struct ProfileRule
{
	Oid users;
	Oid profiles;
	bool adopt;
	Oid owner;              /* of profiles: whose rights make them */
	bool partitioned;       /* profiles is */
	List *parts;            /* then it, and its partitions */
	AttrNumber key;         /* of users */
	AttrNumber user_column; /* of profiles */
	Oid key_type;
	Oid column_type;
	Oid foreign_key; /* constraint profiles.user_column -> users.key, if there is one */
	bool proved;     /* the join proves that constraint: see profile_proof.c */
	bool runs_code;  /* of the owner: a trigger, a default, a check or an index has some */
	char *conflict;  /* what ON CONFLICT infers the unique index from */
	char *name;      /* of profiles, for messages */
	int nvalues;
	AttrNumber *columns;
	Oid *types;
	Datum *values;
	char *nulls;
	Bitmapset *planned;           /* kinds of plan kept since the rule was read; in the context */
	double set_rows;              /* size of the set its plan was made for */
	struct AutomaticRow *adopted; /* of profile_adopt.c, once needed */
	MemoryContext context;
} ProfileRule;

/* A row of account.profile_rule, and one of account.profile_default. */
typedef struct RegistryRule
{
	Oid users;
	Oid profiles;
	bool adopt;
} RegistryRule;

typedef struct RegistryDefault
{
	Oid users;
	Oid profiles;
	char *column_name;
	Jsonb *value;
} RegistryDefault;

/* Names, in the catalog, of the functions that triggers of ours call. */
#define MAKE_PROFILE  "make_profile"
#define ADOPT_PROFILE "adopt_profile"
#define KEEP_PROFILE  "keep_profile"

/* Why a default is left out. */
#define NO_SUCH_COLUMN "There is no such column to set."

extern void profile_rule_init(void);

/* A WARNING that a default is left out, once a session unless anew. */
extern void profile_warn_default(bool anew, Oid profiles, const char *column, const char *problem);

/* The registry. Needs no privilege, sees what is committed and what this transaction did. */
extern List *registry_rules(void);
extern List *registry_defaults(void);

/* The rule of these two tables, from the cache; NULL: none, or what it needs was dropped. */
extern ProfileRule *profile_rule(Oid users, Oid profiles);

/*
 * The rule that a trigger of ours stands for, and the attribute number in the trigger's own table
 * of the users' key or of profiles.user_column; NULL where there is none (any more). The rule stays
 * usable to the end of the transaction.
 */
extern ProfileRule *profile_rule_of_trigger(TriggerData *trigdata, AttrNumber *attnum);

/*
 * To be called on a statement that has been started: leaves out of it what of ours is always true.
 */
extern void profile_executor_start(QueryDesc *query);

/* What the WHEN clause of a trigger of ours marks; false: it marks nothing. */
extern bool profile_mark(const char *tgqual, Oid *marked, AttrNumber *attnum);

/* Is this a domain that does not take NULL? */
extern bool type_is_not_null(Oid typid);

/* Is this the function of that name of the extension? */
extern bool is_own_function(Oid funcid, const char *name);

/*
 * profiles.user_column of a rule, as the trigger on profiles carries it; 0: there is no such rule.
 */
extern AttrNumber profile_user_column(Relation profiles, Oid users);

/*
 * The column of users that profiles.user_column refers to: the target of its foreign key, else the
 * primary key where that is one column; 0: neither.
 */
extern AttrNumber profile_key(Relation profiles, AttrNumber user_column, Oid users,
							  Oid *foreign_key);

/* Text for ON CONFLICT from the unique index on just this column; NULL: there is none. */
extern char *profile_conflict_target(Relation profiles, AttrNumber user_column);

/*
 * The text that compares two columns by value, with a cast where the types are kin; NULL: not kin.
 */
extern char *profile_key_equality(Oid key_type, const char *key, Oid column_type,
								  const char *column);

/* schema.table for FROM: a partitioned table with its partitions, any other without children. */
extern char *profile_scan(Oid relid);

/* Convert a default to its column's type. False: it does not; *problem says why. */
extern bool profile_convert(Form_pg_attribute column, Jsonb *value, Datum *result, bool *isnull,
							char **problem);

/*
 * The kept plan of this kind, made from text(rule) where there is none; enr: a relation that the
 * text speaks of, or NULL. As the rule's owner.
 */
extern KeptStatement *profile_plan(ProfileRule *rule, PlanKind kind,
								   char *(*text)(ProfileRule *rule), QueryEnvironment *env);

/*
 * "INSERT INTO profiles (user_column, ...) SELECT key, $2, ... " for an expression that is the key.
 */
extern void profile_insert_text(StringInfo sql, ProfileRule *rule, const char *key);

/* Callback for statements of ours that make profiles: without the extension's own triggers. */
extern void profile_without_own_triggers(EState *estate, void *arg);

/* Are our own triggers on this partitioned profiles table disabled? (A callback misses leaves.) */
extern bool profile_inserting_into(Oid profiles);
extern uint64 profile_run_insert(ProfileRule *rule, KeptStatement *plan, QueryEnvironment *env,
								 ExecutorCallback callback);
extern uint64 profile_run_backfill(ProfileRule *rule, KeptStatement *plan);

/* profile_proof.c */
extern bool profile_check_provable(ProfileRule *rule, Relation users, Relation profiles);
extern bool profile_runs_code(const ProfileRule *rule, Relation profiles);
extern ExecutorCallback profile_callback(ProfileRule *rule);

#endif /* PGACCOUNT_PROFILE_RULE_H */
