/*
 * plan_cache.c
 *		Statements of the extension that are kept, per backend.
 *
 * They are kept by {kind, relation, other relation}. Texts hold names from the catalog, so a
 * statement that became invalid is thrown away and its text built anew by whoever keeps it, as
 * ri_triggers.c does. Everything lives for the backend; an entry is valid from the moment its
 * statement is stored.
 *
 * A CachedPlanSource parses and plans under one search_path, the present one. Ours are parsed under
 * pg_catalog, so that nobody's operators are found, and planned under the path of who runs them,
 * since planning may run functions of a table's owner. So the server gets the source after
 * parsing, and a callback for its parser sees to the rare case that it parses anew by itself.
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"
#include "parser/parse_param.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "plan_cache.h"
#include "planning.h"
#include "run_as.h"

typedef struct PlanKey
{
	int32 kind;
	Oid relid;
	Oid other;
} PlanKey;

struct KeptStatement
{
	MemoryContext context; /* holds this, the text and the types */
	char *sql;
	int nargs;
	Oid *types;
	int options; /* of cursors: how plans are chosen */
	bool lookup;
	CachedPlanSource *source; /* saved */
};

typedef struct PlanEntry
{
	PlanKey key;
	KeptStatement *statement; /* NULL: none */
} PlanEntry;

/* So many are kept at least before those that are outdated are looked for. */
#define SWEEP_MIN 64

static HTAB *plans = NULL;
static long sweep_at = SWEEP_MIN;
static int parser_level = 0; /* of settings, that setup_parser() has begun */

/*
 * What is not valid any more is freed at the end of the transaction: an outer call may still be
 * running it, while what it fires asks for it anew.
 */
static List *retired = NIL;         /* statements, in TopMemoryContext */
static List *retired_sources = NIL; /* sources, in TopMemoryContext */

/* Forget the statements whose tables have changed, or are dropped. Between transactions. */
static void
sweep(void)
{
	HASH_SEQ_STATUS status;
	PlanEntry *entry;

	hash_seq_init(&status, plans);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->statement != NULL && CachedPlanIsValid(entry->statement->source))
			continue;
		if (entry->statement != NULL)
		{
			DropCachedPlan(entry->statement->source);
			MemoryContextDelete(entry->statement->context);
		}
		(void) hash_search(plans, &entry->key, HASH_REMOVE, NULL);
	}
	sweep_at = Max(SWEEP_MIN, 2 * hash_get_num_entries(plans));
}

/* The transaction is over, so nothing runs what is retired. */
static void
transaction_ends(XactEvent event, void *arg)
{
	ListCell *lc;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	foreach (lc, retired_sources)
		DropCachedPlan(lfirst(lc));
	list_free(retired_sources);
	retired_sources = NIL;
	foreach (lc, retired)
		MemoryContextDelete(((KeptStatement *) lfirst(lc))->context);
	list_free(retired);
	retired = NIL;
	if (hash_get_num_entries(plans) >= sweep_at)
		sweep();
}

/* Retire a source, to be freed at the end of the transaction. */
static void
retire_source(CachedPlanSource *source)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	retired_sources = lappend(retired_sources, source);
	MemoryContextSwitchTo(old);
}

/* The same for a statement. Its source stays usable till then. */
static void
retire(KeptStatement *statement)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	retired = lappend(retired, statement);
	MemoryContextSwitchTo(old);
	retire_source(statement->source);
}

/* Make the empty cache. */
void
plan_cache_init(void)
{
	HASHCTL ctl = {.keysize = sizeof(PlanKey), .entrysize = sizeof(PlanEntry)};

	plans = hash_create("pgaccount plans", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	RegisterXactCallback(transaction_ends, NULL);
}

/*
 * Lock the tables of a statement, as its run will. What another session is changing of them has
 * been changed then, and makes the statement invalid: its text has names that may be others now,
 * and the server would parse it anew after it has waited for the locks.
 */
static void
lock_tables(const CachedPlanSource *source)
{
	ListCell *lc;

	foreach (lc, source->query_list)
	{
		ListCell *lc2;

		foreach (lc2, lfirst_node(Query, lc)->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc2);

			if (rte->rtekind == RTE_RELATION)
				LockRelationOid(rte->relid, rte->rellockmode);
		}
	}
}

/* The kept statement, or NULL. */
KeptStatement *
plan_lookup(PlanKind kind, Oid relid, Oid other)
{
	PlanKey key = {kind, relid, other};
	PlanEntry *entry = hash_search(plans, &key, HASH_FIND, NULL);

	if (entry == NULL || entry->statement == NULL)
		return NULL;
	if (CachedPlanIsValid(entry->statement->source))
		lock_tables(entry->statement->source);
	if (CachedPlanIsValid(entry->statement->source))
		return entry->statement;

	retire(entry->statement);
	entry->statement = NULL;
	return NULL;
}

/*
 * The server parses a statement of ours anew, as something changed between plan_lookup() and the
 * locks: under pg_catalog, until plan_get() ends.
 */
static void
setup_parser(ParseState *pstate, void *arg)
{
	KeptStatement *statement = arg;

	if (parser_level == 0)
		parser_level = names_begin();
	setup_parse_fixed_parameters(pstate, statement->types, statement->nargs);
}

