/*
 * lifecycle.c
 *		The end of an account and its return: delete_user, restore_user, purge_users.
 *
 * The extension acts for itself here, as the owner of the users table: the caller needs EXECUTE
 * alone, and authority.c says on whom it may act. A user goes as the application's own table would
 * have it:
 *
 *	  - softly, by soft delete, where the table has it: the UPDATE that a DELETE becomes, so that
 *	  children
 *		follow, sessions end and the application's triggers fire;
 *	  - softly, by the mapped columns deleted_at and flag, where the application looks after these
 *	  itself;
 *	  - for good, where nothing says that a row is deleted: an ordered cleanup, which raises 23001
 *	  for
 *		references that stand in the way.
 *
 * The statement itself decides between callers at once: it changes a live row, on a snapshot of
 * now, so one of them finds it and the others look what has become of it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "auth/auth.h"
#include "base/base.h"
#include "cleanup/cleanup.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "authority.h"
#include "confirmation.h"
#include "lifecycle.h"

ACCOUNT_OPERATION(delete_user, "delete_user", 0);
ACCOUNT_OPERATION(restore_user, "restore_user", 0);
ACCOUNT_OPERATION(purge_users, "purge_users", NO_SUBJECT);

/* The longest reason, in characters. */
#define MAX_REASON 2000

/* Raise PT400: there is nothing to do. */
void
refuse_nothing_to_do(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOTHING_TO_DO), errmsg("%s", message),
					errdetail("Nothing has been changed."), errhint("%s", hint)));
}

/* When what was deleted then may be removed for good. */
TimestampTz
grace_period_end(TimestampTz deleted_at)
{
	return deleted_at + (int64) pgaccount_grace_period * USECS_PER_SEC;
}

/* How a user goes. */
typedef enum Deletion
{
	DELETION_TABLE,   /* soft delete of the table */
	DELETION_COLUMNS, /* columns that the application looks after */
	DELETION_HARD
} Deletion;

/* How users of this model go. */
static Deletion
deletion_of(const Model *model)
{
	if (mapping_declared(model->relation[MODEL_USERS]) != NULL)
		return DELETION_TABLE;
	return model_has(model, USERS_DELETED_AT) || model_has(model, USERS_FLAG) ? DELETION_COLUMNS
																			  : DELETION_HARD;
}

/* SQL: the assignments to the mapped columns that say that a user is deleted, or is not. */
static char *
set_mapped_columns(const Model *model, bool deleted)
{
	Oid users = model->relation[MODEL_USERS];
	StringInfoData sql;

	initStringInfo(&sql);
	if (model_has(model, USERS_DELETED_AT))
		appendStringInfo(&sql, "%s = %s", sql_column(users, model->column[USERS_DELETED_AT].attnum),
						 deleted ? sql_now(model->column[USERS_DELETED_AT].type) : "NULL");
	if (model_has(model, USERS_FLAG))
		appendStringInfo(&sql, "%s%s = %s", sql.len > 0 ? ", " : "",
						 sql_column(users, model->column[USERS_FLAG].attnum),
						 deleted ? "true" : "false");
	return sql.data;
}

/* SQL: when user u was deleted; NULL where no column says so. */
char *
lifecycle_deleted_at(const Model *model)
{
	Oid users = model->relation[MODEL_USERS];
	const SoftDelete *soft = mapping_declared(users);

	if (soft != NULL)
		return sql_instant(psprintf("u.%s", sql_column(users, soft->deleted_at)), soft->stamp.base);
	if (model_has(model, USERS_DELETED_AT))
		return sql_instant(model_sql(model, "u", USERS_DELETED_AT),
						   model->column[USERS_DELETED_AT].type);
	return "NULL::pg_catalog.timestamptz";
}

/*
 * The statement that deletes live user $1 softly; $2 is who does it. It tells when that was, and
 * whether the user is live still.
 */
static char *
delete_text(const Model *model, Deletion deletion)
{
	Oid users = model->relation[MODEL_USERS];
	const SoftDelete *soft = mapping_declared(users);

	return psprintf(
		OWN_STATEMENT "UPDATE %s u SET %s WHERE %s AND %s RETURNING %s, %s", sql_relation(users),
		deletion == DELETION_TABLE ? sql_set_deleted(soft, sql_stamp_now(&soft->stamp), "$2")
								   : set_mapped_columns(model, true),
		model_sql_key(model, "u", USERS_ID, 1), live_sql(model, "u", MODEL_USERS),
		lifecycle_deleted_at(model), live_sql(model, "u", MODEL_USERS));
}

