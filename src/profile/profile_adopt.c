/*
 * profile_adopt.c
 *		An application that still inserts the profile itself replaces the automatic one.
 *
 * Before its row goes in, a row of that user that is still as it was made is removed, physically
 * even where profiles has soft delete: it never was the application's. "As it was made" compares
 * the columns whose automatic value is known, bit by bit: those in `defaults`, those with a
 * constant default, and those without. Rows that anything references stay; so does everything the
 * application changed. What stays meets the unique index: 23505.
 *
 * It is removed as the owner of profiles, for an INSERT says nothing of deleting. But where row
 * security applies to the inserting role, the row must be one that its SELECT and DELETE policies
 * let it see and delete (row_policies.c): nobody takes a profile away that it could not reach.
 *
 * The INSERT may come to nothing after that (ON CONFLICT DO NOTHING on another key, a later BEFORE
 * trigger that returns NULL). So one AFTER DELETE trigger is queued for the end of the
 * application's statement, as the inserting role: keep_profile() makes the automatic profile again
 * if there is none by then. No state is kept between the two, so savepoints need no care. The other
 * AFTER triggers fire with the removal, as the owner: at the end of the statement 15 to 17 would
 * run them as the inserting role, and 18 as the owner under that role's search_path.
 *
 * Locks: what the policies hide is not locked. The automatic row is locked FOR UPDATE before its
 * references are looked for. A child that is being inserted holds FOR KEY SHARE, so it is seen or
 * waits. Of two racing INSERTs for one user the second finds the first one's row and gets 23505.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "hold/hold.h"
#include "profile_rule.h"

PG_FUNCTION_INFO_V1(adopt_profile);
PG_FUNCTION_INFO_V1(keep_profile);
PG_FUNCTION_INFO_V1(replaced_profile);

/* A foreign key, or a declared reference, to profiles. */
typedef struct Reference
{
	Oid number; /* of the constraint, or of what is declared */
	Oid relid;
	Oid part; /* of profiles, whose rows alone it references; InvalidOid: any row */
	int nkeys;
	AttrNumber referencing[INDEX_MAX_KEYS];
	AttrNumber referenced[INDEX_MAX_KEYS];
	Oid equality[INDEX_MAX_KEYS]; /* referenced = referencing */
	int first;                    /* where its referenced columns begin in the row found */
} Reference;

/* The row found begins with its place: p.ctid, p.tableoid. */
#define FOUND_TID   1
#define FOUND_TABLE 2

/* What an automatic row of a rule looks like, and what may reference it. */
struct AutomaticRow
{
	int ncolumns; /* the user's key first: parameter 0 of every statement */
	AttrNumber *columns;
	Oid *types;
	Datum *values;
	char *nulls;
	List *references;
	bool planned; /* the plan to find it was kept since this was read */
};

/*
 * account.replaced_profile(users regclass, user_column "any"): always false. In the WHEN clause of
 * the trigger that calls keep_profile(), which no statement queues: queue_keeping() does.
 */
Datum
replaced_profile(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(false);
}

/* The automatic value of a column that is not in defaults; false: it cannot be said. */
static bool
known_value(Relation profiles, Form_pg_attribute column, Datum *value, bool *isnull)
{
	Node *expr;
	RoleState saved;

	if (column->attgenerated || column->attidentity)
		return false;
	expr = build_column_default(profiles, column->attnum);
	if (expr == NULL)
	{
		*value = (Datum) 0;
		*isnull = true;
		return true;
	}
	saved = run_as(profiles->rd_rel->relowner);
	expr = eval_const_expressions(NULL, expr);
	run_as_end(saved);
	if (!IsA(expr, Const))
		return false;
	*value = ((Const *) expr)->constvalue;
	*isnull = ((Const *) expr)->constisnull;
	return true;
}

/* Add a reference: its columns are looked at behind those of the others. */
static List *
add_reference(List *references, Reference *reference)
{
	const Reference *last = references != NIL ? llast(references) : NULL;

	reference->first = last != NULL ? last->first + last->nkeys : FOUND_TABLE + 1;
	return lappend(references, reference);
}

/* Add the foreign keys that reference profiles, or this part of it. */
static List *
add_foreign_keys(List *references, Oid profiles, Oid part)
{
	Relation rel = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_constraint_confrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(part));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		Reference *reference;

		if (form->contype != CONSTRAINT_FOREIGN || OidIsValid(form->conparentid))
			continue;
		reference = palloc0_object(Reference);
		reference->number = form->oid;
		reference->relid = form->conrelid;
		DeconstructFkConstraintRow(tuple, &reference->nkeys, reference->referencing,
								   reference->referenced, reference->equality, NULL, NULL, NULL,
								   NULL);
		if (part != profiles)
			reference->part = part;
		/* a part may have its columns in another order */
		for (int i = 0; part != profiles && i < reference->nkeys; i++)
			reference->referenced[i] =
				get_attnum(profiles, get_attname(part, reference->referenced[i], false));
		references = add_reference(references, reference);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return references;
}

