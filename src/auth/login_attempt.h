/*
 * login_attempt.h
 *		Passwords that are tried: counted, so that guessing ends.
 */
#ifndef PGACCOUNT_LOGIN_ATTEMPT_H
#define PGACCOUNT_LOGIN_ATTEMPT_H

#include "model/model.h"
#include "throttle.h"

/* What attempts are counted by. */
typedef struct Attempt
{
	unsigned char login[THROTTLE_KEY_BYTES];
	unsigned char ip[THROTTLE_KEY_BYTES];
	unsigned char login_at_ip[THROTTLE_KEY_BYTES];
	bool has_ip;
	bool known; /* the user has had a session at this address: login_at_ip decides, not login */
	bool has_failures; /* of this login, or of it at this address, that have committed */
} Attempt;

/* Prepare to count an attempt of this user, or of this login where it names none (user is NULL). */
extern void attempt_make(Attempt *attempt, const UserRecord *user, const char *login, Datum ip,
						 bool ip_isnull);

/* May the attempt be made? Then it counts as failed until it is taken back. */
extern bool attempt_begin(Attempt *attempt);

/*
 * Is it the user's password? Takes the same time for all, also for no user (NULL), or one without
 * password. Raises as the verification does; the attempt is then taken back.
 */
extern bool attempt_verify(const Attempt *attempt, const UserRecord *user, text *password);

/* What came of it: it was no failure; it failed, to be remembered at commit; it succeeded. */
extern void attempt_take_back(const Attempt *attempt);
extern void attempt_failed(const Attempt *attempt);
extern void attempt_succeeded(const Attempt *attempt);

/* The user has proved who it is by other means: what failed before is forgotten. */
extern void attempts_forget(const UserRecord *user);

/*
 * What is bounded as attempts are, by a digest of its own: count it, until the end of the window.
 * False: it is one too many, and not counted. Then have it remembered at commit.
 */
extern bool attempt_key_begin(const unsigned char *key);
extern void attempt_keys_note(const unsigned char *const *keys, int n);

#endif /* PGACCOUNT_LOGIN_ATTEMPT_H */
