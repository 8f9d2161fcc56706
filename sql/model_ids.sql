-- Another table of users or tenants, or another column that is their id: what names them by the ids before is good for nobody
-- who has such an id now. Each block maps anew, and says what is left.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET pgaccount.login_max_failures = 0;
CREATE SCHEMA mi;
CREATE TABLE mi.tenants (id int PRIMARY KEY, number int UNIQUE, slug text UNIQUE);
CREATE TABLE mi.firms (id int PRIMARY KEY, slug text UNIQUE);
CREATE TABLE mi.users (id int PRIMARY KEY, number int UNIQUE, email text UNIQUE, password text, tenant_id int, firm_id int,
    is_staff boolean NOT NULL DEFAULT false, is_superuser boolean NOT NULL DEFAULT false);
CREATE TABLE mi.people (LIKE mi.users INCLUDING ALL);
CREATE TABLE mi.profiles (user_id int PRIMARY KEY, role text);
CREATE TABLE mi.members (user_id int, tenant_id int, role text, PRIMARY KEY (user_id, tenant_id));
INSERT INTO mi.tenants VALUES (1, 2, 'one'), (2, 1, 'two');
INSERT INTO mi.firms VALUES (1, 'uno'), (2, 'due');
INSERT INTO mi.users SELECT i, 5 - i, n || '@x.org', account.hash_password('secret123'), 1, 2, n = 'root', n = 'root'
    FROM unnest(ARRAY['root', 'ann', 'bob', 'cat']) WITH ORDINALITY AS u (n, i);
