/*
 * session_end.c
 *		The end of sessions: at once, whoever changes the user or its tenant, by whatever statement.
 *
 * account.end_sessions() is an AFTER UPDATE OR DELETE trigger for each row of the mapped tables. It has
 * no WHEN clause and names no columns: these would forbid dropping a column that the model can do
 * without. It compares the columns itself, and looks for sessions by index before it runs a statement.
 *
 * Who opens a session locks the user's row (and takes an advisory lock of its tenant) before looking
 * whether the user may come in, so either the trigger sees the session or the login sees the change. The
 * trigger looks with a snapshot of now, as the server's referential checks do.
 *
 * The triggers may be called as anybody who changes the tables; what they write is written as the owner
 * of the extension's tables, and is only ever the end of a session of a row that has just changed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "extension.h"
#include "identifiers.h"
#include "mapping.h"
#include "session.h"
#include "session_lock.h"
#include "statement.h"
#include "user_changes.h"
#include "version.h"

PG_FUNCTION_INFO_V1(end_sessions);

#define TRIGGER_SESSIONS  "zz_account_sessions"
#define TRIGGER_STATEMENT "zz_account_statement"

/* The user whose password the session itself is changing; see session_keep(). */
static const char *keep_user = NULL;
static const char *keep_session = NULL;
static bool keep_all_sessions = false;

/* From here on the trigger spares sessions of this user. */
void
session_keep(const char *user_id, bool keep_all, const char *session_id)
{
	keep_user = user_id;
	keep_all_sessions = keep_all;
	keep_session = session_id;
}

/* Spare none any more. */
void
session_keep_end(void)
{
	keep_user = NULL;
	keep_session = NULL;
}

/* The table, and those that inherit from it; partitions have clones of its triggers instead. */
static List *
tables_of(Oid relid)
{
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relid);
	return find_all_inheritors(relid, ShareRowExclusiveLock, NULL);
}

/* Put a trigger on a table, as its owner. Within SPI_connect. */
static void
create_trigger(Oid relid, const char *name, const char *level)
{
	List *tables = tables_of(relid);
	ListCell *cell;

	foreach (cell, tables)
	{
		RoleState saved = run_as(relation_owner(lfirst_oid(cell)));

		run_sql("CREATE TRIGGER %s AFTER UPDATE OR DELETE ON %s FOR EACH %s "
				"EXECUTE FUNCTION account.end_sessions()",
				name, sql_relation(lfirst_oid(cell)), level);
		run_as_end(saved);
	}
}

/* Take a trigger from a table, if it has it. Within SPI_connect. */
static void
drop_trigger(Oid relid, const char *name)
{
	List *tables = OidIsValid(relid) ? tables_of(relid) : NIL;
	ListCell *cell;

	foreach (cell, tables)
	{
		RoleState saved = run_as(relation_owner(lfirst_oid(cell)));

		run_sql("DROP TRIGGER IF EXISTS %s ON %s", name, sql_relation(lfirst_oid(cell)));
		run_as_end(saved);
	}
}

/* Put the triggers on the mapped tables. */
void
session_attach(Oid users, Oid tenants)
{
	create_trigger(users, TRIGGER_SESSIONS, "ROW");
	create_trigger(users, TRIGGER_STATEMENT, "STATEMENT");
	if (OidIsValid(tenants) && tenants != users)
		create_trigger(tenants, TRIGGER_SESSIONS, "ROW");
}

/* Take the triggers away, and end all sessions unless the users table stays this one. */
void
session_detach(Oid users)
{
	const Model *model = model_get();
	Oid mapped[MODEL_PARTS] = {InvalidOid};
	RoleState saved;

	if (model != NULL)
		memcpy(mapped, model->relation, sizeof(mapped));
	if (mapped[MODEL_USERS] != users)
	{
		saved = run_as_owner("session");
		run_sql(OWN_STATEMENT "UPDATE account.session SET ended_at = pg_catalog.clock_timestamp(), "
							  "end_reason = '" SESSION_END_UNMAPPED "' WHERE ended_at IS NULL");
		run_as_end(saved);
	}
	drop_trigger(mapped[MODEL_USERS], TRIGGER_SESSIONS);
	drop_trigger(mapped[MODEL_USERS], TRIGGER_STATEMENT);
	if (mapped[MODEL_TENANTS] != mapped[MODEL_USERS])
		drop_trigger(mapped[MODEL_TENANTS], TRIGGER_SESSIONS);
}

