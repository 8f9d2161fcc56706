/*
 * declared_reference.c
 *		References that no foreign key declares: declared, and taken back.
 *
 * Such a reference is part of what a cleanup, a purge, an export or a soft deletion follows, as a
 * foreign key is. The server knows nothing of it: no check is made of new rows, a plain DELETE of
 * what is referenced leaves them behind, and a row that another transaction makes while a cleanup
 * runs is found if it is committed before the cleanup's last look.
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "fk_graph.h"
#include "fk_policy.h"
#include "fk_reference.h"
#include "policy_argument.h"
#include "policy_follower.h"

ACCOUNT_OPERATION(set_reference, "set_reference", NO_SUBJECT);
PG_FUNCTION_INFO_V1(declared_reference_changed);

/* Raise 22023 about the argument "columns". */
static void
refuse_columns(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"columns\" must name columns, each once"), errdetail_internal("%s", detail),
			 errhint("Give the columns of the reference in the order of the primary key "
					 "that they reference, such as ARRAY['user_id'].")));
}

/* Read the argument that names the columns into a reference whose child is known. */
static void
read_columns(FunctionCallInfo fcinfo, int n, FkReference *reference)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(n);
	Datum *names;
	bool *nulls;

	if (ARR_NDIM(array) > 1)
		refuse_columns("It has several dimensions.");
	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &names, &nulls,
					  &reference->ncolumns);
	if (reference->ncolumns == 0)
		refuse_columns("It is empty.");
	reference->columns = palloc0(reference->ncolumns * sizeof(NameData));
	for (int i = 0; i < reference->ncolumns; i++)
	{
		const char *name;

		if (nulls[i])
			refuse_columns("One of its elements is NULL.");
		name = NameStr(*DatumGetName(names[i]));
		if (find_column(reference->child, name, "columns") == InvalidAttrNumber)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("table \"%s\" has no column \"%s\"",
								   get_rel_name(reference->child), name),
							errdetail("It is to reference another table."),
							errhint("Name a column of \"%s\".", get_rel_name(reference->child))));
		for (int j = 0; j < i; j++)
			if (strcmp(NameStr(reference->columns[j]), name) == 0)
				refuse_columns(psprintf("It names column \"%s\" twice.", name));
		namestrcpy(&reference->columns[i], name);
	}
}

/* The same columns as an array. */
static Datum
columns_array(const FkReference *reference)
{
	Datum *names = palloc(reference->ncolumns * sizeof(Datum));

	for (int i = 0; i < reference->ncolumns; i++)
		names[i] = NameGetDatum(&reference->columns[i]);
	return PointerGetDatum(
		construct_array(names, reference->ncolumns, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* Raise 22023: the reference cannot be. */
static void
refuse_reference(const FkReference *reference, ReferenceFault fault, int where)
{
	const char *child = get_rel_name(reference->child);
	const char *parent = get_rel_name(reference->parent);

	switch (fault)
	{
		case REFERENCE_NO_KEY:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("table \"%s\" has no primary key", parent),
							errdetail("It is what the columns are to reference."),
							errhint("Add a primary key to \"%s\".", parent)));
			break;
		case REFERENCE_OTHER_COUNT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the primary key of \"%s\" has %d columns, not %d", parent, where,
							reference->ncolumns),
					 errdetail("Each of them is to be referenced by one column."),
					 errhint("Give the columns of the reference in the order of that key.")));
			break;
		case REFERENCE_NO_EQUALITY:
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of \"%s\" cannot be compared with the primary key of \"%s\"",
						NameStr(reference->columns[where]), child, parent),
				 errdetail("It is of type %s, of which there is no equality with that key.",
						   format_type_be(get_atttype(
							   reference->child,
							   get_attnum(reference->child, NameStr(reference->columns[where]))))),
				 errhint("Give the column the type of the key, or name another.")));
			break;
		default:
			elog(ERROR, "reference of \"%s\" to \"%s\" cannot be resolved", child, parent);
	}
}

