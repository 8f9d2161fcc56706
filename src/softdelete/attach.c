/*
 * attach.c
 *		Tables that come below others, as partitions or by INHERIT, after soft delete was enabled.
 *
 * An event trigger looks at every CREATE and ALTER TABLE, and at what CREATE SCHEMA makes: what
 * cannot be right is refused, and what PostgreSQL does not clone is made. Locks are those of the
 * command.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "enable_report.h"
#include "guard.h"
#include "hierarchy.h"
#include "mapping.h"
#include "soft_delete_ddl.h"
#include "truncate_trigger.h"

PG_FUNCTION_INFO_V1(soft_delete_attached);

/* Have two soft-delete tables the same columns for it? */
static bool
same_columns(Oid relid, Oid other)
{
	SoftDelete one = *mapping_declared(relid);
	SoftDelete two = *mapping_declared(other);
	AttrNumber ones[] = {one.deleted_at, one.flag, one.deleted_by};
	AttrNumber twos[] = {two.deleted_at, two.flag, two.deleted_by};

	for (int i = 0; i < lengthof(ones); i++)
	{
		if ((ones[i] == InvalidAttrNumber) != (twos[i] == InvalidAttrNumber))
			return false;
		if (ones[i] != InvalidAttrNumber &&
			strcmp(get_attname(relid, ones[i], false), get_attname(other, twos[i], false)) != 0)
			return false;
	}
	return true;
}

/*
 * Raise where a table that has come below another has a soft delete that is not the other's: each
 * would show what the other hides.
 */
static void
check_joined(Oid relid, Oid parent)
{
	const SoftDelete *above = mapping_declared(parent);
	bool partition = get_rel_relispartition(relid);
	ListCell *lc;

	if (above == NULL && OidIsValid(covered_by(parent)))
		return;
	foreach (lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid part = lfirst_oid(lc);

		if (mapping_declared(part) == NULL || (above != NULL && same_columns(part, parent)))
			continue;
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("soft-delete table \"%s\" cannot %s \"%s\", which has %s", get_rel_name(part),
					partition ? "be a partition of" : "inherit from", get_rel_name(parent),
					above != NULL ? "other columns for it" : "no soft delete"),
			 errdetail("Rows that are deleted would still be seen by queries of \"%s\".",
					   get_rel_name(parent)),
			 above != NULL
				 ? errhint("Call account.disable_soft_delete(%s) first.",
						   sql_literal(sql_relation(part)))
				 : errhint("Call account.disable_soft_delete(%s) first, and enable soft "
						   "delete of %s afterwards.",
						   sql_literal(sql_relation(part)), sql_relation(hierarchy_top(parent)))));
	}
}

/* A table has come below another, or may have: as a partition that was attached, or by INHERIT. */
static void
table_joined(Oid relid, Oid parent, bool attached)
{
	const SoftDelete *mapping;

	if (!OidIsValid(relid) || !OidIsValid(parent))
		return;
	check_joined(relid, parent);
	mapping = mapping_declared(relid);
	/* its rows came without our triggers: one of the columns may say what the other does not */
	if (attached && mapping != NULL && mapping->flag != InvalidAttrNumber)
		report_deleted_rows(relid,
							bring_in_sync(relid, get_attname(relid, mapping->deleted_at, false),
										  get_attname(relid, mapping->flag, false)));
	if (attached)
		guard_partition(relid);
}

/*
 * Does this command bring tables below others? Asked of every CREATE and ALTER TABLE, also within
 * CREATE SCHEMA. Sees to those that come.
 */
static bool
brings_tables(Node *parsetree)
{
	bool found = false;
	ListCell *lc;

	foreach (lc, command_creates(parsetree))
	{
		CreateStmt *create = lfirst_node(CreateStmt, lc);
		Oid relid = create->partbound != NULL ? command_table(create->relation) : InvalidOid;

		if (OidIsValid(relid))
			guard_partition(relid);
		found |= create->partbound != NULL;
	}
	if (parsetree == NULL || !IsA(parsetree, AlterTableStmt))
		return found;
	foreach (lc, ((AlterTableStmt *) parsetree)->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		Oid relid;

		if (cmd->subtype != AT_AttachPartition && cmd->subtype != AT_AddInherit)
			continue;
		relid = command_table(((AlterTableStmt *) parsetree)->relation);
		if (cmd->subtype == AT_AddInherit)
			table_joined(relid, command_table(castNode(RangeVar, cmd->def)), false);
		else if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE) /* else an index */
			table_joined(command_table(castNode(PartitionCmd, cmd->def)->name), relid, true);
		found = true;
	}
	return found;
}

/*
 * account.soft_delete_attached() RETURNS event_trigger, ON ddl_command_end: a partition that came
 * to a soft-delete table has its row triggers, cloned, but PostgreSQL clones none for statements.
 * What cannot be right is refused.
 */
Datum
soft_delete_attached(PG_FUNCTION_ARGS)
{
	const EventTriggerData *event = called_as_event_trigger(fcinfo, "soft_delete_attached");
	Oid types[] = {OIDOID, OIDOID};
	Datum functions[2];
	bool brings;

	if (creating_extension)
		PG_RETURN_NULL();
	SPI_connect();
	brings = brings_tables(event->parsetree);
	SPI_finish();
	if (!brings)
		PG_RETURN_NULL();

	/* whoever runs DDL may have no rights in our schema: no name of ours in this text */
	functions[0] = ObjectIdGetDatum(account_function("soft_delete"));
	functions[1] = ObjectIdGetDatum(account_function("soft_delete_truncate"));
	SPI_connect();
	(void) statement_run_once(
		"SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_event_trigger_ddl_commands() AS c,"
		" LATERAL pg_catalog.pg_partition_tree(c.objid) AS p,"
		" LATERAL (SELECT t.tgrelid FROM pg_catalog.pg_trigger AS t WHERE"
		" t.tgrelid OPERATOR(pg_catalog.=) p.relid AND t.tgfoid OPERATOR(pg_catalog.=) $1)"
		" AS t WHERE c.object_type OPERATOR(pg_catalog.=) 'table' AND NOT EXISTS"
		" (SELECT 1 FROM pg_catalog.pg_trigger AS x WHERE"
		" x.tgrelid OPERATOR(pg_catalog.=) t.tgrelid AND x.tgfoid OPERATOR(pg_catalog.=) $2)",
		2, types, functions, NULL, NULL);
	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		SPITupleTable *rows = SPI_tuptable;
		bool isnull;
		Oid relid = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		char relkind = get_rel_relkind(relid);

		if (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE)
		{
			RoleState caller = run_as(relation_owner(relid));

			create_truncate_trigger(relid);
			run_as_end(caller);
		}
		SPI_tuptable = rows;
	}
	SPI_finish();
	PG_RETURN_NULL();
}
