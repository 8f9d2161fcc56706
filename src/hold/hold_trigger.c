/*
 * hold_trigger.c
 *		The triggers that keep rows under a hold.
 *
 * They are on every table that holds are about (hold_ddl.c), on each partition for itself, and fire
 * before all others, whether the library is preloaded or not. Preloaded, a statement on a table
 * that no hold is about any more runs as if they were not there.
 *
 * A DELETE of a soft-delete table comes to a row trigger where it was not rewritten. Whether the
 * row goes then is for account.soft_delete() to say, which fires next: only a referential action
 * removes it, or a statement of ours, which puts account.hold_removal() in the place of
 * account.hold_delete().
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "hold_judge.h"
#include "hold_state.h"
#include "hold_trigger.h"

PG_FUNCTION_INFO_V1(hold_delete);
PG_FUNCTION_INFO_V1(hold_removal);
PG_FUNCTION_INFO_V1(hold_update);
PG_FUNCTION_INFO_V1(hold_truncate);

/* Raise unless a trigger function is fired as it was put on a table. */
static void
check_fired(bool as_meant, const char *function, const char *how)
{
	if (!as_meant)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function account.%s() must be fired %s", function, how),
						errhint("Call account.place_hold, which puts it on tables.")));
}

/* Raise PT423 if the row of a DELETE must stay. */
static void
judge_row(FmgrInfo *flinfo, TriggerData *trigger)
{
	HoldFound found;

	if (flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(flinfo->fn_mcxt);

		flinfo->fn_extra = hold_judge_make();
		MemoryContextSwitchTo(old);
	}
	if (hold_judge_row(flinfo->fn_extra, trigger->tg_relation, trigger->tg_trigslot, &found))
		hold_refuse(RelationGetRelid(trigger->tg_relation), &found);
}

/* Is the DELETE the half of an UPDATE that moves the row to another partition? */
static bool
is_moved(FmgrInfo *flinfo, TriggerData *trigger)
{
	return trigger->tg_relation->rd_rel->relispartition &&
		   row_is_moving(flinfo, trigger->tg_relation, &trigger->tg_trigtuple->t_self);
}

/* account.hold_delete() RETURNS trigger: BEFORE DELETE, for each row. */
Datum
hold_delete(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "hold_delete");
	Oid relid = RelationGetRelid(trigger->tg_relation);

	check_fired(TRIGGER_FIRED_BEFORE(trigger->tg_event) &&
					TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
					TRIGGER_FIRED_BY_DELETE(trigger->tg_event),
				"hold_delete", "BEFORE DELETE FOR EACH ROW");
	if (hold_concerns(relid) && !is_moved(fcinfo->flinfo, trigger) &&
		(mapping_active(relid) == NULL ||
		 (InNoForceRLSOperation() &&
		  soft_delete_is_referential(trigger->tg_relation, trigger->tg_trigtuple))))
		judge_row(fcinfo->flinfo, trigger);
	return PointerGetDatum(trigger->tg_trigtuple);
}

/* account.hold_removal() RETURNS trigger: the same where the row is removed for good. */
Datum
hold_removal(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "hold_removal");

	check_fired(TRIGGER_FIRED_BEFORE(trigger->tg_event) &&
					TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
					TRIGGER_FIRED_BY_DELETE(trigger->tg_event),
				"hold_removal", "BEFORE DELETE FOR EACH ROW");
	if (hold_concerns(RelationGetRelid(trigger->tg_relation)))
		judge_row(fcinfo->flinfo, trigger);
	return PointerGetDatum(trigger->tg_trigtuple);
}

/* Does an UPDATE change one of these columns of relid? */
static bool
changes_columns(TriggerData *trigger, Oid relid, const Bitmapset *columns)
{
	Relation rel = trigger->tg_relation;
	int attnum = -1;

	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		AttrNumber number = hold_column_in(rel, relid, attnum);
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), number - 1);
		bool was_null;
		bool is_null;
		Datum was = slot_getattr(trigger->tg_trigslot, number, &was_null);
		Datum is = slot_getattr(trigger->tg_newslot, number, &is_null);

		if (was_null != is_null ||
			(!is_null && !datum_image_eq(was, is, att->attbyval, att->attlen)))
			return true;
	}
	return false;
}

/* Raise PT423 for a row under a hold that would have another key. */
static void
refuse_key(Relation rel, int64 hold)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_HELD),
			 errmsg("the key of a row of \"%s\" must stay: it is under a legal hold",
					RelationGetRelationName(rel)),
			 errdetail("Hold " INT64_FORMAT " names the row by its key.", hold),
			 errhint("The key can change once account.release_hold(" INT64_FORMAT
					 ", reason) has ended the hold.",
					 hold),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(RelationGetNamespace(rel))),
			 err_generic_string(PG_DIAG_TABLE_NAME, RelationGetRelationName(rel))));
}

/* Raise PT423 if a row has lost its key, by a trigger that fired after ours. */
static void
judge_written(const HoldTable *table, TriggerData *trigger)
{
	int64 hold = hold_of_row(table, trigger->tg_relation, trigger->tg_trigslot);
	bool kept;

	if (hold == 0)
		return;
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		kept = !changes_columns(trigger, table->relid, hold_key_columns(table));
	else
	{
		/* it has been moved to another partition */
		SPI_connect();
		kept = hold_has_row(table, hold);
		SPI_finish();
	}
	if (!kept)
		refuse_key(trigger->tg_relation, hold);
}

