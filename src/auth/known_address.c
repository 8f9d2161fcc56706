/*
 * known_address.c
 *		Addresses that a user has had a session at: failures from elsewhere do not lock it out
 *		there.
 *
 * account.known_address has a row for a user and an address, by a keyed digest of both, with the
 * time of a session there: sessions themselves move on to other addresses, and go. The time is
 * written anew after a day, so that a session costs one look, and a write once a day; what is older
 * than a month and that day is forgotten.
 *
 * Nobody waits for anybody here: a row that another transaction is writing is passed over, and two
 * that begin at once may leave two rows for one address.
 */
#include "postgres.h"

#include <sys/socket.h>

#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "storage/bufmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "digest_table.h"
#include "known_address.h"
#include "refresh_token.h"

#define KNOWN_TABLE "known_address"

/* How long an address is remembered, and how old its time may be until it is written anew. */
#define KNOWN_FOR   (30 * USECS_PER_DAY)
#define KNOWN_GRAIN USECS_PER_DAY

/* One write in so many looks through this many blocks for what is too old. */
#define PRUNE_EVERY   16
#define PRUNED_BLOCKS 4

/* What an address counts as; see the header. */
char *
address_for_count(const inet *address)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 §2.5.5.2 */
	const unsigned char *bytes = ip_addr(address);

	if (ip_family(address) != PGSQL_AF_INET)
	{
		if (memcmp(bytes, mapped, sizeof(mapped)) != 0)
			return psprintf("%02x%02x:%02x%02x:%02x%02x:%02x%02x::/64", bytes[0], bytes[1],
							bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
		bytes += sizeof(mapped);
	}
	return psprintf("%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* The keyed digest of a user or login and an address. */
void
known_address_digest(bool is_user, const char *name, const char *address, unsigned char *digest)
{
	session_key_digest(is_user ? "user at" : "login at", psprintf("%s %s", address, name), digest);
}

/* Has the user of this digest had a session at its address in the last 30 days? */
bool
known_address_is(const unsigned char *digest)
{
	return digest_table_count(KNOWN_TABLE, digest, GetCurrentTimestamp() - KNOWN_FOR - KNOWN_GRAIN,
							  1) > 0;
}

static const TableStatement note_address = {
	PLAN_KNOWN_NOTE,
	KNOWN_TABLE,
	OWN_STATEMENT "WITH anew AS (UPDATE account.known_address k SET at = $2 "
				  "WHERE k.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT e.ctid "
				  "FROM account.known_address e WHERE e.key OPERATOR(pg_catalog.=) $1 "
				  "FOR UPDATE SKIP LOCKED)) RETURNING 1) "
				  "INSERT INTO account.known_address (key, at) SELECT $1, $2 "
				  "WHERE NOT EXISTS (SELECT FROM anew)",
	2,
	{BYTEAOID, TIMESTAMPTZOID}};
static const TableStatement prune_addresses = {
	PLAN_KNOWN_PRUNE,
	KNOWN_TABLE,
	OWN_STATEMENT
	"DELETE FROM account.known_address k WHERE k.ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
	"SELECT e.ctid FROM account.known_address e WHERE e.ctid OPERATOR(pg_catalog.>=) $2 "
	"AND e.ctid OPERATOR(pg_catalog.<) $3 AND e.at OPERATOR(pg_catalog.<=) $1 "
	"FOR UPDATE SKIP LOCKED))",
	3,
	{TIMESTAMPTZOID, TIDOID, TIDOID}};

/*
 * Drop what is too old in a few blocks of the table by chance: an index on the time would
 * cost more.
 */
static void
prune(TimestampTz now)
{
	Relation rel = own_table_require(KNOWN_TABLE, RowExclusiveLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	BlockNumber first = pg_prng_uint64(&pg_global_prng_state) % Max(blocks, 1);
	ItemPointerData from;
	ItemPointerData to;
	Datum values[] = {TimestampTzGetDatum(now - KNOWN_FOR - KNOWN_GRAIN), PointerGetDatum(&from),
					  PointerGetDatum(&to)};

	table_close(rel, NoLock);
	ItemPointerSet(&from, first, 0);
	ItemPointerSet(&to, first + PRUNED_BLOCKS, 0);
	SPI_connect();
	(void) own_statement_run(&prune_addresses, values, NULL);
	SPI_finish();
}

/* Remember that a user has a session at this address now. */
void
known_address_note(const char *user_id, const inet *address)
{
	TimestampTz now = GetCurrentTimestamp();
	unsigned char digest[DIGEST_BYTES];
	Datum values[2];

	known_address_digest(true, user_id, address_for_count(address), digest);
	if (digest_table_count(KNOWN_TABLE, digest, now - KNOWN_GRAIN, 1) > 0)
		return;
	values[0] = digest_datum(digest);
	values[1] = TimestampTzGetDatum(now);
	SPI_connect();
	(void) own_statement_run(&note_address, values, NULL);
	SPI_finish();
	if (pg_prng_uint64(&pg_global_prng_state) % PRUNE_EVERY == 0)
		prune(now);
}

/* Forget all; see the header. */
void
known_addresses_forget_all(void)
{
	static const TableStatement all = {PLAN_KNOWN_FORGET_ALL,
									   KNOWN_TABLE,
									   OWN_STATEMENT "DELETE FROM account.known_address",
									   0,
									   {InvalidOid}};

	(void) own_statement_run(&all, NULL, NULL);
}
