/*
 * soft_delete_ddl.c
 *		Puts soft delete on a table, and takes it off.
 *
 * What is put on a table are triggers, nothing else: they are visible in \d, dumped by pg_dump and
 * dropped with the table. Their text is parsed in the caller's search_path, sometimes with the
 * rights of another table's owner: no name and no operator in it may be looked up there.
 *
 *		00_account_soft_delete           the declaration (mapping.c), on the table and, by
 *		                                 PostgreSQL's cloning, on its partitions
 *		~account_soft_delete_step        keeps columns in sync, notes rows that move, guards
 *		~account_soft_delete_insert      where there is a flag
 *		~account_soft_delete_replace     with on_reinsert => 'replace' (cleanup/replace.c)
 *		00_account_soft_delete_truncate  on the table and each partition
 *		zz_account_soft_delete_changed   where soft-delete children follow (cascade.c)
 *		zz_account_soft_delete_flush     the same, on the table and each partition
 *		zz_account_guard_<table>         on tables that reference this one, with guard_references
 *
 * Tables that inherit are treated as tables of their own with the same mapping.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "cascade_edges.h"
#include "enable_report.h"
#include "enable_request.h"
#include "guard.h"
#include "hierarchy.h"
#include "mapping.h"
#include "policy_note.h"
#include "soft_delete_ddl.h"
#include "trigger_order.h"
#include "truncate_trigger.h"

ACCOUNT_OPERATION(enable_soft_delete, "enable_soft_delete", NO_SUBJECT);
ACCOUNT_OPERATION(disable_soft_delete, "disable_soft_delete", NO_SUBJECT);
PG_FUNCTION_INFO_V1(soft_delete_dropped);

/* We are dropping triggers ourselves; nobody needs a warning. */
static bool dropping_triggers = false;

/* Drop the triggers of a table that call this function of ours. Within SPI_connect. */
static void
drop_triggers(Oid relid, const char *function)
{
	char *name;

	while ((name = own_trigger(relid, function, InvalidOid)) != NULL)
	{
		deferred_fire_table(relid);
		PG_TRY();
		{
			dropping_triggers = true;
			run_sql("DROP TRIGGER IF EXISTS %s ON %s", quote_identifier(name), sql_relation(relid));
		}
		PG_FINALLY();
		{
			dropping_triggers = false;
		}
		PG_END_TRY();
	}
}

/* Has the table a trigger of its own that calls this function of ours? */
static bool
has_trigger(Oid relid, const char *function)
{
	return own_trigger(relid, function, InvalidOid) != NULL;
}

/*
 * The soft-delete tables that a table is a part of, or inherits from, at the top: by any of these
 * its rows may be reached. The table itself where there is none above.
 */
static List *
top_tables(Oid relid)
{
	List *tables = list_make1_oid(relid);
	List *tops = NIL;

	for (int i = 0; i < list_length(tables); i++)
	{
		List *above = NIL;
		ListCell *lc;

		foreach (lc, tables_inherited_by(list_nth_oid(tables, i)))
			if (mapping_declared(lfirst_oid(lc)) != NULL)
				above = lappend_oid(above, lfirst_oid(lc));
		if (above == NIL)
			tops = lappend_oid(tops, list_nth_oid(tables, i));
		tables = list_concat_unique_oid(tables, above);
	}
	return tops;
}

/* Does a deletion do something to others, of rows of a table, its parts and those that inherit? */
static bool
has_followers(Oid relid)
{
	ListCell *lc;

	foreach (lc, cascade_tree(relid))
		if (cascade_acts(lfirst_oid(lc)))
			return true;
	return false;
}

/* Put a trigger for each row on a table, or take it off, as the table's owner. */
static void
refresh_row_trigger(Oid relid, bool wanted)
{
	const SoftDelete *mapping = mapping_declared(relid);
	AttrNumber deleted_at = mapping != NULL ? mapping->deleted_at : InvalidAttrNumber;
	bool there = has_trigger(relid, "soft_delete_changed");
	RoleState caller;

	if (deleted_at == InvalidAttrNumber && !there)
		return; /* it came to inherit after enabling: the doctor names it */
	wanted = wanted && deleted_at != InvalidAttrNumber;
	caller = run_as(relation_owner(relid));
	if (wanted && !there)
	{
		char *column = sql_column(relid, deleted_at);

		run_sql("CREATE TRIGGER %s AFTER UPDATE ON %s FOR EACH ROW"
				" WHEN ((OLD.%s IS NULL) OPERATOR(pg_catalog.<>) (NEW.%s IS NULL)"
				" OR OLD.%s OPERATOR(pg_catalog.<>) NEW.%s)"
				" EXECUTE FUNCTION account.soft_delete_changed()",
				TRIGGER_CHANGED, sql_relation(relid), column, column, column, column);
	}
	else if (!wanted && there)
		drop_triggers(relid, "soft_delete_changed");
	else if (wanted)
		CacheInvalidateRelcacheByRelid(relid);
	run_as_end(caller);
}