/*
 * Delete live user $1 softly, on a snapshot of now. Within SPI_connect, as the owner. False: there
 * is none.
 */
static bool
delete_softly(const Model *model, Deletion deletion, const char *user_id)
{
	Oid users = model->relation[MODEL_USERS];
	Oid types[] = {model_key_type(model, USERS_ID), TEXTOID};
	Datum values[2];
	MemoryContext context = CurrentMemoryContext;
	KeptStatement *plan = plan_lookup(PLAN_USER_DELETE, users, deletion);
	volatile uint64 deleted = 0;

	if (!model_key_value(model, USERS_ID, user_id, &values[0]))
		return false;
	values[1] = CStringGetTextDatum(actor_name());
	if (plan == NULL)
		plan = plan_keep_generic(PLAN_USER_DELETE, users, deletion, delete_text(model, deletion), 2,
								 types);
	PG_TRY();
	{
		deleted = statement_run(plan, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		rethrow_discreetly(CopyErrorData());
	}
	PG_END_TRY();
	if (deleted > 0 && row_boolean(0, 2))
		refuse_values_kept(users, "the user was not deleted");
	return deleted > 0;
}

/* The timestamptz of the row just read; false: NULL. */
static bool
take_time(TimestampTz *time)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

	*time = isnull ? 0 : DatumGetTimestampTz(value);
	return !isnull;
}

/*
 * Remove a user for good, in the order of references. As the owner; caller: who asked for it, and
 * takes no row of a soft-delete table along that a DELETE by it would not. False: somebody else was
 * first.
 */
static bool
delete_hard(const Model *model, const char *user_id, Oid caller)
{
	Oid users = model->relation[MODEL_USERS];
	Oid type = model_key_type(model, USERS_ID);
	MemoryContext context = CurrentMemoryContext;
	Cleanup *work;
	Datum key;
	bool found;

	if (!model_user_lock(model, user_id, true) || !model_key_value(model, USERS_ID, user_id, &key))
		return false;
	work = cleanup_make(users, false, CLEANUP_TO_EXECUTE, true);
	work->remover = caller;
	work->as_delete = true;
	work->seed.from = psprintf("%s c WHERE %s", sql_keyed_relation(users),
							   model_sql_key(model, "c", USERS_ID, 1));
	work->seed.run.nargs = 1;
	work->seed.run.types = &type;
	work->seed.run.values = &key;
	PG_TRY();
	{
		cleanup_run(work);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		/* what an account cannot be asked for is no hint */
		if (error->sqlerrcode == ERRCODE_RESTRICT_VIOLATION)
			error->hint =
				"Give the users soft delete with account.enable_soft_delete(), say by "
				"account.set_reference_policy() what follows them, or remove these rows first.";
		FlushErrorState();
		ReThrowError(error);
	}
	PG_END_TRY();
	found = cleanup_target_rows(work) > 0;
	cleanup_free(work);
	return found;
}

/* Delete a live user, as the owner. *deleted_at: when; has_time false: no column says so. */
static void
delete_live(const Model *model, const UserRecord *user, Deletion deletion, TimestampTz *deleted_at,
			bool *has_time)
{
	Oid users = model->relation[MODEL_USERS];
	RoleState saved;
	bool deleted;

	*deleted_at = GetCurrentTransactionStartTimestamp();
	*has_time = false;
	LockRelationOid(users, RowExclusiveLock);
	saved = run_as(model->owner[MODEL_USERS]);
	if (deletion == DELETION_HARD)
		deleted = delete_hard(model, user->user_id, saved.userid);
	else
	{
		SPI_connect();
		deleted = delete_softly(model, deletion, user->user_id);
		if (deleted)
		{
			TimestampTz time;

			*has_time = take_time(&time);
			if (*has_time)
				*deleted_at = time;
		}
		SPI_finish();
	}
	run_as_end(saved);
	if (!deleted)
	{
		UserRecord *now = model_user_by_id(model, user->user_id);

		if (now == NULL)
			authority_unknown_user();
		if (!now->is_live)
			refuse_nothing_to_do("user is already deleted",
								 "account.restore_user() brings it back.");
		refuse_row_kept_back(model->relation[MODEL_USERS], "the user was not deleted");
	}
}

