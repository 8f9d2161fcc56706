-- How long a login is refused, by who it names, at the cost that people use. Prints the medians, in
-- milliseconds by the clock and of the processor: who|median, who cpu|median. For bench/run, after tables.sql, with -v rounds=.
SET pgaccount.password_memory = '64MB';
SET pgaccount.password_ops = 2;
SET pgaccount.login_max_failures = 0;
SET client_min_messages = warning;
INSERT INTO app.users (email, username, password, is_active) SELECT 'x_' || w || '@example.org', 'u_' || w, account.hash_password('secret123'), w <> 'inactive'
    FROM unnest('{wrong,inactive,deleted}'::text[]) w;
DELETE FROM app.users WHERE username = 'u_deleted';

-- in another order each time: a login may pay for what the one before it left behind
CREATE TABLE public.refusal (who text, ms float8, cpu_ms float8);
CREATE PROCEDURE public.time_refusals(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    cpu float8;
    who text;
    answer account.token_pair;
BEGIN
    FOR i IN 1 .. rounds LOOP
        FOREACH who IN ARRAY ARRAY(SELECT w FROM unnest('{wrong,unknown,inactive,deleted}'::text[]) w ORDER BY random()) LOOP
            began := clock_timestamp();
            cpu := public.cpu_us();
            answer := account.login('u_' || who, 'not-the-secret');
            INSERT INTO public.refusal VALUES (who, extract(epoch FROM clock_timestamp() - began) * 1e3, (public.cpu_us() - cpu) / 1e3);
            IF answer.error <> 'invalid_credentials' THEN
                RAISE EXCEPTION '% answered %', who, answer.error;
            END IF;
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
CALL public.time_refusals(:rounds);
SELECT who, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM public.refusal GROUP BY who ORDER BY who;
SELECT who || ' cpu', percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ms) FROM public.refusal GROUP BY who ORDER BY who;
