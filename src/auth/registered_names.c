/*
 * registered_names.c
 *		The emails and usernames of users: one space of names, each of one live user.
 *
 * A name is locked by an advisory lock to the end of the transaction, looked for, and then
 * inserted, or brought back. So of racing calls one succeeds, also where the application has no
 * unique index; where it has one, that decides against writers that do not call us. A username that
 * is another's email would take that user's login away, so both are looked for in both columns.
 *
 * The look is FOR SHARE, on a snapshot of now: it waits for a deletion that is under way, and then
 * sees what came of it.
 *
 * The users of a tenant that comes back may be more than there is room for locks: whoever takes
 * names shares a lock of them all, which restore_tenant takes alone. It is the first lock of all of
 * them, before those of tenants, names and rows.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "base/base.h"
#include "model/model.h"
#include "softdelete/softdelete.h"
#include "registered_names.h"
#include "session_lock.h"

/* A unique index of the users table, or of a part of it, and the column its violation is about. */
struct UniqueName
{
	NameData index;
	NameData table;
	NameData schema;
	AttrNumber column;
	bool within; /* it is about other columns, too: unique in each tenant, say */
	/* no two live users share this email or username; MODEL_ATTRIBUTES: none */
	ModelAttribute proves;
};

/* What is known of the indexes of a table, as long as no relation changes. */
static struct
{
	Oid users; /* InvalidOid: nothing is */
	uint64 changes;
	uint64 generation; /* of the model */
	int n;
	UniqueName *unique; /* in TopMemoryContext */
} known;

/*
 * The column that a unique index is about: the one that holds the email or the username, else its
 * first. *within: are there others?
 */
static AttrNumber
index_subject(const Model *model, Relation index, bool *within)
{
	Bitmapset *columns = NULL;

	pull_varattnos((Node *) index_expressions(index), 1, &columns);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		if (index->rd_index->indkey.values[i] > 0)
			columns = bms_add_member(columns, index->rd_index->indkey.values[i] -
												  FirstLowInvalidHeapAttributeNumber);
	*within = bms_membership(columns) == BMS_MULTIPLE;
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
		if (model_has(model, a) &&
			bms_is_member(model->column[a].attnum - FirstLowInvalidHeapAttributeNumber, columns))
			return model->column[a].attnum;
	return columns == NULL ? InvalidAttrNumber
						   : bms_next_member(columns, -1) + FirstLowInvalidHeapAttributeNumber;
}

/* Has its table others that inherit from it, whose rows an index does not hold? */
static bool
leaves_rows_out(Relation index)
{
	return index->rd_rel->relkind == RELKIND_INDEX && has_subclass(index->rd_index->indrelid);
}

/*
 * The attribute whose values differ among live users because of the index, compared as a login
 * compares them. An index that does so later, at the end of the transaction, is none.
 */
static ModelAttribute
index_proves(const Model *model, Relation index)
{
	Form_pg_index form = index->rd_index;
	List *expressions = index_expressions(index);

	if (form->indnkeyatts != 1 || !form->indimmediate || !form->indisvalid ||
		leaves_rows_out(index))
		return MODEL_ATTRIBUTES;
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
	{
		bool folds = a == USERS_EMAIL || name_username_folds(model);

		if (!model_has(model, a) || !name_index_holds_live(model, index, model->column[a].attnum))
			continue;
		if (folds ? name_index_folds(index, model->column[a].attnum)
				  : expressions == NIL && form->indkey.values[0] == model->column[a].attnum)
			return a;
	}
	return MODEL_ATTRIBUTES;
}

/* Add an index, and those of the parts of its table, which a violation may name. */
static void
add_unique(RegisteredNames *names, Relation index, int *room)
{
	UniqueName name;
	ListCell *cell;

	name.column = index_subject(names->model, index, &name.within);
	name.proves = index_proves(names->model, index);
	name.within &= !leaves_rows_out(index);
	foreach (cell, find_all_inheritors(RelationGetRelid(index), NoLock, NULL))
	{
		Oid table = IndexGetRelation(lfirst_oid(cell), true);
		char *of = get_rel_name(lfirst_oid(cell));
		char *on = get_rel_name(table);
		char *in = get_namespace_name(get_rel_namespace(table));

		if (of == NULL || on == NULL || in == NULL)
			continue; /* dropped meanwhile */
		namestrcpy(&name.index, of);
		namestrcpy(&name.table, on);
		namestrcpy(&name.schema, in);
		if (names->nunique == *room)
		{
			*room *= 2;
			names->unique = repalloc(names->unique, *room * sizeof(UniqueName));
		}
		names->unique[names->nunique++] = name;
	}
}

