/*
 * soft_delete.c
 *		The BEFORE triggers of a soft-delete table.
 *
 * account.soft_delete(), BEFORE DELETE for each row, declares the table's soft delete (mapping.c)
 * and does the work for every deletion that was not rewritten before planning: the library is not
 * preloaded, a referential action, a MERGE under row security. It writes the new row version itself
 * and returns NULL, so the executor leaves the row alone.
 *
 * An UPDATE that moves a row to another partition deletes it from the old one:
 * account.soft_delete() sees that DELETE too; the sync trigger account.soft_delete_step() notes the
 * row (row_move.c).
 *
 * A referential DELETE (ON DELETE CASCADE of a parent that was removed for good) cannot be a soft
 * delete: the row would dangle. The sign is that the parent is gone. Then on_parent_delete decides.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "optimizer/optimizer.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "mapping.h"
#include "row_move.h"
#include "soft_delete.h"

PG_FUNCTION_INFO_V1(soft_delete);
PG_FUNCTION_INFO_V1(soft_delete_step);
PG_FUNCTION_INFO_V1(soft_delete_truncate);

/* Disable the BEFORE UPDATE sync trigger in an executor's copy of a table's triggers. */
void
disable_sync_trigger(TriggerDesc *triggers, Oid sync_trigger)
{
	Trigger *step = NULL;
	bool others = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		if (!TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								  TRIGGER_TYPE_UPDATE))
			continue;
		if (trigger->tgoid == sync_trigger)
			step = trigger;
		else
			others = true;
	}
	if (step == NULL || others)
		return;
	step->tgenabled = TRIGGER_DISABLED;
	triggers->trig_update_before_row = false;
}

/* Make the writer of a statement's row trigger. Lives in the memory of flinfo. */
static TupleWriter *
make_writer(FmgrInfo *flinfo, Relation rel, const SoftDelete *mapping)
{
	AttrNumber columns[] = {mapping->deleted_at, mapping->flag, mapping->deleted_by};
	Bitmapset *updated = NULL;
	TupleWriter *writer;

	for (int i = 0; i < lengthof(columns); i++)
		if (columns[i] != InvalidAttrNumber)
			updated = bms_add_member(updated, columns[i]);
	writer = tuple_updater_of_trigger(flinfo, rel, updated);
	/*
	 * the columns are set together, and the DELETE has locked the row as strongly as a guard would
	 */
	disable_sync_trigger(writer->target.ri_TrigDesc, mapping->sync_trigger);
	return writer;
}

/*
 * Raise where the column's type is a domain that does not take a value. As whoever runs the
 * statement, as the server would check it.
 */
