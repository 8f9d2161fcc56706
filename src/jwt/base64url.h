/*
 * base64url.h
 *		Strict base64url without padding (RFC 7515 §2, RFC 4648 §5), by table.
 */
#ifndef PGACCOUNT_BASE64URL_H
#define PGACCOUNT_BASE64URL_H

/* Bytes that base64url_encode writes for len bytes; there is no terminator. */
#define BASE64URL_ENCODED_LEN(len) (((size_t) (len) *4 + 2) / 3)

/* Most bytes that base64url_decode writes for len characters. */
#define BASE64URL_DECODED_MAX(len) (((size_t) (len) *3) / 4)

/* Encode len bytes of src into dst, which has room for BASE64URL_ENCODED_LEN(len). Returns that. */
extern size_t base64url_encode(char *dst, const unsigned char *src, size_t len);

/*
 * Decode len characters of src into dst, which has room for BASE64URL_DECODED_MAX(len). Returns the
 * bytes written, or -1: a character out of the alphabet (padding and white space too), a length no
 * encoder makes, or unused bits that are not zero.
 */
extern int base64url_decode(unsigned char *dst, const char *src, size_t len);

#endif /* PGACCOUNT_BASE64URL_H */
