
-- signed tokens with a key of the caller's: no table ----------------------------------------------

CREATE FUNCTION account.jwt_sign(claims jsonb, key bytea, alg text DEFAULT 'HS256',
        kid text DEFAULT NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'jwt_sign' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.jwt_sign(jsonb, bytea, text, text) TO PUBLIC;
COMMENT ON FUNCTION account.jwt_sign(jsonb, bytea, text, text) IS
'A signed token (RFC 7519, RFC 7515 section 5.1). claims: an object. key: the secret of at least '
'the hash''s size (RFC 7518 section 3.2), or the 32-byte Ed25519 seed (RFC 8037 section 3.1). alg: '
'HS256, HS384, HS512 or EdDSA. kid: written into the header unless NULL. Errors: 22023 for a NULL '
'or unsuitable argument. Nothing is added to the claims, no exp either.';

CREATE FUNCTION account.jwt_verify(token text, key bytea, alg text DEFAULT 'HS256',
        at timestamptz DEFAULT NULL,
        leeway interval DEFAULT '0') RETURNS jsonb
    AS 'MODULE_PATHNAME', 'jwt_verify' LANGUAGE C VOLATILE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.jwt_verify(text, bytea, text, timestamptz, interval) TO PUBLIC;
COMMENT ON FUNCTION account.jwt_verify(text, bytea, text, timestamptz, interval) IS
'The claims of a token, or PT401 (RFC 7519 section 7.2, RFC 8725). key: the secret, or the 32-byte '
'Ed25519 public key; alg: the key''s, which the token''s must be. at: the time to check exp and '
'nbf against, NULL for the clock (not the transaction''s time); leeway: allowed for both. exp is '
'optional here; iss and aud are checked where pgaccount.issuer and pgaccount.audience are set. A '
'member of the header or the claims that stands twice is refused, at any depth. Errors: PT401, '
'also for a NULL token; 22023 for a NULL or unsuitable key, alg, at or leeway.';

CREATE FUNCTION account.jws_valid(token text, key bytea, alg text DEFAULT 'HS256') RETURNS boolean
    AS 'MODULE_PATHNAME', 'jws_valid' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.jws_valid(text, bytea, text) TO PUBLIC;
COMMENT ON FUNCTION account.jws_valid(text, bytea, text) IS
'Is the signature of a token right (RFC 7515 section 5.2)? Says nothing of its claims: an expired '
'token is true. NULL or malformed: false. Errors: 22023 for a key or alg that does not suit.';

CREATE FUNCTION account.sign(payload json, secret text, algorithm text DEFAULT 'HS256') RETURNS text
    AS 'MODULE_PATHNAME', 'pgjwt_sign' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.sign(json, text, text) TO PUBLIC;
COMMENT ON FUNCTION account.sign(json, text, text) IS
'pgjwt''s sign: a token of this payload, byte for byte. secret: any but NULL or empty (22023). '
'algorithm: HS256, HS384 or HS512. Prefer jwt_sign, which refuses weak secrets.';

CREATE FUNCTION account.verify(token text, secret text, algorithm text DEFAULT 'HS256')
        RETURNS TABLE (header json, payload json, valid boolean)
    AS 'MODULE_PATHNAME', 'pgjwt_verify' LANGUAGE C VOLATILE PARALLEL SAFE ROWS 1;
GRANT EXECUTE ON FUNCTION account.verify(text, text, text) TO PUBLIC;
COMMENT ON FUNCTION account.verify(text, text, text) IS
'pgjwt''s verify: one row, whatever the token. header and payload: NULL where they cannot be read, '
'and proven only if valid. valid: the signature is right and the clock is within nbf and exp; iss '
'and aud are not looked at. secret: any but NULL or empty (22023). Prefer jwt_verify, which cannot '
'be misread.';
