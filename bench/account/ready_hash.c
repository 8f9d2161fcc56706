/*
 * ready_hash.c
 *		Argon2id that costs nothing, preloaded over libsodium's: what is left is what account.login and
 *		account.register cost besides. For the benchmark alone: any password is right.
 */
#include <string.h>

int
crypto_pwhash_argon2id_str(char *out, const char *password, unsigned long long len,
						   unsigned long long ops, unsigned long memory)
{
	static const char ready[] =
		"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

	memset(out, 0, 128);
	memcpy(out, ready, sizeof(ready));
	return 0;
}

int
crypto_pwhash_argon2id_str_verify(const char *hash, const char *password, unsigned long long len)
{
	return 0;
}

int
crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *password, unsigned long long len,
			  const unsigned char *salt, unsigned long long ops, unsigned long memory, int algorithm)
{
	memset(out, 0, out_len);
	return 0;
}