/*
 * Look at the unique indexes of users. That may run an owner's code, which may register somebody:
 * what is known changes after it.
 */
static void
read_unique(RegisteredNames *names, Relation users)
{
	uint64 changes = relation_changes_seen();
	int room = 8;
	UniqueName *copy;
	ListCell *cell;

	names->unique = palloc(room * sizeof(UniqueName));
	foreach (cell, RelationGetIndexList(users))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indisunique)
			add_unique(names, index, &room);
		index_close(index, AccessShareLock);
	}
	copy = MemoryContextAlloc(TopMemoryContext, Max(names->nunique, 1) * sizeof(UniqueName));
	memcpy(copy, names->unique, names->nunique * sizeof(UniqueName));
	if (known.unique != NULL)
		pfree(known.unique);
	known.users = RelationGetRelid(users);
	known.changes = changes;
	known.generation = names->model->generation;
	known.n = names->nunique;
	known.unique = copy;
}

/*
 * The unique indexes of users, as an error names them. After an error the catalog cannot be asked,
 * and what is known may be another table's.
 */
void
names_find_unique(RegisteredNames *names, Relation users)
{
	names->nunique = 0;
	if (known.users != RelationGetRelid(users) || known.changes != relation_changes_seen() ||
		known.generation != names->model->generation)
	{
		read_unique(names, users);
		return;
	}
	names->nunique = known.n;
	names->unique = palloc(Max(known.n, 1) * sizeof(UniqueName));
	memcpy(names->unique, known.unique, known.n * sizeof(UniqueName));
}

/* Does an index see to it that no two live users share this email or username? */
static bool
is_proved(const RegisteredNames *names, ModelAttribute attribute)
{
	for (int i = 0; i < names->nunique; i++)
		if (names->unique[i].proves == attribute)
			return true;
	return false;
}

/* What helps a new user whose name is taken. */
static char *
hint_another(ModelAttribute attribute)
{
	return psprintf("Ask the user for another %s.", model_attributes[attribute].name);
}

/* Raise 23505: a live user has this name. hint: what helps. */
static void
refuse_taken(const RegisteredNames *names, Relation users, ModelAttribute attribute,
			 const char *value, const char *hint)
{
	AttrNumber attnum = names->model->column[attribute].attnum;
	const char *column = get_attname(RelationGetRelid(users), attnum, false);
	const char *constraint = psprintf("%s_%s_key", RelationGetRelationName(users), column);

	/* backwards, to end with that of the table, not of a part */
	for (int i = names->nunique - 1; i >= 0; i--)
		if (names->unique[i].column == attnum && !names->unique[i].within)
			constraint = NameStr(names->unique[i].index);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key value violates unique constraint \"%s\"", constraint),
			 errdetail_row("Key (%s)=(%s) already exists.", column, value), errhint("%s", hint),
			 errtablecol(users, attnum), err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
}

/* Begin to take names; see the header. */
void
names_begin_taking(void)
{
	session_lock_names(false);
}

/* Begin to take those of users who come back together; see the header. */
void
names_begin_taking_all(void)
{
	session_lock_names(true);
}

/* Is equal under this collation what differs in its bytes? */
static bool
is_coarse(Oid collation)
{
	return !get_collation_isdeterministic(collation);
}

/* Order of texts to lock. */
static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/*
 * Lock the names that are about to be taken, in one order for all: each as both columns make it
 * small, so that what either takes for one name has a lock in common. Where a column takes for one
 * what has other letters there is one lock for all.
 */
