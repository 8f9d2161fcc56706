/*
 * enable_report.c
 *		What enabling and disabling soft delete change, told to whoever does it.
 *
 * A DELETE that keeps its row lets the server do nothing any more that follows a DELETE. Who has
 * relied on that is told so where it changes; the doctor goes on telling it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "rewrite/rewriteDefine.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "cascade.h"
#include "enable_report.h"
#include "enable_request.h"
#include "hierarchy.h"
#include "mapping.h"
#include "rewrite.h"

/* The rows that count as deleted. */
uint64
count_deleted_rows(Oid relid)
{
	const SoftDelete *mapping = mapping_declared(relid);
	char *column = sql_column(relid, mapping->deleted_at);
	RoleState caller = run_as(relation_owner(relid));
	bool isnull;
	uint64 rows;

	(void) run_sql(OWN_STATEMENT "SELECT pg_catalog.count(*) FROM %s WHERE %s IS NOT NULL",
				   sql_relation(relid), column);
	rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run_as_end(caller);
	return rows;
}

/* Rows that count as deleted from now on. */
void
report_deleted_rows(Oid relid, uint64 rows)
{
	if (rows > 0)
		ereport(NOTICE, (errmsg_plural(UINT64_FORMAT " row of \"%s\" counts as deleted from now on",
									   UINT64_FORMAT " rows of \"%s\" count as deleted from now on",
									   rows, rows, get_rel_name(relid))));
}

/* A column of deletions was added beside one that the application has; see the header. */
void
report_other_column(Oid relid, const char *added)
{
	const char *other = enable_request_other_column(relid, added, false);
	char *table = sql_relation(relid);

	if (other == NULL)
		return;
	ereport(NOTICE,
			(errmsg("column \"%s\" is added to \"%s\", which has \"%s\"", added,
					get_rel_name(relid), other),
			 errdetail("Rows that \"%s\" says are deleted are seen.", other),
			 errhint("To have it say what is deleted, call account.enable_soft_delete(%s, "
					 "deleted_at => %s), and then ALTER TABLE %s DROP COLUMN %s.",
					 sql_literal(table), sql_literal(other), table, quote_identifier(added))));
}

/* A flag that the application has is not kept; see the header. */
void
report_other_flag(Oid relid, const char *deleted_at)
{
	const char *other = enable_request_other_column(relid, deleted_at, true);

	if (other == NULL)
		return;
	ereport(
		NOTICE,
		(errmsg("column \"%s\" of \"%s\" is not kept by soft delete", other, get_rel_name(relid)),
		 errdetail("Rows where it is true are seen, and a DELETE leaves it as it is."),
		 errhint("To have it kept with \"%s\", call account.enable_soft_delete(%s, flag => %s).",
				 deleted_at, sql_literal(sql_relation(relid)), sql_literal(other))));
}

/* What the server did with rows that reference a deleted one; NULL: nothing. */
static const char *
action_name(char action)
{
	switch (action)
	{
		case FKCONSTR_ACTION_CASCADE:
			return "ON DELETE CASCADE";
		case FKCONSTR_ACTION_SETNULL:
			return "ON DELETE SET NULL";
		case FKCONSTR_ACTION_SETDEFAULT:
			return "ON DELETE SET DEFAULT";
		default:
			return NULL;
	}
}

/* Does something follow a soft deletion over this key, or is said what becomes of the rows? */
static bool
is_followed(const FkEdge *edge)
{
	return edge->on_soft_delete != FK_SOFT_DEFAULT ||
		   (edge->on_delete == FKCONSTR_ACTION_CASCADE && mapping_declared(edge->child) != NULL);
}

/* The calls by which rows follow over this key. */
static const char *
calls_to_follow(const FkEdge *edge)
{
	char *child = sql_literal(sql_relation(edge->child));
	/* a part has it with the whole */
	char *enable = psprintf("account.enable_soft_delete(%s)",
							sql_literal(sql_relation(hierarchy_top(edge->child))));
	char *policy =
		psprintf("account.set_reference_policy(%s, %s, 'cascade')", child, sql_literal(edge->name));

	if (edge->on_delete == FKCONSTR_ACTION_CASCADE)
		return enable;
	return mapping_declared(edge->child) != NULL ? policy : psprintf("%s and %s", policy, enable);
}

