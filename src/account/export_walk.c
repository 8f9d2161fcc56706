/*
 * export_walk.c
 *		All rows that are about a user, or a tenant's, gathered over foreign keys.
 *
 * The walk is one of sets, as a cleanup's is: from the user and its profile over every foreign key
 * to the user, whatever it does on delete, and from there on over those by which rows follow their
 * parents, by catalog or policy. Each round asks only for what references the rows of the last one.
 *
 * From a tenant it goes in two steps. What references the tenant, or names it in the column by
 * which its table is isolated, is its own, and so is what follows that, or must reference it; what
 * may reference it is exported, but is not gone on from. From its users the walk goes as from one.
 * Isolated tables count whose owners might have declared a reference. A row that names another
 * tenant is left out, wherever the walk comes from: by a reference, or in the column by which its
 * table is isolated. Which tenants and users (and memberships) there are only the model says: so a
 * user who has invited one of another tenant takes nothing of that along.
 *
 * Every table is read as its owner, as a referential check would read it, for the caller need have
 * no rights on any. The tables of the extension are left out.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "catalog/pg_constraint.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "fkey/fkey.h"
#include "softdelete/softdelete.h"
#include "export_columns.h"
#include "export_walk.h"

/*
 * Columns of a table that name a tenant, by one reference, and what they are of the tenant that is
 * exported: where they are among the keys that are kept, its values, and how they are compared.
 */
typedef struct Naming
{
	FkComparison *comparison;
	int n;
	int columns[INDEX_MAX_KEYS]; /* of the reference */
	int keys[INDEX_MAX_KEYS];
	Datum values[INDEX_MAX_KEYS];
} Naming;

/* The place of a column among the keys that are kept of a table; it is there. */
static int
key_place(const CleanupTable *table, AttrNumber attnum)
{
	ListCell *lc;

	foreach (lc, table->keys)
		if (lfirst_int(lc) == attnum)
			return foreach_current_index(lc);
	elog(ERROR, "column %d of relation %u is not kept", attnum, table->node->relid);
}

/* The columns of the child as the table of its node numbers them. */
static AttrNumber
child_key(const FkEdge *edge, int i)
{
	return get_attnum(edge->child_node->relid,
					  get_attname(edge->child, edge->child_cols[i], false));
}

/* The references of a node to the tenants. NIL in a walk that is not of a tenant. */
static List *
edges_to_tenants(const ExportWalk *walk, const FkNode *node)
{
	List *edges = NIL;
	ListCell *lc;

	if (walk->tenants != NULL && node != walk->tenants)
		foreach (lc, walk->tenants->referencing)
			if (((FkEdge *) lfirst(lc))->child_node == node)
				edges = lappend(edges, lfirst(lc));
	return edges;
}

/* By which columns a row of a table names a tenant, as the row of the tenant has them. */
static List *
naming_of(const ExportWalk *walk, const CleanupTable *table, List *edges)
{
	const CleanupTable *tenants = walk->tenants != NULL ? walk->tenants->data : NULL;
	TupleTableSlot *slot;
	List *naming = NIL;
	ListCell *lc;

	if (edges == NIL)
		return NIL;
	slot = MakeSingleTupleTableSlot(tenants->set->desc, &TTSOpsMinimalTuple);
	row_set_rewind(row_set_rows(tenants->set));
	if (!tuplestore_gettupleslot(row_set_rows(tenants->set), true, true, slot))
		edges = NIL;
	else
		slot_getallattrs(slot);
	foreach (lc, edges)
	{
		FkEdge *edge = lfirst(lc);
		Naming *one = palloc0(sizeof(Naming));

		one->comparison = fk_comparison(edge);
		for (int i = 0; i < edge->nkeys; i++)
		{
			AttrNumber parent = cleanup_parent_key(edge, i);
			int place = SET_FIXED + key_place(tenants, parent);

			if (slot->tts_isnull[place])
				continue;
			one->keys[one->n] = key_place(table, child_key(edge, i));
			one->values[one->n] = fk_parent_value(one->comparison, i, slot->tts_values[place]);
			one->columns[one->n++] = i;
		}
		naming = lappend(naming, one);
	}
	ExecDropSingleTupleTableSlot(slot);
	return naming;
}

/* A column of a table that names a tenant, as tenant isolation says, and no reference. */
typedef struct IsolatingColumn
{
	AttrNumber attnum;
	int key; /* among those that are kept */
	Oid type;
	Oid collation;
	const TenantKey *tenant;
} IsolatingColumn;

