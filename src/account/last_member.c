/*
 * last_member.c
 *		The last member of a role in a tenant stays: what statements have changed is checked at
 *		their end.
 *
 * Row triggers on members and on users collect the tenants, and the users, who had such a member
 * and may have it no longer. At the end of the statement three others look, each as the owner of
 * the one table that it reads, at all of them together: which of these tenants are live, who are
 * their members of the role, which of those users are there. What a cleanup removes is looked at
 * when it is done: it removes members before their tenant; a tenant that is being removed in
 * batches counts as gone. A tenant that had no such member before has nothing to lose: what is
 * left there of users who have ended goes.
 *
 * Locks: the rows of the tenants, against each other, in the order of their keys; then members are
 * looked for, on a snapshot of now, and of each tenant the row of one user who is left, for who
 * ends a user does not see that it has just become the last: of those that are free if there is
 * one. Of two that would take the last two members from one tenant at once the second waits for the
 * first, and sees what it did; under a transaction snapshot, in which it would have been allowed,
 * it is 40001.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "model/model.h"
#include "softdelete/softdelete.h"
#include "last_member.h"
#include "last_member_look.h"
#include "last_member_rule.h"

PG_FUNCTION_INFO_V1(last_member);
PG_FUNCTION_INFO_V1(last_member_user);
PG_FUNCTION_INFO_V1(last_member_tenant);
PG_FUNCTION_INFO_V1(last_member_check);

/* A row that had the role and has it no more, if its user counted. */
typedef struct Loss
{
	char *tenant;
	char *user;
} Loss;

/* So many are kept of a batch. Of more it is not asked whose they were. */
#define MANY_LOSSES 10000

/* What waits for the end of a statement, of one table of members. */
typedef struct Batch
{
	PendingBatch pending;
	Oid members;
	KeyTexts tenants;
	KeyTexts users;
	int nlosses;
	int room;
	Loss *losses;
	bool unknown;  /* there are more losses, of any user */
	KeyTexts lost; /* the users of the losses, and */
	bool is_sorted;
	KeyTexts gone; /* those whose rows were removed, and had not counted before */
} Batch;

static void flush(void);

static PendingList batches = {.function = LAST_MEMBER_CHECK,
							  .rows = "tenants that may have lost members",
							  .postponed = flush};

/* Follow transactions. */
void
last_member_init(void)
{
	pending_follow(&batches);
	secret_constraint_is(LAST_MEMBER_NAME);
}

/* The batch of this subtransaction for a table of members; NULL: there is none. */
static Batch *
find_batch(Oid members)
{
	ListCell *lc;

	foreach (lc, batches.batches)
	{
		Batch *batch = lfirst(lc);

		if (batch->members == members && pending_is_ours(&batch->pending))
			return batch;
	}
	return NULL;
}

/* The same; it is made. */
static Batch *
open_batch(Oid members)
{
	Batch *batch = find_batch(members);

	if (batch != NULL)
		return batch;
	batch = pending_begin(&batches, sizeof(Batch));
	batch->members = members;
	batch->pending.n = 1;
	return batch;
}

/* What is known of the table whose rows are changing, as long as nothing else changes. */
typedef struct KnownTable
{
	Oid relid;
	Oid trigger;
	uint64 changes;
	bool flushed; /* by the end of the statement */
	Oid members;
	MemberColumns columns;
	AttrNumber key;
	Liveness liveness;
} KnownTable;

/* Is it as it was? Else begin anew. */
static bool
is_known(KnownTable *known, TriggerData *trigger)
{
	Oid relid = RelationGetRelid(trigger->tg_relation);

	if (known->relid == relid && known->trigger == trigger->tg_trigger->tgoid &&
		known->changes == relation_changes_seen())
		return true;
	known->relid = InvalidOid;
	known->changes = relation_changes_seen();
	known->trigger = trigger->tg_trigger->tgoid;
	known->flushed = pending_is_flushed(&batches, relid, NULL);
	return false;
}

/* Is a column's value the same before and after? */
static bool
is_same(TriggerData *trigger, AttrNumber attnum)
{
	Oid relid = RelationGetRelid(trigger->tg_relation);
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(trigger->tg_relation), attnum - 1);
	bool old_isnull;
	bool new_isnull;
	Datum old = column_value(relid, trigger->tg_trigslot, attnum, &old_isnull);
	Datum new = column_value(relid, trigger->tg_newslot, attnum, &new_isnull);

	if (old_isnull || new_isnull)
		return old_isnull == new_isnull;
	return datum_image_eq(old, new, column->attbyval, column->attlen);
}