/* The same of the trigger for each statement. */
static void
refresh_statement_trigger(Oid relid, bool wanted)
{
	bool there = has_trigger(relid, "soft_delete_flush");
	RoleState caller;

	wanted = wanted && mapping_declared(relid) != NULL;
	if (wanted == there)
		return;
	caller = run_as(relation_owner(relid));
	if (wanted)
		run_sql("CREATE TRIGGER %s AFTER UPDATE OR DELETE ON %s FOR EACH STATEMENT"
				" EXECUTE FUNCTION account.soft_delete_flush()",
				TRIGGER_FLUSH, sql_relation(relid));
	else
		drop_triggers(relid, "soft_delete_flush");
	run_as_end(caller);
}

/* The same below, of a table at the top and all that is below it. */
static void
refresh_cascade_of(Oid top)
{
	bool wanted = has_followers(top);
	ListCell *lc;

	/* dropping a trigger takes the strongest lock: where there is one to drop, at once */
	LockRelationOid(top, !wanted && has_trigger(top, "soft_delete_changed")
							 ? AccessExclusiveLock
							 : ShareRowExclusiveLock);
	foreach (lc, row_trigger_tables(top, ShareRowExclusiveLock))
		refresh_row_trigger(lfirst_oid(lc), wanted);
	foreach (lc, trigger_tables(top, ShareRowExclusiveLock))
		refresh_statement_trigger(lfirst_oid(lc), wanted);
}

/*
 * Put the triggers of cascade.c on a table that has soft-delete children, and take them off one
 * that has none; on all of a hierarchy alike, for a child of a part of it follows rows that are
 * deleted by way of the whole. As the tables' owners: the caller may own the child alone. Within
 * SPI_connect.
 */
static void
refresh_cascade(Oid parent)
{
	ListCell *lc;

	foreach (lc, top_tables(parent))
		refresh_cascade_of(lfirst_oid(lc));
}

/* A foreign key to the table follows another rule than before. */
static void
policy_changed(Oid parent)
{
	if (mapping_declared(parent) == NULL)
		return;
	refresh_cascade(parent);
	note_policies(parent);
}

/* Has a table soft delete, by itself or as a partition? */
static bool
has_soft_delete(Oid relid)
{
	return mapping_declared(relid) != NULL;
}

/* Follow changes of policies. */
void
soft_delete_ddl_init(void)
{
	fk_policies_follow(
		(FkPolicyFollower){.changed = policy_changed, .has_soft_delete = has_soft_delete});
}

/* The children of a table changed: refresh it and every soft-delete table it follows. */
static void
refresh_around(Oid relid)
{
	List *parents = NIL;
	ListCell *lc;
	ListCell *lc2;

	refresh_cascade(relid);
	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
		foreach (lc2, fk_of(lfirst_oid(lc)))
		{
			FkEdge *edge = lfirst(lc2);

			if (fk_edge_follows_softly(edge) && edge->parent != relid &&
				mapping_declared(edge->parent) != NULL)
				parents = list_append_unique_oid(parents, edge->parent);
		}
	foreach (lc, parents)
		refresh_cascade(lfirst_oid(lc));
}

/* A literal or NULL, as an argument of marks(). */
static char *
old_column(const char *name, const char *type)
{
	return name ? psprintf("OLD.%s", quote_identifier(name))
				: psprintf("NULL::pg_catalog.%s", type);
}

/* Take the triggers of a declaration off one table. */
static void
drop_declaration(Oid relid)
{
	drop_triggers(relid, "soft_delete_changed");
	drop_triggers(relid, "soft_delete_step");
	drop_triggers(relid, "replace_deleted");
	drop_triggers(relid, "soft_delete");
}