void
names_lock(const RegisteredNames *names)
{
	const char *given[] = {names->email != NULL ? names->email : "", names->username};
	Oid by[] = {name_collation(names->model, USERS_EMAIL),
				name_collation(names->model, USERS_USERNAME)};
	bool coarse = is_coarse(by[0]) || is_coarse(by[1]);
	List *texts = NIL;
	const char *last = NULL;
	ListCell *cell;

	for (int i = 0; i < lengthof(given) && given[i] != NULL; i++)
		for (int j = 0; j < lengthof(by); j++)
			if (j == 0 || by[j] != by[0])
				texts = lappend(texts, coarse ? "" : name_fold(given[i], by[j]));
	list_sort(texts, compare_texts);
	foreach (cell, texts)
	{
		if (last == NULL || strcmp(last, lfirst(cell)) != 0)
			session_lock_name(lfirst(cell));
		last = lfirst(cell);
	}
}

/*
 * Is the attribute of users asked for the email (parameter 1) or the username (parameter 2)? Where
 * an index proves it, the INSERT itself asks that; for an email beside it only where it does so
 * without case, as an email is compared.
 */
static bool
is_asked(const RegisteredNames *names, ModelAttribute attribute, int parameter, bool same)
{
	bool own = (attribute == USERS_EMAIL) == (parameter == 1) ||
			   (same && (attribute == USERS_EMAIL || name_username_folds(names->model)));

	return model_has(names->model, attribute) && (parameter == 1 || names->username != NULL) &&
		   !(own && is_proved(names, attribute));
}

/* An email is compared with usernames without case, because a login finds it so. */
static bool
is_folded(ModelAttribute attribute, int parameter)
{
	return attribute == USERS_USERNAME && parameter == 1;
}

/* SQL: is the attribute of a user this email or username? */
static char *
taken_sql(const RegisteredNames *names, ModelAttribute attribute, int parameter)
{
	const Model *model = names->model;

	if (is_folded(attribute, parameter))
		return model_sql_folded(model, "u", attribute, parameter);
	return model_sql_named(model, "u", attribute, parameter);
}

/*
 * The statement that looks for a live user of the email (parameter 1) or the username (parameter
 * 2), and says whether it is the email that is taken. NULL: there is nothing to look for.
 */
static char *
look_text(const RegisteredNames *names, bool same, bool locks)
{
	StringInfoData by_email;
	StringInfoData any;

	initStringInfo(&by_email);
	initStringInfo(&any);
	for (int parameter = 1; parameter <= 2; parameter++)
		for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
		{
			char *condition;

			if (!is_asked(names, a, parameter, same))
				continue;
			condition = taken_sql(names, a, parameter);
			appendStringInfo(&any, "%s%s", any.len > 0 ? " OR " : "", condition);
			if (parameter == 1)
				appendStringInfo(&by_email, "%s%s", by_email.len > 0 ? " OR " : "", condition);
		}
	if (any.len == 0)
		return NULL;
	return psprintf(OWN_STATEMENT "SELECT (%s) IS TRUE FROM %s u WHERE (%s) AND %s%s",
					by_email.len > 0 ? by_email.data : "false",
					sql_relation(names->model->relation[MODEL_USERS]), any.data,
					live_sql(names->model, "u", MODEL_USERS), locks ? " LIMIT 1 FOR SHARE" : "");
}

/* Are email and username one name, as an attribute's column makes them small? */
static bool
is_same(const RegisteredNames *names, ModelAttribute attribute)
{
	Oid collation = name_collation(names->model, attribute);

	return names->username != NULL &&
		   strcmp(name_fold(names->email, collation), name_fold(names->username, collation)) == 0;
}

/*
 * Raise 23505 if a live user has the email or the username. The caller has locked both. What a
 * unique index says at the INSERT is not asked here.
 */
