/*
 * deferred.c
 *		Deferred triggers of an application that a call of ours has queued.
 *
 * The server does not show which triggers are queued. But the executor has the tables that each
 * statement has written, whoever ran it meanwhile, and these have the triggers. SET CONSTRAINTS
 * fires them; it finds constraints by schema and name alone, so where another role's constraint
 * trigger has the name of one, nothing is fired and the call is refused: one of them would run as
 * the owner of the other's table.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "deferred.h"
#include "identifiers.h"
#include "run_as.h"
#include "secret.h"
#include "table_code.h"
#include "version.h"

/* A trigger that may be queued. */
typedef struct Deferred
{
	Oid constraint;
	Oid relid;    /* whose code it is */
	char *secret; /* NULL, or the name of the table that is written, which holds secrets */
	bool initially;
} Deferred;

static int calls = 0;      /* of ours that are running, one within the other */
static List *queued = NIL; /* Deferred, in TopTransactionContext */

/*
 * Whose code a trigger is: that of the table that it was made for, of which the partitions have
 * clones.
 */
static Oid
code_relation(Oid relid, Oid trigger)
{
	Relation triggers = table_open(TriggerRelationId, AccessShareLock);

	while (OidIsValid(trigger))
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple tuple;

		ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(trigger));
		scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
		tuple = systable_getnext(scan);
		trigger = InvalidOid;
		if (HeapTupleIsValid(tuple))
		{
			relid = ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid;
			trigger = ((Form_pg_trigger) GETSTRUCT(tuple))->tgparentid;
		}
		systable_endscan(scan);
	}
	table_close(triggers, AccessShareLock);
	return relid;
}

/* The same of a constraint. */
static Oid
constraint_code_relation(Oid relid, Oid constraint)
{
	Relation triggers = table_open(TriggerRelationId, AccessShareLock);
	Oid trigger = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgconstraint, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(constraint));
	scan = systable_beginscan(triggers, TriggerConstraintIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		trigger = ((Form_pg_trigger) GETSTRUCT(tuple))->oid;
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return code_relation(relid, trigger);
}

/* What a transaction that ends leaves over. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	queued = NIL;
}

/* Follow transactions. */
void
deferred_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
}

/* Begin a call; see the header. */
int
deferred_begin(void)
{
	return calls++;
}

/* End it, whatever way. */
void
deferred_end(int depth)
{
	calls = depth;
	if (calls == 0)
		queued = NIL;
}

/*
 * Is this a trigger that can be deferred, and that runs somebody's code? Ours guard foreign keys,
 * and stay deferred.
 */
static bool
is_foreign(Oid relid, const Trigger *trigger)
{
	if (!trigger->tgdeferrable || !OidIsValid(trigger->tgconstraint) ||
		trigger->tgenabled == TRIGGER_DISABLED ||
		get_func_namespace(trigger->tgfoid) == account_schema())
		return false;
	/* it would run them at COMMIT, or show a hash in its error */
	if (trigger->tgfoid == F_UNIQUE_KEY_RECHECK)
		return index_has_code(trigger->tgconstrindid) || secret_table(relid) != NULL;
	return RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_NONE;
}

/* Note what may be queued for a table. */
void
deferred_note_table(Oid relid, TriggerDesc *triggers)
{
	if (calls == 0 || triggers == NULL)
		return;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];
		MemoryContext old;
		Deferred *deferred;
		ListCell *lc;
		bool known = false;

		if (!is_foreign(relid, trigger))
			continue;
		foreach (lc, queued)
			known |= ((Deferred *) lfirst(lc))->constraint == trigger->tgconstraint;
		if (known)
			continue;
		old = MemoryContextSwitchTo(TopTransactionContext);
		deferred = palloc(sizeof(Deferred));
		deferred->constraint = trigger->tgconstraint;
		deferred->relid = code_relation(relid, trigger->tgoid);
		deferred->secret = secret_table(relid);
		deferred->initially = trigger->tginitdeferred;
		queued = lappend(queued, deferred);
		MemoryContextSwitchTo(old);
	}
}

