/*
 * citus.h
 *		What Citus has made of a table.
 */
#ifndef PGACCOUNT_CITUS_H
#define PGACCOUNT_CITUS_H

#include "nodes/parsenodes.h"

/*
 * Does Citus keep the rows of this table in shards (distributed, reference, or local in its
 * metadata)?
 */
extern bool is_citus_table(Oid relid);

/*
 * Raise 0A000 where Citus keeps the rows elsewhere: what needs them here would find none, and say
 * so as if it were true. subject: what does not work; hint: what does instead.
 */
extern void refuse_citus_table(Oid relid, const char *subject, const char *hint);

/*
 * The same for a function that works on one shard at a time: call is what to run there, %s its
 * name.
 */
extern void refuse_citus_beside_shards(Oid relid, const char *subject, const char *call);

/* Raise 0A000 unless triggers may be put on the table. */
extern void check_citus_triggers(Oid relid);

/*
 * Is the server moving or splitting a shard? Citus reads the shard by a query of its own, within a
 * call that its nodes make of one another: the rows that it does not see would be lost.
 */
extern bool citus_copies_shard(void);

/*
 * A statement is about to be planned. Where Citus rebuilds a soft-delete table by it (to
 * undistribute it, or to change its shards), and then drops the old one, deleted rows must be
 * shown, or they are lost: raises 0A000 where they are hidden, or outside a transaction block, and
 * else has the shards show them too, until the end of the transaction. hides: does a table hide its
 * deleted rows?
 */
typedef bool (*HidesRows)(Oid relid);

extern void citus_rebuild(Query *query, HidesRows hides);

#endif /* PGACCOUNT_CITUS_H */
