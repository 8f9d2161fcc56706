/*
 * secret.c
 *		Tables that hold secrets, such as hashes, and errors that would show them.
 */
#include "postgres.h"

#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "errors.h"
#include "secret.h"

static SecretTable is_secret_table = NULL;
static const char *own_constraint = NULL;

/* Which tables hold secrets; set by the module that has them. */
void
secret_tables_are(SecretTable is_secret)
{
	is_secret_table = is_secret;
}

/* The constraint of ours; set by the module that has it. */
void
secret_constraint_is(const char *name)
{
	own_constraint = name;
}

/* No error shows so many characters of a hash. */
#define HASH_CHARS 10

/*
 * Does the text of an error quote a value that may be a hash? The server quotes names, too, but
 * these are no data.
 */
static bool
quotes_value(const char *text)
{
	const char *start = text;

	while ((start = strchr(start, '"')) != NULL)
	{
		const char *end = strchr(++start, '"');

		if (end == NULL || end - start >= HASH_CHARS)
			return true;
		start = end + 1;
	}
	return false;
}

/*
 * Does the text of an error that is no data's, but about a name, quote a value that looks like a
 * hash?
 */
static bool
names_hash(const char *text)
{
	const char *start = text;

	while ((start = strchr(start, '"')) != NULL)
	{
		const char *end = strchr(++start, '"');
		size_t len = end != NULL ? end - start : strlen(start);

		if (len >= HASH_CHARS && strcspn(start, "$:") < len)
			return true;
		if (end == NULL)
			return false;
		start = end + 1;
	}
	return false;
}

/*
 * Is it the error of our constraint? A table that holds secrets may have a constraint of that name
 * itself.
 */
static bool
is_own(const ErrorData *error, const char *secret)
{
	return own_constraint != NULL && error->constraint_name != NULL &&
		   strcmp(error->constraint_name, own_constraint) == 0 && error->table_name != NULL &&
		   (secret == NULL || strcmp(error->table_name, secret) != 0);
}

/* The name of a table if it holds secrets, else NULL. */
char *
secret_table(Oid relid)
{
	return is_secret_table != NULL && is_secret_table(relid) ? get_rel_name(relid) : NULL;
}

/*
 * Raise an error again, without the values of the row; see the header. What an application's code
 * raises (a RAISE of PL/pgSQL's, of any SQLSTATE but of the server's own data exceptions) is its
 * own text.
 */
void
secret_rethrow(MemoryContext context, const char *secret)
{
	ErrorData *error;
	int category;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
	/*
	 * such as the server's of a hash that an expression takes for the name of a table or a setting
	 */
	if (secret != NULL && category != ERRCODE_TO_CATEGORY(ERRCODE_RAISE_EXCEPTION) &&
		names_hash(error->message))
		category = ERRCODE_DATA_EXCEPTION;
	switch (category)
	{
		case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
			if (error->sqlerrcode != ERRCODE_CHECK_VIOLATION &&
				error->sqlerrcode != ERRCODE_NOT_NULL_VIOLATION &&
				(secret == NULL || (error->sqlerrcode != ERRCODE_EXCLUSION_VIOLATION &&
									(error->detail == NULL || strchr(error->detail, '$') == NULL))))
			{
				if (error->sqlerrcode != ERRCODE_RESTRICT_VIOLATION)
					error_be_discreet(error);
				break;
			}
			if (is_own(error, secret))
				break;
			error->detail = NULL;
			error->detail_log = NULL;
			break;
		case ERRCODE_DATA_EXCEPTION:
			if (secret == NULL)
				break;
			if (quotes_value(error->message))
				error->message = psprintf("an expression of table \"%s\" failed", secret);
			error->detail = "What else it says is not shown, as it may quote a password hash.";
			error->detail_log = NULL;
			error->hint = NULL;
			error->context = NULL;
			error->internalquery = NULL;
			break;
	}
	FlushErrorState();
	ReThrowError(error);
}

/*
 * Raise an error again, without what a constraint says of a row where that is not wanted; see the
 * header. The references that stand in the way (23001) are counted, not shown.
 */
void
discreet_rethrow(MemoryContext context)
{
	int code = geterrcode();

	if (pgaccount_error_detail != ERROR_DETAIL_GENERIC || code == ERRCODE_RESTRICT_VIOLATION ||
		ERRCODE_TO_CATEGORY(code) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		PG_RE_THROW();
	MemoryContextSwitchTo(context);
	rethrow_discreetly(CopyErrorData());
}
