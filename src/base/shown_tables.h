/*
 * shown_tables.h
 *		The setting pgaccount.show_deleted: of which tables deleted rows are shown.
 */
#ifndef PGACCOUNT_SHOWN_TABLES_H
#define PGACCOUNT_SHOWN_TABLES_H

/* Define the setting. */
extern void shown_tables_init(void);

/* Are the deleted rows of all tables shown? */
extern bool shows_all_deleted(void);

/*
 * Are those of this table, by its own name or by that of a table that it is a part of? Within a
 * transaction.
 */
extern bool shows_deleted_of(Oid relid);

#endif /* PGACCOUNT_SHOWN_TABLES_H */
