/*
 * password_slots.h
 *		How many argon2 computations may run at once in the whole server.
 */
#ifndef PGACCOUNT_PASSWORD_SLOTS_H
#define PGACCOUNT_PASSWORD_SLOTS_H

/* Ask for shared memory. Effective only while the server preloads its libraries. */
extern void password_slots_init(void);

/*
 * Take one of pgaccount.password_concurrency slots, waiting for one where need be; the wait can be
 * cancelled. Returns at once where the library was not preloaded: then there is no limit.
 * Until password_slot_release() the caller must not raise.
 */
extern void password_slot_acquire(void);

/* Give the slot back. */
extern void password_slot_release(void);

#endif /* PGACCOUNT_PASSWORD_SLOTS_H */
