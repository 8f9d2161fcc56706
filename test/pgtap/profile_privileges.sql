-- Who may call what of automatic profiles, and what each object says of itself.
BEGIN;
SELECT no_plan();
CREATE ROLE nobody_in_particular;

SELECT is(has_function_privilege('nobody_in_particular', ('account.' || f)::regprocedure, 'EXECUTE'), true, f || ': PUBLIC may call it')
FROM (VALUES ('enable_profile(regclass, regclass, name, jsonb, boolean)'), ('disable_profile(regclass, regclass)'), ('missing_profiles(regclass)'),
    ('marks_profile(regclass)'), ('marks_profile(regclass, "any")'), ('replaced_profile(regclass, "any")'),
    ('make_profile()'), ('adopt_profile()'), ('keep_profile()')) v(f);
SELECT is(has_function_privilege('nobody_in_particular', ('account.' || f)::regprocedure, 'EXECUTE'), false, f || ': the owner alone')
FROM (VALUES ('profile_rule_changed()'), ('profile_rule_replaced()'), ('follow_profile_columns()'), ('follow_profile_drops()'),
    ('registry_triggers_enabled()')) v(f);
SELECT table_privs_are('account', t, 'nobody_in_particular', '{}'::text[], t || ': only enable_profile writes it, nobody reads it')
FROM (VALUES ('profile_rule'), ('profile_default')) v(t);

SELECT is(array_agg(proname ORDER BY proname) FILTER (WHERE prosecdef), NULL, 'no SECURITY DEFINER')
FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND proname LIKE '%profile%';
SELECT is(array_agg(proname ORDER BY proname) FILTER (WHERE obj_description(oid, 'pg_proc') IS NULL), NULL, 'every function has a comment')
FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND proname LIKE '%profile%';
SELECT is(concat_ws(' ', provolatile, proisstrict, proparallel), 'i f s', 'marks_profile is immutable, takes NULL, is parallel safe')
FROM pg_proc WHERE oid = 'account.marks_profile(regclass, "any")'::regprocedure;
SELECT is(array_agg(c::regclass::text ORDER BY c::regclass::text), ARRAY['account.profile_default', 'account.profile_rule'], 'the registry is dumped')
FROM pg_extension, unnest(extconfig) c WHERE extname = 'pgaccount' AND c::regclass::text LIKE '%profile%';

-- what a role gets that does not own the tables: 42501, and never a profile made with another's rights
CREATE TABLE u (id int PRIMARY KEY);
CREATE TABLE p (user_id int PRIMARY KEY);
SELECT account.enable_profile('u', 'p');
GRANT TRIGGER, SELECT, INSERT ON u TO nobody_in_particular;
SET LOCAL ROLE nobody_in_particular;
SELECT throws_ok($$ SELECT account.enable_profile('u', 'p') $$, '42501', NULL, 'enabling needs the ownership');
SELECT throws_ok($$ SELECT account.disable_profile('u', 'p') $$, '42501', NULL, 'so does disabling');
SELECT throws_ok($$ SELECT * FROM account.missing_profiles('u') $$, '42501', NULL, 'missing_profiles reads with the caller''s privileges');
SELECT throws_ok($$ INSERT INTO account.profile_rule VALUES ('u', 'p', true) $$, '42501', NULL, 'the registry cannot be written');
SELECT lives_ok($$ INSERT INTO u VALUES (1) $$, 'registering needs nothing but the right on users');
SELECT throws_ok($$ SELECT * FROM p $$, '42501', NULL, 'and gives no right on profiles');
RESET ROLE;
SELECT results_eq('SELECT user_id FROM p', ARRAY[1], 'the profile is there');
SELECT * FROM finish();
ROLLBACK;