/* The plan of a source; see the header. */
CachedPlan *
plan_get(CachedPlanSource *source, ParamListInfo params, QueryEnvironment *env, bool physical)
{
	CachedPlan *plan;

	parser_level = 0; /* an error undid it */
	plan = plan_own_source(source, params, env, physical);
	if (parser_level > 0)
		names_end(parser_level);
	parser_level = 0;
	return plan;
}

/* Parse the text under pg_catalog, and save it as a source under the present search_path. */
static CachedPlanSource *
make_source(KeptStatement *statement, QueryEnvironment *env)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount parsing", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RawStmt *raw = linitial_node(RawStmt, pg_parse_query(statement->sql));
	CachedPlanSource *source = CreateCachedPlan(raw, statement->sql, CreateCommandTag(raw->stmt));
	Query *query = plan_analyze(raw, statement->sql, statement->types, statement->nargs, env);

	CompleteCachedPlan(source, list_make1(query), NULL, statement->types, statement->nargs,
					   setup_parser, statement, statement->options, false);
	SaveCachedPlan(source);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return source;
}

/* Keep a statement. */
static KeptStatement *
keep(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, const Oid *types, int options,
	 QueryEnvironment *env)
{
	PlanKey key = {kind, relid, other};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgaccount kept statement",
												  ALLOCSET_SMALL_SIZES);
	KeptStatement *statement = MemoryContextAllocZero(context, sizeof(KeptStatement));
	PlanEntry *entry;
	bool found;

	statement->context = context;
	statement->sql = MemoryContextStrdup(context, sql);
	statement->nargs = nargs;
	statement->types = MemoryContextAlloc(context, Max(nargs, 1) * sizeof(Oid));
	memcpy(statement->types, types, nargs * sizeof(Oid));
	statement->options = options;
	statement->source = make_source(statement, env);
	MemoryContextSetParent(context, TopMemoryContext);

	entry = hash_search(plans, &key, HASH_ENTER, &found);
	if (found && entry->statement != NULL)
		retire(entry->statement);
	entry->statement = statement;
	return statement;
}

/* Keep a statement whose plan is chosen as the server chooses. */
KeptStatement *
plan_keep(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, const Oid *types)
{
	return keep(kind, relid, other, sql, nargs, types, 0, NULL);
}

/* Keep one with one generic plan from the first run on. */
KeptStatement *
plan_keep_generic(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, const Oid *types)
{
	return keep(kind, relid, other, sql, nargs, types, CURSOR_OPT_GENERIC_PLAN, NULL);
}

/* Keep one that names tables of ours. */
KeptStatement *
plan_keep_over(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, const Oid *types,
			   QueryEnvironment *env)
{
	return keep(kind, relid, other, sql, nargs, types, CURSOR_OPT_GENERIC_PLAN, env);
}

/* Make the plan of a kept statement now, without a kind of node. */
void
plan_make_without(KeptStatement *statement, const char *setting, Datum *values, const char *nulls,
				  QueryEnvironment *env)
{
	CachedPlanSource *source = plan_source(statement, env);
	const Oid *types;
	int nargs = plan_parameters(statement, &types);
	int level;

	if (source->gplan != NULL && source->gplan->is_valid)
		return;
	level = NewGUCNestLevel();
	plan_without(setting);
	ReleaseCachedPlan(
		plan_get(source, values ? make_params(nargs, types, values, nulls) : NULL, env, false),
		CurrentResourceOwner);
	AtEOXact_GUC(false, level);
}

/* Keep one that looks rows up by a key. */
KeptStatement *
plan_keep_lookup(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, const Oid *types)
{
	KeptStatement *statement =
		keep(kind, relid, other, sql, nargs, types, CURSOR_OPT_GENERIC_PLAN, NULL);

	statement->lookup = true;
	plan_make_without(statement, "enable_seqscan", NULL, NULL, NULL);
	return statement;
}

/* The types of its parameters. */
int
plan_parameters(const KeptStatement *statement, const Oid **types)
{
	*types = statement->types;
	return statement->nargs;
}

/* Its text. */
const char *
plan_text(const KeptStatement *statement)
{
	return statement->sql;
}

/* The source of its plans; see the header. */
CachedPlanSource *
plan_source(KeptStatement *statement, QueryEnvironment *env)
{
	CachedPlanSource *old = statement->source;

	/*
	 * what is invalid the server parses anew, by setup_parser(); another path would make it do so
	 * at each run
	 */
	if (!CachedPlanIsValid(old) || compat_path_is_current(old))
		return old;
	statement->source = make_source(statement, env);
	retire_source(old);
	if (statement->lookup)
		plan_make_without(statement, "enable_seqscan", NULL, NULL, NULL);
	return statement->source;
}

/* Forget a kept statement. */
void
plan_forget(KeptStatement *statement)
{
	HASH_SEQ_STATUS status;
	PlanEntry *entry;

	hash_seq_init(&status, plans);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->statement == statement)
		{
			retire(statement);
			entry->statement = NULL;
		}
}
