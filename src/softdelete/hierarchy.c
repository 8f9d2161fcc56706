/*
 * hierarchy.c
 *		Partitions and inheritance children of a soft-delete table, and whose they are.
 *
 * Whoever reads a table reads what inherits from it, too. So soft delete is of a whole: of the
 * topmost table with all that is below it.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "hierarchy.h"
#include "mapping.h"

/* The tables that take statement triggers; see the header. */
List *
statement_trigger_tables(Oid relid, LOCKMODE lockmode)
{
	List *tables = NIL;
	ListCell *lc;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relid);
	foreach (lc, find_all_inheritors(relid, lockmode, NULL))
		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_FOREIGN_TABLE)
			tables = lappend_oid(tables, lfirst_oid(lc));
	return tables;
}

/* The tables that take row triggers; see the header. */
List *
row_trigger_tables(Oid relid, LOCKMODE lockmode)
{
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relid);
	return find_all_inheritors(relid, lockmode, NULL);
}

/* Both. */
List *
trigger_tables(Oid relid, LOCKMODE lockmode)
{
	return list_union_oid(statement_trigger_tables(relid, lockmode),
						  row_trigger_tables(relid, lockmode));
}

/* The tables of which a table is a partition or inheritance child, the nearest first. */
static List *
ancestors(Oid relid)
{
	List *found = tables_inherited_by(relid);

	/* what is appended is looked at in its turn */
	for (int i = 0; i < list_length(found); i++)
		found = list_concat_unique_oid(found, tables_inherited_by(list_nth_oid(found, i)));
	return found;
}

/* The topmost table by whose soft delete this one is covered. */
Oid
covered_by(Oid relid)
{
	Oid found = InvalidOid;
	ListCell *lc;

	foreach (lc, ancestors(relid))
		if (mapping_declared(lfirst_oid(lc)) != NULL)
			found = lfirst_oid(lc);
	return found;
}

/* The topmost table. */
Oid
hierarchy_top(Oid relid)
{
	List *found = ancestors(relid);

	return found != NIL ? llast_oid(found) : relid;
}

/* `"a" is a partition of`, or `"a" inherits from`. */
static const char *
is_part_of(Oid relid)
{
	return psprintf(get_rel_relispartition(relid) ? "\"%s\" is a partition of"
												  : "\"%s\" inherits from",
					get_rel_name(relid));
}

/* Refuse a table that is covered, and only by that. */
void
check_not_covered(Oid relid)
{
	Oid table = covered_by(relid);

	if (OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s soft-delete table \"%s\"", is_part_of(relid), get_rel_name(table)),
				 errdetail("Its rows are covered by the soft delete of that table."),
				 errhint("Name %s.", sql_relation(table))));
}

/* Refuse what is not the whole. */
void
check_hierarchy(Oid relid)
{
	List *whole;
	ListCell *lc;

	check_not_covered(relid);
	whole = find_all_inheritors(relid, NoLock, NULL);
	foreach (lc, whole)
	{
		Oid part = lfirst_oid(lc);
		ListCell *above;

		foreach (above, tables_inherited_by(part))
		{
			Oid parent = lfirst_oid(above);

			if (list_member_oid(whole, parent))
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s \"%s\", which has no soft delete", is_part_of(part),
							get_rel_name(parent)),
					 errdetail("Rows that are deleted would still be seen by queries of \"%s\".",
							   get_rel_name(parent)),
					 part == relid ? errhint("Enable soft delete of %s, which covers this table.",
											 sql_relation(hierarchy_top(parent)))
								   : errhint("Take it out by ALTER TABLE %s NO INHERIT %s first.",
											 sql_relation(part), sql_relation(parent))));
		}
	}
}
