/*
 * run_as.c
 *		Acting as another role, so that nobody's code runs with rights that are not its own.
 *
 * Whatever is written because of us can run code of a table's owner: triggers, defaults, checks,
 * domains, expressions of indexes and generated columns. It runs as that owner, under the owner's
 * search_path, and cannot change the session of whoever called. This is the only file that changes
 * the current user.
 *
 * The server has the search_path of no role but the session's, so it is read as InitPostgres() does
 * (process_settings). No cache of the server has these settings, but a change of them reaches every
 * session as an invalidation; so what was read is kept until the next one.
 *
 * SECURITY_RESTRICTED_OPERATION would keep the session as it is, but it also forbids to queue
 * deferred triggers, among them the server's own of every DEFERRABLE foreign key. So that code of
 * others is running is a bit of our own in the security context, which follows (sub)transactions as
 * the current user does, and the server's hooks ask for it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/sinval.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "compat.h"
#include "identifiers.h"
#include "run_as.h"

/*
 * In the security context: within run_as(); and the current user is not who called. The server uses
 * the lowest bits.
 */
#define SECURITY_RUN_AS       0x2000
#define SECURITY_RUN_AS_OTHER 0x4000

/* The search_path of a role. */
typedef struct RolePath
{
	Oid role;
	char *path;
} RolePath;

static List *role_paths = NIL;        /* in TopMemoryContext */
static uint64 role_paths_changes = 0; /* how many changes there had been when they were read */

#define SERVER_PATH "\"$user\", public"

/* What this array of settings has for search_path; NULL: nothing. */
static char *
find_path(ArrayType *settings)
{
	static const char name[] = "search_path=";
	Datum *items;
	int n;

	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char *item = TextDatumGetCString(items[i]);

		if (strncmp(item, name, sizeof(name) - 1) == 0)
			return item + sizeof(name) - 1;
	}
	return NULL;
}

/* What ALTER ROLE ... IN DATABASE or one of its kin has set for search_path; NULL: nothing. */
static char *
setting_path(Relation settings, Oid database, Oid role)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	char *path = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(role));
	scan = systable_beginscan(settings, DbRoleSettingDatidRolidIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum value = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
								   RelationGetDescr(settings), &isnull);

		if (!isnull)
			path = find_path(DatumGetArrayTypePCopy(value));
	}
	systable_endscan(scan);
	return path;
}

/* What the server has for everybody, as far as a session can tell. */
static const char *
server_path(void)
{
	struct config_generic *setting = compat_guc_find("search_path");

	if (setting != NULL && setting->reset_source > PGC_S_DEFAULT &&
		setting->reset_source <= PGC_S_ARGV)
		return GetConfigOptionResetString("search_path");
	return SERVER_PATH;
}

/* The same path, in which pg_temp comes last. */
static char *
with_temp_last(const char *path)
{
	StringInfoData result;
	List *names;
	ListCell *lc;

	if (!SplitIdentifierString(pstrdup(path), ',', &names))
		names = NIL; /* no setting can be so */
	initStringInfo(&result);
	foreach (lc, names)
		if (strcmp(lfirst(lc), "pg_temp") != 0)
			appendStringInfo(&result, "%s, ", quote_identifier(lfirst(lc)));
	appendStringInfoString(&result, "pg_temp");
	return result.data;
}

/* The search_path that a role would have in a session of its own in this database. */
static char *
read_path(Oid role)
{
	Oid databases[] = {MyDatabaseId, InvalidOid, MyDatabaseId, InvalidOid};
	Oid roles[] = {role, role, InvalidOid, InvalidOid};
	Relation settings = table_open(DbRoleSettingRelationId, AccessShareLock);
	const char *path = NULL;

	for (int i = 0; i < lengthof(roles) && path == NULL; i++)
		path = setting_path(settings, databases[i], roles[i]);
	table_close(settings, AccessShareLock);
	return with_temp_last(path != NULL ? path : server_path());
}