/*
 * account.hold_update() RETURNS trigger: BEFORE UPDATE and AFTER it, for each row. The hold names
 * the row by its key. In a partition it is fired by any UPDATE, to know which rows move; those are
 * deleted, which it looks at as well.
 */
Datum
hold_update(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "hold_update");
	Relation rel = trigger->tg_relation;
	bool before = TRIGGER_FIRED_BEFORE(trigger->tg_event);
	const HoldTable *table;
	int64 hold;

	check_fired(TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
					(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
					 (!before && TRIGGER_FIRED_BY_DELETE(trigger->tg_event))),
				"hold_update", "BEFORE UPDATE FOR EACH ROW, or AFTER UPDATE OR DELETE");
	table = hold_table_of(RelationGetRelid(rel));
	if (!before)
	{
		if (table != NULL)
			judge_written(table, trigger);
		return PointerGetDatum(NULL);
	}
	if (table == NULL)
		return PointerGetDatum(trigger->tg_newtuple);
	if (rel->rd_rel->relispartition)
		row_moves_note(fcinfo->flinfo, rel, &trigger->tg_trigtuple->t_self);
	hold = hold_of_row(table, rel, trigger->tg_trigslot);
	if (hold != 0 && changes_columns(trigger, table->relid, hold_key_columns(table)))
		refuse_key(rel, hold);
	return PointerGetDatum(trigger->tg_newtuple);
}

/*
 * Has a table rows, dead ones included? A TRUNCATE of an empty one loses nothing: pg_restore --jobs
 * truncates each table that it is about to load. Partitions are asked one by one.
 */
static bool
has_rows(Oid relid)
{
	Relation rel = try_relation_open(relid, AccessShareLock);
	bool any;

	if (rel == NULL)
		return false;
	any = rel->rd_rel->relkind == RELKIND_RELATION && RelationGetNumberOfBlocks(rel) > 0;
	relation_close(rel, AccessShareLock);
	return any;
}

/* Raise PT423 if a hold is about a table that is truncated. */
void
hold_refuse_truncate(Oid relid)
{
	const HoldTable *table = hold_table_of(relid);

	if (table == NULL || !hold_concerns(relid) || !has_rows(relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_HELD),
			 errmsg("cannot truncate \"%s\": it has rows under a legal hold", get_rel_name(relid)),
			 table->held != NIL
				 ? errdetail("Hold " INT64_FORMAT " is on a row of %s.", table->some,
							 display_relation(table->some_target))
				 : errdetail("Its rows would go with those of %s, of which hold " INT64_FORMAT
							 " is on one.",
							 display_relation(table->some_target), table->some),
			 errhint("DELETE the rows that are under no hold, or end it with "
					 "account.release_hold(" INT64_FORMAT ", reason).",
					 table->some),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(get_rel_namespace(relid))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(relid))));
}

/* account.hold_truncate() RETURNS trigger: BEFORE TRUNCATE, for each statement. */
Datum
hold_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "hold_truncate");

	hold_refuse_truncate(RelationGetRelid(trigger->tg_relation));
	return PointerGetDatum(NULL);
}

/* Has this trigger a name of ours? */
static bool
has_our_name(const Trigger *trigger)
{
	return strncmp(trigger->tgname, TRIGGER_HOLD, strlen(TRIGGER_HOLD)) == 0;
}

/* Disable our triggers in the executor's copy. */
static void
disable_hold_triggers(TriggerDesc *triggers)
{
	bool before_delete = false;
	bool before_update = false;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		if (has_our_name(trigger) && (trigger->tgfoid == account_function("hold_delete") ||
									  trigger->tgfoid == account_function("hold_update")))
			trigger->tgenabled = TRIGGER_DISABLED;
		if (trigger->tgenabled == TRIGGER_DISABLED || !TRIGGER_FOR_ROW(trigger->tgtype) ||
			!TRIGGER_FOR_BEFORE(trigger->tgtype))
			continue;
		before_delete |= TRIGGER_FOR_DELETE(trigger->tgtype);
		before_update |= TRIGGER_FOR_UPDATE(trigger->tgtype);
	}
	/* without any, the executor need not fetch and lock the row for them */
	triggers->trig_delete_before_row &= before_delete;
	triggers->trig_update_before_row &= before_update;
}

/* A statement was started: on tables that no hold is about it does without our triggers. */
void
hold_executor_start(QueryDesc *desc)
{
	ListCell *lc;

	if (desc->operation == CMD_SELECT && !desc->plannedstmt->hasModifyingCTE)
		return;
	foreach (lc, desc->estate->es_opened_result_relations)
	{
		ResultRelInfo *target = lfirst(lc);
		TriggerDesc *triggers = target->ri_TrigDesc;
		bool ours = false;

		if (triggers == NULL ||
			(!triggers->trig_delete_before_row && !triggers->trig_update_before_row))
			continue;
		for (int i = 0; !ours && i < triggers->numtriggers; i++)
			ours = has_our_name(&triggers->triggers[i]);
		if (ours && !hold_concerns(RelationGetRelid(target->ri_RelationDesc)))
			disable_hold_triggers(triggers);
	}
}

/* In the executor's copy of a table's triggers: its rows are removed for good. */
void
hold_physical(TriggerDesc *triggers)
{
	Oid hold_delete = InvalidOid;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		if (!TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								  TRIGGER_TYPE_DELETE))
			continue;
		if (!OidIsValid(hold_delete))
			hold_delete = account_function("hold_delete");
		if (trigger->tgfoid == hold_delete)
			trigger->tgfoid = account_function("hold_removal");
	}
}
