/*
 * user_changes.c
 *		What follows from changes of users, by whatever statement: sessions end, events are recorded.
 *
 * The row trigger of the mapped users table, account.end_sessions(), collects; its statement trigger ends
 * the sessions and writes the events, of many users at a time. With users that are removed for good goes
 * what the extension has of them; see user_traces.c. What no statement trigger has seen to, because the
 * statement named a partition, is done when the transaction commits: before that nobody else sees the
 * change either. Rows belong to the subtransaction that changed them: those of one that fails are forgotten
 * with it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "actor.h"
#include "client.h"
#include "compat.h"
#include "event.h"
#include "mapping.h"
#include "session.h"
#include "settings.h"
#include "user_changes.h"
#include "user_record.h"
#include "user_traces.h"

/* So many wait at most. */
#define BATCH 1000

/* What became of a user. */
typedef enum UserChange
{
	USER_UNCHANGED, /* as far as events are concerned */
	USER_DELETED,
	USER_DELETED_HARD,
	USER_RESTORED,
	USER_PURGED
} UserChange;

static const char *const types[] = {
	[USER_DELETED] = EVENT_USER_DELETED,
	[USER_DELETED_HARD] = EVENT_USER_DELETED,
	[USER_RESTORED] = EVENT_USER_RESTORED,
	[USER_PURGED] = EVENT_USER_PURGED,
};

/* A user that waits. Texts in the batch's memory. */
typedef struct UserRow
{
	UserChange change;
	bool removed; /* the row is gone for good */
	int nest_level;
	char *user_id;
	char *tenant_id;
	char *email;
	char *address; /* by which a removed user was invited */
} UserRow;

/* Users whose turn it is. */
typedef struct Batch
{
	MemoryContext context;
	UserRow *rows;
	int n;
} Batch;

/* Rows that wait, in order; in memory of the transaction. */
static MemoryContext batch_context = NULL;
static UserRow *rows = NULL;
static int nrows = 0;
static int room = 0;

/* Forget what waits. */
static void
forget(void)
{
	if (batch_context != NULL)
		MemoryContextDelete(batch_context);
	batch_context = NULL;
	rows = NULL;
	nrows = 0;
}

/* Before the end of a transaction what still waits is written; after it nothing does. */
static void
transaction_ends(XactEvent event, void *arg)
{
	/* a trigger on the events may change users in its turn */
	while ((event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) && nrows > 0)
	{
		CHECK_FOR_INTERRUPTS();
		PushActiveSnapshot(GetTransactionSnapshot());
		user_changes_flush();
		PopActiveSnapshot();
	}
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
	{
		/* its memory was the transaction's */
		batch_context = NULL;
		rows = NULL;
		nrows = 0;
	}
}

/* Rows of a subtransaction that fails are forgotten; a committed one's are its parent's. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int level = GetCurrentTransactionNestLevel();
	int kept = 0;

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (int i = 0; i < nrows; i++)
	{
		if (rows[i].nest_level >= level)
		{
			if (event == SUBXACT_EVENT_ABORT_SUB)
				continue;
			rows[i].nest_level = level - 1;
		}
		rows[kept++] = rows[i];
	}
	nrows = kept;
}

/* Follow transactions. */
void
user_changes_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}

/* The detail of a user's event. */
static Jsonb *
user_detail(const UserRow *row, const char *user_agent, bool verified, const Unverified *unverified)
{
	JsonbParseState *state = NULL;

	detail_text(&state, "email", row->email);
	if (row->change == USER_DELETED || row->change == USER_DELETED_HARD)
		detail_text(&state, "deletion", row->change == USER_DELETED ? "soft" : "hard");
	detail_text(&state, "reason", event_reason_given());
	detail_bool(&state, "verified", verified);
	detail_text(&state, "user_agent", user_agent);
	detail_unverified(&state, unverified);
	return detail_end(&state);
}

/* Tell who listens, each type by itself. ids: by row; 0: it was not written. */
static void
notify(const Batch *batch, const int64 *ids)
{
	static const UserChange told[] = {USER_DELETED, USER_RESTORED, USER_PURGED};
	int64 *some = palloc(batch->n * sizeof(int64));

	for (int t = 0; t < lengthof(told); t++)
	{
		int count = 0;

		for (int i = 0; i < batch->n; i++)
			if (ids[i] != 0 && types[batch->rows[i].change] == types[told[t]])
				some[count++] = ids[i];
		event_notify(types[told[t]], some, count);
	}
	pfree(some);
}

