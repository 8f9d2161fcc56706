/*
 * relation_changes.c
 *		One relation cache callback for the whole library.
 *
 * The server has ten places for such callbacks in a process, for itself and all libraries together,
 * and a session that asks for an eleventh ends. So the modules share one.
 */
#include "postgres.h"

#include "utils/inval.h"

#include "relation_changes.h"

/* As many as there are modules that follow. */
#define FOLLOWERS 6

static RelationChanged followers[FOLLOWERS];
static int nfollowers = 0;
static uint64 changes = 0;

/* The server's callback: call all modules, in the order in which they came. */
static void
relation_changed(Datum arg, Oid relid)
{
	changes++;
	for (int i = 0; i < nfollowers; i++)
		followers[i](relid);
}

/* Have a function called with every change, from now on. Called while the library is loaded. */
void
relation_changes_follow(RelationChanged follower)
{
	if (nfollowers == FOLLOWERS)
		elog(FATAL, "FOLLOWERS of relation_changes.c is too small");
	if (nfollowers == 0)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	followers[nfollowers++] = follower;
}

/* How many changes there have been. */
uint64
relation_changes_seen(void)
{
	return changes;
}
