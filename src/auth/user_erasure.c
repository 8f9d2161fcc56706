/*
 * user_erasure.c
 *		What follows when users are erased: the extension forgets who they were, too.
 *
 * Their emails and names are read before the rows change. Afterwards these go from their events,
 * sessions, invitations and applications go as with users that are removed (dependent_rows.c), and
 * an event of each says what was erased, without values.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "fkey/fkey.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "dependent_rows.h"
#include "user_erasure.h"

/* Users that are erased; texts are NULL where there is none. */
typedef struct ErasedUsers
{
	MemoryContext context;
	int n;
	int allocated;
	char **ids;
	char **emails;
	char **names;
	char **tenants;
} ErasedUsers;

/* A text in a column of a row. */
static char *
text_of(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL : TextDatumGetCString(slot->tts_values[column]);
}

/* A user: c.tableoid, c.ctid, id, email, username and tenant. */
static void
note_user(TupleTableSlot *slot, void *arg)
{
	ErasedUsers *users = arg;
	MemoryContext old = MemoryContextSwitchTo(users->context);
	char ***arrays[] = {&users->ids, &users->emails, &users->names, &users->tenants};

	if (users->n == users->allocated)
	{
		users->allocated = Max(16, 2 * users->allocated);
		for (int i = 0; i < lengthof(arrays); i++)
			*arrays[i] = *arrays[i] == NULL
							 ? palloc(users->allocated * sizeof(char *))
							 : repalloc_huge(*arrays[i], users->allocated * sizeof(char *));
	}
	for (int i = 0; i < lengthof(arrays); i++)
		(*arrays[i])[users->n] = text_of(slot, 2 + i);
	if (users->ids[users->n] != NULL)
		users->n++;
	MemoryContextSwitchTo(old);
}

/* Rows are to be erased: if they are users, who are they? Within SPI_connect. */
static void *
before(Oid relid, RowSet *rows)
{
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values};
	const Model *found = model_get();
	ErasedUsers *users;
	StringInfoData sql;
	RoleState caller;
	Model model;

	if (found == NULL || !OidIsValid(found->relation[MODEL_USERS]) ||
		!list_member_oid(tables_above(relid), fk_node_table(found->relation[MODEL_USERS])))
		return NULL;
	model = *found;
	users = palloc0(sizeof(ErasedUsers));
	users->context = CurrentMemoryContext;
	initStringInfo(&sql);
	appendStringInfo(
		&sql, OWN_STATEMENT "SELECT c.tableoid, c.ctid, %s, %s, %s, %s FROM %s c WHERE ",
		model_sql_text(&model, "c", USERS_ID), model_sql_text(&model, "c", USERS_EMAIL),
		model_sql_text(&model, "c", USERS_USERNAME), model_sql_text(&model, "c", USERS_TENANT),
		sql_keyed_relation(relid));
	row_set_append_condition(&sql, &run, relid, rows, 0, row_set_rows(rows), rows->n);
	caller = run_as(relation_owner(relid));
	(void) cleanup_run_knowing(sql.data, &run, (KnownSets){&rows, 1}, note_user, users);
	run_as_end(caller);
	return users;
}

/* They were erased. */
static void
after(void *noted, const Jsonb *detail)
{
	ErasedUsers *users = noted;
	char **addresses;

	if (users->n == 0)
		return;
	addresses = palloc(users->n * sizeof(char *));
	for (int i = 0; i < users->n; i++)
		addresses[i] = users->emails[i] != NULL ? users->emails[i] : users->names[i];
	dependent_rows_remove(users->ids, addresses, users->n);
	event_forget(users->ids, users->emails, users->names, users->n);
	for (int i = 0; i < users->n; i++)
		event_success(EVENT_USER_ERASED, users->ids[i], users->tenants[i], (Jsonb *) detail);
}

/* Follow erasures. */
void
user_erasure_init(void)
{
	erasure_follower_is((ErasureFollower){.before = before, .after = after});
}