/*
 * The columns by which a table is isolated, but for those of which a reference to the tenants says
 * whom they name. NIL in a walk that is not of a tenant.
 */
static List *
isolating_columns(const ExportWalk *walk, const FkNode *node, List *edges)
{
	List *columns = NIL;
	List *referencing = NIL;
	ListCell *lc;

	if (walk->tenants == NULL || node == walk->tenants)
		return NIL;
	foreach (lc, edges)
		if (((FkEdge *) lfirst(lc))->nkeys == 1)
			referencing = lappend_int(referencing, child_key(lfirst(lc), 0));
	foreach (lc, list_difference_int(tenant_isolating_columns(node->relid), referencing))
	{
		IsolatingColumn *column = palloc0(sizeof(IsolatingColumn));
		int32 typmod;

		column->attnum = (AttrNumber) lfirst_int(lc);
		get_atttypetypmodcoll(node->relid, column->attnum, &column->type, &typmod,
							  &column->collation);
		column->type = getBaseType(column->type);
		column->tenant = walk->tenant;
		columns = lappend(columns, column);
	}
	return columns;
}

/* The set of a table's rows; made if there is none. */
static ExportTable *
table_of(ExportWalk *walk, FkNode *node)
{
	List *naming;
	ExportTable *exported = node->data;
	CleanupTable *table;
	ListCell *lc;

	if (exported != NULL)
		return exported;
	exported = palloc0(sizeof(ExportTable));
	table = &exported->table;
	table->node = node;
	naming = edges_to_tenants(walk, node);
	exported->isolating = isolating_columns(walk, node, naming);
	foreach (lc, exported->isolating)
		table->keys = list_append_unique_int(table->keys, ((IsolatingColumn *) lfirst(lc))->attnum);
	foreach (lc, naming)
	{
		FkEdge *edge = lfirst(lc);

		for (int i = 0; i < edge->nkeys; i++)
			table->keys = list_append_unique_int(table->keys, child_key(edge, i));
	}
	foreach (lc, node->referencing)
	{
		FkEdge *edge = lfirst(lc);

		for (int i = 0; i < edge->nkeys; i++)
			table->keys = list_append_unique_int(table->keys, cleanup_parent_key(edge, i));
	}
	table->set = row_set_make(node->relid, table->keys);
	row_set_keep_recent(table->set);
	exported->naming = naming_of(walk, table, naming);
	foreach (lc, exported->isolating)
	{
		IsolatingColumn *column = lfirst(lc);

		column->key = key_place(table, column->attnum);
	}
	exported->number = list_length(walk->nodes);
	node->data = table;
	walk->nodes = lappend(walk->nodes, node);
	return exported;
}

/* Does a row, whose keys are given, name another tenant? */
static bool
names_other_tenant(const ExportTable *table, const Datum *keys, const bool *nulls)
{
	ListCell *lc;

	foreach (lc, table->naming)
	{
		Naming *naming = lfirst(lc);
		bool some_null = false;
		bool same = true;

		for (int i = 0; i < naming->n; i++)
			some_null |= nulls[naming->keys[i]];
		for (int i = 0; i < naming->n && !some_null && same; i++)
			same = fk_equal(naming->comparison, naming->columns[i], naming->values[i],
							keys[naming->keys[i]]);
		if (!some_null && !same)
			return true;
	}
	foreach (lc, table->isolating)
	{
		const IsolatingColumn *column = lfirst(lc);

		if (!nulls[column->key] &&
			!tenant_key_is(column->tenant, column->type, column->collation, keys[column->key]))
			return true;
	}
	return false;
}

/* A row is found: its tid, then the keys that are kept of it. */
static void
add_found(TupleTableSlot *slot, void *arg)
{
	ExportTable *table = arg;
	RowSet *set = table->table.set;
	int nkeys = set->desc->natts - SET_FIXED;
	Datum *values;
	bool *nulls;

	if (names_other_tenant(table, slot->tts_values + 2, slot->tts_isnull + 2))
		return;
	values = palloc0(set->desc->natts * sizeof(Datum));
	nulls = palloc0(set->desc->natts * sizeof(bool));
	values[SET_TAB] = slot->tts_values[0];
	values[SET_TID] = slot->tts_values[1];
	for (int i = 0; i < nkeys; i++)
	{
		values[SET_FIXED + i] = slot->tts_values[2 + i];
		nulls[SET_FIXED + i] = slot->tts_isnull[2 + i];
	}
	(void) row_set_add(set, values, nulls);
	pfree(values);
	pfree(nulls);
}

