/*
 * value_formats.h
 *		Values as text, whatever the session's settings.
 */
#ifndef PGACCOUNT_VALUE_FORMATS_H
#define PGACCOUNT_VALUE_FORMATS_H

/*
 * Have values read and written in one form, whatever the session's settings, until AtEOXact_GUC()
 * of the returned level.
 */
extern int value_formats_begin(void);

#endif /* PGACCOUNT_VALUE_FORMATS_H */
