/*
 * seen_rows.c
 *		Are rows still as they were when a snapshot, gone since, saw them?
 *
 * A removal in batches remembers rows by their tids. A tid says nothing once its snapshot is gone:
 * the row may have a newer version elsewhere, and its place be another row's. But a row version
 * that a snapshot saw was there before the snapshot; what has been put in its place since is of a
 * transaction that the snapshot did not see as over, and so not older than its xmin. So a version
 * with an older xmin, that nobody has deleted, is the very one. Of younger ones nothing is said:
 * who asks finds out otherwise. The same of all rows of a table that has been written anew: CLUSTER
 * and VACUUM FULL put rows elsewhere as they are, xmin and all.
 *
 * A page whose LSN is not later than the last time that all of its rows were looked at has not been
 * changed since, and is not looked at again. Changes of tables without WAL leave no such trace.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

#include "seen_rows.h"

/* Rows of one page, whose line pointers are neighbours. */
typedef struct PageRows
{
	Oid tab;
	BlockNumber block;
	OffsetNumber first;
	uint64 bits;
} PageRows;

struct SeenRows
{
	PageRows *pages; /* by table, block and line pointer */
	int n;
	XLogRecPtr looked_at; /* where the WAL was; InvalidXLogRecPtr: not yet */
};

/* Where a table was. */
typedef struct SeenFile
{
	Oid tab; /* hash key */
	Oid file;
} SeenFile;

struct SeenFiles
{
	HTAB *files; /* SeenFile */
};

/* Called for each row, whether it is unchanged or not. False: that is enough. */
typedef bool (*SeenCallback)(Oid tab, ItemPointer tid, bool unchanged, void *arg);

/* Collecting. */
typedef struct Collecting
{
	SeenRows *rows;
	int allocated;
	RowSet *but;
} Collecting;

/* Take a page's rows. */
static void
collect_page(Oid tab, BlockNumber block, OffsetNumber first, uint64 bits, void *arg)
{
	Collecting *collecting = arg;
	SeenRows *rows = collecting->rows;

	if (collecting->but != NULL)
		for (uint64 left = bits; left != 0; left &= left - 1)
		{
			int bit = pg_rightmost_one_pos64(left);
			ItemPointerData tid;

			ItemPointerSet(&tid, block, first + bit);
			if (row_set_contains(collecting->but, tab, &tid))
				bits &= ~(UINT64CONST(1) << bit);
		}
	if (bits == 0)
		return;
	if (rows->n == collecting->allocated)
	{
		collecting->allocated *= 2;
		rows->pages = repalloc_huge(rows->pages, collecting->allocated * sizeof(PageRows));
	}
	rows->pages[rows->n++] = (PageRows){tab, block, first, bits};
}

/* Order of pages. */
static int
compare_pages(const void *a, const void *b)
{
	const PageRows *one = a;
	const PageRows *other = b;

	if (one->tab != other->tab)
		return one->tab < other->tab ? -1 : 1;
	if (one->block != other->block)
		return one->block < other->block ? -1 : 1;
	return (one->first > other->first) - (one->first < other->first);
}

/* Rows that a snapshot saw. */
SeenRows *
seen_rows_make(RowSet *set, RowSet *but)
{
	SeenRows *rows = palloc0(sizeof(SeenRows));
	Collecting collecting = {rows, 64, but};

	rows->pages = palloc(collecting.allocated * sizeof(PageRows));
	row_set_each_page(set, collect_page, &collecting);
	qsort(rows->pages, rows->n, sizeof(PageRows), compare_pages);
	return rows;
}

/* Tables, none yet. */
SeenFiles *
seen_files_make(void)
{
	SeenFiles *files = palloc(sizeof(SeenFiles));
	HASHCTL ctl = {
		.keysize = sizeof(Oid), .entrysize = sizeof(SeenFile), .hcxt = CurrentMemoryContext};

	files->files =
		hash_create("pgaccount files of tables", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return files;
}

/* Note where a table and its parts are. */
void
seen_files_note(SeenFiles *files, Oid relid)
{
	List *parts = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell *lc;

	foreach (lc, parts)
	{
		Relation rel = try_relation_open(lfirst_oid(lc), NoLock);
		SeenFile *file;

		if (rel == NULL)
			continue;
		file = hash_search(files->files, &RelationGetRelid(rel), HASH_ENTER, NULL);
		file->file = rel->rd_rel->relfilenode;
		relation_close(rel, NoLock);
	}
	list_free(parts);
}

/* Is a table, which is open, where it was? */
static bool
is_same_file(const SeenFiles *files, Relation rel)
{
	const SeenFile *file = hash_search(files->files, &RelationGetRelid(rel), HASH_FIND, NULL);

	return file != NULL && file->file == rel->rd_rel->relfilenode;
}

/* Is the version at a line pointer the one that was seen? The buffer is locked. */
static bool
is_unchanged(Page page, OffsetNumber offset, TransactionId xmin)
{
	ItemId item;
	HeapTupleHeader tuple;

	if (offset > PageGetMaxOffsetNumber(page))
		return false;
	item = PageGetItemId(page, offset);
	if (!ItemIdIsNormal(item))
		return false;
	tuple = (HeapTupleHeader) PageGetItem(page, item);
	return TransactionIdPrecedes(HeapTupleHeaderGetRawXmin(tuple), xmin) &&
		   !HeapTupleHeaderXminInvalid(tuple) &&
		   ((tuple->t_infomask & HEAP_XMAX_INVALID) != 0 ||
			HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_infomask));
}

