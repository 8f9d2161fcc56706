/*
 * removal_users.c
 *		Users who are being removed in batches.
 *
 * From the moment that the row is sealed they count as deleted, though theirs are removed later:
 * their sessions end here, and session_admit() opens none.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "model/model.h"
#include "session.h"
#include "removal_users.h"

/* So many at once. */
#define BATCH_USERS 1000

/* Users that were read. */
typedef struct Users
{
	MemoryContext context;
	char *ids[BATCH_USERS];
	int n;
} Users;

/* End the sessions of users that were read. */
static void
end_sessions_of(Users *users)
{
	MemoryContext old = MemoryContextSwitchTo(users->context);

	session_end_users(users->ids, users->n);
	MemoryContextSwitchTo(old);
	MemoryContextReset(users->context);
	users->n = 0;
}

/* A user who goes. */
static void
take_user(TupleTableSlot *slot, void *arg)
{
	Users *users = arg;
	MemoryContext old;

	if (slot->tts_isnull[0])
		return;
	old = MemoryContextSwitchTo(users->context);
	users->ids[users->n++] = TextDatumGetCString(slot->tts_values[0]);
	MemoryContextSwitchTo(old);
	if (users->n == BATCH_USERS)
		end_sessions_of(users);
}

/* A tenant that goes. */
static void
take_tenant(TupleTableSlot *slot, void *arg)
{
	if (!slot->tts_isnull[0])
		session_end_tenant(TextDatumGetCString(slot->tts_values[0]));
}

/* A row was sealed: end the sessions of those who go with it. */
static void
end_sessions(Cleanup *plan)
{
	const Model *found = model_get();
	Model model;
	FkNode *node;

	if (found == NULL)
		return;
	model = *found;
	node = OidIsValid(model.relation[MODEL_TENANTS])
			   ? cleanup_node(plan, fk_node_table(model.relation[MODEL_TENANTS]))
			   : NULL;
	if (node != NULL && model_has(&model, TENANTS_ID))
		cleanup_each_row(plan, node, model_sql_text(&model, "c", TENANTS_ID), take_tenant, NULL);
	node = cleanup_node(plan, fk_node_table(model.relation[MODEL_USERS]));
	if (node != NULL && model_has(&model, USERS_ID))
	{
		Users *users = palloc0(sizeof(Users));

		users->context = AllocSetContextCreate(CurrentMemoryContext, "pgaccount users who go",
											   ALLOCSET_DEFAULT_SIZES);
		cleanup_each_row(plan, node, model_sql_text(&model, "c", USERS_ID), take_user, users);
		end_sessions_of(users);
		MemoryContextDelete(users->context);
		pfree(users);
	}
}

/* Have a removal end the sessions of its users. */
void
removal_users_init(void)
{
	removal_sealed_is(end_sessions);
}
