/*
 * profile_enable.c
 *		account.enable_profile, disable_profile and missing_profiles.
 *
 * Enabling checks everything that could fail at a registration while it can still say what to mend,
 * then takes SHARE ROW EXCLUSIVE on users and profiles (in that order, as a registration takes its
 * locks), so that no user comes to be between the back-fill and the trigger's first day.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "profile_registry.h"
#include "profile_rule.h"

ACCOUNT_OPERATION(enable_profile, "enable_profile", NO_SUBJECT);
ACCOUNT_OPERATION(disable_profile, "disable_profile", NO_SUBJECT);
ACCOUNT_OPERATION(missing_profiles, "missing_profiles", NO_SUBJECT);

/* ---- What is no table, or no column, for automatic profiles ---- */

/* Refuse a relation that cannot take part, saying why. */
static void
refuse_table(Oid relid, const char *why, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("automatic profiles are not possible for %s", display_relation(relid)),
					errdetail_internal("%s", why), errhint("%s", hint)));
}

/* Check kind and ownership of a table. */
static void
check_table(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("relation with OID %u does not exist", relid),
						errdetail("No table of this database has that OID."),
						errhint("Name the table, for example 'app.users'.")));
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE)
		refuse_table(relid, "It is not a table.", "Name the table itself.");
	if (IsCatalogRelationOid(relid) || IsCatalogNamespace(form->relnamespace) ||
		IsToastNamespace(form->relnamespace) || relid < FirstNormalObjectId)
		refuse_table(relid, "It belongs to the server.", "Name a table of the application.");
	if (form->relnamespace == account_schema())
		refuse_table(relid, "It belongs to the extension.", "Name a table of the application.");
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		refuse_table(relid, "It is temporary.", "Name a table that other sessions see.");
	if (form->relispartition)
		refuse_table(relid, "It is a partition.",
					 "Name the partitioned table: its partitions are covered with it.");
	ReleaseSysCache(tuple);
	check_heap(relid, "Rows of users and profiles are locked as heap does it.");
	if (!compat_object_ownercheck(RelationRelationId, relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", display_relation(relid)),
				 errdetail("Profiles are made with the rights of the profiles table's owner."),
				 errhint("Call as a role that owns both tables, or is a member of their owner.")));
}

/* Check a table, lock it, check it as it is then, and open it. The lock stays. */
static Relation
open_table(Oid relid)
{
	check_table(relid);
	LockRelationOid(relid, ShareRowExclusiveLock);
	check_table(relid);
	return table_open(relid, NoLock);
}

/* Find the user column; refuse what cannot hold a user's key. */
static AttrNumber
check_user_column(Relation profiles, const char *name)
{
	Oid relid = RelationGetRelid(profiles);
	AttrNumber attnum = get_attnum(relid, name);
	Form_pg_attribute column;
	const char *why = NULL;

	if (attnum == InvalidAttrNumber)
		why = "There is no such column.";
	else if (attnum < 0)
		why = "It is a system column.";
	else
	{
		column = TupleDescAttr(RelationGetDescr(profiles), attnum - 1);
		if (column->attgenerated)
			why = "It is a generated column.";
		else if (column->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
			why = "It is generated always as identity.";
	}
	if (why != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" of %s cannot hold the user of a profile", name,
							   display_relation(relid)),
						errdetail_internal("%s", why),
						errhint("Pass the column that refers to the user as \"user_column\".")));
	return attnum;
}

