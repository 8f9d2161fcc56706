/*
 * name_scan.c
 *		Users by their email or username, looked for in the indexes of users without a statement.
 *
 * Each login and each registration begins with such a look, and as a rule it finds one row, or none. That
 * is what the index says at once; whether the user is live, and what it is, is for who reads the row.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

#include "key_scan.h"
#include "mapping.h"
#include "name_scan.h"
#include "table_code.h"

/* The index by which names are found: of an attribute, as it is and without case. equality 0: none. */
typedef struct NameIndexes
{
	KeyIndex by[2][2];
	bool username_folds;
} NameIndexes;

static NameIndexes indexes;
static uint64 generation = 0; /* of the model that these are of; 0: none */

/* Is a column of the type citext, whatever schema that is in? */
static bool
is_citext(Oid type)
{
	char *name = get_typisdefined(type) ? format_type_be(getBaseType(type)) : "";
	const char *dot = strrchr(name, '.');

	return strcmp(dot != NULL ? dot + 1 : name, "citext") == 0;
}

/* Are all live users in the index? */
bool
name_index_holds_live(const Model *model, Relation index)
{
	List *predicate = index_predicate(index);
	const SoftDelete *soft = mapping_declared(model->relation[MODEL_USERS]);
	NullTest *test;

	if (predicate == NIL)
		return true;
	test = linitial(predicate);
	return list_length(predicate) == 1 && IsA(test, NullTest) && test->nulltesttype == IS_NULL &&
		   IsA(test->arg, Var) && soft != NULL && ((Var *) test->arg)->varattno == soft->deleted_at;
}

/* Is one of the keys of an index lower(column), by the column's collation? */
bool
name_index_folds(Relation index, AttrNumber attnum)
{
	ListCell *cell;

	foreach (cell, index_expressions(index))
	{
		FuncExpr *call = lfirst(cell);
		Node *arg;

		if (!IsA(call, FuncExpr) || call->funcid != F_LOWER_TEXT)
			continue;
		arg = strip_implicit_coercions(linitial(call->args));
		if (IsA(arg, Var) && ((Var *) arg)->varattno == attnum &&
			((Var *) arg)->varcollid == call->inputcollid)
			return true;
	}
	return false;
}

/* Is a username compared without case? */
bool
name_username_folds(const Model *model)
{
	Relation rel;
	ListCell *cell;
	bool folds = false;

	if (!model_has(model, USERS_USERNAME))
		return false;
	if (is_citext(model->column[USERS_USERNAME].type))
		return true;
	rel = relation_open(model->relation[MODEL_USERS], AccessShareLock);
	foreach (cell, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		folds |= index->rd_index->indisunique &&
				 name_index_folds(index, model->column[USERS_USERNAME].attnum);
		index_close(index, AccessShareLock);
	}
	relation_close(rel, AccessShareLock);
	return folds;
}

/* A name without case, as a login compares it. */
char *
name_fold(const char *name)
{
	return str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);
}

/* Take an index that finds all live users by an attribute. */
static void
consider(const Model *model, Relation index, ModelAttribute attribute)
{
	const ModelColumn *column = &model->column[attribute];
	bool folds = name_index_folds(index, column->attnum);
	KeyIndex *found = &indexes.by[attribute - USERS_EMAIL][folds];

	if ((folds || index->rd_index->indkey.values[0] == column->attnum) &&
		name_index_holds_live(model, index))
		(void) key_index_usable(index, TEXTOID, column->collation, found);
}

/* Find the indexes of this generation of the model. */
static void
find_indexes(const Model *model, Relation users)
{
	Oid owner = model->owner[MODEL_USERS];
	ListCell *cell;

	generation = 0;
	memset(&indexes, 0, sizeof(indexes));
	indexes.username_folds = name_username_folds(model);
	if (users->rd_rel->relkind == RELKIND_RELATION && !has_subclass(RelationGetRelid(users)) &&
		pg_class_aclcheck(RelationGetRelid(users), owner, ACL_SELECT) == ACLCHECK_OK)
		foreach (cell, RelationGetIndexList(users))
		{
			Relation index = index_open(lfirst_oid(cell), AccessShareLock);

			for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
				if (model_has(model, a))
					consider(model, index, a);
			index_close(index, AccessShareLock);
		}
	generation = model_generation();
}

/* Add a row, once. */
static void
add_row(NameRows *rows, ItemPointer place)
{
	for (int i = 0; i < rows->n; i++)
		if (ItemPointerEquals(&rows->place[i], place))
			return;
	if (rows->n < lengthof(rows->place))
		rows->place[rows->n++] = *place;
}

/* Look for a name; see the header. */
bool
name_scan(const Model *model, Relation users, ModelAttribute attribute, bool folded,
		  const char *name, Snapshot snapshot, NameRows *rows)
{
	const KeyIndex *by;
	KeyScan scan;

	if (generation != model_generation())
		find_indexes(model, users);
	folded |= attribute == USERS_EMAIL || indexes.username_folds;
	by = &indexes.by[attribute - USERS_EMAIL][folded];
	if (!OidIsValid(by->equality))
		return false;
	key_scan_begin(&scan, users, by, CStringGetTextDatum(folded ? name_fold(name) : name),
				   snapshot);
	while (rows->n < lengthof(rows->place) && key_scan_next(&scan))
		add_row(rows, &scan.slot->tts_tid);
	key_scan_end(&scan);
	return true;
}
