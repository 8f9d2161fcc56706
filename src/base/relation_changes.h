/*
 * relation_changes.h
 *		Callbacks of modules that cache something of a relation.
 */
#ifndef PGACCOUNT_RELATION_CHANGES_H
#define PGACCOUNT_RELATION_CHANGES_H

#include "postgres.h"

/* A relation changed; InvalidOid: any may have. Only marks: no catalog access, no error. */
typedef void (*RelationChanged)(Oid relid);

/* Have a function called with every change, from now on. Called while the library is loaded. */
extern void relation_changes_follow(RelationChanged follower);

/*
 * How many changes have been reported: what was found out before the last one may be outdated. Once
 * somebody follows.
 */
extern uint64 relation_changes_seen(void);

#endif /* PGACCOUNT_RELATION_CHANGES_H */
