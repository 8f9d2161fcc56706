/*
 * soft_delete_ddl.h
 *		Puts soft delete on tables.
 */
#ifndef PGACCOUNT_SOFT_DELETE_DDL_H
#define PGACCOUNT_SOFT_DELETE_DDL_H

/* What references a table on delete has changed: its deletions may have to be followed. Within SPI_connect. */
extern void soft_delete_children_changed(Oid parent);

#endif /* PGACCOUNT_SOFT_DELETE_DDL_H */