/* A foreign key's action waits for rows that are removed for good. */
static void
report_stopped(const FkEdge *edge)
{
	char *child = sql_relation(edge->child);

	ereport(NOTICE,
			(errmsg("%s of foreign key \"%s\" of \"%s\" stops acting when rows of \"%s\" are "
					"deleted",
					action_name(edge->catalog_action), edge->name, get_rel_name(edge->child),
					get_rel_name(edge->parent)),
			 errdetail("The rows are kept, and what references them is left as it is."),
			 errhint("To let rows of %s follow, call %s; to remove them for good, "
					 "account.set_reference_policy(%s, %s, 'cascade', on_soft_delete => 'remove').",
					 child, calls_to_follow(edge), sql_literal(child), sql_literal(edge->name)),
			 err_constraint(edge)));
}

/* Rows that went with what they reference are in the way of its DELETE now. */
static void
report_refused(const FkEdge *edge)
{
	ereport(
		NOTICE,
		(errmsg("%s of foreign key \"%s\" of \"%s\" stops acting when rows of \"%s\" are "
				"deleted",
				action_name(edge->catalog_action), edge->name, get_rel_name(edge->child),
				get_rel_name(edge->parent)),
		 errdetail("That is refused while rows reference them, deleted ones as well."),
		 errhint("To let rows of %s follow, call account.enable_soft_delete(%s); to remove "
				 "them for good, account.enable_soft_delete(%s, on_parent_delete => 'delete').",
				 sql_relation(edge->child), sql_literal(sql_relation(hierarchy_top(edge->parent))),
				 sql_literal(sql_relation(hierarchy_top(edge->child)))),
		 err_constraint(edge)));
}

/* Order references by table and name. */
static int
compare_references(const ListCell *a, const ListCell *b)
{
	const FkEdge *one = lfirst(a);
	const FkEdge *other = lfirst(b);
	int result = strcmp(sql_relation(one->child), sql_relation(other->child));

	return result != 0 ? result : strcmp(one->name, other->name);
}

/* The foreign keys that a look finds of a table and its parts, in order. */
static List *
references_by(List *(*look)(Oid), Oid relid)
{
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
	{
		ListCell *edge;

		foreach (edge, look(lfirst_oid(lc)))
			if (!fk_edge_among(lfirst(edge), edges))
				edges = lappend(edges, lfirst(edge));
	}
	list_sort(edges, compare_references);
	return edges;
}

/* The keys to a table, whose actions stop. */
static void
report_references_to(Oid relid)
{
	ListCell *lc;

	foreach (lc, references_by(fk_referencing, relid))
		if (action_name(((FkEdge *) lfirst(lc))->catalog_action) != NULL &&
			!is_followed(lfirst(lc)))
			report_stopped(lfirst(lc));
}

/* The keys of a table, over which its rows went for good with others. */
static void
report_references_of(Oid relid)
{
	ListCell *lc;

	if (mapping_declared(relid)->options.on_parent_delete != PARENT_DELETE_REFUSE)
		return;
	foreach (lc, references_by(fk_of, relid))
		if (((FkEdge *) lfirst(lc))->catalog_action == FKCONSTR_ACTION_CASCADE &&
			mapping_declared(((FkEdge *) lfirst(lc))->parent) == NULL)
			report_refused(lfirst(lc));
}

