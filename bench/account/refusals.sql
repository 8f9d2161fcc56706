-- How long a login is refused, by who it names, at the cost that people use. Prints the medians, in
-- milliseconds: who|median. For bench/run, after tables.sql, with -v rounds=.
SET pgaccount.password_memory = '64MB';
SET pgaccount.password_ops = 2;
SET pgaccount.login_max_failures = 0;
SET client_min_messages = warning;
INSERT INTO app.users (email, username, password, is_active) SELECT 'x_' || w || '@example.org', 'u_' || w, account.hash_password('secret123'), w <> 'inactive'
    FROM unnest('{wrong,inactive,deleted}'::text[]) w;
DELETE FROM app.users WHERE username = 'u_deleted';

CREATE TABLE public.refusal (who text, ms float8);
CREATE PROCEDURE public.time_refusals(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    who text;
    answer account.token_pair;
    turn text[] := ARRAY['wrong', 'unknown', 'inactive', 'deleted'];
BEGIN
    FOR i IN 1 .. rounds LOOP
        FOR k IN 0 .. 3 LOOP
            who := turn[(i + k) % 4 + 1];
            began := clock_timestamp();
            answer := account.login('u_' || who, 'not-the-secret');
            INSERT INTO public.refusal VALUES (who, extract(epoch FROM clock_timestamp() - began) * 1e3);
            IF answer.error <> 'invalid_credentials' THEN
                RAISE EXCEPTION '% answered %', who, answer.error;
            END IF;
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
CALL public.time_refusals(:rounds);
SELECT who, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM public.refusal GROUP BY who ORDER BY who;
