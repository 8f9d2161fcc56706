/*
 * claims_jsonb.h
 *		A scanned set of claims as jsonb, made in the same pass; and UTF-8 to the database's
 *		encoding.
 */
#ifndef PGACCOUNT_CLAIMS_JSONB_H
#define PGACCOUNT_CLAIMS_JSONB_H

#include "base/base.h"
#include "json_claims.h"

/* Zero it, pass claims_jsonb_sink and its address to a scan, then call claims_jsonb_result. */
typedef struct ClaimsJsonb
{
	JsonbBuild state;
	bool untranslatable; /* some string is not text in the database's encoding */
} ClaimsJsonb;

extern void claims_jsonb_sink(void *arg, JsonEvent event, JsonKind kind, const char *text, int len);

/*
 * The jsonb of a scan that succeeded, palloc'd; NULL if the database's encoding lacks a character.
 * The scanned text and the scan's arena must still be there.
 */
extern Jsonb *claims_jsonb_result(ClaimsJsonb *builder);

/*
 * Valid UTF-8 in the database's encoding: the text itself where nothing changes, else palloc'd.
 * NULL if the encoding lacks a character. *out_len gets its length.
 */
extern const char *utf8_to_server(const char *text, int len, int *out_len);

#endif /* PGACCOUNT_CLAIMS_JSONB_H */
