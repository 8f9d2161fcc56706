/*
 * profile_proof.c
 *		When the referential check of a new profile is proved by a join instead of looked up by row.
 *
 * A profile of ours is inserted by
 *
 *		INSERT INTO profiles SELECT u.key, ... FROM new users n JOIN ONLY users u ON u.key = n.key
 *		WHERE NOT EXISTS (SELECT FROM ONLY profiles p WHERE p.user_column = u.key)
 *
 * in the AFTER trigger of the command that inserted those users. Then the check that the foreign
 * key profiles.user_column -> users.key makes for each row (look the user up, lock it FOR KEY
 * SHARE) proves nothing that is not proved already, and its trigger is disabled in the executor's
 * own copy:
 *
 * 1. The referenced row is there. The join reads users with the statement's snapshot, and a profile
 *    comes only from a row it found. The profile's column and the key are of one type, so what is
 *    stored is what was joined.
 * 2. It stays there until the profile is. The row was made by our own transaction and is not
 *    committed: no other transaction can see it, update, delete or lock it. (A row of that key that
 *    another transaction made cannot be visible beside it: the key is unique, not deferrable.) Our
 *    own transaction could delete it only by code that runs between the snapshot and the insertion.
 *    We see to it that there is none: no BEFORE INSERT trigger on profiles but the extension's, and
 *    no function in defaults, generated columns, CHECK constraints, domains, index expressions and
 *    predicates but the server's own (those that take a query to run left out) and C functions that
 *    are immutable or without arguments, as uuid_generate_v4() is.
 * 3. Once the profile is inserted, whoever deletes the user (our own transaction at once, others
 *    after our commit) sets off the referential action on the users' side, which sees the profile.
 *    That is so for deferred constraints too: the two sides never rely on one another's locks but
 *    for rows that are already committed.
 *
 * 4. No other transaction can have a profile for that user: its own check of the foreign key, at
 *    once or deferred, would not see the user. Our own transaction's is seen by NOT EXISTS, which
 *    2 covers, too. So a set does without ON CONFLICT, whose speculative insertion costs as much
 *    again as the row. (A row that got in past its check, under session_replication_role = replica,
 *    is seen as well; one that does so at this very moment meets the unique index: 23505, no harm.)
 *    One row takes ON CONFLICT in its place: that costs less than to set up the scan.
 *
 * The back-fill of enabling is proved in the same way. There the users are committed, but it holds
 * SHARE ROW EXCLUSIVE on users to the end of its transaction, so that in 2 nobody else can delete
 * them. (Under REPEATABLE READ the ordinary check could not even see all of them.) It keeps ON
 * CONFLICT, because 4 does not hold.
 *
 * Everything else takes the ordinary path, in which the check runs: the profile that is made again
 * after an adoption that came to nothing, and a partitioned profiles table, whose leaves the
 * executor opens too late. The join runs with the rights of the owner of profiles: it has to own
 * users too, else privileges or policies would decide what the join finds.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/base.h"
#include "profile_rule.h"

/* Does a BEFORE INSERT trigger on this table run somebody's code? */
static bool
trigger_runs_user_code(Relation rel)
{
	TriggerDesc *desc = CopyTriggerDesc(rel->trigdesc);

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger *trigger = &desc->triggers[i];

		if (TRIGGER_FOR_BEFORE(trigger->tgtype) && TRIGGER_FOR_INSERT(trigger->tgtype) &&
			trigger->tgenabled != TRIGGER_DISABLED &&
			get_func_namespace(trigger->tgfoid) != account_schema())
			return true;
	}
	return false;
}

/* Does filling a row's columns, or checking it, run somebody's code? */
static bool
row_runs_user_code(Relation rel, ProfileRule *rule)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		bool given = false;

		if (column->attisdropped)
			continue;
		if (get_typtype(column->atttypid) == TYPTYPE_DOMAIN &&
			compat_domain_has_constraints(column->atttypid))
			return true;
		for (int j = 0; j < rule->nvalues; j++)
			given |= rule->columns[j] == column->attnum;
		if (!given && expression_calls_code(build_column_default(rel, column->attnum)))
			return true;
	}
	for (int i = 0; desc->constr != NULL && i < desc->constr->num_check; i++)
		if (expression_calls_code(stringToNode(desc->constr->check[i].ccbin)))
			return true;
	return false;
}

/* Does entering a row into the indexes run somebody's code? */
static bool
index_runs_user_code(Relation rel)
{
	bool result = false;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		result |= index->rd_index->indisexclusion ||
				  expression_calls_code((Node *) index_expressions(index)) ||
				  expression_calls_code((Node *) index_predicate(index));
		index_close(index, AccessShareLock);
	}
	return result;
}

/* May the join prove the foreign key of this rule? See the head of this file. */
bool
profile_check_provable(ProfileRule *rule, Relation users, Relation profiles)
{
	TupleDesc user_desc = RelationGetDescr(users);
	TupleDesc profile_desc = RelationGetDescr(profiles);
	Form_pg_attribute key = TupleDescAttr(user_desc, rule->key - 1);
	Form_pg_attribute column = TupleDescAttr(profile_desc, rule->user_column - 1);

	return OidIsValid(rule->foreign_key) && profiles->rd_rel->relkind == RELKIND_RELATION &&
		   users->rd_rel->relowner == profiles->rd_rel->relowner &&
		   key->atttypid == column->atttypid &&
		   (column->atttypmod == -1 || column->atttypmod == key->atttypmod) &&
		   key->attcollation == column->attcollation && !trigger_runs_user_code(profiles) &&
		   !row_runs_user_code(profiles, rule) && !index_runs_user_code(profiles);
}

/* Does making a profile run anything but the server's own code, and ours? */
bool
profile_runs_code(const ProfileRule *rule, Relation profiles)
{
	const TupleConstr *constr = RelationGetDescr(profiles)->constr;
	const TriggerDesc *desc = CopyTriggerDesc(profiles->trigdesc);
	ListCell *cell;

	if (!rule->proved || (constr != NULL && (constr->num_defval > 0 || constr->num_check > 0 ||
											 constr->has_generated_stored)))
		return true;
	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
		if (TRIGGER_FOR_INSERT(desc->triggers[i].tgtype) &&
			RI_FKey_trigger_type(desc->triggers[i].tgfoid) == RI_TRIGGER_NONE &&
			get_func_namespace(desc->triggers[i].tgfoid) != account_schema())
			return true;
	foreach (cell, RelationGetIndexList(profiles))
		if (index_has_code(lfirst_oid(cell)))
			return true;
	return false;
}

/* Disable, in the executor's copy, the check that the join has proved, and our own triggers. */
static void
without_check(EState *estate, void *arg)
{
	ProfileRule *rule = arg;
	ListCell *lc;

	profile_without_own_triggers(estate, arg);
	/* somebody else's planner may have had the statement, and its plan opens no table here */
	foreach (lc, estate->es_opened_result_relations)
	{
		TriggerDesc *desc = ((ResultRelInfo *) lfirst(lc))->ri_TrigDesc;

		for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
			if (desc->triggers[i].tgconstraint == rule->foreign_key &&
				desc->triggers[i].tgfoid == F_RI_FKEY_CHECK_INS)
				desc->triggers[i].tgenabled = TRIGGER_DISABLED;
	}
}

/*
 * What the executor is to leave out of a statement that makes profiles by the proof, if it holds.
 */
ExecutorCallback
profile_callback(ProfileRule *rule)
{
	return rule->proved ? without_check : profile_without_own_triggers;
}
