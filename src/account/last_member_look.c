/*
 * last_member_look.c
 *		What the check of the last members asks of tenants, members and users.
 *
 * Each statement reads one table, as its owner, whatever the snapshot: none reads rows of one owner
 * with the rights of another.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/base.h"
#include "model/model.h"
#include "last_member_look.h"

/* So many keys are looked for by a kept statement, by index; more by one planned for them. */
#define MANY_KEYS 100

/* Compare two texts. */
static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Sort keys, and leave out what is there twice. */
void
key_texts_sort(KeyTexts *keys)
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
void
key_texts_add(KeyTexts *keys, MemoryContext context, const char *text)
{
	if (keys->n == keys->room)
	{
		key_texts_sort(keys);
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

/* Where a text is among sorted ones; -1: it is not. */
int
key_texts_place(const KeyTexts *keys, const char *text)
{
	char **found = text == NULL || keys->n == 0
					   ? NULL
					   : bsearch(&text, keys->texts, keys->n, sizeof(char *), compare_texts);

	return found == NULL ? -1 : (int) (found - keys->texts);
}

/* SQL: a column as text, as rows are read without a statement. */
static char *
column_text(const char *alias, Oid relid, AttrNumber attnum)
{
	return sql_as_text(psprintf("%s.%s", alias, sql_column(relid, attnum)),
					   get_atttype(relid, attnum));
}

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
			return psprintf(OWN_STATEMENT "SELECT %s, NULL::pg_catalog.text "
										  "FROM %s JOIN %s m ON %s WHERE %s",
							column_text("m", members, rule->columns.tenant), keys,
							sql_relation(members),
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
		case LOOK_LIVE:
			return psprintf(OWN_STATEMENT "SELECT %s, NULL::pg_catalog.text "
										  "FROM %s t WHERE %s AND $1 IS NOT NULL",
							column_text("t", rule->tenants, rule->tenants_key),
							sql_relation(rule->tenants), last_member_tenant_sql(rule->tenants));
		case LOOK_MEMBERS:
			return psprintf(OWN_STATEMENT "SELECT k.v, %s FROM %s JOIN %s m ON %s WHERE %s",
							column_text("m", members, rule->columns.user), keys,
							sql_relation(members),
							last_member_same_key("m", members, rule->columns.tenant, "k.v", tenant),
							last_member_sql(rule));
		case LOOK_USERS_ENDED:
			return psprintf(OWN_STATEMENT "SELECT k.v, (u.xmin)::pg_catalog.text FROM %s JOIN %s u "
										  "ON %s WHERE NOT (%s)",
							keys, sql_relation(rule->users),
							last_member_same_key("u", rule->users, rule->users_key, "k.v", user),
							last_member_user_sql(rule->users));
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
			return psprintf(OWN_STATEMENT "SELECT %s, NULL::pg_catalog.text "
										  "FROM %s m WHERE %s AND $1 IS NOT NULL",
							column_text("m", members, rule->columns.tenant), sql_relation(members),
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
		case LOOK_LIVE:
			return rule->tenants;
		case LOOK_USERS:
		case LOOK_USERS_FREE:
		case LOOK_USERS_HELD:
		case LOOK_USERS_ENDED:
			return rule->users;
		default:
			return rule->members;
	}
}

/* Run a statement; see the header. */
KeyTexts
last_member_look(const LastMemberRule *rule, Look look, const KeyTexts *keys, KeyTexts *other,
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
		char *first = row_text(i, 1, caller);

		CHECK_FOR_INTERRUPTS();
		found.texts[i] = first != NULL ? first : MemoryContextStrdup(caller, "");
		if (other != NULL)
			other->texts[i] = row_text(i, 2, caller);
	}
	SPI_finish();
	return found;
}
