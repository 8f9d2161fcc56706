/*
 * profile_trigger.h
 *		A profile for every user: what the front door needs.
 */
#ifndef PGACCOUNT_PROFILE_TRIGGER_H
#define PGACCOUNT_PROFILE_TRIGGER_H

/* Register the invalidations that keep the cached rules true. */
extern void profiles_init(void);

/*
 * How many users of this backend that came one by one got no profile by their rule: they had one,
 * or a trigger of the application kept it back. Whoever inserts a user compares it.
 */
extern uint64 profiles_left_out(void);

#endif /* PGACCOUNT_PROFILE_TRIGGER_H */