/* Check that user_column can refer to a key of users, once a user. */
static void
check_reference(Relation users, Relation profiles, AttrNumber user_column)
{
	Oid relid = RelationGetRelid(profiles);
	const char *name = get_attname(relid, user_column, false);
	Oid column_type = get_atttype(relid, user_column);
	Oid foreign_key;
	AttrNumber key;
	Oid key_type;

	key = profile_key(profiles, user_column, RelationGetRelid(users), &foreign_key);
	if (key == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("users table %s has no key for profiles",
						display_relation(RelationGetRelid(users))),
				 errdetail("It has no primary key of one column, and no foreign key refers to "
						   "another key of it from column \"%s\".",
						   name),
				 errhint("Give it a primary key of one column, or column \"%s\" a foreign key.",
						 name)));
	key_type = get_atttype(RelationGetRelid(users), key);
	if (profile_key_equality(key_type, "", column_type, "") == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" of %s cannot equal the users' key", name,
							   display_relation(relid)),
						errdetail("It is of type %s, the key of type %s.",
								  format_type_be(column_type), format_type_be(key_type)),
						errhint("Give the column the type of the key.")));
	if (profile_conflict_target(profiles, user_column) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of %s is not unique", name, display_relation(relid)),
				 errdetail("Only a unique index on just this column, that is valid, not deferrable "
						   "and covers all (live) rows, leaves one profile a user."),
				 errhint("Run ALTER TABLE %s ADD UNIQUE (%s).", display_relation(relid),
						 quote_identifier(name))));
}

/* Refuse rewrite rules on INSERT or UPDATE: ON CONFLICT does not work with them. */
static void
check_rules(Relation profiles)
{
	RuleLock *locks = profiles->rd_rules;

	for (int i = 0; locks != NULL && i < locks->numLocks; i++)
		if (locks->rules[i]->event == CMD_INSERT || locks->rules[i]->event == CMD_UPDATE)
			refuse_table(RelationGetRelid(profiles), "A rule rewrites INSERT or UPDATE on it.",
						 "Make the rule a trigger.");
}

/* Raise 22023 for a value of defaults. */
static void
refuse_default(const char *name, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("default of profile column \"%s\" is not possible", name),
					errdetail_internal("%s", why),
					errhint("Correct \"%s\" in the argument \"defaults\".", name)));
}

/*
 * Check every value of defaults against its column. Returns the columns that get a value other than
 * NULL. Unknown columns are a WARNING: a rolling deployment may be ahead of its migration.
 */
static Bitmapset *
check_defaults(Relation profiles, AttrNumber user_column, Jsonb *defaults)
{
	RoleState saved = run_as(profiles->rd_rel->relowner);
	Bitmapset *given = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	char *name = NULL;

	it = JsonbIteratorInit(&defaults->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		AttrNumber attnum;
		Form_pg_attribute column;
		Datum value;
		bool isnull;
		char *problem = NULL;

		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE)
			continue;
		attnum = get_attnum(RelationGetRelid(profiles), name);
		if (attnum <= 0)
		{
			profile_warn_default(true, RelationGetRelid(profiles), name, NO_SUCH_COLUMN);
			continue;
		}
		column = TupleDescAttr(RelationGetDescr(profiles), attnum - 1);
		if (attnum == user_column)
			refuse_default(name, "It holds the user of the profile.");
		if (column->attgenerated)
			refuse_default(name, "It is a generated column.");
		if (column->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
			refuse_default(name, "It is generated always as identity.");
		if (!profile_convert(column, JsonbValueToJsonb(&v), &value, &isnull, &problem))
			refuse_default(name, problem);
		if (isnull && column->attnotnull)
			refuse_default(name, "The column does not take NULL.");
		given = bms_add_member(given, attnum);
	}
	run_as_end(saved);
	return given;
}

/* Refuse when a column needs a value that neither it nor defaults has. */
static void
check_not_null(Relation profiles, AttrNumber user_column, Bitmapset *given)
{
	TupleDesc desc = RelationGetDescr(profiles);
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		bool needed = column->attnotnull || type_is_not_null(column->atttypid);

		if (column->attisdropped || !needed || column->attnum == user_column ||
			column->attgenerated || column->attidentity || bms_is_member(column->attnum, given) ||
			build_column_default(profiles, column->attnum) != NULL)
			continue;
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", NameStr(column->attname));
	}
	if (names.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns of %s need a value for automatic profiles",
						display_relation(RelationGetRelid(profiles))),
				 errdetail("NOT NULL without default: %s.", names.data),
				 errhint("Name them in the argument \"defaults\", or give them a default.")));
}

/* ---- Triggers ---- */

/* Is this the trigger of a rule, with this function, that marks that table? */
static bool
is_rule_trigger(Trigger *trigger, const char *function, Oid marked, AttrNumber *attnum)
{
	Oid found;

	return !trigger->tgisclone && is_own_function(trigger->tgfoid, function) &&
		   profile_mark(trigger->tgqual, &found, attnum) && found == marked;
}