/* Look at rows of one page, from number *i of the pages on; *i: behind them. False: enough. */
static bool
look_at_page(const SeenRows *rows, int *i, Relation rel, BlockNumber nblocks, TransactionId xmin,
			 XLogRecPtr since, SeenCallback callback, void *arg)
{
	BlockNumber block = rows->pages[*i].block;
	Oid tab = rows->pages[*i].tab;
	Buffer buffer = InvalidBuffer;
	bool goes_on = true;

	if (block < nblocks)
	{
		buffer = ReadBuffer(rel, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	}
	if (buffer != InvalidBuffer && since != InvalidXLogRecPtr &&
		BufferGetLSNAtomic(buffer) <= since)
		while (*i < rows->n && rows->pages[*i].tab == tab && rows->pages[*i].block == block)
			(*i)++;
	for (; *i < rows->n && rows->pages[*i].tab == tab && rows->pages[*i].block == block; (*i)++)
		for (uint64 bits = rows->pages[*i].bits; goes_on && bits != 0; bits &= bits - 1)
		{
			OffsetNumber offset = rows->pages[*i].first + pg_rightmost_one_pos64(bits);
			ItemPointerData tid;

			ItemPointerSet(&tid, block, offset);
			goes_on = callback(
				tab, &tid,
				buffer != InvalidBuffer && is_unchanged(BufferGetPage(buffer), offset, xmin), arg);
		}
	if (buffer != InvalidBuffer)
		UnlockReleaseBuffer(buffer);
	return goes_on;
}

/* Look at all rows. since: pages that were not changed since then are passed over. */
static void
look_at_rows(const SeenRows *rows, TransactionId xmin, const SeenFiles *files, XLogRecPtr since,
			 SeenCallback callback, void *arg)
{
	int i = 0;
	bool goes_on = true;

	while (goes_on && i < rows->n)
	{
		Oid tab = rows->pages[i].tab;
		Relation rel = try_relation_open(tab, AccessShareLock);
		BlockNumber nblocks =
			rel != NULL && is_same_file(files, rel) ? RelationGetNumberOfBlocks(rel) : 0;

		while (goes_on && i < rows->n && rows->pages[i].tab == tab)
		{
			CHECK_FOR_INTERRUPTS();
			goes_on = look_at_page(rows, &i, rel, nblocks, xmin,
								   rel != NULL && RelationNeedsWAL(rel) ? since : InvalidXLogRecPtr,
								   callback, arg);
		}
		if (rel != NULL)
			relation_close(rel, NoLock);
	}
}

/* A row that is changed is enough. */
static bool
note_changed(Oid tab, ItemPointer tid, bool unchanged, void *arg)
{
	*(bool *) arg &= unchanged;
	return unchanged;
}

/* Is each of them unchanged? */
bool
seen_rows_unchanged(SeenRows *rows, TransactionId xmin, const SeenFiles *files)
{
	XLogRecPtr now = GetXLogInsertRecPtr();
	bool unchanged = true;

	look_at_rows(rows, xmin, files, rows->looked_at, note_changed, &unchanged);
	rows->looked_at = unchanged ? now : InvalidXLogRecPtr;
	return unchanged;
}

/* Where rows are sorted. */
typedef struct Sorting
{
	RowSet *unchanged;
	RowSet *others;
} Sorting;

/* Add a row. */
static bool
sort_row(Oid tab, ItemPointer tid, bool unchanged, void *arg)
{
	Sorting *sorting = arg;

	(void) row_set_add_tid(unchanged ? sorting->unchanged : sorting->others, tab, tid);
	return true;
}

/* Sort the rows of a set. */
void
seen_rows_sort_out(RowSet *set, TransactionId xmin, const SeenFiles *files, RowSet *unchanged,
				   RowSet *others)
{
	Sorting sorting = {unchanged, others};
	SeenRows *rows = seen_rows_make(set, NULL);

	look_at_rows(rows, xmin, files, InvalidXLogRecPtr, sort_row, &sorting);
	pfree(rows->pages);
	pfree(rows);
}
