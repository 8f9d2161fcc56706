/*
 * model_rows.h
 *		The rows of the account model by their keys, without a statement.
 */
#ifndef PGACCOUNT_MODEL_ROWS_H
#define PGACCOUNT_MODEL_ROWS_H

#include "base/base.h"
#include "model_mapping.h"

/* The mapped tables, opened and locked. */
typedef struct ModelRows
{
	const Model *model; /* as it is under the locks; valid until the next call of model_get() */
	Relation rel[MODEL_PARTS]; /* NULL: no such part, or not asked for */
} ModelRows;

/*
 * Open and lock the mapped tables, with_profiles or without. The locks are kept to the end of the
 * transaction, as a SELECT keeps its own. Raises as model_require() does.
 */
extern void model_rows_open(ModelRows *rows, bool with_profiles);
extern void model_rows_close(ModelRows *rows);

/*
 * The mapping, its tables locked as a SELECT does: what a command is changing of them has been
 * changed, and nothing more is until the transaction ends. Raises as model_require() does.
 */
extern const Model *model_require_locked(void);

/*
 * Open them with profiles, of a mapping that the caller keeps; rows may then be used until it goes.
 * Where the mapping is another by now, none is open, and model_rows_direct() says no.
 */
extern void model_rows_open_as(ModelRows *rows, const Model *model);

/*
 * Can the rows of all tables that are open be looked at without a statement? Then a look says what
 * the model's texts say. Else only a statement, as the owner of users, can. It may be another
 * answer after anything that reads the mapping.
 */
extern bool model_rows_direct(const ModelRows *rows);

/*
 * Look for the row of a user, for the tenant of users.tenant or members.tenant, or for the profile
 * of users.id: key is the column's value, as model_key_value() or model_rows_key() has it. True: it
 * is in scan's slot, and lookup_end() is due. Registered snapshot.
 */
extern bool model_rows_find(const ModelRows *rows, ModelPart part, Datum key, Snapshot snapshot,
							LookupScan *scan);

/* The same for the row of members of a user in a tenant. */
extern bool model_rows_find_member(const ModelRows *rows, Datum user, Datum tenant,
								   Snapshot snapshot, LookupScan *scan);

/* The unique index on slugs of tenants, of all, or of live ones. False: there is none. */
extern bool model_rows_slug_index(const ModelRows *rows, LookupIndex *by);

/* The value of an attribute in a row; *isnull also where there is no such column. */
extern Datum model_row_value(const Model *model, ModelAttribute attribute, TupleTableSlot *slot,
							 bool *isnull);

/* A key in a row (id of users or tenants, user, tenant) as model_rows_find() takes it. */
extern Datum model_rows_key(const ModelRows *rows, ModelAttribute attribute, TupleTableSlot *slot,
							bool *isnull);

/* Are two such keys one, byte for byte? */
extern bool model_rows_same_key(ModelAttribute attribute, Datum a, Datum b);

/* Such a key as text. */
extern char *model_rows_key_text(ModelAttribute attribute, Datum key);

/* Is the row of a user, tenant or member not deleted? Is it active? */
extern bool model_row_is_live(ModelPart part, TupleTableSlot *slot);
extern bool model_row_is_active(ModelPart part, TupleTableSlot *slot);

#endif /* PGACCOUNT_MODEL_ROWS_H */
