/*
 * password_hash.c
 *		Hashing and verifying passwords.
 *
 * New hashes are argon2id (RFC 9106), made by libsodium. Verified besides are argon2i, scrypt (RFC
 * 7914), Django's PBKDF2 (RFC 8018 §5.2) and, through pgcrypto where it is installed, bcrypt.
 *
 * Memory: a password lives in a Secret (password_secret.c). What pgcrypto copies for itself is out
 * of reach.
 * Logging: every entry point is a secret call, whose statement is hidden whatever is raised
 * underneath, a cancellation too.
 */
#include "postgres.h"

#include <math.h>
#include <sodium.h>
#include <sys/mman.h>
#include <time.h>

#include "access/detoast.h"
#include "catalog/dependency.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/hmac.h"
#include "common/sha1.h"
#include "common/string.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "password_format.h"
#include "password_hash.h"
#include "password_secret.h"
#include "password_slots.h"

PG_FUNCTION_INFO_V1(hash_password);
PG_FUNCTION_INFO_V1(verify_password);
PG_FUNCTION_INFO_V1(password_needs_rehash);

/* Who may not log users in has argon2 hashes of so many times the configured cost verified. */
#define LIMITED_COST_FACTOR 4

/* Iterations of PBKDF2 between two looks for a cancellation. */
#define ITERATIONS_PER_CHECK 1024

/*
 * What libsodium takes beside the blocks themselves: the addresses of a segment, and small change.
 */
#define ARGON2_SLACK (1024 * 1024)

/* What a verification has cost, for padding. */
typedef struct Effort
{
	bool current;   /* a whole argon2 at the current cost */
	double seconds; /* CPU time */
} Effort;

/* Prepare libsodium. */
void
password_init(void)
{
	if (sodium_init() < 0)
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not initialize libsodium"),
						errdetail("It found no source of random bytes."),
						errhint("Let the server read /dev/urandom.")));
	password_slots_init();
}

/*
 * Is the caller somebody who may not log users in? Everybody may hash and verify passwords, but
 * what such a caller makes the server compute must not be in the way of logins.
 */
static bool
caller_is_limited(void)
{
	static const Oid types[] = {TEXTOID, TEXTOID, INETOID, TEXTOID, TEXTOID};
	Oid schema = account_schema();
	oidvector *arguments = buildoidvector(types, lengthof(types));
	Oid login = InvalidOid;

	if (OidIsValid(schema))
		login = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("login"),
								PointerGetDatum(arguments), ObjectIdGetDatum(schema));
	pfree(arguments);
	return !OidIsValid(login) || !compat_may_execute(login, GetUserId());
}

/*
 * Take a stored hash apart. False also for NULL, and for a hash that asks for more than may be
 * spent on it. A hash is no secret of this process: it came from a table, so it is not wiped.
 */
static bool
read_hash(text *stored, bool limited, PasswordHash *hash)
{
	uint64 max_work = PG_UINT64_MAX;
	text *packed;

	if (limited)
		max_work = (uint64) pgaccount_password_memory * (uint64) pgaccount_password_ops *
				   LIMITED_COST_FACTOR;

	if (stored == NULL ||
		toast_raw_datum_size(PointerGetDatum(stored)) - VARHDRSZ > PASSWORD_HASH_MAX_TEXT)
		return false;
	packed = pg_detoast_datum_packed(stored);
	return password_format_parse(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed), hash) &&
		   password_format_affordable(hash, (uint32) pgaccount_password_max_memory, max_work);
}

/* CPU seconds this process has used. */
static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * Raise 53200: the memory for a hash is not to be had. That must never look like a wrong password.
 */
static void
refuse_for_memory(uint32 kib)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					errdetail("Hashing a password takes %u kB.", kib),
					errhint("Lower pgaccount.password_concurrency or pgaccount.password_memory.")));
}

/* Could libsodium have this many KiB now? Takes nothing that it does not give back at once. */
static bool
memory_available(uint32 kib)
{
	Size size = add_size(mul_size(kib, 1024), ARGON2_SLACK);
	void *probe =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, (off_t) 0);

	if (probe == MAP_FAILED)
		return false;
	munmap(probe, size);
	return true;
}

/* Argon2 as libsodium's own interface computes it: one lane, 16 bytes of salt. False: no memory. */
static bool
argon2_compute(const Secret *secret, bool limited, const unsigned char *salt, uint32 passes,
			   uint32 kib, int alg, unsigned char *digest, size_t digest_len)
{
	int result;

	password_slot_acquire(limited);
	result = crypto_pwhash(digest, digest_len, secret ? VARDATA(secret->value) : "",
						   secret ? VARSIZE(secret->value) - VARHDRSZ : 0, salt, passes,
						   (size_t) kib * 1024, alg);
	password_slot_release();
	return result == 0;
}

