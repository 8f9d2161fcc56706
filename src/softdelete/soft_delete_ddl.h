/*
 * soft_delete_ddl.h
 *		Puts soft delete on tables.
 */
#ifndef PGACCOUNT_SOFT_DELETE_DDL_H
#define PGACCOUNT_SOFT_DELETE_DDL_H

/* Follow changes of policies: deletions of the tables may have to be followed. */
extern void soft_delete_ddl_init(void);

/* Have the two columns say the same of each row; returns the rows that are deleted only since. */
extern uint64 bring_in_sync(Oid relid, const char *deleted_at, const char *flag);

#endif /* PGACCOUNT_SOFT_DELETE_DDL_H */
