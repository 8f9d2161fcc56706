/*
 * liveness.h
 *		Is a user, a tenant or a membership live, and is it active? The one definition, as SQL and
 *		for a row.
 *
 * A row is live unless soft delete, the mapped deleted_at, or the mapped flag says that it is
 * deleted. It is active if the mapped is_active is true, or its rule holds, or there is none.
 */
#ifndef PGACCOUNT_LIVENESS_H
#define PGACCOUNT_LIVENESS_H

#include "executor/tuptable.h"
#include "utils/rel.h"

#include "model_mapping.h"

/* A column that holds a truth; attnum 0: there is none. */
typedef struct TruthColumn
{
	AttrNumber attnum;
	Oid type; /* without domains */
	Oid collation;
} TruthColumn;

/* The columns that decide, of a table of the model or of one that inherits from it. */
typedef struct Liveness
{
	Oid relid;
	AttrNumber deleted_at; /* NULL, as soft delete has it */
	AttrNumber mapped_deleted_at;
	TruthColumn flag;
	TruthColumn is_active;
	const ModelRule *rule; /* how is_active reads its column; NULL: as a truth */
} Liveness;

/* SQL: is row alias live? Is it active? Both are never NULL. Of all parts but profiles. */
extern char *live_sql(const Model *model, const char *alias, ModelPart part);
extern char *active_sql(const Model *model, const char *alias, ModelPart part);

/* The same for rows of a relation: a part's table, or a partition or child of it. */
extern void liveness_of(const Model *model, ModelPart part, Relation rel, Liveness *liveness);
extern bool row_is_live(const Liveness *liveness, TupleTableSlot *slot);
extern bool row_is_active(const Liveness *liveness, TupleTableSlot *slot);

/* Does such a row say that an attribute, a truth, is true? Not where it is not mapped. */
extern bool row_says(const Model *model, ModelAttribute attribute, Relation rel,
					 TupleTableSlot *slot);

#endif /* PGACCOUNT_LIVENESS_H */