static Datum
checked(Form_pg_attribute att, Datum value, bool isnull)
{
	if (get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
		domain_check(value, isnull, att->atttypid, NULL, NULL);
	return value;
}

/* The time of the deletion, in the precision of the column. */
static Datum
stamp_value(TupleDesc desc, const SoftDelete *mapping)
{
	return checked(TupleDescAttr(desc, mapping->deleted_at - 1),
				   stamp_of(&mapping->stamp, GetCurrentTransactionStartTimestamp()), false);
}

/* The value of deleted_by as the column's type has it. */
static Datum
actor_value(Form_pg_attribute att)
{
	Datum value = CStringGetTextDatum(actor_name());
	int32 typmod = att->atttypmod;

	if (getBaseTypeAndTypmod(att->atttypid, &typmod) == VARCHAROID && typmod >= 0)
		value = DirectFunctionCall3(varchar, value, Int32GetDatum(typmod), BoolGetDatum(true));
	return checked(att, value, false);
}

/* Write the deleted version of a row in place of it. */
static void
write_deleted_version(TupleWriter *writer, TupleTableSlot *old, const SoftDelete *mapping)
{
	TupleDesc desc = writer->slot->tts_tupleDescriptor;

	tuple_copy(writer, old);
	tuple_put(writer, mapping->deleted_at - 1, stamp_value(desc, mapping));
	if (mapping->flag != InvalidAttrNumber)
		tuple_put(writer, mapping->flag - 1,
				  checked(TupleDescAttr(desc, mapping->flag - 1), BoolGetDatum(true), false));
	if (mapping->deleted_by != InvalidAttrNumber)
		tuple_put(writer, mapping->deleted_by - 1,
				  actor_value(TupleDescAttr(desc, mapping->deleted_by - 1)));
	tuple_replace(writer, old);
}

/* Do these columns decide in which partition a row belongs, at any level? */
bool
decides_partition(Relation rel, const SoftDelete *mapping)
{
	Bitmapset *columns = NULL;
	List *quals;

	if (!rel->rd_rel->relispartition)
		return false;
	quals = RelationGetPartitionQual(rel);
	pull_varattnos((Node *) quals, 1, &columns);
	return bms_is_member(mapping->deleted_at - FirstLowInvalidHeapAttributeNumber, columns) ||
		   (mapping->flag != InvalidAttrNumber &&
			bms_is_member(mapping->flag - FirstLowInvalidHeapAttributeNumber, columns)) ||
		   (mapping->deleted_by != InvalidAttrNumber &&
			bms_is_member(mapping->deleted_by - FirstLowInvalidHeapAttributeNumber, columns));
}

/*
 * Delete softly a row whose new version belongs in another partition: an UPDATE of the partitioned
 * table moves it. With the rights of its owner, for the DELETE was allowed, UPDATE need not be; run
 * by the caller, as any row of this trigger's is written: 18 would fire AFTER triggers as the
 * owner, under the caller's search_path.
 */
static void
delete_by_moving(Relation rel, const SoftDelete *mapping, ItemPointer tid)
{
	Oid root = llast_oid(get_partition_ancestors(RelationGetRelid(rel)));
	const SoftDelete *root_mapping = mapping_declared(root);
	const char *actor;
	Datum values[3];
	KeptStatement *plan;
	RoleState caller;

	if (root_mapping == NULL)
		root_mapping = mapping, root = RelationGetRelid(rel);
	actor = actor_name();
	SPI_connect();
	caller = run_as(relation_owner(root));
	plan = plan_lookup(PLAN_MOVE_ROW, root, InvalidOid);
	if (plan == NULL)
	{
		Oid argtypes[] = {OIDOID, TIDOID, TEXTOID};
		char *sql =
			psprintf(OWN_STATEMENT "UPDATE %s SET %s WHERE tableoid OPERATOR(pg_catalog.=) $1"
								   " AND ctid OPERATOR(pg_catalog.=) $2",
					 sql_relation(root),
					 sql_set_deleted(root_mapping, sql_stamp_now(&root_mapping->stamp), "$3"));

		plan = plan_keep(PLAN_MOVE_ROW, root, InvalidOid, sql, 3, argtypes);
	}
	values[0] = ObjectIdGetDatum(RelationGetRelid(rel));
	values[1] = PointerGetDatum(tid);
	values[2] = CStringGetTextDatum(actor);
	if (statement_run(plan, values, NULL, &(StatementOptions){.within = true, .caller = &caller}) !=
		1)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("a row of \"%s\" could not be deleted softly",
							   RelationGetRelationName(rel)),
						errdetail("A trigger or row security kept it back."),
						errhint("Look at the BEFORE UPDATE triggers of the table.")));
	run_as_end(caller);
	SPI_finish();
}

/* Rows of the child that reference the same key as this one does, counted as the table's owner. */
static uint64
count_same_reference(const FkEdge *edge, Datum *keys)
{
	StringInfoData sql;
	Oid argtypes[INDEX_MAX_KEYS];
	RoleState caller;
	bool isnull;
	uint64 count;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT pg_catalog.count(*) FROM %s c WHERE ",
					 sql_keyed_relation(edge->child));
	for (int i = 0; i < edge->nkeys; i++)
	{
		Oid type = get_atttype(edge->child, edge->child_cols[i]);

		argtypes[i] = type;
		appendStringInfo(&sql, "%sc.%s %s $%d", i > 0 ? " AND " : "",
						 sql_column(edge->child, edge->child_cols[i]), sql_equality(type), i + 1);
	}
	caller = run_as(relation_owner(edge->child));
	(void) statement_run_once(sql.data, edge->nkeys, argtypes, keys, NULL, NULL);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run_as_end(caller);
	return count;
}

