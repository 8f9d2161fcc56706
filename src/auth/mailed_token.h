/*
 * mailed_token.h
 *		Tokens that an application mails to a user, who proves by them that the mailbox is its own.
 */
#ifndef PGACCOUNT_MAILED_TOKEN_H
#define PGACCOUNT_MAILED_TOKEN_H

#include "fmgr.h"

#include "base/base.h"

/* What a token is for. A user has one open token for each. */
typedef enum MailPurpose
{
	MAIL_PASSWORD_RESET,
	MAIL_EMAIL,
	MAIL_DELETION
} MailPurpose;

/* An open token, as it was read. */
typedef struct MailedToken
{
	char *user_id;
	char *email; /* the one that it confirms; NULL: none */
} MailedToken;

/*
 * Count a request, by a digest of who asks, as attempts to log in are counted: at most
 * pgaccount.login_max_failures in pgaccount.login_window. False: it is one too many. With the
 * library preloaded no ROLLBACK undoes it; mail_requests_note() has it remembered at commit.
 */
extern void mail_request_digest(MailPurpose purpose, bool is_user, const char *name,
								unsigned char *digest);
extern bool mail_request_allowed(const unsigned char *digest);
extern void mail_requests_note(const unsigned char *const *digests, int n);

/* Raise PT429: it is one too many. */
compat_noreturn extern void mail_request_refuse(void);

/* The same for a user, all at once; raises PT429. */
extern void mail_request_of_user(MailPurpose purpose, const char *user_id);

/*
 * Make the token of a user, in place of the one that is open. email: the one that it confirms, or
 * NULL; verifies: it is the user's present one, and a new password leaves the token good. ttl in
 * microseconds. The caller has locked the user's row, against what voids tokens. user_id NULL: what
 * looks the same, and is good for nothing, for this digest.
 */
extern text *mailed_token_make(MailPurpose purpose, const char *user_id, const char *email,
							   bool verifies, int64 ttl, const unsigned char *digest);

/* The open token of this hash (NULL: there is none), not locked. False: none, or expired. */
extern bool mailed_token_find(MailPurpose purpose, bytea *hash, MailedToken *token);

/*
 * Use the token, once. The caller has locked the user's row, as what voids tokens does. False: it
 * is used or void by now.
 */
extern bool mailed_token_use(MailPurpose purpose, bytea *hash);

/*
 * Void the open tokens of users who are not what they were; but_verifying: but those that verify
 * the present email. Harmless where there is no table yet.
 */
extern void mailed_tokens_void(char **user_ids, int n, bool but_verifying);

/* Void all: users are those of another table by now. Returns their number. Within SPI_connect. */
extern uint64 mailed_tokens_void_all(void);

/* Remove some that have expired. */
extern void mailed_tokens_prune(void);

/* Raise PT404: there is no such token, or none any more. */
compat_noreturn extern void mailed_token_unknown(void);

#endif /* PGACCOUNT_MAILED_TOKEN_H */
