
-- applications for a role -------------------------------------------------------------------------

-- Dumped: they are the application's data.
CREATE TABLE account.role_application (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    tenant_id text,
    role text NOT NULL,
    note text,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    reviewed_at timestamptz,
    reviewed_by text,
    approved boolean,
    review_note text,
    grants jsonb
);
CREATE UNIQUE INDEX role_application_open_key ON account.role_application (user_id, role)
    WHERE reviewed_at IS NULL;
CREATE INDEX role_application_user_id_idx ON account.role_application (user_id);
REVOKE ALL ON account.role_application FROM PUBLIC;
REVOKE ALL ON SEQUENCE account.role_application_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.role_application', '');
SELECT pg_catalog.pg_extension_config_dump('account.role_application_id_seq', '');
COMMENT ON TABLE account.role_application IS
'Applications of users for a role, open ones and reviewed ones. Written by account.apply_for_role '
'and account.review_application.';
COMMENT ON COLUMN account.role_application.tenant_id IS 'The user''s tenant when it applied.';
COMMENT ON COLUMN account.role_application.reviewed_at IS
'NULL: open; a user has one open application for a role.';
COMMENT ON COLUMN account.role_application.grants IS
'Columns of the profile that the approval has set.';

CREATE FUNCTION account.apply_for_role(role text, note text DEFAULT NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'apply_for_role' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.apply_for_role(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.apply_for_role(text, text) IS
'The user that asks applies for a role; returns the id of the application, for staff to review. '
'note: at most 2000 characters. Errors: PT401 without an identity, PT409 while an application for '
'that role is open, 22023 for a malformed role or a long note.';

CREATE FUNCTION account.review_application(application_id bigint, approve boolean,
        note text DEFAULT NULL,
        grants jsonb DEFAULT '{}') RETURNS jsonb
    AS 'MODULE_PATHNAME', 'review_application' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.review_application(bigint, boolean, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.review_application(bigint, boolean, text, jsonb) IS
'Approves or rejects an application, once, for staff; never for who made it. Approving sets the '
'role and the grants of the profile: columns and their values, none of a key, of row security or '
'of the account. Returns {"status": true, "message", "application_id", "user_id", "role", '
'"approved", "grants"}. Errors: PT401 without an identity; PT403 (no staff, a user of another '
'tenant, one''s own application, a column that cannot be granted); PT404 for an unknown '
'application or a user that is deleted; PT409 for one that is reviewed; 22023 for a NULL approve '
'and for malformed grants; a WARNING for grants without column.';
