
-- registration ------------------------------------------------------------------------------------

CREATE FUNCTION account.register(email text, password text, username text DEFAULT NULL,
        tenant text DEFAULT NULL, profile jsonb DEFAULT '{}')
    RETURNS TABLE (user_id text, email text, username text, tenant_id text)
    AS 'MODULE_PATHNAME', 'register_user' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
REVOKE ALL ON FUNCTION account.register(text, text, text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION account.register(text, text, text, text, jsonb) IS
'Makes a user with its profile, both or neither; returns the user. email: compared without case. '
'password: hashed. username: where it is mandatory and NULL, the email. tenant: slug or id. '
'profile: columns of the profile row; unknown ones are a WARNING, the mapped role must be one of '
'pgaccount.registration_roles, and what staff may not grant (columns of keys, of soft delete, of '
'row security, of what makes an account) is refused. Errors: 22023 for a malformed email, username '
'or value and for a short password; 23505, with constraint, table and column, for an email or '
'username of a live user; PT403 for a role, a column that is refused, or an inactive tenant; PT404 '
'for an unknown tenant; 55000 where no tables are mapped, a tenant is named and users have none, '
'or a mandatory column has no value.';
