/*
 * row_policies.c
 *		Which row could the caller see, or delete, as far as row security goes?
 *
 * For what the extension does to a row with the rights of the table's owner, where the row must be
 * one that the caller could have deleted by itself. The server's own machinery answers: a SELECT,
 * which gets the caller's SELECT policies from the rewriter as any other, has its DELETE policies
 * added. So every kind of policy counts (permissive, restrictive, none at all), and what policies
 * read is read as the caller reads it, deleted rows hidden. It is planned each time: a kept plan
 * would be made anew from its text, without what was added.
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rowsecurity.h"
#include "tcop/tcopprot.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "row_policies.h"
#include "statement.h"

/* Does row security of the table apply to the caller? */
bool
row_policies_apply(Oid relid)
{
	return check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED;
}

/* The statement as analysed; names are looked up as role, who may use the schemas. */
static Query *
analyse(Oid role, const char *sql, Oid type)
{
	RoleState caller = run_as(role);
	int names = names_begin();
	Query *query =
		parse_analyze_fixedparams(linitial_node(RawStmt, pg_parse_query(sql)), sql, &type, 1, NULL);

	names_end(names);
	run_as_end(caller);
	return query;
}

/* Add the caller's DELETE policies to a SELECT from one table. */
static void
add_delete_policies(Query *query)
{
	RangeTblEntry *table = rt_fetch(1, query->rtable);
	List *checks;
	bool secured;
	bool sublinks;

	query->commandType = CMD_DELETE;
	query->resultRelation = 1;
	get_row_security_policies(query, table, 1, &table->securityQuals, &checks, &secured, &sublinks);
	query->commandType = CMD_SELECT;
	query->resultRelation = 0;
	query->hasRowSecurity |= secured;
	query->hasSubLinks |= sublinks;
	AcquireRewriteLocks(query, true, false);
}

/*
 * Run a SELECT of one tid, with the caller's policies and role's privileges. False: it has no row.
 * own: it sees deleted rows.
 */
static bool
find_tid(Query *query, const char *sql, Oid role, bool own, Oid type, Datum value, ItemPointer tid)
{
	StatementOptions options = {.dest = CreateTuplestoreDestReceiver()};
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	ParamListInfo params = make_params(1, &type, &value, NULL);
	TupleTableSlot *slot;
	TupleDesc desc;
	bool found;

	query = linitial_node(Query, QueryRewrite(query));
	compat_set_check_as_user(query, rt_fetch(1, query->rtable), role);
	desc = ExecCleanTypeFromTL(query->targetList);
	options.plan = own ? plan_own_query(query, sql, params, false, false)
					   : compat_plan_query(query, sql, params);
	SetTuplestoreDestReceiverParams(options.dest, rows, CurrentMemoryContext, false, NULL, NULL);
	(void) statement_run_once(sql, 1, &type, &value, NULL, &options);

	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	found = tuplestore_gettupleslot(rows, true, false, slot);
	if (found)
	{
		slot_getallattrs(slot);
		*tid = *(ItemPointer) DatumGetPointer(slot->tts_values[0]);
	}
	ExecDropSingleTupleTableSlot(slot);
	options.dest->rDestroy(options.dest);
	tuplestore_end(rows);
	return found;
}

/* Where the one row is that a condition finds, if the caller could see and delete it. */
bool
row_policies_find_deletable(Oid role, const char *scan, const char *condition, Oid type,
							Datum value, ItemPointer tid)
{
	char *sql = psprintf("SELECT p.ctid FROM %s p WHERE %s", scan, condition);
	Query *query = analyse(role, sql, type);

	add_delete_policies(query);
	return find_tid(query, sql, role, false, type, value, tid);
}

/* Is there the one row that a condition finds, if the caller could see it? */
bool
row_policies_let_see(Oid role, const char *scan, const char *condition, Oid type, Datum value)
{
	char *sql = psprintf("SELECT p.ctid FROM %s p WHERE %s", scan, condition);
	Query *query = analyse(role, sql, type);
	ItemPointerData tid;

	AcquireRewriteLocks(query, true, false);
	return find_tid(query, sql, role, true, type, value, &tid);
}
