/*
 * describe.c
 *		account.describe(): what pgaccount does with one table, as a text to read.
 *
 * It only reads, on a standby too. The table is locked as a SELECT of it locks it. Memory: the
 * caller's context.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "softdelete/softdelete.h"
#include "hold/hold.h"
#include "profile/profile.h"
#include "cleanup/cleanup.h"
#include "auth/auth.h"
#include "doctor.h"
#include "last_member_rule.h"

PG_FUNCTION_INFO_V1(describe);

/* The columns of soft delete, and the options. */
static void
describe_soft_delete(StringInfo out, Oid relid)
{
	const SoftDelete *found = mapping_declared(relid);
	SoftDelete mapping;
	Oid whole;

	if (found == NULL)
	{
		appendStringInfoString(out, "Soft delete: off. A DELETE removes rows for good.\n");
		return;
	}
	mapping = *found;
	appendStringInfo(out, "Soft delete: a DELETE sets %s", sql_column(relid, mapping.deleted_at));
	if (mapping.flag != InvalidAttrNumber)
		appendStringInfo(out, ", %s", sql_column(relid, mapping.flag));
	if (mapping.deleted_by != InvalidAttrNumber)
		appendStringInfo(out, ", %s", sql_column(relid, mapping.deleted_by));
	appendStringInfoString(out, ", and keeps the row.\n");
	whole = covered_by(relid);
	if (OidIsValid(whole) && whole != relid)
		appendStringInfo(out, "  It is that of %s.\n", display_relation(whole));
	if (mapping_active(relid) == NULL)
		appendStringInfoString(out, "  Its trigger is disabled in this session.\n");
	appendStringInfo(out, "  Deleted rows are %s (hide => %s).\n",
					 mapping.options.hide && hooks_installed() ? "hidden" : "seen",
					 mapping.options.hide ? "true" : "false");
	appendStringInfo(out, "  New references to deleted rows are %s (guard_references => %s).\n",
					 mapping.options.guard_references ? "refused" : "let in",
					 mapping.options.guard_references ? "true" : "false");
	appendStringInfo(out, "  When a parent is removed for good, %s (on_parent_delete => '%s').\n",
					 mapping.options.on_parent_delete == PARENT_DELETE_DELETE
						 ? "its rows go with it"
						 : "that is refused while rows reference it",
					 parent_delete_name(mapping.options.on_parent_delete));
	appendStringInfo(out,
					 "  When the key of a deleted row is inserted, %s (on_reinsert => '%s').\n",
					 mapping.options.on_reinsert == ON_REINSERT_REPLACE
						 ? "the deleted row is removed for good"
						 : "the INSERT fails where the key is unique over all rows",
					 reinsert_name(mapping.options.on_reinsert));
	if (mapping.options.children)
		appendStringInfoString(out, "  Tables that cascade from it are enabled with it "
									"(children => true).\n");
}

/* The keys that only live rows keep from one another. */
static void
describe_live_keys(StringInfo out, Oid relid)
{
	const SoftDelete *mapping = mapping_declared(relid);
	AttrNumber deleted_at = mapping != NULL ? mapping->deleted_at : InvalidAttrNumber;
	Relation rel;
	List *indexes;
	ListCell *lc;

	if (mapping == NULL)
		return;
	rel = table_open(relid, AccessShareLock);
	indexes = RelationGetIndexList(rel);
	table_close(rel, AccessShareLock);
	foreach (lc, indexes)
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisunique && index->rd_index->indisvalid &&
			holds_only_live_rows(index, deleted_at))
			appendStringInfo(out, "  Unique among live rows: (%s).\n",
							 pg_get_indexdef_columns(lfirst_oid(lc), true));
		index_close(index, AccessShareLock);
	}
}

/* The columns of a reference, in parentheses. */
static char *
reference_columns(const FkEdge *edge)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "(",
						 sql_column(edge->child, edge->child_cols[i]));
	appendStringInfoChar(&names, ')');
	return names.data;
}

/* `name (columns)` of the child of a reference. */
static char *
child_columns(const FkEdge *edge)
{
	return psprintf("%s %s", display_relation(edge->child), reference_columns(edge));
}

/* Who says so, where the foreign key alone does not. policy: what happens is a policy's. */
static const char *
said_by(const FkEdge *edge, bool policy)
{
	if (OidIsValid(edge->declared))
		return " (account.set_reference)";
	return policy ? " (account.set_reference_policy)" : "";
}

