/*
 * joint_delete.h
 *		Rows of several tables that are deleted as one.
 */
#ifndef PGACCOUNT_JOINT_DELETE_H
#define PGACCOUNT_JOINT_DELETE_H

/* Rows of a soft-delete table: SQL of a condition on `t`, and its parameters. */
typedef struct DeleteRows
{
	Oid relid;
	const char *condition;
	int n;
	Oid *types; /* with room for one more, */
	Datum *values;
	uint64 deleted; /* how many rows were */
} DeleteRows;

/*
 * Delete live rows of soft-delete tables, as the tables' owners, one table after the other, then
 * what follows them: as one statement would. What is asked whether it may be deleted is asked when
 * all of them are. They see what was committed till now; above READ COMMITTED a row that the
 * transaction does not see is 40001. Raises 27000 where a trigger keeps a row live.
 */
extern void delete_together(DeleteRows *rows, int n);

#endif /* PGACCOUNT_JOINT_DELETE_H */
