/*
 * user_trigger.c
 *		The triggers on the mapped tables: what became of a user, a tenant or a membership.
 *
 * account.end_sessions() is an AFTER UPDATE OR DELETE trigger for each row of users, tenants and
 * members, for each statement on users and members, and AFTER TRUNCATE of any. It has no WHEN
 * clause and names no columns: these would forbid dropping a column that the model can do without.
 * It compares the columns itself, and looks for sessions by index before it runs a statement.
 *
 * Row triggers are cloned to partitions, statement triggers are not: each partition and child has
 * its own, those that come later by an event trigger. What a statement does that names one without
 * is done row by row.
 *
 * The triggers may be called as anybody who changes the tables; what they write is written as the
 * owner of the extension's tables, and is only ever the end of a session of a row that has just
 * changed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "model/model.h"
#include "softdelete/softdelete.h"
#include "known_ids.h"
#include "mailed_token.h"
#include "member_changes.h"
#include "session.h"
#include "user_changes.h"
#include "user_trigger.h"

PG_FUNCTION_INFO_V1(end_sessions);

#define TRIGGER_SESSIONS  "zz_account_sessions"
#define TRIGGER_STATEMENT "zz_account_statement"
#define TRIGGER_EMPTIED   "zz_account_truncate"

/* The table, and those that inherit from it; partitions have clones of its row triggers instead. */
static List *
tables_of(Oid relid, bool row)
{
	if (row && get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relid);
	return find_all_inheritors(relid, ShareRowExclusiveLock, NULL);
}

/* A trigger of a part. */
typedef struct PartTrigger
{
	const char *name;
	const char *events;
	ModelPart part;
	bool row;
} PartTrigger;

static const PartTrigger part_triggers[] = {
	{TRIGGER_SESSIONS, "UPDATE OR DELETE", MODEL_USERS, true},
	{TRIGGER_STATEMENT, "UPDATE OR DELETE", MODEL_USERS, false},
	{TRIGGER_SESSIONS, "UPDATE OR DELETE", MODEL_TENANTS, true},
	{TRIGGER_SESSIONS, "UPDATE OR DELETE", MODEL_MEMBERS, true},
	{TRIGGER_STATEMENT, "UPDATE OR DELETE", MODEL_MEMBERS, false},
	{TRIGGER_EMPTIED, "TRUNCATE", MODEL_USERS, false},
	{TRIGGER_EMPTIED, "TRUNCATE", MODEL_TENANTS, false},
	{TRIGGER_EMPTIED, "TRUNCATE", MODEL_MEMBERS, false},
};

/* Can a table have such a trigger? Foreign ones take none for TRUNCATE. */
static bool
takes_trigger(Oid relid, const PartTrigger *trigger)
{
	return get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE ||
		   strcmp(trigger->name, TRIGGER_EMPTIED) != 0;
}

/* Put a trigger on a table, as its owner. argument: SQL, or "" for none. */
static void
create_trigger(Oid relid, const PartTrigger *trigger, const char *argument)
{
	List *tables = tables_of(relid, trigger->row);
	ListCell *cell;

	foreach (cell, tables)
	{
		RoleState saved;

		if (OidIsValid(get_trigger_oid(lfirst_oid(cell), trigger->name, true)) ||
			!takes_trigger(lfirst_oid(cell), trigger))
			continue;
		saved = run_as(relation_owner(lfirst_oid(cell)));
		run_sql("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s "
				"EXECUTE FUNCTION account.end_sessions(%s)",
				trigger->name, trigger->events, sql_relation(lfirst_oid(cell)),
				trigger->row ? "ROW" : "STATEMENT", argument);
		run_as_end(saved);
	}
}