/* Settings of a role have changed, or may have. */
void
run_as_settings_changed(void)
{
	ListCell *lc;

	foreach (lc, role_paths)
	{
		RolePath *entry = lfirst(lc);

		pfree(entry->path);
		pfree(entry);
	}
	list_free(role_paths);
	role_paths = NIL;
}

/* The same, kept until an invalidation. */
static const char *
path_of_role(Oid role)
{
	MemoryContext old;
	RolePath *entry;
	char *path;
	ListCell *lc;

	if (role_paths_changes != SharedInvalidMessageCounter)
		run_as_settings_changed();
	role_paths_changes = SharedInvalidMessageCounter;
	foreach (lc, role_paths)
		if (((RolePath *) lfirst(lc))->role == role)
			return ((RolePath *) lfirst(lc))->path;
	path = read_path(role); /* which may take news in: then it is read again the next time */
	old = MemoryContextSwitchTo(TopMemoryContext);
	entry = palloc(sizeof(RolePath));
	entry->role = role;
	entry->path = pstrdup(path);
	role_paths = lappend(role_paths, entry);
	MemoryContextSwitchTo(old);
	return entry->path;
}

/* Set search_path to the end of the present level of settings, unless that is what it is. */
static void
set_path(const char *path)
{
	if (strcmp(path, namespace_search_path) == 0)
		return;
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
}

/* Stay who one is; see the header. */
RoleState
run_as_self(void)
{
	RoleState saved;

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	saved.path = namespace_search_path;
	saved.guc_level = NewGUCNestLevel();
	return saved;
}

/* Act as role until run_as_end(); see the header. */
RoleState
run_as(Oid role)
{
	const char *path = path_of_role(role);
	int flags = SECURITY_RUN_AS | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS;
	RoleState saved;

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	if (role == saved.userid && (saved.sec_context & SECURITY_RUN_AS) != 0 &&
		strcmp(path, namespace_search_path) == 0)
	{
		/* that is so already, and ends with the call around this one */
		saved.guc_level = 0;
		saved.path = namespace_search_path;
		SetUserIdAndSecContext(role, saved.sec_context | flags);
		return saved;
	}
	saved = run_as_self();
	if (role != saved.userid)
		flags |= SECURITY_RUN_AS_OTHER;
	SetUserIdAndSecContext(role, saved.sec_context | flags);
	set_path(path);
	return saved;
}

/* May a role read all rows of a table? */
static bool
may_read(Oid relid, Oid role)
{
	return pg_class_aclcheck(relid, role, ACL_SELECT) == ACLCHECK_OK &&
		   compat_may_use_schema(get_rel_namespace(relid), role) &&
		   check_enable_rls(relid, role, true) != RLS_ENABLED;
}

/* Act as the owner of a table to read it, if the caller may read all of it. */
RoleState
run_as_reader(Oid relid)
{
	if (may_read(relid, GetUserId()))
		return run_as(relation_owner(relid));
	return run_as_self();
}

/* The same of two tables. */
RoleState
run_as_reader_of(Oid relid, Oid other)
{
	Oid owners[] = {relation_owner(relid), relation_owner(other)};

	if (may_read(relid, GetUserId()) && may_read(other, GetUserId()))
		for (int i = 0; i < lengthof(owners); i++)
			if (may_read(relid, owners[i]) && may_read(other, owners[i]))
				return run_as(owners[i]);
	return run_as_self();
}

/* Act as who called for a moment; see the header. */
RoleState
run_as_caller(const RoleState *caller)
{
	RoleState saved = run_as_self();

	SetUserIdAndSecContext(caller->userid,
						   (caller->sec_context & ~SECURITY_RUN_AS) | SECURITY_LOCAL_USERID_CHANGE);
	set_path(caller->path);
	return saved;
}

