/*
 * trigger_order.c
 *		Does a new row stay as the trigger that replaces deleted rows has it?
 *
 * BEFORE triggers fire in the order of their names. One that fires after the trigger that replaces
 * could give the new row another key, or leave it out, when the deleted row is gone for good. So
 * there may be none.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"

#include "base/base.h"
#include "mapping.h"
#include "trigger_order.h"

/* Does a trigger fire in this session? */
static bool
fires(const Trigger *trigger)
{
	char here = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA
					? TRIGGER_FIRES_ON_REPLICA
					: TRIGGER_FIRES_ON_ORIGIN;

	return trigger->tgenabled == TRIGGER_FIRES_ALWAYS || trigger->tgenabled == here;
}

/* Refuse a trigger that fires later; see the header. */
void
check_fires_last(Relation rel, const char *name, Oid function)
{
	const TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								 TRIGGER_TYPE_INSERT) &&
			strcmp(trigger->tgname, name) > 0 && trigger->tgfoid != function && fires(trigger))
			ereport(
				ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("new rows of \"%s\" cannot replace deleted ones",
						RelationGetRelationName(rel)),
				 errdetail("Trigger \"%s\" fires before INSERT, but after \"%s\": it could give "
						   "the new row another key, or leave it out.",
						   trigger->tgname, name),
				 errhint("Rename the trigger, with ALTER TRIGGER, so that its name sorts before "
						 "\"%s\".",
						 name)));
	}
}

/* The same of tables that are to have the trigger. */
void
check_replace_fires_last(Oid relid)
{
	Oid function = account_function("replace_deleted");
	ListCell *lc;

	foreach (lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation rel = table_open(lfirst_oid(lc), NoLock);

		check_fires_last(rel, TRIGGER_REPLACE, function);
		table_close(rel, NoLock);
	}
}
