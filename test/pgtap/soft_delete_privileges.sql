-- Who may call what of soft delete, pinned; and that nothing in the schema is anybody's to change.
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SELECT no_plan();
CREATE ROLE tap_nobody;

-- for everybody, who then needs the table's ownership or privileges
SELECT ok(has_function_privilege('tap_nobody', f::regprocedure, 'EXECUTE'), f || ' is for everybody')
FROM unnest(ARRAY['account.enable_soft_delete(regclass, name, name, name, boolean, boolean, text, boolean, text)', 'account.disable_soft_delete(regclass)',
    'account.restore(regclass, "any", interval)', 'account.restore(regclass, text, interval)', 'account.is_deleted(regclass, "any")', 'account.is_deleted(regclass, text)', 'account.deleted(anyelement)',
    'account.unique_among_live(regclass, name[])', 'account.unique_among_live(regclass)', 'account.soft_delete()', 'account.http_status(text)']) f;
-- for the owner and pg_monitor
SELECT ok(has_function_privilege('tap_nobody', 'account.doctor()', 'EXECUTE'), 'doctor is for everybody');
SELECT ok(NOT has_function_privilege('tap_nobody', 'account.doctor_soft_delete()', 'EXECUTE'), 'of all tables it is not');
-- purge is privileged, once it is there
SELECT ok(NOT has_function_privilege('tap_nobody', p.oid, 'EXECUTE'), p.oid::regprocedure || ' is privileged')
FROM pg_proc p WHERE pronamespace = 'account'::regnamespace AND proname ~ '^purge';

SELECT ok(has_schema_privilege('tap_nobody', 'account', 'USAGE'), 'the schema may be used');
SELECT ok(NOT has_schema_privilege('tap_nobody', 'account', 'CREATE'), 'nobody creates in it');
SELECT is((SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
    AND has_table_privilege('tap_nobody', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')), NULL, 'no table is anybody''s to change');
-- a definer's function has its search_path pinned, and is not for everybody without a reason given here
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE pronamespace = 'account'::regnamespace AND prosecdef
    AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)), NULL, 'definer''s functions pin their search_path');
-- declared as they are
SELECT is((SELECT string_agg(proname || ':' || provolatile::text || proparallel::text || CASE WHEN proisstrict THEN 's' ELSE '' END, ' ' ORDER BY proname)
    FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND proname IN ('marks', 'actor', 'is_deleted', 'deleted', 'http_status')),
    'actor:ss deleted:su http_status:iss is_deleted:su is_deleted:su marks:is marks:is', 'volatility, parallel safety, strictness');
-- every function says what it is
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE pronamespace = 'account'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL),
    NULL, 'every function has a comment');
-- a caller who owns nothing gets 42501, not more
CREATE TABLE public.theirs (id int PRIMARY KEY, deleted_at timestamptz);
INSERT INTO theirs VALUES (1, now());
SELECT account.enable_soft_delete('theirs') \g /dev/null
GRANT SELECT, INSERT, DELETE ON theirs TO tap_nobody;
SET LOCAL ROLE tap_nobody;
SELECT throws_ok($$SELECT account.enable_soft_delete('public.theirs')$$, '42501', NULL, 'enabling needs ownership');
SELECT throws_ok($$SELECT account.disable_soft_delete('public.theirs')$$, '42501', NULL, 'disabling needs ownership');
SELECT throws_ok($$SELECT account.restore('public.theirs', 1)$$, '42501', NULL, 'restoring needs UPDATE');
SELECT is(account.is_deleted('public.theirs', 1), true, 'is_deleted needs SELECT only');
SELECT throws_ok($$SELECT account.marks(NULL, NULL, NULL), account.soft_delete()$$, '39P01', NULL, 'trigger functions are triggers');
SELECT throws_ok($$SET pgaccount.rewrite = off$$, '55P02', NULL, 'rewrite wants a restart');
SELECT lives_ok($$SET LOCAL pgaccount.show_deleted = on$$, 'show_deleted is for any role');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