/*
 * Find the rows `c` of a table that fulfil a condition on $1, as a role; without type it has no
 * parameter. from: the table as it is read. Set 0 is that of the users.
 */
static void
find_in(ExportWalk *walk, Oid relid, const char *from, const char *condition, Oid type, Datum value,
		Oid role)
{
	FkNode *node = fk_graph_node(walk->graph, relid);
	ExportTable *table = table_of(walk, node);
	CleanupTable *users = fk_graph_node(walk->graph, walk->model->relation[MODEL_USERS])->data;
	KnownSets known = {users != NULL ? &users->set : NULL, users != NULL ? 1 : 0};
	OneRun run = {.nargs = OidIsValid(type) ? 1 : 0,
				  .types = &type,
				  .values = &value,
				  .options.snapshot = GetActiveSnapshot()};
	RoleState caller = run_as(role);

	(void) cleanup_run_knowing(psprintf(OWN_STATEMENT "SELECT c.tableoid, c.ctid%s FROM %s c WHERE"
													  " %s",
										cleanup_key_columns(node, relid), from, condition),
							   &run, known, add_found, table);
	run_as_end(caller);
}

/* The same in a part of the model. */
static void
find_where(ExportWalk *walk, ModelPart part, const char *condition, Oid type, Datum value, Oid role)
{
	Oid relid = walk->model->relation[part];

	find_in(walk, relid, sql_relation(relid), condition, type, value, role);
}

/* Find the rows of a part of the model whose attribute is an id. */
static void
find_part(ExportWalk *walk, ModelPart part, ModelAttribute attribute, const char *id)
{
	const Model *model = walk->model;
	Datum value;

	if (model_key_value(model, attribute, id, &value))
		find_where(walk, part, model_sql_key(model, "c", attribute, 1),
				   model_key_type(model, attribute), value, relation_owner(model->relation[part]));
}

/*
 * SQL: is row `alias` of a part deleted, and did membership `m`, which is, not end before? As far
 * as soft delete says when.
 */
static char *
ended_with(const Model *model, const char *alias, ModelPart part)
{
	Oid relids[] = {model->relation[MODEL_MEMBERS], model->relation[part]};
	SoftDelete mappings[lengthof(relids)];

	for (int i = 0; i < lengthof(relids); i++)
	{
		const SoftDelete *found = mapping_declared(relids[i]);

		if (found == NULL)
			return psprintf("NOT %s", live_sql(model, alias, part));
		mappings[i] = *found;
	}
	return psprintf(
		"(NOT %s AND (m.%s OPERATOR(pg_catalog.>=) %s) IS NOT FALSE)", live_sql(model, alias, part),
		sql_column(relids[0], mappings[0].deleted_at),
		sql_stamp_from(&mappings[0].stamp,
					   psprintf("%s.%s", alias, sql_column(relids[1], mappings[1].deleted_at)),
					   &mappings[1].stamp));
}

/*
 * Find the users that are members of a tenant, or were when they were deleted, or the tenant was.
 * Who has left is not the tenant's any more, be the membership removed or deleted.
 */
static void
find_members(ExportWalk *walk, const char *tenant_id)
{
	const Model *model = walk->model;
	Datum value;

	if (model_key_value(model, MEMBERS_TENANT, tenant_id, &value))
		find_where(walk, MODEL_USERS,
				   psprintf("EXISTS (SELECT 1 FROM %s m WHERE %s AND %s AND (%s OR %s OR EXISTS"
							" (SELECT 1 FROM %s t WHERE %s AND %s)))",
							sql_relation(model->relation[MODEL_MEMBERS]),
							model_sql_same_key(model, "m", MEMBERS_USER, "c", USERS_ID),
							model_sql_key(model, "m", MEMBERS_TENANT, 1),
							live_sql(model, "m", MODEL_MEMBERS),
							ended_with(model, "c", MODEL_USERS),
							sql_relation(model->relation[MODEL_TENANTS]),
							model_sql_same_key(model, "t", TENANTS_ID, "m", MEMBERS_TENANT),
							ended_with(model, "t", MODEL_TENANTS)),
				   model_key_type(model, MEMBERS_TENANT), value, model->owner[MODEL_USERS]);
}