/* Add the references to profiles that no foreign key declares. */
static List *
add_declared(List *references, Oid profiles)
{
	ListCell *lc;

	foreach (lc, fk_referencing(profiles))
	{
		const FkEdge *edge = lfirst(lc);
		Reference *reference;

		if (OidIsValid(edge->constraint))
			continue;
		reference = palloc0_object(Reference);
		reference->number = edge->declared;
		reference->relid = edge->child;
		reference->nkeys = edge->nkeys;
		for (int i = 0; i < edge->nkeys; i++)
		{
			reference->referencing[i] = edge->child_cols[i];
			reference->referenced[i] = edge->parent_cols[i];
			reference->equality[i] = edge->equality[i];
		}
		references = add_reference(references, reference);
	}
	return references;
}

/* What references profiles, or a part of it. */
static List *
find_references(const ProfileRule *rule)
{
	List *parts = rule->partitioned ? rule->parts : list_make1_oid(rule->profiles);
	List *references = NIL;
	ListCell *lc;

	foreach (lc, parts)
		references = add_foreign_keys(references, rule->profiles, lfirst_oid(lc));
	return add_declared(references, rule->profiles);
}

/* What an automatic row of this rule looks like; read once, kept with the rule. */
static struct AutomaticRow *
automatic_row(ProfileRule *rule)
{
	MemoryContext caller;
	struct AutomaticRow *row;
	Relation profiles;
	TupleDesc desc;

	if (rule->adopted != NULL)
		return rule->adopted;
	caller = MemoryContextSwitchTo(rule->context);
	profiles = table_open(rule->profiles, AccessShareLock);
	desc = RelationGetDescr(profiles);
	row = palloc0_object(struct AutomaticRow);
	row->columns = palloc_array(AttrNumber, desc->natts + 1);
	row->types = palloc_array(Oid, desc->natts + 1);
	row->values = palloc0_array(Datum, desc->natts + 1);
	row->nulls = palloc(desc->natts + 2);
	row->columns[0] = rule->user_column;
	row->types[0] = rule->column_type;
	row->nulls[0] = ' ';
	row->ncolumns = 1;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		int n = row->ncolumns;
		bool known = false;
		bool isnull = false;

		if (column->attisdropped || column->attnum == rule->user_column)
			continue;
		for (int j = 1; j < rule->nvalues; j++)
			if (rule->columns[j] == column->attnum)
			{
				row->values[n] = rule->values[j];
				isnull = rule->nulls[j] == 'n';
				known = true;
			}
		if (!known && !known_value(profiles, column, &row->values[n], &isnull))
			continue;
		row->columns[n] = column->attnum;
		row->types[n] = column->atttypid;
		row->nulls[n] = isnull ? 'n' : ' ';
		row->ncolumns++;
	}
	row->references = find_references(rule);
	table_close(profiles, NoLock);
	MemoryContextSwitchTo(caller);
	rule->adopted = row;
	return row;
}

/* The statement that finds and locks the automatic profile of user $1. */
static char *
find_text(ProfileRule *rule, struct AutomaticRow *row)
{
	char *column = sql_column(rule->profiles, rule->user_column);
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfoString(&sql, OWN_STATEMENT "SELECT p.ctid, p.tableoid");
	foreach (cell, row->references)
	{
		Reference *reference = lfirst(cell);

		for (int i = 0; i < reference->nkeys; i++)
			appendStringInfo(&sql, ", p.%s", sql_column(rule->profiles, reference->referenced[i]));
	}
	appendStringInfo(&sql, " FROM %s p WHERE p.%s %s $1", profile_scan(rule->profiles), column,
					 sql_equality(rule->column_type));
	if (row->ncolumns > 1)
	{
		appendStringInfoString(&sql, " AND pg_catalog.record_image_eq(ROW(");
		for (int i = 1; i < row->ncolumns; i++)
			appendStringInfo(&sql, "%sp.%s", i > 1 ? ", " : "",
							 sql_column(rule->profiles, row->columns[i]));
		appendStringInfoString(&sql, "), ROW(");
		for (int i = 1; i < row->ncolumns; i++)
			appendStringInfo(&sql, "%s$%d", i > 1 ? ", " : "", i + 1);
		appendStringInfoString(&sql, "))");
	}
	appendStringInfoString(&sql, " FOR UPDATE OF p");
	return sql.data;
}