/*
 * A key that was never proven (NOT VALID) may reference what never was: is it this transaction that
 * removed the row it references? So it is if the row was there before our own commands, or if the
 * reference is our own doing, which the server checked. plan looks for the parent. Within
 * SPI_connect.
 */
static bool
removed_by_us(HeapTuple tuple, KeptStatement *plan, Datum *keys)
{
	bool found;

	if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
		return true;
	PushCopiedSnapshot(GetActiveSnapshot());
	GetActiveSnapshot()->curcid = FirstCommandId;
	found = statement_run(plan, keys, NULL,
						  &(StatementOptions){.look = SNAPSHOT_ACTIVE, .limit = 1}) > 0;
	PopActiveSnapshot();
	return found;
}

/*
 * Within a referential action: is the parent of one of the row's CASCADE keys gone? Then this is
 * that action. Returns the edge and its key values; NULL: all parents are there.
 */
static FkEdge *
parent_gone(Relation rel, HeapTuple tuple, Datum *keys)
{
	Oid relid = RelationGetRelid(rel);
	ListCell *lc;

	foreach (lc, fk_of(relid))
	{
		FkEdge *edge = lfirst(lc);
		bool some_null = false;
		KeptStatement *plan;
		RoleState caller;
		Oid argtypes[INDEX_MAX_KEYS];
		bool gone;

		if (edge->catalog_action != FKCONSTR_ACTION_CASCADE)
			continue;
		for (int i = 0; i < edge->nkeys; i++)
		{
			/* a partition may have its columns in another order than the table of the key */
			char *name = get_attname(edge->child, edge->child_cols[i], false);
			AttrNumber attnum = get_attnum(relid, name);

			keys[i] = heap_getattr(tuple, attnum, RelationGetDescr(rel), &some_null);
			if (some_null)
				break;
			argtypes[i] = TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid;
		}
		if (some_null)
			continue;

		caller = run_as(relation_owner(edge->parent));
		plan = plan_lookup(PLAN_PARENT_EXISTS, edge->constraint, InvalidOid);
		if (plan == NULL)
		{
			char *sql =
				psprintf(OWN_STATEMENT "SELECT 1 FROM %s p WHERE %s",
						 sql_keyed_relation(edge->parent), fk_join(edge, "p", false, "$", true));

			plan = plan_keep(PLAN_PARENT_EXISTS, edge->constraint, InvalidOid, sql, edge->nkeys,
							 argtypes);
		}
		gone = statement_run(plan, keys, NULL, &(StatementOptions){.limit = 1}) == 0 &&
			   (edge->proven || removed_by_us(tuple, plan, keys));
		run_as_end(caller);
		if (gone)
			return edge;
	}
	return NULL;
}

/*
 * A DELETE inside a referential action. True: it is that action, and may remove the row for good.
 * False: it is a statement of somebody's trigger, an ordinary deletion. Raises where it must not.
 */
static bool
referential_delete(Relation rel, HeapTuple tuple, const SoftDelete *mapping)
{
	Datum keys[INDEX_MAX_KEYS];
	FkEdge *edge;
	char *column;

	SPI_connect();
	edge = parent_gone(rel, tuple, keys);
	if (edge == NULL)
	{
		SPI_finish();
		return false;
	}
	if (mapping->options.on_parent_delete == PARENT_DELETE_REFUSE)
	{
		column = reference_column(edge);
		ereport(ERROR,
				(errcode(ERRCODE_RESTRICT_VIOLATION),
				 errmsg("rows of soft-delete table \"%s\" reference a row that is being deleted "
						"for good",
						RelationGetRelationName(rel)),
				 errdetail("%s.%s: " UINT64_FORMAT " rows", display_relation(edge->child), column,
						   count_same_reference(edge, keys)),
				 errhint("Delete the parent softly too, remove both with account.cleanup(), or "
						 "let rows go with their parent by on_parent_delete => 'delete'."),
				 err_constraint(edge)));
	}
	SPI_finish();
	return true;
}