/* Put the triggers of a declaration on one table. */
static void
create_declaration(Oid relid, const Declaration *declaration)
{
	char *table = sql_relation(relid);
	const SoftDeleteOptions *options = &declaration->options;

	run_sql("CREATE TRIGGER %s BEFORE DELETE ON %s FOR EACH ROW WHEN (account.marks(%s, %s, %s))"
			" EXECUTE FUNCTION account.soft_delete('hide=%s', 'guard_references=%s',"
			" 'on_parent_delete=%s', 'children=%s', 'on_reinsert=%s')",
			quote_identifier(TRIGGER_SOFT_DELETE), table,
			old_column(declaration->deleted_at, "timestamptz"),
			old_column(declaration->flag, "bool"), old_column(declaration->deleted_by, "text"),
			options->hide ? "true" : "false", options->guard_references ? "true" : "false",
			parent_delete_name(options->on_parent_delete), options->children ? "true" : "false",
			reinsert_name(options->on_reinsert));
	/*
	 * also where there is no flag: the table may be attached as a partition one day, and rows move
	 */
	run_sql("CREATE TRIGGER %s BEFORE UPDATE ON %s FOR EACH ROW"
			" EXECUTE FUNCTION account.soft_delete_step()",
			quote_identifier(TRIGGER_STEP), table);
	/*
	 * without WHEN: to read and prepare one costs a statement as much as a dozen calls of the
	 * function
	 */
	if (declaration->flag != NULL)
		run_sql("CREATE TRIGGER %s BEFORE INSERT ON %s FOR EACH ROW"
				" EXECUTE FUNCTION account.soft_delete_step()",
				quote_identifier(TRIGGER_STEP_INSERT), table);
	if (options->on_reinsert == ON_REINSERT_REPLACE)
		run_sql("CREATE TRIGGER %s BEFORE INSERT ON %s FOR EACH ROW"
				" EXECUTE FUNCTION account.replace_deleted()",
				quote_identifier(TRIGGER_REPLACE), table);
}

/*
 * Rows that one of the two columns calls deleted are so by the other too. The table's own triggers
 * run with its owner's rights, as for any DDL, whoever enables. Returns the rows that are deleted
 * only since.
 */
uint64
bring_in_sync(Oid relid, const char *deleted_at, const char *flag)
{
	char *table = sql_relation(relid);
	const char *stamp = quote_identifier(deleted_at);
	const char *mark = quote_identifier(flag);
	RoleState caller = run_as(relation_owner(relid));
	uint64 deleted =
		run_sql(OWN_STATEMENT "UPDATE %s SET %s = %s WHERE %s AND %s IS NULL", table, stamp,
				sql_now(get_atttype(relid, get_attnum(relid, deleted_at))), mark, stamp);

	run_sql(OWN_STATEMENT "UPDATE %s SET %s = true WHERE %s IS NOT NULL AND %s IS NOT TRUE", table,
			mark, stamp, mark);
	run_as_end(caller);
	return deleted;
}

/* Is a row of the table deleted by its present mapping? As its owner, who may be another. */
static bool
has_deleted_rows(Oid relid, AttrNumber deleted_at)
{
	RoleState caller = run_as(relation_owner(relid));
	bool found = run_sql(OWN_STATEMENT "SELECT 1 FROM %s WHERE %s IS NOT NULL LIMIT 1",
						 sql_relation(relid), sql_column(relid, deleted_at)) > 0;

	run_as_end(caller);
	return found;
}

/*
 * Raise where a declaration has another deleted_at or flag than the table, and rows are deleted by
 * those: they would live again, or a flag that nobody sets any more would still say that they are
 * deleted.
 */
static void
check_mapping_may_change(Oid relid, const Declaration *declaration)
{
	const SoftDelete *found = mapping_declared(relid);
	SoftDelete mapping;
	AttrNumber changed = InvalidAttrNumber;

	if (found == NULL)
		return;
	mapping = *found;
	if (mapping.deleted_at != get_attnum(relid, declaration->deleted_at))
		changed = mapping.deleted_at;
	else if (mapping.flag != InvalidAttrNumber &&
			 (declaration->flag == NULL || mapping.flag != get_attnum(relid, declaration->flag)))
		changed = mapping.flag;
	if (changed != InvalidAttrNumber && has_deleted_rows(relid, mapping.deleted_at))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("soft delete of \"%s\" cannot be given other columns", get_rel_name(relid)),
				 errdetail("Column \"%s\" says of rows that they are deleted.",
						   get_attname(relid, changed, false)),
				 errhint("Restore or purge these rows first, or call account.disable_soft_delete, "
						 "see to the columns, and enable soft delete again.")));
}

/*
 * The lock that enabling needs, to be taken at once: columns to add, and triggers to drop, would
 * ask for the strongest one later. Looks without a lock that lasts, so it is only a good guess.
 */
