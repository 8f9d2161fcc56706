-- Failed logins by address: as what an address counts, and where a user has had a session nobody locks it out.
SET client_min_messages = warning;
SELECT account.create_starter('ta');
SELECT account.create_key() IS NOT NULL AS key;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET pgaccount.login_max_failures = 3;
DELETE FROM account.known_address;
SELECT email FROM unnest('{ann,bob,cleo,dan,eve}'::text[]) AS name, account.register(name || '@x.org', 'secret123', name);
-- the statuses of so many logins in a row
CREATE FUNCTION pg_temp.try(name text, secret text, ip inet, n int DEFAULT 1) RETURNS int[] LANGUAGE sql
    AS 'SELECT array_agg((account.login(name, secret, ip)).status) FROM generate_series(1, n)';

-- an IPv4-mapped address is its IPv4 address, an IPv6 address counts by its /64, whatever its netmask; no ip is none
SELECT pg_temp.try('ta_nobody' || i, 'x', ip) FROM unnest('{192.0.2.1,::ffff:192.0.2.1,::ffff:c000:201/120,192.0.2.1/8}'::inet[]) WITH ORDINALITY AS a(ip, i);
SELECT pg_temp.try('ta_nobody' || i, 'x', ip) FROM unnest('{2001:db8:1:2::1,2001:db8:1:2:ffff::,2001:db8:1:2::/32,2001:db8:1:2::9,2001:db8:1:3::1}'::inet[]) WITH ORDINALITY AS a(ip, i);
SELECT pg_temp.try('ta_nobody' || i, 'x', NULL) FROM generate_series(10, 14) AS i;
SELECT pg_temp.try('ann', 'secret123', '::ffff:192.0.2.1'), pg_temp.try('ann', 'secret123', '2001:db8:1:2::77'), pg_temp.try('ann', 'secret123', '::192.0.2.1');