/* Raise unless the caller may have rows of a table referenced, as for a foreign key. */
static void
check_may_reference(const FkEdge *edge)
{
	AclResult result = pg_class_aclcheck(edge->parent, GetUserId(), ACL_REFERENCES);

	for (int i = 0; result != ACLCHECK_OK && i < edge->nkeys; i++)
		if (pg_attribute_aclcheck(edge->parent, edge->parent_cols[i], GetUserId(),
								  ACL_REFERENCES) != ACLCHECK_OK)
			aclcheck_error(result, OBJECT_TABLE, get_rel_name(edge->parent));
}

/* Raise where a foreign key says the same already. */
static void
check_no_foreign_key(const FkEdge *reference)
{
	ListCell *lc;

	foreach (lc, fk_of(reference->child))
	{
		FkEdge *edge = lfirst(lc);
		bool same = OidIsValid(edge->constraint) && edge->child == reference->child &&
					edge->parent == reference->parent && edge->nkeys == reference->nkeys;

		for (int i = 0; same && i < edge->nkeys; i++)
			same = edge->child_cols[i] == reference->child_cols[i];
		if (same)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("foreign key \"%s\" of \"%s\" declares this reference", edge->name,
							get_rel_name(edge->child)),
					 errdetail("What it does is for account.set_reference_policy to say."),
					 errhint("Call account.set_reference_policy(%s, %s, ...).",
							 sql_literal(display_relation(edge->child)), sql_literal(edge->name))));
	}
}

/* Does a foreign key or another declared reference of the table have this name? */
static bool
is_taken(const FkReference *reference, List *references)
{
	ListCell *lc;

	foreach (lc, references)
	{
		const FkReference *other = lfirst(lc);

		if (other->child == reference->child &&
			namestrcmp((Name) &other->name, NameStr(reference->name)) == 0)
			return true;
	}
	return OidIsValid(
		get_relation_constraint_oid(reference->child, NameStr(reference->name), true));
}

/* Name a reference as PostgreSQL would name a foreign key: table_column_ref. */
static void
choose_name(FkReference *reference)
{
	List *references = fk_references();
	StringInfoData columns;

	initStringInfo(&columns);
	for (int i = 0; i < reference->ncolumns; i++)
		appendStringInfo(&columns, "%s%s", i > 0 ? "_" : "", NameStr(reference->columns[i]));
	for (int i = 0; i == 0 || is_taken(reference, references); i++)
		namestrcpy(&reference->name, makeObjectName(get_rel_name(reference->child), columns.data,
													i == 0 ? "ref" : psprintf("ref%d", i)));
}

/* Declare a reference, or change what it does. Within SPI_connect. */
static void
declare(FkReference *reference, const char *policy, const char *on_soft_delete)
{
	Oid types[] = {REGCLASSOID, NAMEOID, NAMEARRAYOID, REGCLASSOID, TEXTOID, TEXTOID};
	Datum values[6] = {0};
	char nulls[] = "      ";
	RoleState caller;

	choose_name(reference);
	values[0] = ObjectIdGetDatum(reference->child);
	values[1] = NameGetDatum(&reference->name);
	values[2] = columns_array(reference);
	values[3] = ObjectIdGetDatum(reference->parent);
	values[4] = CStringGetTextDatum(policy);
	if (on_soft_delete != NULL)
		values[5] = CStringGetTextDatum(on_soft_delete);
	else
		nulls[5] = 'n';
	caller = run_as_owner("declared_reference");
	(void) statement_run_once(
		"INSERT INTO account.declared_reference"
		" (child, name, number, columns, parent, policy, on_soft_delete)"
		" SELECT $1, $2, COALESCE(pg_catalog.max(r.number), 0) OPERATOR(pg_catalog.+) 1, $3, $4, "
		"$5,"
		" $6 FROM account.declared_reference AS r"
		" ON CONFLICT (child, parent, columns)"
		" DO UPDATE SET policy = EXCLUDED.policy, on_soft_delete = EXCLUDED.on_soft_delete",
		6, types, values, nulls, NULL);
	run_as_end(caller);
}

