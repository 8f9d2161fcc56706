
CREATE FUNCTION account.switch_tenant(refresh_token text, tenant text, ip inet DEFAULT NULL)
        RETURNS account.token_pair
    AS 'MODULE_PATHNAME', 'switch_tenant' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.switch_tenant(text, text, inet) FROM PUBLIC;
COMMENT ON FUNCTION account.switch_tenant(text, text, inet) IS
'The next tokens of a session, in another tenant of the user''s (slug or id): status 200; else, as '
'a row, 401 as account.refresh, or 403 not_a_member, which leaves the refresh token unused. '
'Earlier access tokens stay valid. Commit it: a refusal is remembered. Errors: 22023 for a NULL '
'tenant, 55000 where no members are mapped or no key signs.';

CREATE FUNCTION account.tenant_role() RETURNS text
    AS 'MODULE_PATHNAME', 'tenant_role' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.tenant_role() TO PUBLIC;
COMMENT ON FUNCTION account.tenant_role() IS
'The identity''s role in its tenant (claim tenant_role), NULL without one. account.authenticate '
'takes it from the membership as it is. No database role.';

CREATE FUNCTION account.has_tenant_role(VARIADIC roles text[]) RETURNS boolean
    AS 'MODULE_PATHNAME', 'has_tenant_role' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.has_tenant_role(text[]) TO PUBLIC;
COMMENT ON FUNCTION account.has_tenant_role(text[]) IS
'Is the identity''s role in its tenant one of these? False without an identity or role, and for '
'NULL.';

COMMENT ON FUNCTION account.end_sessions() IS
'Trigger of the mapped users, tenants and members tables: ends the sessions of a user that is '
'deleted, deactivated, moved to another tenant or given another password, those of a tenant that '
'is deleted or deactivated, and those in a tenant of a user that is no active member of it any '
'more; after TRUNCATE all that might be such. Records users that are deleted, restored or removed. '
'Created by account.use_tables.';

COMMENT ON FUNCTION account.login(text, text, inet, text, text) IS
'Opens a session: status 200 with tokens; else, as a row, 401 invalid_credentials, 403 '
'account_inactive (right password, user or tenant not active), 403 not_a_member (right password, '
'the user is no active member of the named tenant), 429 too_many_attempts '
'(pgaccount.login_max_failures in pgaccount.login_window for the user, login or ip; at an ip where '
'the user has had a session in the last 30 days, for the user at that ip, or the ip). An IPv6 '
'address counts by its /64. login: email or username. tenant: its slug or id decides among several '
'users of that login; where members are mapped it is the tenant of the session, without it the '
'only one of the user, else that of its last session, else none. Writes last_login where mapped, '
'and a lesser hash anew. Commit it: a refusal is remembered. Errors: 55000 where no tables are '
'mapped or no key signs, or a tenant is named and users have none.';

COMMENT ON FUNCTION account.issue_tokens(text, inet, text) IS
'Opens a session without a password, for a backend that knows who is asking, in the tenant that a '
'login would choose. Privileged. actor: for a later release, 0A000. Errors: PT404 for an unknown '
'or deleted user, PT403 for one that is not active or whose tenant is not, 55000 where no tables '
'are mapped or no key signs.';

COMMENT ON FUNCTION account.register(text, text, text, text, jsonb) IS
'Makes a user with its profile, both or neither; returns the user. email: compared without case. '
'password: hashed. username: where it is mandatory and NULL, the email. tenant: slug or id; where '
'members are mapped the user becomes a member of it, with the role that the table gives by '
'default, or, where it must have one and has no default, one that administers nothing. '
'profile: columns of the profile row; unknown ones are a WARNING, the mapped role must be one of '
'pgaccount.registration_roles, and what staff may not grant (columns of keys, of soft delete, of '
'row security, of what makes an account) is refused. Errors: 22023 for a malformed email, username '
'or value and for a short password; 23505, with constraint, table and column, for an email or '
'username of a live user; PT403 for a role, a column that is refused, or an inactive tenant; PT404 '
'for an unknown tenant; 55000 where no tables are mapped, a tenant is named and users have none, '
'a mandatory column has no value, or members would administer the tenant by default.';
