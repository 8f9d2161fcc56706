/*
 * last_member_removal.c
 *		A removal in batches that would take a last member is refused before it begins.
 *
 * The check at the end of a statement comes when a batch takes the member, and by then others may
 * have gone. So the same is asked beforehand, of the rows of the plan: which tenants that stay lose
 * a member, and has each another one who stays and counts? The check still decides about what
 * changes meanwhile.
 *
 * Locks: the rows of these tenants, as the check does. Memory: the members of the role who go, and
 * those of tenants that lose one; other users in chunks.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "softdelete/softdelete.h"
#include "last_member.h"
#include "last_member_look.h"
#include "last_member_removal.h"
#include "last_member_rule.h"

/* So many users are looked for at a time. */
#define CHUNK 1000

/* Who has the role in a tenant. */
typedef struct Member
{
	char *tenant;
	char *user;
} Member;

/* What is found of one table of members. */
typedef struct Going
{
	Cleanup *plan;
	LastMemberRule rule;
	MemoryContext context;
	KeyTexts tenants_gone; /* tenants that go themselves */
	KeyTexts tenants;      /* those that lose a member */
	Member *members;       /* rows that go */
	int n;
	int room;
	KeyTexts chunk;        /* users who go, not looked at yet */
	KeyTexts *users_asked; /* of these users, */
	KeyTexts users_gone;   /* those who go */
} Going;

/* Compare two members. */
static int
compare_members(const void *a, const void *b)
{
	const Member *one = a;
	const Member *other = b;
	int order = strcmp(one->tenant, other->tenant);

	return order != 0 ? order : strcmp(one->user, other->user);
}

/* A tenant goes. */
static void
take_tenant(TupleTableSlot *slot, void *arg)
{
	Going *going = arg;

	if (!slot->tts_isnull[0])
		key_texts_add(&going->tenants_gone, going->context,
					  TextDatumGetCString(slot->tts_values[0]));
}

/* A row of members goes; its tenant is NULL if it does not count. */
static void
take_member(TupleTableSlot *slot, void *arg)
{
	Going *going = arg;
	MemoryContext old;
	Member *member;

	if (slot->tts_isnull[0] || slot->tts_isnull[1])
		return;
	old = MemoryContextSwitchTo(going->context);
	if (going->n == going->room)
	{
		going->room = Max(8, going->room * 2);
		going->members = going->members == NULL
							 ? palloc(going->room * sizeof(Member))
							 : repalloc_huge(going->members, going->room * sizeof(Member));
	}
	member = &going->members[going->n];
	member->tenant = TextDatumGetCString(slot->tts_values[0]);
	member->user = TextDatumGetCString(slot->tts_values[1]);
	if (key_texts_place(&going->tenants_gone, member->tenant) < 0)
	{
		key_texts_add(&going->tenants, going->context, member->tenant);
		going->n++;
	}
	MemoryContextSwitchTo(old);
}

