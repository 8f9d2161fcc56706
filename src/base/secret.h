/*
 * secret.h
 *		Tables that hold secrets, such as hashes, and errors that would show them.
 */
#ifndef PGACCOUNT_SECRET_H
#define PGACCOUNT_SECRET_H

/* Does a table hold secrets, such as hashes? Asked of tables that statements of ours write. */
typedef bool (*SecretTable)(Oid relid);

extern void secret_tables_are(SecretTable is_secret);
extern char *secret_table(Oid relid); /* its name, or NULL */

/* A constraint of ours, not of the server's: what its error says is no row, and stays. */
extern void secret_constraint_is(const char *name);

/*
 * In PG_CATCH: raise the error again, in this memory context, without "Failing row contains (...)".
 * The server shows that to whoever may read the columns, and that is the owner here, not the
 * caller. secret: NULL, or the name of the table that holds secrets: nothing is left either that
 * may quote one.
 */
extern void secret_rethrow(MemoryContext context, const char *secret);

/*
 * The same where the caller itself acts, on a table without secrets, and may see the rows: but with
 * pgaccount.error_detail = 'generic' what a constraint says of one is for the log alone.
 */
extern void discreet_rethrow(MemoryContext context);

#endif /* PGACCOUNT_SECRET_H */
