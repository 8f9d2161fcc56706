/*
 * reference_policy.h
 *		Policies of foreign keys: set, changed, renamed and dropped.
 */
#ifndef PGACCOUNT_REFERENCE_POLICY_H
#define PGACCOUNT_REFERENCE_POLICY_H

/* Called when a policy of a key to this table has changed. Within SPI_connect. */
typedef void (*FkPolicyChanged)(Oid parent);

extern void fk_policies_follow(FkPolicyChanged follower);

#endif /* PGACCOUNT_REFERENCE_POLICY_H */
