/*
 * soft_delete_ddl.h
 *		Puts soft delete on tables.
 */
#ifndef PGACCOUNT_SOFT_DELETE_DDL_H
#define PGACCOUNT_SOFT_DELETE_DDL_H

/* Follow changes of policies: deletions of the tables may have to be followed. */
extern void soft_delete_ddl_init(void);

#endif /* PGACCOUNT_SOFT_DELETE_DDL_H */