/* Look in which tenants the users of a chunk have the role. */
static void
look_at_chunk(Going *going)
{
	MemoryContext work =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount members", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	KeyTexts found =
		last_member_look(&going->rule, LOOK_TENANTS_OF, &going->chunk, NULL, SNAPSHOT_OF_NOW);

	for (int i = 0; i < found.n; i++)
		if (key_texts_place(&going->tenants_gone, found.texts[i]) < 0)
			key_texts_add(&going->tenants, going->context, found.texts[i]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	for (int i = 0; i < going->chunk.n; i++)
		pfree(going->chunk.texts[i]);
	going->chunk.n = 0;
}

/* A user goes: in which tenants is it one? */
static void
take_user(TupleTableSlot *slot, void *arg)
{
	Going *going = arg;

	if (slot->tts_isnull[0])
		return;
	key_texts_add(&going->chunk, going->context, TextDatumGetCString(slot->tts_values[0]));
	if (going->chunk.n >= CHUNK)
		look_at_chunk(going);
}

/* A user goes: is it asked for? */
static void
note_user(TupleTableSlot *slot, void *arg)
{
	Going *going = arg;
	char *user;

	if (slot->tts_isnull[0])
		return;
	user = TextDatumGetCString(slot->tts_values[0]);
	if (key_texts_place(going->users_asked, user) >= 0)
		key_texts_add(&going->users_gone, going->context, user);
}

/* Hand the keys of rows that go from a table, or from parts of it, to callback. */
static void
each_key(Going *going, Oid relid, AttrNumber key, RowCallback callback)
{
	char *expression =
		sql_as_text(psprintf("c.%s", sql_column(relid, key)), get_atttype(relid, key));
	ListCell *lc;

	foreach (lc, going->plan->nodes)
	{
		FkNode *node = lfirst(lc);

		if (hierarchy_top(node->relid) == hierarchy_top(relid))
			cleanup_each_row(going->plan, node, expression, callback, going);
	}
}

/* Find the rows of members that go and count. */
static void
each_member(Going *going)
{
	const LastMemberRule *rule = &going->rule;
	char *expression =
		psprintf("(SELECT %s FROM (SELECT c.*) AS m WHERE %s), %s",
				 sql_as_text(psprintf("m.%s", sql_column(rule->members, rule->columns.tenant)),
							 get_atttype(rule->members, rule->columns.tenant)),
				 last_member_sql(rule),
				 sql_as_text(psprintf("c.%s", sql_column(rule->members, rule->columns.user)),
							 get_atttype(rule->members, rule->columns.user)));
	ListCell *lc;

	foreach (lc, going->plan->nodes)
	{
		FkNode *node = lfirst(lc);

		if (hierarchy_top(node->relid) == hierarchy_top(rule->members))
			cleanup_each_row(going->plan, node, expression, take_member, going);
	}
}

/* The tenants, of these, that have members now who count, and of whom none stays. */
static KeyTexts
tenants_losing(Going *going, const KeyTexts *tenants)
{
	KeyTexts users;
	KeyTexts asked = {0};
	KeyTexts count;
	KeyTexts losing = {0};
	KeyTexts with = last_member_look(&going->rule, LOOK_MEMBERS, tenants, &users, SNAPSHOT_OF_NOW);
	Member *now = palloc(Max(with.n, 1) * sizeof(Member));
	bool *has_one = palloc0(tenants->n * sizeof(bool));
	bool *keeps_one = palloc0(tenants->n * sizeof(bool));
	int n = 0;
	int gone = 0;

	for (int i = 0; i < with.n; i++)
	{
		if (users.texts[i] == NULL)
			continue;
		now[n++] = (Member){with.texts[i], users.texts[i]};
		key_texts_add(&asked, CurrentMemoryContext, users.texts[i]);
	}
	key_texts_sort(&asked);
	count = last_member_look(&going->rule, LOOK_USERS, &asked, NULL, SNAPSHOT_OF_NOW);
	key_texts_sort(&count);
	going->users_asked = &count;
	each_key(going, going->rule.users, going->rule.users_key, note_user);
	key_texts_sort(&going->users_gone);

	/* a member may have several rows: each of them is looked for among those that go */
	qsort(now, n, sizeof(Member), compare_members);
	qsort(going->members, going->n, sizeof(Member), compare_members);
	for (int i = 0; i < n; i++)
	{
		int tenant = key_texts_place(tenants, now[i].tenant);

		while (gone < going->n && compare_members(&going->members[gone], &now[i]) < 0)
			gone++;
		if (tenant < 0 || key_texts_place(&count, now[i].user) < 0)
			continue;
		has_one[tenant] = true;
		if (gone < going->n && compare_members(&going->members[gone], &now[i]) == 0)
			gone++;
		else if (key_texts_place(&going->users_gone, now[i].user) < 0)
			keeps_one[tenant] = true;
	}
	for (int i = 0; i < tenants->n; i++)
		if (has_one[i] && !keeps_one[i])
			key_texts_add(&losing, CurrentMemoryContext, tenants->texts[i]);
	return losing;
}

/* Judge what a plan does to one table of members. */
static void
judge_members(Cleanup *plan, Oid members)
{
	Going going = {.plan = plan, .context = CurrentMemoryContext};
	KeyTexts live;
	KeyTexts losing;

	if (!last_member_rule(members, &going.rule))
		return;
	each_key(&going, going.rule.tenants, going.rule.tenants_key, take_tenant);
	key_texts_sort(&going.tenants_gone);
	each_member(&going);
	each_key(&going, going.rule.users, going.rule.users_key, take_user);
	if (going.chunk.n > 0)
		look_at_chunk(&going);
	key_texts_sort(&going.tenants);
	if (going.tenants.n == 0)
		return;
	live = last_member_look(&going.rule, LOOK_TENANTS, &going.tenants, NULL, SNAPSHOT_OF_NOW);
	key_texts_sort(&live);
	last_member_leave_out_removed(&going.rule, &live);
	if (live.n == 0)
		return;
	losing = tenants_losing(&going, &live);
	if (losing.n > 0)
		last_member_refuse(&going.rule, &losing);
}

/* Judge the plan of a removal. */
static void
judge(Cleanup *plan)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "pgaccount last members who go", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List *tables = NIL;
	ListCell *lc;

	foreach (lc, plan->nodes)
	{
		Oid relid = ((FkNode *) lfirst(lc))->relid;
		LastMemberRule rule;

		if (((CleanupTable *) ((FkNode *) lfirst(lc))->data)->set->n == 0)
			continue;
		if (last_member_rule(relid, &rule))
			tables = list_append_unique_oid(tables, rule.members);
		tables = list_concat_unique_oid(tables, last_member_tables_from(relid, LAST_MEMBER_USER));
	}
	foreach (lc, tables)
		judge_members(plan, lfirst_oid(lc));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Have removals judged before they begin. */
void
last_member_removal_init(void)
{
	removal_judged_by(judge);
}