static LOCKMODE
lock_needed(Oid relid, const EnableRequest *request, const Declaration *above)
{
	Declaration declaration;
	LOCKMODE lockmode = ShareRowExclusiveLock;

	LockRelationOid(relid, AccessShareLock);
	enable_request_resolve(relid, request, above, &declaration);
	if (declaration.add_deleted_at || declaration.add_flag || declaration.add_deleted_by ||
		(mapping_declared(relid) != NULL && !declaration_is_there(&declaration, relid)))
		lockmode = AccessExclusiveLock;
	UnlockRelationOid(relid, AccessShareLock);
	return lockmode;
}

/* Raise unless columns can be added to a table by itself. */
static void
check_takes_columns(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	const char *why = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relispartition)
		why = "It is a partition, and has the columns of its partitioned table.";
	else if (OidIsValid(form->reloftype))
		why = "It is a typed table, and has the columns of its type.";
	ReleaseSysCache(tuple);
	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a column of soft delete cannot be added to \"%s\"", get_rel_name(relid)),
				 errdetail("%s", why),
				 errhint("Add the columns there first, then enable soft delete.")));
}

/* Add the columns of a declaration that are not there. */
static void
add_columns(Oid relid, const Declaration *declaration)
{
	char *table = sql_relation(relid);
	ListCell *lc;

	if (!declaration->add_deleted_at && !declaration->add_flag && !declaration->add_deleted_by)
		return;
	check_takes_columns(relid);
	foreach (lc, find_all_inheritors(relid, AccessExclusiveLock, NULL))
		deferred_fire_table(lfirst_oid(lc));
	if (declaration->add_deleted_at)
		run_sql("ALTER TABLE %s ADD COLUMN %s pg_catalog.timestamptz", table,
				quote_identifier(declaration->deleted_at));
	if (declaration->add_flag)
		run_sql("ALTER TABLE %s ADD COLUMN %s pg_catalog.bool NOT NULL DEFAULT false", table,
				quote_identifier(declaration->flag));
	if (declaration->add_deleted_by)
		run_sql("ALTER TABLE %s ADD COLUMN %s pg_catalog.text", table,
				quote_identifier(declaration->deleted_by));
}

/*
 * Put soft delete on a table. above: of the table whose child it is, or NULL. Within
 * SPI_connect.
 */
static void
enable_table(Oid relid, const EnableRequest *request, const Declaration *above,
			 EnableReport *report)
{
	Declaration declaration;
	LOCKMODE lockmode;
	ListCell *lc;
	const SoftDelete *before;
	bool is_new;
	bool other_column;
	uint64 newly_deleted = 0;

	check_stack_depth();
	if (list_member_oid(report->visited, relid))
		return;
	report->visited = lappend_oid(report->visited, relid);

	check_application_table(relid, "soft delete");
	check_owner(relid);
	check_citus_triggers(relid);
	lockmode = lock_needed(relid, request, above);
	lock_checked_table(relid, lockmode, "soft delete", true);
	check_heap(relid, "A row that is deleted softly is written anew, as heap does it.");
	check_hierarchy(relid);
	enable_request_resolve(relid, request, above, &declaration);
	check_flag_default(relid, &declaration);
	check_mapping_may_change(relid, &declaration);
	if (declaration.options.on_reinsert == ON_REINSERT_REPLACE)
		check_replace_fires_last(relid);

	before = mapping_declared(relid);
	is_new = before == NULL;
	other_column = is_new || before->deleted_at != get_attnum(relid, declaration.deleted_at);
	if (is_new)
		report->enabled = lappend_oid(report->enabled, relid);
	if (!declaration_is_there(&declaration, relid))
		report->changed = true;

	add_columns(relid, &declaration);
	if (declaration.flag != NULL)
		newly_deleted = bring_in_sync(relid, declaration.deleted_at, declaration.flag);
	foreach (lc, row_trigger_tables(relid, lockmode))
	{
		Oid table = lfirst_oid(lc);

		if (declaration_is_there(&declaration, table))
			continue;
		check_owner(table);
		drop_declaration(table);
		create_declaration(table, &declaration);
	}
	foreach (lc, trigger_tables(relid, lockmode))
	{
		create_truncate_trigger(lfirst_oid(lc));
		if (is_new)
			note_policies(lfirst_oid(lc));
	}

	if (other_column && !declaration.add_deleted_at)
		newly_deleted = count_deleted_rows(relid);
	report_deleted_rows(relid, newly_deleted);
	if (is_new && declaration.add_deleted_at && request->deleted_at == NULL)
		report_other_column(relid, declaration.deleted_at);
	if (is_new && declaration.flag == NULL && request->flag == NULL)
		report_other_flag(relid, declaration.deleted_at);

	if (declaration.options.guard_references)
		guard_create_triggers(relid);
	else
		guard_drop_triggers(relid);
	refresh_around(relid);

	/* a child that has soft delete already may have children that have none */
	if (declaration.options.children || above != NULL)
	{
		foreach (lc, fk_referencing(relid))
		{
			FkEdge *edge = lfirst(lc);

			if (edge->on_delete == FKCONSTR_ACTION_CASCADE &&
				edge->on_soft_delete != FK_SOFT_REMOVE && !OidIsValid(covered_by(edge->child)))
				enable_table(hierarchy_top(edge->child), request, &declaration, report);
		}
	}
}