/* Take a trigger from a table, if it has it. */
static void
drop_trigger(Oid relid, const PartTrigger *trigger)
{
	List *tables = tables_of(relid, trigger->row);
	ListCell *cell;

	foreach (cell, tables)
	{
		RoleState saved;

		if (!OidIsValid(get_trigger_oid(lfirst_oid(cell), trigger->name, true)))
			continue;
		saved = run_as(relation_owner(lfirst_oid(cell)));
		run_sql("DROP TRIGGER %s ON %s", trigger->name, sql_relation(lfirst_oid(cell)));
		run_as_end(saved);
	}
}

/* Take the triggers away. */
void
user_trigger_detach(const Oid *relation)
{
	for (int i = 0; i < lengthof(part_triggers); i++)
		if (OidIsValid(relation[part_triggers[i].part]))
			drop_trigger(relation[part_triggers[i].part], &part_triggers[i]);
}

/*
 * Put the triggers on the mapped tables. call: the other arguments of use_tables, as JSON. That for
 * each statement on users carries it, for what is dumped without data: then it is all that the
 * doctor knows of the mapping. Triggers that are there, from such a dump, are replaced.
 */
void
user_trigger_attach(const Oid *relation, const char *call)
{
	user_trigger_detach(relation);
	for (int i = 0; i < lengthof(part_triggers); i++)
	{
		const PartTrigger *trigger = &part_triggers[i];
		bool tells = trigger->part == MODEL_USERS && strcmp(trigger->name, TRIGGER_STATEMENT) == 0;

		if (OidIsValid(relation[trigger->part]))
			create_trigger(relation[trigger->part], trigger, tells ? sql_literal(call) : "");
	}
}

/* A part has come to a mapped table; see the header. */
void
user_trigger_part(Oid relid)
{
	const Model *found = model_get();
	Model model;

	if (found == NULL)
		return;
	model = *found;
	for (int i = 0; i < lengthof(part_triggers); i++)
	{
		Oid mapped = model.relation[part_triggers[i].part];

		if (OidIsValid(mapped) && typeInheritsFrom(get_rel_type_id(relid), get_rel_type_id(mapped)))
			create_trigger(relid, &part_triggers[i], "");
	}
}

