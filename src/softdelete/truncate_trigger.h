/*
 * truncate_trigger.h
 *		The trigger that refuses TRUNCATE of a soft-delete table.
 */
#ifndef PGACCOUNT_TRUNCATE_TRIGGER_H
#define PGACCOUNT_TRUNCATE_TRIGGER_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

/* Refuse TRUNCATE of a table or partition. As its owner. */
extern void create_truncate_trigger(Oid relid);

/* Write that trigger with arguments, SQL; see policy_note.c. As the table's owner. */
extern void write_truncate_trigger(Oid relid, const char *arguments);

#endif /* PGACCOUNT_TRUNCATE_TRIGGER_H */
