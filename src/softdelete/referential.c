/*
 * referential.c
 *		Statements that the server runs for its foreign keys.
 *
 * They are known by what they are, not by their wording, which has a cast in it for one type and a
 * COLLATE for another. The server runs a check or an action as the owner of the table, in an
 * operation of its own, InNoForceRLSOperation(); but so runs whatever a trigger of the application
 * does inside one, and our own statements. So the statement is looked at: one table; columns of a
 * key compared with parameters, through any cast, by the operators of the key; and nothing else.
 *
 * The application may write such a statement too. Most are told from the server's by where their
 * values come from: a variable of PL/pgSQL is a parameter that is not written as one. What is left
 * is taken for the server's. That loses no row: account.soft_delete(), the row trigger, judges each
 * row that is deleted, and keeps it where its parent is still there.
 *
 * A statement that is planned in such an operation may be kept, and run elsewhere later. So may one
 * that was taken for the server's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_constraint.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "referential.h"

/* The columns that a statement compares with parameters. */
typedef struct KeyComparisons
{
	int n;
	AttrNumber columns[INDEX_MAX_KEYS];
	Oid operators[INDEX_MAX_KEYS];
} KeyComparisons;

static bool alter_table_runs = false;

/* An ALTER TABLE begins, or ends. */
bool
referential_alter_table(bool running)
{
	bool before = alter_table_runs;

	alter_table_runs = running;
	return before;
}

