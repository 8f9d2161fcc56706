/*
 * profile_rule.c
 *		The rules by which profiles are made: the registry, and what the backend keeps of it.
 *
 * A rule is spread over what PostgreSQL itself keeps true. The trigger on the users table marks the
 * profiles table in its WHEN clause, the trigger on the profiles table marks users and user_column:
 * so renames are followed and drops are refused or noticed. The registry (account.profile_rule,
 * account.profile_default) holds the values of new profiles, and is the authority: only
 * enable_profile, which asks for the ownership of both tables, writes it, so a trigger that
 * somebody made by hand gains nothing.
 *
 * Cached rules and triggers are valid while the generation they were read in lasts; any change of a
 * table they belong to (the registry's trigger sends one too), of a function or of a type ends it.
 * A rule that is read anew leaves its old form to the transaction, as a caller may still use it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "profile_rule.h"

typedef struct RuleKey
{
	Oid users;
	Oid profiles;
} RuleKey;

typedef struct RuleEntry
{
	RuleKey key;
	uint64 generation;
	ProfileRule *rule; /* NULL: there is none */
} RuleEntry;

typedef struct TriggerEntry
{
	Oid trigger;
	uint64 generation;
	Oid relid;
	RuleKey key;
	AttrNumber attnum;
	bool always; /* its WHEN clause is a mark and nothing more */
} TriggerEntry;

static HTAB *rules = NULL;
static HTAB *triggers = NULL;
static uint64 current_generation = 1;

/* What this session has been warned of: texts, in TopMemoryContext. */
static List *warned = NIL;

/* The partitioned profiles table that a statement of ours inserts into. */
static Oid inserting_into = InvalidOid;

/* OIDs of the extension's trigger functions; looked up anew when a function changed. */
static struct
{
	const char *name;
	Oid oid;
	bool known;
} own_functions[] = {
	{MAKE_PROFILE}, {ADOPT_PROFILE}, {KEEP_PROFILE}, {"soft_delete"}, {"guard_reference"}};

/* A relation changed: does a rule or a trigger of ours hang on it? */
static void
relation_changed(Oid relid)
{
	HASH_SEQ_STATUS scan;
	RuleEntry *rule;
	TriggerEntry *trigger;

	if (!OidIsValid(relid))
	{
		current_generation++;
		return;
	}
	hash_seq_init(&scan, rules);
	while ((rule = hash_seq_search(&scan)) != NULL)
		if (rule->key.users == relid || rule->key.profiles == relid ||
			(rule->rule != NULL && list_member_oid(rule->rule->parts, relid)))
			current_generation++;
	hash_seq_init(&scan, triggers);
	while ((trigger = hash_seq_search(&scan)) != NULL)
		if (trigger->relid == relid)
			current_generation++;
}

/* A function or a type changed: the proof, the values and the functions' OIDs may be others. */
static void
definition_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	current_generation++;
	for (int i = 0; i < lengthof(own_functions); i++)
		own_functions[i].known = false;
}

/* Make the empty caches, register what invalidates them. */
void
profile_rule_init(void)
{
	HASHCTL rule_ctl = {.keysize = sizeof(RuleKey), .entrysize = sizeof(RuleEntry)};
	HASHCTL trigger_ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(TriggerEntry)};

	rules = hash_create("pgaccount profile rules", 8, &rule_ctl, HASH_ELEM | HASH_BLOBS);
	triggers = hash_create("pgaccount profile triggers", 16, &trigger_ctl, HASH_ELEM | HASH_BLOBS);
	relation_changes_follow(relation_changed);
	CacheRegisterSyscacheCallback(PROCOID, definition_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, definition_changed, (Datum) 0);
}

/* Is this the function of that name of the extension? */
bool
is_own_function(Oid funcid, const char *name)
{
	for (int i = 0; i < lengthof(own_functions); i++)
	{
		if (strcmp(own_functions[i].name, name) != 0)
			continue;
		if (!own_functions[i].known)
		{
			Oid schema = account_schema();
			oidvector *noargs = buildoidvector(NULL, 0);

			own_functions[i].oid =
				GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
								PointerGetDatum(noargs), ObjectIdGetDatum(schema));
			own_functions[i].known = true;
		}
		return OidIsValid(funcid) && own_functions[i].oid == funcid;
	}
	return false;
}