/*
 * account.enable_soft_delete(target, deleted_at, flag, deleted_by, hide, guard_references,
 * on_parent_delete, children, on_reinsert)
 */
static Datum
enable_soft_delete_operation(PG_FUNCTION_ARGS)
{
	EnableRequest request;
	EnableReport report = {0};

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	enable_request_read(fcinfo, &request);

	SPI_connect();
	report.target = PG_GETARG_OID(0);
	enable_table(report.target, &request, NULL, &report);
	report_enabled(&report);
	SPI_finish();
	PG_RETURN_VOID();
}

/* Take soft delete off a table. Within SPI_connect. */
static void
disable_table(Oid relid)
{
	List *statement_tables = trigger_tables(relid, AccessExclusiveLock);
	ListCell *lc;

	foreach (lc, row_trigger_tables(relid, AccessExclusiveLock))
		drop_declaration(lfirst_oid(lc));
	foreach (lc, statement_tables)
	{
		drop_triggers(lfirst_oid(lc), "soft_delete_truncate");
		drop_triggers(lfirst_oid(lc), "soft_delete_flush");
	}
	guard_drop_triggers(relid);
	refresh_around(relid);
}

/* account.disable_soft_delete(target regclass) */
static Datum
disable_soft_delete_operation(PG_FUNCTION_ARGS)
{
	Oid relid;
	const SoftDelete *mapping;
	bool hidden = false;
	uint64 rows = 0;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	relid = PG_GETARG_OID(0);
	check_application_table(relid, "soft delete");
	check_owner(relid);
	check_citus_triggers(relid);
	lock_checked_table(relid, AccessExclusiveLock, "soft delete", true);
	check_not_covered(relid);

	SPI_connect();
	mapping = mapping_declared(relid);
	if (mapping != NULL)
	{
		hidden = mapping->options.hide;
		rows = count_deleted_rows(relid);
	}
	disable_table(relid);
	report_disabled(relid, rows, hidden);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * account.soft_delete_dropped() RETURNS event_trigger, ON sql_drop: a table lost its declaration,
 * by DROP COLUMN … CASCADE or DROP TRIGGER. Say so, and take off what belonged to it.
 */
Datum
soft_delete_dropped(PG_FUNCTION_ARGS)
{
	Oid types[] = {OIDOID};
	Datum values[1];

	(void) called_as_event_trigger(fcinfo, "soft_delete_dropped");
	if (dropping_triggers || creating_extension)
		PG_RETURN_NULL();

	/* the trigger may have had another name: then its companion is left behind */
	values[0] = ObjectIdGetDatum(account_function("soft_delete_step"));
	SPI_connect();
	(void) statement_run_once(
		"SELECT DISTINCT c.oid FROM pg_catalog.pg_event_trigger_dropped_objects() AS d"
		" JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=)"
		" d.address_names[1]"
		" JOIN pg_catalog.pg_class AS c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid"
		" AND c.relname OPERATOR(pg_catalog.=) d.address_names[2]"
		" WHERE d.object_type OPERATOR(pg_catalog.=) 'trigger' AND"
		" (d.address_names[3] OPERATOR(pg_catalog.=) '" TRIGGER_SOFT_DELETE "'"
		" OR EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS s WHERE"
		" s.tgrelid OPERATOR(pg_catalog.=) c.oid AND s.tgfoid OPERATOR(pg_catalog.=) $1))"
		" ORDER BY c.oid",
		1, types, values, NULL, NULL);
	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		SPITupleTable *rows = SPI_tuptable;
		bool isnull;
		Oid relid = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));

		if (get_rel_relkind(relid) == '\0' || mapping_declared(relid) != NULL)
			continue;
		if (!get_rel_relispartition(relid))
			ereport(WARNING, (errmsg("soft delete of \"%s\" is switched off", get_rel_name(relid)),
							  errdetail("Its trigger was dropped, by itself or with a column it "
										"maps: a DELETE removes rows for good."),
							  errhint("Call account.enable_soft_delete to switch it on again.")));
		disable_table(relid);
		SPI_tuptable = rows;
	}
	SPI_finish();
	PG_RETURN_NULL();
}
