/*
 * password_format.c
 *		Parsers of stored password hashes.
 *
 * Each format is read strictly, in the one spelling its makers write: fixed order of parameters,
 * decimal numbers without sign or leading zero, canonical base64. Nothing is allocated and nothing
 * is computed here, and no byte beyond the given length is read.
 */
#include "password_format.h"

#include <sodium.h>
#include <string.h>

/*
 * Bounds of what a stored hash may ask for, beside the memory. Argon2 and scrypt in libsodium
 * cannot be interrupted, so their whole work (KiB times passes, or lanes) is bounded too: at the
 * default of 256 MB to some two seconds, or one. The others can be interrupted; Django's own
 * defaults have reached 1.2 million rounds. The lanes of scrypt take 128 bytes times block size
 * each, beside the memory: 1 MB at most.
 */
#define ARGON2_MAX_PASSES          64
#define ARGON2_MAX_WORK_PER_MEMORY 16
#define ARGON2_MAX_LANES           255
#define SCRYPT_MAX_WORK_PER_MEMORY 2
#define SCRYPT_MAX_LANES_BLOCKS    8192
#define PBKDF2_MAX_ITERATIONS      5000000
#define BCRYPT_MIN_COST            4
#define BCRYPT_MAX_COST            15

/* RFC 9106 §3.1: a salt has at least 8 bytes. A digest below 16 bytes can be found by guessing. */
#define ARGON2_MIN_SALT   8
#define ARGON2_MIN_DIGEST 16

#define SHA1_BYTES        20

/*
 * What makers of scrypt write: the digest, cut anywhere, would still match (RFC 7914 §6 ends in
 * PBKDF2), so it must be whole. better-auth has fixed parameters, a salt of 16 bytes in
 * hexadecimal.
 */
#define SCRYPT_SHORT_DIGEST 32
#define SCRYPT_DIGEST       64
#define BETTER_AUTH_COST    16384
#define BETTER_AUTH_BLOCK   16
#define BETTER_AUTH_SALT    32
#define BETTER_AUTH_TEXT    (BETTER_AUTH_SALT + 1 + 2 * SCRYPT_DIGEST)

/* What is left of the text. */
typedef struct Cursor
{
	const char *at;
	const char *end;
} Cursor;

/* Step over the literal, if it is next. */
static bool
skip_literal(Cursor *cursor, const char *literal)
{
	size_t len = strlen(literal);

	if ((size_t) (cursor->end - cursor->at) < len || memcmp(cursor->at, literal, len) != 0)
		return false;
	cursor->at += len;
	return true;
}

