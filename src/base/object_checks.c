/*
 * object_checks.c
 *		Which relations, and which columns of theirs, a caller may name.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "object_checks.h"
#include "version.h"

/* What a relation that is no table is called. */
static const char *
kind_name(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "a view";
		case RELKIND_MATVIEW:
			return "a materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "a foreign table";
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			return "an index";
		case RELKIND_SEQUENCE:
			return "a sequence";
		case RELKIND_COMPOSITE_TYPE:
			return "a composite type";
		default:
			return "no table";
	}
}

/* Raise unless relid is an application's table, plain or partitioned. */
void
check_application_table(Oid relid, const char *what)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid),
						errdetail("It may have been dropped by another session."),
						errhint("Name a table of the application.")));
	form = (Form_pg_class) GETSTRUCT(tuple);

	if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" is not a table", NameStr(form->relname)),
						errdetail("It is %s.", kind_name(form->relkind)),
						errhint("Name an ordinary or partitioned table for %s.", what)));
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" is a temporary table", NameStr(form->relname)),
						errdetail("A temporary table ends with its session."),
						errhint("Name a permanent table for %s.", what)));
	if (relid < FirstNormalObjectId || IsCatalogNamespace(form->relnamespace) ||
		IsToastNamespace(form->relnamespace))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" is a system catalog", NameStr(form->relname)),
						errdetail("Only a table of an application can be named for %s.", what),
						errhint("Name a table of the application.")));
	if (form->relnamespace == account_schema())
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" belongs to the extension pgaccount", NameStr(form->relname)),
						errdetail("Only a table of an application can be named for %s.", what),
						errhint("Name a table of the application.")));
	ReleaseSysCache(tuple);
}

/* Is it no table of another access method? A partitioned table has none. */
static bool
is_one_heap(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool answer;

	if (!HeapTupleIsValid(tuple))
		return true;
	answer = ((Form_pg_class) GETSTRUCT(tuple))->relkind != RELKIND_RELATION ||
			 ((Form_pg_class) GETSTRUCT(tuple))->relam == HEAP_TABLE_AM_OID;
	ReleaseSysCache(tuple);
	return answer;
}

/* Raise 0A000 unless a table is a heap. */
static void
check_one_heap(Oid relid, const char *why)
{
	if (!is_one_heap(relid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" is not a heap table", get_rel_name(relid)),
				 errdetail_internal("%s", why),
				 errhint("ALTER TABLE ... SET ACCESS METHOD heap, or remove its rows by DELETE.")));
}

/* The same for it and, where it is partitioned, its partitions. */
void
check_heap(Oid relid, const char *why)
{
	ListCell *lc;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		check_one_heap(relid, why);
	else
		foreach (lc, find_all_inheritors(relid, NoLock, NULL))
			check_one_heap(lfirst_oid(lc), why);
}

/* Is a table a heap, and each of its partitions? */
bool
is_heap(Oid relid)
{
	List *tables = list_make1_oid(relid);
	ListCell *lc;

	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(relid, NoLock, NULL);
	foreach (lc, tables)
		if (!is_one_heap(lfirst_oid(lc)))
			return false;
	return true;
}

/* Raise unless the current user owns the relation. */
void
check_owner(Oid relid)
{
	if (!compat_object_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
}

/* Lock a table that was checked; see the header. */
void
lock_checked_table(Oid relid, LOCKMODE mode, const char *what, bool owned)
{
	LockRelationOid(relid, mode);
	check_application_table(relid, what);
	if (owned)
		check_owner(relid);
}

/* The attribute number of a user column. */
AttrNumber
find_column(Oid relid, const char *name, const char *argument)
{
	AttrNumber attnum = get_attnum(relid, name);

	if (attnum == InvalidAttrNumber &&
		SearchSysCacheExists2(ATTNAME, ObjectIdGetDatum(relid), PointerGetDatum(name)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of \"%s\" has been dropped", name, get_rel_name(relid)),
				 errdetail("What is left of it keeps its place, and holds nothing."),
				 errhint("Give another name for \"%s\".", argument)));
	if (attnum < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of \"%s\" is a system column", name, get_rel_name(relid)),
				 errdetail("The server fills it."),
				 errhint("Give another name for \"%s\".", argument)));
	return attnum;
}
