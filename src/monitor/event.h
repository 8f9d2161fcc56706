/*
 * event.h
 *		The record of what happened: table account.event.
 */
#ifndef PGACCOUNT_EVENT_H
#define PGACCOUNT_EVENT_H

#include "utils/inet.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/*
 * Types of events. The trigger of the mapped users table records those of users' rows; see
 * user_changes.c.
 */
#define EVENT_USER_REGISTERED     "user_registered"
#define EVENT_USER_DELETED        "user_deleted"
#define EVENT_USER_RESTORED       "user_restored"
#define EVENT_USER_PURGED         "user_purged"
#define EVENT_PASSWORD_CHANGED    "password_changed"
#define EVENT_LOGIN_SUCCEEDED     "login_succeeded"
#define EVENT_LOGIN_FAILED        "login_failed"
#define EVENT_TOKEN_REFRESHED     "token_refreshed"
#define EVENT_TOKEN_REUSED        "token_reused"
#define EVENT_SESSIONS_REVOKED    "sessions_revoked"
#define EVENT_INVITATION_CREATED  "invitation_created"
#define EVENT_INVITATION_ACCEPTED "invitation_accepted"
#define EVENT_INVITATION_REVOKED  "invitation_revoked"
#define EVENT_TENANT_SWITCHED     "tenant_switched"
#define EVENT_MEMBER_ROLE_SET     "member_role_set"
#define EVENT_MEMBER_REMOVED      "member_removed"
#define EVENT_OWNERSHIP_MOVED     "ownership_transferred"
#define EVENT_ROLE_APPLIED        "role_applied"
#define EVENT_ROLE_APPROVED       "role_approved"
#define EVENT_ROLE_REJECTED       "role_rejected"
#define EVENT_TENANT_DELETED      "tenant_deleted"
#define EVENT_TENANT_RESTORED     "tenant_restored"
#define EVENT_CLEANUP_DONE        "cleanup_done"
#define EVENT_KEY_CREATED         "key_created"
#define EVENT_KEY_ACTIVATED       "key_activated"
#define EVENT_KEY_RETIRED         "key_retired"
#define EVENT_USER_ERASED         "user_erased"
#define EVENT_HOLD_PLACED         "hold_placed"
#define EVENT_HOLD_RELEASED       "hold_released"
#define EVENT_OPERATION_FAILED    "operation_failed"

/* Those of 1.1. */
#define EVENT_PASSWORD_RESET_REQUESTED "password_reset_requested"
#define EVENT_EMAIL_CHANGE_REQUESTED   "email_change_requested"
#define EVENT_EMAIL_CHANGED            "email_changed"
#define EVENT_EMAIL_VERIFIED           "email_verified"
#define EVENT_DELETION_REQUESTED       "deletion_requested"

/* An event as it is written. NULL and 0: not known. */
typedef struct Event
{
	const char *type;
	bool failure;
	TimestampTz at; /* 0: now */
	const char *actor;
	const char *subject;
	const char *tenant_id;
	inet *ip;
	double duration_ms; /* below 0: not known */
	const char *error_code;
	Jsonb *detail;
} Event;

/*
 * Record a success in the transaction that did it. subject (whom it is about) and tenant_id may be
 * NULL. detail: a JSON object, see event_detail(), or NULL. Nothing is recorded with
 * pgaccount.log_events off.
 *
 * user_deleted, user_restored and user_purged of the mapped users table are recorded by its
 * trigger, for every statement that does it, ours too: do not record them; give the reason by
 * event_reason().
 */
extern void event_success(const char *type, const char *subject, const char *tenant_id,
						  Jsonb *detail);

/*
 * A refusal that is data (login, refresh): recorded by the transaction like a success, as a
 * failure.
 */
extern void event_refusal(const char *type, const char *subject, const char *tenant_id,
						  const char *error_code, Jsonb *detail);

/*
 * The same with an address that the caller was given, in place of the connection's; ip may be NULL.
 */
extern void event_success_from(inet *ip, const char *type, const char *subject,
							   const char *tenant_id, Jsonb *detail);
extern void event_refusal_from(inet *ip, const char *type, const char *subject,
							   const char *tenant_id, const char *error_code, Jsonb *detail);

/*
 * A JSON object of strings: name, value, ..., ended by a name of NULL, which the macro adds. A
 * value that is NULL is null.
 */
extern Jsonb *event_detail_of(const char *name, ...);

#define event_detail(...) event_detail_of(__VA_ARGS__, (const char *) NULL)

/* The same piece by piece: *state begins as NULL. */
extern void detail_text(JsonbBuild *state, const char *name, const char *value);
extern void detail_number(JsonbBuild *state, const char *name, int64 value);
extern void detail_bool(JsonbBuild *state, const char *name, bool value);
extern void detail_time(JsonbBuild *state, const char *name, TimestampTz value);
extern void detail_json(JsonbBuild *state, const char *name, const Jsonb *value);
extern Jsonb *detail_end(JsonbBuild *state);

/*
 * Why users are being deleted or restored, for the events that the trigger records. For the
 * statement that the caller runs next: call event_reason(NULL) after it, on every path. An error,
 * too, ends it.
 */
extern void event_reason(const char *reason);

/* The reason given, or NULL. */
extern const char *event_reason_given(void);

/*
 * What the detail of an event says besides: the settings, which anybody may set, that its actor and
 * ip come from, and who acts as its actor. NULL: none.
 */
typedef struct EventMarks
{
	const char *actor; /* see actor_for_record() */
	const char *ip;    /* see client_ip() */
	const char *act;   /* who acts as the verified actor: verified, too */
} EventMarks;

/* Fill in what all events of this moment have: actor, ip, duration. */
extern void event_fill(Event *event, EventMarks *marks);

/* Members of a detail that say so, if there is anything to say. */
extern void detail_marks(JsonbBuild *state, const EventMarks *marks);

/* What writes several events. */
typedef struct EventWriter EventWriter;

/* Open the table; NULL: the extension was dropped. To be closed in the same subtransaction. */
extern EventWriter *event_writer_open(void);
extern int64 event_writer_put(EventWriter *writer, const Event *event);
extern void event_writer_close(EventWriter *writer);

/* Notify listeners of these events of one type, where pgaccount.notify is on. */
extern void event_notify(const char *type, const int64 *ids, int n);

/*
 * Remove the oldest events of this database that are older than pgaccount.event_retention, a batch
 * of them; returns how many. 0: there are no more.
 */
extern uint64 event_prune_batch(void);

/*
 * Take the emails and names of users, of these ids, out of what was recorded of them. Texts may be
 * NULL.
 */
extern void event_forget(char **ids, char **emails, char **names, int n);

extern void event_init(void);

#endif /* PGACCOUNT_EVENT_H */