/* The triggers of the application that fire no more. */
static void
report_triggers(Oid relid)
{
	ListCell *lc;

	foreach (lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation rel = table_open(lfirst_oid(lc), NoLock);
		TriggerDesc *triggers = CopyTriggerDesc(rel->trigdesc);
		bool partition = rel->rd_rel->relispartition;

		table_close(rel, NoLock);
		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		{
			const Trigger *trigger = &triggers->triggers[i];

			if (trigger->tgisinternal || !TRIGGER_FOR_DELETE(trigger->tgtype) ||
				trigger->tgenabled == TRIGGER_DISABLED || (partition && trigger->tgisclone) ||
				get_func_namespace(trigger->tgfoid) == account_schema())
				continue;
			ereport(WARNING,
					(errmsg("trigger \"%s\" of \"%s\" does not fire any more on DELETE",
							trigger->tgname, get_rel_name(lfirst_oid(lc))),
					 errdetail("A DELETE is an UPDATE of the table from now on."),
					 errhint("Let what it does hang on UPDATE, where \"%s\" is set.",
							 get_attname(relid, mapping_declared(relid)->deleted_at, false))));
		}
	}
}

/* The names of the rules that take the place of a DELETE of a table. */
static List *
rules_instead(Oid relid)
{
	Relation catalog = table_open(RewriteRelationId, AccessShareLock);
	List *names = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_rewrite_ev_class, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, RewriteRelRulenameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_rewrite rule = (Form_pg_rewrite) GETSTRUCT(tuple);

		if (rule->ev_type == '0' + CMD_DELETE && rule->is_instead &&
			rule->ev_enabled != RULE_DISABLED)
			names = lappend(names, pstrdup(NameStr(rule->rulename)));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return names;
}

/* The rules of the application that no DELETE gets past. */
static void
report_rules(Oid relid)
{
	ListCell *lc;

	foreach (lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		ListCell *name;

		foreach (name, rules_instead(lfirst_oid(lc)))
			ereport(WARNING, (errmsg("rule \"%s\" takes the place of a DELETE of \"%s\"",
									 (char *) lfirst(name), get_rel_name(lfirst_oid(lc))),
							  errdetail("The DELETE comes to no soft delete."),
							  errhint("Call DROP RULE %s ON %s.", quote_identifier(lfirst(name)),
									  sql_relation(lfirst_oid(lc)))));
	}
}

/* The tables that were enabled besides the target. */
static void
report_children(const EnableReport *report)
{
	StringInfoData names;
	ListCell *lc;

	initStringInfo(&names);
	foreach (lc, report->enabled)
		if (lfirst_oid(lc) != report->target)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 sql_relation(lfirst_oid(lc)));
	if (names.len > 0)
		ereport(NOTICE,
				(errmsg("soft delete is enabled for what follows \"%s\", too: %s",
						get_rel_name(report->target), names.data),
				 errdetail("When another row that they follow is removed for good, theirs are as "
						   "well, but for on_parent_delete => 'refuse'.")));
}

/* What a call has changed. */
void
report_enabled(const EnableReport *report)
{
	ListCell *lc;

	if (!report->changed)
		return;
	report_children(report);
	foreach (lc, report->enabled)
	{
		report_references_to(lfirst_oid(lc));
		report_references_of(lfirst_oid(lc));
		report_triggers(lfirst_oid(lc));
		report_rules(lfirst_oid(lc));
	}
	if (!hooks_installed())
		ereport(WARNING,
				(errmsg("pgaccount is not preloaded"),
				 errdetail("A DELETE keeps its rows, but reports 0 of them, and deleted rows are "
						   "not hidden."),
				 errhint("Add pgaccount to shared_preload_libraries in postgresql.conf and "
						 "restart the server.")));
}

/* Deleted rows are rows like others. */
void
report_disabled(Oid relid, uint64 rows, bool hidden)
{
	if (rows > 0)
		ereport(NOTICE,
				(hidden ? errmsg_plural(UINT64_FORMAT " deleted row of \"%s\" is seen again",
										UINT64_FORMAT " deleted rows of \"%s\" are seen again",
										rows, rows, get_rel_name(relid))
						: errmsg_plural(UINT64_FORMAT " deleted row of \"%s\" counts as live again",
										UINT64_FORMAT " deleted rows of \"%s\" count as live again",
										rows, rows, get_rel_name(relid)),
				 errhint("A DELETE removes rows for good again. Enabling soft delete another time "
						 "hides them again.")));
}
