/*
 * member_changes.c
 *		What follows from memberships that end, by whatever statement: sessions in the tenant end.
 *
 * The row trigger on members (user_trigger.c) collects, its statement trigger flushes: the sessions
 * of many memberships are ended by one statement.
 *
 * Who opens a session in a tenant locks the membership first (membership_lock()), so either the
 * session is seen here or the change is seen there.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/base.h"
#include "member_changes.h"
#include "session.h"

/* So many wait at most. */
#define BATCH_ROWS 1000

/* Memberships that wait. */
typedef struct Batch
{
	PendingBatch pending;
	int room;
	char **user_ids;
	char **tenant_ids;
} Batch;

static PendingList batches = {.function = "end_sessions", .rows = "sessions of former members"};

/* Follow transactions. */
void
member_changes_init(void)
{
	pending_follow(&batches);
}

/* The batch for memberships that end now, with room for one. */
static Batch *
open_batch(void)
{
	Batch *batch = batches.batches != NIL ? llast(batches.batches) : NULL;

	if (batch == NULL || !pending_is_ours(&batch->pending))
	{
		batch = pending_begin(&batches, sizeof(Batch));
		batch->room = 8; /* mostly it is one */
		batch->user_ids = MemoryContextAlloc(batch->pending.context, batch->room * sizeof(char *));
		batch->tenant_ids =
			MemoryContextAlloc(batch->pending.context, batch->room * sizeof(char *));
	}
	if (batch->pending.n == batch->room)
	{
		batch->room *= 2;
		batch->user_ids = repalloc(batch->user_ids, batch->room * sizeof(char *));
		batch->tenant_ids = repalloc(batch->tenant_ids, batch->room * sizeof(char *));
	}
	return batch;
}

/* Add a membership. */
void
member_changes_add(const char *user_id, const char *tenant_id, bool is_flushed)
{
	Batch *batch = open_batch();

	batch->user_ids[batch->pending.n] = MemoryContextStrdup(batch->pending.context, user_id);
	batch->tenant_ids[batch->pending.n] = MemoryContextStrdup(batch->pending.context, tenant_id);
	batch->pending.n++;
	if (!is_flushed || batch->pending.n >= BATCH_ROWS)
		member_changes_flush();
}

/* Do what follows from the memberships added so far. */
void
member_changes_flush(void)
{
	Batch *batch;

	while ((batch = pending_take(&batches, 1)) != NULL)
	{
		session_end_members(batch->user_ids, batch->tenant_ids, batch->pending.n);
		MemoryContextDelete(batch->pending.context);
	}
}