INSERT INTO mi.people SELECT 5 - id, id, email, password, tenant_id, firm_id, is_staff, is_superuser FROM mi.users;
INSERT INTO mi.members SELECT id, 1, 'owner' FROM mi.users;
SELECT account.enable_soft_delete('mi.users', hide => false);
SELECT account.create_key('HS256', 'mi') AS kid;
CREATE FUNCTION mi.attempt(statement text, who text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    IF who IS NOT NULL THEN PERFORM account.act_as((SELECT id::text FROM mi.users WHERE email = who || '@x.org')); END IF;
    EXECUTE statement INTO r;
    RETURN r;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
-- what there is of ann, who has logged in twice, and of bob, who is invited and applies; cat deletes itself
CREATE TABLE mi.made (what text, token text);
CREATE FUNCTION mi.make() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM account.session; DELETE FROM account.invitation; DELETE FROM account.role_application; DELETE FROM account.known_address;
    DELETE FROM account.mailed_token; DELETE FROM account.own_deletion; DELETE FROM mi.made;
    UPDATE mi.users SET deleted_at = NULL WHERE deleted_at IS NOT NULL;
    INSERT INTO mi.made SELECT 'refresh', refresh_token FROM account.login('ann@x.org', 'secret123', '192.0.2.1');
    INSERT INTO mi.made SELECT 'access', access_token FROM account.login('ann@x.org', 'secret123', '192.0.2.1');
    INSERT INTO mi.made SELECT 'mailed', token FROM account.request_password_reset('ann@x.org');
    INSERT INTO mi.made SELECT 'invitation', mi.attempt($s$SELECT account.invite('bob@x.org', 'boss')$s$, 'root');
    INSERT INTO mi.made SELECT 'used', mi.attempt($s$SELECT account.invite('bob@x.org', 'clerk')$s$, 'root');
    PERFORM mi.attempt(format('SELECT account.accept_invitation(%L)', token), 'bob') FROM mi.made WHERE what = 'used';
    INSERT INTO mi.made SELECT 'application', mi.attempt($s$SELECT account.apply_for_role('boss')$s$, 'bob');
    PERFORM mi.attempt($s$SELECT account.delete_user('4')$s$, 'cat');
    PERFORM account.sign_out();
END $$;
CREATE FUNCTION mi.left() RETURNS TABLE (refresh text, authenticate text, sessions bigint, mailed bigint, invitations bigint, open bigint,
    applications bigint, in_tenant bigint, deletions bigint, addresses bigint) LANGUAGE sql AS $$
    SELECT (SELECT coalesce(r.error, 'user ' || r.user_id) FROM mi.made, account.refresh(token) AS r WHERE what = 'refresh'),
        (SELECT mi.attempt(format('SELECT account.authenticate(%L)', token)) FROM mi.made WHERE what = 'access'),
        (SELECT count(*) FROM account.session WHERE ended_at IS NULL), (SELECT count(*) FROM account.mailed_token),
        (SELECT count(*) FROM account.invitation), (SELECT count(*) FROM account.invitation WHERE accepted_at IS NULL),
        (SELECT count(*) FROM account.role_application), (SELECT count(tenant_id) FROM account.role_application),
        (SELECT count(*) FROM account.own_deletion), (SELECT count(*) FROM account.known_address)
$$;
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants');
SELECT mi.make();

-- the same again, and other columns and tables than those of ids: all goes on
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants');
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants', columns => '{"tenants": {"slug": null}, "users": {"is_staff": null}}');
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', tenants => 'mi.tenants');
SELECT * FROM mi.left();
-- the table of tenants goes and comes, and members of it, whose tenants are the same
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles');
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants');
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants', members => 'mi.members');
SELECT * FROM mi.left();

-- another column is the id of users
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants', columns => '{"users": {"id": "number"}}');
SELECT * FROM mi.left();
SELECT what, mi.attempt(format(CASE what WHEN 'mailed' THEN 'SELECT account.reset_password(%L, ''secret124'')' ELSE 'SELECT account.accept_invitation(%L)' END, token), CASE what WHEN 'invitation' THEN 'ann' END)
    FROM mi.made WHERE what IN ('mailed', 'invitation');
SELECT mi.attempt(format('SELECT account.review_application(%s, true)', token), 'cat') FROM mi.made WHERE what = 'application';
SELECT status, error FROM account.login('cat@x.org', 'secret124');
-- another table
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants');
SELECT mi.make();
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.people', 'mi.profiles', 'mi.tenants');
SELECT * FROM mi.left();
-- another table of tenants, and another column of it: sessions in tenants end, and open invitations into them
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants');
SELECT mi.make();
UPDATE account.session SET tenant_id = NULL WHERE created_at = (SELECT min(created_at) FROM account.session);
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.firms');
SELECT * FROM mi.left();
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants');
SELECT mi.make();
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', 'mi.tenants', columns => '{"tenants": {"id": "number"}}');
SELECT * FROM mi.left();
-- without such a table it is the column of users, or of members, that says who they are
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', columns => '{"users": {"tenant": "tenant_id"}}');
SELECT mi.make();
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', columns => '{"users": {"tenant": "firm_id"}}');
SELECT refresh, sessions, invitations, open FROM mi.left();
SELECT mi.make();
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', members => 'mi.members');
SELECT refresh, sessions, invitations, open FROM mi.left();

-- the mapping is forgotten: whatever is mapped next
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles');
SELECT mi.make();
SELECT account.forget_tables();
SELECT (SELECT count(*) FROM account.session WHERE ended_at IS NULL) AS sessions, (SELECT count(*) FROM account.mailed_token) AS mailed,
    (SELECT count(*) FROM account.invitation) AS invitations, (SELECT count(*) FROM account.role_application) AS applications,
    (SELECT count(*) FROM account.own_deletion) AS deletions, (SELECT count(*) FROM account.known_address) AS addresses;
SELECT account.forget_tables();
-- the table was dropped
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.people', 'mi.profiles');
SELECT (account.login('ann@x.org', 'secret123')).status;
DROP TABLE mi.people CASCADE;
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles');
SELECT count(*) FROM account.session WHERE ended_at IS NULL;
-- no key, nothing known: nothing is said
DELETE FROM account.signing_key WHERE kid = 'mi';
SELECT count(*) > 0 AS mapped FROM account.use_tables('mi.users', 'mi.profiles', columns => '{"users": {"id": "number"}}');

SET client_min_messages = error;
SELECT account.forget_tables();
DROP SCHEMA mi CASCADE;
DELETE FROM account.session; DELETE FROM account.own_deletion;