/* Did a column change with the update? */
static bool
column_changed(TriggerData *trigger, AttrNumber attnum)
{
	Oid relid = RelationGetRelid(trigger->tg_relation);
	Form_pg_attribute column;
	bool old_isnull;
	bool new_isnull;
	Datum old_value;
	Datum new_value;

	if (attnum == InvalidAttrNumber)
		return false;
	column = TupleDescAttr(RelationGetDescr(trigger->tg_relation), attnum - 1);
	old_value = column_value(relid, trigger->tg_trigslot, attnum, &old_isnull);
	new_value = column_value(relid, trigger->tg_newslot, attnum, &new_isnull);
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

/* Is a row of a part active that was not, or the other way round? */
static bool
active_changed(const Model *model, ModelPart part, TriggerData *trigger)
{
	Liveness liveness;

	liveness_of(model, part, trigger->tg_relation, &liveness);
	return column_changed(trigger, liveness.is_active.attnum) &&
		   row_is_active(&liveness, trigger->tg_trigslot) !=
			   row_is_active(&liveness, trigger->tg_newslot);
}

/* A column's value before the change, as text; NULL for NULL, and where there is no such column. */
static char *
old_text(const Model *model, ModelAttribute attribute, TriggerData *trigger)
{
	AttrNumber attnum = model_attnum_in(model, attribute, trigger->tg_relation);

	if (attnum == InvalidAttrNumber)
		return NULL;
	return model_column_text(trigger->tg_relation, trigger->tg_trigslot, attnum);
}

/* Was the row deleted here because an UPDATE has moved it to another partition? */
static bool
is_moved(TriggerData *trigger)
{
	return TRIGGER_FIRED_BY_DELETE(trigger->tg_event) &&
		   trigger->tg_relation->rd_rel->relispartition &&
		   HeapTupleHeaderIndicatesMovedPartitions(trigger->tg_trigtuple->t_data);
}

/*
 * The user whose row has moved, by the key that it had; NULL: it has another now. The trigger has
 * no command of its own, and would still see the row as it was.
 */
static UserRecord *
moved_row(const Model *model, TriggerData *trigger)
{
	char *key = old_text(model, USERS_ID, trigger);

	CommandCounterIncrement();
	return key == NULL ? NULL : model_user_by_id(model, key);
}

/*
 * What became of the user, whose row is there, or moved, or is gone. Of one that moved and has
 * another key no row is known: it counts as what it was.
 */
static UserChange
what_became(const Model *model, TriggerData *trigger, bool removed)
{
	bool has_moved = is_moved(trigger);
	UserRecord *moved = has_moved ? moved_row(model, trigger) : NULL;
	Liveness liveness;
	bool was_live;
	bool live;

	liveness_of(model, MODEL_USERS, trigger->tg_relation, &liveness);
	was_live = row_is_live(&liveness, trigger->tg_trigslot);
	if (removed)
		return was_live ? USER_DELETED_HARD : USER_PURGED;
	if (has_moved)
		live = moved != NULL ? moved->is_live : was_live;
	else
		live = row_is_live(&liveness, trigger->tg_newslot);
	return was_live == live ? USER_UNCHANGED : was_live ? USER_DELETED : USER_RESTORED;
}

/*
 * Are changes of rows of a relation flushed by a statement trigger? Kept for the relation that was
 * asked last.
 */
static bool
is_flushed(Oid relid)
{
	static Oid known = InvalidOid;
	static uint64 generation = 0;
	static bool answer;

	if (known != relid || generation != relation_changes_seen())
	{
		generation = relation_changes_seen();
		answer = user_changes_are_flushed(relid);
		known = relid;
	}
	return answer;
}

/* Are superusers to stay, as user_trigger_superusers_stay() says? */
static bool superusers_stay = false;

/* From here on, or not any more, the end of a superuser is refused; see the header. */
bool
user_trigger_superusers_stay(bool stay)
{
	bool before = superusers_stay;

	superusers_stay = stay;
	return before;
}

/* Raise PT403: a superuser would be deleted along. */
void
user_trigger_refuse_superuser(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
			 errdetail("A superuser would be deleted along."),
			 errhint("Let a superuser do this, or see to it first that the user stays: by a "
					 "membership in another tenant, or without the rights of a superuser.")));
}

/* A user is not what it was; lapsed: it is more than another tenant. */
static void
user_ends(const Model *found, TriggerData *trigger, bool lapsed)
{
	Model model = *found;
	ChangedUser user = {.removed = TRIGGER_FIRED_BY_DELETE(trigger->tg_event) && !is_moved(trigger),
						.lapsed = lapsed};

	user.change = what_became(&model, trigger, user.removed);
	if (superusers_stay && (user.change == USER_DELETED || user.change == USER_DELETED_HARD) &&
		row_says(&model, USERS_IS_SUPERUSER, trigger->tg_relation, trigger->tg_trigslot))
		user_trigger_refuse_superuser();
	user.user_id = old_text(&model, USERS_ID, trigger);
	user.tenant_id = old_text(&model, USERS_TENANT, trigger);
	user.email = old_text(&model, USERS_EMAIL, trigger);
	user.address = user.email;
	if (user.removed && !model_has(&model, USERS_EMAIL))
		user.address = old_text(&model, USERS_USERNAME, trigger);
	user_changes_add(&user, is_flushed(RelationGetRelid(trigger->tg_relation)));
}

/* What follows for a user whose password or email changed, but not that it may come in. */
static void
user_changed_names(const Model *model, TriggerData *trigger, bool password, bool email)
{
	char *key;

	if (!password && !email)
		return;
	key = old_text(model, USERS_ID, trigger);
	if (key == NULL)
		return;
	/* what was mailed to the one before, or asked for by who knew it, is good for nothing now */
	if (email || !session_keeps_all(key))
		mailed_tokens_void(&key, 1, !email);
	if (password)
		session_end_password(key);
}

