
-- signing keys ------------------------------------------------------------------------------------

-- Not config-dumped: secrets stay out of dumps (account.export_key). Row security without a policy
-- keeps pg_read_all_data and pg_write_all_data out, whom no REVOKE touches; the owner is not
-- subject to it.
CREATE TABLE account.signing_key (
    kid          text PRIMARY KEY CHECK (octet_length(kid) BETWEEN 1 AND 255),
    alg          text NOT NULL CHECK (alg IN ('HS256', 'HS384', 'HS512', 'EdDSA')),
    secret       bytea NOT NULL,
    sealed       boolean NOT NULL,
    public_key   bytea CHECK ((public_key IS NOT NULL) = (alg = 'EdDSA')),
    signs        boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    retired_at   timestamptz,
    CHECK (NOT (signs AND retired_at IS NOT NULL))
);
REVOKE ALL ON account.signing_key FROM PUBLIC;
ALTER TABLE account.signing_key ENABLE ROW LEVEL SECURITY;
CREATE UNIQUE INDEX signing_key_one_signs ON account.signing_key (signs) WHERE signs;
COMMENT ON TABLE account.signing_key IS
'Keys of access tokens. One signs; any that is not retired verifies. Change it with '
'account.create_key, activate_key and retire_key.';
COMMENT ON COLUMN account.signing_key.secret IS
'HMAC secret or Ed25519 seed; where sealed, nonce and box under the master key.';

CREATE FUNCTION account.signing_key_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'signing_key_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.signing_key_changed() FROM PUBLIC;
COMMENT ON FUNCTION account.signing_key_changed() IS
'Trigger of account.signing_key: makes every session read the keys anew at its next statement.';
CREATE TRIGGER signing_key_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
        ON account.signing_key
    FOR EACH STATEMENT EXECUTE FUNCTION account.signing_key_changed();
ALTER TABLE account.signing_key ENABLE ALWAYS TRIGGER signing_key_changed;

CREATE FUNCTION account.create_key(alg text DEFAULT 'HS256', kid text DEFAULT NULL,
        secret bytea DEFAULT NULL,
        activate boolean DEFAULT true) RETURNS text
    AS 'MODULE_PATHNAME', 'create_key' LANGUAGE C VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION account.create_key(text, text, bytea, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.create_key(text, text, bytea, boolean) IS
'Makes a key and returns its kid. alg: HS256, HS384, HS512 or EdDSA. kid: NULL for a random one. '
'secret: NULL for a random one, else at least the hash''s size (RFC 7518 section 3.2), or the '
'32-byte Ed25519 seed; sealed where pgaccount.master_key_file is set. activate: it signs from now '
'on, the former one still verifies. Errors: 22023 for an unsuitable argument, 23505 for a kid that '
'exists, 55000 where the master key cannot be used.';

CREATE FUNCTION account.activate_key(kid text) RETURNS void
    AS 'MODULE_PATHNAME', 'activate_key' LANGUAGE C VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION account.activate_key(text) FROM PUBLIC;
COMMENT ON FUNCTION account.activate_key(text) IS
'Lets a key sign from now on; the former one still verifies. Harmless for the one that signs. '
'Errors: 22023 for NULL, PT404 for an unknown kid, PT409 for a retired key.';

CREATE FUNCTION account.retire_key(kid text) RETURNS void
    AS 'MODULE_PATHNAME', 'retire_key' LANGUAGE C VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION account.retire_key(text) FROM PUBLIC;
COMMENT ON FUNCTION account.retire_key(text) IS
'Refuses the tokens of a key in every session from its next statement on. If it is the one that '
'signs, none does (55000 when a token is asked for). Harmless for a retired key. Errors: 22023 for '
'NULL, PT404 for an unknown kid.';

CREATE FUNCTION account.export_key(kid text) RETURNS bytea
    AS 'MODULE_PATHNAME', 'export_key' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.export_key(text) FROM PUBLIC;
COMMENT ON FUNCTION account.export_key(text) IS
'The secret of a key, opened, to carry it to another database with create_key: keys are in no '
'dump. Errors: 22023 for NULL, PT404 for an unknown kid, 55000 where it is sealed and cannot be '
'opened.';

CREATE FUNCTION account.jwks() RETURNS jsonb
    AS 'MODULE_PATHNAME', 'jwks' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.jwks() TO PUBLIC;
COMMENT ON FUNCTION account.jwks() IS
'The public keys that verify tokens made here, a JWK set (RFC 7517 section 5, RFC 8037 section 2): '
'EdDSA keys that are not retired. HMAC keys are never in it.';
