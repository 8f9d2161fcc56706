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
 * batches counts as gone.
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
#include "last_member_rule.h"

PG_FUNCTION_INFO_V1(last_member);
PG_FUNCTION_INFO_V1(last_member_user);
PG_FUNCTION_INFO_V1(last_member_tenant);
PG_FUNCTION_INFO_V1(last_member_check);

/* Keys as text. */
typedef struct KeyTexts
{
	int n;
	int room;
	char **texts;
	bool has_last; /* the value that the last one was made of */
	Datum last;
} KeyTexts;

/* What waits for the end of a statement, of one table of members. */
typedef struct Batch
{
	PendingBatch pending;
	Oid members;
	KeyTexts tenants;
	KeyTexts users;
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
}

/* Compare two texts. */
static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Sort keys, and leave out what is there twice. */
static void
sort_keys(KeyTexts *keys)
{
	int n = 0;

	if (keys->n == 0)
		return;
	qsort(keys->texts, keys->n, sizeof(char *), compare_texts);
	for (int i = 1; i < keys->n; i++)
		if (strcmp(keys->texts[n], keys->texts[i]) != 0)
			keys->texts[++n] = keys->texts[i];
		else
			pfree(keys->texts[i]);
	keys->n = n + 1;
}

/* Add a key, to the memory of a context. */
static void
add_key(KeyTexts *keys, MemoryContext context, const char *text)
{
	if (keys->n == keys->room)
	{
		sort_keys(keys);
		if (keys->texts == NULL)
			keys->texts = MemoryContextAlloc(context, (keys->room = 8) * sizeof(char *));
		else if (keys->n > keys->room / 2)
		{
			keys->room *= 2;
			keys->texts = repalloc_huge(keys->texts, keys->room * sizeof(char *));
		}
	}
	if (keys->n == 0 || strcmp(keys->texts[keys->n - 1], text) != 0)
		keys->texts[keys->n++] = MemoryContextStrdup(context, text);
}

/* The batch of this subtransaction for a table of members. */
static Batch *
open_batch(Oid members)
{
	Batch *batch;
	ListCell *lc;

	foreach (lc, batches.batches)
	{
		batch = lfirst(lc);
		if (batch->members == members && pending_is_ours(&batch->pending))
			return batch;
	}
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

		add_key(keys, batch->pending.context, key);
		pfree(key);
	}
	if (!known->flushed)
		flush();
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
		return PointerGetDatum(NULL);
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

/* So many keys are looked for by a kept statement, by index; more by one planned for them. */
#define MANY_KEYS 100

/* The statements; all take text[], of keys. */
typedef enum Look
{
	LOOK_TENANTS_OF, /* of users: the tenants in which they have the role */
	LOOK_TENANTS,    /* the live ones, locked */
	LOOK_MEMBERS,    /* of tenants: key and user of each member that has the role */
	LOOK_USERS,      /* those that count, */
	LOOK_USERS_FREE, /* of which nobody has locked the row, which is locked then, */
	LOOK_USERS_HELD, /* or whose row is waited for */
	LOOK_ALL_TENANTS /* in which anybody has the role */
} Look;

