-- What logins cost, by what is stored for the user: a time that differs would tell. CPU milliseconds:
-- name|median. For bench/run, with -v rounds=.
\set ON_ERROR_STOP on
\set QUIET 1
CREATE FUNCTION cost_of_verify_padded(text, text, boolean) RETURNS float8 LANGUAGE c AS '$libdir/pgaccount', 'cost_of_verify_padded';
CREATE FUNCTION cost_of_verify(text, text, boolean) RETURNS float8 LANGUAGE c AS '$libdir/pgaccount', 'cost_of_verify';
CREATE FUNCTION cost_of_dummy_verify(text) RETURNS float8 LANGUAGE c AS '$libdir/pgaccount', 'cost_of_dummy_verify';
CREATE FUNCTION cost_of_hash(text) RETURNS float8 LANGUAGE c AS '$libdir/pgaccount', 'cost_of_hash';
CREATE FUNCTION cost_of_libsodium(text) RETURNS float8 LANGUAGE c AS '$libdir/pgaccount', 'cost_of_libsodium';

CREATE TABLE password_contender (n serial, name text, expression text);
INSERT INTO password_contender (name, expression) VALUES
	('libsodium', $$cost_of_libsodium('differentpassword')$$),
	('hash_password', $$cost_of_hash('differentpassword')$$),
	('right', $$cost_of_verify_padded('differentpassword', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94', true)$$),
	('wrong', $$cost_of_verify_padded('password', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94', false)$$),
	('right, cheap hash', $$cost_of_verify_padded('password', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', true)$$),
	('wrong, cheap hash', $$cost_of_verify_padded('x', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', false)$$),
	('half the cost', $$cost_of_verify_padded('x', '$argon2id$v=19$m=1024,t=64,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', false)$$),
	('PBKDF2, 1,000 rounds', $$cost_of_verify_padded('x', 'pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=', false)$$),
	('PBKDF2, 50,000 rounds', $$cost_of_verify_padded('x', 'pbkdf2_sha256$50000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=', false)$$),
	('unusable hash', $$cost_of_verify_padded('x', '!', false)$$),
	('no hash', $$cost_of_verify_padded('x', NULL, false)$$),
	('no password', $$cost_of_verify_padded(NULL, '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94', false)$$),
	('password too long', $$cost_of_verify_padded(repeat('x', 5000), '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94', false)$$),
	('unknown user', $$cost_of_dummy_verify('x')$$),
	('unknown user, no password', $$cost_of_dummy_verify(NULL)$$),
	('cheap hash, not padded', $$cost_of_verify('password', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', true)$$);
CREATE TABLE password_measured (name text, ms float8);
CREATE PROCEDURE measure_password(round int) LANGUAGE plpgsql AS $$
DECLARE
	contenders password_contender[] := (SELECT array_agg(c ORDER BY n) FROM password_contender c);
	n int := cardinality(contenders);
	c password_contender;
	took float8;
BEGIN
	FOR i IN 1 .. n LOOP
		c := contenders[(i * 3 + round) % n + 1];
		EXECUTE 'SELECT ' || c.expression INTO took;
		INSERT INTO password_measured VALUES (c.name, took);
	END LOOP;
END $$;
SET bench.rounds = :rounds;
DO $$ BEGIN
	FOR round IN 1 .. current_setting('bench.rounds')::int LOOP
		CALL measure_password(round);
	END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM password_measured GROUP BY name;
