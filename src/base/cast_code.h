/*
 * cast_code.h
 *		Whose code a cast is.
 */
#ifndef PGACCOUNT_CAST_CODE_H
#define PGACCOUNT_CAST_CODE_H

#include "parser/parse_coerce.h"

/* Whoever owns a function. */
extern Oid function_owner(Oid function);

/* The owner of a function; InvalidOid: a superuser, whom everybody trusts. */
extern Oid code_owner(Oid function);

/*
 * The role whose function makes a value of one type one of another, where a cast in this context
 * is meant. InvalidOid: no function does, or it is the server's or a superuser's.
 */
extern Oid cast_code_owner(Oid from, Oid to, CoercionContext context);

/* Raise 42846 for a function of a cast that is neither a superuser's nor the current user's. */
extern void cast_code_check(Oid function);

/* The same for what makes json of a value of a type. */
extern void cast_code_check_json(Oid type);

/*
 * The text of a value in a column of a table, as a cast that a statement writes gives it. A
 * function of the cast runs as the table's owner, whose it has to be, unless it is a superuser's;
 * else it is 42846.
 */
extern text *cast_code_text(Oid relid, Oid type, Oid collation, Datum value);

#endif /* PGACCOUNT_CAST_CODE_H */