/* Find the profiles of the users found, where no reference says whose they are. */
static void
find_profiles(ExportWalk *walk)
{
	const Model *model = walk->model;
	ListCell *lc;

	if (!OidIsValid(model->relation[MODEL_PROFILES]) || !model_has(model, PROFILES_USER))
		return;
	foreach (lc, fk_graph_node(walk->graph, model->relation[MODEL_USERS])->referencing)
	{
		FkEdge *edge = lfirst(lc);

		if (edge->child == model->relation[MODEL_PROFILES] && edge->nkeys == 1 &&
			edge->child_cols[0] == model->column[PROFILES_USER].attnum)
			return;
	}
	find_where(walk, MODEL_PROFILES,
			   psprintf("EXISTS (SELECT 1 FROM %s u WHERE %s AND"
						" account.row_in_set(0, u.tableoid, u.ctid))",
						sql_relation(model->relation[MODEL_USERS]),
						model_sql_same_key(model, "u", USERS_ID, "c", PROFILES_USER)),
			   InvalidOid, (Datum) 0, model->owner[MODEL_USERS]);
}

/* Which references a walk goes over. */
typedef enum WalkOver
{
	WALK_FOLLOWING, /* those by which rows follow, by catalog or policy */
	WALK_OWNED,     /* those as well that rows must have: their columns are NOT NULL */
	WALK_LOOSE,     /* all but these */
	WALK_ALL
} WalkOver;

/* Does the model alone say which rows of a node are the tenant's? */
static bool
is_found_by_model(const ExportWalk *walk, const FkNode *node)
{
	const Model *model = walk->model;

	return walk->tenants != NULL &&
		   (node == walk->tenants || node->relid == fk_node_table(model->relation[MODEL_USERS]) ||
			(model_has_members(model) &&
			 node->relid == fk_node_table(model->relation[MODEL_MEMBERS])));
}

/* Does the walk go over an edge? */
static bool
goes_over(const ExportWalk *walk, const FkEdge *edge, WalkOver over)
{
	if (get_rel_namespace(edge->child) == account_schema() ||
		is_found_by_model(walk, edge->child_node))
		return false;
	switch (over)
	{
		case WALK_FOLLOWING:
			return fk_edge_follows(edge, false);
		case WALK_OWNED:
			return fk_edge_follows(edge, false) || fk_edge_is_mandatory(edge);
		case WALK_LOOSE:
			return !fk_edge_follows(edge, false) && !fk_edge_is_mandatory(edge);
		case WALK_ALL:
			break;
	}
	return true;
}

/* Find what references some rows of a node over its edges. */
static void
find_referencing(ExportWalk *walk, FkNode *node, Tuplestorestate *rows, uint64 n, WalkOver over)
{
	ListCell *lc;

	foreach (lc, node->referencing)
	{
		FkEdge *edge = lfirst(lc);
		EdgeQuery query = {.rows = rows, .n = n, .snapshot = GetActiveSnapshot()};
		ExportTable *table;
		RoleState caller;

		if (!goes_over(walk, edge, over))
			continue;
		table = table_of(walk, edge->child_node);
		caller = run_as(relation_owner(edge->child));
		cleanup_read_edge(edge, &query, add_found, table);
		run_as_end(caller);
	}
}

/* Find what references the rows of a node that are new. False: there are none. */
static bool
find_from(ExportWalk *walk, FkNode *node, WalkOver over)
{
	uint64 n;
	Tuplestorestate *recent = row_set_take_recent(table_of(walk, node)->table.set, &n);

	if (recent == NULL)
		return false;
	find_referencing(walk, node, recent, n, over);
	tuplestore_end(recent);
	return true;
}

/* Go on from all rows that are new, until there are none. */
static void
find_rest(ExportWalk *walk, WalkOver over)
{
	bool again = true;

	while (again)
	{
		ListCell *lc;

		again = false;
		/* the list grows at its end */
		foreach (lc, walk->nodes)
		{
			CHECK_FOR_INTERRUPTS();
			again |= find_from(walk, lfirst(lc), over);
		}
	}
}

/* Find all rows that are about a user. */
static void
walk_user(ExportWalk *walk, const char *user_id)
{
	FkNode *users = fk_graph_node(walk->graph, walk->model->relation[MODEL_USERS]);

	find_part(walk, MODEL_USERS, USERS_ID, user_id);
	if (!find_from(walk, users, WALK_ALL))
		return;
	if (OidIsValid(walk->model->relation[MODEL_PROFILES]) && model_has(walk->model, PROFILES_USER))
		find_part(walk, MODEL_PROFILES, PROFILES_USER, user_id);
	if (model_has_members(walk->model) && model_has(walk->model, MEMBERS_USER))
		find_part(walk, MODEL_MEMBERS, MEMBERS_USER, user_id);
	find_rest(walk, WALK_FOLLOWING);
}

