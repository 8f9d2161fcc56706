/*
 * hooks.c
 *		The server's hooks, in one place. They only dispatch to the rooms.
 */
#include "postgres.h"

#include "optimizer/planner.h"

#include "hooks.h"

static bool installed = false;

/* Install the hooks. */
void
hooks_init(void)
{
	installed = true;
}

/* Are the hooks installed? */
bool
hooks_installed(void)
{
	return installed;
}
