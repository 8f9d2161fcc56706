/*
 * known_address.h
 *		Addresses that a user has had a session at: failures from elsewhere do not lock it out
 *		there.
 */
#ifndef PGACCOUNT_KNOWN_ADDRESS_H
#define PGACCOUNT_KNOWN_ADDRESS_H

#ifndef IN_auth
#error "private to src/auth"
#endif

#include "utils/inet.h"

/*
 * What an address counts as: an IPv4-mapped one as its IPv4 address, an IPv6 address as its /64.
 * palloc'd, without spaces.
 */
extern char *address_for_count(const inet *address);

/*
 * The keyed digest of a user, or of a login that names none, and of an address as
 * address_for_count() has it.
 */
extern void known_address_digest(bool is_user, const char *name, const char *address,
								 unsigned char *digest);

/* Has the user of this digest had a session at its address in the last 30 days? */
extern bool known_address_is(const unsigned char *digest);

/* Remember that a user has a session at this address now. */
extern void known_address_note(const char *user_id, const inet *address);

/* Forget all: the ids of users are those of others by now. Within SPI_connect. */
extern void known_addresses_forget_all(void);

#endif /* PGACCOUNT_KNOWN_ADDRESS_H */