void
names_check_free(const RegisteredNames *names, Relation users)
{
	const Model *model = names->model;
	Oid relid = RelationGetRelid(users);
	Oid types[] = {TEXTOID, TEXTOID};
	Datum values[] = {CStringGetTextDatum(names->email),
					  names->username ? CStringGetTextDatum(names->username) : (Datum) 0};
	const char *nulls = names->username != NULL ? "  " : " n";
	bool same = is_same(names, USERS_EMAIL) && is_same(names, USERS_USERNAME);
	Oid variant = names->username == NULL ? 0 : same ? 2 : 4;
	bool by_email;
	bool isnull;

	/* where there is none there is no lock; a lock has to wait for a deletion that is under way */
	for (int locks = 0; locks <= 1; locks++)
	{
		KeptStatement *plan = plan_lookup(PLAN_REGISTER_TAKEN, relid, variant + locks);

		if (plan == NULL)
		{
			char *sql = look_text(names, same, locks);

			if (sql == NULL)
				return;
			plan = plan_keep_lookup(PLAN_REGISTER_TAKEN, relid, variant + locks, sql, 2, types);
		}
		if (!statement_finds_row(plan, values, nulls))
			return;
	}
	by_email =
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if ((by_email && model_has(model, USERS_EMAIL)) || !model_has(model, USERS_USERNAME))
		refuse_taken(names, users, USERS_EMAIL, names->email, hint_another(USERS_EMAIL));
	refuse_taken(names, users, USERS_USERNAME, names->username ? names->username : names->email,
				 hint_another(USERS_USERNAME));
}

/*
 * Does a unique index look after the names that this attribute holds: as a login compares them, or
 * within something else? One that tells letters apart by their case does not.
 */
static bool
has_index(const RegisteredNames *names, ModelAttribute attribute)
{
	for (int i = 0; i < names->nunique; i++)
	{
		const UniqueName *name = &names->unique[i];

		if (name->proves == attribute ||
			(name->within && name->column == names->model->column[attribute].attnum))
			return true;
	}
	return false;
}

/*
 * SQL: does user u have the name that the returning one has in an attribute, parameter 1 its email,
 * 2 its username? Where an index looks after the attribute, it decides about those that have it in
 * the same one: it may be unique in each tenant only.
 */
static char *
clash_sql(const RegisteredNames *names, ModelAttribute own, ModelAttribute other)
{
	const Model *model = names->model;
	int parameter = own == USERS_EMAIL ? 1 : 2;
	char *same = model_has(model, own) ? model_sql_named(model, "u", own, parameter) : "false";
	char *across =
		model_has(model, other) ? model_sql_folded(model, "u", other, parameter) : "false";

	if (has_index(names, own))
		return psprintf("(%s AND (%s) IS NOT TRUE) IS TRUE", across, same);
	return psprintf("(%s OR %s) IS TRUE", same, across);
}

/* Claim the names of a user that is to come back. */
void
names_claim(const Model *model, const UserRecord *user)
{
	RegisteredNames names = {.model = model, .email = user->email, .username = user->username};
	Relation users = table_open(model->relation[MODEL_USERS], RowExclusiveLock);
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[] = {user->email ? CStringGetTextDatum(user->email) : (Datum) 0,
					  user->username ? CStringGetTextDatum(user->username) : (Datum) 0,
					  CStringGetTextDatum(user->user_id)};
	char nulls[] = {user->email ? ' ' : 'n', user->username ? ' ' : 'n', ' ', '\0'};
	RoleState saved;
	char *by_email;
	bool email_taken = false;
	bool taken;
	bool isnull;

	names_find_unique(&names, users);
	names_begin_taking();
	names_lock(&names);
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	by_email = clash_sql(&names, USERS_EMAIL, USERS_USERNAME);
	taken = statement_run_once(
				psprintf(OWN_STATEMENT "SELECT %s FROM %s u WHERE (%s OR %s) AND %s "
									   "AND %s OPERATOR(pg_catalog.<>) $3 LIMIT 1 FOR SHARE",
						 by_email, sql_relation(RelationGetRelid(users)), by_email,
						 clash_sql(&names, USERS_USERNAME, USERS_EMAIL),
						 live_sql(model, "u", MODEL_USERS), model_sql_text(model, "u", USERS_ID)),
				3, types, values, nulls, &(StatementOptions){.look = SNAPSHOT_OF_NOW}) > 0;
	if (taken)
		email_taken =
			DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run_as_end(saved);
	SPI_finish();
	if (taken && email_taken)
		refuse_taken(&names, users, model_has(model, USERS_EMAIL) ? USERS_EMAIL : USERS_USERNAME,
					 user->email, HINT_TAKEN_KEYS);
	if (taken)
		refuse_taken(&names, users, USERS_USERNAME, user->username, HINT_TAKEN_KEYS);
	table_close(users, NoLock);
}

/*
 * SQL: has user u in an attribute the name that user t has in `own`, as a login compares them? Each
 * column may have a collation of its own: that of u's, or of its index, decides.
 */