/* Find and lock the automatic profile of this user; SPI has the row. Within SPI_connect. */
static bool
find_automatic(ProfileRule *rule, Datum key)
{
	struct AutomaticRow *row = automatic_row(rule);
	KeptStatement *plan = NULL;
	const Oid *types;

	if (row->planned)
		plan = plan_lookup(PLAN_PROFILE_ADOPT, rule->users, rule->profiles);
	if (plan == NULL || plan_parameters(plan, &types) != row->ncolumns)
	{
		plan = plan_keep_generic(PLAN_PROFILE_ADOPT, rule->users, rule->profiles,
								 find_text(rule, row), row->ncolumns, row->types);
		row->planned = true;
	}
	row->values[0] = key;
	return statement_run(plan, row->values, row->nulls, NULL) > 0;
}

/*
 * The statement that looks for rows of one reference; its parameters are the referenced columns.
 */
static char *
reference_text(Reference *reference)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT 1 FROM %s r WHERE ",
					 profile_scan(reference->relid));
	for (int i = 0; i < reference->nkeys; i++)
		appendStringInfo(&sql, "%s$%d %s r.%s", i > 0 ? " AND " : "", i + 1,
						 sql_operator(reference->equality[i]),
						 sql_column(reference->relid, reference->referencing[i]));
	appendStringInfoString(&sql, " LIMIT 1");
	return sql.data;
}

/* Is the profile found one of those that a reference is about? */
static bool
concerns(const Reference *reference, HeapTuple found, TupleDesc desc)
{
	bool isnull;
	Oid table = DatumGetObjectId(heap_getattr(found, FOUND_TABLE, desc, &isnull));

	return !OidIsValid(reference->part) || reference->part == table ||
		   (get_rel_relispartition(table) &&
			list_member_oid(get_partition_ancestors(table), reference->part));
}

/*
 * Does a row reference the profile found? With the rights of the owner of the referencing table, as
 * the server's referential checks look. Within SPI_connect.
 */
