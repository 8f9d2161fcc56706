/*
 * user_trigger.h
 *		The triggers on the mapped tables: what became of a user, a tenant or a membership.
 */
#ifndef PGACCOUNT_USER_TRIGGER_H
#define PGACCOUNT_USER_TRIGGER_H

#include "base/base.h"

/*
 * Put the triggers on the mapped tables, or take them away: an OID for each part of the model, or
 * InvalidOid. call: how the tables were mapped, as JSON, which one of the triggers keeps. Within
 * SPI_connect.
 */
extern void user_trigger_attach(const Oid *relation, const char *call);
extern void user_trigger_detach(const Oid *relation);

/*
 * While a call runs whose caller may not end superusers: one that would be deleted by whatever
 * follows is PT403. Returns what held before, which is due again on every path.
 */
extern bool user_trigger_superusers_stay(bool stay);

/* Raise PT403: a superuser would be deleted along. */
compat_noreturn extern void user_trigger_refuse_superuser(void);

/*
 * A table, which is locked, has come below another: if that is mapped, or a part of a mapped one,
 * put on the triggers that are not there. Within SPI_connect.
 */
extern void user_trigger_part(Oid relid);

#endif /* PGACCOUNT_USER_TRIGGER_H */
