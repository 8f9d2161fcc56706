/*
 * export_walk.h
 *		All rows that are about a user, or a tenant's.
 */
#ifndef PGACCOUNT_EXPORT_WALK_H
#define PGACCOUNT_EXPORT_WALK_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "auth/auth.h"
#include "cleanup/cleanup.h"
#include "fkey/fkey.h"
#include "model/model.h"

/* A table of a walk; FkNode.data of what it has reached. */
typedef struct ExportTable
{
	CleanupTable table; /* its first member, for what reads by sets: with the rows found */
	int number;         /* in the order in which tables were reached */
	List *naming;       /* references that name a tenant: rows of another one are left out */
	List *isolating;    /* columns that do, without reference */
} ExportTable;

/* A walk. */
typedef struct ExportWalk
{
	const Model *model;
	FkGraph *graph;
	List *nodes;       /* with an ExportTable, in the order in which they were reached */
	FkNode *tenants;   /* in a walk from a tenant: its table; else NULL */
	TenantKey *tenant; /* likewise */
} ExportWalk;

/*
 * The user of this id, its profile, every row that references the user, and what reaches those ON
 * DELETE CASCADE, by catalog or policy: an object of arrays of rows by `schema.table`. Reads as the
 * owners of the tables, in the active snapshot, deleted rows too: the caller has seen to it that
 * whoever asks may.
 */
extern Jsonb *export_rows(const Model *model, const char *user_id);

/*
 * Find the rows of a tenant, in the same way: the tenant, its users, every row that references one
 * of these, and what reaches those; of rows that reference the tenant, or name it in the column by
 * which their table is isolated, also what references them, of that again what must. Rows that name
 * another tenant are none of them.
 */
extern void export_walk_tenant(ExportWalk *walk, const char *tenant_id);

#endif /* PGACCOUNT_EXPORT_WALK_H */
