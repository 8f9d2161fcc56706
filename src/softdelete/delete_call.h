/*
 * delete_call.h
 *		DELETE statements on soft-delete tables, measured as the operation "soft_delete".
 */
#ifndef PGACCOUNT_DELETE_CALL_H
#define PGACCOUNT_DELETE_CALL_H

#include "executor/execdesc.h"

/* A statement was started: follow it if it is a rewritten DELETE. */
extern void delete_call_start(QueryDesc *desc);

/*
 * Is the statement followed? Then delete_call_enter() is due before what it does, and after that
 * delete_call_leave(), or delete_call_fail() where it raised. last: the statement is done with it.
 */
extern bool delete_call_follows(QueryDesc *desc);

/* The name of the table that it deletes from, if that holds secrets; else NULL. */
extern const char *delete_call_secret(QueryDesc *desc);
extern void delete_call_enter(QueryDesc *desc);
extern void delete_call_leave(QueryDesc *desc, bool last);
extern void delete_call_fail(QueryDesc *desc);

#endif /* PGACCOUNT_DELETE_CALL_H */
