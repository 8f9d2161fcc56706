/*
 * run_as.h
 *		Acting as another role, so that nobody's code runs with rights that are not its own.
 */
#ifndef PGACCOUNT_RUN_AS_H
#define PGACCOUNT_RUN_AS_H

/* What to return to; see run_as(). */
typedef struct RoleState
{
	Oid userid;
	int sec_context;
	int guc_level;    /* where the settings that are made meanwhile end; 0: with the call around */
	const char *path; /* the search_path before; the server keeps it till then */
} RoleState;

/*
 * Act as role until run_as_end(): under the search_path which that role would have in a session of
 * its own, with pg_temp last; with FORCE ROW LEVEL SECURITY not applied, as the server's own
 * referential actions have it; what is set meanwhile ends with run_as_end(). Code that runs as
 * another role than the caller cannot change the session: see run_as_refuse_utility() and
 * run_as_refuse_object(). Calls nest; run_as_end() comes in the reverse order. An error restores
 * all of it by the end of its (sub)transaction, so no PG_TRY is needed.
 */
extern RoleState run_as(Oid role);
extern void run_as_end(RoleState saved);

/*
 * The same under the search_path that is: where all that runs is the server's own code, which looks
 * no name up. To set a search_path and give it back is a twentieth of what making a profile takes.
 */
extern RoleState run_as_for_server_code(Oid role);

/* The same without another role, where the caller's own privileges and policies decide. */
extern RoleState run_as_self(void);

/*
 * Act as the owner of a table to read it, where the caller may read all of it; else as the caller,
 * whose policies and privileges decide. Planning runs functions that are in the table's indexes.
 * The same of two tables: as the owner of one who may read the other.
 */
extern RoleState run_as_reader(Oid relid);
extern RoleState run_as_reader_of(Oid relid, Oid other);

/*
 * Within run_as(), whose result is given: act as who called for a moment, and under the search_path
 * of then.
 */
extern RoleState run_as_caller(const RoleState *caller);

/* Does code run here as another role than whoever called? */
extern bool run_as_other(void);

/* Is it run_as() that says as whom, and not the caller? */
extern bool run_as_acts(void);

/*
 * Look names up in pg_catalog alone until names_end(): where our own texts are parsed, and
 * expressions deparsed. Nobody's code may run meanwhile. An error undoes it.
 */
extern int names_begin(void);
extern int path_begin(const char *path); /* another search_path, the same way */
extern void names_end(int level);

struct Node;
struct PlannedStmt;
struct QueryDesc;

/*
 * Refuse (42501) what would leave something behind in the session of somebody else: a utility
 * statement (PREPARE, LISTEN, cursors, DISCARD ...), or an object made in the session's temporary
 * schema.
 */
extern void run_as_refuse_utility(struct Node *statement);
extern void run_as_refuse_object(Oid class_id, Oid object_id);
extern void run_as_refuse_function(Oid function);

/* The same for a statement that reads or writes a temporary table or view of somebody else. */
extern void run_as_refuse_temporary(const struct PlannedStmt *statement);

/*
 * The same for going on with a statement that somebody else has started, such as a cursor of the
 * session's. The first is a flag for ExecutorStart(), from which the second reads it.
 */
extern int run_as_started(void);
extern void run_as_refuse_cursor(struct QueryDesc *desc);

/* Settings of a role or database have changed in this transaction: search_paths are read anew. */
extern void run_as_settings_changed(void);

#endif /* PGACCOUNT_RUN_AS_H */
