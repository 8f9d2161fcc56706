/*
 * removal_triggers.c
 *		The triggers of a table that stand aside while its rows are removed for good.
 *
 * They are disabled in the executor's copy, so that the catalog and other statements, a trigger's
 * own among them, see nothing of it.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "hold/hold.h"
#include "removal_triggers.h"

/* The constraint that somebody declared, of which this one may be a partition's. */
static Oid
declared_constraint(Oid constraint)
{
	for (;;)
	{
		HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
		Oid parent;

		if (!HeapTupleIsValid(tuple))
			return InvalidOid;
		parent = ((Form_pg_constraint) GETSTRUCT(tuple))->conparentid;
		ReleaseSysCache(tuple);
		if (!OidIsValid(parent))
			return constraint;
		constraint = parent;
	}
}

/* Is this the trigger of the referenced side of a foreign key that the graph has? */
static bool
is_proven_check(Cleanup *cleanup, Trigger *trigger)
{
	FkNode *node;
	Oid constraint;
	ListCell *lc;

	switch (trigger->tgfoid)
	{
		case F_RI_FKEY_CASCADE_DEL:
		case F_RI_FKEY_RESTRICT_DEL:
		case F_RI_FKEY_NOACTION_DEL:
		case F_RI_FKEY_SETNULL_DEL:
		case F_RI_FKEY_SETDEFAULT_DEL:
			break;
		default:
			return false;
	}
	constraint = declared_constraint(trigger->tgconstraint);
	if (!OidIsValid(constraint))
		return false;
	foreach (lc, cleanup->nodes)
	{
		ListCell *lc2;

		node = lfirst(lc);
		foreach (lc2, node->referencing)
			if (((FkEdge *) lfirst(lc2))->constraint == constraint)
				return true;
	}
	return false;
}

/*
 * Is this an action of the server's? What it does is done before, with the rights of each owner,
 * and it is made a check: as an action it would fire the statement triggers of who references, as
 * the owner of what is referenced.
 */
static bool
is_action(const Trigger *trigger)
{
	return trigger->tgfoid == F_RI_FKEY_CASCADE_DEL || trigger->tgfoid == F_RI_FKEY_SETNULL_DEL ||
		   trigger->tgfoid == F_RI_FKEY_SETDEFAULT_DEL;
}

/* In the executor's copy, disable what a removal for good does not want. */
void
removal_disable_triggers(EState *estate, void *arg)
{
	const RemovalTriggers *removal = arg;
	ListCell *lc;

	foreach (lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *target = lfirst(lc);
		TriggerDesc *triggers = target->ri_TrigDesc;
		bool before = false;
		bool after = false;

		if (triggers == NULL)
			continue;
		hold_physical(triggers);
		for (int i = 0; i < triggers->numtriggers; i++)
		{
			Trigger *trigger = &triggers->triggers[i];

			if (trigger->tgfoid == removal->soft_delete ||
				(removal->proven && is_proven_check(removal->cleanup, trigger)))
				trigger->tgenabled = TRIGGER_DISABLED;
			else if (is_action(trigger) && is_proven_check(removal->cleanup, trigger))
				trigger->tgfoid = F_RI_FKEY_NOACTION_DEL;
			if (trigger->tgenabled == TRIGGER_DISABLED || !TRIGGER_FOR_ROW(trigger->tgtype) ||
				!TRIGGER_FOR_DELETE(trigger->tgtype))
				continue;
			before |= TRIGGER_FOR_BEFORE(trigger->tgtype);
			after |= TRIGGER_FOR_AFTER(trigger->tgtype);
		}
		/* without any, the executor need not fetch the row for them */
		triggers->trig_delete_before_row &= before;
		triggers->trig_delete_after_row &= after;
	}
}

/* Those of a cleanup's deletions. */
RemovalTriggers
removal_triggers(Cleanup *cleanup, bool proven)
{
	return (RemovalTriggers){cleanup, proven, account_function("soft_delete")};
}

/*
 * Has a table, or a partition of it, a trigger that may keep a row back? soft_delete() is none, nor
 * is what holds are kept by where there is none.
 */
bool
removal_may_be_kept_back(Oid relid)
{
	Oid soft_delete = account_function("soft_delete");
	Oid hold_delete = account_function("hold_delete");
	bool keeps = false;
	ListCell *lc;

	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
	{
		bool held = hold_concerns(lfirst_oid(lc));
		Relation rel = table_open(lfirst_oid(lc), AccessShareLock);
		const TriggerDesc *triggers = rel->trigdesc;

		keeps |= held;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			keeps |= triggers->triggers[i].tgfoid != soft_delete &&
					 triggers->triggers[i].tgfoid != hold_delete &&
					 TRIGGER_TYPE_MATCHES(triggers->triggers[i].tgtype, TRIGGER_TYPE_ROW,
										  TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_DELETE);
		table_close(rel, NoLock);
	}
	return keeps;
}