/* End the sessions of a user or tenant; see session_end_user(). */
static uint64
end_where(PlanKind kind, const char *column, const char *key, const char *except,
		  const char *reason)
{
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[] = {CStringGetTextDatum(key), CStringGetTextDatum(reason),
					  except != NULL ? CStringGetTextDatum(except) : (Datum) 0};
	const char *nulls = except != NULL ? "   " : "  n";
	KeptStatement *plan;
	RoleState saved;
	uint64 ended;

	SPI_connect();
	saved = run_as_owner("session");
	plan = plan_lookup(kind, InvalidOid, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(
			kind, InvalidOid, InvalidOid,
			psprintf(OWN_STATEMENT
					 "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
					 "end_reason = $2 WHERE s.%s OPERATOR(pg_catalog.=) $1 AND s.ended_at IS NULL "
					 "AND ($3 IS NULL OR (s.id)::pg_catalog.text OPERATOR(pg_catalog.<>) $3)",
					 column),
			3, types);
	ended = statement_run(plan, values, nulls, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	run_as_end(saved);
	SPI_finish();
	return ended;
}

/* End the sessions of a user. */
uint64
session_end_user(const char *user_id, const char *except, const char *reason)
{
	return end_where(PLAN_SESSION_END_USER, "user_id", user_id, except, reason);
}

/* End the sessions of users whose rows have changed. */
void
session_end_users(char **user_ids, int n)
{
	Oid types[] = {TEXTARRAYOID, TEXTOID};
	Datum values[2];
	Datum *keys;
	KeptStatement *plan;
	RoleState saved;

	/* one user mostly has no session, or one: no statement is worth its while */
	if (n == 0 || (n == 1 && session_rows_end(user_ids[0], SESSION_END_USER)))
		return;

	keys = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
		keys[i] = CStringGetTextDatum(user_ids[i]);
	values[0] = PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = CStringGetTextDatum(SESSION_END_USER);
	SPI_connect();
	saved = run_as_owner("session");
	plan = plan_lookup(PLAN_SESSION_END_USERS, InvalidOid, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(
			PLAN_SESSION_END_USERS, InvalidOid, InvalidOid,
			OWN_STATEMENT "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
						  "end_reason = $2 WHERE s.user_id OPERATOR(pg_catalog.=) ANY ($1) "
						  "AND s.ended_at IS NULL",
			2, types);
	(void) statement_run(plan, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	run_as_end(saved);
	SPI_finish();
	for (int i = 0; i < n; i++)
		pfree(DatumGetPointer(keys[i]));
	pfree(keys);
	pfree(DatumGetPointer(values[0]));
}

/* A column of the model in the trigger's table, which may be a partition. */
static AttrNumber
column_here(const Model *model, ModelAttribute attribute, Relation rel)
{
	Oid relid = model->relation[model_attributes[attribute].part];

	if (!model_has(model, attribute))
		return InvalidAttrNumber;
	if (relid == RelationGetRelid(rel))
		return model->column[attribute].attnum;
	return get_attnum(RelationGetRelid(rel),
					  get_attname(relid, model->column[attribute].attnum, false));
}

/* Did a column change with the update? */
static bool
column_changed(TriggerData *trigger, AttrNumber attnum)
{
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);
	Form_pg_attribute column;
	bool old_isnull;
	bool new_isnull;
	Datum old_value;
	Datum new_value;

	if (attnum == InvalidAttrNumber)
		return false;
	column = TupleDescAttr(desc, attnum - 1);
	old_value = heap_getattr(trigger->tg_trigtuple, attnum, desc, &old_isnull);
	new_value = heap_getattr(trigger->tg_newtuple, attnum, desc, &new_isnull);
	if (old_isnull || new_isnull)
		return old_isnull != new_isnull;
	return !datum_image_eq(old_value, new_value, column->attbyval, column->attlen);
}

/* Did the columns that say whether a row is deleted change? */
static bool
soft_delete_changed_here(TriggerData *trigger)
{
	const SoftDelete *soft = mapping_declared(RelationGetRelid(trigger->tg_relation));

	return soft != NULL && column_changed(trigger, soft->deleted_at);
}

/* The key of the row as it was, as text; NULL: it is NULL. */
static char *
old_key(TriggerData *trigger, AttrNumber attnum)
{
	return model_column_text(trigger->tg_trigtuple, RelationGetDescr(trigger->tg_relation), attnum);
}

/* What follows for a user whose row changed. */
static void
user_changed(const Model *model, TriggerData *trigger)
{
	static const ModelAttribute ending[] = {USERS_ID, USERS_TENANT, USERS_IS_ACTIVE,
											USERS_DELETED_AT, USERS_FLAG};
	bool ends = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	char *key;
	bool own;

	for (int i = 0; !ends && i < lengthof(ending); i++)
		ends = column_changed(trigger, column_here(model, ending[i], trigger->tg_relation));
	if (!ends)
		ends = soft_delete_changed_here(trigger);
	if (ends)
	{
		user_changes_add(model, trigger);
		return;
	}
	if (!column_changed(trigger, column_here(model, USERS_PASSWORD, trigger->tg_relation)))
		return;
	key = old_key(trigger, column_here(model, USERS_ID, trigger->tg_relation));
	if (key == NULL)
		return;
	own = keep_user != NULL && strcmp(keep_user, key) == 0;
	if ((own && keep_all_sessions) || !session_rows_any(SESSION_USER_ID, key))
		return;
	session_end_user(key, own ? keep_session : NULL, SESSION_END_USER);
}

/* End the sessions of a tenant whose row changed. */
static void
tenant_changed(const Model *model, TriggerData *trigger)
{
	Relation rel = trigger->tg_relation;
	char *key;

	if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event) &&
		!column_changed(trigger, column_here(model, TENANTS_ID, rel)) &&
		!column_changed(trigger, column_here(model, TENANTS_IS_ACTIVE, rel)) &&
		!soft_delete_changed_here(trigger))
		return;
	key = old_key(trigger, column_here(model, TENANTS_ID, rel));
	if (key == NULL)
		return;
	session_lock_tenant(key, true);
	if (session_rows_any(SESSION_TENANT_ID, key))
		end_where(PLAN_SESSION_END_TENANT, "tenant_id", key, NULL, SESSION_END_TENANT);
}

/* Is the trigger's table this one, or one that inherits from it, as partitions do? */
static bool
is_table(Relation rel, Oid relid)
{
	if (RelationGetRelid(rel) == relid)
		return true;
	return OidIsValid(relid) && typeInheritsFrom(rel->rd_rel->reltype, get_rel_type_id(relid));
}

/*
 * account.end_sessions() RETURNS trigger: AFTER UPDATE OR DELETE, for each row; on users also for each
 * statement, when its rows' events are written.
 */
Datum
end_sessions(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "end_sessions");
	const Model *model = model_get();

	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
	{
		user_changes_flush();
		return PointerGetDatum(NULL);
	}
	if (model == NULL || !TRIGGER_FIRED_AFTER(trigger->tg_event) || !model_has(model, USERS_ID))
		return PointerGetDatum(NULL);
	if (is_table(trigger->tg_relation, model->relation[MODEL_USERS]))
		user_changed(model, trigger);
	if (is_table(trigger->tg_relation, model->relation[MODEL_TENANTS]) &&
		model_has(model, TENANTS_ID))
		tenant_changed(model, trigger);
	return PointerGetDatum(NULL);
}
