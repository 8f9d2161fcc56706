/*
 * policy_follower.h
 *		Who keeps deleted rows, and so follows what is said of references.
 */
#ifndef PGACCOUNT_POLICY_FOLLOWER_H
#define PGACCOUNT_POLICY_FOLLOWER_H

typedef struct FkPolicyFollower
{
	/* called when a policy of a reference to this table has changed; within SPI_connect */
	void (*changed)(Oid parent);
	/* has a table soft delete? */
	bool (*has_soft_delete)(Oid relid);
} FkPolicyFollower;

/* Who it is. Called while the library is loaded. */
extern void fk_policies_follow(FkPolicyFollower follower);

/* Ask who it is. */
extern const FkPolicyFollower *fk_policies_follower(void);

/*
 * Others who follow changes alone. Called while the library is loaded. And tell them all that a
 * policy of a reference to this table has changed.
 */
typedef void (*FkPolicyChanged)(Oid parent);

extern void fk_policy_changes_follow(FkPolicyChanged changed);
extern void fk_policy_changed(Oid parent);

#endif /* PGACCOUNT_POLICY_FOLLOWER_H */