/* Has a trigger this argument alone, or, for NULL, none? */
static bool
has_argument(const Trigger *trigger, const char *argument)
{
	if (argument == NULL)
		return trigger->tgnargs == 0;
	return trigger->tgnargs == 1 && strcmp(trigger->tgargs[0], argument) == 0;
}

/*
 * Drop the triggers with this function and mark, but one that fires, is of this type and carries
 * this column and argument (NULL: none): true if there is one. Type 0: none is wanted.
 */
static bool
settle_trigger(Relation rel, const char *function, Oid marked, AttrNumber column, int16 type,
			   const char *argument)
{
	TriggerDesc *desc = CopyTriggerDesc(rel->trigdesc);
	bool settled = false;
	List *drop = NIL;
	ListCell *cell;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger *trigger = &desc->triggers[i];
		AttrNumber attnum;

		if (!is_rule_trigger(trigger, function, marked, &attnum))
			continue;
		if (!settled && attnum == column && trigger->tgtype == type &&
			trigger->tgenabled != TRIGGER_DISABLED && has_argument(trigger, argument))
			settled = true;
		else
			drop = lappend(drop, pstrdup(trigger->tgname));
	}
	foreach (cell, drop)
		run_sql("DROP TRIGGER %s ON %s", quote_identifier(lfirst(cell)),
				sql_relation(RelationGetRelid(rel)));
	return settled;
}

/* A trigger name that the table has not: base, base_2, base_3 ... */
static const char *
free_name(Relation rel, const char *base)
{
	const char *name = base;

	for (int n = 2;; n++)
	{
		TriggerDesc *desc = rel->trigdesc;
		bool taken = false;

		for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
			taken |= strcmp(desc->triggers[i].tgname, name) == 0;
		if (!taken)
			return quote_identifier(name);
		name = psprintf("%s_%d", base, n);
	}
}

/*
 * Give both tables their triggers, where they have not got them. The one on users carries the
 * defaults, as JSON, for what is dumped without data: then it is all that the doctor knows of them.
 */
static void
create_triggers(Relation users, Relation profiles, AttrNumber user_column, bool adopt,
				const char *defaults)
{
	char *users_name = sql_relation(RelationGetRelid(users));
	char *profiles_name = sql_relation(RelationGetRelid(profiles));
	char *column = sql_column(RelationGetRelid(profiles), user_column);

	bool partitioned = users->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	int16 make_type = TRIGGER_TYPE_AFTER | TRIGGER_TYPE_INSERT |
					  (partitioned ? TRIGGER_TYPE_ROW : TRIGGER_TYPE_STATEMENT);
	int16 adopt_type = 0;

	if (adopt || partitioned)
		adopt_type = TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_ROW | TRIGGER_TYPE_UPDATE |
					 (adopt ? TRIGGER_TYPE_INSERT : 0);
	if (!settle_trigger(profiles, KEEP_PROFILE, RelationGetRelid(users), user_column,
						TRIGGER_TYPE_AFTER | TRIGGER_TYPE_ROW | TRIGGER_TYPE_DELETE, NULL))
		run_sql("CREATE TRIGGER %s AFTER DELETE ON %s FOR EACH ROW "
				"WHEN (account.replaced_profile(%s::pg_catalog.regclass, OLD.%s)) "
				"EXECUTE FUNCTION account.keep_profile()",
				free_name(profiles, "00_account_profile_keep"), profiles_name,
				sql_literal(users_name), column);
	if (!settle_trigger(profiles, ADOPT_PROFILE, RelationGetRelid(users), user_column, adopt_type,
						NULL) &&
		adopt_type != 0)
		run_sql("CREATE TRIGGER %s BEFORE %sUPDATE OF %s ON %s FOR EACH ROW "
				"WHEN (account.marks_profile(%s::pg_catalog.regclass, NEW.%s)) "
				"EXECUTE FUNCTION account.adopt_profile()",
				free_name(profiles, "zz_account_profile_adopt"), adopt ? "INSERT OR " : "", column,
				profiles_name, sql_literal(users_name), column);
	if (!settle_trigger(users, MAKE_PROFILE, RelationGetRelid(profiles), InvalidAttrNumber,
						make_type, defaults))
		run_sql("CREATE TRIGGER %s AFTER INSERT ON %s %s "
				"WHEN (account.marks_profile(%s::pg_catalog.regclass)) "
				"EXECUTE FUNCTION account.make_profile(%s)",
				free_name(users, "00_account_profile"), users_name,
				partitioned ? "FOR EACH ROW"
							: "REFERENCING NEW TABLE AS account_new_users FOR EACH STATEMENT",
				sql_literal(profiles_name), sql_literal(defaults));
}

