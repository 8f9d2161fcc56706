/*
 * registration.h
 *		What account.register shares with the module that writes profiles.
 */
#ifndef PGACCOUNT_REGISTRATION_H
#define PGACCOUNT_REGISTRATION_H

#include "access/tupdesc.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "model/model.h"

/* The longest email (RFC 5321 §4.5.3.1.3), in characters. */
#define MAX_EMAIL 254

/* Columns of a profile and their values, converted. */
typedef struct ProfileValues
{
	int n;
	AttrNumber *columns;
	Oid *types;
	Datum *values;
	char *nulls;
} ProfileValues;

/*
 * Read the argument profile (NULL: none) and check it: 22023, PT403 for a role that nobody may take
 * and for columns that are not for the asking; a WARNING for unknown columns.
 */
extern ProfileValues *registration_profile_read(const Model *model, Jsonb *profile);

/*
 * Give the profile of a new user these values; makes it where nothing else has. left_out: the rule
 * of automatic profiles has made none. Raises 55000 where a trigger keeps it back. Within
 * SPI_connect.
 */
extern void registration_profile_write(const Model *model, const char *user_id,
									   ProfileValues *profile, bool left_out);

/* Raise 22023 unless this is an email; NULL is none. */
extern void registration_check_email(const char *email);

/* Raise 22023 if a text (NULL: none) is too long for its column. */
extern void registration_check_fits(const Model *model, ModelAttribute attribute,
									const char *value);

#endif /* PGACCOUNT_REGISTRATION_H */