/*
 * Is it the password of this argon2 hash? Its parameters must be affordable.
 *
 * libsodium answers -1 for a wrong password and for missing memory. With the parameters of its own
 * interface we compute the digest and compare it ourselves: then -1 can only mean memory. Others
 * (several lanes, other salts) only its string interface takes; there the memory is tried before,
 * and after a mismatch once more.
 */
static bool
argon2_verify(const Secret *secret, const PasswordHash *hash, bool limited)
{
	bool argon2id = hash->scheme == PASSWORD_ARGON2ID;
	unsigned char digest[PASSWORD_MAX_DIGEST];
	bool available;
	bool matches = false;

	if (hash->lanes == 1 && hash->salt_len == crypto_pwhash_SALTBYTES &&
		hash->cost >=
			(argon2id ? crypto_pwhash_argon2id_OPSLIMIT_MIN : crypto_pwhash_argon2i_OPSLIMIT_MIN))
	{
		available =
			argon2_compute(secret, limited, hash->salt, hash->cost, hash->memory,
						   argon2id ? crypto_pwhash_ALG_ARGON2ID13 : crypto_pwhash_ALG_ARGON2I13,
						   digest, hash->digest_len);
		matches = available && sodium_memcmp(digest, hash->digest, hash->digest_len) == 0;
		sodium_memzero(digest, sizeof(digest));
	}
	else
	{
		const char *password = VARDATA(secret->value);
		size_t len = VARSIZE(secret->value) - VARHDRSZ;

		password_slot_acquire(limited);
		available = memory_available(hash->memory);
		if (available)
		{
			matches = (argon2id ? crypto_pwhash_argon2id_str_verify(hash->text, password, len)
								: crypto_pwhash_argon2i_str_verify(hash->text, password, len)) == 0;
			if (!matches)
				available = memory_available(hash->memory);
		}
		password_slot_release();
	}
	if (!available)
		refuse_for_memory(hash->memory);
	return matches;
}

/*
 * Is it the password of this scrypt hash (RFC 7914)? Its parameters must be valid and affordable.
 */
static bool
scrypt_verify(Secret *secret, const PasswordHash *hash, bool limited)
{
	unsigned char digest[PASSWORD_MAX_DIGEST];
	bool matches;
	int result;

	if (hash->scheme == PASSWORD_SCRYPT_NFKC)
		secret_normalize(secret);
	password_slot_acquire(limited);
	result = crypto_pwhash_scryptsalsa208sha256_ll(
		(unsigned char *) VARDATA(secret->value), VARSIZE(secret->value) - VARHDRSZ, hash->salt,
		hash->salt_len, hash->cost, hash->block, hash->lanes, digest, hash->digest_len);
	password_slot_release();
	if (result != 0)
		refuse_for_memory(hash->memory);
	matches = sodium_memcmp(digest, hash->digest, hash->digest_len) == 0;
	sodium_memzero(digest, sizeof(digest));
	return matches;
}

/*
 * PBKDF2 with HMAC-SHA-256, one block (RFC 8018 §5.2). libsodium's HMAC, for its state can be keyed
 * once and copied, which halves the work; the server's cannot.
 */
