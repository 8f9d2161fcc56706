/*
 * policy_follower.c
 *		Who keeps deleted rows, and so follows what is said of references.
 */
#include "postgres.h"

#include "policy_follower.h"

/* As many as there are modules that follow changes alone. */
#define FOLLOWERS 1

static FkPolicyFollower the_follower = {NULL, NULL};
static FkPolicyChanged followers[FOLLOWERS];
static int nfollowers = 0;

/* Who it is. */
void
fk_policies_follow(FkPolicyFollower follower)
{
	the_follower = follower;
}

/* Ask who it is. */
const FkPolicyFollower *
fk_policies_follower(void)
{
	return &the_follower;
}

/* Have a function called with every change, from now on. */
void
fk_policy_changes_follow(FkPolicyChanged changed)
{
	if (nfollowers == FOLLOWERS)
		elog(FATAL, "FOLLOWERS of policy_follower.c is too small");
	followers[nfollowers++] = changed;
}

/* A policy has changed: tell all who follow. */
void
fk_policy_changed(Oid parent)
{
	the_follower.changed(parent);
	for (int i = 0; i < nfollowers; i++)
		followers[i](parent);
}