/* Does a row count? */
static bool
counts(const Liveness *liveness, TupleTableSlot *slot)
{
	return row_is_live(liveness, slot) && row_is_active(liveness, slot);
}

/* Is it the key that was added last? Mostly one row of a tenant comes after the other. */
static bool
is_last(KeyTexts *keys, MemoryContext context, Datum value, Form_pg_attribute column)
{
	MemoryContext caller;

	if (keys->has_last && datum_image_eq(keys->last, value, column->attbyval, column->attlen))
		return true;
	if (keys->has_last && !column->attbyval)
		pfree(DatumGetPointer(keys->last));
	caller = MemoryContextSwitchTo(context);
	keys->last = datumCopy(value, column->attbyval, column->attlen);
	keys->has_last = true;
	MemoryContextSwitchTo(caller);
	return false;
}

/* Keep a key of the row as it was, for the end of the statement. */
static void
collect(TriggerData *trigger, const KnownTable *known, AttrNumber attnum, bool is_user)
{
	Relation rel = trigger->tg_relation;
	bool isnull;
	Datum value = column_value(RelationGetRelid(rel), trigger->tg_trigslot, attnum, &isnull);
	KeyTexts *keys;
	Batch *batch;

	if (isnull)
		return;
	batch = open_batch(known->members);
	keys = is_user ? &batch->users : &batch->tenants;
	if (!is_last(keys, batch->pending.context, value,
				 TupleDescAttr(RelationGetDescr(rel), attnum - 1)))
	{
		char *key = model_column_text(rel, trigger->tg_trigslot, attnum);

		key_texts_add(keys, batch->pending.context, key);
		pfree(key);
	}
	if (!known->flushed)
		flush();
}

/* Keep whose row it was that had the role. False: nobody's. */
static bool
note_loss(TriggerData *trigger, const KnownTable *known)
{
	Relation rel = trigger->tg_relation;
	bool no_tenant;
	bool no_user;
	MemoryContext caller;
	Batch *batch;
	Loss *loss;

	(void) column_value(RelationGetRelid(rel), trigger->tg_trigslot, known->columns.tenant,
						&no_tenant);
	(void) column_value(RelationGetRelid(rel), trigger->tg_trigslot, known->columns.user, &no_user);
	if (no_tenant || no_user)
		return false;
	batch = open_batch(known->members);
	batch->unknown |= batch->nlosses == MANY_LOSSES;
	if (batch->unknown)
		return true;
	caller = MemoryContextSwitchTo(batch->pending.context);
	if (batch->nlosses == batch->room)
	{
		batch->room = batch->room == 0 ? 8 : batch->room * 2;
		batch->losses = batch->losses == NULL ? palloc(batch->room * sizeof(Loss))
											  : repalloc(batch->losses, batch->room * sizeof(Loss));
	}
	loss = &batch->losses[batch->nlosses++];
	loss->tenant = model_column_text(rel, trigger->tg_trigslot, known->columns.tenant);
	loss->user = model_column_text(rel, trigger->tg_trigslot, known->columns.user);
	MemoryContextSwitchTo(caller);
	key_texts_add(&batch->lost, batch->pending.context, loss->user);
	batch->is_sorted = false;
	return true;
}

/*
 * A row of users was removed that did not count: did it not before this transaction, either, keep
 * that, of users of whom a loss is kept.
 */
static void
note_gone(TriggerData *trigger, const KnownTable *known)
{
	Batch *batch = find_batch(known->members);
	char *key;

	if (batch == NULL || batch->nlosses == 0 ||
		TransactionIdIsCurrentTransactionId(
			HeapTupleHeaderGetRawXmin(trigger->tg_trigtuple->t_data)))
		return;
	if (!batch->is_sorted)
		key_texts_sort(&batch->lost);
	batch->is_sorted = true;
	key = model_column_text(trigger->tg_relation, trigger->tg_trigslot, known->key);
	if (key_texts_place(&batch->lost, key) >= 0)
		key_texts_add(&batch->gone, batch->pending.context, key);
}