/* Act as a role under the search_path that is. */
RoleState
run_as_for_server_code(Oid role)
{
	int flags = SECURITY_RUN_AS | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS;
	RoleState saved = {.path = namespace_search_path};

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	if (role != saved.userid)
		flags |= SECURITY_RUN_AS_OTHER;
	SetUserIdAndSecContext(role, saved.sec_context | flags);
	return saved;
}

/* Return to who acted before. */
void
run_as_end(RoleState saved)
{
	if (saved.guc_level > 0)
		AtEOXact_GUC(false, saved.guc_level);
	SetUserIdAndSecContext(saved.userid, saved.sec_context);
}

/* Does code run here as another role than whoever called? */
bool
run_as_other(void)
{
	Oid userid;
	int sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	return (sec_context & SECURITY_RUN_AS_OTHER) != 0;
}

/* Does run_as() say as whom code runs here? */
bool
run_as_acts(void)
{
	Oid userid;
	int sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	return (sec_context & SECURITY_RUN_AS) != 0;
}

/* Look names up by this search_path until names_end(). */
int
path_begin(const char *path)
{
	int level = NewGUCNestLevel();

	set_path(path);
	return level;
}

/* Look names up in pg_catalog alone until names_end(). */
int
names_begin(void)
{
	return path_begin("pg_catalog, pg_temp");
}

/* Look names up as before. */
void
names_end(int level)
{
	AtEOXact_GUC(false, level);
}

/* Refuse to change the session of somebody else. */
static void
refuse(const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		 errmsg("%s is not allowed in code that runs because of pgaccount", what),
		 errdetail("The code runs as \"%s\", in a session of another role.",
				   GetUserNameFromId(GetUserId(), false)),
		 errhint("Let triggers, defaults, checks and the functions of indexes leave the session "
				 "as it is.")));
}

/*
 * Refuse a temporary table or view of somebody else: what hangs on it, its triggers and what a view
 * calls, would run as who acts. The session's are found by names that are nowhere else, such as
 * that of CREATE TEMP TABLE IF NOT EXISTS.
 */
static void
refuse_temporary(Oid relid)
{
	if (OidIsValid(relid) && get_rel_persistence(relid) == RELPERSISTENCE_TEMP &&
		relation_owner(relid) != GetUserId())
		refuse("a temporary table of the session");
}

/* The same for the tables of a statement that is started. */
void
run_as_refuse_temporary(const PlannedStmt *statement)
{
	ListCell *lc;

	if (run_as_other())
		foreach (lc, statement->rtable)
			refuse_temporary(lfirst_node(RangeTblEntry, lc)->relid);
}

/* The same for those that a utility statement names. */
static void
refuse_temporary_names(List *names)
{
	ListCell *lc;

	if (run_as_other())
		foreach (lc, names)
			refuse_temporary(RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, true));
}

/* Refuse the utility statement that another one, such as EXPLAIN, is about. */
static void
refuse_within(Node *query)
{
	if (IsA(query, Query) && ((Query *) query)->commandType == CMD_UTILITY)
		run_as_refuse_utility(((Query *) query)->utilityStmt);
}

/*
 * Refuse a utility statement that leaves something behind in the session, or reads what is there.
 */
void
run_as_refuse_utility(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_ExplainStmt:
			refuse_within(((ExplainStmt *) statement)->query);
			return;
		case T_CreateTableAsStmt:
			refuse_within(((CreateTableAsStmt *) statement)->query);
			return;
		case T_DeclareCursorStmt:
			if ((((DeclareCursorStmt *) statement)->options & CURSOR_OPT_HOLD) == 0)
				return;
			break;
		case T_TruncateStmt:
			refuse_temporary_names(((TruncateStmt *) statement)->relations);
			return;
		case T_CopyStmt:
			if (((CopyStmt *) statement)->relation != NULL)
				refuse_temporary_names(list_make1(((CopyStmt *) statement)->relation));
			return;
		case T_PrepareStmt:
		case T_ExecuteStmt:
		case T_DeallocateStmt:
		case T_ListenStmt:
		case T_UnlistenStmt:
		case T_DiscardStmt:
		case T_LoadStmt:
		case T_ClosePortalStmt:
		case T_FetchStmt:
		case T_ConstraintsSetStmt: /* it would fire, or put off, triggers of others */
			break;
		default:
			return;
	}
	if (run_as_other())
		refuse(GetCommandTagName(CreateCommandTag(statement)));
}

