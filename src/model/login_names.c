/*
 * login_names.c
 *		How the emails and usernames of users are compared, and which indexes say so.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "login_names.h"

/* Does a condition of an index leave no row out that is live and has a value in a column? */
static bool
is_of_every_name(Node *condition, AttrNumber deleted_at, AttrNumber column)
{
	NullTest *test = (NullTest *) condition;
	AttrNumber attnum;

	if (!IsA(test, NullTest) || !IsA(test->arg, Var))
		return false;
	attnum = ((Var *) test->arg)->varattno;
	return test->nulltesttype == IS_NULL ? attnum == deleted_at : attnum == column;
}

/* Are all live users that have a value in a column in the index? See the header. */
bool
name_index_holds_live(const Model *model, Relation index, AttrNumber column)
{
	const SoftDelete *soft = mapping_declared(model->relation[MODEL_USERS]);
	AttrNumber deleted_at =
		soft != NULL ? soft->deleted_at : model->column[USERS_DELETED_AT].attnum;
	ListCell *lc;

	foreach (lc, index_predicate(index))
		if (!is_of_every_name(lfirst(lc), deleted_at, column))
			return false;
	return true;
}

/* What a cast to text is of, written or not: the planner takes either for the other. */
static Node *
without_cast(Node *node)
{
	for (;;)
	{
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, FuncExpr) && (((FuncExpr *) node)->funcid == F_TEXT_BPCHAR ||
										 ((FuncExpr *) node)->funcid == F_TEXT_NAME))
			node = linitial(((FuncExpr *) node)->args);
		else
			return node;
	}
}

/* Which key of an index is lower(column), by the column's collation? -1: none. */
static int
folded_key(Relation index, AttrNumber attnum)
{
	List *expressions = index_expressions(index);
	ListCell *next = list_head(expressions);

	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		FuncExpr *call;
		Node *arg;

		if (index->rd_index->indkey.values[i] != InvalidAttrNumber)
			continue;
		call = lfirst(next);
		next = lnext(expressions, next);
		if (!IsA(call, FuncExpr) || call->funcid != F_LOWER_TEXT)
			continue;
		arg = without_cast(linitial(call->args));
		if (IsA(arg, Var) && ((Var *) arg)->varattno == attnum &&
			((Var *) arg)->varcollid == call->inputcollid)
			return i;
	}
	return -1;
}

/* Is one of the keys of an index lower(column), by the column's collation? */
bool
name_index_folds(Relation index, AttrNumber attnum)
{
	return folded_key(index, attnum) >= 0;
}

/*
 * Does an index find live users by lower(column)? *collation: the one to compare by, if it is
 * another than the column's, else InvalidOid. Equal is equal under either, if both are
 * deterministic.
 */
static bool
finds_folded(const Model *model, ModelAttribute attribute, Relation index, Oid *collation)
{
	Oid own = model->column[attribute].collation;

	*collation = InvalidOid;
	if (!index->rd_index->indisvalid ||
		!name_index_holds_live(model, index, model->column[attribute].attnum) ||
		(index->rd_rel->relam != BTREE_AM_OID && index->rd_rel->relam != HASH_AM_OID) ||
		folded_key(index, model->column[attribute].attnum) != 0)
		return false;
	if (index->rd_indcollation[0] == own)
		return true;
	*collation = index->rd_indcollation[0];
	return OidIsValid(own) && get_collation_isdeterministic(own) &&
		   get_collation_isdeterministic(*collation);
}

/* Does an index find live users by the column, without case or with it? See the header. */
bool
name_has_index(const Model *model, ModelAttribute attribute, bool folded, Oid *collation)
{
	Relation rel = relation_open(model->relation[MODEL_USERS], AccessShareLock);
	List *indexes = RelationGetIndexList(rel);
	bool found = false;
	ListCell *cell;

	*collation = InvalidOid;
	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Oid by = InvalidOid;
		bool finds =
			folded ? finds_folded(model, attribute, index, &by)
				   : index->rd_index->indisvalid &&
						 name_index_holds_live(model, index, model->column[attribute].attnum) &&
						 index->rd_index->indkey.values[0] == model->column[attribute].attnum;

		index_close(index, AccessShareLock);
		if (!finds)
			continue;
		*collation = by;
		found = true;
		if (!OidIsValid(by))
			break;
	}
	relation_close(rel, AccessShareLock);
	return found;
}

/* Is a username compared without case? */
bool
name_username_folds(const Model *model)
{
	Relation rel;
	List *indexes;
	ListCell *cell;
	bool folds = false;

	if (!model_has(model, USERS_USERNAME))
		return false;
	if (type_is_citext(model->column[USERS_USERNAME].type))
		return true;
	rel = relation_open(model->relation[MODEL_USERS], AccessShareLock);
	indexes = RelationGetIndexList(rel);
	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		folds |= index->rd_index->indisunique &&
				 name_index_folds(index, model->column[USERS_USERNAME].attnum);
		index_close(index, AccessShareLock);
	}
	relation_close(rel, AccessShareLock);
	return folds;
}

/* The collation by which an attribute's names are made small, and compared. */
Oid
name_collation(const Model *model, ModelAttribute attribute)
{
	Oid collation = model_has(model, attribute) ? model->column[attribute].collation : InvalidOid;

	return OidIsValid(collation) ? collation : DEFAULT_COLLATION_OID;
}

/* A name without case, as a collation makes it small. */
char *
name_fold(const char *name, Oid collation)
{
	return str_tolower(name, strlen(name), collation);
}

/* Are two emails one, as a login compares them? NULL is none. */
bool
name_same(const Model *model, const char *a, const char *b)
{
	Oid collation = name_collation(model, USERS_EMAIL);

	return a != NULL && b != NULL &&
		   DatumGetBool(DirectFunctionCall2Coll(texteq, collation,
												CStringGetTextDatum(name_fold(a, collation)),
												CStringGetTextDatum(name_fold(b, collation))));
}