static bool
is_referenced(Reference *reference, HeapTuple found, TupleDesc desc)
{
	Datum values[INDEX_MAX_KEYS];
	Oid types[INDEX_MAX_KEYS];
	KeptStatement *plan;
	RoleState saved;
	bool result;

	if (!concerns(reference, found, desc))
		return false;
	for (int i = 0; i < reference->nkeys; i++)
	{
		bool isnull;

		values[i] = heap_getattr(found, reference->first + i, desc, &isnull);
		if (isnull)
			return false; /* nothing equals it */
		types[i] = TupleDescAttr(desc, reference->first + i - 1)->atttypid;
	}
	saved = run_as(relation_owner(reference->relid));
	plan = plan_lookup(PLAN_PROFILE_REFERENCED, reference->relid, reference->number);
	if (plan == NULL)
		plan = plan_keep_generic(PLAN_PROFILE_REFERENCED, reference->relid, reference->number,
								 reference_text(reference), reference->nkeys, types);
	result = statement_run(plan, values, NULL,
						   &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0;
	run_as_end(saved);
	return result;
}

/*
 * Removal is physical, whatever soft delete says: its row trigger is disabled. So are referential
 * actions and checks: nothing references the row, which is locked, and an action fires the
 * referencing table's statement triggers.
 */
static void
for_removal(EState *estate, void *arg)
{
	ListCell *cell;

	foreach (cell, estate->es_opened_result_relations)
	{
		TriggerDesc *desc = ((ResultRelInfo *) lfirst(cell))->ri_TrigDesc;

		hold_physical(desc);
		for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
			if (is_own_function(desc->triggers[i].tgfoid, "soft_delete") ||
				RI_FKey_trigger_type(desc->triggers[i].tgfoid) == RI_TRIGGER_PK)
				desc->triggers[i].tgenabled = TRIGGER_DISABLED;
	}
}

/*
 * Remove the automatic profile found. Within SPI_connect, as the rule's owner. The table that it
 * was in, which may be a partition; InvalidOid: a trigger kept it.
 */
static Oid
remove_automatic(ProfileRule *rule, Datum key, Datum ctid)
{
	Datum values[2] = {key, ctid};
	KeptStatement *plan = plan_lookup(PLAN_PROFILE_REMOVE, rule->users, rule->profiles);
	const Oid *parameters;
	bool isnull;

	if (plan == NULL || plan_parameters(plan, &parameters) != 2 ||
		parameters[0] != rule->column_type)
	{
		Oid types[2] = {rule->column_type, TIDOID};
		char *sql =
			psprintf(OWN_STATEMENT "DELETE FROM %s p WHERE p.%s %s $1 "
								   "AND p.ctid OPERATOR(pg_catalog.=) $2 RETURNING p.tableoid",
					 profile_scan(rule->profiles), sql_column(rule->profiles, rule->user_column),
					 sql_equality(rule->column_type));

		plan = plan_keep_generic(PLAN_PROFILE_REMOVE, rule->users, rule->profiles, sql, 2, types);
	}
	if (statement_run(plan, values, NULL,
					  &(StatementOptions){.physical = true, .callback = for_removal}) == 0)
		return InvalidOid;
	return DatumGetObjectId(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * Have keep_profile() called for a row that was removed, at the end of the statement that is
 * running.
 */
static void
queue_keeping(const ProfileRule *rule, Oid relid, ItemPointer removed)
{
	Relation rel = table_open(relid, NoLock);
	EState *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TriggerDesc *desc;

	InitResultRelInfo(target, rel, 1, NULL, 0);
	desc = target->ri_TrigDesc;
	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger *trigger = &desc->triggers[i];
		AttrNumber column;
		Oid users;

		if (is_own_function(trigger->tgfoid, KEEP_PROFILE) &&
			profile_mark(trigger->tgqual, &users, &column) && users == rule->users)
			trigger->tgqual = NULL;
		else
			trigger->tgenabled = TRIGGER_DISABLED;
	}
	ExecARDeleteTriggers(estate, target, removed, NULL, NULL, false);
	MemoryContextSwitchTo(caller);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
	table_close(rel, NoLock);
}

/* Where the profile of this user is, if row security lets the caller see and delete it. */
static bool
find_deletable(ProfileRule *rule, Datum key, ItemPointer row_tid)
{
	char *condition = psprintf("p.%s %s $1", sql_column(rule->profiles, rule->user_column),
							   sql_equality(rule->column_type));

	return row_policies_find_deletable(rule->owner, profile_scan(rule->profiles), condition,
									   rule->column_type, key, row_tid);
}

/*
 * Remove the profile of this user if it is automatic still, the caller's to delete, and nothing
 * references it. updated: a row that an UPDATE gives this user, or NULL: it does not make way for
 * itself, where the key is written in another way.
 */
static void
adopt(ProfileRule *rule, Datum key, HeapTuple updated)
{
	bool under_rls = row_policies_apply(rule->profiles);
	ItemPointerData row_tid;
	Oid removed = InvalidOid;
	RoleState saved;

	if (under_rls && !find_deletable(rule, key, &row_tid))
		return;
	saved = run_as(rule->owner);
	SPI_connect();
	if (find_automatic(rule, key))
	{
		HeapTuple found = SPI_tuptable->vals[0];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		Datum ctid = SPI_getbinval(found, desc, FOUND_TID, &isnull);
		/* a version that another session has just made is not the one that the policies passed */
		bool kept = under_rls && !ItemPointerEquals((ItemPointer) DatumGetPointer(ctid), &row_tid);
		ListCell *cell;

		row_tid = *(ItemPointer) DatumGetPointer(ctid);
		if (updated != NULL && ItemPointerEquals(&row_tid, &updated->t_self) &&
			DatumGetObjectId(SPI_getbinval(found, desc, FOUND_TABLE, &isnull)) ==
				updated->t_tableOid)
			kept = true;
		foreach (cell, rule->adopted->references)
			kept = kept || is_referenced(lfirst(cell), found, desc);
		if (!kept)
			removed = remove_automatic(rule, key, ctid);
	}
	SPI_finish();
	run_as_end(saved);
	if (OidIsValid(removed))
		queue_keeping(rule, removed, &row_tid);
}

/* Is this the value that the old row has, bit by bit? */
static bool
is_unchanged(HeapTuple old, AttrNumber column, TupleDesc desc, Datum value)
{
	Form_pg_attribute form = TupleDescAttr(desc, column - 1);
	bool isnull;
	Datum before = heap_getattr(old, column, desc, &isnull);

	return !isnull && datum_image_eq(before, value, form->attbyval, form->attlen);
}

/* Refuse to run but as the trigger that enabling makes. */
static void
check_protocol(FunctionCallInfo fcinfo, const char *function, bool expected)
{
	if (!expected)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("account.%s must be called as the trigger that "
							   "account.enable_profile makes",
							   function),
						errhint("Call account.enable_profile for the profiles table.")));
}

