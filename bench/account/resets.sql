-- How long a request for a new password takes, by who it names. Prints the medians, in milliseconds by the clock:
-- who|median. For bench/run, after tables.sql, with -v rounds=.
SET pgaccount.login_max_failures = 0;
SET client_min_messages = warning;
CREATE TABLE public.asked AS SELECT email, username, row_number() OVER (ORDER BY id) AS n,
    (ARRAY['known', 'inactive', 'deleted'])[row_number() OVER (ORDER BY id) % 3 + 1] AS who FROM app.users LIMIT 1000;
UPDATE app.users u SET is_active = false FROM public.asked a WHERE a.email = u.email AND who = 'inactive';
DELETE FROM app.users u USING public.asked a WHERE a.email = u.email AND who = 'deleted';

-- another login each time, in another order
CREATE TABLE public.reset (who text, ms float8);
CREATE PROCEDURE public.time_resets(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    asked record;
    n int;
BEGIN
    FOR i IN 1 .. rounds LOOP
        FOR asked IN SELECT * FROM (SELECT a.who, a.email FROM public.asked a WHERE a.n BETWEEN 3 * i - 2 AND 3 * i
            UNION ALL SELECT 'unknown', format('u%s@nowhere.org', i)) l ORDER BY random() LOOP
            began := clock_timestamp();
            SELECT count(*) INTO n FROM account.request_password_reset(asked.email);
            INSERT INTO public.reset VALUES (asked.who, extract(epoch FROM clock_timestamp() - began) * 1e3);
            IF n <> (asked.who = 'known')::int THEN
                RAISE EXCEPTION '% got % rows', asked.who, n;
            END IF;
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
CALL public.time_resets(:rounds);
SELECT who, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM public.reset GROUP BY who ORDER BY who;