/* Is a DELETE inside a referential action that action itself? */
bool
soft_delete_is_referential(Relation rel, HeapTuple tuple)
{
	Datum keys[INDEX_MAX_KEYS];
	bool is_action;

	SPI_connect();
	is_action = parent_gone(rel, tuple, keys) != NULL;
	SPI_finish();
	return is_action;
}

/* account.soft_delete() RETURNS trigger: BEFORE DELETE, for each row. */
Datum
soft_delete(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "soft_delete");
	Relation rel = trigger->tg_relation;
	HeapTuple tuple = trigger->tg_trigtuple;
	const SoftDelete *found;
	SoftDelete mapping;
	TupleWriter *writer;
	bool isnull;

	if (!TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function account.soft_delete() must be fired BEFORE DELETE FOR "
							   "EACH ROW"),
						errhint("Call account.enable_soft_delete to put it on a table.")));
	if (rel->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot delete softly from foreign table \"%s\" row by row",
							   RelationGetRelationName(rel)),
						errdetail("The rows are another server's."),
						errhint("Preload pgaccount, so that the DELETE is sent as an UPDATE.")));
	found = mapping_declared(RelationGetRelid(rel));
	if (found == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("trigger \"%s\" of table \"%s\" names no deleted_at column",
							   trigger->tg_trigger->tgname, RelationGetRelationName(rel)),
						errdetail("Its condition was not made by account.enable_soft_delete."),
						errhint("Drop the trigger and call account.enable_soft_delete.")));
	mapping = *found;

	if (row_is_moving(fcinfo->flinfo, rel, &tuple->t_self))
		return PointerGetDatum(tuple);
	if (InNoForceRLSOperation() && referential_delete(rel, tuple, &mapping))
		return PointerGetDatum(tuple);

	(void) heap_getattr(tuple, mapping.deleted_at, RelationGetDescr(rel), &isnull);
	if (!isnull)
		return PointerGetDatum(NULL);

	writer = fcinfo->flinfo->fn_extra;
	if (writer == NULL)
	{
		if (decides_partition(rel, &mapping))
		{
			delete_by_moving(rel, &mapping, &tuple->t_self);
			return PointerGetDatum(NULL);
		}
		writer = make_writer(fcinfo->flinfo, rel, &mapping);
		fcinfo->flinfo->fn_extra = writer;
	}
	write_deleted_version(writer, trigger->tg_trigslot, &mapping);
	return PointerGetDatum(NULL);
}

/*
 * Wait until no reference to the row is being made: the server's referential check of a child takes
 * FOR KEY SHARE on its parent, which an UPDATE of other columns does not wait for, and FOR UPDATE
 * does. So either the child commits first, and stays, or we do, and its guard sees a deleted
 * parent.
 */
static void
lock_against_references(Relation rel, ItemPointer tid)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TM_FailureData failure;
	TM_Result result;

	result = table_tuple_lock(rel, tid, GetActiveSnapshot(), slot, GetCurrentCommandId(false),
							  LockTupleExclusive, LockWaitBlock, 0, &failure);
	ExecDropSingleTupleTableSlot(slot);
	if (result == TM_SelfModified || result == TM_Invisible)
		refuse_changed_row(rel);
	if (result != TM_Ok)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not lock row of table \"%s\" for its deletion",
							   RelationGetRelationName(rel)),
						errdetail("Another transaction has changed or removed it meanwhile."),
						errhint("Try the transaction again.")));
}

/*
 * Bring deleted_at and flag of a new row version in sync: what the statement changed decides; if it
 * changed both or the row is new, deleted_at does, unless only the flag says that it is deleted.
 */
