/*
 * password_secret.c
 *		A password in memory, which is wiped.
 *
 * It lives, in UTF-8, in a memory context of its own, and is wiped when the context goes, on
 * success and on error alike. What the server copies for itself while it normalizes is out of
 * reach.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "common/string.h"
#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "base/base.h"
#include "password_secret.h"

/* The longest password worth converting, in bytes. */
#define MAX_UNCONVERTED (MAX_PASSWORD * 4)

/* Memory context callback: wipe the secret before its memory goes. */
static void
secret_wipe(void *arg)
{
	Secret *secret = arg;

	if (secret->value != NULL)
		sodium_memzero(secret->value, secret->size);
	sodium_memzero(&secret->keyed, sizeof(secret->keyed));
}

/*
 * Convert len bytes from the server's encoding to UTF-8, into room for size bytes. Returns the
 * length, or -1 where it cannot be done. Raises nothing that shows the text, as the server's
 * conversion would. Bytes of an SQL_ASCII database have no known meaning and stay as they are.
 */
static int
convert_to_utf8(const char *text, int len, char *utf8, int size)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		memcpy(utf8, text, len);
		return len;
	}
	conversion = FindDefaultConversion(PG_CATALOG_NAMESPACE, encoding, PG_UTF8);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, (unsigned char *) text, len,
									  (unsigned char *) utf8, size, true) != len)
		return -1;
	return strlen(utf8);
}

/* Take the password into a Secret, which lives until secret_free() or its parent context's end. */
Secret *
secret_make(text *password)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount password", ALLOCSET_SMALL_SIZES);
	Secret *secret = MemoryContextAllocZero(context, sizeof(Secret));
	Size raw = toast_raw_datum_size(PointerGetDatum(password)) - VARHDRSZ;
	MemoryContext caller;
	text *packed;
	int len;

	secret->context = context;
	secret->wipe.func = secret_wipe;
	secret->wipe.arg = secret;
	MemoryContextRegisterResetCallback(context, &secret->wipe);
	if (raw == 0 || raw > MAX_UNCONVERTED)
	{
		secret->state = raw == 0 ? SECRET_EMPTY : SECRET_TOO_LONG;
		return secret;
	}

	caller = MemoryContextSwitchTo(context);
	secret->size = VARHDRSZ + raw * MAX_CONVERSION_GROWTH + 1;
	secret->value = palloc0(secret->size);
	packed = pg_detoast_datum_packed(password);
	len = convert_to_utf8(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed), VARDATA(secret->value),
						  secret->size - VARHDRSZ);
	if (packed != password)
		sodium_memzero(packed, VARSIZE_ANY(packed));
	MemoryContextSwitchTo(caller);

	if (len < 0)
		secret->state = SECRET_NOT_UTF8;
	else if (len > MAX_PASSWORD)
		secret->state = SECRET_TOO_LONG;
	SET_VARSIZE(secret->value, VARHDRSZ + Max(len, 0));
	return secret;
}

/* Put other text into the secret's place; the one before is wiped. */
void
secret_replace(Secret *secret, const char *replacement, Size len)
{
	sodium_memzero(secret->value, secret->size);
	pfree(secret->value);
	secret->value = NULL;
	secret->value = MemoryContextAllocZero(secret->context, VARHDRSZ + len + 1);
	secret->size = VARHDRSZ + len + 1;
	memcpy(VARDATA(secret->value), replacement, len);
	SET_VARSIZE(secret->value, VARHDRSZ + len);
}

/*
 * Bring the password into Unicode's form NFKC (UAX #15). What is no UTF-8, in a database of
 * SQL_ASCII, stays as it is.
 */
void
secret_normalize(Secret *secret)
{
	const unsigned char *text = (unsigned char *) VARDATA(secret->value);
	int len = VARSIZE(secret->value) - VARHDRSZ;
	MemoryContext caller;
	pg_wchar *points;
	pg_wchar *normalized;
	int count = 0;
	int out_len = 0;
	char *out;

	if (pg_is_ascii((char *) text) || !pg_verify_mbstr(PG_UTF8, (char *) text, len, true))
		return;
	caller = MemoryContextSwitchTo(secret->context);
	points = palloc((len + 1) * sizeof(pg_wchar));
	for (int i = 0; i < len; i += pg_utf_mblen(text + i))
		points[count++] = utf8_to_unicode(text + i);
	points[count] = 0;
	normalized = unicode_normalize(UNICODE_NFKC, points);
	sodium_memzero(points, (len + 1) * sizeof(pg_wchar));
	for (count = 0; normalized[count] != 0; count++)
		;
	out = palloc(count * MAX_MULTIBYTE_CHAR_LEN + 1);
	for (int i = 0; i < count; i++)
	{
		unicode_to_utf8(normalized[i], (unsigned char *) out + out_len);
		out_len += pg_utf_mblen((unsigned char *) out + out_len);
	}
	sodium_memzero(normalized, count * sizeof(pg_wchar));
	secret_replace(secret, out, out_len);
	sodium_memzero(out, out_len);
	MemoryContextSwitchTo(caller);
}

/* Wipe and free. */
void
secret_free(Secret *secret)
{
	MemoryContextDelete(secret->context);
}

/* Raise 22023 unless the password can be hashed. */
void
secret_require_usable(const Secret *secret)
{
	switch (secret->state)
	{
		case SECRET_USABLE:
			return;
		case SECRET_EMPTY:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("password must not be empty"),
					 errdetail("The password has no characters."),
					 errhint("Ask the user for a password.")));
			break;
		case SECRET_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("password is too long"),
					 errdetail("A password may take %d bytes in UTF-8.", MAX_PASSWORD),
					 errhint("Ask the user for a shorter password.")));
			break;
		case SECRET_NOT_UTF8:
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("password cannot be converted to UTF-8"),
							errdetail("It has a character that UTF-8 does not have."),
							errhint("Ask the user for a password of other characters.")));
			break;
	}
}