/* Raise a WARNING, unless this session has had it; anew: even then. */
static void
profile_warn(bool anew, const char *message, const char *detail, const char *hint)
{
	char *text = psprintf("%s: %s", message, detail);
	bool had = false;
	ListCell *cell;

	foreach (cell, warned)
		had |= strcmp(lfirst(cell), text) == 0;
	if (!had)
	{
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		warned = lappend(warned, pstrdup(text));
		MemoryContextSwitchTo(caller);
	}
	if (anew || !had)
		ereport(WARNING, (errmsg_internal("%s", message), errdetail_internal("%s", detail),
						  errhint("%s", hint)));
}

/* A default is left out of the profiles of this table: warn. */
void
profile_warn_default(bool anew, Oid profiles, const char *column, const char *problem)
{
	profile_warn(anew,
				 psprintf("default \"%s\" of automatic profiles in %s is left out", column,
						  display_relation(profiles)),
				 problem,
				 "Call account.enable_profile again with defaults that fit the table's columns.");
}

/* ---- The registry ---- */

/* All rules, as RegistryRule. */
List *
registry_rules(void)
{
	Relation rel = own_table_open("profile_rule", AccessShareLock);
	List *result = NIL;
	SysScanDesc scan;
	HeapTuple tuple;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		RegistryRule *rule = palloc(sizeof(RegistryRule));
		bool isnull;

		rule->users = DatumGetObjectId(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));
		rule->profiles = DatumGetObjectId(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));
		rule->adopt = DatumGetBool(heap_getattr(tuple, 3, RelationGetDescr(rel), &isnull));
		result = lappend(result, rule);
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	return result;
}

/* The rule of these two tables, or NULL. */
static RegistryRule *
registry_rule(Oid users, Oid profiles)
{
	ListCell *cell;

	foreach (cell, registry_rules())
	{
		RegistryRule *rule = lfirst(cell);

		if (rule->users == users && rule->profiles == profiles)
			return rule;
	}
	return NULL;
}

/* All defaults, as RegistryDefault. */
List *
registry_defaults(void)
{
	Relation rel = own_table_open("profile_default", AccessShareLock);
	List *result = NIL;
	SysScanDesc scan;
	HeapTuple tuple;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		RegistryDefault *def;
		TupleDesc desc = RelationGetDescr(rel);
		bool isnull;

		def = palloc(sizeof(RegistryDefault));
		def->users = DatumGetObjectId(heap_getattr(tuple, 1, desc, &isnull));
		def->profiles = DatumGetObjectId(heap_getattr(tuple, 2, desc, &isnull));
		def->column_name = TextDatumGetCString(heap_getattr(tuple, 3, desc, &isnull));
		def->value = DatumGetJsonbPCopy(heap_getattr(tuple, 4, desc, &isnull));
		result = lappend(result, def);
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	return result;
}

/* ---- What triggers carry ---- */

/* The first call whose first argument is a regclass constant: the mark of a WHEN clause. */
static bool
find_mark(Node *node, FuncExpr **call)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		FuncExpr *func = (FuncExpr *) node;

		if (func->args != NIL && IsA(linitial(func->args), Const) &&
			linitial_node(Const, func->args)->consttype == REGCLASSOID &&
			!linitial_node(Const, func->args)->constisnull &&
			get_func_namespace(func->funcid) == account_schema())
		{
			*call = func;
			return true;
		}
	}
	return expression_tree_walker(node, find_mark, call);
}

/* Is the node such a call and nothing more? */
static bool
is_mark(Node *node)
{
	FuncExpr *call = NULL;
	char *name;

	if (!find_mark(node, &call) || node != (Node *) call)
		return false;
	name = get_func_name(call->funcid);
	return name != NULL && strcmp(name, "marks_profile") == 0;
}

/* The column, if the node is one or casts one. */
static bool
find_marked_column(Node *node, AttrNumber *attnum)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		*attnum = ((Var *) node)->varattno;
		return true;
	}
	return expression_tree_walker(node, find_marked_column, attnum);
}