-- where bob has had a session, in any spelling of the address, failures from elsewhere do not lock it out
SELECT pg_temp.try('bob', 'secret123', '::ffff:198.51.100.1'), pg_temp.try('bob', 'secret123', '2001:db8:2::1');
SELECT pg_temp.try('bob', 'x', ('203.0.113.' || i)::inet) FROM generate_series(1, 4) AS i;
SELECT pg_temp.try('bob', 'secret123', '203.0.113.9') AS elsewhere, pg_temp.try('bob', 'secret123', NULL) AS nowhere;
BEGIN;
SELECT pg_temp.try('bob', 'secret123', '198.51.100.1') AS known, pg_temp.try('bob@x.org', 'x', '2001:db8:2::2') AS wrong;
ROLLBACK;
-- a success reset the login's count, in memory; what the table has came back
SELECT pg_temp.try('bob', 'secret123', '203.0.113.9') AS elsewhere;
-- its own count locks it out there, and counts elsewhere; an address's own count locks always
SELECT pg_temp.try('bob', 'x', '198.51.100.1', 4), pg_temp.try('bob', 'secret123', '198.51.100.1') AS locked, pg_temp.try('bob', 'secret123', '2001:db8:2::3') AS another;
SELECT pg_temp.try('cleo', 'secret123', '198.51.100.2'), pg_temp.try('ta_nobody', 'x', '198.51.100.2', 4), pg_temp.try('cleo', 'secret123', '198.51.100.2') AS locked;
-- a success there resets both: its own count (but for the address's), and the login's
SELECT pg_temp.try('dan', 'secret123', '2001:db8:9::1'), pg_temp.try('dan', 'x', '2001:db8:9::1', 2), pg_temp.try('dan', 'secret123', '2001:db8:9::1') AS reset,
    pg_temp.try('dan', 'x', '198.51.100.4', 2) AS elsewhere, pg_temp.try('dan', 'secret123', '2001:db8:9::1') AS reset, pg_temp.try('dan', 'x', '198.51.100.44', 2) AS elsewhere;

-- known is where a session went on, or was issued; not where it was another's, nor where it is long ago
SELECT refresh_token AS token FROM account.login('eve', 'secret123') \gset
SELECT status FROM account.refresh(:'token', '198.51.100.5');
SELECT (account.issue_tokens(id::text, '198.51.100.6')).status FROM ta.users WHERE username = 'eve';
SELECT pg_temp.try('eve', 'x', ('203.0.113.' || i)::inet) FROM generate_series(11, 14) AS i;
SELECT pg_temp.try('eve', 'secret123', '198.51.100.1') AS of_bob;
BEGIN;
SELECT pg_temp.try('eve', 'x', '198.51.100.5') AS refreshed, pg_temp.try('eve', 'x', '198.51.100.6') AS issued;
DELETE FROM account.session;
SELECT pg_temp.try('eve', 'x', '198.51.100.6') AS session_is_gone;
UPDATE account.known_address SET at = at - interval '30 days';
SELECT pg_temp.try('eve', 'x', '198.51.100.5') AS thirty_days;
UPDATE account.known_address SET at = at - interval '25 hours';
SELECT pg_temp.try('eve', 'secret123', '198.51.100.5') AS long_ago;
ROLLBACK;
-- deleted, then restored: nobody while deleted, known again
SELECT (account.issue_tokens(id::text, '198.51.100.8')).status FROM ta.users WHERE username = 'eve';
UPDATE ta.users SET is_deleted = true WHERE username = 'eve';
SELECT pg_temp.try('eve', 'secret123', '198.51.100.8', 2);
SET pgaccount.show_deleted = on;
UPDATE ta.users SET is_deleted = false WHERE username = 'eve';
RESET pgaccount.show_deleted;
SELECT pg_temp.try('eve', 'secret123', '198.51.100.9') AS elsewhere, pg_temp.try('eve', 'secret123', '198.51.100.8') AS restored;
-- a day's sessions at an address are one row, written anew after it; old rows are dropped in time
SELECT count(*) = count(DISTINCT key) AS once, bool_and(length(key) = 32) AS digests FROM account.known_address;
UPDATE account.known_address SET at = at - interval '25 hours';
SELECT pg_temp.try('cleo', 'secret123', '198.51.100.7') AS new, pg_temp.try('eve', 'secret123', '198.51.100.8') AS anew;
SELECT count(*) = count(DISTINCT key) AS once, count(*) FILTER (WHERE at > now() - interval '1 hour') FROM account.known_address;
INSERT INTO account.known_address SELECT sha256(i::text::bytea), now() - interval '40 days' FROM generate_series(1, 20) AS i;
DO $$
BEGIN
    FOR i IN 1..1000 LOOP
        UPDATE account.known_address SET at = at - interval '25 hours' WHERE at > now() - interval '1 hour';
        PERFORM account.issue_tokens(id::text, '10.0.0.1') FROM ta.users WHERE username = 'ann';
        COMMIT;
    END LOOP;
END $$;
SELECT count(*) FROM account.known_address WHERE at < now() - interval '32 days';

-- a tenant that is named where users have none
CREATE SCHEMA tb;
CREATE TABLE tb.users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, password text);
SELECT account.use_tables('tb.users');
SELECT account.register('ann@x.org', 'secret123', tenant => 'acme');	-- fails
\echo :SQLSTATE
SELECT status FROM account.login('ann@x.org', 'secret123', tenant => 'acme');	-- fails
\set VERBOSITY sqlstate
SELECT status FROM account.login('ann@x.org', 'secret123', tenant => '');	-- fails
SELECT email FROM account.register('ann@x.org', 'secret123');
SELECT status FROM account.login('ann@x.org', 'secret123');
RESET pgaccount.login_max_failures;
DELETE FROM account.login_failure;
SELECT account.forget_tables();
DROP SCHEMA tb CASCADE;
DROP SCHEMA ta CASCADE;
