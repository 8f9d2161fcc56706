/*
 * password_slots.h
 *		What backends share about argon2 and scrypt: how many may run at once, and how long one
 *		takes.
 */
#ifndef PGACCOUNT_PASSWORD_SLOTS_H
#define PGACCOUNT_PASSWORD_SLOTS_H

#ifndef IN_password
#error "private to src/password"
#endif

/* Ask for shared memory. Effective only while the server preloads its libraries. */
extern void password_slots_init(void);

/*
 * Take one of pgaccount.password_concurrency slots, waiting for one where need be; the wait can be
 * cancelled. All limited callers together get half of the slots, at least one. Returns at once
 * where the library was not preloaded: then there is no limit.
 * Until password_slot_release() the caller must not raise.
 */
extern void password_slot_acquire(bool limited);

/* Give the slot back. */
extern void password_slot_release(void);

/*
 * CPU seconds that a hash of the current cost takes here, by those made lately in the server (not
 * preloaded: in this backend); 0: not known, for this memory and these passes.
 */
extern double password_pace(void);

/* A hash of the current cost took so many CPU seconds. */
extern void password_pace_learn(double seconds);

#endif /* PGACCOUNT_PASSWORD_SLOTS_H */