/* Take a reference back. Within SPI_connect. */
static void
take_back(const FkReference *reference)
{
	Oid types[] = {REGCLASSOID, NAMEARRAYOID, REGCLASSOID};
	Datum values[] = {ObjectIdGetDatum(reference->child), columns_array(reference),
					  ObjectIdGetDatum(reference->parent)};
	RoleState caller = run_as_owner("declared_reference");

	(void) statement_run_once(
		"DELETE FROM account.declared_reference WHERE child OPERATOR(pg_catalog.=) $1"
		" AND columns OPERATOR(pg_catalog.=) $2 AND parent OPERATOR(pg_catalog.=) $3",
		3, types, values, NULL, NULL);
	run_as_end(caller);
}

/*
 * account.set_reference(child regclass, columns name[], parent regclass, policy text,
 * on_soft_delete text)
 */
static Datum
set_reference_operation(PG_FUNCTION_ARGS)
{
	static const char *const arguments[] = {"child", "columns", "parent"};
	FkReference reference = {.number = InvalidOid};
	const char *policy;
	const char *on_soft_delete;

	version_check();
	for (int i = 0; i < lengthof(arguments); i++)
		if (PG_ARGISNULL(i))
			refuse_null_argument(arguments[i]);
	reference.child = PG_GETARG_OID(0);
	reference.parent = PG_GETARG_OID(2);
	check_policy_owner(reference.child);
	check_application_table(reference.parent, "a reference");
	policy = policy_argument(fcinfo, 3);
	on_soft_delete = soft_delete_argument(fcinfo, 4);
	if (policy == NULL && on_soft_delete != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a reference without policy has no \"on_soft_delete\""),
						errdetail("NULL as its policy takes the reference back."),
						errhint("Give 'cascade', 'protect' or 'set null' as its policy.")));
	lock_checked_table(reference.child, ShareUpdateExclusiveLock, "a reference policy", true);
	lock_checked_table(reference.parent, AccessShareLock, "a reference", false);
	read_columns(fcinfo, 1, &reference);
	if (policy != NULL)
	{
		ReferenceFault fault;
		int where;
		FkEdge *edge;

		refuse_citus_table(reference.parent, "a reference",
						   "Declare it as a foreign key: shards follow the catalog.");
		edge = fk_reference_edge(&reference, &fault, &where);
		if (edge == NULL)
			refuse_reference(&reference, fault, where);
		check_may_reference(edge);
		check_policies(edge, policy, on_soft_delete);
		check_no_foreign_key(edge);
	}

	/* numbers are given one after the other */
	table_close(own_table_require("declared_reference", ShareRowExclusiveLock), NoLock);
	SPI_connect();
	if (policy != NULL)
		declare(&reference, policy, on_soft_delete);
	else
		take_back(&reference);
	CommandCounterIncrement();
	fk_policy_changed(reference.parent);
	SPI_finish();
	PG_RETURN_VOID();
}

/* The tables of a row of account.declared_reference are looked at anew, by every session. */
static void
reference_changed(HeapTuple tuple, TupleDesc desc)
{
	static const int columns[] = {1, 5}; /* child, parent */

	for (int i = 0; i < lengthof(columns); i++)
	{
		bool isnull;
		Oid relid = DatumGetObjectId(heap_getattr(tuple, columns[i], desc, &isnull));

		if (!isnull && get_rel_name(relid) != NULL)
			CacheInvalidateRelcacheByRelid(relid);
	}
}

/*
 * account.declared_reference_changed() RETURNS trigger: AFTER INSERT OR UPDATE OR DELETE, for each
 * row.
 */
Datum
declared_reference_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "declared_reference_changed");
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);

	reference_changed(trigger->tg_trigtuple, desc);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		reference_changed(trigger->tg_newtuple, desc);
	return PointerGetDatum(NULL);
}