static HeapTuple
in_sync(HeapTuple old, HeapTuple new, TupleDesc desc, const SoftDelete *mapping)
{
	bool stamp_null;
	bool flag_null;
	bool deleted;
	bool flagged;
	bool by_flag;
	int column;
	Datum value;
	bool isnull = false;

	(void) heap_getattr(new, mapping->deleted_at, desc, &stamp_null);
	value = heap_getattr(new, mapping->flag, desc, &flag_null);
	deleted = !stamp_null;
	flagged = !flag_null && DatumGetBool(value);
	if (deleted == flagged)
		return new;

	if (old == NULL)
		by_flag = flagged;
	else
	{
		bool old_null;
		Datum old_value = heap_getattr(old, mapping->flag, desc, &old_null);
		bool was_flagged = !old_null && DatumGetBool(old_value);

		(void) heap_getattr(old, mapping->deleted_at, desc, &old_null);
		by_flag = was_flagged != flagged && old_null == stamp_null;
	}
	if (by_flag)
	{
		column = mapping->deleted_at;
		isnull = !flagged;
		value = flagged ? stamp_value(desc, mapping)
						: checked(TupleDescAttr(desc, column - 1), (Datum) 0, true);
	}
	else
	{
		column = mapping->flag;
		value = checked(TupleDescAttr(desc, column - 1), BoolGetDatum(deleted), false);
	}
	return heap_modify_tuple_by_cols(new, desc, 1, &column, &value, &isnull);
}

/*
 * account.soft_delete_step() RETURNS trigger: BEFORE INSERT OR UPDATE, for each row. Keeps
 * deleted_at and flag in sync, whichever the application sets; notes the row for a move between
 * partitions; and locks a row that is deleted against new references where they are guarded.
 */
Datum
soft_delete_step(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "soft_delete_step");
	Relation rel = trigger->tg_relation;
	TupleDesc desc = RelationGetDescr(rel);
	bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	HeapTuple old = update ? trigger->tg_trigtuple : NULL;
	HeapTuple new = update ? trigger->tg_newtuple : trigger->tg_trigtuple;
	const SoftDelete *found = mapping_declared(RelationGetRelid(rel));
	SoftDelete mapping;

	if (!TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigger->tg_event) || found == NULL)
		return PointerGetDatum(new);
	mapping = *found;

	if (mapping.flag != InvalidAttrNumber)
		new = in_sync(old, new, desc, &mapping);
	if (update && mapping.options.guard_references)
	{
		bool was_live;
		bool is_live;

		(void) heap_getattr(old, mapping.deleted_at, desc, &was_live);
		(void) heap_getattr(new, mapping.deleted_at, desc, &is_live);
		if (was_live && !is_live)
			lock_against_references(rel, &old->t_self);
	}
	if (update && rel->rd_rel->relispartition)
		row_moves_note(fcinfo->flinfo, rel, &old->t_self);
	return PointerGetDatum(new);
}

/* Refuse to TRUNCATE this table. */
static void
refuse_truncate(Oid relid)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot truncate soft-delete table \"%s\"", get_rel_name(relid)),
					errdetail("TRUNCATE would remove rows that a DELETE keeps."),
					errhint("DELETE the rows and let account.purge remove them, or call "
							"account.disable_soft_delete first. In a database of tests, set "
							"pgaccount.truncate to allow.")));
}

/*
 * Has the table no rows, not even dead ones? pg_restore --jobs truncates each table that it is
 * about to load, and a partition may have its row triggers by then, as those of its parent do not
 * wait for data. Later the trigger for TRUNCATE is there, which refuses it for empty tables, too.
 */
static bool
is_empty(Oid relid)
{
	Relation rel = try_table_open(relid, AccessShareLock);
	bool empty;

	if (rel == NULL)
		return false;
	empty = rel->rd_rel->relkind == RELKIND_RELATION && RelationGetNumberOfBlocks(rel) == 0;
	table_close(rel, AccessShareLock);
	return empty;
}

/* Raise if the table has soft delete that is active in this session, and nothing allows it. */
void
refuse_truncate_of(Oid relid)
{
	if (pgaccount_truncate == TRUNCATE_REFUSE && mapping_active(relid) != NULL && !is_empty(relid))
		refuse_truncate(relid);
}

/* account.soft_delete_truncate() RETURNS trigger: BEFORE TRUNCATE, for each statement. */
Datum
soft_delete_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "soft_delete_truncate");

	if (pgaccount_truncate == TRUNCATE_REFUSE &&
		mapping_declared(RelationGetRelid(trigger->tg_relation)) != NULL)
		refuse_truncate(RelationGetRelid(trigger->tg_relation));
	return PointerGetDatum(NULL);
}
