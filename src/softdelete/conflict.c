/*
 * conflict.c
 *		A new row whose unique key a deleted row holds.
 *
 * ON CONFLICT (email) means the index over live rows, whether deleted rows are hidden or not: the
 * live condition is a part of what it asks for. An index over all rows, such as the primary key,
 * may lead to a row that is hidden. To write into it, or to leave the new row out because of it,
 * would lose the row, and nobody would see why: it is refused (23505).
 *
 * DO UPDATE meets the row in its WHERE, which gets a function that refuses. DO NOTHING meets no
 * expression at all. There the refusal stands in the WHERE that DO NOTHING has no use for, as a
 * sign, and the plan that gives the rows is watched: when it is asked for the next one, the one
 * before was inserted, or left out, and only then its keys are looked up. So nothing is paid for
 * rows that go in. A row that a BEFORE trigger leaves out comes to no check of conflicts, which
 * would have it in the expression context of the statement's rows.
 *
 * Other statements fail with the server's error. It gets a hint on its way to the client.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/execPartition.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/base.h"
#include "conflict.h"
#include "hiding.h"
#include "mapping.h"
#include "unique_keys.h"

PG_FUNCTION_INFO_V1(refuse_deleted_conflict);

#define WAYS_OUT                                                                                   \
	"restore it with account.restore, free the keys of deleted rows with "                         \
	"account.unique_among_live, let new rows replace them with on_reinsert => 'replace', or "      \
	"remove it with account.purge."

/* ---- Before planning ---- */

/* Does an UPDATE's target list say itself whether the row is deleted? */
static bool
sets_deletion(List *targets, const SoftDelete *mapping)
{
	ListCell *lc;

	foreach (lc, targets)
	{
		AttrNumber resno = lfirst_node(TargetEntry, lc)->resno;

		if (resno == mapping->deleted_at ||
			(mapping->flag != InvalidAttrNumber && resno == mapping->flag))
			return true;
	}
	return false;
}

/* OID of account.refuse_deleted_conflict(oid, boolean), else InvalidOid. */
static Oid
conflict_function(void)
{
	static const Oid types[] = {OIDOID, BOOLOID};

	return account_function_of("refuse_deleted_conflict", lengthof(types), types);
}

/*
 * `account.refuse_deleted_conflict(table, deleted_at IS NULL)`: true for a live row, an error for a
 * deleted one. NULL: the extension is not all there.
 */
static Node *
refusal(Oid relid, Node *live)
{
	Oid function = conflict_function();
	Const *table;

	if (!OidIsValid(function))
		return NULL;
	table = makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(relid), false, true);
	return (Node *) makeFuncExpr(function, BOOLOID, list_make2(table, live), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* Add the refusal of deleted rows to ON CONFLICT. */
static void
refuse_deleted(OnConflictExpr *conflict, Oid relid, Node *live)
{
	Node *condition = refusal(relid, live);

	if (condition != NULL && conflict->onConflictWhere != NULL)
		condition =
			(Node *) makeBoolExpr(AND_EXPR, list_make2(condition, conflict->onConflictWhere), -1);
	if (condition != NULL)
		conflict->onConflictWhere = condition;
}

/* An INSERT with ON CONFLICT; see the header. */
void
conflict_rewrite(Query *query, bool hide)
{
	OnConflictExpr *conflict = query->onConflict;
	RangeTblEntry *rte;
	const SoftDelete *mapping;
	Node *live;

	if (query->commandType != CMD_INSERT || conflict == NULL)
		return;
	rte = rt_fetch(query->resultRelation, query->rtable);
	if (rte->rtekind != RTE_RELATION ||
		(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE))
		return;
	mapping = mapping_active(rte->relid);
	if (mapping == NULL)
		return;
	hide = hide && mapping->options.hide && !sets_deletion(conflict->onConflictSet, mapping) &&
		   !is_citus_table(rte->relid); /* whose shards look themselves */
	live = live_condition(mapping, query->resultRelation);
	/* ON CONFLICT (email) means the index over live rows; others are implied all the same */
	if (conflict->arbiterElems != NIL)
		conflict->arbiterWhere =
			conflict->arbiterWhere == NULL
				? copyObject(live)
				: (Node *) make_and_qual(conflict->arbiterWhere, copyObject(live));
	if (hide && !shows_deleted_of(rte->relid))
		refuse_deleted(conflict, rte->relid, live);
}

/* Raise because a deleted row holds the key of a new one. */
compat_noreturn static void
refuse(Oid relid, const char *detail, const char *constraint)
{
	const char *table = get_rel_name(relid);
	const char *schema = get_namespace_name(get_rel_namespace(relid));

	/* anybody may call the function that does, of anything */
	ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
					errmsg("the key is taken by a deleted row of \"%s\"", table ? table : "?"),
					errdetail("%s", detail), errhint("A row that is hidden has the key: " WAYS_OUT),
					schema ? err_generic_string(PG_DIAG_SCHEMA_NAME, schema) : 0,
					table ? err_generic_string(PG_DIAG_TABLE_NAME, table) : 0,
					constraint ? err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint) : 0));
}