/* Are two texts, or no texts, the same? */
static bool
same_text(const char *one, const char *other)
{
	return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* What follows for a user whose row moved to another partition: what would if it had not. */
static void
user_moved(const Model *found, TriggerData *trigger)
{
	Model model = *found;
	char *tenant = old_text(&model, USERS_TENANT, trigger);
	char *password = old_text(&model, USERS_PASSWORD, trigger);
	char *email = old_text(&model, USERS_EMAIL, trigger);
	UserRecord *now = moved_row(&model, trigger);
	Liveness liveness;
	bool lapsed;

	liveness_of(&model, MODEL_USERS, trigger->tg_relation, &liveness);
	lapsed = now == NULL || now->is_live != row_is_live(&liveness, trigger->tg_trigslot) ||
			 now->is_active != row_is_active(&liveness, trigger->tg_trigslot);
	if (lapsed || (!model_has_members(&model) && !same_text(tenant, now->tenant_key)))
		user_ends(&model, trigger, lapsed);
	if (!lapsed)
		user_changed_names(
			&model, trigger,
			!same_text(password, now->password != NULL ? text_to_cstring(now->password) : NULL),
			!same_text(email, now->email));
}

/* What follows for a user whose row changed. */
static void
user_changed(const Model *model, TriggerData *trigger)
{
	static const ModelAttribute ending[] = {USERS_ID, USERS_DELETED_AT, USERS_FLAG};
	bool lapsed = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);

	if (is_moved(trigger))
	{
		user_moved(model, trigger);
		return;
	}
	for (int i = 0; !lapsed && i < lengthof(ending); i++)
		lapsed = column_changed(trigger, model_attnum_in(model, ending[i], trigger->tg_relation));
	lapsed =
		lapsed || active_changed(model, MODEL_USERS, trigger) || soft_delete_changed_here(trigger);
	if (lapsed ||
		column_changed(trigger, model_attnum_in(model, USERS_TENANT, trigger->tg_relation)))
		user_ends(model, trigger, lapsed);
	if (!lapsed)
		user_changed_names(
			model, trigger,
			column_changed(trigger, model_attnum_in(model, USERS_PASSWORD, trigger->tg_relation)),
			column_changed(trigger, model_attnum_in(model, USERS_EMAIL, trigger->tg_relation)));
}

/* Is the tenant of a row that moved to another partition live and active there? */
static bool
tenant_goes_on(const Model *found, const char *key)
{
	Model model = *found;
	bool is_active;
	char *id;

	CommandCounterIncrement(); /* as in moved_row() */
	id = model_tenant(&model, key, &is_active);
	return id != NULL && is_active && strcmp(id, key) == 0;
}

/* What follows for a tenant whose row changed. */
static void
tenant_changed(const Model *model, TriggerData *trigger)
{
	char *key;

	if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event) &&
		!column_changed(trigger, model_attnum_in(model, TENANTS_ID, trigger->tg_relation)) &&
		!active_changed(model, MODEL_TENANTS, trigger) && !soft_delete_changed_here(trigger))
		return;
	key = old_text(model, TENANTS_ID, trigger);
	if (key != NULL && !(is_moved(trigger) && tenant_goes_on(model, key)))
		session_end_tenant(key);
}

/* Does a membership count, as it was before the change or as it is after it? */
static bool
member_counts(const Model *model, TriggerData *trigger, TupleTableSlot *slot)
{
	Liveness liveness;

	liveness_of(model, MODEL_MEMBERS, trigger->tg_relation, &liveness);
	return row_is_live(&liveness, slot) && row_is_active(&liveness, slot);
}