/* Note what a statement that comes to its end may have queued. */
void
deferred_note(EState *estate)
{
	List *lists[] = {estate->es_opened_result_relations, estate->es_tuple_routing_result_relations,
					 estate->es_trig_target_relations};

	if (calls == 0)
		return;
	for (int i = 0; i < lengthof(lists); i++)
	{
		ListCell *lc;

		foreach (lc, lists[i])
		{
			ResultRelInfo *target = lfirst(lc);

			deferred_note_table(RelationGetRelid(target->ri_RelationDesc), target->ri_TrigDesc);
		}
	}
}

/*
 * Refuse where another role's constraint has the name: SET CONSTRAINTS would fire both as one
 * owner.
 */
static void
refuse_namesake(Form_pg_constraint form, Oid owner)
{
	Relation constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_constraint_conname, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(&form->conname));
	ScanKeyInit(&keys[1], Anum_pg_constraint_connamespace, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(form->connamespace));
	scan = systable_beginscan(constraints, ConstraintNameNspIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint other = (Form_pg_constraint) GETSTRUCT(tuple);

		if (!other->condeferrable || other->contype == CONSTRAINT_FOREIGN ||
			relation_owner(constraint_code_relation(other->conrelid, other->oid)) == owner)
			continue;
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("deferred trigger \"%s\" cannot be fired as the owner of its table",
					NameStr(form->conname)),
			 errdetail("%s, a table of another owner, has a deferrable constraint of that name.",
					   display_relation(other->conrelid)),
			 errhint("Rename one of the two.")));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
}

/* SET CONSTRAINTS of one, which owner's code it is; NULL: it is dropped, and its events with it. */
static ConstraintsSetStmt *
set_statement(Oid constraint, Oid owner)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	ConstraintsSetStmt *statement = makeNode(ConstraintsSetStmt);
	Form_pg_constraint form;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	refuse_namesake(form, owner);
	statement->constraints = list_make1(
		makeRangeVar(get_namespace_name(form->connamespace), pstrdup(NameStr(form->conname)), -1));
	ReleaseSysCache(tuple);
	return statement;
}

/* Fire what is queued for one trigger, as the owner of its table. */
static void
fire(const Deferred *deferred)
{
	MemoryContext context = CurrentMemoryContext;
	ConstraintsSetStmt *statement;
	RoleState saved;
	Oid owner;

	if (!SearchSysCacheExists1(CONSTROID, ObjectIdGetDatum(deferred->constraint)))
		return;
	owner = relation_owner(deferred->relid);
	statement = set_statement(deferred->constraint, owner);
	saved = run_as(owner);
	PG_TRY();
	{
		statement->deferred = false;
		AfterTriggerSetState(statement);
	}
	PG_CATCH();
	{
		secret_rethrow(context, deferred->secret);
	}
	PG_END_TRY();
	if (deferred->initially)
	{
		/* what has fired may have renamed or dropped it */
		statement = set_statement(deferred->constraint, owner);
		if (statement != NULL)
		{
			statement->deferred = true;
			AfterTriggerSetState(statement);
		}
	}
	run_as_end(saved);
}

/* Fire what has been queued, and what that queues. */
void
deferred_fire(void)
{
	while (queued != NIL)
	{
		Deferred *deferred = linitial(queued);

		CHECK_FOR_INTERRUPTS();
		queued = list_delete_first(queued);
		fire(deferred);
	}
}

/* Fire what is queued for a table; see the header. */
void
deferred_fire_table(Oid relid)
{
	Relation rel;
	TriggerDesc *triggers;

	if (!AfterTriggerPendingOnRel(relid))
		return;
	rel = table_open(relid, NoLock);
	triggers = CopyTriggerDesc(rel->trigdesc);
	table_close(rel, NoLock);
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];
		Deferred deferred = {.constraint = trigger->tgconstraint,
							 .initially = trigger->tginitdeferred};

		if (!trigger->tgdeferrable || !OidIsValid(trigger->tgconstraint) ||
			trigger->tgenabled == TRIGGER_DISABLED)
			continue;
		deferred.relid = code_relation(relid, trigger->tgoid);
		deferred.secret = secret_table(relid);
		fire(&deferred);
	}
}
