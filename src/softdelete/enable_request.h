/*
 * enable_request.h
 *		What enabling soft delete was asked for, and what that is for a table.
 */
#ifndef PGACCOUNT_ENABLE_REQUEST_H
#define PGACCOUNT_ENABLE_REQUEST_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "fmgr.h"

#include "mapping.h"

/* The arguments of enable_soft_delete. What was not given is as the table has it. */
typedef struct EnableRequest
{
	const char *deleted_at; /* NULL: not given */
	const char *flag;       /* NULL: not given; empty: none */
	const char *deleted_by; /* the same */
	SoftDeleteOptions options;
	bool hide_given;
	bool guard_references_given;
	bool on_parent_delete_given;
	bool children_given;
	bool on_reinsert_given;
} EnableRequest;

/* The soft delete that a table is to have. */
typedef struct Declaration
{
	const char *deleted_at;
	const char *flag;       /* NULL: none */
	const char *deleted_by; /* NULL: none */
	bool add_deleted_at;    /* the column is to be added */
	bool add_flag;
	bool add_deleted_by;
	SoftDeleteOptions options;
} Declaration;

/* Read the arguments of a call; 22023 for what they cannot be. */
extern void enable_request_read(FunctionCallInfo fcinfo, EnableRequest *request);

/*
 * What a request is for a table: what it gives; else what the table has; else, for a child of a
 * table that is enabled with its children, what is given there (above, or NULL); else the defaults.
 * Raises 22023 for columns that do not fit. The caller holds a lock on the table.
 */
extern void enable_request_resolve(Oid relid, const EnableRequest *request,
								   const Declaration *above, Declaration *declaration);

/*
 * A column of a table, but for this one, that could say when a row was deleted (flag: that it is):
 * by its name, as frameworks give it, and its type; or NULL. The caller holds a lock on the table.
 */
extern const char *enable_request_other_column(Oid relid, const char *but, bool flag);

/*
 * Raise 22023 for a flag that a new row has set, of a table or one below it: an inverted one, such
 * as is_active. The caller holds locks on the tables.
 */
extern void check_flag_default(Oid relid, const Declaration *declaration);

/* Is this what the table has already? */
extern bool declaration_is_there(const Declaration *declaration, Oid relid);

#endif /* PGACCOUNT_ENABLE_REQUEST_H */