static void
pbkdf2_sha256(Secret *secret, const PasswordHash *hash, unsigned char *derived)
{
	uint32 block_index = pg_hton32(1);
	unsigned char u[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&secret->keyed, (unsigned char *) VARDATA(secret->value),
								VARSIZE(secret->value) - VARHDRSZ);
	state = secret->keyed;
	crypto_auth_hmacsha256_update(&state, hash->salt, hash->salt_len);
	crypto_auth_hmacsha256_update(&state, (unsigned char *) &block_index, sizeof(block_index));
	crypto_auth_hmacsha256_final(&state, u);
	memcpy(derived, u, sizeof(u));
	for (uint32 i = 1; i < hash->cost; i++)
	{
		if (i % ITERATIONS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		state = secret->keyed;
		crypto_auth_hmacsha256_update(&state, u, sizeof(u));
		crypto_auth_hmacsha256_final(&state, u);
		for (size_t j = 0; j < sizeof(u); j++)
			derived[j] ^= u[j];
	}
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(u, sizeof(u));
}

/* One HMAC-SHA-1 of two stretches of data. */
static void
hmac_sha1(pg_hmac_ctx *ctx, const Secret *secret, const void *data, size_t len, const void *more,
		  size_t more_len, uint8 *out)
{
	if (pg_hmac_init(ctx, (uint8 *) VARDATA(secret->value), VARSIZE(secret->value) - VARHDRSZ) <
			0 ||
		pg_hmac_update(ctx, data, len) < 0 || pg_hmac_update(ctx, more, more_len) < 0 ||
		pg_hmac_final(ctx, out, SHA1_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute HMAC-SHA-1: %s", pg_hmac_error(ctx));
}

/* PBKDF2 with HMAC-SHA-1, one block (RFC 8018 §5.2). The server's HMAC: libsodium has no SHA-1. */
static void
pbkdf2_sha1(const Secret *secret, const PasswordHash *hash, unsigned char *derived)
{
	uint32 block_index = pg_hton32(1);
	uint8 u[SHA1_DIGEST_LENGTH];
	pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA1);

	if (ctx == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	PG_TRY();
	{
		hmac_sha1(ctx, secret, hash->salt, hash->salt_len, &block_index, sizeof(block_index), u);
		memcpy(derived, u, sizeof(u));
		for (uint32 i = 1; i < hash->cost; i++)
		{
			if (i % ITERATIONS_PER_CHECK == 0)
				CHECK_FOR_INTERRUPTS();
			hmac_sha1(ctx, secret, u, sizeof(u), NULL, 0, u);
			for (size_t j = 0; j < sizeof(u); j++)
				derived[j] ^= u[j];
		}
	}
	PG_FINALLY();
	{
		pg_hmac_free(ctx); /* wipes the key */
	}
	PG_END_TRY();
	sodium_memzero(u, sizeof(u));
}

/* Is it the password of this PBKDF2 hash? */
static bool
pbkdf2_verify(Secret *secret, const PasswordHash *hash)
{
	unsigned char derived[PASSWORD_MAX_DIGEST];
	bool matches;

	if (hash->scheme == PASSWORD_PBKDF2_SHA256)
		pbkdf2_sha256(secret, hash, derived);
	else
		pbkdf2_sha1(secret, hash, derived);
	matches = sodium_memcmp(derived, hash->digest, hash->digest_len) == 0;
	sodium_memzero(derived, sizeof(derived));
	return matches;
}

/*
 * OID of pgcrypto's crypt(text, text), wherever its schema; InvalidOid without it. By membership in
 * the extension and by its C symbol: what anybody else calls crypt must not see passwords.
 */
static Oid
pgcrypto_crypt(void)
{
	Oid extension = get_extension_oid("pgcrypto", true);
	Oid found = InvalidOid;
	CatCList *candidates;

	if (!OidIsValid(extension))
		return InvalidOid;
	candidates = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum("crypt"));
	for (int i = 0; i < candidates->n_members && !OidIsValid(found); i++)
	{
		HeapTuple tuple = &candidates->members[i]->tuple;
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
		Datum symbol;
		bool isnull;

		if (proc->prolang != ClanguageId || proc->prorettype != TEXTOID || proc->proretset ||
			proc->pronargs != 2 || proc->proargtypes.values[0] != TEXTOID ||
			proc->proargtypes.values[1] != TEXTOID)
			continue;
		symbol = SysCacheGetAttr(PROCNAMEARGSNSP, tuple, Anum_pg_proc_prosrc, &isnull);
		if (!isnull && strcmp(TextDatumGetCString(symbol), "pg_crypt") == 0 &&
			getExtensionOfObject(ProcedureRelationId, proc->oid) == extension)
			found = proc->oid;
	}
	ReleaseCatCacheList(candidates);
	return found;
}

/*
 * From PostgreSQL 18 on pgcrypto may be set not to use cryptography of its own, bcrypt among it;
 * crypt() then raises. Bcrypt is not to be had then, as without pgcrypto. Its library must be
 * loaded.
 */
static bool
pgcrypto_allows_bcrypt(void)
{
	const char *setting = GetConfigOption("pgcrypto.builtin_crypto_enabled", true, false);

	return setting == NULL || pg_strcasecmp(setting, "on") == 0;
}

/*
 * Is it the password of this bcrypt hash? pgcrypto has the correct algorithm as $2a$ only, which
 * is how the parser hands the string over. Django's bcrypt_sha256 takes the hex SHA-256 of the
 * password.
 */
static bool
bcrypt_verify(Secret *secret, const PasswordHash *hash)
{
	Oid function = pgcrypto_crypt();
	MemoryContext caller;
	FmgrInfo flinfo;
	text *result;
	bool matches;

	if (!OidIsValid(function))
		return false;
	caller = MemoryContextSwitchTo(secret->context);
	fmgr_info(function, &flinfo); /* loads the library */
	if (!pgcrypto_allows_bcrypt())
	{
		MemoryContextSwitchTo(caller);
		return false;
	}
	if (hash->scheme == PASSWORD_BCRYPT_SHA256)
	{
		unsigned char digest[crypto_hash_sha256_BYTES];
		char hex[crypto_hash_sha256_BYTES * 2 + 1];

		crypto_hash_sha256(digest, (unsigned char *) VARDATA(secret->value),
						   VARSIZE(secret->value) - VARHDRSZ);
		sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
		secret_replace(secret, hex, sizeof(hex) - 1);
		sodium_memzero(hex, sizeof(hex));
		sodium_memzero(digest, sizeof(digest));
	}
	result = DatumGetTextPP(
		FunctionCall2Coll(&flinfo, DEFAULT_COLLATION_OID, PointerGetDatum(secret->value),
						  PointerGetDatum(cstring_to_text_with_len(hash->text, hash->text_len))));
	matches = VARSIZE_ANY_EXHDR(result) == hash->text_len &&
			  sodium_memcmp(VARDATA_ANY(result), hash->text, hash->text_len) == 0;
	MemoryContextSwitchTo(caller);
	return matches;
}

/* Is it the password of this stored hash? Says what finding out has cost. */
static bool
verify(text *password, text *stored, bool limited, Effort *effort)
{
	PasswordHash hash;
	Secret *secret;
	double start = cpu_seconds();
	bool matches = false;

	if (password == NULL || !read_hash(stored, limited, &hash))
		return false;
	secret = secret_make(password);
	if (secret->state == SECRET_USABLE)
	{
		switch (hash.scheme)
		{
			case PASSWORD_ARGON2ID:
			case PASSWORD_ARGON2I:
				matches = argon2_verify(secret, &hash, limited);
				effort->current = hash.memory == (uint32) pgaccount_password_memory &&
								  hash.cost == (uint32) pgaccount_password_ops;
				break;
			case PASSWORD_PBKDF2_SHA256:
			case PASSWORD_PBKDF2_SHA1:
				matches = pbkdf2_verify(secret, &hash);
				break;
			case PASSWORD_BCRYPT:
			case PASSWORD_BCRYPT_SHA256:
				matches = bcrypt_verify(secret, &hash);
				break;
			case PASSWORD_SCRYPT:
			case PASSWORD_SCRYPT_NFKC:
				matches = scrypt_verify(secret, &hash, limited);
				break;
		}
		effort->seconds = cpu_seconds() - start;
	}
	secret_free(secret);
	return matches;
}

/*
 * Spend this fraction of a hash of the current cost. The memory is scaled, not the passes, so that
 * the share of taking it from the system stays the same.
 */
static void
spend(double fraction)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = {0};
	unsigned char digest[crypto_pwhash_BYTES_MIN];
	double kib = floor(fraction * pgaccount_password_memory);
	double start = cpu_seconds();

	if (kib * 1024 < crypto_pwhash_MEMLIMIT_MIN)
		return;
	if (!argon2_compute(NULL, false, salt, pgaccount_password_ops, (uint32) kib,
						crypto_pwhash_ALG_ARGON2ID13, digest, sizeof(digest)))
		refuse_for_memory((uint32) kib);
	if (fraction == 1)
		password_pace_learn(cpu_seconds() - start);
}

/* Is it the password of this hash? See the header. */
bool
password_verify(text *password, text *hash)
{
	ErrorContextCallback hiding;
	Effort effort = {false, 0};
	bool matches;

	secret_call_begin(&hiding);
	matches = verify(password, hash, false, &effort);
	secret_call_end(&hiding);
	return matches;
}

/*
 * Verify, then spend what is missing to a hash of the current cost, as far as is known how long
 * such a one takes; else a whole one.
 */
bool
password_verify_padded(text *password, text *hash)
{
	ErrorContextCallback hiding;
	Effort effort = {false, 0};
	bool matches;

	secret_call_begin(&hiding);
	matches = verify(password, hash, false, &effort);
	if (effort.current)
		password_pace_learn(effort.seconds);
	else
	{
		double whole = password_pace();
		double spent = whole > 0 ? effort.seconds / whole : 0;

		if (spent < 1)
			spend(1 - spent);
	}
	secret_call_end(&hiding);
	return matches;
}

/* The work of password_verify_padded() for a user that does not exist. */
void
password_dummy_verify(text *password)
{
	(void) password_verify_padded(password, NULL);
}

/* Hash a password, for a limited caller or for any other; see password_hash(). */
static text *
hash_for(bool limited, text *password)
{
	ErrorContextCallback hiding;
	char hashed[crypto_pwhash_STRBYTES];
	Secret *secret;
	text *result;
	double start;
	int failed;

	secret_call_begin(&hiding);
	if (password == NULL)
		refuse_null_argument("password");
	secret = secret_make(password);
	secret_require_usable(secret);
	if (pgaccount_password_memory > pgaccount_password_max_memory)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pgaccount.password_memory is larger than pgaccount.password_max_memory"),
				 errdetail("A hash of that size would never be verified."),
				 errhint("Raise pgaccount.password_max_memory.")));
	password_slot_acquire(limited);
	start = cpu_seconds();
	failed = crypto_pwhash_str_alg(
		hashed, VARDATA(secret->value), VARSIZE(secret->value) - VARHDRSZ, pgaccount_password_ops,
		(size_t) pgaccount_password_memory * 1024, crypto_pwhash_ALG_ARGON2ID13);
	password_slot_release();
	secret_free(secret);
	if (failed)
		refuse_for_memory(pgaccount_password_memory);
	password_pace_learn(cpu_seconds() - start);
	secret_call_end(&hiding);
	result = cstring_to_text(hashed);
	sodium_memzero(hashed, sizeof(hashed));
	return result;
}

