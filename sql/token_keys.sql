-- Signing keys, and tokens checked with them.
\set SHOW_CONTEXT never
DELETE FROM account.signing_key; -- what other tests left
CREATE ROLE regress_key_user;
CREATE ROLE regress_key_reader;
GRANT pg_read_all_data, pg_write_all_data TO regress_key_reader;

-- the answer of verify_access_token, or its SQLSTATE and DETAIL
CREATE FUNCTION try_token(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	RETURN account.verify_access_token(token)::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || coalesce(nullif(d, ''), SQLERRM);
END $$;
-- a token of a stored key, by its kid, without one in the header where named is false
CREATE FUNCTION make_token(kid text, claims jsonb, named boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
	SELECT account.jwt_sign(claims, account.export_key(k.kid), k.alg, CASE WHEN named THEN k.kid END)
	FROM account.signing_key k WHERE k.kid = $1 $$;
\set claims '''{"sub": "42", "exp": 4000000000}'''

-- no key at all
SELECT account.jwks();
SELECT try_token(account.jwt_sign(:claims, repeat('k', 32)::bytea, 'HS256', 'k1'));
SELECT try_token(account.jwt_sign(:claims, repeat('k', 32)::bytea));

-- arguments
SELECT account.create_key('RS256');						-- fails
SELECT account.create_key('none');						-- fails
SELECT account.create_key(NULL);						-- fails
SELECT account.create_key('HS256', '');					-- fails
SELECT account.create_key('HS256', repeat('k', 256));	-- fails
SELECT account.create_key('HS256', E'a\nb');			-- fails
SELECT account.create_key('HS256', 'short', repeat('k', 31)::bytea);	-- fails
SELECT account.create_key('HS384', 'short', repeat('k', 47)::bytea);	-- fails
SELECT account.create_key('HS512', 'short', repeat('k', 63)::bytea);	-- fails
SELECT account.create_key('EdDSA', 'long', repeat('k', 33)::bytea);		-- fails
SELECT account.create_key('HS256', 'long', repeat('k', 1025)::bytea);	-- fails
SELECT account.create_key('HS256', 'null', NULL, NULL);	-- fails
SELECT account.activate_key(NULL);						-- fails
SELECT account.activate_key('nobody');					-- fails
SELECT account.retire_key(NULL);						-- fails
SELECT account.retire_key('nobody');					-- fails
SELECT account.export_key(NULL);						-- fails
SELECT account.export_key('nobody');					-- fails
SELECT count(*) FROM account.signing_key;

-- each algorithm, secrets of the right size
SELECT account.create_key('HS256', 'k256'), account.create_key('HS384', 'k384'), account.create_key('HS512', 'k512'), account.create_key('EdDSA', 'ked');
SELECT kid, alg, signs, sealed, length(account.export_key(kid)) AS bytes, length(public_key) AS public, activated_at IS NOT NULL AS activated FROM account.signing_key ORDER BY kid;
SELECT length(account.create_key()) AS random_kid, account.create_key(activate => false) <> account.create_key(activate => false) AS differ;
SELECT account.create_key('HS256', 'k256');		-- fails
SELECT try_token(make_token(kid, :claims)) FROM account.signing_key WHERE kid IN ('k256', 'k384', 'k512', 'ked') ORDER BY kid;
-- RFC 8037 A.1 and A.2: seed in, public key out
SELECT account.create_key('EdDSA', 'rfc8037', '\x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', false);
SELECT jsonb_path_query(account.jwks(), '$.keys[*] ? (@.kid == "rfc8037")');
SELECT key ->> 'kid' AS kid FROM jsonb_array_elements(account.jwks() -> 'keys') key ORDER BY 1;

-- what verify_access_token asks for beyond jwt_verify
SELECT try_token(NULL);
SELECT try_token(make_token('k256', '{"sub": "42"}'));
SELECT try_token(make_token('k256', jsonb_build_object('exp', extract(epoch FROM clock_timestamp())::bigint - 25))) LIKE '{%' AS within_leeway;
SELECT try_token(make_token('k256', jsonb_build_object('exp', extract(epoch FROM clock_timestamp())::bigint - 35)));
SELECT try_token(make_token('k256', jsonb_build_object('exp', 4000000000, 'nbf', extract(epoch FROM clock_timestamp())::bigint + 25))) LIKE '{%' AS within_leeway;
SET pgaccount.leeway = 0;
SELECT try_token(make_token('k256', jsonb_build_object('exp', extract(epoch FROM clock_timestamp())::bigint - 1)));
RESET pgaccount.leeway;
-- without a kid: any key of the algorithm
SELECT try_token(make_token('k256', :claims, false));
SELECT try_token(account.jwt_sign(:claims, repeat('k', 32)::bytea));
-- the right kid with another key, and the public key as an HMAC secret
SELECT try_token(account.jwt_sign(:claims, account.export_key('k512'), 'HS256', 'k256'));
SELECT try_token(account.jwt_sign(:claims, public_key, 'HS256', 'ked')) FROM account.signing_key WHERE kid = 'ked';
SET pgaccount.issuer = 'me';
SELECT try_token(make_token('k256', '{"exp": 4000000000, "iss": "me"}')), try_token(make_token('k256', '{"exp": 4000000000, "iss": "you"}')), try_token(make_token('k256', '{"exp": 4000000000}'));
RESET pgaccount.issuer;

-- rotation: one signs, all that are not retired verify
SELECT account.activate_key('k256');
SELECT account.activate_key('k256');
SELECT kid FROM account.signing_key WHERE signs;
SELECT make_token('k384', :claims) AS old \gset
SELECT left(try_token(:'old'), 5) AS before_retiring;
SELECT account.retire_key('k384');
SELECT try_token(:'old');
SELECT account.retire_key('k384');
SELECT account.activate_key('k384');	-- fails
-- what a rollback undoes is undone in the cache as well
BEGIN;
SELECT account.retire_key('k512');
SAVEPOINT s;
SELECT account.create_key('HS256', 'undone');
SELECT make_token('undone', :claims) AS undone \gset
SELECT left(try_token(:'undone'), 5) AS inside;
ROLLBACK TO s;
SELECT try_token(:'undone');
SELECT try_token(make_token('k512', :claims));
ROLLBACK;
SELECT left(try_token(make_token('k512', :claims)), 5) AS after_rollback;
-- the table itself may be changed by its owner; the cache follows
DELETE FROM account.signing_key WHERE kid = 'k512' RETURNING kid;
SELECT account.retire_key('k256');
SELECT count(*) FROM account.signing_key WHERE signs;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE account.signing_key SET retired_at = now() WHERE kid = 'ked';
SELECT try_token(make_token('ked', :claims));
ROLLBACK;
BEGIN;
TRUNCATE account.signing_key;
SELECT account.jwks();
ROLLBACK;

-- who may do what
SET ROLE regress_key_user;
SELECT account.create_key();			-- fails
SELECT account.activate_key('ked');		-- fails
SELECT account.retire_key('ked');		-- fails
SELECT account.export_key('ked');		-- fails
SELECT account.signing_key_changed();	-- fails
SELECT count(*) FROM account.signing_key;	-- fails
SELECT jsonb_array_length(account.jwks() -> 'keys') > 0 AS public;
SELECT account.verify_access_token('a.b.c');	-- fails
SET ROLE regress_key_reader;
SELECT count(*) AS secrets_seen FROM account.signing_key;
INSERT INTO account.signing_key (kid, alg, secret, sealed) VALUES ('mine', 'HS256', repeat('k', 32)::bytea, false);	-- fails
RESET ROLE;
GRANT EXECUTE ON FUNCTION account.create_key TO regress_key_user;
SET ROLE regress_key_user;
SET search_path = pg_temp;
CREATE TEMP TABLE signing_key (kid text);
SELECT account.create_key('HS256', 'granted');
RESET search_path;
RESET ROLE;
SELECT kid FROM account.signing_key WHERE signs;

-- keys are in no dump
SELECT extconfig IS NULL OR NOT 'account.signing_key'::regclass = ANY (extconfig) AS not_dumped FROM pg_extension WHERE extname = 'pgaccount';

DROP FUNCTION try_token, make_token;
DROP OWNED BY regress_key_user, regress_key_reader;
DROP ROLE regress_key_user, regress_key_reader;
DELETE FROM account.signing_key;
