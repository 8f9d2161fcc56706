/*
 * uuid_text.h
 *		Texts of uuids, read and written with every request: faster than the type's own functions,
 *		and without errors.
 */
#ifndef PGACCOUNT_UUID_TEXT_H
#define PGACCOUNT_UUID_TEXT_H

#include "utils/uuid.h"

#define UUID_TEXT_LEN 36

/* Read a text of 36 characters: 8-4-4-4-12 digits in either case. False: it is another. */
extern bool uuid_text_usual(const char *text, pg_uuid_t *uuid);

/* Read a text in any form that uuid_in() takes; false: it is none. */
extern bool uuid_text_read(const char *text, pg_uuid_t *uuid);

/* As uuid_out() writes it. palloc'd. */
extern char *uuid_text_write(const pg_uuid_t *uuid);

#endif /* PGACCOUNT_UUID_TEXT_H */
