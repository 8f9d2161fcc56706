
-- sessions ----------------------------------------------------------------------------------------

-- A switch to another tenant is a heap-only update: no index says in which a session is. Sessions
-- of a tenant are found by its users.
DROP INDEX account.session_tenant_id_idx;

-- Who really acts, where a session is opened for somebody else.
ALTER TABLE account.session ADD COLUMN actor text;
COMMENT ON COLUMN account.session.actor IS
'Who acts as the user in this session, the claim act of its tokens; NULL: the user itself.';

-- When sessions were used, written once a minute. Apart from the sessions, whose rows must be free
-- while a request runs. Not dumped.
CREATE TABLE account.session_use (
    session_id uuid PRIMARY KEY,
    used_at timestamptz NOT NULL
) WITH (fillfactor = 70);
REVOKE ALL ON account.session_use FROM PUBLIC;
-- without policy: shut to pg_read_all_data, too
ALTER TABLE account.session_use ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE account.session_use IS
'When each session was used last, written at most once a minute. Old rows are dropped now and '
'then.';
COMMENT ON COLUMN account.session_use.session_id IS 'The session.';
COMMENT ON COLUMN account.session_use.used_at IS
'When it began, or was used by account.authenticate, to the minute.';

CREATE FUNCTION account.sessions(user_id text DEFAULT NULL)
        RETURNS TABLE (session_id uuid, created_at timestamptz, last_used_at timestamptz, ip inet,
            user_agent text, tenant_id text, is_current boolean)
    AS 'MODULE_PATHNAME', 'sessions' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5;
REVOKE ALL ON FUNCTION account.sessions(text) FROM PUBLIC;
COMMENT ON FUNCTION account.sessions(text) IS
'The sessions of a user that have neither ended nor expired, the one used last first; for the '
'user itself (NULL) or staff. last_used_at: to the minute, by authenticate or refresh; on a '
'standby, in read-only and in SERIALIZABLE transactions authenticate does not tell. is_current: '
'the session of the identity. Errors: PT401 without an identity, PT403, PT404 for an unknown user '
'or what is no id, 55000 where no tables are mapped.';

CREATE FUNCTION account.sessions(user_id "any")
        RETURNS TABLE (session_id uuid, created_at timestamptz, last_used_at timestamptz, ip inet,
            user_agent text, tenant_id text, is_current boolean)
    AS 'MODULE_PATHNAME', 'sessions' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5;
REVOKE ALL ON FUNCTION account.sessions("any") FROM PUBLIC;
COMMENT ON FUNCTION account.sessions("any") IS
'account.sessions for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.revoke_session(session_id uuid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'revoke_session' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.revoke_session(uuid) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_session(uuid) IS
'Ends one session, for its user or staff; true if it had not ended. Errors: PT401 without an '
'identity, PT403, PT404 for an unknown session or NULL, 55000 where no tables are mapped.';

COMMENT ON FUNCTION account.issue_tokens(text, inet, text) IS
'Opens a session without a password, for a backend that knows who is asking. Privileged. actor: '
'who really acts, as the user: the id of staff, or what else the backend knows it by, 1 to 128 '
'characters. Tokens of the session then have the claim act, {"sub": actor} (RFC 8693 section '
'4.1), after each refresh too, and events both names. Where the user becomes a superuser '
'meanwhile, calls about accounts with such an identity are PT403. Errors: PT404 for an unknown '
'or deleted user, PT403 for one that is not active or whose tenant is not, and for a superuser '
'(is_superuser) if there is an actor; 22023 for an actor that is no name; 55000 where no tables '
'are mapped or no key signs.';
COMMENT ON FUNCTION account.act_as(text, boolean, text) IS
'Makes a user the identity without a token, for a backend that keeps its own sessions; returns '
'the uid. Privileged. is_local: for this transaction, else for the session, until sign_out or '
'DISCARD ALL; is_local outside a transaction block warns with 25P01, as SET LOCAL does. actor: '
'who really acts, as the user, as for account.issue_tokens. Needs no key. Errors: PT404 for an '
'unknown or deleted user, PT403 for one that is not active or whose tenant is not, and for a '
'superuser if there is an actor; 22023 for an actor that is no name or a NULL is_local; 55000 '
'where no tables are mapped.';
