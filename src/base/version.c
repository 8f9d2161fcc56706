/*
 * version.c
 *		Is the extension installed in this database, and of which version is its script?
 *
 * One shared library serves every database of the server, each with a script of its own version.
 * "Not installed" is an answer worth keeping too: a preloaded library asks for every statement.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "version.h"

static bool schema_known = false;
static Oid schema_oid = InvalidOid;
static bool version_known = false;

/* Drop the cached state of the installation: a schema came or went. */
static void
namespace_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	schema_known = false;
	version_known = false;
}

/* Register the invalidation that keeps the answers below true. */
void
version_init(void)
{
	CacheRegisterSyscacheCallback(NAMESPACEOID, namespace_changed, (Datum) 0);
}

/* OID of the extension, else InvalidOid. */
Oid
account_extension(void)
{
	return get_extension_oid("pgaccount", true);
}

/*
 * OID of the schema account if this database has the extension, else InvalidOid. A schema of that
 * name that is no member of the extension does not count.
 */
Oid
account_schema(void)
{
	if (!schema_known)
	{
		Oid found = get_namespace_oid("account", true);

		/*
		 * CREATE EXTENSION makes one after the other, so its own session must ask again; others see
		 * all at once, when it commits.
		 */
		if (OidIsValid(found))
		{
			Oid extension = account_extension();

			if (!OidIsValid(extension) ||
				getExtensionOfObject(NamespaceRelationId, found) != extension)
				found = InvalidOid;
		}
		schema_oid = found;
		schema_known = !creating_extension;
	}
	return schema_oid;
}

/* The version of the installed script, palloc'd; NULL without one. */
static char *
script_version(void)
{
	Relation rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	char *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("pgaccount"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum value =
			heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(rel), &isnull);

		if (!isnull)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}

/* Raise unless the extension's script in this database is of the library's version. */
void
version_check(void)
{
	char *version;

	if (version_known || creating_extension)
		return;
	version = script_version();
	if (version != NULL && strcmp(version, PGACCOUNT_VERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pgaccount is installed as version %s, but its library is version %s",
						version, PGACCOUNT_VERSION),
				 errdetail("The functions in this database were made for another library."),
				 errhint("Run ALTER EXTENSION pgaccount UPDATE; if the library is the older one, "
						 "restart the server first.")));
	version_known = true;
}

static bool all_hooks = false;

/* Are all hooks installed? */
bool
hooks_installed(void)
{
	return all_hooks;
}

/* All hooks are installed. */
void
hooks_are_installed(void)
{
	all_hooks = true;
}
