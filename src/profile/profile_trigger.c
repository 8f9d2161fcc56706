/*
 * profile_trigger.c
 *		A profile for every user, made in the command that made the user.
 *
 * The trigger on a plain users table is a statement trigger with a transition table: it sees
 * exactly the rows that came to be, whatever inserted them, and takes one row by one kept plan, a
 * set by one INSERT ... SELECT. Nothing is queued by row. On a partitioned table it is a row
 * trigger, which PostgreSQL clones onto every partition: a statement on a leaf fires no statement
 * trigger of the root, and a row that an UPDATE moves to another partition comes to be there, too.
 *
 * Profiles are made with the rights of the owner of the profiles table. One that is there already,
 * the application's or another trigger's, is kept; any conflict but that of user_column is the
 * ordinary 23505.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "profile_rule.h"
#include "profile_trigger.h"

PG_FUNCTION_INFO_V1(marks_profile);
PG_FUNCTION_INFO_V1(make_profile);

/* The name under which the set statement sees the new users. */
#define NEW_USERS "pgaccount_new_users"

/* Up to so many users a statement one by one: planning the set costs more. */
#define ONE_BY_ONE 16

/* A set's plan serves sets of up to so many times, and down to one so-manieth of, its size. */
#define SET_PLAN_RANGE 8.0

/* See profiles_left_out(). */
static uint64 left_out = 0;

/* How many users got no profile; see the header. */
uint64
profiles_left_out(void)
{
	return left_out;
}

/* Register the invalidations that keep the cached rules true. */
void
profiles_init(void)
{
	profile_rule_init();
}

/*
 * account.marks_profile(profiles regclass), (users regclass, user_column "any"): always true. In a
 * WHEN clause it names the table and the column for the trigger's function.
 */
Datum
marks_profile(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/* Append "FROM users WHERE key = ...": the join that proves the keys. */
static void
append_join(StringInfo sql, ProfileRule *rule, const char *source, const char *key)
{
	char *found = psprintf("u.%s", sql_column(rule->users, rule->key));

	profile_insert_text(sql, rule, found);
	appendStringInfo(sql, " FROM %s%s u WHERE %s %s %s", source, profile_scan(rule->users), found,
					 sql_equality(rule->key_type), key);
}

/*
 * The statement for the profile of one new user, key $1, by the proof of profile_proof.c or with
 * the ordinary check. For one row ON CONFLICT costs less than a second scan would.
 */
static char *
one_text(ProfileRule *rule)
{
	StringInfoData sql;

	initStringInfo(&sql);
	if (rule->proved)
		append_join(&sql, rule, "", "$1");
	else
		profile_insert_text(&sql, rule, "$1");
	appendStringInfo(&sql, " ON CONFLICT %s DO NOTHING", rule->conflict);
	return sql.data;
}

/* The statement for the profiles of all new users, by the proof or with the ordinary checks. */
static char *
set_text(ProfileRule *rule)
{
	char *key = psprintf("n.%s", sql_column(rule->users, rule->key));
	StringInfoData sql;

	initStringInfo(&sql);
	if (rule->proved)
	{
		append_join(&sql, rule, NEW_USERS " n CROSS JOIN ", key);
		appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s p WHERE p.%s %s u.%s)",
						 profile_scan(rule->profiles),
						 sql_column(rule->profiles, rule->user_column),
						 sql_equality(rule->key_type), sql_column(rule->users, rule->key));
	}
	else
	{
		profile_insert_text(&sql, rule, key);
		appendStringInfo(&sql,
						 " FROM " NEW_USERS " n WHERE %s IS NOT NULL ON CONFLICT %s DO NOTHING",
						 key, rule->conflict);
	}
	return sql.data;
}

/* Make the profile of one new user. As the rule's owner. */
static void
make_one(ProfileRule *rule, Datum key)
{
	KeptStatement *plan = profile_plan(rule, PLAN_PROFILE_ONE, one_text, NULL);

	rule->values[0] = key;
	FAILURE_POINT("profile");
	if (profile_run_insert(rule, plan, NULL, profile_callback(rule)) == 0)
		left_out++;
}

/* Make the profiles of a set of new users. As the rule's owner. */
static void
make_set(ProfileRule *rule, Relation users, Tuplestorestate *newtable)
{
	EphemeralNamedRelation enr = palloc0_object(EphemeralNamedRelationData);
	QueryEnvironment *env = create_queryEnv();
	double rows = tuplestore_tuple_count(newtable);
	KeptStatement *plan;

	enr->md.name = NEW_USERS;
	enr->md.reliddesc = RelationGetRelid(users);
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = rows;
	enr->reldata = newtable;
	register_ENR(env, enr);

	if (rows > rule->set_rows * SET_PLAN_RANGE || rows < rule->set_rows / SET_PLAN_RANGE)
	{
		rule->planned = bms_del_member(rule->planned, PLAN_PROFILE_SET);
		rule->set_rows = rows;
	}
	plan = profile_plan(rule, PLAN_PROFILE_SET, set_text, env);
	FAILURE_POINT("profiles");
	rule->values[0] = (Datum) 0;
	profile_run_insert(rule, plan, env, profile_callback(rule));
}

/* Make the profiles of all new users of a statement, by the way that suits their number. */
static void
make_for_statement(ProfileRule *rule, AttrNumber key, TriggerData *trigdata)
{
	Tuplestorestate *newtable = trigdata->tg_newtable;
	TupleTableSlot *slot;
	int reader;

	if (tuplestore_tuple_count(newtable) > ONE_BY_ONE)
	{
		make_set(rule, trigdata->tg_relation, newtable);
		return;
	}
	reader = tuplestore_alloc_read_pointer(newtable, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(newtable, reader);
	tuplestore_rescan(newtable);
	slot = MakeSingleTupleTableSlot(RelationGetDescr(trigdata->tg_relation), &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(newtable, true, false, slot))
	{
		bool isnull;
		Datum value = slot_getattr(slot, key, &isnull);

		if (!isnull)
			make_one(rule, value);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * account.make_profile(): trigger function, AFTER INSERT. For each statement with a transition
 * table, or for each row. Users without key get no profile.
 */
Datum
make_profile(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	ProfileRule *rule;
	RoleState saved;
	AttrNumber key;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
		(TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event) && trigdata->tg_newtable == NULL))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("account.make_profile must be called as the trigger that "
							   "account.enable_profile makes"),
						errhint("Call account.enable_profile for the users table.")));
	if (TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event) &&
		tuplestore_tuple_count(trigdata->tg_newtable) == 0)
		return PointerGetDatum(NULL);
	rule = profile_rule_of_trigger(trigdata, &key);
	if (rule == NULL)
		return PointerGetDatum(NULL);
	/* as its statement does, before that names the table and its columns */
	LockRelationOid(rule->profiles, RowExclusiveLock);
	rule = profile_rule_of_trigger(trigdata, &key);
	if (rule == NULL)
		return PointerGetDatum(NULL);

	saved = rule->runs_code ? run_as(rule->owner) : run_as_for_server_code(rule->owner);
	if (TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event))
		make_for_statement(rule, key, trigdata);
	else
	{
		bool isnull;
		Datum value = heap_getattr(trigdata->tg_trigtuple, key,
								   RelationGetDescr(trigdata->tg_relation), &isnull);

		if (!isnull)
			make_one(rule, value);
	}
	run_as_end(saved);
	return PointerGetDatum(NULL);
}
