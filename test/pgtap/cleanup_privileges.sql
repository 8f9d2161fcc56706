-- Who may call what of ordered cleanup, purge and export, pinned; and what a caller needs besides.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE tap_nobody;
CREATE ROLE tap_owner;
CREATE ROLE tap_app;
SELECT account.grant_api('tap_app') \g /dev/null

-- for everybody, who then needs the tables' privileges, or for policies their ownership
SELECT ok(has_function_privilege('tap_nobody', f::regprocedure, 'EXECUTE'), f || ' is for everybody')
FROM unnest(ARRAY['account.cleanup_plan(regclass, "any", boolean)', 'account.cleanup_plan(regclass, text, boolean)', 'account.cleanup(regclass, "any", boolean, text)',
    'account.cleanup(regclass, text, boolean, text)', 'account.cleanup_graph(regclass, "any")', 'account.cleanup_graph(regclass, text)',
    'account.set_reference_policy(regclass, name, text, text)', 'account.set_reference(regclass, name[], regclass, text, text)']) f;
-- privileged
SELECT ok(NOT has_function_privilege('tap_nobody', f::regprocedure, 'EXECUTE') AND NOT has_function_privilege('tap_app', f::regprocedure, 'EXECUTE')
    AND NOT has_function_privilege('pg_monitor', f::regprocedure, 'EXECUTE'), f || ' is the owner''s')
FROM unnest(ARRAY['account.purge(regclass, interval, bigint, boolean)', 'account.purge_batches(regclass, interval, bigint)',
    'account.cleanup_batches(regclass, text, boolean, integer, interval, bigint, interval, text)', 'account.cancel_removal(bigint)',
    'account.reference_policy_changed()', 'account.declared_reference_changed()', 'account.reference_policy_dropped()', 'account.reference_policy_renamed()']) f;
-- for an application's role
SELECT ok(NOT has_function_privilege('tap_nobody', 'account.export_user(text)', 'EXECUTE'), 'export_user is not for everybody');
SELECT ok(has_function_privilege('tap_app', 'account.export_user(text)', 'EXECUTE'), 'but for whom grant_api named');
-- policies are read and written by functions alone
SELECT ok(NOT has_table_privilege(r, t, p), r || ' has no ' || p || ' on ' || t)
FROM unnest(ARRAY['account.reference_policy', 'account.declared_reference', 'account.removal_task']) t, unnest(ARRAY['tap_nobody', 'tap_app', 'pg_monitor']) r, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p;
SELECT is((SELECT string_agg(proname || ':' || prokind::text || provolatile::text || proparallel::text || CASE WHEN proisstrict THEN 's' ELSE '' END || CASE WHEN prosecdef THEN 'd' ELSE '' END, ' ' ORDER BY proname, oid)
    FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND proname ~ '^(cleanup|purge$|purge_b|export_user|set_reference|reference_|declared_)'),
    'cleanup:fvu cleanup:fvu cleanup_batches:pvu cleanup_graph:fsu cleanup_graph:fsu cleanup_plan:fsu cleanup_plan:fsu declared_reference_changed:fvu export_user:fsu export_user:fsu purge:fvu purge_batches:pvu'
    || ' reference_policy_changed:fvu reference_policy_dropped:fvu reference_policy_renamed:fvu set_reference:fvu set_reference_policy:fvu', 'kind, volatility, parallel safety, strictness');
-- what a statement of a cleanup asks knows nothing outside
SELECT is(account.row_in_set(0, 'pg_class'::regclass, '(0,1)'), false, 'row_in_set knows nothing outside a cleanup');

-- what a caller needs: SELECT and DELETE where rows go, UPDATE where keys are set, nothing where rows stand in the way
CREATE SCHEMA s AUTHORIZATION tap_owner;
CREATE SCHEMA hidden AUTHORIZATION tap_owner;
GRANT USAGE ON SCHEMA s TO tap_nobody;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.p (id int PRIMARY KEY);
CREATE TABLE s.c (id int PRIMARY KEY, p int REFERENCES s.p ON DELETE CASCADE);
CREATE TABLE hidden.bills (id int PRIMARY KEY, p int REFERENCES s.p);
CREATE TABLE hidden.likes (id int PRIMARY KEY, p int REFERENCES s.p ON DELETE SET NULL);
INSERT INTO s.p VALUES (1), (2), (3);
INSERT INTO s.c VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO hidden.bills VALUES (1, 2);
INSERT INTO hidden.likes VALUES (1, 3);
GRANT SELECT ON s.p, s.c TO tap_nobody;
GRANT DELETE ON s.p TO tap_nobody;
SET LOCAL ROLE tap_nobody;
SELECT lives_ok($$SELECT * FROM account.cleanup_plan('s.p', 1)$$, 'a plan needs SELECT alone');
SELECT lives_ok($$SELECT account.cleanup_graph('s.p', 1)$$, 'so does a graph');
SELECT throws_ok($$SELECT * FROM account.cleanup('s.p', 1)$$, '42501', NULL, 'no DELETE on a table of the set');
SET LOCAL ROLE tap_owner;
GRANT DELETE ON s.c TO tap_nobody;
SET LOCAL ROLE tap_nobody;
SELECT results_eq($$SELECT sum(rows) FROM account.cleanup('s.p', 1)$$, 'SELECT 2::numeric', 'no right is needed where nothing references');
SELECT throws_ok($$SELECT * FROM account.cleanup('s.p', 2)$$, '23001', 'protected references stand in the way of removing rows of "p"', 'what cannot be read stands in the way');
SELECT throws_ok($$SELECT * FROM account.cleanup('s.p', 2, true)$$, '42501', NULL, 'and cannot be forced');
SELECT results_eq($$SELECT action, rows FROM account.cleanup_plan('s.p', 3) WHERE via = 'likes_p_fkey'$$, $$VALUES ('set null', 1::bigint)$$, 'a key that is to be set is counted');
SELECT throws_ok($$SELECT * FROM account.cleanup('s.p', 3)$$, '42501', NULL, 'but not set without UPDATE');
SELECT throws_ok($$SELECT account.set_reference_policy('s.c', 'c_p_fkey', 'protect')$$, '42501', NULL, 'a policy needs ownership');
SELECT throws_ok($$SELECT account.set_reference('s.c', '{id}', 's.p', 'protect')$$, '42501', NULL, 'so does a declared reference');
SELECT throws_ok($$SELECT account.purge('s.p')$$, '42501', NULL, 'purge is privileged');
SELECT throws_ok($$TABLE account.reference_policy$$, '42501', NULL, 'policies are not for reading');
SET LOCAL ROLE tap_owner;
GRANT USAGE ON SCHEMA hidden TO tap_nobody;
GRANT SELECT, UPDATE ON hidden.likes TO tap_nobody;
SET LOCAL ROLE tap_nobody;
SELECT results_eq($$SELECT sum(rows) FROM account.cleanup('s.p', 3)$$, 'SELECT 3::numeric', 'with it, it is');
RESET ROLE;
SELECT is((SELECT array_agg(id ORDER BY id) FROM s.p), ARRAY[2], 'what was refused is there');
SELECT is((SELECT p FROM hidden.likes), NULL, 'nothing dangles');
SELECT * FROM finish();
ROLLBACK;