/*
 * What the WHEN clause of a trigger of ours marks: a table, and maybe a column of the trigger's
 * own.
 */
bool
profile_mark(const char *tgqual, Oid *marked, AttrNumber *attnum)
{
	FuncExpr *call = NULL;

	if (tgqual == NULL || !find_mark(stringToNode(tgqual), &call))
		return false;
	*marked = DatumGetObjectId(linitial_node(Const, call->args)->constvalue);
	*attnum = InvalidAttrNumber;
	if (list_length(call->args) > 1)
		find_marked_column(lsecond(call->args), attnum);
	return true;
}

/* profiles.user_column of a rule, as the trigger on profiles carries it. */
AttrNumber
profile_user_column(Relation profiles, Oid users)
{
	TriggerDesc *desc = CopyTriggerDesc(profiles->trigdesc);

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Oid marked;
		AttrNumber attnum;

		if (is_own_function(desc->triggers[i].tgfoid, KEEP_PROFILE) &&
			profile_mark(desc->triggers[i].tgqual, &marked, &attnum) && marked == users)
			return attnum;
	}
	return InvalidAttrNumber;
}

/* ---- The cache of rules ---- */

/*
 * Fill the columns and values of a rule. A default whose column was dropped, or whose value its
 * column no longer takes, is left out with a WARNING: the profile is made all the same.
 */
static void
fill_values(ProfileRule *rule, Relation profiles)
{
	TupleDesc desc = RelationGetDescr(profiles);
	List *defaults = registry_defaults();
	int capacity = list_length(defaults) + 1;
	ListCell *cell;

	rule->columns = palloc_array(AttrNumber, capacity);
	rule->types = palloc_array(Oid, capacity);
	rule->values = palloc0_array(Datum, capacity);
	rule->nulls = palloc(capacity + 1);
	memset(rule->nulls, ' ', capacity);
	rule->columns[0] = rule->user_column;
	rule->types[0] = rule->key_type;
	rule->nvalues = 1;
	foreach (cell, defaults)
	{
		RegistryDefault *def = lfirst(cell);
		AttrNumber attnum;
		Form_pg_attribute column;
		int n = rule->nvalues;
		char *problem = NULL;
		bool isnull;

		if (def->users != rule->users || def->profiles != rule->profiles)
			continue;
		attnum = get_attnum(rule->profiles, def->column_name);
		column = attnum > 0 ? TupleDescAttr(desc, attnum - 1) : NULL;
		for (int i = 1; i < n; i++)
			if (rule->columns[i] == attnum)
				column = NULL; /* restored twice */
		if (column == NULL || column->attgenerated || attnum == rule->user_column)
			problem = NO_SUCH_COLUMN;
		else if (profile_convert(column, def->value, &rule->values[n], &isnull, &problem))
		{
			rule->columns[n] = attnum;
			rule->types[n] = column->atttypid;
			rule->nulls[n] = isnull ? 'n' : ' ';
			rule->nvalues++;
			continue;
		}
		profile_warn_default(false, rule->profiles, def->column_name, problem);
	}
}

