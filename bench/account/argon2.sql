-- Login and register with argon2 at the cost that people use, against the application's statements with
-- libsodium's hash of that cost. Prints the medians, in milliseconds of the processor: contender|median.
-- For bench/run, after tables.sql, with -v rounds=.
CREATE FUNCTION public.libsodium_hash(text) RETURNS text LANGUAGE c STRICT AS '$libdir/pgaccount', 'libsodium_hash';
CREATE FUNCTION public.libsodium_verify(text, text) RETURNS boolean LANGUAGE c STRICT AS '$libdir/pgaccount', 'libsodium_verify';
UPDATE app.users SET password = (SELECT account.hash_password('secret123'));
UPDATE plain.users SET password = (SELECT public.libsodium_hash('secret123'));
VACUUM (FREEZE, ANALYZE);

CREATE PROCEDURE public.login_libsodium(login text) LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    SELECT *, public.libsodium_verify(u.password, 'secret123') AS verified INTO STRICT found
        FROM plain.users u WHERE lower(u.email) = login AND u.deleted_at IS NULL;
    INSERT INTO plain.session (id, user_id, tenant_id, token_hash, created_at, refreshed_at, expires_at)
        VALUES (gen_random_uuid(), found.id, found.tenant_id, '\x0123456789012345678901234567890101234567890123456789012345678901', now(), now(), now() + interval '30 days');
    UPDATE plain.users SET last_login = now() WHERE id = found.id;
END $$;
CREATE PROCEDURE public.login_argon2(login text) LANGUAGE plpgsql AS $$
DECLARE
    answer account.token_pair := account.login(login, 'secret123');
BEGIN
    IF answer.access_token IS NULL THEN
        RAISE EXCEPTION 'login answered %', answer.error;
    END IF;
END $$;
CREATE PROCEDURE public.register_libsodium(email text) LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO plain.users (email, password) VALUES (email, public.libsodium_hash('secret123')) RETURNING id INTO made;
    INSERT INTO plain.profiles (user_id, role) VALUES (made, 'member');
END $$;
CREATE PROCEDURE public.register_argon2(email text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM account.register(email, 'secret123');
END $$;

-- A hash takes fifty milliseconds, now a few more, now a few less: so they take turns call by call, in
-- another order each time. The first rounds are the session's.
CREATE TABLE public.argon2 (contender text, ms float8);
CREATE PROCEDURE public.time_argon2(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    cpu float8;
    contender text;
BEGIN
    FOR i IN -2 .. rounds LOOP
        FOREACH contender IN ARRAY ARRAY(SELECT c FROM unnest('{login_libsodium,login_argon2,register_libsodium,register_argon2}'::text[]) c ORDER BY random()) LOOP
            cpu := public.cpu_us();
            CASE contender
                WHEN 'login_libsodium' THEN CALL public.login_libsodium('u' || i + 3 || '@example.org');
                WHEN 'login_argon2' THEN CALL public.login_argon2('u' || i + 3 || '@example.org');
                WHEN 'register_libsodium' THEN CALL public.register_libsodium('n' || i + 3 || '@example.org');
                WHEN 'register_argon2' THEN CALL public.register_argon2('n' || i + 3 || '@example.org');
            END CASE;
            COMMIT;
            cpu := public.cpu_us() - cpu;
            IF i > 0 THEN
                INSERT INTO public.argon2 VALUES (contender, cpu / 1e3);
                COMMIT;
            END IF;
        END LOOP;
    END LOOP;
END $$;
CALL public.time_argon2(:rounds);
SELECT contender, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM public.argon2 GROUP BY contender ORDER BY contender;
