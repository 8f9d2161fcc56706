/*
 * describe.c
 *		account.describe(): what pgaccount does with one table, as a text to read.
 *
 * It only reads, on a standby too. The table is locked as a SELECT of it locks it. Memory: the
 * caller's context.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "softdelete/softdelete.h"
#include "profile/profile.h"
#include "auth/auth.h"
#include "doctor.h"

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

/* `name (columns)` of the child of a reference. */
static char *
child_columns(const FkEdge *edge)
{
	StringInfoData name;

	initStringInfo(&name);
	appendStringInfo(&name, "%s (", display_relation(edge->child));
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&name, "%s%s", i > 0 ? ", " : "",
						 sql_column(edge->child, edge->child_cols[i]));
	appendStringInfoChar(&name, ')');
	return name.data;
}

/* A list_sort() comparator of references: by table, then by columns. */
static int
compare_children(const ListCell *one, const ListCell *other)
{
	return strcmp(child_columns(lfirst(one)), child_columns(lfirst(other)));
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

		CHECK_FOR_INTERRUPTS();
		switch (edge_effect(edge))
		{
			case EDGE_FOLLOWS:
				appendStringInfo(out, "  rows of %s are deleted with it\n", child);
				break;
			case EDGE_REMOVES:
				appendStringInfo(out, "  rows of %s are removed for good\n", child);
				break;
			case EDGE_REFUSES:
				appendStringInfo(out, "  it fails while rows of %s reference it\n", child);
				break;
			case EDGE_KEEPS:
				appendStringInfo(out, "  rows of %s stay\n", child);
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

		CHECK_FOR_INTERRUPTS();
		if (fk_edge_follows(edge, false))
			appendStringInfo(out, "  rows of %s go with it\n", child);
		else if (fk_edge_protects(edge))
			appendStringInfo(out, "  it fails while rows of %s reference it, but with force\n",
							 child);
		else
			appendStringInfo(out, "  rows of %s stay, with their key set to %s\n", child,
							 edge->on_delete == FKCONSTR_ACTION_SETDEFAULT ? "its default"
																		   : "NULL");
	}
}

/* Whose rows these follow, of parents with soft delete. */
static void
describe_parents(StringInfo out, Oid relid)
{
	ListCell *lc;

	foreach (lc, fk_of(relid))
	{
		const FkEdge *edge = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (edge->parent != relid && edge_effect(edge) == EDGE_FOLLOWS &&
			mapping_declared(edge->parent) != NULL)
			appendStringInfo(out, "Rows are deleted, and restored, with those of %s.\n",
							 display_relation(edge->parent));
	}
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
	Oid types[] = {REGCLASSOID};
	Datum values[] = {ObjectIdGetDatum(relid)};
	RoleState caller = run_as_owner("model_column");

	(void) statement_run_once(sql, lengthof(types), types, values, NULL,
							  &(StatementOptions){.look = SNAPSHOT_ACTIVE, .without = "jit"});
	run_as_end(caller);
	for (uint64 i = 0; i < SPI_processed; i++)
		appendStringInfo(out, "Account model, %s.\n",
						 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
}

/* What account.doctor() tells the caller of the table and its indexes. */
static void
describe_findings(StringInfo out, Oid relid)
{
	static const char sql[] = OWN_STATEMENT
		"SELECT f.severity, f.code, f.message, f.remedy FROM account.doctor() AS f"
		" WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n"
		" ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE (c.oid OPERATOR(pg_catalog.=) $1 OR EXISTS (SELECT FROM pg_catalog.pg_index AS i"
		" WHERE i.indexrelid OPERATOR(pg_catalog.=) c.oid"
		" AND i.indrelid OPERATOR(pg_catalog.=) $1))"
		" AND pg_catalog.format('%I.%I', n.nspname, c.relname) OPERATOR(pg_catalog.=) f.object)";
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(relid)};

	(void) statement_run_once(sql, lengthof(types), types, values, NULL,
							  &(StatementOptions){.look = SNAPSHOT_ACTIVE, .without = "jit"});
	appendStringInfoString(out, SPI_processed > 0 ? "Findings of account.doctor:\n"
												  : "Findings of account.doctor: none\n");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;

		appendStringInfo(out, "  %s %s: %s\n    %s\n", SPI_getvalue(row, desc, 1),
						 SPI_getvalue(row, desc, 2), SPI_getvalue(row, desc, 3),
						 SPI_getvalue(row, desc, 4));
	}
}

/* Has the current user any privilege on the table, or on a column of it? */
static bool
may_use(Oid relid)
{
	return pg_class_aclmask(relid, GetUserId(), ACL_ALL_RIGHTS_RELATION, ACLMASK_ANY) != 0 ||
		   pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

/*
 * account.describe(target regclass) RETURNS text: see describe.sql. Who owns the table, or may see
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
	references = fk_referencing(relid);
	list_sort(references, compare_children);
	if (references != NIL)
	{
		if (mapping_declared(relid) != NULL)
			describe_deletion(&out, references);
		describe_removal(&out, references);
	}
	describe_parents(&out, relid);
	describe_profiles(&out, relid);
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
