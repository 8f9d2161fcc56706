-- Plans that are made while the tables are empty, and known to be, look rows up by their indexes all the same.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SELECT account.create_starter('lp');
SELECT account.create_key('HS256', 'lp') AS kid;
DELETE FROM account.session;
DELETE FROM account.login_failure;
VACUUM (ANALYZE, TRUNCATE) account.session, account.login_failure, lp.users, lp.profiles, lp.tenants;
SELECT relname, reltuples::int FROM pg_class WHERE oid IN ('account.session'::regclass, 'lp.users'::regclass) ORDER BY 1;
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT count(*) FROM generate_series(1, 40) AS i, account.register('u' || i || '@example.org', 'secret123', 'name' || i);
SELECT status, count(*) FROM generate_series(1, 40) AS i, account.login('name' || i, 'secret123') GROUP BY 1;
SELECT status, count(*) FROM generate_series(1, 40) AS i, account.login('u' || i || '@example.org', 'wrong-one') GROUP BY 1;
SELECT refresh_token, access_token FROM account.login('name1', 'secret123') \gset
SELECT status FROM account.refresh(:'refresh_token');
SELECT account.authenticate(:'access_token') IS NOT NULL AS "in";
SELECT relid::regclass AS read_whole, seq_scan FROM pg_stat_xact_all_tables
    WHERE relid IN ('account.session'::regclass, 'account.login_failure'::regclass, 'lp.users'::regclass, 'lp.profiles'::regclass) AND seq_scan > 0;
-- what the application does itself may read its own table whole
UPDATE lp.users SET is_active = false WHERE id = (SELECT id FROM lp.users WHERE username = 'name2');
DELETE FROM lp.users WHERE id = (SELECT id FROM lp.users WHERE username = 'name3');
SELECT relid::regclass AS read_whole, seq_scan FROM pg_stat_xact_all_tables
    WHERE relid IN ('account.session'::regclass, 'account.login_failure'::regclass) AND seq_scan > 0;
COMMIT;
-- without indexes tables are read whole, and no plan is compiled for that
DROP INDEX lp.users_email_key, lp.users_username_key;
\c
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET jit = on;
SELECT status, count(*) FROM generate_series(5, 15) AS i, account.login('name' || i, 'secret123') GROUP BY 1;
SELECT count(*) FROM generate_series(41, 45) AS i, account.register('u' || i || '@example.org', 'secret123', 'name' || i);
SELECT pg_read_file('/proc/self/maps') ~ 'llvmjit' AS compiled;
SELECT account.forget_tables();
DELETE FROM account.session;
DELETE FROM account.login_failure;
DELETE FROM account.signing_key WHERE kid = 'lp';
DROP SCHEMA lp CASCADE;
