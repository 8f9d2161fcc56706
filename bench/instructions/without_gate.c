/*
 * without_gate.c
 *		What is left of base/run_as.c where the search_path is not looked after: the current user is changed, and
 *		no more. bench/instructions/run links it in (--wrap) for the library that it compares with ours.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/base.h"

extern RoleState __wrap_run_as(Oid role);
extern RoleState __wrap_run_as_self(void);
extern void __wrap_run_as_end(RoleState saved);
extern int __wrap_names_begin(void);
extern void __wrap_names_end(int level);

/* Stay who one is. */
RoleState
__wrap_run_as_self(void)
{
	RoleState saved = {0};

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	return saved;
}

/* Act as role. */
RoleState
__wrap_run_as(Oid role)
{
	RoleState saved = __wrap_run_as_self();

	SetUserIdAndSecContext(role,
						   saved.sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	return saved;
}

/* Return to who acted before. */
void
__wrap_run_as_end(RoleState saved)
{
	SetUserIdAndSecContext(saved.userid, saved.sec_context);
}

/* Names are looked up where the caller looks. */
int
__wrap_names_begin(void)
{
	return 0;
}

void
__wrap_names_end(int level)
{
}
