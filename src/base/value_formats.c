/*
 * value_formats.c
 *		Values as text, whatever the session's settings.
 *
 * A key that is kept as text is read by other sessions, whose settings may have it mean another.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "value_formats.h"

/* Have values read and written in one form. */
int
value_formats_begin(void)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO, YMD"},   {"intervalstyle", "postgres"}, {"timezone", "UTC"},
		{"extra_float_digits", "3"}, {"bytea_output", "hex"},       {"lc_monetary", "C"}};
	int level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}
