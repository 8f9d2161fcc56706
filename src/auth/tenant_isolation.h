/*
 * tenant_isolation.h
 *		Tables of which only rows of one's own tenant are seen.
 */
#ifndef PGACCOUNT_TENANT_ISOLATION_H
#define PGACCOUNT_TENANT_ISOLATION_H

#include "nodes/pg_list.h"

/* Has account.enable_tenant_isolation() been called for the table? */
extern bool tenant_isolated(Oid relid);

/*
 * The numbers of the columns by which rows of a table are isolated: by its own isolation, by that
 * of a table above it, or of a partition or child. Without locks.
 */
extern List *tenant_isolating_columns(Oid relid);

/*
 * The tables whose rows are isolated, by their own isolation or that of a table above them; but
 * for temporary ones. In an order that lasts. Without locks.
 */
extern List *tenant_isolated_tables(void);

/*
 * A table, which is locked, has come below another: if rows of that are isolated, isolate it, and
 * what is below it, likewise, each as its owner. What the caller has no rights on below it stays as
 * it is. Within SPI_connect.
 */
extern void tenant_isolation_part(Oid relid);

/* A tenant's id, as the types of such columns have it. palloc'd. */
typedef struct IdentityKey TenantKey;

extern TenantKey *tenant_key_make(const char *tenant_id);

/*
 * SQL: has such a column of row `c` of a table the tenant's id, $1? *type, *value: of that; it
 * points into the key. NULL: its type cannot hold the id.
 */
extern char *tenant_key_condition(const TenantKey *key, Oid relid, AttrNumber attnum, Oid *type,
								  Datum *value);

/* Is this, of such a column, the tenant's id? type: without domains. */
extern bool tenant_key_is(const TenantKey *key, Oid type, Oid collation, Datum value);

#endif /* PGACCOUNT_TENANT_ISOLATION_H */
