-- Who may call what of the whole extension, pinned: a new function must be added here. And what an
-- application role without any privilege on the tables may do with the calls that grant_api gives.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SELECT no_plan();
CREATE ROLE nobody_in_particular;
CREATE ROLE application;
SELECT account.grant_api('application');

-- CONTRACT section 12, and what each function needs
CREATE TEMP VIEW ours AS SELECT oid, proname, prosecdef, proconfig, pronargs FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND prokind IN ('f', 'p');
CREATE TEMP TABLE public_call (name) AS SELECT unnest('{http_status,hash_password,verify_password,password_needs_rehash,sign,verify,jwt_sign,jwt_verify,jws_valid,
    verify_access_token,authenticate,sign_out,jwks,uid,tenant_id,claims,claim,user_role,uid_bigint,uid_uuid,tenant_bigint,tenant_uuid,has_module,is_staff,is_authenticated,tenant_role,has_tenant_role,
    enable_tenant_isolation,disable_tenant_isolation,
    enable_soft_delete,disable_soft_delete,restore,soft_delete,is_deleted,deleted,unique_among_live,enable_profile,disable_profile,missing_profiles,
    protect_last_member,unprotect_last_member,cleanup_plan,cleanup,cleanup_graph,plan_hash,set_reference,set_reference_policy,set_erasure,set_purge,doctor,describe}'::name[]);
CREATE TEMP TABLE api_call (name) AS SELECT unnest('{register,login,refresh,logout,revoke_sessions,set_password,
    request_password_reset,reset_password,change_password,request_email_change,confirm_email,request_deletion,confirm_deletion,cancel_deletion,sessions,revoke_session}'::name[]);
CREATE TEMP TABLE privileged_call (name) AS SELECT unnest('{purge,create_key,activate_key,retire_key,export_key,issue_access_token,issue_tokens,act_as,
    use_tables,forget_tables,create_starter,grant_api,grant_dump,place_hold,release_hold,enforce_holds,erase}'::name[]);
SELECT ok(bool_and(has_function_privilege('nobody_in_particular', oid, 'EXECUTE')), name || ': PUBLIC') FROM public_call LEFT JOIN ours ON proname = name GROUP BY name ORDER BY name;
SELECT is(bool_or(has_function_privilege('nobody_in_particular', oid, 'EXECUTE')), false, name || ': not PUBLIC') FROM (TABLE api_call UNION TABLE privileged_call) c LEFT JOIN ours ON proname = name GROUP BY name ORDER BY name;
SELECT ok(bool_and(has_function_privilege('application', oid, 'EXECUTE')), name || ': an application') FROM api_call LEFT JOIN ours ON proname = name GROUP BY name ORDER BY name;
SELECT is(bool_or(has_function_privilege('application', oid, 'EXECUTE')), false, name || ': not an application') FROM privileged_call LEFT JOIN ours ON proname = name GROUP BY name ORDER BY name;

-- and all there is, by who may call it at least: whatever is new has to be put somewhere
CREATE TEMP VIEW audience AS SELECT proname AS name, CASE WHEN has_function_privilege('nobody_in_particular', oid, 'EXECUTE') THEN 'all'
    WHEN has_function_privilege('application', oid, 'EXECUTE') THEN 'application' WHEN has_function_privilege('pg_monitor', oid, 'EXECUTE') THEN 'monitor' ELSE 'owner' END AS who FROM ours;
SELECT set_eq($$SELECT name FROM audience WHERE who = 'application'$$, '{register,login,refresh,logout,revoke_sessions,set_password,delete_user,restore_user,export_user,invite,
    accept_invitation,apply_for_role,review_application,set_client_ip,delete_tenant,restore_tenant,export_tenant,
    request_password_reset,reset_password,change_password,request_email_change,confirm_email,request_deletion,confirm_deletion,cancel_deletion,
    sessions,revoke_session,switch_tenant,memberships,set_member_role,remove_member,transfer_ownership,invitations,revoke_invitation}'::name[],
    'grant_api: the unprivileged calls of accounts, set_password and set_client_ip');
