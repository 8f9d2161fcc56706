/*
 * tenant_isolation.h
 *		Tables of which only rows of one's own tenant are seen.
 */
#ifndef PGACCOUNT_TENANT_ISOLATION_H
#define PGACCOUNT_TENANT_ISOLATION_H

/* Has account.enable_tenant_isolation() been called for the table? */
extern bool tenant_isolated(Oid relid);

#endif /* PGACCOUNT_TENANT_ISOLATION_H */
