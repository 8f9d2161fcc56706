
-- access tokens -----------------------------------------------------------------------------------

CREATE FUNCTION account.verify_access_token(token text) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'verify_access_token' LANGUAGE C VOLATILE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.verify_access_token(text) TO PUBLIC;
COMMENT ON FUNCTION account.verify_access_token(text) IS
'The claims of a token signed with a key of this database that is not retired, or PT401 (RFC 7519 '
'section 7.2, RFC 8725). sid and tenant_id are strings or null. exp is required and compared with '
'the clock, within pgaccount.leeway; iss and aud must be pgaccount.issuer and pgaccount.audience '
'where those are set. Works on a hot standby. Looks at no user: account.authenticate does. Errors: '
'PT401, also for NULL; 55000 where the key is sealed and cannot be opened.';