SELECT set_eq($$SELECT name FROM audience WHERE who = 'monitor'$$, '{event_queue,stat_failures,stat_operations}'::name[], 'pg_monitor: what tells');
SELECT set_eq($$SELECT name FROM audience WHERE who = 'owner'$$, '{act_as,activate_key,last_member_findings,create_key,create_starter,export_key,forget_tables,grant_api,grant_dump,issue_access_token,issue_tokens,
    cancel_removal,cleanup_batches,purge_tenants,declared_reference_changed,prune_events,purge,purge_batches,purge_users,retire_key,stats_reset,use_tables,doctor_events,doctor_extension,doctor_isolation,doctor_model,doctor_profile,doctor_purge,doctor_soft_delete,map_again,overdue_rows,event_guard,
    follow_profile_columns,follow_profile_drops,model_changed,model_findings,profile_findings,profile_rule_changed,profile_rule_replaced,reference_policy_changed,
    reference_policy_dropped,reference_policy_renamed,registry_triggers_enabled,signing_key_changed,place_hold,release_hold,enforce_holds,erase,erasure_dropped,erasure_renamed,held_row_changed,noted_erasure,noted_model,unreadable_table_remedy,noted_policies,doctor_hold,hold_ddl_starts,hold_dropped,hold_ddl_ended,parts_attached,trigger_repeated,soft_delete_attached,soft_delete_dropped}'::name[], 'the owner alone');
SELECT set_eq($$SELECT name FROM audience WHERE who = 'all' EXCEPT TABLE public_call$$, '{health,actor,adopt_profile,end_sessions,marks_member,last_member,last_member_user,last_member_tenant,last_member_check,guard_reference,is_preloaded,keep_profile,key_in_set,
    make_profile,marks,marks_profile,refuse_deleted_conflict,refuse_sealed,replace_deleted,replaced_profile,row_in_set,soft_delete_changed,soft_delete_flush,soft_delete_step,soft_delete_tables,
    soft_delete_truncate,erasure_note,hold_delete,hold_removal,hold_update,hold_truncate}'::name[], 'everybody besides: health, and what triggers and statements of owners of tables call');

-- all others are the machinery's: triggers, marks, findings
SELECT is_empty($$SELECT proname FROM ours WHERE prosecdef AND (proconfig IS NULL OR NOT 'search_path=pg_catalog, pg_temp' = ANY (proconfig))$$, 'with another''s rights: never with the caller''s search_path');
SELECT is_empty($$SELECT proname FROM ours WHERE obj_description(oid, 'pg_proc') IS NULL$$, 'every function says what it does');
SELECT is_empty($$SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
    WHERE c.relnamespace = 'account'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'm') AND a.grantee = 0$$, 'PUBLIC reads and writes no table of the extension');
SELECT set_eq($$SELECT c.relname, a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'account'::regnamespace AND a.grantee <> c.relowner$$,
    $$SELECT c.relname, 'pg_database_owner' AS role, 'SELECT' AS privilege FROM pg_extension e JOIN pg_class c ON c.oid = ANY (extconfig) WHERE extname = 'pgaccount'
    UNION ALL VALUES ('stats', 'pg_monitor', 'SELECT'), ('failures', 'pg_monitor', 'SELECT'), ('removal', 'pg_monitor', 'SELECT')$$, 'the database''s owner reads what pg_dump takes, pg_monitor the statistics and removals; nobody anything else');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'account'::regnamespace AND relkind = 'r' AND relname IN ('session', 'session_key', 'signing_key', 'login_failure', 'known_address', 'erasure_key', 'mailed_token', 'session_use')
    AND (has_table_privilege('application', oid, 'SELECT') OR NOT relrowsecurity)$$, 'sessions, keys and attempts are unreadable, to pg_read_all_data too');
SELECT is_empty($$SELECT unnest(extconfig)::regclass FROM pg_extension WHERE extname = 'pgaccount' INTERSECT
    SELECT unnest('{account.session,account.session_key,account.signing_key,account.login_failure,account.known_address,account.erasure_key,account.mailed_token,account.session_use}'::regclass[])$$, 'and in no dump');
SELECT ok('account.model_column'::regclass = ANY (extconfig), 'the mapping is dumped') FROM pg_extension WHERE extname = 'pgaccount';

