/*
 * master_key.c
 *		Sealing of secrets at rest with the key in pgaccount.master_key_file.
 *
 * The file is the operator's: 32 random bytes, raw or as 64 hexadecimal digits, readable by the
 * server's user alone. It is read when keys are made or loaded, and wiped from memory right after.
 * A sealed secret is a nonce and a box (XSalsa20-Poly1305).
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "storage/fd.h"

#include "base/base.h"
#include "master_key.h"

#define SEAL_OVERHEAD (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)

/* Is there a master key file? */
bool
master_key_configured(void)
{
	return pgaccount_master_key_file[0] != '\0';
}

/* Read the file into buf, at most size bytes. Returns the bytes read, or -1 and *problem. */
static int
read_file(char *buf, size_t size, const char **problem)
{
	struct stat st;
	int fd;
	int len;

	/* A pipe must not keep us waiting: it is looked at before and after it is opened. */
	fd = OpenTransientFile(pgaccount_master_key_file, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (fd < 0)
	{
		*problem = errno == ENOENT ? "The file does not exist." : "The file cannot be opened.";
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		*problem = "It is not a regular file.";
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		*problem = "The file belongs to another user than the server's.";
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		*problem = "The file is accessible to its group or to others.";
	else
	{
		len = read(fd, buf, size);
		CloseTransientFile(fd);
		if (len < 0)
			*problem = "The file cannot be read.";
		return len;
	}
	CloseTransientFile(fd);
	return -1;
}

/*
 * Read the master key. Returns false and *problem, or raises 55000, if the file cannot be used. The
 * caller wipes key.
 */
static bool
read_master_key(unsigned char *key, bool raise)
{
	char buf[2 * crypto_secretbox_KEYBYTES + 2];
	const char *problem = NULL;
	int len = 0;
	size_t decoded;

	if (!master_key_configured())
		problem = "The secret is sealed, and pgaccount.master_key_file is empty.";
	else
	{
		len = read_file(buf, sizeof(buf), &problem);
		if (problem == NULL && len == 2 * crypto_secretbox_KEYBYTES + 1 && buf[len - 1] == '\n')
			len--;
		if (problem != NULL)
			;
		else if (len == crypto_secretbox_KEYBYTES)
			memcpy(key, buf, len);
		else if (len != 2 * crypto_secretbox_KEYBYTES ||
				 sodium_hex2bin(key, crypto_secretbox_KEYBYTES, buf, len, NULL, &decoded, NULL) !=
					 0 ||
				 decoded != crypto_secretbox_KEYBYTES)
			problem = "The file holds neither 32 bytes nor 64 hexadecimal digits.";
	}
	sodium_memzero(buf, sizeof(buf));
	if (problem == NULL)
		return true;
	sodium_memzero(key, crypto_secretbox_KEYBYTES);
	if (raise)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not use the master key"), errdetail("%s", problem),
				 errhint("Set pgaccount.master_key_file to a file of 32 random bytes, owned by the "
						 "server's user, with mode 0600."),
				 errhidesecrets()));
	return false;
}

/* Seal len bytes. */
bytea *
master_key_seal(const unsigned char *secret, size_t len)
{
	unsigned char key[crypto_secretbox_KEYBYTES];
	bytea *sealed = palloc(VARHDRSZ + SEAL_OVERHEAD + len);
	unsigned char *nonce = (unsigned char *) VARDATA(sealed);

	read_master_key(key, true);
	SET_VARSIZE(sealed, VARHDRSZ + SEAL_OVERHEAD + len);
	randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES, secret, len, nonce, key);
	sodium_memzero(key, sizeof(key));
	return sealed;
}

/* Open what master_key_seal made; see master_key.h. */
unsigned char *
master_key_open(const bytea *sealed, size_t *len, bool raise)
{
	unsigned char key[crypto_secretbox_KEYBYTES];
	const unsigned char *nonce = (const unsigned char *) VARDATA_ANY(sealed);
	size_t sealed_len = VARSIZE_ANY_EXHDR(sealed);
	unsigned char *secret = NULL;

	if (!read_master_key(key, raise))
		return NULL;
	if (sealed_len >= SEAL_OVERHEAD)
	{
		*len = sealed_len - SEAL_OVERHEAD;
		secret = palloc(*len + 1);
		if (crypto_secretbox_open_easy(secret, nonce + crypto_secretbox_NONCEBYTES,
									   sealed_len - crypto_secretbox_NONCEBYTES, nonce, key) != 0)
		{
			pfree(secret);
			secret = NULL;
		}
	}
	sodium_memzero(key, sizeof(key));
	if (secret == NULL && raise)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("could not open a sealed secret"),
						errdetail("It was sealed with another master key, or it was damaged."),
						errhint("Set pgaccount.master_key_file to the file it was sealed with, or "
								"make a new key with account.create_key()."),
						errhidesecrets()));
	return secret;
}