/* Hash a password; see the header. */
text *
password_hash(text *password)
{
	return hash_for(false, password);
}

/*
 * Hash a password in Django's form: it finds the hasher of a stored hash by what stands before its
 * first dollar sign.
 */
text *
password_hash_django(text *password)
{
	return cstring_to_text(psprintf("argon2%s", text_to_cstring(hash_for(false, password))));
}

/* Is the hash in Django's form? */
bool
password_is_django(text *stored)
{
	PasswordHash hash;

	return read_hash(stored, false, &hash) && hash.django;
}

/* Would a hash of the current cost be better than this one? */
static bool
is_lesser(const PasswordHash *hash)
{
	return password_format_is_lesser(hash, (uint64) pgaccount_password_memory *
											   (uint64) pgaccount_password_ops);
}

/* The hash that takes the place of a verified one; see the header. */
text *
password_rehash(text *password, text *stored, bool django)
{
	PasswordHash hash;
	bool argon2id;

	if (pgaccount_rehash == REHASH_OFF || !read_hash(stored, false, &hash) || !is_lesser(&hash))
		return NULL;
	argon2id = hash.scheme == PASSWORD_ARGON2ID;
	if (pgaccount_rehash == REHASH_SAME && !argon2id)
		return NULL;
	return hash.django || (django && !argon2id) ? password_hash_django(password)
												: password_hash(password);
}