-- an application that may call, and nothing else
SELECT account.create_starter('app');
SELECT account.create_key();
SET pgaccount.registration_roles = 'student';
INSERT INTO app.tenants (slug) VALUES ('north'), ('south');
SET ROLE application;
SELECT results_eq($$SELECT email FROM account.register('ann@x.org', 'secret123', 'ann', 'north', '{"role": "student"}')$$, ARRAY['ann@x.org'], 'registers');
SELECT email FROM account.register('ben@x.org', 'secret123', 'ben', 'north');
SELECT email FROM account.register('eve@x.org', 'secret123', 'eve', 'south');
SELECT email FROM account.register('tom@x.org', 'secret123', 'tom');
SELECT email FROM account.register('una@x.org', 'secret123', 'una');
RESET ROLE;
CREATE TEMP TABLE pair AS SELECT username AS name, p.* FROM app.users, LATERAL account.login(username, 'secret123') p;
GRANT SELECT ON pair TO application;
SET ROLE application;
SELECT is((SELECT count(*) FROM pair WHERE status = 200), 5::bigint, 'all log in');
SELECT throws_ok($$SELECT count(*) FROM app.users$$, '42501', NULL, 'the tables stay closed');
SELECT throws_ok($$SELECT account.set_password(user_id, 'another1') FROM pair WHERE name = 'ann'$$, 'PT401', NULL, 'nobody sets nobody''s password');
SELECT throws_ok($$SELECT account.revoke_sessions(user_id) FROM pair WHERE name = 'ann'$$, 'PT401', NULL, 'nor ends sessions');

-- who may act on whom: data, each combination asserted
RESET ROLE;
UPDATE app.users SET is_staff = true WHERE username IN ('ben', 'una');
CREATE TEMP TABLE authority (actor text, target text, answer text);
INSERT INTO authority VALUES ('ann', 'ann', 'done'), ('ann', 'ben', 'PT403'), ('ann', 'eve', 'PT403'), ('ann', 'nobody', 'PT403'), ('ann', NULL, 'PT403'),
    ('ben', 'ben', 'done'), ('ben', 'ann', 'done'), ('ben', 'eve', 'PT403'), ('ben', 'tom', 'PT403'), ('ben', 'nobody', 'PT404'), ('ben', NULL, 'PT404'),
    ('una', 'tom', 'done'), ('una', 'ann', 'PT403'), ('tom', 'una', 'PT403'), ('root', 'ann', 'done'), ('root', 'tom', 'done'), ('root', 'nobody', 'PT404'),
    ('ben', 'root', 'PT403'), ('una', 'root', 'PT403'), ('gone', 'gone', 'PT401'), ('off', 'off', 'PT401'), ('root', 'gone', 'PT404'), ('root', 'off', 'done');
SELECT email FROM account.register('root@x.org', 'secret123', 'root'), account.register('gone@x.org', 'secret123', 'gone') g(a, b, c, d), account.register('off@x.org', 'secret123', 'off') o(e, f, g, h);
UPDATE app.users SET is_superuser = true WHERE username = 'root';
CREATE FUNCTION try_authority(a authority, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    target text := CASE a.target WHEN 'nobody' THEN gen_random_uuid()::text ELSE (SELECT id::text FROM app.users WHERE username = a.target) END;
BEGIN
    SET LOCAL pgaccount.show_deleted = on;
    UPDATE app.users SET deleted_at = NULL, is_active = true WHERE username = a.actor;
    target := CASE a.target WHEN 'nobody' THEN gen_random_uuid()::text ELSE (SELECT id::text FROM app.users WHERE username = a.target) END;
    PERFORM account.act_as(id::text) FROM app.users WHERE username = a.actor;
    UPDATE app.users SET deleted_at = CASE WHEN username = 'gone' THEN now() END, is_active = username <> 'off' WHERE username IN ('gone', 'off');
    EXECUTE CASE what WHEN 'set_password' THEN 'SELECT account.set_password($1, ''another1'')' ELSE 'SELECT account.revoke_sessions($1)' END USING target;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT is(try_authority(a, what), a.answer, format('%s by %s on %s', what, a.actor, a.target)) FROM authority a, unnest('{set_password,revoke_sessions}'::text[]) what;

-- ids that are no key of the type
SELECT account.act_as(id::text, false) FROM app.users WHERE username = 'root';
SELECT throws_ok(format('SELECT account.%s', replace(call, '?', quote_nullable(id))), 'PT404', NULL, format('%s: %s', call, left(id, 20)))
FROM unnest('{"set_password(?, ''another1'')","revoke_sessions(?)","issue_tokens(?)","issue_access_token(?)","act_as(?)"}'::text[]) call,
    unnest(ARRAY['', '5', 'x', E'\x01', repeat('a', 1000000), '{', '0190d5a2-7b1c-7e2a-9c3d-1234567890a', NULL]) id;
SELECT account.sign_out();
DROP OWNED BY application, nobody_in_particular;
DROP ROLE application, nobody_in_particular;
SELECT * FROM finish();
