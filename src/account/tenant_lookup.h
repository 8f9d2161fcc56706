/*
 * tenant_lookup.h
 *		The tenant that a call names.
 */
#ifndef PGACCOUNT_TENANT_LOOKUP_H
#define PGACCOUNT_TENANT_LOOKUP_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "model/model.h"

/* The longest slug or id of a tenant, in characters. */
#define MAX_TENANT 1024

/* Which of several tenants is meant that go by one slug. */
typedef enum TenantWanted
{
	TENANT_LIVE,   /* the live one, else a deleted one */
	TENANT_DELETED /* a deleted one, else the live one */
} TenantWanted;

/* A tenant. */
typedef struct TenantRecord
{
	char *tenant_id;
	bool is_live;
	TimestampTz deleted_at; /* of one that is not, where soft delete says when */
} TenantRecord;

/*
 * The tenant of this slug or id, deleted ones too; where slugs look like ids, the id decides. NULL:
 * there is none. Raises 22023 for several deleted ones of that slug, where such a one is meant.
 */
extern TenantRecord *tenant_find(const Model *model, const char *tenant, TenantWanted wanted);

/* Lock a tenant's row to change it, and read it anew. NULL: it is gone. */
extern TenantRecord *tenant_lock(const Model *model, const char *tenant_id);

/* Are tenants mapped, as tenant_find() and tenant_lock() need? */
extern bool tenant_is_mapped(const Model *model);

/* Raise 55000 where no tenants are mapped, or none for users. */
extern void tenant_require_mapped(const Model *model);

/* Raise PT404. */
compat_noreturn extern void tenant_refuse_unknown(void);

#endif /* PGACCOUNT_TENANT_LOOKUP_H */
