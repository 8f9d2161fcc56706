/*
 * referential.h
 *		Statements that the server runs for its foreign keys.
 */
#ifndef PGACCOUNT_REFERENTIAL_H
#define PGACCOUNT_REFERENTIAL_H

#include "nodes/parsenodes.h"

/*
 * Is this a check or an action of a foreign key? In doubt it is: it must see all rows and remove
 * them for good, or a reference dangles, and of what it deletes account.soft_delete() is the judge.
 */
extern bool is_referential_statement(Query *query, const char *text);

/* Is this the check of a whole table that ALTER TABLE runs for a new foreign key, or a detach? */
extern bool is_referential_validation(Query *query);

/* An ALTER TABLE begins, or ends; returns whether one was running. */
extern bool referential_alter_table(bool running);

#endif /* PGACCOUNT_REFERENTIAL_H */
