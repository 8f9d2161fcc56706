
-- identity ----------------------------------------------------------------------------------------

CREATE FUNCTION account.authenticate(token text, is_local boolean DEFAULT true) RETURNS text
    AS 'MODULE_PATHNAME', 'authenticate' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.authenticate(text, boolean) TO PUBLIC;
COMMENT ON FUNCTION account.authenticate(text, boolean) IS
'Checks an access token as verify_access_token does, and the live row of its user unless '
'pgaccount.live_check is off; makes its claims the identity and returns the uid: the user''s key '
'as its row has it, which then is the claim sub, too. is_local: for this transaction (a statement '
'outside a transaction block warns with 25P01, as SET LOCAL does), else for the session, until '
'sign_out, DISCARD ALL or the token''s exp (leeway does not prolong it). A rollback, of a '
'savepoint too, takes it back. Sets request.jwt.claims beside it where '
'pgaccount.set_request_claims is on, until the identity ends (a session''s, where the library is '
'not preloaded: for the transaction); that one anybody may set, and it is never read back. Errors: '
'PT401, also for NULL or a token without sub; 55000 where no users table is mapped; 22023 for NULL '
'is_local.';

CREATE FUNCTION account.sign_out() RETURNS void
    AS 'MODULE_PATHNAME', 'sign_out' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.sign_out() TO PUBLIC;
COMMENT ON FUNCTION account.sign_out() IS
'Ends the identity, of the transaction and of the session. Harmless without one.';

CREATE FUNCTION account.uid() RETURNS text
    AS 'MODULE_PATHNAME', 'uid' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.uid() TO PUBLIC;
COMMENT ON FUNCTION account.uid() IS
'The identity''s user id (claim sub), as the user''s row has it; NULL without an identity.';

CREATE FUNCTION account.tenant_id() RETURNS text
    AS 'MODULE_PATHNAME', 'tenant_id' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.tenant_id() TO PUBLIC;
COMMENT ON FUNCTION account.tenant_id() IS
'The identity''s tenant id (claim tenant_id), NULL without an identity or tenant.';

CREATE FUNCTION account.user_role() RETURNS text
    AS 'MODULE_PATHNAME', 'user_role' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.user_role() TO PUBLIC;
COMMENT ON FUNCTION account.user_role() IS
'The identity''s role in the application (claim user_role), NULL without one. No database role.';

CREATE FUNCTION account.claims() RETURNS jsonb
    AS 'MODULE_PATHNAME', 'claims' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.claims() TO PUBLIC;
COMMENT ON FUNCTION account.claims() IS 'All claims of the identity, NULL without one.';

CREATE FUNCTION account.claim(name text) RETURNS text
    AS 'MODULE_PATHNAME', 'claim' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.claim(text) TO PUBLIC;
COMMENT ON FUNCTION account.claim(text) IS
'One claim of the identity as text, like ->>; NULL without an identity or claim, and for a NULL '
'name.';

CREATE FUNCTION account.uid_bigint() RETURNS bigint
    AS 'MODULE_PATHNAME', 'uid_bigint' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.uid_bigint() TO PUBLIC;
COMMENT ON FUNCTION account.uid_bigint() IS
'account.uid() as bigint; NULL where it is none, never an error.';

CREATE FUNCTION account.uid_uuid() RETURNS uuid
    AS 'MODULE_PATHNAME', 'uid_uuid' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.uid_uuid() TO PUBLIC;
COMMENT ON FUNCTION account.uid_uuid() IS
'account.uid() as uuid; NULL where it is none, never an error.';

CREATE FUNCTION account.tenant_bigint() RETURNS bigint
    AS 'MODULE_PATHNAME', 'tenant_bigint' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.tenant_bigint() TO PUBLIC;
COMMENT ON FUNCTION account.tenant_bigint() IS
'account.tenant_id() as bigint; NULL where it is none, never an error.';

CREATE FUNCTION account.tenant_uuid() RETURNS uuid
    AS 'MODULE_PATHNAME', 'tenant_uuid' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.tenant_uuid() TO PUBLIC;
COMMENT ON FUNCTION account.tenant_uuid() IS
'account.tenant_id() as uuid; NULL where it is none, never an error.';

CREATE FUNCTION account.has_module(module text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'has_module' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.has_module(text) TO PUBLIC;
COMMENT ON FUNCTION account.has_module(text) IS
'Is this one of the identity''s modules (claim modules)? False without an identity, and for NULL.';

CREATE FUNCTION account.is_staff() RETURNS boolean
    AS 'MODULE_PATHNAME', 'is_staff' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.is_staff() TO PUBLIC;
COMMENT ON FUNCTION account.is_staff() IS
'Does the identity''s token say so (claim is_staff is true)? False without an identity.';

CREATE FUNCTION account.is_authenticated() RETURNS boolean
    AS 'MODULE_PATHNAME', 'is_authenticated' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.is_authenticated() TO PUBLIC;
COMMENT ON FUNCTION account.is_authenticated() IS 'Is there an identity that has not expired?';