/* Is it a row trigger, fired after the row has changed? */
static bool
is_after_row(const TriggerData *trigger)
{
	return TRIGGER_FIRED_AFTER(trigger->tg_event) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
		   (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
			TRIGGER_FIRED_BY_DELETE(trigger->tg_event));
}

/*
 * account.last_member() RETURNS trigger: AFTER UPDATE OR DELETE, for each row of members that had
 * the role.
 */
Datum
last_member(PG_FUNCTION_ARGS)
{
	static KnownTable known;
	TriggerData *trigger = called_as_trigger(fcinfo, LAST_MEMBER_ROW);

	if (!is_after_row(trigger))
		return PointerGetDatum(NULL);
	if (!is_known(&known, trigger))
	{
		Oid relid = RelationGetRelid(trigger->tg_relation);

		if (!last_member_columns(trigger->tg_trigger->tgqual, &known.columns))
			return PointerGetDatum(NULL);
		known.members = hierarchy_top(relid);
		last_member_liveness(trigger->tg_relation, last_member_part(relid), known.columns.is_active,
							 &known.liveness);
		known.relid = relid;
	}
	if (!counts(&known.liveness, trigger->tg_trigslot))
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) &&
		counts(&known.liveness, trigger->tg_newslot) && is_same(trigger, known.columns.tenant) &&
		is_same(trigger, known.columns.role) && is_same(trigger, known.columns.user))
		return PointerGetDatum(NULL);
	if (note_loss(trigger, &known))
		collect(trigger, &known, known.columns.tenant, false);
	return PointerGetDatum(NULL);
}

/*
 * account.last_member_user() RETURNS trigger: AFTER UPDATE OR DELETE, for each row of users, FROM
 * members.
 */
Datum
last_member_user(PG_FUNCTION_ARGS)
{
	static KnownTable known;
	TriggerData *trigger = called_as_trigger(fcinfo, LAST_MEMBER_USER);

	if (!is_after_row(trigger))
		return PointerGetDatum(NULL);
	if (!is_known(&known, trigger))
	{
		Oid relid;

		known.key = last_member_key(trigger->tg_trigger->tgqual);
		known.members = trigger->tg_trigger->tgconstrrelid;
		if (known.key == InvalidAttrNumber || !OidIsValid(known.members))
			return PointerGetDatum(NULL);
		relid = RelationGetRelid(trigger->tg_relation);
		last_member_liveness(trigger->tg_relation, last_member_part(relid),
							 last_member_active_column(relid), &known.liveness);
		known.relid = relid;
	}
	if (!counts(&known.liveness, trigger->tg_trigslot))
	{
		if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event) && known.flushed)
			note_gone(trigger, &known);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) &&
		counts(&known.liveness, trigger->tg_newslot) && is_same(trigger, known.key))
		return PointerGetDatum(NULL);
	collect(trigger, &known, known.key, true);
	return PointerGetDatum(NULL);
}

/* account.last_member_tenant() RETURNS trigger: says which the tenants are, and never fires. */
Datum
last_member_tenant(PG_FUNCTION_ARGS)
{
	(void) called_as_trigger(fcinfo, LAST_MEMBER_TENANT);
	return PointerGetDatum(NULL);
}

/* --- the check --- */

/* The members of the role in some tenants, and which of the tenants have one whose user counts. */
typedef struct Served
{
	const KeyTexts *tenants; /* sorted */
	KeyTexts with;           /* the tenant of each member, */
	KeyTexts users;          /* and its user, or NULL */
	bool *is_served;
	int n;
} Served;

/*
 * Look at the users of members in tenants that are not served yet; only_first: at one for each.
 */
static void
serve(Served *served, const LastMemberRule *rule, Look look, bool only_first,
	  StatementSnapshot snapshot)
{
	bool *has_one = palloc0(Max(served->tenants->n, 1) * sizeof(bool));
	KeyTexts asked = {0};
	KeyTexts there;

	for (int i = 0; i < served->with.n; i++)
	{
		int tenant = key_texts_place(served->tenants, served->with.texts[i]);

		if (tenant < 0 || served->is_served[tenant] || served->users.texts[i] == NULL ||
			(only_first && has_one[tenant]))
			continue;
		has_one[tenant] = true;
		key_texts_add(&asked, CurrentMemoryContext, served->users.texts[i]);
	}
	key_texts_sort(&asked);
	if (asked.n == 0)
		return;
	there = last_member_look(rule, look, &asked, NULL, snapshot);
	key_texts_sort(&there);
	for (int i = 0; i < served->with.n; i++)
	{
		int tenant = key_texts_place(served->tenants, served->with.texts[i]);

		if (tenant < 0 || served->is_served[tenant] ||
			key_texts_place(&there, served->users.texts[i]) < 0)
			continue;
		served->is_served[tenant] = true;
		served->n++;
	}
}

