/*
 * name_scan.h
 *		Users by their email or username, looked for in the indexes of users without a statement.
 */
#ifndef PGACCOUNT_NAME_SCAN_H
#define PGACCOUNT_NAME_SCAN_H

#include "storage/itemptr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "model.h"

/* Is a username compared without case: is it citext, or unique by lower()? */
extern bool name_username_folds(const Model *model);

/* Are all live users in the index: has it no predicate, or that of soft delete? */
extern bool name_index_holds_live(const Model *model, Relation index);

/* Is one of the keys of an index lower(column)? */
extern bool name_index_folds(Relation index, AttrNumber attnum);

/* Rows that may be the one that is looked for. */
typedef struct NameRows
{
	int n; /* 2: two at least */
	ItemPointerData place[2];
} NameRows;

/* A name without case, as a login compares it. */
extern char *name_fold(const char *name);

/*
 * Add the users whose email or username is this one, as model_sql_named() compares them, folded: without
 * case in any event. All live ones are among them, deleted ones may be. Takes the snapshot's word for what
 * there is. users is open and locked, the model as it is under that lock. False: only a statement can look.
 */
extern bool name_scan(const Model *model, Relation users, ModelAttribute attribute, bool folded,
					  const char *name, Snapshot snapshot, NameRows *rows);

#endif /* PGACCOUNT_NAME_SCAN_H */
