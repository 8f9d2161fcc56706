-- Every function with a user_id takes a value of the key's type, and text; and the arguments that a later release needs are there.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE ROLE regress_ids_app;
CREATE SCHEMA ids;
CREATE SCHEMA ids_uuid;
SELECT account.create_key() IS NOT NULL AS key;
SELECT account.grant_api('regress_ids_app');
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
RESET client_min_messages;
CREATE DOMAIN ids.user_no AS integer CHECK (VALUE > 0);
CREATE TABLE ids.users (id integer PRIMARY KEY, email text UNIQUE, password text, is_superuser boolean NOT NULL DEFAULT false);
SELECT account.enable_soft_delete('ids.users');
INSERT INTO ids.users VALUES (1, 'root@x.org', NULL, true), (31, 'ann@x.org', NULL, false), (32, 'ben@x.org', NULL, false);
CREATE TABLE ids_uuid.users (id uuid PRIMARY KEY, email text UNIQUE, password text, is_superuser boolean NOT NULL DEFAULT false);
INSERT INTO ids_uuid.users VALUES ('00000000-0000-0000-0000-000000000001', 'root@x.org', NULL, true), ('00000000-0000-0000-0000-000000000031', 'ann@x.org', NULL, false);
SELECT count(*) > 0 AS mapped FROM account.use_tables('ids.users');

-- the same of each: a value of the key's type, of a type that has the same values, an untyped literal
SELECT account.act_as(1, false), account.act_as('1', false), account.act_as(1::bigint, false), account.act_as(1::smallint, false), account.act_as(1::numeric, false),
    account.act_as(1::ids.user_no, false), account.act_as('1'::varchar, false), account.act_as('1'::char(5), false), account.act_as('1'::name, false), account.act_as('1'::citext, false);
SELECT (account.issue_tokens(31)).status, account.issue_access_token(31, '1 hour', '{"x": 1}') IS NOT NULL AS token;
SELECT account.set_password(31, 'a-right-secret');
SELECT account.export_user(31) -> 'ids.users' -> 0 ->> 'email' AS email;
SELECT account.revoke_sessions(31), account.revoke_sessions(31, true), account.revoke_sessions(user_id => 31);
SELECT account.delete_user(31) - 'deleted_at' - 'purge_after', account.restore_user(31) - 'restored_at';
SELECT account.delete_user(id, reason => 'by column') ->> 'user_id' AS deleted FROM ids.users WHERE id = 32;
SELECT account.restore_user(user_id => 32::bigint, reason => 'named') ->> 'user_id' AS restored;
-- parameters without a type are text
PREPARE by_parameter AS SELECT account.delete_user($1) ->> 'user_id' AS deleted;
EXECUTE by_parameter('32');
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'by_parameter';
SELECT account.restore_user('32') ->> 'user_id' AS restored;
-- and so is NULL; what is no id is nobody's
\set VERBOSITY sqlstate
SELECT account.delete_user(NULL);	-- fails
SELECT account.delete_user(NULL::integer);	-- fails
SELECT account.delete_user(33);	-- fails
SELECT account.delete_user(31.5);	-- fails
SELECT account.delete_user(true);	-- fails
SELECT account.delete_user(ARRAY[31]);	-- fails
SELECT account.delete_user('31'::bytea);	-- fails
SELECT account.delete_user();	-- fails
SELECT account.set_password(33, 'a-right-secret');	-- fails
SELECT account.issue_tokens(33);	-- fails
SELECT account.issue_access_token(33);	-- fails
SELECT account.act_as(33);	-- fails
SELECT account.act_as(repeat('1', 2000));	-- fails
\set VERBOSITY default
SELECT email FROM ids.users ORDER BY id;
-- an application has both forms, others have neither
SELECT account.sign_out();
SET ROLE regress_ids_app;
\set VERBOSITY sqlstate
SELECT account.delete_user(31), account.delete_user('31');	-- fails: no identity
SELECT account.act_as(31);	-- fails
SELECT account.issue_tokens(31);	-- fails
SELECT account.issue_access_token(31);	-- fails
RESET ROLE;
SELECT count(*) AS without_right FROM (VALUES ('delete_user'), ('restore_user'), ('export_user'), ('set_password'), ('revoke_sessions')) AS f (name)
JOIN pg_proc ON proname = name AND pronamespace = 'account'::regnamespace WHERE NOT has_function_privilege('regress_ids_app', oid, 'EXECUTE');
SELECT proname, count(*) FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND 'user_id' = ANY (proargnames[1:pronargs]) GROUP BY 1 HAVING count(*) <> 2;

-- uuid keys
SELECT count(*) > 0 AS mapped FROM account.use_tables('ids_uuid.users');
SELECT account.act_as('00000000-0000-0000-0000-000000000001'::uuid, false) IS NOT NULL AS acts;
SELECT account.export_user('00000000-0000-0000-0000-000000000031'::uuid) -> 'ids_uuid.users' -> 0 ->> 'email' AS email;
SELECT account.export_user(31);	-- fails
SELECT account.sign_out();

-- revoke_sessions(keep_current): the others of the user go, the one that asks stays
SELECT count(*) > 0 AS mapped FROM account.use_tables('ids.users');
SELECT (account.issue_tokens(31)).refresh_token AS first \gset
SELECT t.access_token AS asks, t.refresh_token AS second FROM account.issue_tokens(31) AS t \gset
SELECT account.authenticate(:'asks', false);
SELECT account.revoke_sessions(31, keep_current => true);
SELECT (account.refresh(:'first')).error AS first, (account.refresh(:'second')).status AS second;
SELECT account.revoke_sessions(31, keep_current => true);
SELECT account.revoke_sessions('31', NULL);	-- fails
SELECT account.revoke_sessions('31');
SELECT account.sign_out();
-- who has no session of its own keeps none
SELECT (account.issue_tokens(31)).status;
SELECT account.act_as(31, false);
SELECT account.revoke_sessions(31, keep_current => true);
SELECT account.sign_out();

-- a plan that nobody has approved, and arguments that are left out
SELECT account.cleanup('ids.users', 31, approve => 'x');	-- fails
SELECT account.cleanup('ids.users', '31', false, 'x');	-- fails
SELECT status FROM account.issue_tokens(31, NULL, NULL);
SELECT count(*) FROM account.cleanup('ids.users', 32, false, NULL);
SELECT count(*) > 0 AS mapped FROM account.use_tables('ids.users', NULL, NULL, '{}', NULL);

SET client_min_messages = warning;
SELECT account.forget_tables();
DROP SCHEMA ids CASCADE;
DROP SCHEMA ids_uuid CASCADE;
DROP EXTENSION citext;
DELETE FROM account.session;
DELETE FROM account.signing_key;
DROP OWNED BY regress_ids_app;
DROP ROLE regress_ids_app;