/* The argument reason. */
char *
reason_argument(FunctionCallInfo fcinfo, int n)
{
	return text_argument(fcinfo, n, "reason", MAX_REASON);
}

/* The same as delete_live(), with the word that superusers stay, or go. */
static void
delete_and_stay(const Model *model, const UserRecord *user, bool stay, TimestampTz *deleted_at,
				bool *has_time)
{
	bool before = user_trigger_superusers_stay(stay);

	PG_TRY();
	{
		delete_live(model, user, deletion_of(model), deleted_at, has_time);
	}
	PG_FINALLY();
	{
		(void) user_trigger_superusers_stay(before);
	}
	PG_END_TRY();
}

/* Delete a live user; see the header. */
Jsonb *
lifecycle_delete(const Model *model, const UserRecord *user, bool by_superuser, const char *reason)
{
	JsonbBuild answer = {0};
	TimestampTz deleted_at;
	bool has_time;

	event_reason(reason);
	delete_and_stay(model, user, !by_superuser, &deleted_at, &has_time);
	event_reason(NULL);

	detail_bool(&answer, "status", true);
	detail_text(&answer, "message", "User successfully deleted");
	detail_text(&answer, "user_id", user->user_id);
	detail_time(&answer, "deleted_at", deleted_at);
	if (has_time)
		detail_time(&answer, "purge_after", grace_period_end(deleted_at));
	else
		detail_text(&answer, "purge_after", NULL);
	return detail_end(&answer);
}

/* account.delete_user(user_id, password text, reason text) RETURNS jsonb: self or staff. */
static Datum
delete_user_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	text *password = PG_ARGISNULL(1) ? NULL : (text *) PG_GETARG_POINTER(1);
	char *reason;
	Model model;
	UserRecord *user;
	Jsonb *answer;
	bool is_self;
	bool by_superuser;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.delete_user()");
	version_check();
	model = *model_require_locked();
	reason = reason_argument(fcinfo, 2);
	user = authority_over_any(&model, id_argument(fcinfo, 0), true, &is_self);
	if (!user->is_live)
		refuse_nothing_to_do("user is already deleted", "account.restore_user() brings it back.");
	if (is_self)
		confirmation_of_deletion(user, password);
	by_superuser = is_self ? user->is_superuser : authority_actor(&model)->is_superuser;
	answer = lifecycle_delete(&model, user, by_superuser, reason);
	secret_call_end(&hiding);
	PG_RETURN_JSONB_P(answer);
}

/*
 * Bring the row back by the mapped columns. Within SPI_connect, as the owner. Returns how many
 * rows.
 */
static uint64
restore_columns(const Model *model, const RestoreKeys *keys)
{
	char *sql =
		psprintf(OWN_STATEMENT "UPDATE %s t SET %s WHERE %s AND NOT %s",
				 sql_relation(model->relation[MODEL_USERS]), set_mapped_columns(model, false),
				 keys->condition, live_sql(model, "t", MODEL_USERS));

	return statement_run_once(sql, keys->n, keys->types, keys->values, NULL, NULL);
}

/* Are there mapped columns that say that a user is deleted, beside those of soft delete? */
static bool
has_other_columns(const Model *model)
{
	const SoftDelete *soft = mapping_declared(model->relation[MODEL_USERS]);

	return (model_has(model, USERS_DELETED_AT) &&
			(soft == NULL || model->column[USERS_DELETED_AT].attnum != soft->deleted_at)) ||
		   (model_has(model, USERS_FLAG) &&
			(soft == NULL || model->column[USERS_FLAG].attnum != soft->flag));
}

