/*
 * failure_file.c
 *		What outlives the server of failures that wait: a file of a shutdown, a marker of a crash.
 *
 * A clean shutdown writes the failures themselves to a file, and loses none. The death of a process
 * makes the postmaster throw shared memory away, and what is lost then is to be counted. So beside
 * the server's temporary statistics a marker says, for each slot of the queue, whose failure it
 * holds, and for each database, how many failures are only a number yet. It is mapped into all
 * processes and not synced: it outlives them, not the machine. The next start counts what it finds
 * as dropped, and with it what a worker had committed and not yet taken from its slot: of two wrong
 * numbers the larger. While the server runs there is the marker alone, and base backups leave it
 * out.
 *
 * The postmaster alone reads and writes the files; the marker is written under the queue's lock.
 * Nothing raises but for lack of memory at the start.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pgstat.h"
#include "storage/fd.h"
#include "storage/shmem.h"

#include "base/base.h"
#include "failure_file.h"

#define QUEUE_FILE  PGSTAT_STAT_PERMANENT_DIRECTORY "/pgaccount_queue.stat"
#define MARKER_FILE PG_STAT_TMP_DIR "/pgaccount_queue"

/* Files of ours, of this layout, begin with it. */
#define QUEUE_MAGIC  0x70676133
#define MARKER_MAGIC 0x70676d31

/* Head of the file of a clean shutdown; databases and their failures follow. */
typedef struct FileHeader
{
	uint32 magic;
	uint32 failure_bytes;
	uint32 databases;
} FileHeader;

/* The marker. */
typedef struct Marker
{
	uint32 magic;
	struct
	{
		Oid oid;
		int64 unrecorded; /* failures that are in no slot, and in no event */
	} databases[FAILURE_DATABASES];
	Oid slots[FLEXIBLE_ARRAY_MEMBER]; /* InvalidOid: free */
} Marker;

/* The marker, mapped; NULL: it could not be. */
static volatile Marker *marker = NULL;
static size_t marker_size = 0;

/* Write so many bytes. */
static void
put_bytes(FailureFile *file, const void *bytes, size_t n)
{
	file->good = file->good && fwrite(bytes, n, 1, file->file) == 1;
}

/* Read so many bytes. False: they are not there. */
static bool
get_bytes(FailureFile *file, void *bytes, size_t n)
{
	file->good = file->good && fread(bytes, n, 1, file->file) == 1;
	return file->good;
}

/* Begin to write the file, under another name. */
void
failure_file_create(FailureFile *file, uint32 databases)
{
	FileHeader header = {QUEUE_MAGIC, sizeof(Failure), databases};

	file->file = AllocateFile(QUEUE_FILE ".tmp", PG_BINARY_W);
	file->good = file->file != NULL;
	put_bytes(file, &header, sizeof(header));
}

/* Write a database; its failures are to follow. */
void
failure_file_put_database(FailureFile *file, const SavedDatabase *database)
{
	put_bytes(file, database, sizeof(*database));
}

/* Write a failure of the last database. */
void
failure_file_put(FailureFile *file, const Failure *failure)
{
	put_bytes(file, failure, sizeof(*failure));
}

/* The file is complete: it takes the marker's place. */
void
failure_file_keep(FailureFile *file)
{
	if (!file->good)
		ereport(LOG, (errcode_for_file_access(),
					  errmsg("could not write file \"%s\": %m", QUEUE_FILE ".tmp")));
	if (file->file != NULL && FreeFile(file->file) != 0)
		file->good = false;
	/* the marker goes last: a failure is in one of the two files at any time */
	if (file->good && durable_rename(QUEUE_FILE ".tmp", QUEUE_FILE, LOG) == 0)
		unlink(MARKER_FILE);
}

/* Open the file of the last clean shutdown. */
bool
failure_file_open(FailureFile *file)
{
	FileHeader header;

	file->file = AllocateFile(QUEUE_FILE, PG_BINARY_R);
	file->good = true;
	if (file->file == NULL)
		return false;
	file->good = get_bytes(file, &header, sizeof(header)) && header.magic == QUEUE_MAGIC &&
				 header.failure_bytes == sizeof(Failure);
	file->databases = file->good ? header.databases : 0;
	return true;
}

/* Read the next database. */
bool
failure_file_get_database(FailureFile *file, SavedDatabase *database)
{
	if (!file->good || file->databases == 0)
		return false;
	file->databases--;
	return get_bytes(file, database, sizeof(*database));
}

/* Read the next failure of the last database. */
bool
failure_file_get(FailureFile *file, Failure *failure)
{
	return get_bytes(file, failure, sizeof(*failure));
}

/* The file has been read: remove it. */
void
failure_file_remove(FailureFile *file)
{
	if (!file->good)
		ereport(LOG, (errmsg("ignoring what is not ours in file \"%s\"", QUEUE_FILE)));
	FreeFile(file->file);
	unlink(QUEUE_FILE);
}

/* Count what the marker of a server that crashed says was lost. */
void
failure_marker_read(void (*count_lost)(Oid database, int64 failures))
{
	FILE *file = AllocateFile(MARKER_FILE, PG_BINARY_R);
	Marker head;
	Oid database;

	if (file == NULL)
		return;
	if (fread(&head, offsetof(Marker, slots), 1, file) == 1 && head.magic == MARKER_MAGIC)
	{
		for (int i = 0; i < FAILURE_DATABASES; i++)
			count_lost(head.databases[i].oid, head.databases[i].unrecorded);
		while (fread(&database, sizeof(database), 1, file) == 1)
			count_lost(database, 1);
	}
	FreeFile(file);
}

/*
 * Make the marker, empty, and map it; the children inherit the mapping. All of it is written at
 * once: a mapped page that the disk has no room for is a signal, not an error.
 */
void
failure_marker_make(int slots)
{
	size_t size = add_size(offsetof(Marker, slots), mul_size(slots, sizeof(Oid)));
	Marker *empty = palloc0(size);
	int file = OpenTransientFile(MARKER_FILE, O_RDWR | O_CREAT | O_TRUNC | PG_BINARY);

	if (marker != NULL)
		(void) munmap((void *) marker, marker_size);
	marker = NULL;
	empty->magic = MARKER_MAGIC;
	if (file >= 0 && write(file, empty, size) == (ssize_t) size)
	{
		void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

		if (map != MAP_FAILED)
		{
			marker = map;
			marker_size = size;
		}
	}
	if (marker == NULL)
		ereport(LOG,
				(errcode_for_file_access(), errmsg("could not map file \"%s\": %m", MARKER_FILE),
				 errdetail("Failures that a crash loses will not be counted.")));
	if (file >= 0)
		CloseTransientFile(file);
	pfree(empty);
}

/* Note whose failure a slot holds. */
void
failure_marker_slot(int slot, Oid database)
{
	if (marker != NULL)
		marker->slots[slot] = database;
}

/* Note how many failures of a database are in no slot, and in no event. */
void
failure_marker_count(int place, Oid database, int64 failures)
{
	if (marker == NULL)
		return;
	marker->databases[place].oid = database;
	marker->databases[place].unrecorded = failures;
}
