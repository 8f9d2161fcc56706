/*
 * base64url.c
 *		Strict base64url without padding (RFC 7515 §2, RFC 4648 §5), by table.
 *
 * One text decodes to one value and back: what an encoder would not write is refused. libsodium's
 * decoder takes no table, so as to leak nothing through the cache; tokens are no secret from the
 * machine that checks them, and its costs half an HMAC.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A character out of the alphabet; no sum of valid values has this bit. */
#define BAD 0x80

/* Value of each character. */
static const unsigned char values[256] = {
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, 62,  BAD, BAD, 52,  53,  54,  55,  56,  57,  58,  59,  60,
	61,  BAD, BAD, BAD, BAD, BAD, BAD, BAD, 0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,
	11,  12,  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  BAD, BAD, BAD, BAD,
	63,  BAD, 26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,  41,  42,
	43,  44,  45,  46,  47,  48,  49,  50,  51,  BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
};

/* Encode len bytes of src into dst; returns the characters written. */
size_t
base64url_encode(char *dst, const unsigned char *src, size_t len)
{
	char *out = dst;
	size_t i = 0;

	for (; i + 3 <= len; i += 3)
	{
		uint32 v = (uint32) src[i] << 16 | (uint32) src[i + 1] << 8 | src[i + 2];

		*out++ = alphabet[v >> 18];
		*out++ = alphabet[(v >> 12) & 63];
		*out++ = alphabet[(v >> 6) & 63];
		*out++ = alphabet[v & 63];
	}
	if (len - i == 1)
	{
		*out++ = alphabet[src[i] >> 2];
		*out++ = alphabet[(src[i] & 3) << 4];
	}
	else if (len - i == 2)
	{
		*out++ = alphabet[src[i] >> 2];
		*out++ = alphabet[(src[i] & 3) << 4 | src[i + 1] >> 4];
		*out++ = alphabet[(src[i + 1] & 15) << 2];
	}
	return out - dst;
}

/* Decode len characters of src into dst; returns the bytes written, or -1. */
int
base64url_decode(unsigned char *dst, const char *src, size_t len)
{
	const unsigned char *in = (const unsigned char *) src;
	unsigned char *out = dst;
	unsigned char bad = 0;
	size_t i = 0;

	for (; i + 4 <= len; i += 4)
	{
		unsigned char a = values[in[i]];
		unsigned char b = values[in[i + 1]];
		unsigned char c = values[in[i + 2]];
		unsigned char d = values[in[i + 3]];

		bad |= a | b | c | d;
		*out++ = a << 2 | b >> 4;
		*out++ = b << 4 | c >> 2;
		*out++ = c << 6 | d;
	}
	switch (len - i)
	{
		case 0:
			break;
		case 2:
		{
			unsigned char a = values[in[i]];
			unsigned char b = values[in[i + 1]];

			if (b & 15)
				return -1;
			bad |= a | b;
			*out++ = a << 2 | b >> 4;
			break;
		}
		case 3:
		{
			unsigned char a = values[in[i]];
			unsigned char b = values[in[i + 1]];
			unsigned char c = values[in[i + 2]];

			if (c & 3)
				return -1;
			bad |= a | b | c;
			*out++ = a << 2 | b >> 4;
			*out++ = b << 4 | c >> 2;
			break;
		}
		default:
			return -1;
	}
	return (bad & BAD) ? -1 : (int) (out - dst);
}
