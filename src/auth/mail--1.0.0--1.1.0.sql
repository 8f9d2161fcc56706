
-- tokens that are mailed --------------------------------------------------------------------------

-- One open token for a user and a purpose; of nobody where somebody was asked for who is not there.
-- By what they are recognised is not dumped: links that were sent work in this database alone.
CREATE TABLE account.mailed_token (
    token_hash bytea PRIMARY KEY,
    user_id text NOT NULL,
    purpose text NOT NULL,
    email text,
    verifies boolean NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (user_id, purpose)
);
CREATE INDEX mailed_token_expires_at_idx ON account.mailed_token (expires_at);
REVOKE ALL ON account.mailed_token FROM PUBLIC;
-- without policy: shut to pg_read_all_data, too
ALTER TABLE account.mailed_token ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE account.mailed_token IS
'Open tokens that were mailed, by the SHA-256 of their 32 bytes. Rows go when a token is used, '
'void or has expired.';
COMMENT ON COLUMN account.mailed_token.token_hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN account.mailed_token.user_id IS 'Whose it is.';
COMMENT ON COLUMN account.mailed_token.purpose IS 'What it is for.';
COMMENT ON COLUMN account.mailed_token.email IS 'The email that it was made for.';
COMMENT ON COLUMN account.mailed_token.verifies IS 'Does it verify the present email?';
COMMENT ON COLUMN account.mailed_token.created_at IS 'When it was made.';
COMMENT ON COLUMN account.mailed_token.expires_at IS 'When it ends, if nobody uses it.';
COMMENT ON COLUMN account.mailed_token.purpose IS
'password_reset, email or deletion; nobody: of a request for who is not there.';
COMMENT ON COLUMN account.mailed_token.email IS 'The email that the token confirms.';
COMMENT ON COLUMN account.mailed_token.verifies IS
'The email is the user''s present one: a new password leaves the token good.';
COMMENT ON TABLE account.login_failure IS
'Failed logins, and requests for mails, that count against further ones, by keyed digests. Old '
'rows are dropped now and then.';

-- Who has deleted itself, and may take that back.
CREATE TABLE account.own_deletion (
    user_id text PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
CREATE INDEX own_deletion_deleted_at_idx ON account.own_deletion (deleted_at);
REVOKE ALL ON account.own_deletion FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.own_deletion', '');
COMMENT ON TABLE account.own_deletion IS
'Users who have deleted themselves, as long as nothing else has become of them: '
'account.cancel_deletion brings them back.';
COMMENT ON COLUMN account.own_deletion.user_id IS 'Who has deleted itself.';
COMMENT ON COLUMN account.own_deletion.deleted_at IS 'When that was.';
