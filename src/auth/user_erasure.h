/*
 * user_erasure.h
 *		What follows when users are erased.
 */
#ifndef PGACCOUNT_USER_ERASURE_H
#define PGACCOUNT_USER_ERASURE_H

/* Follow erasures. Called while the library is loaded. */
extern void user_erasure_init(void);

#endif /* PGACCOUNT_USER_ERASURE_H */
