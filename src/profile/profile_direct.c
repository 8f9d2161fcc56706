/*
 * profile_direct.c
 *		The profile of one new user, written without a statement.
 *
 * A registration is the most frequent way by which a profile comes to be, and a statement for it (a join,
 * an anti-join, an INSERT: see profile_proof.c) spends most of its time on starting and ending the
 * executor. Where the proof holds, no trigger is left to fire and indexes find users and profiles by their
 * keys, the same three steps are taken one by one. Whatever is not so plain is the statement's.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "key_scan.h"
#include "profile_direct.h"
#include "row_writer.h"

/* How a profile is written; kept with its rule. */
typedef struct DirectProfile
{
	bool usable;
	KeyIndex by_key;  /* of users */
	KeyIndex by_user; /* of profiles */
	Expr **defaults;  /* of profiles */
} DirectProfile;

/* Is there nothing to fire at an INSERT but what statements of ours set aside? */
static bool
fires_nothing(const ProfileRule *rule, Relation profiles)
{
	TriggerDesc *desc = profiles->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger *trigger = &desc->triggers[i];

		if (TRIGGER_FOR_INSERT(trigger->tgtype) && !profile_sets_aside(rule, trigger) &&
			!(trigger->tgconstraint == rule->foreign_key && trigger->tgfoid == F_RI_FKEY_CHECK_INS))
			return false;
	}
	return true;
}

/* May the owner do what the statement does? It may have taken the rights from itself. */
static bool
has_rights(const ProfileRule *rule)
{
	AclMode all = ACL_SELECT | ACL_INSERT;

	return pg_class_aclmask(rule->profiles, rule->owner, all, ACLMASK_ALL) == all &&
		   pg_class_aclcheck(rule->users, rule->owner, ACL_SELECT) == ACLCHECK_OK;
}

/* How the profiles of this rule are written. */
static DirectProfile *
find_direct(ProfileRule *rule, Relation users, Relation profiles)
{
	MemoryContext caller = MemoryContextSwitchTo(rule->context);
	DirectProfile *direct = palloc0(sizeof(DirectProfile));
	Bitmapset *given = NULL;

	direct->usable = profiles->rd_rules == NULL && users->rd_rel->relkind == RELKIND_RELATION &&
					 fires_nothing(rule, profiles) && has_rights(rule) &&
					 key_index_find(users, rule->key, &direct->by_key) &&
					 key_index_find(profiles, rule->user_column, &direct->by_user);
	for (int i = 0; i < rule->nvalues; i++)
		given = bms_add_member(given, rule->columns[i]);
	if (direct->usable)
		direct->defaults = row_defaults(profiles, given);
	MemoryContextSwitchTo(caller);
	return direct;
}

/* Is there a row with this key? */
static bool
is_there(Relation rel, const KeyIndex *by, Datum key, Snapshot snapshot)
{
	KeyScan scan;
	bool found;

	key_scan_begin(&scan, rel, by, key, snapshot);
	found = key_scan_next(&scan);
	key_scan_end(&scan);
	return found;
}

/* Write the row. */
static void
write_profile(const ProfileRule *rule, Relation profiles, Datum key)
{
	RowWriter *writer = row_writer_open(profiles, rule->direct->defaults, false);

	row_writer_begin(writer);
	row_put(writer, rule->columns[0] - 1, key);
	for (int i = 1; i < rule->nvalues; i++)
		if (rule->nulls[i] != 'n')
			row_put(writer, rule->columns[i] - 1, rule->values[i]);
	row_writer_put(writer);
	row_writer_close(writer);
}

/* Make the profile of one new user; see the header. */
bool
profile_make_direct(ProfileRule *rule, Datum key)
{
	Relation users;
	Relation profiles;
	Snapshot snapshot;
	bool usable;

	if (!rule->proved)
		return false;
	users = table_open(rule->users, AccessShareLock);
	profiles = table_open(rule->profiles, RowExclusiveLock);
	/* what was changed before the locks makes another rule */
	usable = profile_rule(rule->users, rule->profiles) == rule;
	if (usable && rule->direct == NULL)
		rule->direct = find_direct(rule, users, profiles);
	usable = usable && rule->direct->usable;
	if (usable)
	{
		CommandCounterIncrement();
		PushCopiedSnapshot(GetTransactionSnapshot());
		UpdateActiveSnapshotCommandId();
		snapshot = GetActiveSnapshot();
		if (is_there(users, &rule->direct->by_key, key, snapshot) &&
			!is_there(profiles, &rule->direct->by_user, key, snapshot))
			write_profile(rule, profiles, key);
		PopActiveSnapshot();
		CommandCounterIncrement();
	}
	table_close(profiles, NoLock);
	table_close(users, NoLock);
	return usable;
}