/*
 * Drop the triggers of a rule from both tables; a dropped table has none. Within SPI_connect.
 */
void
profile_drop_triggers(Oid users, Oid profiles)
{
	Relation users_rel = try_table_open(users, AccessShareLock);
	Relation profiles_rel = try_table_open(profiles, AccessShareLock);
	RoleState saved;

	if (users_rel != NULL)
	{
		saved = run_as(users_rel->rd_rel->relowner);
		settle_trigger(users_rel, MAKE_PROFILE, profiles, InvalidAttrNumber, 0, NULL);
		run_as_end(saved);
		table_close(users_rel, NoLock);
	}
	if (profiles_rel != NULL)
	{
		saved = run_as(profiles_rel->rd_rel->relowner);
		settle_trigger(profiles_rel, KEEP_PROFILE, users, InvalidAttrNumber, 0, NULL);
		settle_trigger(profiles_rel, ADOPT_PROFILE, users, InvalidAttrNumber, 0, NULL);
		run_as_end(saved);
		table_close(profiles_rel, NoLock);
	}
}

/* ---- The calls ---- */

/* The keys by which users without profile are found: ` FROM users u WHERE ...`. */
static char *
without_profile_text(ProfileRule *rule, const char *key)
{
	char *column = psprintf("p.%s", sql_column(rule->profiles, rule->user_column));

	return psprintf(" FROM %s u WHERE %s IS NOT NULL AND NOT EXISTS (SELECT FROM %s p WHERE %s)",
					profile_scan(rule->users), key, profile_scan(rule->profiles),
					profile_key_equality(rule->key_type, key, rule->column_type, column));
}

/* The statement that makes the profiles of users that have none. */
static char *
backfill_text(ProfileRule *rule)
{
	char *key = psprintf("u.%s", sql_column(rule->users, rule->key));
	StringInfoData sql;

	initStringInfo(&sql);
	profile_insert_text(&sql, rule, key);
	appendStringInfo(&sql, "%s ON CONFLICT %s DO NOTHING", without_profile_text(rule, key),
					 rule->conflict);
	return sql.data;
}

/* The same from keys that were read before. */
#define MISSING_KEYS "pgaccount_missing_keys"

static char *
backfill_keys_text(ProfileRule *rule)
{
	StringInfoData sql;

	initStringInfo(&sql);
	profile_insert_text(&sql, rule, "n.key");
	appendStringInfo(&sql, " FROM " MISSING_KEYS " n ON CONFLICT %s DO NOTHING", rule->conflict);
	return sql.data;
}

/*
 * Make the profiles of users that have none, where the tables have two owners: the caller, who has
 * the rights of both, reads the keys, and the owner of profiles, whose triggers it is, makes the
 * rows.
 */