/* A list_sort() comparator of references: by table, then by columns. */
static int
compare_children(const ListCell *one, const ListCell *other)
{
	return strcmp(child_columns(lfirst(one)), child_columns(lfirst(other)));
}

/* The same, by the table that is referenced. */
static int
compare_parents(const ListCell *one, const ListCell *other)
{
	const FkEdge *a = lfirst(one);
	const FkEdge *b = lfirst(other);
	int result = strcmp(display_relation(a->parent), display_relation(b->parent));

	return result != 0 ? result : strcmp(reference_columns(a), reference_columns(b));
}

/* What becomes of the rows that reference a deleted one. */
static void
describe_deletion(StringInfo out, List *references)
{
	ListCell *lc;

	appendStringInfoString(out, "When a row is deleted:\n");
	foreach (lc, references)
	{
		const FkEdge *edge = lfirst(lc);
		char *child = child_columns(edge);
		const char *by = said_by(edge, edge->on_soft_delete != FK_SOFT_DEFAULT);

		CHECK_FOR_INTERRUPTS();
		switch (edge_effect(edge))
		{
			case EDGE_FOLLOWS:
				appendStringInfo(out, "  rows of %s are deleted with it%s\n", child, by);
				break;
			case EDGE_REMOVES:
				appendStringInfo(out, "  rows of %s are removed for good%s\n", child, by);
				break;
			case EDGE_REFUSES:
				appendStringInfo(out, "  it fails while rows of %s reference it%s\n", child, by);
				break;
			case EDGE_KEEPS:
				appendStringInfo(out, "  rows of %s stay%s\n", child, by);
				break;
		}
	}
}

/* What becomes of them when it is removed for good. */
static void
describe_removal(StringInfo out, List *references)
{
	ListCell *lc;

	appendStringInfoString(out, "When account.cleanup removes a row for good:\n");
	foreach (lc, references)
	{
		const FkEdge *edge = lfirst(lc);
		char *child = child_columns(edge);
		const char *by = said_by(edge, edge->on_delete != edge->catalog_action);

		CHECK_FOR_INTERRUPTS();
		if (fk_edge_follows(edge, false))
			appendStringInfo(out, "  rows of %s go with it%s\n", child, by);
		else if (fk_edge_protects(edge))
			appendStringInfo(out, "  it fails while rows of %s reference it, but with force%s\n",
							 child, by);
		else
			appendStringInfo(out, "  rows of %s stay, with their key set to %s%s\n", child,
							 edge->on_delete == FKCONSTR_ACTION_SETDEFAULT ? "its default" : "NULL",
							 by);
	}
}

/* What a deletion of the rows that these reference does to these. */
static void
describe_parents(StringInfo out, Oid relid)
{
	List *edges = fk_of(relid);
	ListCell *lc;

	list_sort(edges, compare_parents);
	foreach (lc, edges)
	{
		const FkEdge *edge = lfirst(lc);
		char *parent = display_relation(edge->parent);

		CHECK_FOR_INTERRUPTS();
		if (OidIsValid(edge->declared))
			appendStringInfo(out,
							 "%s references %s by account.set_reference; no foreign key "
							 "says so.\n",
							 reference_columns(edge), parent);
		if (edge->parent == relid || mapping_declared(edge->parent) == NULL)
			continue;
		switch (edge_effect(edge))
		{
			case EDGE_FOLLOWS:
				appendStringInfo(out, "Rows are deleted, and restored, with those of %s.\n",
								 parent);
				break;
			case EDGE_REMOVES:
				appendStringInfo(out, "Rows are removed for good when those of %s are deleted.\n",
								 parent);
				break;
			case EDGE_REFUSES:
				appendStringInfo(out, "Rows of %s cannot be deleted while rows reference them.\n",
								 parent);
				break;
			case EDGE_KEEPS:
				break;
		}
	}
}

/* What account.purge and account.erase do with the rows. Within SPI_connect. */
static void
describe_end(StringInfo out, Oid relid)
{
	List *columns = erasure_columns(relid);
	const char *separator = "Erasure: account.erase sets ";
	ListCell *lc;

	if (mapping_declared(relid) != NULL)
		appendStringInfo(out, "Purge: account.purge %s after %s (pgaccount.grace_period).\n",
						 erasure_by_purge(relid) ? "erases deleted rows in place"
												 : "removes deleted rows for good",
						 GetConfigOptionByName("pgaccount.grace_period", NULL, false));
	foreach (lc, columns)
	{
		const ErasureColumn *column = lfirst(lc);

		appendStringInfo(out, "%s%s to %s", separator, sql_column(relid, column->attnum),
						 column->method == ERASE_NULL      ? "NULL"
						 : column->method == ERASE_DEFAULT ? "its default"
						 : column->method == ERASE_HASH    ? "a hash"
														   : sql_literal(column->constant));
		separator = ", ";
	}
	if (columns != NIL)
		appendStringInfoString(out, ".\n");
}

