/*
 * export_stream.h
 *		The rows of a walk one by one, those that are referenced before those that reference them.
 */
#ifndef PGACCOUNT_EXPORT_STREAM_H
#define PGACCOUNT_EXPORT_STREAM_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "export_walk.h"

/* Takes a row, as jsonb, of a table. */
typedef void (*ExportRow)(Oid relation, Datum row, void *arg);

/*
 * Hand over all rows of a walk, each once, so that each comes after those of the walk that it
 * references; where rows reference one another in a circle a NOTICE names the foreign keys that
 * hold only at the end. Lets go of the walk's sets.
 */
extern void export_stream(ExportWalk *walk, ExportRow callback, void *arg);

#endif /* PGACCOUNT_EXPORT_STREAM_H */