/* The first part of a table whose rows another server, or a program, has; InvalidOid: none. */
static Oid
foreign_part(Oid relid)
{
	ListCell *lc;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return InvalidOid;
	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return lfirst_oid(lc);
	return InvalidOid;
}

/* May the owner of a table declare a reference to the tenants? */
static bool
may_reference_tenants(const ExportWalk *walk, Oid relid)
{
	const Model *model = walk->model;
	Oid tenants = model->relation[MODEL_TENANTS];
	Oid owner = relation_owner(relid);

	return pg_class_aclcheck(tenants, owner, ACL_REFERENCES) == ACLCHECK_OK ||
		   pg_attribute_aclcheck(tenants, model->column[TENANTS_ID].attnum, owner,
								 ACL_REFERENCES) == ACLCHECK_OK;
}

/* Tell that rows are left out, and why; true. */
static bool
tell_left_out(Oid relid, const char *detail, const char *hint)
{
	ereport(WARNING, (errmsg("rows of %s that name the tenant may not be in the export",
							 display_relation(relid)),
					  errdetail("%s", detail), errhint("%s", hint)));
	return true;
}

/* Is an isolated table none that is read? That is told. */
static bool
is_passed_over(const ExportWalk *walk, Oid relid)
{
	Oid part = foreign_part(relid);

	if (OidIsValid(part))
		return tell_left_out(relid,
							 psprintf("Its partition %s is a foreign table, whose rows have no "
									  "place here.",
									  display_relation(part)),
							 "Read them by the column of account.enable_tenant_isolation().");
	if (!may_reference_tenants(walk, relid))
		return tell_left_out(
			relid,
			psprintf("Its owner may not reference %s, and whoever may says what is exported.",
					 display_relation(walk->model->relation[MODEL_TENANTS])),
			psprintf("GRANT REFERENCES ON %s TO %s;",
					 sql_relation(walk->model->relation[MODEL_TENANTS]),
					 quote_identifier(GetUserNameFromId(relation_owner(relid), false))));
	return false;
}

/* Find the rows of a node's table that name the tenant in a column by which they are isolated. */
static void
find_isolated_in(ExportWalk *walk, FkNode *node)
{
	Oid relid = node->relid;
	List *columns = table_of(walk, node)->isolating;
	ListCell *lc;

	if (columns == NIL || is_passed_over(walk, relid))
		return;
	foreach (lc, columns)
	{
		AttrNumber attnum = ((IsolatingColumn *) lfirst(lc))->attnum;
		Oid type;
		Datum value;
		char *condition = tenant_key_condition(walk->tenant, relid, attnum, &type, &value);

		if (condition != NULL)
			find_in(walk, relid, sql_keyed_relation(relid), condition, type, value,
					relation_owner(relid));
	}
}

/*
 * Lock an isolated table, so that it stays until the end. False: it is gone, or its owner, who may
 * not say what is exported, keeps others from it.
 */
static bool
lock_isolated(const ExportWalk *walk, Oid relid)
{
	Relation rel;

	if (get_rel_relkind(relid) == '\0' || (!may_reference_tenants(walk, relid) &&
										   !ConditionalLockRelationOid(relid, AccessShareLock)))
		return false;
	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		return false;
	relation_close(rel, NoLock);
	return true;
}

/*
 * Find the rows that name the tenant in the column by which their table is isolated, where no
 * reference to the tenants says so.
 */
