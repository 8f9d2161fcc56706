
-- logins ------------------------------------------------------------------------------------------

CREATE TYPE account.token_pair AS (
    status integer,
    error text,
    access_token text,
    refresh_token text,
    token_type text,
    expires_in integer,
    user_id text,
    tenant_id text
);
GRANT USAGE ON TYPE account.token_pair TO PUBLIC;
COMMENT ON TYPE account.token_pair IS
'Answer of login, refresh and issue_tokens: status 200 with tokens, or 401, 403, 429 with error '
'and none.';

-- Failed logins by keyed digests of user, login and address, for pgaccount.login_window. Not
-- dumped.
CREATE TABLE account.login_failure (
    key bytea NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX login_failure_key_at_idx ON account.login_failure (key, at);
REVOKE ALL ON account.login_failure FROM PUBLIC;
-- without policy: shut to pg_read_all_data, too
ALTER TABLE account.login_failure ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE account.login_failure IS
'Failed logins that count against further ones, by keyed digests. Old rows are dropped now and '
'then.';

-- Where users have had sessions, by keyed digests of user and address, for 30 days. Not dumped. A
-- month and a day are kept: the time is written anew once a day. Nothing is said of it by an index,
-- so that this is a heap-only update.
CREATE TABLE account.known_address (
    key bytea NOT NULL,
    at timestamptz NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX known_address_key_idx ON account.known_address (key);
REVOKE ALL ON account.known_address FROM PUBLIC;
-- without policy: shut to pg_read_all_data, too
ALTER TABLE account.known_address ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE account.known_address IS
'Addresses at which users have had sessions in the last 30 days, by keyed digests: failed logins '
'from elsewhere lock nobody out there. Old rows are dropped now and then.';

CREATE FUNCTION account.login(login text, password text, ip inet DEFAULT NULL,
        user_agent text DEFAULT NULL,
        tenant text DEFAULT NULL) RETURNS account.token_pair
    AS 'MODULE_PATHNAME', 'login' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
REVOKE ALL ON FUNCTION account.login(text, text, inet, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.login(text, text, inet, text, text) IS
'Opens a session: status 200 with tokens; else, as a row, 401 invalid_credentials, 403 '
'account_inactive (right password, user or tenant not active), 429 too_many_attempts '
'(pgaccount.login_max_failures in pgaccount.login_window for the user, login or ip; at an ip where '
'the user has had a session in the last 30 days, for the user at that ip, or the ip). An IPv6 '
'address counts by its /64. login: email or username. tenant: its slug or id decides among several '
'users of that login. Writes last_login where mapped, and a lesser hash anew. Commit it: a refusal '
'is remembered. Errors: 55000 where no tables are mapped or no key signs, or a tenant is named and '
'users have none.';

CREATE FUNCTION account.refresh(refresh_token text, ip inet DEFAULT NULL) RETURNS account.token_pair
    AS 'MODULE_PATHNAME', 'refresh' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.refresh(text, inet) FROM PUBLIC;
COMMENT ON FUNCTION account.refresh(text, inet) IS
'The next tokens of a session: status 200; else, as a row, 401 with token_invalid, token_expired, '
'token_reused (used before pgaccount.refresh_grace ago: ends the session) or session_ended. Within '
'the grace a used token gives its successor again. Commit it: a refusal is remembered. Errors: '
'55000 where no tables are mapped or no key signs.';

CREATE FUNCTION account.logout(refresh_token text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'logout' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.logout(text) FROM PUBLIC;
COMMENT ON FUNCTION account.logout(text) IS
'Ends the session of a refresh token; true if it had not ended. False for NULL and for what is no '
'token of ours.';

CREATE FUNCTION account.revoke_sessions(user_id text, keep_current boolean DEFAULT false)
        RETURNS bigint
    AS 'MODULE_PATHNAME', 'revoke_sessions' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.revoke_sessions(text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_sessions(text, boolean) IS
'Ends the sessions of a user, for the user itself or staff; returns their number. keep_current: '
'all but that of the identity. Errors: PT401 without an identity, PT403, PT404 for an unknown user '
'or what is no id, 22023 for a NULL keep_current.';

CREATE FUNCTION account.revoke_sessions(user_id "any", keep_current boolean DEFAULT false)
        RETURNS bigint
    AS 'MODULE_PATHNAME', 'revoke_sessions' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.revoke_sessions("any", boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_sessions("any", boolean) IS
'account.revoke_sessions for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.set_password(user_id text, password text) RETURNS void
    AS 'MODULE_PATHNAME', 'set_password' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
REVOKE ALL ON FUNCTION account.set_password(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.set_password(text, text) IS
'Sets a password, for the user itself or staff, and ends the user''s sessions but the one that '
'asks. Errors: PT401 without an identity, PT403, PT404 for an unknown user or what is no id; 22023 '
'for a NULL, short or over 4096-byte password; 55000 where no password is mapped.';

CREATE FUNCTION account.set_password(user_id "any", password text) RETURNS void
    AS 'MODULE_PATHNAME', 'set_password' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
REVOKE ALL ON FUNCTION account.set_password("any", text) FROM PUBLIC;
COMMENT ON FUNCTION account.set_password("any", text) IS
'account.set_password for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.issue_tokens(user_id text, ip inet DEFAULT NULL, actor text DEFAULT NULL)
        RETURNS account.token_pair
    AS 'MODULE_PATHNAME', 'issue_tokens' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.issue_tokens(text, inet, text) FROM PUBLIC;
COMMENT ON FUNCTION account.issue_tokens(text, inet, text) IS
'Opens a session without a password, for a backend that knows who is asking. Privileged. actor: '
'for a later release, 0A000. Errors: PT404 for an unknown or deleted user, PT403 for one that is '
'not active or whose tenant is not, 55000 where no tables are mapped or no key signs.';

CREATE FUNCTION account.issue_tokens(user_id "any", ip inet DEFAULT NULL, actor text DEFAULT NULL)
        RETURNS account.token_pair
    AS 'MODULE_PATHNAME', 'issue_tokens' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.issue_tokens("any", inet, text) FROM PUBLIC;
COMMENT ON FUNCTION account.issue_tokens("any", inet, text) IS
'account.issue_tokens for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.issue_access_token(user_id text, ttl interval DEFAULT NULL,
        extra jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'issue_access_token' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.issue_access_token(text, interval, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.issue_access_token(text, interval, jsonb) IS
'An access token without a session. Privileged. ttl NULL: pgaccount.access_token_ttl. extra: '
'further claims. Errors: PT404 and PT403 as issue_tokens; 22023 for a reserved claim or a lifetime '
'out of range; 55000 where no tables are mapped or no key signs.';

CREATE FUNCTION account.issue_access_token(user_id "any", ttl interval DEFAULT NULL,
        extra jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'issue_access_token' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.issue_access_token("any", interval, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.issue_access_token("any", interval, jsonb) IS
'account.issue_access_token for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.act_as(user_id text, is_local boolean DEFAULT true, actor text DEFAULT NULL)
        RETURNS text
    AS 'MODULE_PATHNAME', 'act_as' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.act_as(text, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION account.act_as(text, boolean, text) IS
'Makes a user the identity without a token, for a backend that keeps its own sessions; returns the '
'uid. Privileged. is_local: for this transaction, else for the session, until sign_out or DISCARD '
'ALL; is_local outside a transaction block warns with 25P01, as SET LOCAL does. actor: for a later '
'release, 0A000. Needs no key. Errors: PT404 for an unknown or deleted user, PT403 for one that is '
'not active or whose tenant is not, 55000 where no tables are mapped, 22023 for NULL is_local.';

CREATE FUNCTION account.act_as(user_id "any", is_local boolean DEFAULT true,
        actor text DEFAULT NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'act_as' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.act_as("any", boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION account.act_as("any", boolean, text) IS
'account.act_as for an id given as a value of the key''s type. Errors: the same.';
