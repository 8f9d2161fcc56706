/*
 * login_names.c
 *		How the emails and usernames of users are compared, and which indexes say so.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_collation.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "login_names.h"

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
	if (type_is_citext(model->column[USERS_USERNAME].type))
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
