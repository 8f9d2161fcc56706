/*
 * extension.h
 *		The tables of the extension and their owners, its functions and triggers.
 */
#ifndef PGACCOUNT_EXTENSION_H
#define PGACCOUNT_EXTENSION_H

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

#include "run_as.h"

/*
 * A table of the extension by its name, opened; NULL: the extension is not (or no more) installed.
 */
extern Relation own_table_open(const char *name, LOCKMODE lock);

/* The same; raises 55000 in place of NULL. */
extern Relation own_table_require(const char *name, LOCKMODE lock);

/* Act as the owner of such a table until run_as_end(). */
extern RoleState run_as_owner(const char *name);

/*
 * OID of a function of ours in schema account, written in C, without arguments or with these; else
 * InvalidOid.
 */
extern Oid account_function(const char *name);
extern Oid account_function_of(const char *name, int nargs, const Oid *argtypes);

/* Raise unless a function of ours, of this name, is called as a trigger. */
extern struct TriggerData *called_as_trigger(FunctionCallInfo fcinfo, const char *function);

/* The same of an event trigger. */
extern struct EventTriggerData *called_as_event_trigger(FunctionCallInfo fcinfo,
														const char *function);

/*
 * Call this for each trigger, of whatever table, that has a function of the extension and
 * arguments. They are what whoever owns the table has written. The table is open and locked; the
 * trigger is a copy.
 */
struct Trigger;
typedef void (*OwnTriggerCallback)(Oid relid, const struct Trigger *trigger, void *arg);
extern void own_triggers_with_arguments(const char *function, OwnTriggerCallback callback,
										void *arg);

/* The tables that have a trigger of a function of ours by themselves: partitions have clones. */
extern List *tables_with_own_trigger(const char *function);

/*
 * Name of a trigger of the table, not cloned from another, that calls this function of ours; of a
 * constraint trigger, if referenced is given, FROM that table. NULL: it has none. palloc'd.
 */
extern char *own_trigger(Oid relid, const char *function, Oid referenced);

#endif /* PGACCOUNT_EXTENSION_H */