/* Read a decimal number from 1 to UINT32_MAX, written without sign and leading zero. */
static bool
read_number(Cursor *cursor, uint32_t *number)
{
	uint64_t value = 0;

	if (cursor->at == cursor->end || *cursor->at < '1' || *cursor->at > '9')
		return false;
	while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9')
	{
		value = value * 10 + (uint64_t) (*cursor->at++ - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*number = (uint32_t) value;
	return true;
}

/* The stretch up to the next $ or the end; the cursor is then at that place. */
static Cursor
read_field(Cursor *cursor)
{
	Cursor field = {cursor->at, cursor->end};
	const char *dollar = memchr(cursor->at, '$', (size_t) (cursor->end - cursor->at));

	if (dollar != NULL)
		field.end = dollar;
	cursor->at = field.end;
	return field;
}

/*
 * Decode canonical base64 of the given libsodium variant, all of the field. libsodium takes some
 * bytes above ASCII for digits (char is signed), so they are refused first.
 */
static bool
decode_base64(Cursor field, int variant, unsigned char *out, size_t size, size_t *len)
{
	for (const char *at = field.at; at < field.end; at++)
		if ((unsigned char) *at > 0x7F)
			return false;
	return sodium_base642bin(out, size, field.at, (size_t) (field.end - field.at), NULL, len, NULL,
							 variant) == 0;
}

/* Keep the text from here on, for the functions that read the string themselves. */
static void
keep_text(const Cursor *cursor, PasswordHash *hash)
{
	hash->text_len = (size_t) (cursor->end - cursor->at);
	memcpy(hash->text, cursor->at, hash->text_len);
	hash->text[hash->text_len] = '\0';
}

/*
 * $argon2id$v=19$m=…,t=…,p=…$salt$digest: the encoding of the reference implementation of RFC 9106.
 */
static bool
parse_argon2(Cursor cursor, PasswordHash *hash)
{
	keep_text(&cursor, hash);
	if (skip_literal(&cursor, "$argon2id$"))
		hash->scheme = PASSWORD_ARGON2ID;
	else if (skip_literal(&cursor, "$argon2i$"))
		hash->scheme = PASSWORD_ARGON2I;
	else
		return false;

	if (!skip_literal(&cursor, "v=19$m=") || !read_number(&cursor, &hash->memory) ||
		!skip_literal(&cursor, ",t=") || !read_number(&cursor, &hash->cost) ||
		!skip_literal(&cursor, ",p=") || !read_number(&cursor, &hash->lanes) ||
		!skip_literal(&cursor, "$"))
		return false;
	if (!decode_base64(read_field(&cursor), sodium_base64_VARIANT_ORIGINAL_NO_PADDING, hash->salt,
					   sizeof(hash->salt), &hash->salt_len) ||
		!skip_literal(&cursor, "$") ||
		!decode_base64(read_field(&cursor), sodium_base64_VARIANT_ORIGINAL_NO_PADDING, hash->digest,
					   sizeof(hash->digest), &hash->digest_len))
		return false;

	return cursor.at == cursor.end && hash->salt_len >= ARGON2_MIN_SALT &&
		   hash->digest_len >= ARGON2_MIN_DIGEST && hash->lanes <= ARGON2_MAX_LANES &&
		   hash->memory >= 8 * hash->lanes;
}

/* Take the field for a salt as it stands. */
static bool
take_salt(Cursor field, PasswordHash *hash)
{
	hash->salt_len = (size_t) (field.end - field.at);
	if (hash->salt_len == 0 || hash->salt_len > sizeof(hash->salt))
		return false;
	memcpy(hash->salt, field.at, hash->salt_len);
	return true;
}

/* iterations$salt$digest, after Django's prefix. The salt is text; the digest is one block. */
static bool
parse_pbkdf2(Cursor cursor, PasswordScheme scheme, size_t digest_len, PasswordHash *hash)
{
	hash->scheme = scheme;
	if (!read_number(&cursor, &hash->cost) || !skip_literal(&cursor, "$") ||
		!take_salt(read_field(&cursor), hash) || !skip_literal(&cursor, "$"))
		return false;
	return decode_base64(read_field(&cursor), sodium_base64_VARIANT_ORIGINAL, hash->digest,
						 sizeof(hash->digest), &hash->digest_len) &&
		   cursor.at == cursor.end && hash->digest_len == digest_len;
}

/* $2a$, $2b$ or $2y$, two digits of cost, 53 characters of salt and digest in bcrypt's alphabet. */
static bool
parse_bcrypt(Cursor cursor, PasswordScheme scheme, PasswordHash *hash)
{
	const char *text = cursor.at;

	if (cursor.end - cursor.at != PASSWORD_BCRYPT_TEXT)
		return false;
	if (text[0] != '$' || text[1] != '2' || (text[2] != 'a' && text[2] != 'b' && text[2] != 'y') ||
		text[3] != '$' || text[4] < '0' || text[4] > '9' || text[5] < '0' || text[5] > '9' ||
		text[6] != '$')
		return false;
	for (int i = 7; i < PASSWORD_BCRYPT_TEXT; i++)
	{
		char c = text[i];

		if (!(c == '.' || c == '/' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			  (c >= 'a' && c <= 'z')))
			return false;
	}
	hash->scheme = scheme;
	hash->cost = (uint32_t) ((text[4] - '0') * 10 + (text[5] - '0'));
	if (hash->cost < BCRYPT_MIN_COST)
		return false;
	keep_text(&cursor, hash);
	hash->text[2] = 'a';
	return true;
}

/* The parameters of scrypt (RFC 7914 §2 and §6): are they valid? Finds the memory. */
static bool
scrypt_parameters(PasswordHash *hash)
{
	uint64_t blocks = (uint64_t) hash->cost * hash->block;

	if (hash->cost < 2 || (hash->cost & (hash->cost - 1)) != 0 ||
		(hash->block == 1 && hash->cost >= 65536) ||
		(uint64_t) hash->block * hash->lanes > SCRYPT_MAX_LANES_BLOCKS ||
		blocks > (uint64_t) UINT32_MAX * 8)
		return false;
	hash->memory = (uint32_t) ((blocks + 7) / 8);
	return true;
}

/* ln=…,r=…,p=…$salt$digest, as passlib and others write it; ln is the logarithm of N. */
static bool
parse_scrypt(Cursor cursor, PasswordHash *hash)
{
	uint32_t logarithm;

	hash->scheme = PASSWORD_SCRYPT;
	if (!skip_literal(&cursor, "ln=") || !read_number(&cursor, &logarithm) ||
		!skip_literal(&cursor, ",r=") || !read_number(&cursor, &hash->block) ||
		!skip_literal(&cursor, ",p=") || !read_number(&cursor, &hash->lanes) ||
		!skip_literal(&cursor, "$") || logarithm > 31)
		return false;
	hash->cost = (uint32_t) 1 << logarithm;
	return scrypt_parameters(hash) &&
		   decode_base64(read_field(&cursor), sodium_base64_VARIANT_ORIGINAL_NO_PADDING, hash->salt,
						 sizeof(hash->salt), &hash->salt_len) &&
		   hash->salt_len > 0 && skip_literal(&cursor, "$") &&
		   decode_base64(read_field(&cursor), sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
						 hash->digest, sizeof(hash->digest), &hash->digest_len) &&
		   cursor.at == cursor.end &&
		   (hash->digest_len == SCRYPT_SHORT_DIGEST || hash->digest_len == SCRYPT_DIGEST);
}

/* N$salt$r$p$digest, after Django's prefix. The salt is text. */
static bool
parse_django_scrypt(Cursor cursor, PasswordHash *hash)
{
	hash->scheme = PASSWORD_SCRYPT;
	return read_number(&cursor, &hash->cost) && skip_literal(&cursor, "$") &&
		   take_salt(read_field(&cursor), hash) && skip_literal(&cursor, "$") &&
		   read_number(&cursor, &hash->block) && skip_literal(&cursor, "$") &&
		   read_number(&cursor, &hash->lanes) && skip_literal(&cursor, "$") &&
		   scrypt_parameters(hash) &&
		   decode_base64(read_field(&cursor), sodium_base64_VARIANT_ORIGINAL, hash->digest,
						 sizeof(hash->digest), &hash->digest_len) &&
		   cursor.at == cursor.end && hash->digest_len == SCRYPT_DIGEST;
}

/* Is it all lower-case hexadecimal? */
static bool
is_hexadecimal(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return true;
}

/* salt:digest in hexadecimal, as better-auth writes it. The salt is the hexadecimal text. */
static bool
parse_better_auth(Cursor cursor, PasswordHash *hash)
{
	Cursor salt = {cursor.at, cursor.at + BETTER_AUTH_SALT};
	const char *digest = salt.end + 1;

	hash->scheme = PASSWORD_SCRYPT_NFKC;
	hash->django = false;
	hash->cost = BETTER_AUTH_COST;
	hash->block = BETTER_AUTH_BLOCK;
	hash->lanes = 1;
	return *salt.end == ':' && is_hexadecimal(salt.at, BETTER_AUTH_SALT) &&
		   is_hexadecimal(digest, (size_t) (cursor.end - digest)) && scrypt_parameters(hash) &&
		   take_salt(salt, hash) &&
		   sodium_hex2bin(hash->digest, sizeof(hash->digest), digest,
						  (size_t) (cursor.end - digest), NULL, &hash->digest_len, NULL) == 0 &&
		   hash->digest_len == SCRYPT_DIGEST;
}

/* Take apart a stored hash; see the header. */
bool
password_format_parse(const char *text, size_t len, PasswordHash *hash)
{
	Cursor cursor = {text, text + len};

	memset(hash, 0, sizeof(*hash));
	if (len == 0 || len > PASSWORD_HASH_MAX_TEXT)
		return false;
	hash->django = *text != '$';
	if (skip_literal(&cursor, "pbkdf2_sha256$"))
		return parse_pbkdf2(cursor, PASSWORD_PBKDF2_SHA256, crypto_hash_sha256_BYTES, hash);
	if (skip_literal(&cursor, "pbkdf2_sha1$"))
		return parse_pbkdf2(cursor, PASSWORD_PBKDF2_SHA1, SHA1_BYTES, hash);
	if (skip_literal(&cursor, "bcrypt_sha256$"))
		return parse_bcrypt(cursor, PASSWORD_BCRYPT_SHA256, hash);
	if (skip_literal(&cursor, "bcrypt$"))
		return parse_bcrypt(cursor, PASSWORD_BCRYPT, hash);
	if (skip_literal(&cursor, "argon2"))
		return parse_argon2(cursor, hash);
	if (skip_literal(&cursor, "scrypt$"))
		return parse_django_scrypt(cursor, hash);
	if (skip_literal(&cursor, "$scrypt$"))
		return parse_scrypt(cursor, hash);
	if (len == BETTER_AUTH_TEXT)
		return parse_better_auth(cursor, hash);
	if (len > 1 && text[0] == '$' && text[1] == '2')
		return parse_bcrypt(cursor, PASSWORD_BCRYPT, hash);
	return parse_argon2(cursor, hash);
}

/* May a hash of this cost be computed? See the header. */
bool
password_format_affordable(const PasswordHash *hash, uint32_t max_memory, uint64_t max_work)
{
	switch (hash->scheme)
	{
		case PASSWORD_ARGON2ID:
		case PASSWORD_ARGON2I:
			return hash->memory <= max_memory && hash->cost <= ARGON2_MAX_PASSES &&
				   (uint64_t) hash->memory * hash->cost <=
					   (uint64_t) max_memory * ARGON2_MAX_WORK_PER_MEMORY &&
				   (uint64_t) hash->memory * hash->cost <= max_work;
		case PASSWORD_PBKDF2_SHA256:
		case PASSWORD_PBKDF2_SHA1:
			return hash->cost <= PBKDF2_MAX_ITERATIONS;
		case PASSWORD_BCRYPT:
		case PASSWORD_BCRYPT_SHA256:
			return hash->cost <= BCRYPT_MAX_COST;
		case PASSWORD_SCRYPT:
		case PASSWORD_SCRYPT_NFKC:
			return hash->memory <= max_memory &&
				   (uint64_t) hash->memory * hash->lanes <=
					   (uint64_t) max_memory * SCRYPT_MAX_WORK_PER_MEMORY;
	}
	return false;
}

/* Would an argon2id hash of this work be better? See the header. */
bool
password_format_is_lesser(const PasswordHash *hash, uint64_t work)
{
	switch (hash->scheme)
	{
		case PASSWORD_ARGON2ID:
			if ((uint64_t) hash->memory * hash->cost == work)
				return hash->salt_len < crypto_pwhash_SALTBYTES ||
					   hash->digest_len < crypto_hash_sha256_BYTES;
			return (uint64_t) hash->memory * hash->cost < work;
		case PASSWORD_ARGON2I:
			return (uint64_t) hash->memory * hash->cost <= work;
		case PASSWORD_SCRYPT:
		case PASSWORD_SCRYPT_NFKC:
			return (uint64_t) hash->memory * hash->lanes <= work;
		case PASSWORD_PBKDF2_SHA256:
		case PASSWORD_PBKDF2_SHA1:
		case PASSWORD_BCRYPT:
		case PASSWORD_BCRYPT_SHA256:
			return true;
	}
	return true;
}