/* The text of a statement. */
static char *
look_text(const LastMemberRule *rule, Look look)
{
	Oid members = rule->members;
	Oid user = get_atttype(members, rule->columns.user);
	Oid tenant = get_atttype(members, rule->columns.tenant);
	const char *keys = "pg_catalog.unnest($1) AS k(v)";

	switch (look)
	{
		case LOOK_TENANTS_OF:
			return psprintf(OWN_STATEMENT "SELECT (m.%s)::pg_catalog.text, NULL::pg_catalog.text "
										  "FROM %s JOIN %s m ON %s WHERE %s",
							sql_column(members, rule->columns.tenant), keys, sql_relation(members),
							last_member_same_key("m", members, rule->columns.user, "k.v",
												 get_atttype(rule->users, rule->users_key)),
							last_member_sql(rule));
		case LOOK_TENANTS:
			return psprintf(
				OWN_STATEMENT "SELECT k.v, NULL::pg_catalog.text FROM %s JOIN %s t ON %s WHERE %s "
							  "ORDER BY k.v COLLATE \"C\" FOR NO KEY UPDATE OF t",
				keys, sql_relation(rule->tenants),
				last_member_same_key("t", rule->tenants, rule->tenants_key, "k.v", tenant),
				last_member_tenant_sql(rule->tenants));
		case LOOK_MEMBERS:
			return psprintf(OWN_STATEMENT
							"SELECT k.v, (m.%s)::pg_catalog.text FROM %s JOIN %s m ON %s WHERE %s",
							sql_column(members, rule->columns.user), keys, sql_relation(members),
							last_member_same_key("m", members, rule->columns.tenant, "k.v", tenant),
							last_member_sql(rule));
		case LOOK_USERS:
		case LOOK_USERS_FREE:
		case LOOK_USERS_HELD:
			return psprintf(
				OWN_STATEMENT
				"SELECT k.v, NULL::pg_catalog.text FROM %s JOIN %s u ON %s WHERE %s%s%s",
				keys, sql_relation(rule->users),
				last_member_same_key("u", rule->users, rule->users_key, "k.v", user),
				last_member_user_sql(rule->users),
				look == LOOK_USERS ? "" : " ORDER BY k.v COLLATE \"C\" FOR SHARE OF u",
				look == LOOK_USERS_FREE ? " SKIP LOCKED" : "");
		default:
			return psprintf(OWN_STATEMENT "SELECT (m.%s)::pg_catalog.text, NULL::pg_catalog.text "
										  "FROM %s m WHERE %s AND $1 IS NOT NULL",
							sql_column(members, rule->columns.tenant), sql_relation(members),
							last_member_sql(rule));
	}
}

/* The table that a statement reads, whose owner runs it. */
static Oid
look_relation(const LastMemberRule *rule, Look look)
{
	switch (look)
	{
		case LOOK_TENANTS:
			return rule->tenants;
		case LOOK_USERS:
		case LOOK_USERS_FREE:
		case LOOK_USERS_HELD:
			return rule->users;
		default:
			return rule->members;
	}
}

/*
 * Run a statement, which returns keys and what belongs to each, or NULL; texts in the current
 * memory context. other may be NULL.
 */
static KeyTexts
run_look(const LastMemberRule *rule, Look look, const KeyTexts *keys, KeyTexts *other,
		 StatementSnapshot snapshot)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid relid = look_relation(rule, look);
	Oid type = TEXTARRAYOID;
	StatementOptions options = {.look = snapshot, .within = true};
	KeyTexts found = {0};
	Datum *elements = palloc(Max(keys->n, 1) * sizeof(Datum));
	KeptStatement *plan;
	RoleState saved;
	Datum value;

	for (int i = 0; i < keys->n; i++)
		elements[i] = CStringGetTextDatum(keys->texts[i]);
	value = PointerGetDatum(construct_array(elements, keys->n, TEXTOID, -1, false, TYPALIGN_INT));
	SPI_connect();
	saved = run_as(relation_owner(relid));
	if (keys->n > MANY_KEYS)
		found.n = (int) statement_run_once(look_text(rule, look), 1, &type, &value, NULL, &options);
	else
	{
		plan = plan_lookup(PLAN_LAST_MEMBER, rule->members, (Oid) look);
		if (plan == NULL)
			plan = plan_keep_lookup(PLAN_LAST_MEMBER, rule->members, (Oid) look,
									look_text(rule, look), 1, &type);
		found.n = (int) statement_run(plan, &value, NULL, &options);
	}
	found.room = found.n;
	run_as_end(saved);
	found.texts = MemoryContextAllocHuge(caller, Max(found.n, 1) * sizeof(char *));
	if (other != NULL)
	{
		other->n = other->room = found.n;
		other->texts = MemoryContextAllocHuge(caller, Max(found.n, 1) * sizeof(char *));
	}
	for (int i = 0; i < found.n; i++)
	{
		char *first = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		CHECK_FOR_INTERRUPTS();
		found.texts[i] = MemoryContextStrdup(caller, first != NULL ? first : "");
		if (other != NULL)
		{
			char *second = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

			other->texts[i] = second != NULL ? MemoryContextStrdup(caller, second) : NULL;
		}
	}
	SPI_finish();
	return found;
}

