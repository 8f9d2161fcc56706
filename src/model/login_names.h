/*
 * login_names.h
 *		How the emails and usernames of users are compared, and which indexes say so.
 */
#ifndef PGACCOUNT_LOGIN_NAMES_H
#define PGACCOUNT_LOGIN_NAMES_H

#include "utils/rel.h"

#include "model_mapping.h"

/* Is a username compared without case: is it citext, or unique by lower()? */
extern bool name_username_folds(const Model *model);

/*
 * Are all live users that have a value in a column in the index: has it no predicate, that of soft
 * delete, or that the column is not NULL? NULL is nobody's name.
 */
extern bool name_index_holds_live(const Model *model, Relation index, AttrNumber column);

/*
 * Does a valid index, whose first key it is, find live users by lower(column) (folded), or by the
 * column itself? However it is written: lower(email), lower(email::text). *collation: the one that
 * the comparison must name, or InvalidOid.
 */
extern bool name_has_index(const Model *model, ModelAttribute attribute, bool folded,
						   Oid *collation);

/* Is one of the keys of an index lower(column)? */
extern bool name_index_folds(Relation index, AttrNumber attnum);

/* The collation by which an attribute's names lose their case: its column's. */
extern Oid name_collation(const Model *model, ModelAttribute attribute);

/* A name without case, as this collation has it. */
extern char *name_fold(const char *name, Oid collation);

/* Are two emails one, as a login compares them? NULL is none. */
extern bool name_same(const Model *model, const char *a, const char *b);

#endif /* PGACCOUNT_LOGIN_NAMES_H */