/* A copy of a text; NULL for NULL. */
static char *
copy_text(const char *text)
{
	return text == NULL ? NULL : pstrdup(text);
}

/*
 * Take the rows of this subtransaction out of those that wait, before anything is done about them: a
 * trigger on the events may change users, and must find only its own here. Rows of the subtransactions
 * around this one stay: what is done here goes if this one is rolled back.
 */
static Batch
take_rows(void)
{
	int level = GetCurrentTransactionNestLevel();
	Batch batch = {.context = AllocSetContextCreate(CurTransactionContext, "pgaccount users taken",
													ALLOCSET_DEFAULT_SIZES)};
	MemoryContext old = MemoryContextSwitchTo(batch.context);
	int kept = 0;

	batch.rows = palloc(nrows * sizeof(UserRow));
	for (int i = 0; i < nrows; i++)
	{
		UserRow *row;

		if (rows[i].nest_level < level)
		{
			rows[kept++] = rows[i];
			continue;
		}
		row = &batch.rows[batch.n++];
		*row = rows[i];
		row->user_id = copy_text(row->user_id);
		row->tenant_id = copy_text(row->tenant_id);
		row->email = copy_text(row->email);
		row->address = copy_text(row->address);
	}
	nrows = kept;
	if (nrows == 0)
		forget();
	MemoryContextSwitchTo(old);
	return batch;
}

/* End the sessions of users, and remove what else there is of those that are gone. */
static void
end_sessions_of_rows(const Batch *batch)
{
	char **keys = palloc(batch->n * sizeof(char *));
	char **removed = palloc(batch->n * sizeof(char *));
	char **addresses = palloc(batch->n * sizeof(char *));
	int n = 0;
	int nremoved = 0;

	for (int i = 0; i < batch->n; i++)
	{
		const UserRow *row = &batch->rows[i];

		if (row->user_id == NULL)
			continue;
		keys[n++] = row->user_id;
		if (!row->removed)
			continue;
		removed[nremoved] = row->user_id;
		addresses[nremoved++] = row->address;
	}
	session_end_users(keys, n);
	if (nremoved > 0)
		user_traces_remove(removed, addresses, nremoved);
	pfree(keys);
	pfree(removed);
	pfree(addresses);
}

/* Write the events of users. */
static void
write_events(const Batch *batch)
{
	Event event = {.at = GetCurrentTimestamp()};
	EventWriter *writer;
	Unverified unverified;
	char *user_agent;
	bool verified;
	int64 *ids;
	MemoryContext context;
	MemoryContext old;

	writer = event_writer_open();
	if (writer == NULL)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "pgaccount events", ALLOCSET_SMALL_SIZES);
	ids = palloc0(batch->n * sizeof(int64));
	event_fill(&event, &unverified);
	verified = actor_is_verified();
	user_agent = client_user_agent();
	old = MemoryContextSwitchTo(context);
	for (int i = 0; i < batch->n; i++)
	{
		const UserRow *row = &batch->rows[i];

		if (row->change == USER_UNCHANGED)
			continue;
		event.type = types[row->change];
		event.subject = row->user_id;
		event.tenant_id = row->tenant_id;
		event.detail = user_detail(row, user_agent, verified, &unverified);
		ids[i] = event_writer_put(writer, &event);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	event_writer_close(writer);
	if (pgaccount_notify)
		notify(batch, ids);
	pfree(ids);
}

/* Do what follows from the rows seen so far. */
void
user_changes_flush(void)
{
	Batch batch;
	bool records = false;

	if (nrows == 0)
		return;
	batch = take_rows();
	for (int i = 0; i < batch.n; i++)
		records |= batch.rows[i].change != USER_UNCHANGED;
	if (batch.n > 0)
		end_sessions_of_rows(&batch);
	if (records)
		write_events(&batch);
	MemoryContextDelete(batch.context);
}

/* A column of the users table in the trigger's, which may be a partition. */
static AttrNumber
column_here(const Model *model, ModelAttribute attribute, Relation rel)
{
	Oid relid = model->relation[MODEL_USERS];

	if (!model_has(model, attribute))
		return InvalidAttrNumber;
	if (relid == RelationGetRelid(rel))
		return model->column[attribute].attnum;
	return get_attnum(RelationGetRelid(rel),
					  get_attname(relid, model->column[attribute].attnum, false));
}