/* Read a rule into a context of its own; NULL: there is none, or it is not whole. */
static ProfileRule *
fill_rule(Oid users, Oid profiles)
{
	RegistryRule *registered = registry_rule(users, profiles);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	Relation users_rel;
	Relation profiles_rel;
	ProfileRule *rule;
	RoleState saved;

	if (registered == NULL)
		return NULL;
	context = AllocSetContextCreate(caller, "pgaccount profile rule", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	users_rel = table_open(users, AccessShareLock);
	profiles_rel = table_open(profiles, AccessShareLock);
	rule = palloc0_object(ProfileRule);
	rule->context = context;
	rule->users = users;
	rule->profiles = profiles;
	rule->adopt = registered->adopt;
	rule->owner = profiles_rel->rd_rel->relowner;
	rule->name = display_relation(profiles);
	rule->partitioned = profiles_rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	if (rule->partitioned)
		rule->parts = find_all_inheritors(profiles, NoLock, NULL);
	rule->user_column = profile_user_column(profiles_rel, users);
	if (rule->user_column != InvalidAttrNumber)
	{
		rule->key = profile_key(profiles_rel, rule->user_column, users, &rule->foreign_key);
		rule->conflict = profile_conflict_target(profiles_rel, rule->user_column);
	}
	if (rule->key == InvalidAttrNumber || rule->conflict == NULL)
		rule = NULL;
	else
	{
		rule->key_type = get_atttype(users, rule->key);
		rule->column_type = get_atttype(profiles, rule->user_column);
		saved = run_as(rule->owner);
		fill_values(rule, profiles_rel);
		run_as_end(saved);
		rule->proved = profile_check_provable(rule, users_rel, profiles_rel);
		rule->runs_code = profile_runs_code(rule, profiles_rel);
		MemoryContextSetParent(context, TopMemoryContext);
	}
	table_close(profiles_rel, NoLock);
	table_close(users_rel, NoLock);
	MemoryContextSwitchTo(caller);
	return rule;
}

/* The rule of these two tables, from the cache; NULL: none. */
ProfileRule *
profile_rule(Oid users, Oid profiles)
{
	RuleKey key = {users, profiles};
	RuleEntry *entry;
	ProfileRule *rule;
	uint64 generation;
	bool found;

	entry = hash_search(rules, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->generation = 0;
		entry->rule = NULL;
	}
	if (entry->generation == current_generation)
		return entry->rule;

	version_check();
	generation = current_generation;
	rule = fill_rule(users, profiles);
	if (entry->rule != NULL)
		MemoryContextSetParent(entry->rule->context, TopTransactionContext);
	entry->rule = rule;
	entry->generation = generation;
	return rule;
}

/* Is the WHEN clause of this trigger known to be a mark and nothing more, which is always true? */
static bool
fires_always(Oid trigger)
{
	TriggerEntry *entry = hash_search(triggers, &trigger, HASH_FIND, NULL);

	return entry != NULL && entry->generation == current_generation && entry->always;
}

/*
 * The WHEN clause of a trigger on users is a mark. The executor would read, prepare and ask it for
 * each statement, which costs more than to insert a row: in its own copy it is struck out.
 */
void
profile_executor_start(QueryDesc *query)
{
	ListCell *cell;

	if (query->operation != CMD_INSERT || query->estate == NULL)
		return;
	foreach (cell, query->estate->es_opened_result_relations)
	{
		TriggerDesc *desc = ((ResultRelInfo *) lfirst(cell))->ri_TrigDesc;

		for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
			if (desc->triggers[i].tgqual != NULL && fires_always(desc->triggers[i].tgoid))
				desc->triggers[i].tgqual = NULL;
	}
}

/* The WHEN clause of a trigger that has fired; not the executor's copy. A copy of its own. */
static char *
clause_of(const TriggerData *trigdata)
{
	TriggerDesc *desc = trigdata->tg_relation->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
		if (desc->triggers[i].tgoid == trigdata->tg_trigger->tgoid &&
			desc->triggers[i].tgqual != NULL)
			return pstrdup(desc->triggers[i].tgqual);
	return NULL;
}

/* Find the rule a trigger stands for: its table's, or that of a table it is a partition of. */
static void
resolve_trigger(TriggerEntry *entry, TriggerData *trigdata)
{
	Trigger *trigger = trigdata->tg_trigger;
	Relation rel = trigdata->tg_relation;
	bool on_users = is_own_function(trigger->tgfoid, MAKE_PROFILE);
	uint64 generation = current_generation;
	List *tables = list_make1_oid(RelationGetRelid(rel));
	char *clause = clause_of(trigdata);
	ListCell *cell;
	Oid marked;
	AttrNumber attnum;

	if (!profile_mark(clause, &marked, &attnum))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" marks no table of automatic profiles", trigger->tgname),
				 errdetail("Its WHEN clause is not the one that enabling gives it."),
				 errhint("Drop the trigger and call account.enable_profile.")));
	if (rel->rd_rel->relispartition)
		tables = list_concat(tables, get_partition_ancestors(RelationGetRelid(rel)));
	entry->relid = RelationGetRelid(rel);
	entry->always = is_mark(stringToNode(clause));
	entry->key.users = InvalidOid;
	entry->key.profiles = InvalidOid;
	foreach (cell, tables)
	{
		Oid users = on_users ? lfirst_oid(cell) : marked;
		Oid profiles = on_users ? marked : lfirst_oid(cell);
		ProfileRule *rule = profile_rule(users, profiles);

		if (rule == NULL)
			continue;
		if (on_users)
			attnum = get_attnum(entry->relid, get_attname(users, rule->key, false));
		entry->key.users = users;
		entry->key.profiles = profiles;
		entry->attnum = attnum;
		break;
	}
	if (!OidIsValid(entry->key.users) && on_users)
		profile_warn(
			false, psprintf("users of %s get no profiles", display_relation(entry->relid)),
			psprintf("Trigger \"%s\" has no rule in account.profile_rule, or what the rule "
					 "needs was dropped.",
					 trigger->tgname),
			"Call account.enable_profile for the two tables again, or drop the trigger.");
	entry->generation = generation;
}

