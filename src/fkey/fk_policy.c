/*
 * fk_policy.c
 *		What the application says of a foreign key, where the catalog does not.
 *
 * account.reference_policy holds one row for each foreign key whose on-delete action is not what
 * pg_constraint says. It is read anew whenever edges are made (they are cached where that matters);
 * whoever changes it, restoring a dump included, sends a relation cache invalidation for both
 * tables.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fk_policy.h"

typedef struct FkPolicy
{
	Oid child;
	NameData constraint_name;
	char action;
} FkPolicy;

/* Names of policies. */
static const struct
{
	const char *name;
	char action;
} policy_names[] = {{"cascade", FKCONSTR_ACTION_CASCADE},
					{"protect", FKCONSTR_ACTION_RESTRICT},
					{"set null", FKCONSTR_ACTION_SETNULL}};

/* The action of a policy's name; see the header. */
char
fk_policy_named(const char *name)
{
	for (int i = 0; i < lengthof(policy_names); i++)
		if (strcmp(policy_names[i].name, name) == 0)
			return policy_names[i].action;
	return FK_POLICY_NONE;
}

/* The policies of this database. */
List *
fk_policies(void)
{
	Oid schema = account_schema();
	Oid relid = OidIsValid(schema) ? get_relname_relid("reference_policy", schema) : InvalidOid;
	List *policies = NIL;
	Relation rel;
	SysScanDesc scan;
	HeapTuple tuple;

	if (!OidIsValid(relid))
		return NIL;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		FkPolicy *policy = palloc(sizeof(FkPolicy));
		Datum values[3];
		bool nulls[3];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		policy->child = DatumGetObjectId(values[0]);
		namestrcpy(&policy->constraint_name, NameStr(*DatumGetName(values[1])));
		policy->action = fk_policy_named(TextDatumGetCString(values[2]));
		policies = lappend(policies, policy);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return policies;
}

/* The action that a policy gives a constraint. */
char
fk_policy_action(List *policies, Oid child, const char *constraint_name)
{
	ListCell *lc;

	foreach (lc, policies)
	{
		FkPolicy *policy = lfirst(lc);

		if (policy->child == child &&
			strcmp(NameStr(policy->constraint_name), constraint_name) == 0)
			return policy->action;
	}
	return FK_POLICY_NONE;
}
