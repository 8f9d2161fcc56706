/*
 * user_changes.c
 *		What follows from changes of users, by whatever statement: sessions end, events are
 *		recorded.
 *
 * The row trigger on users (user_trigger.c) collects, its statement trigger flushes: sessions are
 * ended and events written of many users at a time. With users that are removed for good goes what
 * the extension has of them; see dependent_rows.c.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "dependent_rows.h"
#include "mailed_token.h"
#include "own_deletion.h"
#include "session.h"
#include "user_changes.h"

/* So many wait at most. */
#define BATCH_ROWS 1000

static const char *const types[] = {
	[USER_DELETED] = EVENT_USER_DELETED,
	[USER_DELETED_HARD] = EVENT_USER_DELETED,
	[USER_RESTORED] = EVENT_USER_RESTORED,
	[USER_PURGED] = EVENT_USER_PURGED,
};

/* Users that wait. */
typedef struct Batch
{
	PendingBatch pending;
	int room;
	ChangedUser *users;
} Batch;

static PendingList batches = {.function = "end_sessions", .rows = "sessions of changed users"};

/* Follow transactions. */
void
user_changes_init(void)
{
	pending_follow(&batches);
}

/* The detail of a user's event. */
static Jsonb *
user_detail(const ChangedUser *user, const char *user_agent, bool verified, const EventMarks *marks)
{
	JsonbBuild state = {0};

	detail_text(&state, "email", user->email);
	if (user->change == USER_DELETED || user->change == USER_DELETED_HARD)
		detail_text(&state, "deletion", user->change == USER_DELETED ? "soft" : "hard");
	detail_text(&state, "reason", event_reason_given());
	detail_bool(&state, "verified", verified);
	detail_text(&state, "user_agent", user_agent);
	detail_marks(&state, marks);
	return detail_end(&state);
}

/* Notify listeners, each type by itself. ids: by row; 0: it was not written. */
static void
notify(const Batch *batch, const int64 *ids)
{
	static const UserChange reported[] = {USER_DELETED, USER_RESTORED, USER_PURGED};
	int64 *some = palloc(batch->pending.n * sizeof(int64));

	for (int t = 0; t < lengthof(reported); t++)
	{
		int count = 0;

		for (int i = 0; i < batch->pending.n; i++)
			if (ids[i] != 0 && types[batch->users[i].change] == types[reported[t]])
				some[count++] = ids[i];
		event_notify(types[reported[t]], some, count);
	}
	pfree(some);
}

/* End the sessions of users and void their tokens; remove what else there is of who is gone. */
static void
end_sessions_of(const Batch *batch)
{
	char **keys = palloc(batch->pending.n * sizeof(char *));
	char **removed = palloc(batch->pending.n * sizeof(char *));
	char **addresses = palloc(batch->pending.n * sizeof(char *));
	char **lapsed = palloc(batch->pending.n * sizeof(char *));
	char **others = palloc(batch->pending.n * sizeof(char *));
	const char *own = NULL;
	int n = 0;
	int nremoved = 0;
	int nlapsed = 0;
	int nothers = 0;

	for (int i = 0; i < batch->pending.n; i++)
	{
		const ChangedUser *user = &batch->users[i];

		CHECK_FOR_INTERRUPTS();
		if (user->user_id == NULL)
			continue;
		keys[n++] = user->user_id;
		if (user->lapsed)
			lapsed[nlapsed++] = user->user_id;
		if (user->change == USER_DELETED && own_deletion_is(user->user_id))
			own = user->user_id;
		else if (user->change != USER_UNCHANGED)
			others[nothers++] = user->user_id;
		if (!user->removed)
			continue;
		removed[nremoved] = user->user_id;
		addresses[nremoved++] = user->address;
	}
	FAILURE_POINT("users-changed");
	session_end_users(keys, n);
	mailed_tokens_void(lapsed, nlapsed, false);
	own_deletions_note(own, others, nothers);
	if (nremoved > 0)
		dependent_rows_remove(removed, addresses, nremoved);
	pfree(keys);
	pfree(removed);
	pfree(addresses);
	pfree(lapsed);
	pfree(others);
}

/* Write the events of users. */
static void
write_events(const Batch *batch)
{
	Event event = {.at = GetCurrentTimestamp()};
	EventWriter *writer;
	EventMarks marks;
	char *user_agent;
	bool verified;
	int64 *ids;
	MemoryContext context;
	MemoryContext old;

	writer = event_writer_open();
	if (writer == NULL)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "pgaccount events", ALLOCSET_SMALL_SIZES);
	ids = palloc0(batch->pending.n * sizeof(int64));
	event_fill(&event, &marks);
	verified = actor_is_verified();
	user_agent = client_user_agent();
	old = MemoryContextSwitchTo(context);
	for (int i = 0; i < batch->pending.n; i++)
	{
		const ChangedUser *user = &batch->users[i];

		CHECK_FOR_INTERRUPTS();
		if (user->change == USER_UNCHANGED)
			continue;
		event.type = types[user->change];
		event.subject = user->user_id;
		event.tenant_id = user->tenant_id;
		event.detail = user_detail(user, user_agent, verified, &marks);
		ids[i] = event_writer_put(writer, &event);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	event_writer_close(writer);
	FAILURE_POINT("users-recorded");
	if (pgaccount_notify)
		notify(batch, ids);
	pfree(ids);
}

/* Do what follows for a batch, and free it. */
static void
flush_batch(Batch *batch)
{
	bool records = false;

	for (int i = 0; pgaccount_log_events && i < batch->pending.n; i++)
		records |= batch->users[i].change != USER_UNCHANGED;
	end_sessions_of(batch);
	if (records)
		write_events(batch);
	MemoryContextDelete(batch->pending.context);
}

/* Do what follows from the rows seen so far. */
void
user_changes_flush(void)
{
	Batch *batch;

	while ((batch = pending_take(&batches, 1)) != NULL)
		flush_batch(batch);
}

/* The batch for users that are changed now. */
static Batch *
open_batch(void)
{
	Batch *batch = batches.batches != NIL ? llast(batches.batches) : NULL;

	if (batch == NULL || !pending_is_ours(&batch->pending))
	{
		batch = pending_begin(&batches, sizeof(Batch));
		batch->room = 8; /* mostly it is one */
		batch->users =
			MemoryContextAlloc(batch->pending.context, batch->room * sizeof(ChangedUser));
	}
	if (batch->pending.n == batch->room)
	{
		batch->room *= 2;
		batch->users = repalloc(batch->users, batch->room * sizeof(ChangedUser));
	}
	return batch;
}

/* A copy of a text in a batch; NULL for NULL. */
static char *
copy_text(const Batch *batch, const char *text)
{
	return text == NULL ? NULL : MemoryContextStrdup(batch->pending.context, text);
}

/* Add a user. */
void
user_changes_add(const ChangedUser *user, bool is_flushed)
{
	Batch *batch = open_batch();
	ChangedUser *copy = &batch->users[batch->pending.n++];

	*copy = *user;
	copy->user_id = copy_text(batch, user->user_id);
	copy->tenant_id = copy_text(batch, user->tenant_id);
	copy->email = copy_text(batch, user->email);
	copy->address = copy_text(batch, user->address);
	if (!is_flushed || batch->pending.n >= BATCH_ROWS)
		user_changes_flush();
}

/* Does a statement that changes rows of this relation end with the trigger that flushes? */
bool
user_changes_are_flushed(Oid relid)
{
	return pending_is_flushed(&batches, relid, NULL);
}
