-- Default privileges of the installing role, hardened or careless, change nothing of who may what of the
-- extension, and nothing of what works.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, pg_catalog;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SELECT no_plan();
CREATE ROLE dp_other;
CREATE ROLE dp_owner;
CREATE ROLE dp_user;

-- every privilege on every member of the extension, and what pg_dump takes for the state of the installation; from 17 on
-- the row types of tables and the types of arrays are members, too, which have no privileges of their own
CREATE VIEW picture AS
WITH member AS (SELECT classid, objid, pg_describe_object(classid, objid, 0) AS name FROM pg_depend
        WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount')),
    granted AS (SELECT m.name, 'now' AS at, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM member m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = objid
        UNION ALL SELECT m.name, 'now', coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = objid
        UNION ALL SELECT m.name || ' ' || attname, 'now', attacl FROM member m JOIN pg_attribute a ON m.classid = 'pg_class'::regclass AND attrelid = objid
        UNION ALL SELECT m.name, 'now', coalesce(proacl, acldefault('f', proowner)) FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = objid
        UNION ALL SELECT m.name, 'now', coalesce(typacl, acldefault('T', typowner)) FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = objid
            WHERE typelem = 0 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND relkind <> 'c')
        UNION ALL SELECT m.name, 'installed', initprivs FROM member m JOIN pg_init_privs i ON i.classoid = m.classid AND i.objoid = objid)
SELECT name, at, grantor::regrole::text, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee, privilege_type, is_grantable FROM granted, aclexplode(acl);
CREATE TEMP TABLE plain AS TABLE picture;

SELECT cmp_ok((SELECT count(*) FROM plain), '>', 500::bigint, 'there is much to compare');
SELECT is_empty($$SELECT p.proname FROM pg_proc p WHERE pronamespace = 'account'::regnamespace AND proacl IS NULL$$, 'no function relies on what PUBLIC has by default');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'v', 'S') AND relacl IS NULL$$, 'nor table');
SELECT is_empty($$SELECT name, at FROM plain WHERE grantee NOT IN ('PUBLIC', 'pg_monitor', 'pg_database_owner', current_user)$$, 'no other role has anything');
SELECT set_eq($$SELECT name, privilege_type FROM plain WHERE at = 'now' AND grantee = 'PUBLIC' AND privilege_type <> 'EXECUTE'$$,
    $$VALUES ('schema account', 'USAGE'), ('type account.token_pair', 'USAGE')$$, 'PUBLIC may name the schema and the answer of login, and call what it may call');