/* Bring a deleted user back, with what went with it. Returns how many rows. */
static uint64
restore_deleted(const Model *model, const UserRecord *user)
{
	Oid users = model->relation[MODEL_USERS];
	Oid caller = GetUserId();
	Oid type = model_key_type(model, USERS_ID);
	RestoreKeys keys = {.n = 1, .types = &type};
	uint64 restored = 0;
	RoleState saved;
	Datum key;

	if (!model_key_value(model, USERS_ID, user->user_id, &key))
		return 0;
	LockRelationOid(users, RowExclusiveLock);
	keys.values = &key;
	keys.condition = model_sql_key(model, "t", USERS_ID, 1);
	saved = run_as(model->owner[MODEL_USERS]);
	if (mapping_declared(users) != NULL)
		restored = restore_rows(users, &keys, NULL, caller, NULL, false);
	if (has_other_columns(model))
	{
		uint64 rows;

		SPI_connect();
		rows = restore_columns(model, &keys);
		SPI_finish();
		restored = Max(restored, rows);
	}
	run_as_end(saved);
	return restored;
}

/* Bring a deleted user back; see the header. */
uint64
lifecycle_restore(const Model *model, const UserRecord *user, const char *reason)
{
	MemoryContext context = CurrentMemoryContext;
	volatile uint64 restored = 0;
	UserRecord *now;

	names_claim(model, user);
	event_reason(reason);
	PG_TRY();
	{
		restored = restore_deleted(model, user);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		rethrow_discreetly(CopyErrorData());
	}
	PG_END_TRY();
	event_reason(NULL);
	now = model_user_by_id(model, user->user_id);
	if (now == NULL)
		authority_unknown_user();
	if (restored == 0 && now->is_live)
		refuse_nothing_to_do("user is not deleted", "Pass the id of a deleted user.");
	if (!now->is_live)
		refuse_row_kept_back(model->relation[MODEL_USERS], "the user was not restored");
	return restored;
}

/* account.restore_user(user_id, reason text) RETURNS jsonb: staff. */
static Datum
restore_user_operation(PG_FUNCTION_ARGS)
{
	char *reason;
	Model model;
	UserRecord *user;
	uint64 restored;
	JsonbBuild answer = {0};

	PreventCommandIfReadOnly("account.restore_user()");
	version_check();
	model = *model_require_locked();
	reason = reason_argument(fcinfo, 1);
	user = authority_over_any(&model, id_argument(fcinfo, 0), false, NULL);
	if (user->is_live)
		refuse_nothing_to_do("user is not deleted", "Pass the id of a deleted user.");
	restored = lifecycle_restore(&model, user, reason);

	detail_bool(&answer, "status", true);
	detail_text(&answer, "message", "User successfully restored");
	detail_text(&answer, "user_id", user->user_id);
	detail_time(&answer, "restored_at", GetCurrentTransactionStartTimestamp());
	detail_number(&answer, "rows", (int64) restored);
	PG_RETURN_JSONB_P(detail_end(&answer));
}

/* The column that says when a user was deleted; raises 55000 where there is none. */
static AttrNumber
deletion_column(const Model *model)
{
	const SoftDelete *soft = mapping_declared(model->relation[MODEL_USERS]);

	if (soft != NULL)
		return soft->deleted_at;
	if (!model_has(model, USERS_DELETED_AT))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no column says when a user was deleted"),
				 errdetail("%s has no soft delete, and no column is mapped to users.deleted_at.",
						   display_relation(model->relation[MODEL_USERS])),
				 errhint("SELECT account.enable_soft_delete(%s);",
						 sql_literal(sql_relation(model->relation[MODEL_USERS])))));
	return model->column[USERS_DELETED_AT].attnum;
}

/*
 * account.purge_users(max_rows bigint) RETURNS bigint: those whose grace period is over.
 * Privileged.
 */
static Datum
purge_users_operation(PG_FUNCTION_ARGS)
{
	uint64 wanted = max_rows_argument(fcinfo, 0);
	AttrNumber column;
	Model model;
	RoleState saved;
	uint64 purged;

	PreventCommandIfReadOnly("account.purge_users()");
	version_check();
	model = *model_require_locked();
	column = deletion_column(&model);
	LockRelationOid(model.relation[MODEL_USERS], RowExclusiveLock);
	saved = run_as(model.owner[MODEL_USERS]);
	purged = purge_rows(model.relation[MODEL_USERS], column, purge_cutoff(), wanted, false, true);
	run_as_end(saved);
	PG_RETURN_INT64((int64) purged);
}
