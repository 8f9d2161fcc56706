/*
 * policy_follower.c
 *		Who keeps deleted rows, and so follows what is said of references.
 */
#include "postgres.h"

#include "policy_follower.h"

static FkPolicyFollower the_follower = {NULL, NULL};

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
