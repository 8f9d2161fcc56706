/*
 * client.h
 *		Where a request comes from: the address and the agent of the client.
 */
#ifndef PGACCOUNT_CLIENT_H
#define PGACCOUNT_CLIENT_H

#include "utils/inet.h"

/* The setting that PostgREST puts the headers of a request into. Anybody may set it. */
#define REQUEST_HEADERS "request.headers"

/* Define the setting that holds the address. Before the prefix of settings is reserved. */
extern void client_init(void);

/*
 * The client's address, for the record: account.set_client_ip's of this transaction, else the first
 * of x-forwarded-for in request.headers, with *unverified set to that setting, which anybody may
 * set; else the connection's. NULL: a local connection. palloc'd. Never raises. It decides nothing:
 * what counts attempts takes the address that it was given by its caller.
 */
extern inet *client_ip(const char **unverified);

/*
 * The client's agent: user-agent in request.headers, shortened. NULL: not known. palloc'd. Never
 * raises.
 */
extern char *client_user_agent(void);

/*
 * A member of a JSON object that is held by a setting anybody may set, as PostgREST sets
 * request.headers: a string or a number as text in the database's encoding, palloc'd. NULL: there
 * is none. Never raises, and reads no catalog.
 */
extern char *request_member(const char *setting, const char *name);

#endif /* PGACCOUNT_CLIENT_H */