/* Has the user of a deleted membership it still: did the row move to another partition? */
static bool
member_moved(const Model *model, TriggerData *trigger, const char *user_id, const char *tenant)
{
	if (!trigger->tg_relation->rd_rel->relispartition)
		return false;
	CommandCounterIncrement(); /* as in moved_row() */
	return membership_counts(model, user_id, tenant, NULL);
}

/* What follows for a membership whose row changed. */
static void
member_changed(const Model *found, TriggerData *trigger)
{
	Model model = *found;
	bool deleted = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	Relation rel = trigger->tg_relation;
	char *user_id;
	char *tenant;

	if (!member_counts(&model, trigger, trigger->tg_trigslot))
		return;
	if (!deleted && member_counts(&model, trigger, trigger->tg_newslot) &&
		!column_changed(trigger, model_attnum_in(&model, MEMBERS_USER, rel)) &&
		!column_changed(trigger, model_attnum_in(&model, MEMBERS_TENANT, rel)))
		return;
	user_id = old_text(&model, MEMBERS_USER, trigger);
	tenant = old_text(&model, MEMBERS_TENANT, trigger);
	if (user_id == NULL || tenant == NULL ||
		(deleted && member_moved(&model, trigger, user_id, tenant)))
		return;
	member_changes_add(user_id, tenant, is_flushed(RelationGetRelid(rel)));
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
 * What follows where all rows of a table are gone at once. Which users or tenants they were is not
 * known any more, and others may be given their keys: so no session goes on that might be theirs,
 * also where the table is but a part of the mapped one.
 */
static void
table_emptied(const Model *found, Relation rel)
{
	Model model = *found;
	bool alone = rel->rd_rel->relkind != RELKIND_RELATION || !has_subclass(RelationGetRelid(rel));

	if (is_table(rel, model.relation[MODEL_USERS]))
	{
		bool whole = alone && RelationGetRelid(rel) == model.relation[MODEL_USERS];

		SPI_connect();
		if (whole)
			known_ids_forget_users(SESSION_END_USER, NULL);
		else
		{
			(void) session_end_all(SESSION_END_USER);
			(void) mailed_tokens_void_all();
		}
		SPI_finish();
	}
	else if (alone && RelationGetRelid(rel) == model.relation[MODEL_TENANTS])
	{
		SPI_connect();
		known_ids_forget_tenants(SESSION_END_TENANT, NULL);
		SPI_finish();
	}
	else if (is_table(rel, model.relation[MODEL_TENANTS]))
		(void) session_end_in_tenants(SESSION_END_TENANT);
	else if (is_table(rel, model.relation[MODEL_MEMBERS]))
		(void) session_end_in_tenants(SESSION_END_MEMBER);
}

/*
 * account.end_sessions() RETURNS trigger: AFTER UPDATE OR DELETE, for each row; on users and
 * members also for each statement, when what follows from its rows is done; AFTER TRUNCATE.
 */
Datum
end_sessions(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "end_sessions");
	const Model *model = model_get();

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		if (model != NULL)
			table_emptied(model, trigger->tg_relation);
		return PointerGetDatum(NULL);
	}
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
	{
		user_changes_flush();
		member_changes_flush();
		return PointerGetDatum(NULL);
	}
	if (model == NULL || !TRIGGER_FIRED_AFTER(trigger->tg_event) || !model_has(model, USERS_ID))
		return PointerGetDatum(NULL);
	if (is_table(trigger->tg_relation, model->relation[MODEL_USERS]))
		user_changed(model, trigger);
	if (is_table(trigger->tg_relation, model->relation[MODEL_TENANTS]) &&
		model_has(model, TENANTS_ID))
		tenant_changed(model, trigger);
	if (is_table(trigger->tg_relation, model->relation[MODEL_MEMBERS]) &&
		model_has(model, MEMBERS_USER) && model_has(model, MEMBERS_TENANT))
		member_changed(model, trigger);
	return PointerGetDatum(NULL);
}