/*
 * The tenants, of these, that have no member of the role who counts. lock: of the others, one
 * user's row.
 */
static KeyTexts
tenants_without(const LastMemberRule *rule, const KeyTexts *tenants, bool lock,
				StatementSnapshot snapshot)
{
	Served served = {.tenants = tenants, .is_served = palloc0(Max(tenants->n, 1) * sizeof(bool))};
	KeyTexts without = {0};

	served.with = last_member_look(rule, LOOK_MEMBERS, tenants, &served.users, snapshot);
	if (lock)
	{
		serve(&served, rule, LOOK_USERS_FREE, true, snapshot);
		if (served.n < tenants->n)
			serve(&served, rule, LOOK_USERS_FREE, false, snapshot);
		if (served.n < tenants->n)
			serve(&served, rule, LOOK_USERS_HELD, false, snapshot);
	}
	else
		serve(&served, rule, LOOK_USERS, false, snapshot);
	for (int i = 0; i < tenants->n; i++)
		if (!served.is_served[i])
			key_texts_add(&without, CurrentMemoryContext, tenants->texts[i]);
	return without;
}

/* Count live tenants without such a member; see the header. */
int64
last_member_count_without(const LastMemberRule *rule)
{
	KeyTexts nothing = {0};
	KeyTexts tenants = last_member_look(rule, LOOK_LIVE, &nothing, NULL, SNAPSHOT_ACTIVE);

	if (tenants.n == 0)
		return 0;
	key_texts_sort(&tenants);
	return tenants_without(rule, &tenants, false, SNAPSHOT_ACTIVE).n;
}

/* Raise 23514 about a tenant, or 40001; see the header. */
void
last_member_refuse(const LastMemberRule *rule, const KeyTexts *without)
{
	Relation members = table_open(rule->members, AccessShareLock);

	if (IsolationUsesXactSnapshot() &&
		tenants_without(rule, without, false, SNAPSHOT_OF_STATEMENT).n < without->n)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update"),
						errdetail("Another transaction has changed the members of the tenant."),
						errhint("Try the transaction again.")));
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a live tenant would lose its last member of role \"%s\"", rule->role),
			 errdetail_row("Key (%s)=(%s) of table \"%s\" would have none.",
						   get_attname(rule->tenants, rule->tenants_key, false), without->texts[0],
						   get_rel_name(rule->tenants)),
			 errhint("Give the role to another member first, or delete the tenant."),
			 errtable(members), err_generic_string(PG_DIAG_CONSTRAINT_NAME, LAST_MEMBER_NAME)));
}

/* Leave out tenants that are being removed; see the header. */
void
last_member_leave_out_removed(const LastMemberRule *rule, KeyTexts *tenants)
{
	int n = 0;

	for (int i = 0; i < tenants->n; i++)
		if (!removal_takes(rule->tenants, tenants->texts[i]))
			tenants->texts[n++] = tenants->texts[i];
	tenants->n = n;
}

/* Was a row made what it is by another transaction? */
static bool
is_of_others(const char *xid)
{
	return !TransactionIdIsCurrentTransactionId((TransactionId) strtoul(xid, NULL, 10));
}

/*
 * Leave out tenants that had none before, either: each member who is gone was a user who did not
 * count any more. ended: tenants of users who did, sorted.
 */
