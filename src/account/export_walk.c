/*
 * export_walk.c
 *		All rows that are about a user, gathered over foreign keys.
 *
 * The walk is one of sets, as a cleanup's is: from the user and its profile over every foreign key
 * to the user, whatever it does on delete, and from there on over those by which rows follow their
 * parents, by catalog or policy. Each round asks only for what references the rows of the last one.
 *
 * Every table is read as its owner, as a referential check would read it, for the caller need have
 * no rights on any. The tables of the extension are left out. So are columns that hold secrets: the
 * mapped password, and any column of text or bytes with the name of one, for what is exported
 * leaves the house.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "catalog/pg_constraint.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "fkey/fkey.h"
#include "export_walk.h"

/*
 * What the names of columns that hold secrets end in, and of tables of tokens, whose columns of the
 * third list are secrets. As whole words, `accessToken` being access_token.
 */
static const char *const secret_columns[] = {
	"password",     "passwd",     "password_hash", "password_digest", "hashed_password",
	"token",        "token_hash", "token_digest",  "secret",          "secret_key",
	"secret_hash",  "api_key",    "private_key",   "encryption_key",  "recovery_codes",
	"backup_codes", NULL};
static const char *const token_tables[] = {"token",   "tokens",   "secret", "secrets",
										   "api_key", "api_keys", NULL};
static const char *const token_columns[] = {"key", "hash", "digest", "code", NULL};

/* A walk: FkNode.data are CleanupTables with the rows found. */
typedef struct Walk
{
	const Model *model;
	FkGraph *graph;
	List *nodes; /* with a set */
} Walk;

/* The set of a table's rows; made if there is none. */
static RowSet *
rows_of(Walk *walk, FkNode *node)
{
	CleanupTable *table = node->data;
	ListCell *lc;

	if (table != NULL)
		return table->set;
	table = palloc0(sizeof(CleanupTable));
	table->node = node;
	foreach (lc, node->referencing)
	{
		FkEdge *edge = lfirst(lc);

		for (int i = 0; i < edge->nkeys; i++)
			table->keys = list_append_unique_int(table->keys, cleanup_parent_key(edge, i));
	}
	table->set = row_set_make(node->relid, table->keys);
	row_set_keep_recent(table->set);
	node->data = table;
	walk->nodes = lappend(walk->nodes, node);
	return table->set;
}

