/*
 * user_trigger.h
 *		The triggers on the mapped tables: what became of a user, or of a tenant.
 */
#ifndef PGACCOUNT_USER_TRIGGER_H
#define PGACCOUNT_USER_TRIGGER_H

/*
 * Put the triggers on the mapped tables, or take them away; either may be InvalidOid. call: how the
 * tables were mapped, as JSON, which one of the triggers keeps. Within SPI_connect.
 */
extern void user_trigger_attach(Oid users, Oid tenants, const char *call);
extern void user_trigger_detach(Oid users, Oid tenants);

#endif /* PGACCOUNT_USER_TRIGGER_H */