static void
leave_out_unserved(const LastMemberRule *rule, Batch *batch, const KeyTexts *ended,
				   KeyTexts *tenants)
{
	bool *has_lost = palloc0(tenants->n * sizeof(bool));
	KeyTexts asked = {0};
	KeyTexts dead = {0};
	KeyTexts found = {0};
	KeyTexts since;
	int n = 0;

	if (batch->unknown)
		return;
	for (int i = 0; i < batch->nlosses; i++)
		if (key_texts_place(tenants, batch->losses[i].tenant) >= 0)
			key_texts_add(&asked, CurrentMemoryContext, batch->losses[i].user);
	key_texts_sort(&asked);
	if (asked.n > 0)
		found = last_member_look(rule, LOOK_USERS_ENDED, &asked, &since, SNAPSHOT_OF_NOW);
	for (int i = 0; i < found.n; i++)
		if (since.texts[i] != NULL && is_of_others(since.texts[i]))
			key_texts_add(&dead, CurrentMemoryContext, found.texts[i]);
	key_texts_sort(&dead);
	key_texts_sort(&batch->gone);
	for (int i = 0; i < batch->nlosses; i++)
	{
		const Loss *loss = &batch->losses[i];
		int tenant = key_texts_place(tenants, loss->tenant);

		if (tenant >= 0 && key_texts_place(&dead, loss->user) < 0 &&
			key_texts_place(&batch->gone, loss->user) < 0)
			has_lost[tenant] = true;
	}
	for (int i = 0; i < tenants->n; i++)
		if (has_lost[i] || key_texts_place(ended, tenants->texts[i]) >= 0)
			tenants->texts[n++] = tenants->texts[i];
	tenants->n = n;
}

/* Check what a batch has collected. */
static void
check_batch(Batch *batch)
{
	LastMemberRule rule;
	KeyTexts *tenants = &batch->tenants;
	KeyTexts ended = {0};
	KeyTexts live;
	KeyTexts without;

	/* before statements name it and its columns */
	LockRelationOid(batch->members, AccessShareLock);
	if (!last_member_rule(batch->members, &rule))
		return;
	CommandCounterIncrement(); /* what this command has changed counts */
	if (batch->users.n > 0)
	{
		key_texts_sort(&batch->users);
		ended = last_member_look(&rule, LOOK_TENANTS_OF, &batch->users, NULL, SNAPSHOT_OF_NOW);
		key_texts_sort(&ended);
		for (int i = 0; i < ended.n; i++)
			key_texts_add(tenants, batch->pending.context, ended.texts[i]);
	}
	key_texts_sort(tenants);
	if (tenants->n == 0)
		return;
	live = last_member_look(&rule, LOOK_TENANTS, tenants, NULL, SNAPSHOT_OF_NOW);
	key_texts_sort(&live);
	last_member_leave_out_removed(&rule, &live);
	if (live.n == 0)
		return;
	without = tenants_without(&rule, &live, true, SNAPSHOT_OF_NOW);
	if (without.n > 0)
		leave_out_unserved(&rule, batch, &ended, &without);
	if (without.n > 0)
		last_member_refuse(&rule, &without);
}

/* Check what was collected so far, unless something runs to whose end it is left. */
static void
flush(void)
{
	MemoryContext caller = CurrentMemoryContext;
	Batch *batch;

	while (!pending_is_postponed() && (batch = pending_take(&batches, 1)) != NULL)
	{
		MemoryContext work =
			AllocSetContextCreate(caller, "pgaccount last member", ALLOCSET_DEFAULT_SIZES);

		MemoryContextSwitchTo(work);
		check_batch(batch);
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(work);
		MemoryContextDelete(batch->pending.context);
	}
}

/* Before all rows of a table of members go: all its tenants may lose their last one. */
static void
collect_all(Oid members)
{
	LastMemberRule rule;
	KeyTexts none = {0};
	KeyTexts tenants;
	Batch *batch;

	if (!last_member_rule(members, &rule))
		return;
	tenants = last_member_look(&rule, LOOK_ALL_TENANTS, &none, NULL, SNAPSHOT_OF_NOW);
	if (tenants.n == 0)
		return;
	batch = open_batch(rule.members);
	batch->unknown = true;
	for (int i = 0; i < tenants.n; i++)
		key_texts_add(&batch->tenants, batch->pending.context, tenants.texts[i]);
}

/*
 * account.last_member_check() RETURNS trigger: for each statement on members and users, AFTER
 * UPDATE OR DELETE, BEFORE and AFTER TRUNCATE.
 */
Datum
last_member_check(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, LAST_MEMBER_CHECK);

	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) && TRIGGER_FIRED_BEFORE(trigger->tg_event))
	{
		ListCell *lc;

		collect_all(RelationGetRelid(trigger->tg_relation));
		foreach (lc,
				 last_member_tables_from(RelationGetRelid(trigger->tg_relation), LAST_MEMBER_USER))
			collect_all(lfirst_oid(lc));
	}
	else if (TRIGGER_FIRED_AFTER(trigger->tg_event))
		flush();
	return PointerGetDatum(NULL);
}
