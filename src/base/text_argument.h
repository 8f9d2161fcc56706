/*
 * text_argument.h
 *		Text arguments of functions, and what they may hold.
 */
#ifndef PGACCOUNT_TEXT_ARGUMENT_H
#define PGACCOUNT_TEXT_ARGUMENT_H

#include "fmgr.h"

#include "compat.h"

/* Raise 22023 about an argument. */
compat_noreturn extern void refuse_argument(const char *what, const char *detail);

/*
 * Argument n as a C string; NULL for NULL. One of more than max characters: 22023, before it is
 * copied.
 */
extern char *text_argument(FunctionCallInfo fcinfo, int n, const char *what, int max);

/*
 * The same for an id, which may be a value of any type, as its text: NULL also for what is too long
 * to be one, which then is the id of nothing.
 */
extern char *id_argument(FunctionCallInfo fcinfo, int n);

/*
 * Of a setting that is a list separated by commas, with spaces around its items or without: the
 * place of an item, -1: it has none; the item at a place, palloc'd, NULL: there are not so many.
 */
extern int list_setting_find(const char *setting, const char *item);
extern char *list_setting_item(const char *setting, int place);

/* Is this a control character? */
extern bool is_control(unsigned char c);

/*
 * Raise 22023 unless the text is a name: neither empty nor with spaces around it or control
 * characters.
 */
extern void check_name(const char *value, const char *what);

#endif /* PGACCOUNT_TEXT_ARGUMENT_H */