static void
find_isolated(ExportWalk *walk)
{
	List *nodes = NIL;
	ListCell *lc;

	foreach (lc, tenant_isolated_tables())
	{
		FkNode *node;

		CHECK_FOR_INTERRUPTS();
		if (!lock_isolated(walk, lfirst_oid(lc)) ||
			get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			continue;
		node = fk_graph_node(walk->graph, lfirst_oid(lc));
		if (!list_member_ptr(nodes, node) && !is_found_by_model(walk, node))
			find_isolated_in(walk, node);
		nodes = list_append_unique_ptr(nodes, node);
	}
}

/* Find all rows of a tenant; see the header. */
void
export_walk_tenant(ExportWalk *walk, const char *tenant_id)
{
	const Model *model = walk->model;
	FkNode *users = fk_graph_node(walk->graph, model->relation[MODEL_USERS]);

	walk->tenant = tenant_key_make(tenant_id);
	walk->tenants = fk_graph_node(walk->graph, fk_node_table(model->relation[MODEL_TENANTS]));
	find_part(walk, MODEL_TENANTS, TENANTS_ID, tenant_id);
	if (!find_from(walk, walk->tenants, WALK_ALL))
		return;
	find_isolated(walk);
	find_rest(walk, WALK_OWNED);
	for (int i = 0, n = list_length(walk->nodes); i < n; i++)
	{
		FkNode *node = list_nth(walk->nodes, i);
		RowSet *set = table_of(walk, node)->table.set;

		if (set->n > 0 && node != walk->tenants)
			find_referencing(walk, node, row_set_rows(set), set->n, WALK_LOOSE);
	}
	if (model_has_members(model))
	{
		find_members(walk, tenant_id);
		find_part(walk, MODEL_MEMBERS, MEMBERS_TENANT, tenant_id);
	}
	else
		find_part(walk, MODEL_USERS, USERS_TENANT, tenant_id);
	(void) find_from(walk, users, WALK_ALL);
	find_profiles(walk);
	find_rest(walk, WALK_FOLLOWING);
}

/* Where the rows of a table come. */
typedef struct TableRows
{
	MemoryContext context;
	Jsonb *rows;
} TableRows;

/* The rows of a table, in one value. */
static void
take_rows(TupleTableSlot *slot, void *arg)
{
	TableRows *table = arg;
	MemoryContext old = MemoryContextSwitchTo(table->context);

	table->rows = slot->tts_isnull[0] ? NULL : DatumGetJsonbPCopy(slot->tts_values[0]);
	MemoryContextSwitchTo(old);
}

/* The rows of a node as an array; NULL: none. */
static Jsonb *
rows_as_jsonb(ExportWalk *walk, FkNode *node)
{
	RowSet *set = ((CleanupTable *) node->data)->set;
	KnownSets known = {&set, 1};
	Oid types[] = {TIDARRAYOID};
	Datum values[1];
	OneRun run = {
		.nargs = 1, .types = types, .values = values, .options.snapshot = GetActiveSnapshot()};
	TableRows table = {.context = CurrentMemoryContext};
	char *order;
	char *columns = export_columns(walk->model, node->relid, &order);
	RoleState caller;

	if (set->n == 0)
		return NULL;
	values[0] = row_set_tids(set->desc, row_set_rows(set), set->n);
	caller = run_as(relation_owner(node->relid));
	(void) cleanup_run_knowing(
		psprintf(OWN_STATEMENT "SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(pgaccount_row)"
							   " ORDER BY %s) FROM (SELECT %s FROM %s c WHERE"
							   " c.ctid OPERATOR(pg_catalog.=) ANY ($1) AND"
							   " account.row_in_set(0, c.tableoid, c.ctid)) AS pgaccount_row",
				 order ? order : "pg_catalog.to_jsonb(pgaccount_row)", columns,
				 sql_relation(node->relid)),
		&run, known, take_rows, &table);
	run_as_end(caller);
	pfree(DatumGetPointer(values[0]));
	return table.rows;
}

/* All rows that are about a user. */
Jsonb *
export_rows(const Model *model, const char *user_id)
{
	ExportWalk walk = {.model = model, .graph = fk_graph_load()};
	JsonbBuild state = {0};
	int nest_level = cleanup_join_memory();
	ListCell *lc;

	walk_user(&walk, user_id);
	compat_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
	foreach (lc, walk.nodes)
	{
		FkNode *node = lfirst(lc);
		Jsonb *rows = rows_as_jsonb(&walk, node);
		JsonbValue value;

		row_set_free(((CleanupTable *) node->data)->set);
		if (rows == NULL)
			continue;
		value.type = jbvString;
		value.val.string.val = display_relation(node->relid);
		value.val.string.len = (int) strlen(value.val.string.val);
		compat_push_jsonb(&state, WJB_KEY, &value);
		value.type = jbvBinary;
		value.val.binary.data = &rows->root;
		value.val.binary.len = (int) VARSIZE(rows) - VARHDRSZ;
		compat_push_jsonb(&state, WJB_VALUE, &value);
	}
	compat_push_jsonb(&state, WJB_END_OBJECT, NULL);
	AtEOXact_GUC(true, nest_level);
	return JsonbValueToJsonb(state.result);
}