/* Raise 22023 if a new password is too short; see the header. */
void
password_require_length(text *password, const char *argument)
{
	ErrorContextCallback hiding;
	text *packed;
	int characters;

	secret_call_begin(&hiding);
	if (password == NULL)
		refuse_null_argument(argument);
	packed = pg_detoast_datum_packed(password);
	characters = pg_mbstrlen_with_len(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	if (packed != password)
	{
		sodium_memzero(packed, VARSIZE_ANY(packed));
		pfree(packed);
	}
	if (characters < pgaccount_password_min_length)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("password is too short"),
						errdetail("A password needs %d characters.", pgaccount_password_min_length),
						errhint("Ask the user for a longer password.")));
	secret_call_end(&hiding);
}

/* The argument as it was passed, perhaps toasted; NULL for SQL NULL. */
static text *
raw_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : (text *) PG_GETARG_POINTER(n);
}

/* account.hash_password(password text): its argon2id hash. */
Datum
hash_password(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	text *hash;

	secret_call_begin(&hiding);
	hash = hash_for(caller_is_limited(), raw_argument(fcinfo, 0));
	secret_call_end(&hiding);
	PG_RETURN_TEXT_P(hash);
}

/* account.verify_password(password text, hash text): is it the password of the hash? */
Datum
verify_password(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	Effort effort = {false, 0};
	bool matches;

	secret_call_begin(&hiding);
	matches =
		verify(raw_argument(fcinfo, 0), raw_argument(fcinfo, 1), caller_is_limited(), &effort);
	secret_call_end(&hiding);
	PG_RETURN_BOOL(matches);
}

/*
 * account.password_needs_rehash(hash text): would a new hash be better? One that nothing verifies
 * is no hash.
 */
Datum
password_needs_rehash(PG_FUNCTION_ARGS)
{
	PasswordHash hash;

	PG_RETURN_BOOL(!read_hash(raw_argument(fcinfo, 0), false, &hash) || is_lesser(&hash));
}
