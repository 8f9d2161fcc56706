/*
 * tid_list.h
 *		Rows of many tables in an order, by their tids, on disk.
 */
#ifndef PGACCOUNT_TID_LIST_H
#define PGACCOUNT_TID_LIST_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "storage/itemptr.h"

typedef struct TidList TidList;

/*
 * An empty list, in the current memory context, which it may outlive transactions with: its file
 * goes with the context.
 */
extern TidList *tid_list_make(void);

/* Append a row, and end the list, in the transaction that made it. */
extern void tid_list_add(TidList *list, Oid tab, ItemPointer tid);
extern void tid_list_end(TidList *list);

/* How many rows it has. */
extern uint64 tid_list_length(const TidList *list);

/* Hand the last n rows to callback, at most so many, the very last one first. */
extern void tid_list_last(TidList *list, uint64 n,
						  void (*callback)(Oid tab, ItemPointer tid, void *arg), void *arg);

/* Take the last n rows off. */
extern void tid_list_cut(TidList *list, uint64 n);

#endif /* PGACCOUNT_TID_LIST_H */
