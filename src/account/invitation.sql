
-- invitations -------------------------------------------------------------------------------------

-- Dumped: they are the application's data.
CREATE TABLE account.invitation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    role text NOT NULL,
    tenant_id text,
    grants jsonb NOT NULL,
    invited_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by text
);
-- by these it is looked for when a user is removed
CREATE INDEX invitation_accepted_by_idx ON account.invitation (accepted_by);
CREATE INDEX invitation_invited_by_idx ON account.invitation (invited_by);
CREATE INDEX invitation_email_idx ON account.invitation (pg_catalog.lower(email));
REVOKE ALL ON account.invitation FROM PUBLIC;
REVOKE ALL ON SEQUENCE account.invitation_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.invitation', '');
SELECT pg_catalog.pg_extension_config_dump('account.invitation_id_seq', '');
COMMENT ON TABLE account.invitation IS
'Invitations, open ones and used ones. Written by account.invite and account.accept_invitation; '
'the owner of the extension may delete rows, which takes an invitation back.';
COMMENT ON COLUMN account.invitation.tenant_id IS 'The tenant the invitation is into; NULL: none.';
COMMENT ON COLUMN account.invitation.grants IS
'Columns of the profile that it sets, with their values.';
COMMENT ON COLUMN account.invitation.invited_by IS 'The id of the user that made it.';
COMMENT ON COLUMN account.invitation.accepted_by IS
'The id of the user that used it; NULL: nobody has.';

-- By what a token is recognised. Not dumped, and shut to pg_read_all_data, as keys and sessions
-- are: links that were sent work in this database alone.
CREATE TABLE account.invitation_token (
    invitation_id bigint PRIMARY KEY REFERENCES account.invitation ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE
);
REVOKE ALL ON account.invitation_token FROM PUBLIC;
ALTER TABLE account.invitation_token ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE account.invitation_token IS
'Hashes of the tokens of invitations: SHA-256 of the token''s 32 bytes.';

CREATE FUNCTION account.invite(email text, role text, tenant text DEFAULT NULL,
        ttl interval DEFAULT '7 days',
        grants jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'invite' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.invite(text, text, text, interval, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.invite(text, text, text, interval, jsonb) IS
'Invites whoever has this email, for staff; returns the token, which is not stored and not shown '
'again. role: for the profile. tenant: slug or id; NULL: the caller''s own, the only one that '
'staff may name. grants: columns of the profile and their values; none of a key, of row security '
'or of the account. The invitation is void once its maker could not make it any more. Errors: '
'PT401 without an identity, PT403 (no staff, another or an inactive tenant, a column that cannot '
'be granted), PT404 for an unknown tenant, 22023 for a malformed email, role, ttl, grants or '
'value; a WARNING for grants without column.';

CREATE FUNCTION account.accept_invitation(token text) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'accept_invitation' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.accept_invitation(text) FROM PUBLIC;
COMMENT ON FUNCTION account.accept_invitation(text) IS
'Accepts an invitation, once: sets role and grants of the profile of the user that asks, whose '
'email must be the invited one (without case). A user without tenant joins the invitation''s, '
'which ends its sessions. Returns {"status": true, "message", "user_id", "role", "tenant_id", '
'"grants", "joined"}. Errors: PT401 without an identity; PT404 for an unknown, expired or void '
'invitation; PT403 for another email, a user of another tenant, an inactive tenant or one''s own '
'invitation; PT409 for a used one; 22023 for a grant that its column cannot hold; a WARNING for '
'grants without column.';
