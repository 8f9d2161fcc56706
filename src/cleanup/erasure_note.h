/*
 * erasure_note.h
 *		What is said of the erasure of a table, noted on the table.
 */
#ifndef PGACCOUNT_ERASURE_NOTE_H
#define PGACCOUNT_ERASURE_NOTE_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

/*
 * Note what is said of the erasure of a table's columns, and of its purges, anew; ShareRowExclusive
 * is held, and more is taken where nothing is said any more. Within SPI_connect.
 */
extern void note_erasure(Oid relid);

#endif /* PGACCOUNT_ERASURE_NOTE_H */