/* The rule that a trigger of ours stands for. */
ProfileRule *
profile_rule_of_trigger(TriggerData *trigdata, AttrNumber *attnum)
{
	Oid trigger = trigdata->tg_trigger->tgoid;
	TriggerEntry *entry;
	bool found;

	entry = hash_search(triggers, &trigger, HASH_ENTER, &found);
	if (!found)
		entry->generation = 0;
	if (entry->generation != current_generation)
		resolve_trigger(entry, trigdata);
	if (!OidIsValid(entry->key.users))
		return NULL;
	*attnum = entry->attnum;
	return profile_rule(entry->key.users, entry->key.profiles);
}

/* ---- Statements ---- */

/* schema.table for FROM: a partitioned table with its partitions, any other without children. */
char *
profile_scan(Oid relid)
{
	return psprintf("%s%s", get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					sql_relation(relid));
}

/* Does the plan take this rule's parameters? A newer form of the rule may have kept another. */
static bool
takes_parameters(KeptStatement *plan, ProfileRule *rule)
{
	const Oid *types;

	return plan_parameters(plan, &types) == rule->nvalues &&
		   memcmp(types, rule->types, rule->nvalues * sizeof(Oid)) == 0;
}

/* The kept plan of this kind, made from text(rule) where there is none. */
KeptStatement *
profile_plan(ProfileRule *rule, PlanKind kind, char *(*text)(ProfileRule *rule),
			 QueryEnvironment *env)
{
	KeptStatement *plan = NULL;
	MemoryContext caller;

	if (bms_is_member(kind, rule->planned))
		plan = plan_lookup(kind, rule->users, rule->profiles);
	if (plan == NULL || !takes_parameters(plan, rule))
	{
		plan = plan_keep_over(kind, rule->users, rule->profiles, text(rule), rule->nvalues,
							  rule->types, env);
		caller = MemoryContextSwitchTo(rule->context);
		rule->planned = bms_add_member(rule->planned, kind);
		MemoryContextSwitchTo(caller);
	}
	return plan;
}

/* "INSERT INTO profiles (...) SELECT ...": the caller adds FROM, and profile_conflict. */
void
profile_insert_text(StringInfo sql, ProfileRule *rule, const char *key)
{
	appendStringInfo(sql, OWN_STATEMENT "INSERT INTO %s (", sql_relation(rule->profiles));
	for (int i = 0; i < rule->nvalues; i++)
		appendStringInfo(sql, "%s%s", i > 0 ? ", " : "",
						 sql_column(rule->profiles, rule->columns[i]));
	/* assigned, not cast: a cast would cut a key that is too long for its column */
	appendStringInfo(sql, ") SELECT %s", key);
	for (int i = 1; i < rule->nvalues; i++)
		appendStringInfo(sql, ", $%d", i + 1);
}