/* A column's value as text; NULL for NULL, and where there is no such column. */
static char *
column_text(const Model *model, ModelAttribute attribute, Relation rel, HeapTuple tuple)
{
	AttrNumber attnum = column_here(model, attribute, rel);

	if (attnum == InvalidAttrNumber)
		return NULL;
	return model_column_text(tuple, RelationGetDescr(rel), attnum);
}

/* Is this version of a row a user that is not deleted, by soft delete and by the mapped columns? */
static bool
is_live(const Model *model, Relation rel, HeapTuple tuple)
{
	TupleDesc desc = RelationGetDescr(rel);
	const SoftDelete *soft = mapping_declared(RelationGetRelid(rel));
	AttrNumber column;
	bool isnull;
	Datum value;

	if (soft != NULL && soft->deleted_at != InvalidAttrNumber)
	{
		(void) heap_getattr(tuple, soft->deleted_at, desc, &isnull);
		if (!isnull)
			return false;
	}
	column = column_here(model, USERS_DELETED_AT, rel);
	if (column != InvalidAttrNumber)
	{
		(void) heap_getattr(tuple, column, desc, &isnull);
		if (!isnull)
			return false;
	}
	column = column_here(model, USERS_FLAG, rel);
	if (column != InvalidAttrNumber && TupleDescAttr(desc, column - 1)->atttypid == BOOLOID)
	{
		value = heap_getattr(tuple, column, desc, &isnull);
		if (!isnull && DatumGetBool(value))
			return false;
	}
	return true;
}

/*
 * Where a row is that was deleted here because it moved to another partition; NULL: it is gone. The trigger
 * has no command of its own, and would still see the row as it was.
 */
static UserRecord *
moved_row(const Model *model, TriggerData *trigger)
{
	Relation rel = trigger->tg_relation;
	char *key;

	if (!rel->rd_rel->relispartition)
		return NULL;
	key = column_text(model, USERS_ID, rel, trigger->tg_trigtuple);
	CommandCounterIncrement();
	return key == NULL ? NULL : model_user_by_id(model, key);
}

/* What became of the user, whose row is there, or moved, or is gone. */
static UserChange
what_became(const Model *model, TriggerData *trigger, const UserRecord *moved, bool removed)
{
	Relation rel = trigger->tg_relation;
	bool was_live = is_live(model, rel, trigger->tg_trigtuple);
	bool live;

	if (removed)
		return was_live ? USER_DELETED_HARD : USER_PURGED;
	live = moved != NULL ? moved->is_live : is_live(model, rel, trigger->tg_newtuple);
	return was_live == live ? USER_UNCHANGED : was_live ? USER_DELETED : USER_RESTORED;
}

/* A row of the mapped users table was deleted, or updated so that its sessions must end. */
void
user_changes_add(const Model *found, TriggerData *trigger)
{
	Model model = *found;
	HeapTuple tuple = trigger->tg_trigtuple;
	bool deleted = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	UserRecord *moved = deleted ? moved_row(&model, trigger) : NULL;
	bool removed = deleted && moved == NULL;
	UserChange change = USER_UNCHANGED;
	UserRow *row;
	MemoryContext old;

	if (pgaccount_log_events)
		change = what_became(&model, trigger, moved, removed);
	if (nrows >= BATCH)
		user_changes_flush();
	if (batch_context == NULL)
	{
		batch_context =
			AllocSetContextCreate(TopTransactionContext, "pgaccount users", ALLOCSET_DEFAULT_SIZES);
		rows = NULL;
	}
	old = MemoryContextSwitchTo(batch_context);
	if (rows == NULL)
	{
		room = 8; /* mostly it is one */
		rows = palloc(room * sizeof(UserRow));
	}
	else if (nrows == room)
	{
		room *= 2;
		rows = repalloc_huge(rows, room * sizeof(UserRow));
	}
	row = &rows[nrows];
	row->change = change;
	row->removed = removed;
	row->nest_level = GetCurrentTransactionNestLevel();
	row->user_id = column_text(&model, USERS_ID, trigger->tg_relation, tuple);
	row->tenant_id = column_text(&model, USERS_TENANT, trigger->tg_relation, tuple);
	row->email = column_text(&model, USERS_EMAIL, trigger->tg_relation, tuple);
	row->address = row->email;
	if (removed && !model_has(&model, USERS_EMAIL))
		row->address = column_text(&model, USERS_USERNAME, trigger->tg_relation, tuple);
	nrows++;
	MemoryContextSwitchTo(old);
}
