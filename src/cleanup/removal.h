/*
 * removal.h
 *		Rows that are removed for good because a row that they reference is deleted softly.
 */
#ifndef PGACCOUNT_REMOVAL_H
#define PGACCOUNT_REMOVAL_H

/* Have soft deletions remove rows. Called while the library is loaded. */
extern void removal_init(void);

#endif /* PGACCOUNT_REMOVAL_H */
