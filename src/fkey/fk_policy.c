/*
 * fk_policy.c
 *		What the application says of references, where the catalog does not.
 *
 * account.reference_policy holds one row for each foreign key of which more is said than
 * pg_constraint says, account.declared_reference one for each reference that is no foreign key.
 * They are read anew whenever edges are made (which are cached where that matters); whoever changes
 * them, restoring a dump included, sends a relation cache invalidation for both tables of the
 * reference.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fk_policy.h"

/* Names of policies. */
static const struct
{
	const char *name;
	char action;
} policy_names[] = {{"cascade", FKCONSTR_ACTION_CASCADE},
					{"protect", FKCONSTR_ACTION_RESTRICT},
					{"set null", FKCONSTR_ACTION_SETNULL}};

/* Names of what becomes of rows whose parent is deleted softly. */
static const struct
{
	const char *name;
	FkSoftDelete on_soft_delete;
} soft_delete_names[] = {{"follow", FK_SOFT_FOLLOW},
						 {"keep", FK_SOFT_KEEP},
						 {"remove", FK_SOFT_REMOVE},
						 {"refuse", FK_SOFT_REFUSE}};

/* The action of a policy's name; see the header. */
char
fk_policy_named(const char *name)
{
	for (int i = 0; i < lengthof(policy_names); i++)
		if (strcmp(policy_names[i].name, name) == 0)
			return policy_names[i].action;
	return FK_POLICY_NONE;
}

/* The same of on_soft_delete. */
FkSoftDelete
fk_soft_delete_named(const char *name)
{
	for (int i = 0; i < lengthof(soft_delete_names); i++)
		if (strcmp(soft_delete_names[i].name, name) == 0)
			return soft_delete_names[i].on_soft_delete;
	return FK_SOFT_DEFAULT;
}

/* One row of a table of the extension; adds to what it makes of the rows. */
typedef List *(*RowReader)(List *found, const Datum *values, const bool *nulls);

/* Read all rows of a table of the extension, which may not be there. */
static List *
read_rows(const char *name, RowReader reader)
{
	Relation rel = own_table_open(name, AccessShareLock);
	List *found = NIL;
	SysScanDesc scan;
	HeapTuple tuple;
	Datum *values;
	bool *nulls;

	if (rel == NULL)
		return NIL;
	values = palloc(RelationGetNumberOfAttributes(rel) * sizeof(Datum));
	nulls = palloc(RelationGetNumberOfAttributes(rel) * sizeof(bool));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		found = reader(found, values, nulls);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	pfree(values);
	pfree(nulls);
	return found;
}

/* The action of a column that holds a policy's name. */
static char
read_action(Datum value, bool isnull)
{
	return isnull ? FK_POLICY_NONE : fk_policy_named(TextDatumGetCString(value));
}

/* The same of on_soft_delete. */
static FkSoftDelete
read_soft_delete(Datum value, bool isnull)
{
	return isnull ? FK_SOFT_DEFAULT : fk_soft_delete_named(TextDatumGetCString(value));
}

/* A row of account.reference_policy. */
static List *
read_policy(List *found, const Datum *values, const bool *nulls)
{
	FkPolicy *policy = palloc(sizeof(FkPolicy));

	policy->child = DatumGetObjectId(values[0]);
	namestrcpy(&policy->constraint_name, NameStr(*DatumGetName(values[1])));
	policy->action = read_action(values[2], nulls[2]);
	policy->on_soft_delete = read_soft_delete(values[3], nulls[3]);
	return lappend(found, policy);
}

/* A row of account.declared_reference. */
static List *
read_reference(List *found, const Datum *values, const bool *nulls)
{
	FkReference *reference = palloc(sizeof(FkReference));
	Datum *columns;
	bool *null_columns;

	reference->child = DatumGetObjectId(values[0]);
	namestrcpy(&reference->name, NameStr(*DatumGetName(values[1])));
	reference->number = (Oid) DatumGetInt32(values[2]);
	deconstruct_array(DatumGetArrayTypeP(values[3]), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &columns, &null_columns, &reference->ncolumns);
	reference->columns = palloc0(Max(reference->ncolumns, 1) * sizeof(NameData));
	for (int i = 0; i < reference->ncolumns; i++)
		if (!null_columns[i])
			namestrcpy(&reference->columns[i], NameStr(*DatumGetName(columns[i])));
	reference->parent = DatumGetObjectId(values[4]);
	reference->action = read_action(values[5], nulls[5]);
	reference->on_soft_delete = read_soft_delete(values[6], nulls[6]);
	return lappend(found, reference);
}

/* The policies of this database. */
List *
fk_policies(void)
{
	return read_rows("reference_policy", read_policy);
}

/* The references of this database that no foreign key declares. */
List *
fk_references(void)
{
	return read_rows("declared_reference", read_reference);
}

/* The policy of a constraint, or NULL. */
const FkPolicy *
fk_policy_of(List *policies, Oid child, const char *constraint_name)
{
	ListCell *lc;

	foreach (lc, policies)
	{
		const FkPolicy *policy = lfirst(lc);

		if (policy->child == child &&
			strcmp(NameStr(policy->constraint_name), constraint_name) == 0)
			return policy;
	}
	return NULL;
}
