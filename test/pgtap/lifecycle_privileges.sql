-- Who may call and read what of the lifecycle, pinned: a new function or table must be added here.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(15);

CREATE TEMP VIEW ours AS
SELECT p.oid, p.proname, p.provolatile, p.proparallel, p.prosecdef, p.proisstrict, has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_proc p WHERE p.pronamespace = 'account'::regnamespace
	AND p.proname IN ('delete_user', 'restore_user', 'purge_users', 'invite', 'accept_invitation', 'apply_for_role', 'review_application');
CREATE ROLE regress_lp_app;
CREATE ROLE regress_lp_reader IN ROLE pg_read_all_data, pg_monitor;
SELECT account.grant_api('regress_lp_app');

SELECT is(count(*), 9::bigint, 'all functions are there, each once, and those of a user for values of the key''s type') FROM ours;
SELECT is_empty('SELECT proname FROM ours WHERE public', 'none is PUBLIC''s');
SELECT set_eq($$SELECT proname FROM ours WHERE has_function_privilege('regress_lp_app', oid, 'EXECUTE')$$,
	ARRAY['delete_user', 'restore_user', 'invite', 'accept_invitation', 'apply_for_role', 'review_application']::name[], 'grant_api grants all but the purge');
SELECT is_empty($$SELECT proname FROM ours WHERE has_function_privilege('regress_lp_reader', oid, 'EXECUTE')$$, 'who reads or monitors may call none');
SELECT is_empty('SELECT proname FROM ours WHERE prosecdef', 'none changes the role for its whole run');
SELECT is_empty($$SELECT proname FROM ours WHERE provolatile <> 'v' OR proparallel <> 'u'$$, 'all are volatile, and not for parallel workers');
SELECT is_empty('SELECT proname FROM ours WHERE proisstrict', 'none passes a NULL in silence');
SELECT is_empty($$SELECT proname FROM ours WHERE obj_description(oid, 'pg_proc') IS NULL$$, 'every function says what it does');
SELECT is_empty($$SELECT proname FROM ours WHERE obj_description(oid, 'pg_proc') NOT LIKE '%Errors:%'$$, 'and what it refuses');
SELECT set_eq($$SELECT c.relname, a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))) a
	WHERE c.relnamespace = 'account'::regnamespace AND c.relname ~ '^(invitation|role_application)' AND c.relkind IN ('r', 'S') AND a.grantee <> c.relowner$$,
	$$SELECT unnest('{invitation,invitation_id_seq,role_application,role_application_id_seq}'::name[]), 'pg_database_owner' AS role, 'SELECT' AS privilege$$,
	'the tables and sequences are the owner''s, and read by who dumps the database; but not the hashes of tokens');
SELECT set_eq($$SELECT c.relname FROM pg_class c JOIN pg_extension e ON c.oid = ANY (e.extconfig) WHERE e.extname = 'pgaccount' AND c.relname ~ '^(invitation|role_application)'$$,
	ARRAY['invitation', 'invitation_id_seq', 'role_application', 'role_application_id_seq']::name[], 'and go with a dump');
SELECT ok(relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid), 'the hashes of tokens do not, and are shut to pg_read_all_data by row security') FROM pg_class c WHERE oid = 'account.invitation_token'::regclass;
SELECT ok(obj_description('account.invitation'::regclass) IS NOT NULL AND obj_description('account.role_application'::regclass) IS NOT NULL, 'the tables say what they hold');
SELECT is(current_setting('pgaccount.require_confirmation'), 'off', 'confirmation is off by default');
SET LOCAL ROLE regress_lp_app;
SELECT throws_ok('SET pgaccount.require_confirmation = off', '42501', NULL, 'and no matter of the application''s role');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
