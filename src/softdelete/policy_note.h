/*
 * policy_note.h
 *		What is said of the references to a table, noted on the table.
 */
#ifndef PGACCOUNT_POLICY_NOTE_H
#define PGACCOUNT_POLICY_NOTE_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

/*
 * Note what is said of the references to a soft-delete table, or to a partition of one, anew.
 * Within SPI_connect.
 */
extern void note_policies(Oid parent);

#endif /* PGACCOUNT_POLICY_NOTE_H */
