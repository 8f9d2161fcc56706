/*
 * profile_trigger.h
 *		A profile for every user: what the front door needs.
 */
#ifndef PGACCOUNT_PROFILE_TRIGGER_H
#define PGACCOUNT_PROFILE_TRIGGER_H

/* Register the invalidations that keep the cached rules true. */
extern void profiles_init(void);

#endif /* PGACCOUNT_PROFILE_TRIGGER_H */
