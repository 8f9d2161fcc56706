/*
 * password_fuzz.c
 *		libFuzzer target of the parsers of stored password hashes.
 *
 * sources: src/password/password_format.c
 *
 * Whatever the bytes, the parser reads nothing outside of them, and what it accepts keeps the promises
 * that the verifiers rely on.
 */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "password/password_format.h"

/* What an argon2 hash is made of, written out as its maker would, must be the text that was read. */
static void
check_argon2(const PasswordHash *hash)
{
	char salt[sodium_base64_ENCODED_LEN(PASSWORD_MAX_SALT,
										sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];
	char digest[sodium_base64_ENCODED_LEN(PASSWORD_MAX_DIGEST,
										  sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];
	char text[PASSWORD_HASH_MAX_TEXT * 2];

	assert(hash->salt_len >= 8 && hash->salt_len <= PASSWORD_MAX_SALT);
	assert(hash->digest_len >= 16 && hash->digest_len <= PASSWORD_MAX_DIGEST);
	assert(hash->lanes >= 1 && hash->cost >= 1 && hash->memory >= 8 * hash->lanes);
	sodium_bin2base64(salt, sizeof(salt), hash->salt, hash->salt_len,
					  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	sodium_bin2base64(digest, sizeof(digest), hash->digest, hash->digest_len,
					  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	snprintf(text, sizeof(text), "$%s$v=19$m=%u,t=%u,p=%u$%s$%s",
			 hash->scheme == PASSWORD_ARGON2ID ? "argon2id" : "argon2i", hash->memory, hash->cost,
			 hash->lanes, salt, digest);
	assert(strlen(hash->text) == hash->text_len && strcmp(text, hash->text) == 0);
}

/* One input. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size == 0 ? 1 : size);
	PasswordHash hash;

	memcpy(text, data, size);
	if (password_format_parse(text, size, &hash))
	{
		assert(size <= PASSWORD_HASH_MAX_TEXT);
		(void) password_format_affordable(&hash, 256 * 1024, UINT64_MAX);
		assert(hash.memory == 0 || !password_format_affordable(&hash, hash.memory - 1, UINT64_MAX));
		switch (hash.scheme)
		{
			case PASSWORD_ARGON2ID:
			case PASSWORD_ARGON2I:
				check_argon2(&hash);
				assert(!password_format_affordable(&hash, UINT32_MAX,
												   (uint64_t) hash.memory * hash.cost - 1));
				break;
			case PASSWORD_PBKDF2_SHA256:
				assert(hash.digest_len == 32 && hash.salt_len >= 1 && hash.cost >= 1);
				break;
			case PASSWORD_PBKDF2_SHA1:
				assert(hash.digest_len == 20 && hash.salt_len >= 1 && hash.cost >= 1);
				break;
			case PASSWORD_BCRYPT:
			case PASSWORD_BCRYPT_SHA256:
				assert(hash.text_len == PASSWORD_BCRYPT_TEXT && strlen(hash.text) == hash.text_len);
				assert(memcmp(hash.text, "$2a$", 4) == 0 && hash.cost >= 4 && hash.cost <= 99);
				break;
			case PASSWORD_SCRYPT:
			case PASSWORD_SCRYPT_NFKC:
				assert(hash.digest_len == 32 || hash.digest_len == 64);
				assert(hash.salt_len >= 1 && hash.salt_len <= PASSWORD_MAX_SALT);
				/* what libsodium asks for */
				assert(hash.cost >= 2 && (hash.cost & (hash.cost - 1)) == 0);
				assert(hash.block >= 1 && hash.lanes >= 1 &&
					   (uint64_t) hash.block * hash.lanes < 1 << 30);
				assert((uint64_t) hash.memory * 8 >= (uint64_t) hash.cost * hash.block);
				break;
		}
	}
	free(text);
	return 0;
}
