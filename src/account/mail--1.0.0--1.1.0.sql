
-- by mail -----------------------------------------------------------------------------------------

CREATE FUNCTION account.request_password_reset(login text, ttl interval DEFAULT '1 hour')
        RETURNS TABLE (email text, token text)
    AS 'MODULE_PATHNAME', 'request_password_reset' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
REVOKE ALL ON FUNCTION account.request_password_reset(text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.request_password_reset(text, interval) IS
'A token by which a user may set a new password, and the email to send it to; it is not stored '
'and not shown again, and takes the place of the one before. login: email or username. No row for '
'who is unknown, several, deleted, not active or without email: in the same time. Answer the '
'client the same in either case. Errors: PT429 after pgaccount.login_max_failures requests in '
'pgaccount.login_window for the login (a user that is asked for by both its names gets no more '
'mails than that, then no row), 22023 for a ttl out of range or NULL, 55000 where no tables are '
'mapped.';

CREATE FUNCTION account.reset_password(token text, password text) RETURNS void
    AS 'MODULE_PATHNAME', 'reset_password' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
REVOKE ALL ON FUNCTION account.reset_password(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.reset_password(text, text) IS
'Sets a new password, once, for who has the token; ends every session of the user, and forgets '
'its failed logins. A token is void once the user has another password or email, or has been '
'deleted or deactivated. Errors: PT404 for an unknown, used, expired or void token, 22023 for a '
'NULL, short or over 4096-byte password (the token stays good), 55000 where no password is '
'mapped.';

CREATE FUNCTION account.change_password("old" text, "new" text) RETURNS void
    AS 'MODULE_PATHNAME', 'change_password' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 200000;
REVOKE ALL ON FUNCTION account.change_password(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.change_password(text, text) IS
'Sets a new password of the user that asks, who gives the present one; ends its sessions but the '
'one that asks. Errors: PT401 without an identity; PT403 for a wrong or missing password; PT429 '
'after too many that were wrong, counted as logins are; 22023 for a NULL, short or over 4096-byte '
'new password; 55000 where no password is mapped.';

CREATE FUNCTION account.request_email_change(user_id text, email text,
        ttl interval DEFAULT '1 day') RETURNS text
    AS 'MODULE_PATHNAME', 'request_email_change' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.request_email_change(text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.request_email_change(text, text, interval) IS
'A token, to be sent to this email, by which it becomes the user''s; for the user itself or '
'staff. The present email: its verification. It is not stored and not shown again, and takes the '
'place of the one before. Whether somebody has the email is not said here. Errors: PT401 without '
'an identity, PT403, PT404 for an unknown user or what is no id, PT429 after '
'pgaccount.login_max_failures requests for the user in pgaccount.login_window, 22023 for a '
'malformed email or a ttl out of range or NULL, 55000 where no tables or no email are mapped.';

CREATE FUNCTION account.request_email_change(user_id "any", email text,
        ttl interval DEFAULT '1 day') RETURNS text
    AS 'MODULE_PATHNAME', 'request_email_change' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.request_email_change("any", text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.request_email_change("any", text, interval) IS
'account.request_email_change for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.confirm_email(token text) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'confirm_email' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.confirm_email(text) FROM PUBLIC;
COMMENT ON FUNCTION account.confirm_email(text) IS
'Gives a user the email that a token was mailed to, once, for who has the token; a username that '
'is the email stays so. Sets email_verified_at where mapped. A token is void once the user has '
'another email, has been deleted or deactivated, or, unless it verifies the present email, has '
'another password. Returns {"status": true, "message", "user_id", "email", "changed"}. Errors: '
'PT404 for an unknown, used, expired or void token; 23505, with constraint, table and column, '
'where another user has the email by now; 55000 where no tables or no email are mapped.';

CREATE FUNCTION account.request_deletion(user_id text, ttl interval DEFAULT '1 day') RETURNS text
    AS 'MODULE_PATHNAME', 'request_deletion' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.request_deletion(text, interval) FROM PUBLIC;
COMMENT ON FUNCTION account.request_deletion(text, interval) IS
'A token, to be sent to the user, by which it deletes itself; for the user itself or staff. It is '
'not stored and not shown again, and takes the place of the one before. Errors: PT401 without an '
'identity, PT403, PT404 for an unknown user or what is no id, PT429 after '
'pgaccount.login_max_failures requests for the user in pgaccount.login_window, 22023 for a ttl '
'out of range or NULL, 55000 where no tables are mapped.';

CREATE FUNCTION account.request_deletion(user_id "any", ttl interval DEFAULT '1 day') RETURNS text
    AS 'MODULE_PATHNAME', 'request_deletion' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.request_deletion("any", interval) FROM PUBLIC;
COMMENT ON FUNCTION account.request_deletion("any", interval) IS
'account.request_deletion for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.confirm_deletion(token text, reason text DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'confirm_deletion' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.confirm_deletion(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.confirm_deletion(text, text) IS
'Deletes a user as account.delete_user does, once, for who has the token that was mailed to it; '
'no identity or password is asked for. reason: for the event, at most 2000 characters. Returns '
'what account.delete_user returns. Errors: PT404 for an unknown, used, expired or void token, '
'22023 for a long reason, and what becomes of protected references there.';

CREATE FUNCTION account.cancel_deletion(login text, password text, ip inet DEFAULT NULL)
        RETURNS account.token_pair
    AS 'MODULE_PATHNAME', 'cancel_deletion' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
REVOKE ALL ON FUNCTION account.cancel_deletion(text, text, inet) FROM PUBLIC;
COMMENT ON FUNCTION account.cancel_deletion(text, text, inet) IS
'Brings a user back that has deleted itself within pgaccount.grace_period, with what was deleted '
'with it, and opens a session, where pgaccount.login_cancels_deletion is on. Anybody else is '
'refused as account.login refuses, by a row and in the same time: 401 invalid_credentials (also '
'where it was not the user that deleted itself, its time is over, or its email or username is '
'taken), 403 account_inactive, 429 too_many_attempts. Commit it: a refusal is remembered. Errors: '
'55000 where no tables are mapped or no key signs.';