/*
 * Refuse a function that changes the session, or reads what is open in it. (What setting functions
 * do ends with our call.)
 */
void
run_as_refuse_function(Oid function)
{
	if (!run_as_other())
		return;
	switch (function)
	{
		case F_PG_ADVISORY_LOCK_INT8:
		case F_PG_ADVISORY_LOCK_SHARED_INT8:
		case F_PG_TRY_ADVISORY_LOCK_INT8:
		case F_PG_TRY_ADVISORY_LOCK_SHARED_INT8:
		case F_PG_ADVISORY_UNLOCK_INT8:
		case F_PG_ADVISORY_UNLOCK_SHARED_INT8:
		case F_PG_ADVISORY_LOCK_INT4_INT4:
		case F_PG_ADVISORY_LOCK_SHARED_INT4_INT4:
		case F_PG_TRY_ADVISORY_LOCK_INT4_INT4:
		case F_PG_TRY_ADVISORY_LOCK_SHARED_INT4_INT4:
		case F_PG_ADVISORY_UNLOCK_INT4_INT4:
		case F_PG_ADVISORY_UNLOCK_SHARED_INT4_INT4:
		case F_PG_ADVISORY_UNLOCK_ALL:
		case F_SETSEED:
		case F_CURSOR_TO_XML:
		case F_CURSOR_TO_XMLSCHEMA:
		case F_PG_CURSOR: /* the texts of statements */
		case F_PG_PREPARED_STATEMENT:
		case F_LOREAD: /* of large objects that the session has opened, and may read */
		case F_LOWRITE:
		case F_LO_LSEEK:
		case F_LO_LSEEK64:
		case F_LO_TELL:
		case F_LO_TELL64:
		case F_LO_TRUNCATE:
		case F_LO_TRUNCATE64:
		case F_LO_CLOSE:
			refuse(psprintf("%s()", get_func_name(function)));
	}
}

/* Flags for ExecutorStart(), which the server does not use, that say who starts a statement. */
#define STARTED_AS_OTHER 0x40000000
#define STARTED_BY(role) (((role) &0x3fff) << 16)

/* The flag for ExecutorStart(). */
int
run_as_started(void)
{
	return run_as_other() ? STARTED_AS_OTHER | STARTED_BY(GetUserId()) : 0;
}

/* Refuse to go on with a statement that somebody else has started: a cursor of the session's. */
void
run_as_refuse_cursor(QueryDesc *desc)
{
	int flags = STARTED_AS_OTHER | STARTED_BY(~0);

	if (run_as_other() && (desc->estate->es_top_eflags & flags) != run_as_started())
		refuse("a cursor of the session");
}

/* Refuse an object that has just been made in the session's temporary schema. */
void
run_as_refuse_object(Oid class_id, Oid object_id)
{
	AttrNumber attnum;
	Relation catalog;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool temporary = false;

	if (!run_as_other() || !is_objectclass_supported(class_id))
		return;
	attnum = get_object_attnum_namespace(class_id);
	if (attnum == InvalidAttrNumber)
		return;
	catalog = table_open(class_id, AccessShareLock);
	ScanKeyInit(&key, get_object_attnum_oid(class_id), BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object_id));
	/* it is not yet visible to this command */
	scan = systable_beginscan(catalog, get_object_oid_index(class_id), true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum schema = heap_getattr(tuple, attnum, RelationGetDescr(catalog), &isnull);

		temporary = !isnull && isAnyTempNamespace(DatumGetObjectId(schema));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	if (temporary)
		refuse("a temporary object");
}
