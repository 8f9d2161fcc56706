/*
 * keys_write.c
 *		Keys of rows that stay, set null or default.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "keys_write.h"
#include "removal_rights.h"

/* SQL: the assignments that an edge makes to rows that lose their parent. */
static char *
set_assignments(FkEdge *edge)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < edge->nset; i++)
		appendStringInfo(&sql, "%s%s = %s", i > 0 ? ", " : "",
						 sql_column(edge->child, edge->set_cols[i]),
						 edge->on_delete == FKCONSTR_ACTION_SETNULL ? "NULL" : "DEFAULT");
	return sql.data;
}

/* Rows whose key was set, with the key that they have now. */
typedef struct Written
{
	FkNode *node;
	RowSet *rows;
	bool back; /* one references a row of the set still */
} Written;

/* A row was written: its place, then its key. */
static void
note_written(TupleTableSlot *slot, void *arg)
{
	RowSet *rows = ((Written *) arg)->rows;
	int nkeys = rows->desc->natts - SET_FIXED;
	Datum values[SET_FIXED + INDEX_MAX_KEYS];
	bool nulls[SET_FIXED + INDEX_MAX_KEYS] = {false};

	values[SET_TAB] = slot->tts_values[0];
	values[SET_TID] = slot->tts_values[1];
	values[SET_VIA] = Int32GetDatum(0);
	for (int i = 0; i < nkeys; i++)
	{
		values[SET_FIXED + i] = slot->tts_values[2 + i];
		nulls[SET_FIXED + i] = slot->tts_isnull[2 + i];
	}
	(void) row_set_add(rows, values, nulls);
}

/* A row that one which was written references. */
static void
note_back(TupleTableSlot *slot, void *arg)
{
	Written *written = arg;

	written->back |= cleanup_has_row(written->node, slot);
}

/* The columns of an edge's child, as the table of its node numbers them. */
static List *
child_keys(const FkEdge *edge)
{
	List *keys = NIL;

	for (int i = 0; i < edge->nkeys; i++)
		keys = list_append_unique_int(keys, cleanup_child_key(edge, i));
	return keys;
}

/* Raise 23503 if keys that were set default lead to rows that go, too. */
static void
check_defaults(const Cleanup *cleanup, FkEdge *edge, Written *written)
{
	OneRun run = {.options.env = create_queryEnv()};
	RoleState reader;
	StringInfoData sql;

	if (written->rows->n == 0)
		return;
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT "SELECT c.tableoid, c.ctid FROM %s c, " SET_NAME " s"
								   " WHERE ",
					 sql_keyed_relation(edge->parent));
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&sql, "%sc.%s%s %s s.k%d", i > 0 ? " AND " : "",
						 sql_column(edge->parent, edge->parent_cols[i]), fk_join_collation(edge, i),
						 sql_operator(edge->equality[i]), cleanup_child_key(edge, i));
	row_set_register(run.options.env, SET_NAME, written->rows->desc, row_set_rows(written->rows),
					 written->rows->n);
	reader =
		cleanup->as_owners ? run_as(relation_owner(edge->parent)) : run_as_reader(edge->parent);
	(void) cleanup_query(sql.data, &run, note_back, written);
	run_as_end(reader);
	if (written->back)
		ereport(ERROR, (errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
						errmsg("the default key of \"%s\" references a row that is being removed",
							   get_rel_name(edge->child)),
						errdetail("%s.%s: " UINT64_FORMAT " rows", display_relation(edge->child),
								  reference_column(edge), written->rows->n),
						errhint("Give the columns another default, or remove these rows first."),
						err_constraint(edge)));
}

/* Set the keys of some rows over an edge; returns of how many. */
uint64
keys_write(Cleanup *cleanup, FkEdge *edge, RowSet *set)
{
	bool to_default = edge->on_delete == FKCONSTR_ACTION_SETDEFAULT;
	OneRun run = {.options.env = create_queryEnv()};
	Written written = {.node = edge->parent_node};
	RoleState caller;
	StringInfoData sql;
	uint64 done;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT "UPDATE %s c SET %s FROM " SET_NAME " s WHERE"
								   " c.ctid OPERATOR(pg_catalog.=) s.tid"
								   " AND c.ctid OPERATOR(pg_catalog.>=) s.tid"
								   " AND c.ctid OPERATOR(pg_catalog.<=) s.tid"
								   " AND c.tableoid OPERATOR(pg_catalog.=) s.tab",
					 sql_keyed_relation(edge->child), set_assignments(edge));
	if (to_default)
	{
		List *keys = child_keys(edge);

		written.rows = row_set_make(edge->child_node->relid, keys);
		appendStringInfo(&sql, " RETURNING c.tableoid, c.ctid%s",
						 cleanup_columns(edge->child_node, edge->child, keys));
	}
	cleanup_check_set(cleanup, edge);
	/* a partition that has the key for itself may belong to another role than the whole */
	removal_run_as_owner(cleanup, list_make1_oid(edge->child), &run, &caller);
	row_set_register(run.options.env, SET_NAME, set->desc, set->all, set->n);
	done = to_default ? cleanup_query(sql.data, &run, note_written, &written)
					  : run_once(sql.data, &run);
	run_as_end(caller);
	if (to_default)
	{
		check_defaults(cleanup, edge, &written);
		row_set_free(written.rows);
	}
	return done;
}