static uint64
backfill_for_other_owner(ProfileRule *rule)
{
	EphemeralNamedRelation enr = palloc0_object(EphemeralNamedRelationData);
	QueryEnvironment *env = create_queryEnv();
	Tuplestorestate *keys = tuplestore_begin_heap(false, false, work_mem);
	char *key = psprintf("u.%s", sql_column(rule->users, rule->key));
	StatementOptions reading = {.look = SNAPSHOT_OF_NOW};
	RoleState saved;
	KeptStatement *plan;
	uint64 made;

	reading.dest = CreateTuplestoreDestReceiver();
	SetTuplestoreDestReceiverParams(reading.dest, keys, CurrentMemoryContext, false, NULL, NULL);
	saved = run_as_reader_of(rule->users, rule->profiles);
	(void) statement_run_once(
		psprintf(OWN_STATEMENT "SELECT %s%s", key, without_profile_text(rule, key)), 0, NULL, NULL,
		NULL, &reading);
	run_as_end(saved);

	enr->md.name = MISSING_KEYS;
	enr->md.tupdesc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(enr->md.tupdesc, 1, "key", rule->key_type, -1, 0);
	compat_tupdesc_finish(enr->md.tupdesc);
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = tuplestore_tuple_count(keys);
	enr->reldata = keys;
	register_ENR(env, enr);
	saved = run_as(rule->owner);
	plan = profile_plan(rule, PLAN_PROFILE_BACKFILL, backfill_keys_text, env);
	made = profile_run_insert(rule, plan, env, profile_callback(rule));
	run_as_end(saved);
	tuplestore_end(keys);
	return made;
}

/* Make the profiles of users that have none; their number. Within SPI_connect. */
static uint64
backfill(Oid users, Oid profiles)
{
	ProfileRule *rule = profile_rule(users, profiles);
	RoleState saved;
	KeptStatement *plan;
	uint64 made;

	if (rule == NULL)
		elog(ERROR, "rule of automatic profiles was not found");
	if (relation_owner(users) != rule->owner)
		return backfill_for_other_owner(rule);
	saved = run_as(rule->owner);
	plan = profile_plan(rule, PLAN_PROFILE_BACKFILL, backfill_text, NULL);
	made = profile_run_backfill(rule, plan);
	run_as_end(saved);
	return made;
}

/*
 * account.enable_profile(users regclass, profiles regclass, user_column name, defaults jsonb,
 * adopt boolean) RETURNS bigint: see the contract, and profile.sql.
 */
static Datum
enable_profile_operation(PG_FUNCTION_ARGS)
{
	static const char *const arguments[] = {"users", "profiles", "user_column", "defaults",
											"adopt"};
	static const char *const citus_hint =
		"Insert the profile with the user, in one transaction, or keep both tables local.";
	Relation users;
	Relation profiles;
	AttrNumber user_column;
	Jsonb *defaults;
	Bitmapset *given;
	uint64 made;
	bool adopt;

	for (int i = 0; i < lengthof(arguments); i++)
		if (PG_ARGISNULL(i))
			refuse_null_argument(arguments[i]);
	version_check();
	if (PG_GETARG_OID(0) == PG_GETARG_OID(1))
		refuse_table(PG_GETARG_OID(0), "Users and profiles are one table.",
					 "Name the users table first, the profiles table second.");
	defaults = PG_GETARG_JSONB_P(3);
	if (!JB_ROOT_IS_OBJECT(defaults))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("defaults of automatic profiles must be a JSON object"),
						errdetail("The value is of another JSON type."),
						errhint("Pass {\"column\": value, ...}.")));
	adopt = PG_GETARG_BOOL(4);

	users = open_table(PG_GETARG_OID(0));
	profiles = open_table(PG_GETARG_OID(1));
	refuse_citus_table(RelationGetRelid(users), "automatic profiles", citus_hint);
	refuse_citus_table(RelationGetRelid(profiles), "automatic profiles", citus_hint);
	user_column = check_user_column(profiles, NameStr(*PG_GETARG_NAME(2)));
	check_reference(users, profiles, user_column);
	check_rules(profiles);
	given = check_defaults(profiles, user_column, defaults);
	check_not_null(profiles, user_column, given);
	if (users->rd_rel->relkind == RELKIND_RELATION && has_subclass(RelationGetRelid(users)) &&
		find_inheritance_children(RelationGetRelid(users), NoLock) != NIL)
		ereport(WARNING,
				(errmsg("children that inherit from %s get no profiles",
						display_relation(RelationGetRelid(users))),
				 errdetail("No key of the parent, and so no foreign key, covers their rows."),
				 errhint("Call account.enable_profile for each child.")));

	SPI_connect();
	profile_registry_rearrange(true);
	PG_TRY();
	{
		profile_registry_write(RelationGetRelid(users), RelationGetRelid(profiles), adopt,
							   defaults);
		create_triggers(users, profiles, user_column, adopt,
						JsonbToCString(NULL, &defaults->root, VARSIZE(defaults)));
	}
	PG_FINALLY();
	{
		profile_registry_rearrange(false);
	}
	PG_END_TRY();
	made = backfill(RelationGetRelid(users), RelationGetRelid(profiles));
	SPI_finish();
	table_close(profiles, NoLock);
	table_close(users, NoLock);
	PG_RETURN_INT64((int64) made);
}

