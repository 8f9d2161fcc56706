-- The starter: what it makes, and its row security.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SELECT account.create_starter('st');
SELECT relname, conname, contype FROM pg_constraint c JOIN pg_class r ON r.oid = conrelid WHERE r.relnamespace = 'st'::regnamespace AND contype <> 'n' ORDER BY 1, 2;
SELECT indexrelid::regclass, indisunique, pg_get_expr(indpred, indrelid) AS predicate FROM pg_index WHERE indrelid IN ('st.users'::regclass, 'st.tenants'::regclass, 'st.profiles'::regclass) ORDER BY indexrelid::regclass::text;
SELECT relname, obj_description(oid, 'pg_class') FROM pg_class WHERE relnamespace = 'st'::regnamespace AND relkind = 'r' ORDER BY 1;
SELECT code FROM account.doctor() WHERE object LIKE 'st.%';
INSERT INTO st.tenants (slug) VALUES ('north'), ('south');
INSERT INTO st.users (email, tenant_id, is_staff) SELECT who || '@' || slug, id, who = 'staff' FROM st.tenants, unnest('{staff,ann,ben}'::text[]) who;
INSERT INTO st.users (email) VALUES ('nobody@none');
DELETE FROM st.users WHERE email = 'ben@north';

CREATE ROLE regress_st_app;
GRANT USAGE ON SCHEMA st TO regress_st_app;
GRANT SELECT ON ALL TABLES IN SCHEMA st TO regress_st_app;
GRANT UPDATE (display_name) ON st.profiles TO regress_st_app;
GRANT UPDATE ON st.users TO regress_st_app;
CREATE FUNCTION st.seen_by(who text) RETURNS TABLE (users text, tenants text, profiles bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM account.act_as(id::text) FROM st.users WHERE email = who;
    SET LOCAL ROLE regress_st_app;
    RETURN QUERY SELECT (SELECT string_agg(u.email, ' ' ORDER BY u.email) FROM st.users u), (SELECT string_agg(t.slug, ' ' ORDER BY t.slug) FROM st.tenants t), (SELECT count(*) FROM st.profiles);
    RESET ROLE;
    PERFORM account.sign_out();
END $$;
-- row security is enabled, and does not bind the owner
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relnamespace = 'st'::regnamespace AND relkind = 'r' ORDER BY 1;
SELECT * FROM st.seen_by('ann@north');
SELECT * FROM st.seen_by('staff@north');
SELECT * FROM st.seen_by('staff@south');
SELECT * FROM st.seen_by('nobody@none');
SET ROLE regress_st_app;
SELECT count(*) FROM st.users;
UPDATE st.profiles SET display_name = 'x';
RESET ROLE;
SELECT account.act_as(id::text, false) IS NOT NULL AS acts FROM st.users WHERE email = 'ann@north';
SET ROLE regress_st_app;
UPDATE st.profiles SET display_name = 'Ann';
UPDATE st.users SET is_staff = true;
\set VERBOSITY sqlstate
UPDATE st.profiles SET role = 'admin';	-- fails
RESET ROLE;
-- deleted users are not seen, whatever is shown
SET pgaccount.show_deleted = on;
SELECT * FROM st.seen_by('staff@north');
RESET pgaccount.show_deleted;
SELECT account.sign_out();
SELECT email, is_staff, display_name FROM st.users JOIN st.profiles ON user_id = id WHERE email LIKE 'ann%' ORDER BY 1;
-- the functions of accounts go on, by their owner, also where the owner is forced under it
ALTER TABLE st.users FORCE ROW LEVEL SECURITY;
ALTER TABLE st.profiles FORCE ROW LEVEL SECURITY;
ALTER TABLE st.tenants FORCE ROW LEVEL SECURITY;
CREATE ROLE regress_st_owner;
ALTER SCHEMA st OWNER TO regress_st_owner;
ALTER TABLE st.users OWNER TO regress_st_owner;
ALTER TABLE st.profiles OWNER TO regress_st_owner;
ALTER TABLE st.tenants OWNER TO regress_st_owner;
SELECT account.create_key() IS NOT NULL AS key;
SELECT email, username FROM account.register('new@x.org', 'secret123', 'new', 'north', '{"display_name": "New"}');
SELECT status, error FROM account.login('new', 'secret123') \gset a_
\echo :a_status :a_error
SELECT account.authenticate(access_token) IS NOT NULL AS authenticated, (account.refresh(refresh_token)).status FROM account.login('new', 'secret123');
SET ROLE regress_st_owner;
SELECT count(*) FROM st.users;
RESET ROLE;

-- a tenant goes with its users, and comes back with them; its slug is free meanwhile
DELETE FROM st.tenants WHERE slug = 'south';
SELECT email FROM st.users ORDER BY 1;
SELECT slug FROM st.tenants ORDER BY 1;
INSERT INTO st.tenants (slug) VALUES ('south');
SELECT account.restore('st.tenants', (SELECT d.id FROM account.deleted(NULL::st.tenants) d));	-- fails
SELECT relation, rows FROM account.cleanup('st.tenants', (SELECT id FROM st.tenants WHERE slug = 'south'));
SELECT account.restore('st.tenants', (SELECT u.tenant_id FROM account.deleted(NULL::st.users) u WHERE email = 'ann@south'));
SELECT email FROM st.users ORDER BY 1;
-- its end and its return, by a superuser
UPDATE st.users SET is_superuser = email = 'staff@north';
SELECT account.act_as(id::text, false) IS NOT NULL AS acts FROM st.users WHERE email = 'staff@north';
SELECT account.delete_tenant('south') ->> 'message' AS message;
SELECT count(*) FROM st.users;
SELECT account.restore_tenant('south') - 'tenant_id' - 'restored_at' AS answer;
SELECT count(*) FROM account.export_tenant('south');
SELECT account.delete_tenant('south') ->> 'message' AS message;
SELECT account.sign_out();
SET pgaccount.grace_period = 0;
CALL account.purge_tenants();
RESET pgaccount.grace_period;
SELECT count(*) FROM account.deleted(NULL::st.users) WHERE email LIKE '%@south';
SELECT slug FROM st.tenants UNION ALL SELECT slug FROM account.deleted(NULL::st.tenants) ORDER BY 1;

-- where it cannot be made; what is there is named, and stays
\set VERBOSITY default
SELECT account.create_starter('st');	-- fails
CREATE SCHEMA st_part CREATE VIEW users AS SELECT 1 AS id;
SELECT account.create_starter('st_part');	-- fails
SELECT count(*) AS tables FROM pg_class WHERE relnamespace = 'st_part'::regnamespace;
DROP SCHEMA st_part CASCADE;
SELECT account.create_starter('st2', NULL);	-- fails
SELECT to_regnamespace('st2') IS NULL AS nothing_made;
\set VERBOSITY sqlstate
SELECT account.create_starter('account');	-- fails
SELECT account.create_starter('pg_catalog');	-- fails
SELECT account.create_starter('information_schema');	-- fails
SELECT account.create_starter('');	-- fails
SELECT account.create_starter(NULL);	-- fails
SELECT account.create_starter('St "quoted"');
SELECT DISTINCT relation FROM account.model ORDER BY 1;
SELECT email FROM account.register('q@x.org', 'secret123');
SELECT account.forget_tables();
DROP SCHEMA st, "St ""quoted""" CASCADE;
DROP OWNED BY regress_st_app, regress_st_owner;
DROP ROLE regress_st_app, regress_st_owner;