-- the same for each kind of object, by the words that take and give
CREATE FUNCTION altered(what text, VARIADIC kinds text[] DEFAULT '{TABLES,SEQUENCES,ROUTINES,TYPES,SCHEMAS}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY kinds LOOP
        EXECUTE format('ALTER DEFAULT PRIVILEGES ' || what, kind);
    END LOOP;
END $$;
CREATE FUNCTION again(name text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    DROP EXTENSION pgaccount;
    CREATE EXTENSION pgaccount;
    RETURN NEXT set_eq('TABLE picture', 'TABLE plain', name);
END $$;
SAVEPOINT s;
SELECT again('installed again');
SELECT altered('REVOKE ALL ON %s FROM PUBLIC');
SELECT again('nothing for PUBLIC by default');
ROLLBACK TO s;
SELECT altered('GRANT ALL ON %s TO PUBLIC');
SELECT again('everything for PUBLIC by default');
ROLLBACK TO s;
SELECT altered('REVOKE ALL ON %s FROM CURRENT_USER');
SELECT again('nothing for the owner by default');
ROLLBACK TO s;
SELECT altered('REVOKE ALL ON %s FROM PUBLIC');
SELECT altered('GRANT ALL ON %s TO dp_other WITH GRANT OPTION');
SELECT again('everything for another role by default');
SELECT altered('GRANT ALL ON %s TO pg_monitor, pg_database_owner, "public", dp_owner');
SELECT again('... and for roles that have a little, and for PUBLIC');
-- the schema is another one afterwards
SELECT altered(format('IN SCHEMA %s GRANT ALL ON %%s TO PUBLIC, dp_other', s), 'TABLES', 'SEQUENCES', 'ROUTINES', 'TYPES') FROM unnest('{account,public,pg_catalog}'::text[]) s;
SELECT again('... and in schemas');
ROLLBACK TO s;
SELECT is_empty($$TABLE picture EXCEPT TABLE plain$$, 'and back');

-- hardened, and all of it works: for a table's owner, for who uses the tables, for an application
SELECT altered('REVOKE ALL ON %s FROM PUBLIC', 'ROUTINES', 'TYPES');
SELECT again('hardened');
CREATE SCHEMA dp AUTHORIZATION dp_owner;
GRANT USAGE ON SCHEMA dp TO dp_user;
SET LOCAL ROLE dp_owner;
SET LOCAL search_path = dp, public;
CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE, password text, deleted_at timestamptz);
CREATE TABLE profiles (user_id bigint UNIQUE NOT NULL REFERENCES users ON DELETE CASCADE, bio text);
CREATE TABLE posts (id bigint PRIMARY KEY, author bigint REFERENCES users ON DELETE CASCADE);
CREATE TABLE tags (post bigint REFERENCES posts, tag text, PRIMARY KEY (post, tag));
CREATE TABLE notes (id bigint PRIMARY KEY, tenant_id text);
SELECT lives_ok($$SELECT account.enable_soft_delete('users', children => true, guard_references => true), account.enable_profile('users', 'profiles'), account.unique_among_live('users', 'email'),
    account.set_reference_policy('tags', 'tags_post_fkey', 'cascade'), account.enable_tenant_isolation('notes')$$, 'a table''s owner enables everything');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dp TO dp_user;
RESET ROLE;
SET LOCAL ROLE dp_user;
SELECT lives_ok($$INSERT INTO users VALUES (1, 'a@x.org'), (2, 'b@x.org'); INSERT INTO posts VALUES (1, 1), (2, 2)$$, 'INSERT');
SELECT results_eq('SELECT user_id FROM profiles ORDER BY 1', '{1,2}'::bigint[], '... with its profiles');
SELECT lives_ok($$INSERT INTO profiles VALUES (1, 'mine'); UPDATE profiles SET bio = 'yours' WHERE user_id = 2$$, 'a profile of one''s own');
SELECT lives_ok($$DELETE FROM users WHERE id = 1$$, 'DELETE');
SELECT results_eq('SELECT id FROM posts', '{2}'::bigint[], '... and what follows it');
SELECT throws_ok($$INSERT INTO posts VALUES (3, 1)$$, '23503', NULL, 'references are guarded');
SELECT is(account.is_deleted('users', 1), true, 'is_deleted');
SELECT is((SELECT count(*) FROM account.deleted(NULL::users)), 1::bigint, 'deleted');
SELECT is(account.restore('users', '1') > 1, true, 'restore');
SELECT is((SELECT count(*) FROM account.cleanup_plan('users', 1)) > 1, true, 'cleanup_plan');
SELECT throws_ok($$SELECT * FROM account.cleanup('users', 1)$$, '42501', 'rows of "users" cannot be removed for good', 'cleanup: called, and refused for what it is about');
SELECT is(account.verify_password('secret123', account.hash_password('secret123')), true, 'passwords');
SELECT is(account.jws_valid(account.jwt_sign('{}', repeat('k', 32)::bytea), repeat('k', 32)::bytea), true, 'tokens');
SELECT is(account.uid(), NULL, 'identity');
SELECT throws_ok(call, '42501', NULL, call) FROM unnest('{"SELECT account.login(NULL, NULL)",SELECT account.create_key(),TABLE account.session,TABLE account.session_key,
    TABLE account.signing_key,TABLE account.login_failure,TABLE account.event,TABLE account.invitation_token,"SELECT nextval(''account.event_id_seq'')"}'::text[]) call;
RESET ROLE;
SELECT account.create_starter('dp_app'), account.create_key(), account.grant_api('dp_user') \g /dev/null
SET LOCAL ROLE dp_user;
SELECT lives_ok($$CREATE TEMP TABLE pair AS SELECT p.* FROM account.register('a@x.org', 'secret123'), LATERAL account.login('a@x.org', 'secret123') p$$, 'an application registers and logs in');
SELECT lives_ok($$SELECT account.authenticate(access_token) FROM pair$$, '... and is known');
RESET ROLE;

-- taken from PUBLIC afterwards, the calls are an application's all the same
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA account FROM PUBLIC;
SELECT account.grant_api('dp_user') \g /dev/null
SELECT set_eq($$SELECT proname FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND has_function_privilege('dp_user', oid, 'EXECUTE')$$,
    '{register,login,refresh,logout,revoke_sessions,set_password,set_client_ip,authenticate,sign_out,uid,tenant_id,claims,claim,user_role,uid_bigint,uid_uuid,tenant_bigint,tenant_uuid,has_module,
    is_staff,is_authenticated,enable_tenant_isolation,disable_tenant_isolation,delete_user,restore_user,export_user,invite,accept_invitation,apply_for_role,review_application,delete_tenant,restore_tenant,export_tenant,
    request_password_reset,reset_password,change_password,request_email_change,confirm_email,request_deletion,confirm_deletion,cancel_deletion,sessions,revoke_session,
    tenant_role,has_tenant_role,switch_tenant,memberships,set_member_role,remove_member,transfer_ownership,invitations,revoke_invitation}'::name[],
    'grant_api grants the unprivileged calls of accounts, set_password and set_client_ip');
SELECT * FROM finish();
ROLLBACK;