/*
 * account.refuse_deleted_conflict(relation oid, live boolean): true, or an error for a deleted row.
 */
Datum
refuse_deleted_conflict(PG_FUNCTION_ARGS)
{
	if (!PG_GETARG_BOOL(1))
		refuse(PG_GETARG_OID(0), "ON CONFLICT would write into, or return, a row that is hidden.",
			   NULL);
	PG_RETURN_BOOL(true);
}

/* ---- ON CONFLICT DO NOTHING ---- */

/* Rows that go into a table, or are left out. In the memory of the statement. */
typedef struct Watch
{
	ModifyTableState *state;
	PlanState *source;         /* the plan that gives the rows, */
	ExecProcNodeMtd next_row;  /* and what runs it */
	TupleTableSlot *given;     /* the row that it gave last; NULL: none */
	ItemPointerData given_tid; /* where that was, if anywhere */
	MemoryContextCallback at_end;
	struct Watch *next;
} Watch;

static Watch *watches = NULL;

/* The memory of a statement goes. */
static void
watch_ends(void *arg)
{
	for (Watch **p = &watches; *p != NULL; p = &(*p)->next)
		if (*p == arg)
		{
			*p = (*p)->next;
			return;
		}
}

/* The row as it was to go into the table, after its triggers; see ExecGetInsertNewTuple(). */
static TupleTableSlot *
new_row(ResultRelInfo *target, TupleTableSlot *given)
{
	if (target->ri_projectNew != NULL)
		return target->ri_projectNew->pi_state.resultslot;
	if (target->ri_newTupleSlot != NULL && target->ri_newTupleSlot->tts_ops != given->tts_ops)
		return target->ri_newTupleSlot;
	return given;
}

/*
 * The partition that the last row was for. The row is in the slot of its own where its columns are
 * in another order there; every other such slot is empty. NULL: there was none.
 */
static ResultRelInfo *
partition_of_row(Watch *watch, TupleTableSlot **slot)
{
	ModifyTableState *state = watch->state;
	EState *estate = state->ps.state;
	ListCell *lc;

	foreach (lc, estate->es_tuple_routing_result_relations)
	{
		ResultRelInfo *leaf = lfirst(lc);

		if (leaf->ri_RootResultRelInfo != state->rootResultRelInfo ||
			leaf->ri_PartitionTupleSlot == NULL || TTS_EMPTY(leaf->ri_PartitionTupleSlot))
			continue;
		*slot = leaf->ri_PartitionTupleSlot;
		return leaf;
	}
	if (TTS_EMPTY(*slot) || !TTS_SHOULDFREE(*slot))
		return NULL;
	return ExecFindPartition(state, state->rootResultRelInfo, state->mt_partition_tuple_routing,
							 *slot, estate);
}

/* Raise if a deleted row holds a key of a row that was left out. */
static void
look_up_keys(ResultRelInfo *target, EState *estate, TupleTableSlot *slot)
{
	Relation rel = target->ri_RelationDesc;
	const SoftDelete *mapping = mapping_active(RelationGetRelid(rel));
	AttrNumber deleted_at = mapping != NULL ? mapping->deleted_at : InvalidAttrNumber;
	TupleTableSlot *found;

	if (mapping == NULL)
		return;
	found = table_slot_create(rel, NULL);
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		Relation index = target->ri_IndexRelationDescs[i];

		CHECK_FOR_INTERRUPTS();
		if (index != NULL && holds_deleted_keys(index) &&
			find_deleted_by_key(rel, index, target->ri_IndexRelationInfo[i], estate,
								estate->es_snapshot, deleted_at, slot, found))
			refuse(RelationGetRelid(rel),
				   "ON CONFLICT DO NOTHING would leave the new row out because of one that is "
				   "hidden.",
				   RelationGetRelationName(index));
	}
	ExecDropSingleTupleTableSlot(found);
}

/*
 * Was a row checked for conflicts? See ExecCheckIndexConstraints(). It gets the table that it goes
 * into when all BEFORE triggers have let it pass.
 */
static bool
came_to_check(ResultRelInfo *target, EState *estate, TupleTableSlot *slot)
{
	return GetPerTupleExprContext(estate)->ecxt_scantuple == slot &&
		   slot->tts_tableOid == RelationGetRelid(target->ri_RelationDesc);
}

/* The next row is to come: it was not. */
static void
forget_check(Watch *watch)
{
	ModifyTableState *state = watch->state;

	GetPerTupleExprContext(state->ps.state)->ecxt_scantuple = NULL;
	new_row(state->resultRelInfo, watch->given)->tts_tableOid = InvalidOid;
}

