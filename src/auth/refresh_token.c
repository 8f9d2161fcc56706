/*
 * refresh_token.c
 *		Refresh tokens: which session, the how manieth, and the proof that we made it.
 *
 * A token is the base64url (RFC 4648 §5) of session id, counter and HMAC-SHA-256 (RFC 2104) of both
 * under the key in account.session_key. So a successor can be given again, a used token is
 * recognised from a forged one, and the table of sessions holds but the SHA-256 of the current
 * proof: who reads it has no token.
 *
 * The key is kept per backend, by the OID of its table, for as long as the backend lives.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/detoast.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "refresh_token.h"

#define TOKEN_BYTES (UUID_LEN + sizeof(uint64) + REFRESH_PROOF_BYTES)
#define TOKEN_CHARS BASE64URL_ENCODED_LEN(TOKEN_BYTES)

/* What is proved: these bytes of the token. */
#define PROVED_BYTES (UUID_LEN + sizeof(uint64))

static Oid key_table = InvalidOid;
static unsigned char key[crypto_auth_hmacsha256_KEYBYTES];

/* Read the key, once a backend. Raises 55000 where there is none. */
static void
load_key(void)
{
	Oid relid = get_relname_relid("session_key", account_schema());
	Relation rel;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found = false;

	if (OidIsValid(relid) && relid == key_table)
		return;
	rel = relation_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		bytea *secret = DatumGetByteaPP(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));

		found = VARSIZE_ANY_EXHDR(secret) == sizeof(key);
		if (found)
			memcpy(key, VARDATA_ANY(secret), sizeof(key));
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	if (!found)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("there is no key for refresh tokens"),
			 errdetail("account.session_key has lost its row."),
			 errhint(
				 "INSERT INTO account.session_key VALUES (sha256(gen_random_uuid()::text::bytea "
				 "|| gen_random_uuid()::text::bytea)).")));
	key_table = relid;
}

/* The proof of a session and counter. */
static void
prove(const unsigned char *bytes, unsigned char *proof)
{
	load_key();
	crypto_auth_hmacsha256(proof, bytes, PROVED_BYTES, key);
}

/* Make a token. */
text *
refresh_token_make(const pg_uuid_t *session, uint64 counter, unsigned char *hash)
{
	unsigned char bytes[TOKEN_BYTES];
	uint64 big_endian = pg_hton64(counter);
	text *token = palloc(VARHDRSZ + TOKEN_CHARS);

	memcpy(bytes, session->data, UUID_LEN);
	memcpy(bytes + UUID_LEN, &big_endian, sizeof(big_endian));
	prove(bytes, bytes + PROVED_BYTES);
	crypto_hash_sha256(hash, bytes + PROVED_BYTES, REFRESH_PROOF_BYTES);
	SET_VARSIZE(token, VARHDRSZ + TOKEN_CHARS);
	base64url_encode(VARDATA(token), bytes, sizeof(bytes));
	sodium_memzero(bytes, sizeof(bytes));
	return token;
}

/* Take a token apart. */
bool
refresh_token_read(text *token, RefreshToken *read)
{
	unsigned char bytes[TOKEN_BYTES + 3];
	unsigned char proof[REFRESH_PROOF_BYTES];
	uint64 big_endian;
	text *packed;
	bool ours;

	if (token == NULL || toast_raw_datum_size(PointerGetDatum(token)) - VARHDRSZ != TOKEN_CHARS)
		return false;
	packed = pg_detoast_datum_packed(token);
	if (base64url_decode(bytes, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed)) != TOKEN_BYTES)
		return false;
	prove(bytes, proof);
	memcpy(read->session.data, bytes, UUID_LEN);
	memcpy(&big_endian, bytes + UUID_LEN, sizeof(big_endian));
	read->counter = pg_ntoh64(big_endian);
	memcpy(read->proof, bytes + PROVED_BYTES, REFRESH_PROOF_BYTES);
	ours = sodium_memcmp(proof, read->proof, REFRESH_PROOF_BYTES) == 0;
	sodium_memzero(bytes, sizeof(bytes));
	sodium_memzero(proof, sizeof(proof));
	return ours;
}

/* The hash that is stored of a token. */
void
refresh_token_hash(const RefreshToken *token, unsigned char *hash)
{
	crypto_hash_sha256(hash, token->proof, REFRESH_PROOF_BYTES);
}

/* A keyed hash of a text. */
void
session_key_digest(const char *purpose, const char *value, unsigned char *digest)
{
	crypto_auth_hmacsha256_state state;

	load_key();
	crypto_auth_hmacsha256_init(&state, key, sizeof(key));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *) purpose, strlen(purpose) + 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *) value, strlen(value));
	crypto_auth_hmacsha256_final(&state, digest);
	sodium_memzero(&state, sizeof(state));
}
