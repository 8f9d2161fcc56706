/*
 * cascade.h
 *		What follows from the deletion of a row, or from its return.
 */
#ifndef PGACCOUNT_CASCADE_H
#define PGACCOUNT_CASCADE_H

extern void cascade_init(void);

#endif /* PGACCOUNT_CASCADE_H */