/* Is this trigger disabled while a profile is made? A deleted user has a profile, too. */
static bool
is_disabled(const ProfileRule *rule, const Trigger *trigger)
{
	return is_own_function(trigger->tgfoid, ADOPT_PROFILE) ||
		   is_own_function(trigger->tgfoid, KEEP_PROFILE) ||
		   (trigger->tgconstrrelid == rule->users &&
			is_own_function(trigger->tgfoid, "guard_reference"));
}

/* Disable triggers in the executor's copy. */
void
profile_without_own_triggers(EState *estate, void *arg)
{
	ProfileRule *rule = arg;
	ListCell *cell;

	foreach (cell, estate->es_opened_result_relations)
	{
		TriggerDesc *desc = ((ResultRelInfo *) lfirst(cell))->ri_TrigDesc;

		for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
		{
			if (is_disabled(rule, &desc->triggers[i]))
				desc->triggers[i].tgenabled = TRIGGER_DISABLED;
		}
	}
}

/* Is a statement of ours inserting into this partitioned table? */
bool
profile_inserting_into(Oid profiles)
{
	return inserting_into == profiles;
}

/* Say of an error, and of what is about to be one, that profiles were being made. */
static void
describe_insert(void *arg)
{
	const ProfileRule *rule = arg;
	int category = ERRCODE_TO_CATEGORY(geterrcode());

	if (category == ERRCODE_SUCCESSFUL_COMPLETION || category == ERRCODE_WARNING)
		return; /* what is told while they are made is no error */
	if (geterrcode() == ERRCODE_NOT_NULL_VIOLATION)
		errhint("A column of %s that became NOT NULL needs a default: set one, or call "
				"account.enable_profile again with a value for it in \"defaults\".",
				rule->name);
	errcontext("making automatic profiles in %s", rule->name);
}

/*
 * Run a statement that inserts profiles: of new users, or in a snapshot of now of all (backfill).
 */
static uint64
run_insert(ProfileRule *rule, KeptStatement *plan, QueryEnvironment *env, ExecutorCallback callback,
		   bool backfill)
{
	StatementOptions now = {.look = SNAPSHOT_OF_NOW, .callback = callback, .arg = rule};
	StatementOptions options = {.env = env, .callback = callback, .arg = rule};
	ErrorContextCallback describing = {
		.callback = describe_insert, .arg = rule, .previous = error_context_stack};
	uint64 made;

	error_context_stack = &describing;
	/*
	 * The profiles grow while the plan is in use, from what statistics may call empty: a set is not
	 * to read them once a user, nor is one user to read them all.
	 */
	if (!backfill)
		plan_make_without(plan, env != NULL ? "enable_nestloop" : "enable_seqscan", rule->values,
						  rule->nulls, env);
	made = statement_run(plan, rule->values, rule->nulls, backfill ? &now : &options);
	error_context_stack = describing.previous;
	return made;
}

/*
 * Run a statement that inserts profiles. The executor opens the leaves of a partitioned table while
 * it runs, out of a callback's reach: there the triggers themselves ask whose statement it is.
 */
static uint64
run_own_insert(ProfileRule *rule, KeptStatement *plan, QueryEnvironment *env,
			   ExecutorCallback callback, bool backfill)
{
	Oid outer = inserting_into;
	volatile uint64 made = 0;

	if (!rule->partitioned)
		return run_insert(rule, plan, env, callback, backfill);
	PG_TRY();
	{
		inserting_into = rule->profiles;
		made = run_insert(rule, plan, env, callback, backfill);
	}
	PG_FINALLY();
	{
		inserting_into = outer;
	}
	PG_END_TRY();
	return made;
}

/* Run a statement that inserts the profiles of users of this transaction; their number. */
uint64
profile_run_insert(ProfileRule *rule, KeptStatement *plan, QueryEnvironment *env,
				   ExecutorCallback callback)
{
	return run_own_insert(rule, plan, env, callback, false);
}

/*
 * Run a statement that inserts the profiles of all users, as they are now; their number. The caller
 * holds SHARE ROW EXCLUSIVE on users.
 */
uint64
profile_run_backfill(ProfileRule *rule, KeptStatement *plan)
{
	return run_own_insert(rule, plan, NULL, profile_callback(rule), true);
}