/*
 * account.adopt_profile(): trigger function, BEFORE INSERT OR UPDATE OF user_column on profiles for
 * each row. Makes way for a profile that the application inserts, or that follows its user's new
 * key (ON UPDATE CASCADE) after that user, moved to another partition, was given an automatic one.
 * It sorts last, so that it sees the key other triggers set.
 */
Datum
adopt_profile(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	ProfileRule *rule;
	AttrNumber column;
	TupleDesc desc;
	HeapTuple tuple;
	Datum key;
	bool update;
	bool isnull;

	check_protocol(fcinfo, ADOPT_PROFILE,
				   CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_BEFORE(trigdata->tg_event) &&
					   TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) &&
					   (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
						TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event)));
	update = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event);
	tuple = update ? trigdata->tg_newtuple : trigdata->tg_trigtuple;
	rule = profile_rule_of_trigger(trigdata, &column);
	if (rule == NULL || profile_inserting_into(rule->profiles) || !(rule->adopt || update))
		return PointerGetDatum(tuple);
	desc = RelationGetDescr(trigdata->tg_relation);
	key = heap_getattr(tuple, column, desc, &isnull);
	if (!isnull && !(update && is_unchanged(trigdata->tg_trigtuple, column, desc, key)))
		adopt(rule, key, update ? trigdata->tg_trigtuple : NULL);
	return PointerGetDatum(tuple);
}

/* The statement that makes the automatic profile of user $1 again, where there is none. */
static char *
ensure_text(ProfileRule *rule)
{
	char *column = psprintf("p.%s", sql_column(rule->profiles, rule->user_column));
	char *key = psprintf("u.%s", sql_column(rule->users, rule->key));
	StringInfoData sql;

	initStringInfo(&sql);
	if (relation_owner(rule->users) == rule->owner)
	{
		profile_insert_text(&sql, rule, key);
		appendStringInfo(&sql, " FROM %s u WHERE %s %s $1 AND NOT EXISTS ",
						 profile_scan(rule->users), key, sql_equality(rule->key_type));
	}
	else
	{
		profile_insert_text(&sql, rule, "$1");
		appendStringInfoString(&sql, " WHERE NOT EXISTS ");
	}
	appendStringInfo(
		&sql, "(SELECT FROM %s p WHERE %s) ON CONFLICT %s DO NOTHING", profile_scan(rule->profiles),
		profile_key_equality(rule->key_type, "$1", rule->column_type, column), rule->conflict);
	return sql.data;
}

/*
 * A value of profiles.user_column as the key's type; they are one, or integers of different width.
 * It is only compared: what a domain of users checks is not for the owner of profiles to run.
 */
static Datum
as_key(ProfileRule *rule, Datum value)
{
	Oid key_type = getBaseType(rule->key_type);
	Oid output;
	Oid input;
	Oid param;
	bool varlena;

	if (key_type == getBaseType(rule->column_type))
		return value;
	getTypeOutputInfo(rule->column_type, &output, &varlena);
	getTypeInputInfo(key_type, &input, &param);
	return OidInputFunctionCall(input, OidOutputFunctionCall(output, value), param, -1);
}

/*
 * account.keep_profile(): trigger function, AFTER DELETE on profiles for each row. Fires for
 * nothing but an automatic profile that made way; if the INSERT it made way for came to nothing,
 * the automatic profile is made again. Also carries, in its WHEN clause, which column is
 * user_column.
 */
Datum
keep_profile(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	ProfileRule *rule;
	AttrNumber column;
	RoleState saved;
	KeptStatement *plan;
	Datum value;
	bool isnull;

	check_protocol(fcinfo, KEEP_PROFILE,
				   CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_AFTER(trigdata->tg_event) &&
					   TRIGGER_FIRED_BY_DELETE(trigdata->tg_event) &&
					   TRIGGER_FIRED_FOR_ROW(trigdata->tg_event));
	rule = profile_rule_of_trigger(trigdata, &column);
	if (rule == NULL)
		return PointerGetDatum(NULL);
	value = heap_getattr(trigdata->tg_trigtuple, column, RelationGetDescr(trigdata->tg_relation),
						 &isnull);
	if (isnull)
		return PointerGetDatum(NULL);

	saved = run_as(rule->owner);
	plan = profile_plan(rule, PLAN_PROFILE_ENSURE, ensure_text, NULL);
	rule->values[0] = as_key(rule, value);
	profile_run_insert(rule, plan, NULL, profile_without_own_triggers);
	run_as_end(saved);
	return PointerGetDatum(NULL);
}
