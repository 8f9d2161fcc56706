/*
 * tid_list.c
 *		Rows of many tables in an order, by their tids, on disk.
 *
 * A row takes eight bytes: the number of its table, and its tid. The list is written once and read
 * from its end, so ten million rows need no more memory than ten.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/buffile.h"

#include "tid_list.h"

/* Rows that are read at once. */
#define READ_ROWS 1024

typedef struct TidEntry
{
	uint16 tab; /* number in tabs */
	ItemPointerData tid;
} TidEntry;

struct TidList
{
	BufFile *file;
	uint64 n;
	Oid *tabs;
	int ntabs;
	int allocated;
	int last_tab;
	MemoryContextCallback at_end;
};

/* The memory of a list goes: so does its file. */
static void
close_file(void *arg)
{
	BufFileClose(((TidList *) arg)->file);
}

/* An empty list. */
TidList *
tid_list_make(void)
{
	TidList *list = palloc0(sizeof(TidList));

	list->allocated = 16;
	list->tabs = palloc(list->allocated * sizeof(Oid));
	list->file = BufFileCreateTemp(true);
	list->at_end.func = close_file;
	list->at_end.arg = list;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &list->at_end);
	return list;
}

/* The number of a table. */
static int
tab_number(TidList *list, Oid tab)
{
	if (list->ntabs > 0 && list->tabs[list->last_tab] == tab)
		return list->last_tab;
	for (int i = 0; i < list->ntabs; i++)
		if (list->tabs[i] == tab)
			return list->last_tab = i;
	if (list->ntabs > PG_UINT16_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("rows of more than %d tables go at once", PG_UINT16_MAX + 1),
						errdetail("Rows are remembered by the number of their table."),
						errhint("Remove the rows of some partitions first.")));
	if (list->ntabs == list->allocated)
	{
		list->allocated *= 2;
		list->tabs = repalloc(list->tabs, list->allocated * sizeof(Oid));
	}
	list->tabs[list->ntabs] = tab;
	return list->last_tab = list->ntabs++;
}

/* Append a row. */
void
tid_list_add(TidList *list, Oid tab, ItemPointer tid)
{
	TidEntry entry = {.tab = (uint16) tab_number(list, tab), .tid = *tid};

	BufFileWrite(list->file, &entry, sizeof(entry));
	list->n++;
}

/* No more rows come: what is in memory is written while the file's owner is there. */
void
tid_list_end(TidList *list)
{
	(void) BufFileSeek(list->file, 0, 0, SEEK_SET);
}

/* How many rows it has. */
uint64
tid_list_length(const TidList *list)
{
	return list->n;
}

/* Hand the last rows to callback. */
void
tid_list_last(TidList *list, uint64 n, void (*callback)(Oid tab, ItemPointer tid, void *arg),
			  void *arg)
{
	TidEntry entries[READ_ROWS];
	uint64 end = list->n;
	uint64 stop = list->n - Min(n, list->n);

	while (end > stop)
	{
		uint64 count = Min(end - stop, READ_ROWS);

		CHECK_FOR_INTERRUPTS();
		end -= count;
		if (BufFileSeek(list->file, 0, (off_t) (end * sizeof(TidEntry)), SEEK_SET) != 0 ||
			BufFileRead(list->file, entries, count * sizeof(TidEntry)) != count * sizeof(TidEntry))
			ereport(ERROR, (errcode_for_file_access(),
							errmsg("could not read the list of rows to remove: %m")));
		for (uint64 i = count; i > 0; i--)
			callback(list->tabs[entries[i - 1].tab], &entries[i - 1].tid, arg);
	}
}

/* Take the last rows off. */
void
tid_list_cut(TidList *list, uint64 n)
{
	list->n -= Min(n, list->n);
}
