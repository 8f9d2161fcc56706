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

/*
 * A bytea as text, in hexadecimal, whatever bytea_output is; a text in one of the two
 * formats that a bytea is read from in that form, or NULL, where it is in none; and SQL that gives
 * a value of any type as text, of a bytea in that form.
 */
extern char *bytea_as_text(bytea *value);
extern char *bytea_text_normal(const char *text);
extern char *sql_as_text(const char *value, Oid type);

#endif /* PGACCOUNT_VALUE_FORMATS_H */
