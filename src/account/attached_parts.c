/*
 * attached_parts.c
 *		Partitions, and children, that come to the mapped tables, to isolated ones and to those
 *		whose last member is kept, or leave these.
 *
 * PostgreSQL clones row triggers to partitions, but none for statements and TRUNCATE; and those
 * FROM another table are each partition's own. Policies are each table's own, too: a part that is
 * named is read by its own alone. An event trigger looks at every CREATE and ALTER TABLE, and at
 * what CREATE SCHEMA makes, and makes and drops them; a part that leaves an isolated table stays
 * isolated. Locks are those of the command, on the part and, where it comes to an isolated table,
 * on what is below it.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "auth/auth.h"
#include "base/base.h"
#include "softdelete/softdelete.h"
#include "last_member_rule.h"

PG_FUNCTION_INFO_V1(parts_attached);

/* A part has come to users or tenants: triggers FROM members, of a function of ours. */
static void
put_from(Oid relid, const char *function)
{
	ListCell *lc;

	foreach (lc, last_member_tables_from(relid, function))
	{
		bool is_user = strcmp(function, LAST_MEMBER_USER) == 0;
		LastMemberRule rule;
		char *key;

		CHECK_FOR_INTERRUPTS();
		if (!last_member_rule(lfirst_oid(lc), &rule))
			continue;
		key = is_user ? get_attname(rule.users, rule.users_key, false)
					  : get_attname(rule.tenants, rule.tenants_key, false);
		last_member_put_from(rule.members, relid, get_attnum(relid, key), function);
		if (is_user)
			last_member_put_statement(relid);
	}
}

/*
 * A table, which the command has locked, has come below another, or may have. Foreign ones take no
 * triggers but those that PostgreSQL clones.
 */
static void
part_came(Oid relid)
{
	Oid top = OidIsValid(relid) ? hierarchy_top(relid) : InvalidOid;
	LastMemberRule rule;

	if (top == relid || get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		return;
	user_trigger_part(relid);
	tenant_isolation_part(relid);
	if (own_trigger(top, LAST_MEMBER_ROW, InvalidOid) != NULL && last_member_rule(top, &rule))
	{
		last_member_put_row(&rule, relid);
		last_member_put_statement(relid);
	}
	put_from(relid, LAST_MEMBER_USER);
	put_from(relid, LAST_MEMBER_TENANT);
}

/* A table has left another, or may have. */
static void
part_left(Oid relid)
{
	if (OidIsValid(relid) && hierarchy_top(relid) == relid)
		last_member_part_left(relid);
}

/*
 * Did a CREATE TABLE put its table below others? IF NOT EXISTS may have found one, of anybody's,
 * which has come to nothing.
 */
static bool
created_part(const CreateStmt *create)
{
	Relation rel;
	bool is_new;

	if (create->inhRelations == NIL || !create->if_not_exists)
		return create->inhRelations != NIL;
	rel = RelationIdGetRelation(command_table(create->relation));
	is_new = RelationIsValid(rel) && rel->rd_createSubid != InvalidSubTransactionId;
	if (RelationIsValid(rel))
		RelationClose(rel);
	return is_new;
}

/* See to what one command of ALTER TABLE has brought or taken away. */
static void
table_altered(RangeVar *table, const AlterTableCmd *command)
{
	bool is_index = get_rel_relkind(command_table(table)) != RELKIND_PARTITIONED_TABLE;

	switch (command->subtype)
	{
		case AT_AttachPartition:
			if (!is_index)
				part_came(command_table(castNode(PartitionCmd, command->def)->name));
			break;
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			part_left(command_table(castNode(PartitionCmd, command->def)->name));
			break;
		case AT_AddInherit:
			part_came(command_table(table));
			break;
		case AT_DropInherit:
			part_left(command_table(table));
			break;
		default:
			break;
	}
}

/*
 * account.parts_attached() RETURNS event_trigger, ON ddl_command_end of CREATE and ALTER TABLE, and
 * of CREATE SCHEMA.
 */
Datum
parts_attached(PG_FUNCTION_ARGS)
{
	Node *command = called_as_event_trigger(fcinfo, "parts_attached")->parsetree;
	ListCell *lc;

	if (creating_extension || command == NULL || !OidIsValid(account_schema()))
		PG_RETURN_NULL();
	SPI_connect();
	foreach (lc, command_creates(command))
		if (created_part(lfirst_node(CreateStmt, lc)))
			part_came(command_table(lfirst_node(CreateStmt, lc)->relation));
	if (IsA(command, AlterTableStmt))
		foreach (lc, ((AlterTableStmt *) command)->cmds)
			table_altered(((AlterTableStmt *) command)->relation, lfirst_node(AlterTableCmd, lc));
	SPI_finish();
	PG_RETURN_NULL();
}