/* An operand without the casts around it. */
static Node *
without_casts(Node *node)
{
	while (node != NULL)
	{
		switch (nodeTag(node))
		{
			case T_RelabelType:
				node = (Node *) ((RelabelType *) node)->arg;
				break;
			case T_CoerceViaIO:
				node = (Node *) ((CoerceViaIO *) node)->arg;
				break;
			case T_ArrayCoerceExpr:
				node = (Node *) ((ArrayCoerceExpr *) node)->arg;
				break;
			case T_ConvertRowtypeExpr:
				node = (Node *) ((ConvertRowtypeExpr *) node)->arg;
				break;
			case T_CoerceToDomain:
				node = (Node *) ((CoerceToDomain *) node)->arg;
				break;
			case T_CollateExpr:
				node = (Node *) ((CollateExpr *) node)->arg;
				break;
			case T_FuncExpr:
				if (((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CAST &&
					((FuncExpr *) node)->funcformat != COERCE_IMPLICIT_CAST)
					return node;
				node = linitial(((FuncExpr *) node)->args);
				break;
			default:
				return node;
		}
	}
	return NULL;
}

/*
 * Is this a parameter that is written as one, `$1`? The server's are. A name that stands for a
 * parameter is looked up by a procedural language.
 */
static bool
is_written_parameter(Node *node, const char *text)
{
	Param *param = (Param *) node;

	if (node == NULL || !IsA(node, Param) || param->paramkind != PARAM_EXTERN)
		return false;
	return param->location < 0 || strnlen(text, param->location + 1) <= param->location ||
		   text[param->location] == '$';
}

/* The column of the one table that this is, or InvalidAttrNumber. */
static AttrNumber
column_of(Node *node)
{
	Var *var = (Var *) node;

	return node != NULL && IsA(node, Var) && var->varlevelsup == 0 ? var->varattno
																   : InvalidAttrNumber;
}

/* Read quals that are comparisons of columns with parameters, and nothing else. */
static bool
read_comparisons(Node *node, const char *text, KeyComparisons *found)
{
	OpExpr *op = (OpExpr *) node;
	Node *left;
	Node *right;
	AttrNumber column;

	if (node == NULL)
		return false;
	if (is_andclause(node))
	{
		ListCell *lc;

		foreach (lc, ((BoolExpr *) node)->args)
			if (!read_comparisons(lfirst(lc), text, found))
				return false;
		return true;
	}
	if (!IsA(node, OpExpr) || list_length(op->args) != 2 || found->n == INDEX_MAX_KEYS)
		return false;
	left = without_casts(linitial(op->args));
	right = without_casts(lsecond(op->args));
	column = column_of(left);
	if (column == InvalidAttrNumber)
	{
		column = column_of(right);
		right = left;
	}
	if (column <= 0 || !is_written_parameter(right, text))
		return false;
	found->columns[found->n] = column;
	found->operators[found->n++] = op->opno;
	return true;
}

/* Has a Query one table, and no clause but WHERE and what it does to the table? */
static bool
is_of_one_table(Query *query)
{
	return list_length(query->rtable) == 1 && query->cteList == NIL &&
		   query->returningList == NIL && query->groupClause == NIL && query->groupingSets == NIL &&
		   query->windowClause == NIL && query->distinctClause == NIL && query->sortClause == NIL &&
		   query->limitOffset == NULL && query->limitCount == NULL &&
		   query->setOperations == NULL && !query->hasSubLinks && !query->hasTargetSRFs &&
		   list_length(query->jointree->fromlist) == 1 &&
		   IsA(linitial(query->jointree->fromlist), RangeTblRef);
}

/* Does the key have this column, compared by this operator? */
static bool
key_has(const ForeignKeyCacheInfo *key, AttrNumber column, Oid operator)
{
	for (int i = 0; i < key->nkeys; i++)
		if (key->conkey[i] == column && (!OidIsValid(operator) || key->conpfeqop[i] == operator))
			return true;
	return false;
}

/* Do these comparisons find the rows that reference a key? */
static bool
finds_references(const ForeignKeyCacheInfo *key, const KeyComparisons *found)
{
	if (found->n != key->nkeys)
		return false;
	for (int i = 0; i < found->n; i++)
		if (!key_has(key, found->columns[i], found->operators[i]))
			return false;
	return true;
}

/* Does a key delete what references a row that is deleted? */
static bool
key_deletes(Oid constraint)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	bool deletes;

	if (!HeapTupleIsValid(tuple))
		return false;
	deletes = ((Form_pg_constraint) GETSTRUCT(tuple))->confdeltype == FKCONSTR_ACTION_CASCADE;
	ReleaseSysCache(tuple);
	return deletes;
}

/* The foreign keys that a table has, those of its partitions' kind included; a copy. */
static List *
keys_of(Oid relid)
{
	Relation rel = table_open(relid, NoLock);
	List *keys = copyObject(RelationGetFKeyList(rel));

	table_close(rel, NoLock);
	return keys;
}

/* ON DELETE CASCADE: DELETE FROM child WHERE $1 = column AND ... */
static bool
is_delete_action(Oid relid, const KeyComparisons *found)
{
	ListCell *lc;

	foreach (lc, keys_of(relid))
	{
		ForeignKeyCacheInfo *key = lfirst(lc);

		if (finds_references(key, found) && key_deletes(key->conoid))
			return true;
	}
	return false;
}

/* SET NULL, SET DEFAULT, ON UPDATE CASCADE: UPDATE child SET column = ... WHERE $1 = column ... */
static bool
is_update_action(Oid relid, const KeyComparisons *found, List *targets)
{
	ListCell *lc;

	foreach (lc, keys_of(relid))
	{
		ForeignKeyCacheInfo *key = lfirst(lc);
		bool sets_key = finds_references(key, found);
		ListCell *lc2;

		foreach (lc2, targets)
		{
			TargetEntry *target = lfirst_node(TargetEntry, lc2);

			if (!target->resjunk && !key_has(key, target->resno, InvalidOid))
				sets_key = false;
		}
		if (sets_key)
			return true;
	}
	return false;
}

/* Do these comparisons find a row by a key that may be referenced, or those that reference one? */
static bool
is_of_a_key(Oid relid, const KeyComparisons *found)
{
	Relation rel = table_open(relid, NoLock);
	Bitmapset *unique = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	bool of_unique = true;
	ListCell *lc;

	table_close(rel, NoLock);
	for (int i = 0; i < found->n; i++)
		if (!bms_is_member(found->columns[i] - FirstLowInvalidHeapAttributeNumber, unique))
			of_unique = false;
	if (of_unique)
		return true;
	foreach (lc, keys_of(relid))
	{
		ForeignKeyCacheInfo *key = lfirst(lc);
		bool of_key = found->n == key->nkeys;

		for (int i = 0; i < found->n && of_key; i++)
			of_key = key_has(key, found->columns[i], InvalidOid);
		if (of_key)
			return true;
	}
	return false;
}

/*
 * A check: SELECT 1 FROM parent WHERE column = $1 AND ... FOR KEY SHARE, or of the child; a key
 * over periods reads the rows in a subquery. Its operators are those of whichever key it looks by.
 */
static bool
is_check(Query *query, const char *text)
{
	RangeTblEntry *rte = linitial_node(RangeTblEntry, query->rtable);
	KeyComparisons found = {0};

	if (rte->rtekind == RTE_SUBQUERY)
		return is_of_one_table(rte->subquery) && rte->subquery->commandType == CMD_SELECT &&
			   query->jointree->quals == NULL && query->havingQual != NULL &&
			   is_check(rte->subquery, text);
	return rte->rtekind == RTE_RELATION && query->havingQual == NULL &&
		   list_length(query->rowMarks) == 1 &&
		   linitial_node(RowMarkClause, query->rowMarks)->strength == LCS_FORKEYSHARE &&
		   list_length(query->targetList) == 1 &&
		   read_comparisons(query->jointree->quals, text, &found) &&
		   is_of_a_key(rte->relid, &found);
}

/* Is this a check or an action of a foreign key? */
bool
is_referential_statement(Query *query, const char *text)
{
	KeyComparisons found = {0};
	RangeTblEntry *rte;

	if (!InNoForceRLSOperation() || !is_of_one_table(query))
		return false;
	rte = linitial_node(RangeTblEntry, query->rtable);
	switch (query->commandType)
	{
		case CMD_SELECT:
			return is_check(query, text);
		case CMD_UPDATE:
			return rte->rtekind == RTE_RELATION &&
				   read_comparisons(query->jointree->quals, text, &found) &&
				   is_update_action(rte->relid, &found, query->targetList);
		case CMD_DELETE:
			return rte->rtekind == RTE_RELATION &&
				   read_comparisons(query->jointree->quals, text, &found) &&
				   is_delete_action(rte->relid, &found);
		default:
			return false;
	}
}

/* Is this the table number rtindex, under this name? */
static bool
is_table_named(Query *query, Node *node, Index rtindex, const char *name)
{
	RangeTblEntry *rte;

	if (!IsA(node, RangeTblRef) || ((RangeTblRef *) node)->rtindex != rtindex)
		return false;
	rte = list_nth_node(RangeTblEntry, query->rtable, rtindex - 1);
	return rte->rtekind == RTE_RELATION && strcmp(rte->eref->aliasname, name) == 0;
}

/*
 * Is this SELECT fk.column, ... FROM child fk [LEFT] JOIN parent pk ON (...) WHERE ..., within
 * ALTER TABLE? It runs as whoever alters the table.
 */
bool
is_referential_validation(Query *query)
{
	JoinExpr *join;
	ListCell *lc;

	if (!alter_table_runs || query->commandType != CMD_SELECT || query->hasSubLinks ||
		query->cteList != NIL || list_length(query->rtable) != 3 ||
		list_length(query->jointree->fromlist) != 1)
		return false;
	join = linitial(query->jointree->fromlist);
	if (!IsA(join, JoinExpr) || !is_table_named(query, join->larg, 1, "fk") ||
		!is_table_named(query, join->rarg, 2, "pk"))
		return false;
	foreach (lc, query->targetList)
	{
		Node *column = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (column_of(column) <= 0 || ((Var *) column)->varno != 1)
			return false;
	}
	return true;
}