/* The last row was inserted, or left out; in the latter case look why. */
static void
look_at_last(Watch *watch)
{
	ModifyTableState *state = watch->state;
	ResultRelInfo *target = state->resultRelInfo;
	TupleTableSlot *slot = new_row(target, watch->given);

	if (state->mt_partition_tuple_routing != NULL)
		target = partition_of_row(watch, &slot);
	if (target == NULL || TTS_EMPTY(slot))
		return;
	/* a row that went in knows its place; if that is where it came from, it may be either */
	if (came_to_check(target, state->ps.state, slot) &&
		(!ItemPointerIsValid(&slot->tts_tid) ||
		 (ItemPointerIsValid(&watch->given_tid) &&
		  ItemPointerEquals(&slot->tts_tid, &watch->given_tid))))
		look_up_keys(target, state->ps.state, slot);
	if (target->ri_PartitionTupleSlot != slot)
		return;
	ExecClearTuple(slot);
	slot->tts_tableOid = InvalidOid;
}

/* Give the next row. */
static TupleTableSlot *
next_row(PlanState *source)
{
	Watch *watch = watches;
	TupleTableSlot *slot;

	while (watch != NULL && watch->source != source)
		watch = watch->next;
	if (watch == NULL)
		elog(ERROR, "a plan is run outside its statement");
	if (watch->given != NULL)
		look_at_last(watch);
	watch->given = NULL;
	slot = watch->next_row(source);
	if (!TupIsNull(slot))
	{
		watch->given = slot;
		watch->given_tid = slot->tts_tid;
		forget_check(watch);
	}
	return slot;
}

/* Watch the rows of an INSERT, if it is one whose deleted rows are hidden. */
static void
watch_rows(ModifyTableState *state)
{
	ModifyTable *node = (ModifyTable *) state->ps.plan;
	MemoryContext context = state->ps.state->es_query_cxt;
	Watch *watch;

	if (state->operation != CMD_INSERT || node->onConflictAction != ONCONFLICT_NOTHING ||
		node->onConflictWhere == NULL)
		return;
	watch = MemoryContextAllocZero(context, sizeof(Watch));
	watch->state = state;
	watch->source = outerPlanState(state);
	watch->next_row = watch->source->ExecProcNodeReal;
	watch->source->ExecProcNodeReal = next_row;
	watch->next = watches;
	watches = watch;
	watch->at_end.func = watch_ends;
	watch->at_end.arg = watch;
	MemoryContextRegisterResetCallback(context, &watch->at_end);
}

/* Watch what ON CONFLICT DO NOTHING leaves out; see the header. */
void
conflict_executor_start(QueryDesc *desc)
{
	ListCell *lc;

	if (compat_result_relations(desc->plannedstmt) == NIL)
		return;
	if (IsA(desc->planstate, ModifyTableState))
		watch_rows((ModifyTableState *) desc->planstate);
	foreach (lc, desc->estate->es_auxmodifytables)
		if (lfirst(lc) != desc->planstate)
			watch_rows(lfirst_node(ModifyTableState, lc));
}

/* ---- Errors ---- */

/* Does a statement write soft-delete tables? */
bool
conflict_concerns(QueryDesc *desc)
{
	PlannedStmt *stmt = desc->plannedstmt;
	ListCell *lc;

	if (desc->operation == CMD_DELETE)
		return false;
	foreach (lc, compat_result_relations(stmt))
		if (mapping_active(rt_fetch(lfirst_int(lc), stmt->rtable)->relid) != NULL)
			return true;
	return false;
}

/* Does this table declare soft delete? Without a look at the catalogs. */
static bool
has_declaration(Relation rel)
{
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		if (strcmp(rel->trigdesc->triggers[i].tgname, TRIGGER_SOFT_DELETE) == 0)
			return true;
	return false;
}

/*
 * Is this error of an index of a soft-delete table that holds all rows? The transaction is failing:
 * only what the statement has open is looked at.
 */
static bool
may_be_held(const ErrorData *error, List *targets)
{
	ListCell *lc;

	foreach (lc, targets)
	{
		ResultRelInfo *target = lfirst(lc);

		if (strcmp(RelationGetRelationName(target->ri_RelationDesc), error->table_name) != 0 ||
			!has_declaration(target->ri_RelationDesc))
			continue;
		for (int i = 0; i < target->ri_NumIndices; i++)
		{
			Relation index = target->ri_IndexRelationDescs[i];

			if (index != NULL && target->ri_IndexRelationInfo[i]->ii_Predicate == NIL &&
				strcmp(RelationGetRelationName(index), error->constraint_name) == 0)
				return true;
		}
	}
	return false;
}

/* Raise an error again, with a hint; see the header. */
void
conflict_rethrow(MemoryContext context, QueryDesc *desc)
{
	EState *estate = desc->estate;
	ErrorData *error;

	if (geterrcode() != ERRCODE_UNIQUE_VIOLATION && geterrcode() != ERRCODE_EXCLUSION_VIOLATION)
		PG_RE_THROW();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->hint == NULL && error->table_name != NULL && error->constraint_name != NULL &&
		estate != NULL &&
		(may_be_held(error, estate->es_opened_result_relations) ||
		 may_be_held(error, estate->es_tuple_routing_result_relations)))
		error->hint =
			error->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION
				? "A deleted row may stand in the way: restore it with account.restore, remove it "
				  "with account.purge, or make the constraint anew with a WHERE clause, over live "
				  "rows alone."
				: "A deleted row may have the key: " WAYS_OUT;
	FlushErrorState();
	ReThrowError(error);
}