/* Run a statement of ours about one table as the owner of the extension; rows in SPI_tuptable. */
static void
ask_about(const char *table, const char *sql, Oid relid)
{
	Oid types[] = {REGCLASSOID};
	Datum values[] = {ObjectIdGetDatum(relid)};
	RoleState caller = run_as_owner(table);

	(void) statement_run_once(sql, lengthof(types), types, values, NULL,
							  &(StatementOptions){.look = SNAPSHOT_ACTIVE, .without = "jit"});
	run_as_end(caller);
}

/* Which rows must stay. Within SPI_connect. */
static void
describe_holds(StringInfo out, Oid relid)
{
	static const char sql[] =
		OWN_STATEMENT "SELECT pg_catalog.count(DISTINCT h.key) FROM account.hold AS h"
					  " WHERE h.target OPERATOR(pg_catalog.=) $1 AND h.released_at IS NULL";
	const HoldTable *holds = hold_table_of(relid);
	List *parents = NIL;
	ListCell *lc;

	if (holds == NULL)
		return;
	foreach (lc, holds->up)
		parents = list_append_unique_oid(parents, ((FkEdge *) lfirst(lc))->parent);
	ask_about("held_row", sql, holds->relid);
	if (strcmp(row_text(0, 1, CurrentMemoryContext), "0") != 0)
		appendStringInfo(out, "Holds: %s rows are under a hold, and must stay (account.hold).\n",
						 row_text(0, 1, CurrentMemoryContext));
	foreach (lc, parents)
		appendStringInfo(out,
						 "Holds: rows of %s must stay, and so must the rows here that would "
						 "go with them.\n",
						 display_relation(lfirst_oid(lc)));
}

/* Removals in batches that are not at their end. Within SPI_connect. */
static void
describe_removals(StringInfo out, Oid relid)
{
	static const char sql[] = OWN_STATEMENT
		"SELECT pg_catalog.format('Removal %s: the row with key %s goes in batches; %s, %s rows "
		"removed, %s to go.', r.id, r.key, r.state, r.done, r.remaining) FROM account.removal AS r"
		" WHERE r.target OPERATOR(pg_catalog.=) $1"
		" AND r.state OPERATOR(pg_catalog.<>) 'finished'"
		" AND r.state OPERATOR(pg_catalog.<>) 'cancelled' ORDER BY r.id";

	ask_about("removal_task", sql, relid);
	for (uint64 i = 0; i < SPI_processed; i++)
		appendStringInfo(out, "%s\n", row_text(i, 1, CurrentMemoryContext));
	if (SPI_processed > 0)
		appendStringInfoString(out, "Such a row keeps its key, and new references to it are "
									"refused, until it is gone.\n");
	else if (own_trigger(relid, "refuse_sealed", InvalidOid) != NULL)
		appendStringInfoString(out, "New references to a row that is removed in batches are "
									"refused, until it is gone.\n");
}

/* Who must stay as the last of a tenant. */
static void
describe_last_members(StringInfo out, Oid relid)
{
	LastMemberRule rule;
	List *tables;
	ListCell *lc;

	if (last_member_rule(relid, &rule))
		appendStringInfo(out, "Members: the last %s of a tenant (%s, of %s) stays.\n",
						 quote_identifier(rule.role), sql_column(rule.members, rule.columns.tenant),
						 display_relation(rule.tenants));
	tables = last_member_tables_from(relid, LAST_MEMBER_USER);
	foreach (lc, tables)
		if (last_member_rule(lfirst_oid(lc), &rule) && rule.users == hierarchy_top(relid))
			appendStringInfo(out, "Members: who is the last %s of a tenant in %s stays.\n",
							 quote_identifier(rule.role), display_relation(rule.members));
}

/* The rules of profiles that the table is part of. */
static void
describe_profiles(StringInfo out, Oid relid)
{
	ListCell *lc;

	foreach (lc, registry_rules())
	{
		const RegistryRule *rule = lfirst(lc);

		if (rule->users == relid)
			appendStringInfo(out, "Profiles: each row has one in %s.\n",
							 display_relation(rule->profiles));
		if (rule->profiles == relid)
			appendStringInfo(out, "Profiles: each row of %s has one here%s.\n",
							 display_relation(rule->users),
							 rule->adopt ? "; one that the application inserts replaces it" : "");
	}
}

