/*
 * profile_registry.h
 *		Writing the registry of automatic profiles, and following the tables it speaks of.
 */
#ifndef PGACCOUNT_PROFILE_REGISTRY_H
#define PGACCOUNT_PROFILE_REGISTRY_H

#ifndef IN_profile
#error "private to src/profile"
#endif

#include "utils/jsonb.h"

/* Is there a rule of these two tables? */
extern bool profile_registry_has(Oid users, Oid profiles);

/* Write, or remove, a rule with its defaults, as the registry's owner. Within SPI_connect. */
extern void profile_registry_write(Oid users, Oid profiles, bool adopt, Jsonb *defaults);
extern void profile_registry_remove(Oid users, Oid profiles);

/*
 * While we ourselves drop triggers of a rule, the event trigger does not take it for switched off.
 */
extern void profile_registry_rearrange(bool begin);

/* profile_enable.c: drop the triggers of a rule from those of its tables that are still there. */
extern void profile_drop_triggers(Oid users, Oid profiles);

#endif /* PGACCOUNT_PROFILE_REGISTRY_H */
