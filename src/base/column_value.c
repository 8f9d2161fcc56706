/*
 * column_value.c
 *		The value of a column of a row at hand, also of a column that rows do not hold.
 *
 * A virtual generated column (18, where it is what GENERATED makes unless told otherwise) is not in
 * the row that a trigger or an index gives: it would be read as NULL. A statement computes it, and
 * who reads the row itself does so here. Its expression calls nothing but what is built in, so it
 * is nobody's code.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/relcache.h"

#include "compat.h"
#include "column_value.h"

/* Is it a column whose values are computed when they are read? */
bool
column_is_virtual(Relation rel, AttrNumber attnum)
{
	return attnum > 0 && compat_is_virtual(TupleDescAttr(RelationGetDescr(rel), attnum - 1));
}

/* Compute the value of a virtual column, in the present memory context. */
static Datum
compute(Oid relid, TupleTableSlot *slot, Form_pg_attribute column, bool *isnull)
{
	Relation rel = RelationIdGetRelation(relid);
	ExprContext *context = CreateStandaloneExprContext();
	Expr *expression;
	Datum value;

	expression = expression_planner((Expr *) compat_generated_as(rel, column->attnum));
	context->ecxt_scantuple = slot;
	value = ExecEvalExprSwitchContext(ExecInitExpr(expression, NULL), context, isnull);
	if (!*isnull)
		value = datumCopy(value, column->attbyval, column->attlen);
	FreeExprContext(context, true);
	RelationClose(rel);
	return value;
}

/* The value in a row; see the header. */
Datum
column_value(Oid relid, TupleTableSlot *slot, AttrNumber attnum, bool *isnull)
{
	Form_pg_attribute column = TupleDescAttr(slot->tts_tupleDescriptor, attnum - 1);

	if (compat_is_virtual(column))
		return compute(relid, slot, column, isnull);
	return slot_getattr(slot, attnum, isnull);
}