/* What the columns mean to the functions of accounts. Runs as the owner of the extension. */
static void
describe_model(StringInfo out, Oid relid)
{
	static const char sql[] = OWN_STATEMENT
		"SELECT pg_catalog.concat(c.part, ': ', pg_catalog.string_agg(pg_catalog.concat("
		"c.attribute, ' is ', pg_catalog.quote_ident(c.column_name::pg_catalog.text)), ', '"
		" ORDER BY c.attribute COLLATE \"C\"))"
		" FROM account.model_column AS c"
		" WHERE c.relation OPERATOR(pg_catalog.=) $1 AND c.column_name IS NOT NULL"
		" GROUP BY c.part";

	ask_about("model_column", sql, relid);
	for (uint64 i = 0; i < SPI_processed; i++)
		appendStringInfo(out, "Account model, %s.\n", row_text(i, 1, CurrentMemoryContext));
}

/* What account.doctor() tells the caller of the table and its indexes. */
static void
describe_findings(StringInfo out, Oid relid)
{
	static const char sql[] = OWN_STATEMENT
		"SELECT f.severity, f.code, f.message, f.remedy FROM account.doctor()"
		" WITH ORDINALITY AS f(severity, code, object, message, remedy, n)"
		" WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n"
		" ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE (c.oid OPERATOR(pg_catalog.=) $1 OR EXISTS (SELECT FROM pg_catalog.pg_index AS i"
		" WHERE i.indexrelid OPERATOR(pg_catalog.=) c.oid"
		" AND i.indrelid OPERATOR(pg_catalog.=) $1))"
		" AND pg_catalog.format('%I.%I', n.nspname, c.relname) OPERATOR(pg_catalog.=) f.object)"
		" ORDER BY f.n";
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(relid)};

	(void) statement_run_once(sql, lengthof(types), types, values, NULL,
							  &(StatementOptions){.look = SNAPSHOT_ACTIVE, .without = "jit"});
	appendStringInfoString(out, SPI_processed > 0 ? "Findings of account.doctor:\n"
												  : "Findings of account.doctor: none\n");
	for (uint64 i = 0; i < SPI_processed; i++)
		appendStringInfo(out, "  %s %s: %s\n    %s\n", row_text(i, 1, CurrentMemoryContext),
						 row_text(i, 2, CurrentMemoryContext), row_text(i, 3, CurrentMemoryContext),
						 row_text(i, 4, CurrentMemoryContext));
}

/* Has the current user any privilege on the table, or on a column of it? */
static bool
may_use(Oid relid)
{
	return pg_class_aclmask(relid, GetUserId(), ACL_ALL_RIGHTS_RELATION, ACLMASK_ANY) != 0 ||
		   pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

/*
 * account.describe(target regclass) RETURNS text: see its SQL. Who owns the table, or may see
 * every finding, is told all; who has a privilege on it, what a statement of its own would meet.
 */
Datum
describe(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	StringInfoData out;
	List *references;
	bool owns;

	LockRelationOid(relid, AccessShareLock);
	check_application_table(relid, "account.describe");
	owns = has_privs_of_role(GetUserId(), relation_owner(relid)) ||
		   sees_all_findings(function_owner(fcinfo->flinfo->fn_oid));
	if (!owns && !may_use(relid))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));

	initStringInfo(&out);
	SPI_connect();
	appendStringInfo(&out, "Table %s\n\n", display_relation(relid));
	describe_soft_delete(&out, relid);
	describe_live_keys(&out, relid);
	references = fk_referencing(relid);
	list_sort(references, compare_children);
	if (references != NIL)
	{
		if (mapping_declared(relid) != NULL)
			describe_deletion(&out, references);
		describe_removal(&out, references);
	}
	describe_parents(&out, relid);
	if (owns)
	{
		describe_end(&out, relid);
		describe_holds(&out, relid);
		describe_removals(&out, relid);
	}
	describe_profiles(&out, relid);
	describe_last_members(&out, relid);
	if (owns)
		describe_model(&out, relid);
	if (tenant_isolated(relid))
		appendStringInfoString(&out, "Tenants: only rows of account.tenant_id() are seen or "
									 "written.\n");
	if (owns)
		describe_findings(&out, relid);
	SPI_finish();
	UnlockRelationOid(relid, AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len - 1));
}
