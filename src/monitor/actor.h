/*
 * actor.h
 *		Who acts.
 */
#ifndef PGACCOUNT_ACTOR_H
#define PGACCOUNT_ACTOR_H

/*
 * Say where the verified identity comes from: a function that returns the uid, or NULL,
 * and one of who acts as that user, or NULL. (The
 * modules of identity stand above those that ask here.)
 */
extern void actor_register(const char *(*verified_uid)(void), const char *(*verified_actor)(void) );

/* Who acts as the verified user, where that is another; else NULL. Good as long as actor_name(). */
extern const char *actor_behind(void);

/* The verified uid, else the role of the session. palloc'd, or good until the identity changes. */
extern const char *actor_name(void);

/*
 * Who acts, for the record: the verified uid; else who request.jwt.claims or
 * pghistory.context_metadata name, with *unverified set to that setting; else the role of the
 * session, as actor_note_session() knew it. palloc'd, or good until the identity changes. Reads no
 * catalog.
 */
extern const char *actor_for_record(const char **unverified);

/*
 * Keep the name of the session's role. A role that is renamed meanwhile keeps its old
 * name.
 */
extern void actor_note_session(void);

/* Is there a verified identity? */
extern bool actor_is_verified(void);

#endif /* PGACCOUNT_ACTOR_H */