static char *
same_name_sql(const Model *model, ModelAttribute own, ModelAttribute attribute)
{
	bool folds = own != attribute || own == USERS_EMAIL || name_username_folds(model);
	char *one = model_sql_text(model, "u", attribute);
	char *other = model_sql_text(model, "t", own);
	Oid collation = InvalidOid;
	char *by = sql_collation(name_collation(model, attribute));

	if (!folds)
		return psprintf("%s OPERATOR(pg_catalog.=) %s COLLATE %s", one, other, by);
	(void) name_has_index(model, attribute, true, &collation);
	return psprintf("pg_catalog.lower(%s) OPERATOR(pg_catalog.=) "
					"pg_catalog.lower(%s COLLATE %s) COLLATE %s",
					one, other, by, OidIsValid(collation) ? sql_collation(collation) : by);
}

/* The name of a user that comes back, in `own`, which a live user has in an attribute; or NULL. */
static char *
find_taken(const RegisteredNames *names, const ReturningUsers *returning, ModelAttribute own,
		   ModelAttribute attribute)
{
	const Model *model = names->model;
	MemoryContext caller = CurrentMemoryContext;
	char *users = sql_relation(model->relation[MODEL_USERS]);
	char *taken = NULL;
	RoleState saved;

	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	/* as in clash_sql() */
	if (statement_run_once(
			psprintf(OWN_STATEMENT "SELECT %s FROM %s t JOIN %s u ON %s WHERE %s AND %s%s%s%s "
								   "LIMIT 1",
					 model_sql_text(model, "t", own), users, users,
					 same_name_sql(model, own, attribute), returning->condition,
					 live_sql(model, "u", MODEL_USERS), has_index(names, own) ? " AND (" : "",
					 has_index(names, own) ? same_name_sql(model, own, own) : "",
					 has_index(names, own) ? ") IS NOT TRUE" : ""),
			returning->n, returning->types, returning->values, NULL,
			&(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0)
		taken = row_text(0, 1, caller);
	run_as_end(saved);
	SPI_finish();
	return taken;
}

/* Raise 23505 where a live user has a name of users that are to come back; see the header. */
void
names_check_returning(const Model *model, const ReturningUsers *returning)
{
	RegisteredNames names = {.model = model};
	Relation users = table_open(model->relation[MODEL_USERS], RowExclusiveLock);

	names_find_unique(&names, users);
	for (ModelAttribute own = USERS_EMAIL; own <= USERS_USERNAME; own++)
		for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
		{
			char *taken;

			if (!model_has(model, own) || !model_has(model, a) ||
				(a == own && has_index(&names, own)))
				continue;
			taken = find_taken(&names, returning, own, a);
			if (taken != NULL)
				refuse_taken(&names, users, own, taken, HINT_TAKEN_KEYS);
		}
	table_close(users, NoLock);
}

/*
 * The lines of an error's context but the first, if that is about a statement of ours: it says
 * nothing to a caller.
 */
static char *
without_own_statement(char *context)
{
	char *own = context != NULL ? strstr(context, OWN_STATEMENT) : NULL;
	char *end = context != NULL ? strchr(context, '\n') : NULL;

	if (own == NULL || (end != NULL && own > end))
		return context;
	return end != NULL ? end + 1 : NULL;
}

/* Complete an error of an insertion: the column that a unique violation is about. */
void
names_complete_error(const RegisteredNames *names, Relation users, ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION || error->constraint_name == NULL)
		return;
	for (int i = 0; i < names->nunique; i++)
	{
		const UniqueName *name = &names->unique[i];

		if (strcmp(NameStr(name->index), error->constraint_name) != 0 ||
			error->table_name == NULL || strcmp(NameStr(name->table), error->table_name) != 0 ||
			error->schema_name == NULL || strcmp(NameStr(name->schema), error->schema_name) != 0)
			continue;
		if (error->column_name == NULL && name->column > 0)
			error->column_name =
				pstrdup(NameStr(TupleDescAttr(RelationGetDescr(users), name->column - 1)->attname));
		error->context = without_own_statement(error->context);
		if (error->hint == NULL && name->proves != MODEL_ATTRIBUTES)
			error->hint = hint_another(name->proves);
	}
}