/* account.disable_profile(users regclass, profiles regclass): users get no profiles any more. */
static Datum
disable_profile_operation(PG_FUNCTION_ARGS)
{
	Relation users;
	Relation profiles;

	if (PG_ARGISNULL(0))
		refuse_null_argument("users");
	if (PG_ARGISNULL(1))
		refuse_null_argument("profiles");
	version_check();
	users = open_table(PG_GETARG_OID(0));
	profiles = open_table(PG_GETARG_OID(1));
	if (!profile_registry_has(RelationGetRelid(users), RelationGetRelid(profiles)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("users of %s get no profiles in %s",
							   display_relation(RelationGetRelid(users)),
							   display_relation(RelationGetRelid(profiles))),
						errdetail("account.enable_profile was not called for these two tables."),
						errhint("account.profile_rule lists the tables that have it.")));
	SPI_connect();
	profile_registry_rearrange(true);
	PG_TRY();
	{
		profile_drop_triggers(RelationGetRelid(users), RelationGetRelid(profiles));
		profile_registry_remove(RelationGetRelid(users), RelationGetRelid(profiles));
	}
	PG_FINALLY();
	{
		profile_registry_rearrange(false);
	}
	PG_END_TRY();
	SPI_finish();
	table_close(profiles, NoLock);
	table_close(users, NoLock);
	PG_RETURN_VOID();
}

/*
 * The query for the keys of users without profile, of all rules of this users table that work;
 * NULL: none. broken is set for a rule that does not; the tables of profiles are added to a list.
 */
static char *
missing_text(Oid users, bool *broken, List **profiles)
{
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	foreach (cell, registry_rules())
	{
		RegistryRule *registered = lfirst(cell);
		ProfileRule *rule;
		char *key;

		if (registered->users != users)
			continue;
		rule = profile_rule(users, registered->profiles);
		if (rule == NULL)
		{
			*broken = true;
			continue;
		}
		*profiles = lappend_oid(*profiles, rule->profiles);
		key = psprintf("u.%s", sql_column(users, rule->key));
		appendStringInfo(&sql, "%sSELECT %s::pg_catalog.text%s",
						 sql.len == 0 ? OWN_STATEMENT : " UNION ", key,
						 without_profile_text(rule, key));
	}
	return sql.len > 0 ? sql.data : NULL;
}

/* account.missing_profiles(users regclass) RETURNS SETOF text, with the caller's privileges. */
static Datum
missing_profiles_operation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StatementOptions options = {.dest = CreateTuplestoreDestReceiver()};
	List *profiles = NIL;
	bool broken = false;
	RoleState caller;
	char *sql;

	if (PG_ARGISNULL(0))
		refuse_null_argument("users");
	version_check();
	sql = missing_text(PG_GETARG_OID(0), &broken, &profiles);
	if (sql == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("users of %s get no profiles", display_relation(PG_GETARG_OID(0))),
				 broken ? errdetail("The unique column of the profiles table that holds the user, "
									"or the key it refers to, is gone.")
						: errdetail("account.enable_profile was not called for this table."),
				 errhint("Call account.enable_profile.")));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SetTuplestoreDestReceiverParams(options.dest, result->setResult,
									result->econtext->ecxt_per_query_memory, false, NULL, NULL);
	SPI_connect();
	/* a key is read as text by the cast of its type, which may be the owner's code */
	caller = list_length(profiles) == 1 ? run_as_reader_of(PG_GETARG_OID(0), linitial_oid(profiles))
										: run_as_self();
	(void) statement_run_once(sql, 0, NULL, NULL, NULL, &options);
	run_as_end(caller);
	SPI_finish();
	return (Datum) 0;
}