/* Where a text is among sorted ones; -1: it is not. */
static int
place_of(const KeyTexts *keys, const char *text)
{
	char **found = text == NULL || keys->n == 0
					   ? NULL
					   : bsearch(&text, keys->texts, keys->n, sizeof(char *), compare_texts);

	return found == NULL ? -1 : (int) (found - keys->texts);
}

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
		int tenant = place_of(served->tenants, served->with.texts[i]);

		if (tenant < 0 || served->is_served[tenant] || served->users.texts[i] == NULL ||
			(only_first && has_one[tenant]))
			continue;
		has_one[tenant] = true;
		add_key(&asked, CurrentMemoryContext, served->users.texts[i]);
	}
	sort_keys(&asked);
	if (asked.n == 0)
		return;
	there = run_look(rule, look, &asked, NULL, snapshot);
	sort_keys(&there);
	for (int i = 0; i < served->with.n; i++)
	{
		int tenant = place_of(served->tenants, served->with.texts[i]);

		if (tenant < 0 || served->is_served[tenant] || place_of(&there, served->users.texts[i]) < 0)
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

	served.with = run_look(rule, LOOK_MEMBERS, tenants, &served.users, snapshot);
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
			add_key(&without, CurrentMemoryContext, tenants->texts[i]);
	return without;
}

/* Raise 23514 about a tenant, or 40001: this transaction still sees a member. */
static void
refuse(const LastMemberRule *rule, const KeyTexts *without)
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

/* Leave out tenants that are being removed in batches, members first. */
static void
leave_out_removed(const LastMemberRule *rule, KeyTexts *tenants)
{
	int n = 0;

	for (int i = 0; i < tenants->n; i++)
		if (!removal_takes(rule->tenants, tenants->texts[i]))
			tenants->texts[n++] = tenants->texts[i];
	tenants->n = n;
}

/* Check what a batch has collected. */
static void
check_batch(Batch *batch)
{
	LastMemberRule rule;
	KeyTexts *tenants = &batch->tenants;
	KeyTexts live;
	KeyTexts without;

	if (!last_member_rule(batch->members, &rule))
		return;
	CommandCounterIncrement(); /* what this command has changed counts */
	if (batch->users.n > 0)
	{
		KeyTexts more;

		sort_keys(&batch->users);
		more = run_look(&rule, LOOK_TENANTS_OF, &batch->users, NULL, SNAPSHOT_OF_NOW);
		for (int i = 0; i < more.n; i++)
			add_key(tenants, batch->pending.context, more.texts[i]);
	}
	sort_keys(tenants);
	if (tenants->n == 0)
		return;
	live = run_look(&rule, LOOK_TENANTS, tenants, NULL, SNAPSHOT_OF_NOW);
	sort_keys(&live);
	leave_out_removed(&rule, &live);
	if (live.n == 0)
		return;
	without = tenants_without(&rule, &live, true, SNAPSHOT_OF_NOW);
	if (without.n > 0)
		refuse(&rule, &without);
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
	tenants = run_look(&rule, LOOK_ALL_TENANTS, &none, NULL, SNAPSHOT_OF_NOW);
	if (tenants.n == 0)
		return;
	batch = open_batch(rule.members);
	for (int i = 0; i < tenants.n; i++)
		add_key(&batch->tenants, batch->pending.context, tenants.texts[i]);
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