/* A row is found: its tid, then the keys that are kept of it. */
static void
add_found(TupleTableSlot *slot, void *arg)
{
	RowSet *set = arg;
	int nkeys = set->desc->natts - SET_FIXED;
	Datum *values = palloc0(set->desc->natts * sizeof(Datum));
	bool *nulls = palloc0(set->desc->natts * sizeof(bool));

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

/* Find the rows of a part of the model whose attribute is the user's id. */
static void
find_part(Walk *walk, ModelPart part, ModelAttribute attribute, const char *user_id)
{
	const Model *model = walk->model;
	Oid relid = model->relation[part];
	FkNode *node = fk_graph_node(walk->graph, relid);
	RowSet *set = rows_of(walk, node);
	Oid types[] = {model_key_type(model, attribute)};
	Datum values[1];
	OneRun run = {
		.nargs = 1, .types = types, .values = values, .options.snapshot = GetActiveSnapshot()};
	RoleState caller;

	if (!model_key_value(model, attribute, user_id, &values[0]))
		return;
	caller = run_as(relation_owner(relid));
	(void) cleanup_query(psprintf(OWN_STATEMENT "SELECT c.tableoid, c.ctid%s FROM %s c WHERE %s",
								  cleanup_key_columns(node, relid), sql_relation(relid),
								  model_sql_key(model, "c", attribute, 1)),
						 &run, add_found, set);
	run_as_end(caller);
}

/*
 * Find what references some rows of a node over its edges. all: over those that do not cascade,
 * too.
 */
static void
find_referencing(Walk *walk, FkNode *node, Tuplestorestate *rows, uint64 n, bool all)
{
	ListCell *lc;

	foreach (lc, node->referencing)
	{
		FkEdge *edge = lfirst(lc);
		EdgeQuery query = {.rows = rows, .n = n, .snapshot = GetActiveSnapshot()};
		RowSet *set;
		RoleState caller;

		if ((!all && !fk_edge_follows(edge, false)) ||
			get_rel_namespace(edge->child) == account_schema())
			continue;
		set = rows_of(walk, edge->child_node);
		caller = run_as(relation_owner(edge->child));
		cleanup_read_edge(edge, &query, add_found, set);
		run_as_end(caller);
	}
}

/* Find all rows of the walk. */
static void
walk_rows(Walk *walk, const char *user_id)
{
	FkNode *users = fk_graph_node(walk->graph, walk->model->relation[MODEL_USERS]);
	Tuplestorestate *recent;
	uint64 n;
	bool again = true;

	find_part(walk, MODEL_USERS, USERS_ID, user_id);
	recent = row_set_take_recent(rows_of(walk, users), &n);
	if (recent == NULL)
		return;
	find_referencing(walk, users, recent, n, true);
	tuplestore_end(recent);
	if (OidIsValid(walk->model->relation[MODEL_PROFILES]) && model_has(walk->model, PROFILES_USER))
		find_part(walk, MODEL_PROFILES, PROFILES_USER, user_id);
	if (model_has_members(walk->model) && model_has(walk->model, MEMBERS_USER))
		find_part(walk, MODEL_MEMBERS, MEMBERS_USER, user_id);

	while (again)
	{
		ListCell *lc;

		again = false;
		/* the list grows at its end */
		foreach (lc, walk->nodes)
		{
			FkNode *node = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			recent = row_set_take_recent(rows_of(walk, node), &n);
			if (recent == NULL)
				continue;
			find_referencing(walk, node, recent, n, false);
			tuplestore_end(recent);
			again = true;
		}
	}
}

/* Does a name end in one of some words? */
static bool
ends_in(const char *name, const char *const *words)
{
	StringInfoData snake;
	bool found = false;

	initStringInfo(&snake);
	for (const char *c = name; *c != '\0'; c++)
	{
		if (*c >= 'A' && *c <= 'Z' && c > name && c[-1] >= 'a' && c[-1] <= 'z')
			appendStringInfoChar(&snake, '_');
		appendStringInfoChar(&snake, (char) pg_tolower((unsigned char) *c));
	}
	for (; *words != NULL && !found; words++)
	{
		int before = snake.len - (int) strlen(*words);

		found = before >= 0 && strcmp(snake.data + before, *words) == 0 &&
				(before == 0 || snake.data[before - 1] == '_');
	}
	pfree(snake.data);
	return found;
}

/* Is it a column of text or bytes by whose name it holds a secret? */
static bool
holds_secret(Form_pg_attribute attribute)
{
	Oid type = getBaseType(attribute->atttypid);
	char category;
	bool preferred;

	if (OidIsValid(get_element_type(type)))
		type = getBaseType(get_element_type(type));
	get_type_category_preferred(type, &category, &preferred);
	if (category != TYPCATEGORY_STRING && type != BYTEAOID)
		return false;
	return ends_in(NameStr(attribute->attname), secret_columns) ||
		   (ends_in(get_rel_name(attribute->attrelid), token_tables) &&
			ends_in(NameStr(attribute->attname), token_columns));
}

/* Is a column left out of exports: a secret, or generated from one? */
static bool
is_left_out(Walk *walk, Relation rel, Form_pg_attribute attribute)
{
	Bitmapset *columns = NULL;
	int member = -1;

	if (attribute->attisdropped || holds_secret(attribute) ||
		(RelationGetRelid(rel) == walk->model->relation[MODEL_USERS] &&
		 attribute->attnum == walk->model->column[USERS_PASSWORD].attnum))
		return true;
	if (!attribute->attgenerated)
		return false;
	pull_varattnos(build_column_default(rel, attribute->attnum), 1, &columns);
	while ((member = bms_next_member(columns, member)) >= 0)
	{
		AttrNumber attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum > 0 && is_left_out(walk, rel, TupleDescAttr(RelationGetDescr(rel), attnum - 1)))
			return true;
	}
	return false;
}

/*
 * The columns of a table that are exported, each after a comma and prefix; and what orders its
 * rows: the primary key, NULL without one.
 */
static char *
exported_columns(Walk *walk, Oid relid, char **order)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Bitmapset *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	StringInfoData columns;
	StringInfoData ordering;

	initStringInfo(&columns);
	initStringInfo(&ordering);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), i);
		char *column;

		if (is_left_out(walk, rel, attribute))
			continue;
		column = sql_column(relid, attribute->attnum);
		appendStringInfo(&columns, "%sc.%s", columns.len > 0 ? ", " : "", column);
		if (bms_is_member(attribute->attnum - FirstLowInvalidHeapAttributeNumber, key))
			appendStringInfo(&ordering, "%spgaccount_row.%s", ordering.len > 0 ? ", " : "", column);
	}
	relation_close(rel, NoLock);
	*order = ordering.len > 0 ? ordering.data : NULL;
	return columns.data;
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
rows_as_jsonb(Walk *walk, FkNode *node)
{
	RowSet *set = ((CleanupTable *) node->data)->set;
	KnownSets known = {&set, 1};
	Oid types[] = {TIDARRAYOID};
	Datum values[1];
	OneRun run = {
		.nargs = 1, .types = types, .values = values, .options.snapshot = GetActiveSnapshot()};
	TableRows table = {.context = CurrentMemoryContext};
	char *order;
	char *columns = exported_columns(walk, node->relid, &order);
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
	Walk walk = {.model = model, .graph = fk_graph_load()};
	JsonbBuild state = {0};
	int nest_level = cleanup_join_memory();
	ListCell *lc;

	walk_rows(&walk, user_id);
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
