-- Who may call and read what of keys, tokens and identity, pinned: a new function must be added here.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(11);

CREATE TEMP VIEW ours AS
SELECT p.oid, p.proname, p.provolatile, p.proparallel, p.prosecdef, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_proc p
WHERE p.pronamespace = 'account'::regnamespace
	AND p.proname IN ('create_key', 'activate_key', 'retire_key', 'export_key', 'signing_key_changed', 'jwks', 'jwt_sign', 'jwt_verify', 'jws_valid', 'sign', 'verify',
		'verify_access_token', 'authenticate', 'sign_out', 'uid', 'tenant_id', 'claims', 'claim', 'user_role', 'uid_bigint', 'uid_uuid', 'tenant_bigint', 'tenant_uuid',
		'has_module', 'is_staff', 'is_authenticated', 'enable_tenant_isolation', 'disable_tenant_isolation');

SELECT is(count(*), 28::bigint, 'all functions are there, each once') FROM ours;
SELECT set_eq($$SELECT proname FROM ours WHERE NOT public$$,
	ARRAY['create_key', 'activate_key', 'retire_key', 'export_key', 'signing_key_changed']::name[], 'privileged: the keys, and nothing else');
SELECT set_eq($$SELECT proname FROM ours WHERE prosecdef$$, ARRAY['create_key', 'activate_key', 'retire_key']::name[], 'with the owner''s rights: those that write keys');
SELECT is_empty($$SELECT proname FROM ours WHERE prosecdef AND proconfig IS DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp']$$, 'and each of them with a search_path of its own');
SELECT set_eq($$SELECT proname FROM ours WHERE provolatile = 'i'$$, ARRAY['jwt_sign', 'jws_valid', 'sign']::name[], 'immutable: what looks at no clock and no identity');
SELECT set_eq($$SELECT proname FROM ours WHERE provolatile = 's'$$, ARRAY['jwks', 'uid', 'tenant_id', 'claims', 'claim', 'user_role', 'uid_bigint', 'uid_uuid', 'tenant_bigint', 'tenant_uuid',
	'has_module', 'is_staff', 'is_authenticated']::name[], 'stable: the helpers');
SELECT set_eq($$SELECT proname FROM ours WHERE proparallel <> 's'$$, ARRAY['create_key', 'activate_key', 'retire_key', 'export_key', 'signing_key_changed', 'authenticate', 'sign_out',
	'enable_tenant_isolation', 'disable_tenant_isolation']::name[], 'not in parallel workers: what writes');
SELECT is_empty($$SELECT proname FROM ours WHERE obj_description(oid, 'pg_proc') IS NULL$$, 'every function says what it does');
SELECT is_empty($$SELECT a.grantee FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
	WHERE c.oid = 'account.signing_key'::regclass AND a.grantee <> c.relowner$$, 'the keys are the owner''s alone');
SELECT ok(relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid), 'and shut to pg_read_all_data by row security') FROM pg_class c WHERE oid = 'account.signing_key'::regclass;
SELECT ok(NOT 'account.signing_key'::regclass = ANY (coalesce(extconfig, '{}')), 'and in no dump') FROM pg_extension WHERE extname = 'pgaccount';

SELECT * FROM finish();
ROLLBACK;
