/*
 * failure_file.h
 *		What outlives the server of failures that wait: a file of a shutdown, a marker of a crash.
 */
#ifndef PGACCOUNT_FAILURE_FILE_H
#define PGACCOUNT_FAILURE_FILE_H

#include <stdio.h>

#include "failure.h"

/* So many databases can have work at a time; those that have none give their place away. */
#define FAILURE_DATABASES 128

/* The file of a clean shutdown, while it is written or read. */
typedef struct FailureFile
{
	FILE *file;
	bool good; /* false: the rest is not written, or not to be read */
	uint32 databases;
} FailureFile;

/* A database in it; so many failures follow as were waiting. */
typedef struct SavedDatabase
{
	Oid oid;
	uint32 waiting;
	int64 dropped;
	int64 dropped_full;
	int64 dropped_lost;
	int64 left_out;
} SavedDatabase;

/* Begin to write the file, which will have so many databases. None of these raise. */
extern void failure_file_create(FailureFile *file, uint32 databases);
extern void failure_file_put_database(FailureFile *file, const SavedDatabase *database);
extern void failure_file_put(FailureFile *file, const Failure *failure);

/* The file is complete: it takes the marker's place. */
extern void failure_file_keep(FailureFile *file);

/* Open the file of the last clean shutdown. False: there is none. */
extern bool failure_file_open(FailureFile *file);

/* The next database, and its next failure. False: there is no more that is ours. */
extern bool failure_file_get_database(FailureFile *file, SavedDatabase *database);
extern bool failure_file_get(FailureFile *file, Failure *failure);

/* The file has been read: remove it. */
extern void failure_file_remove(FailureFile *file);

/* Count what the marker of a server that crashed says was lost. */
extern void failure_marker_read(void (*count_lost)(Oid database, int64 failures));

/*
 * Make the marker, empty, of a queue with so many slots. Where that fails, a crash loses failures
 * without counting them, which the server log says.
 */
extern void failure_marker_make(int slots);

/* Note whose failure a slot holds; InvalidOid: nobody's. */
extern void failure_marker_slot(int slot, Oid database);

/*
 * Note, at one of FAILURE_DATABASES places, how many failures of a database are in no slot and in
 * no event.
 */
extern void failure_marker_count(int place, Oid database, int64 failures);

#endif /* PGACCOUNT_FAILURE_FILE_H */
