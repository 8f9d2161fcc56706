-- Users who are being removed in batches count as deleted from the moment their tenant, or they themselves, are sealed.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
\set SHOW_CONTEXT never
SELECT account.create_starter('cbu') \g /dev/null
SELECT account.create_key('HS256', 'cbu') \g /dev/null
INSERT INTO cbu.tenants (slug) VALUES ('north'), ('south');
SELECT user_id AS ann FROM account.register('ann@x.org', 'secret123', 'ann', 'north') \gset
SELECT user_id AS bob FROM account.register('bob@x.org', 'secret123', 'bob', 'south') \gset
SELECT user_id AS carl FROM account.register('carl@x.org', 'secret123', 'carl', 'south') \gset
CREATE TABLE cbu.posts (id int PRIMARY KEY, who uuid REFERENCES cbu.users ON DELETE CASCADE);
CREATE INDEX ON cbu.posts (who);
INSERT INTO cbu.posts SELECT i, :'ann' FROM generate_series(1, 30) i;
INSERT INTO cbu.posts SELECT i, :'carl' FROM generate_series(31, 60) i;
SELECT refresh_token AS ann_token, access_token AS ann_access FROM account.login('ann', 'secret123') \gset
SELECT refresh_token AS carl_token FROM account.login('carl', 'secret123') \gset
CREATE FUNCTION pg_temp.state(OUT state text, OUT done bigint, OUT remaining bigint) LANGUAGE sql AS 'SELECT state, done, remaining FROM account.removal ORDER BY id DESC LIMIT 1';

-- the user itself: it is deleted softly, and its posts go
CALL account.cleanup_batches('cbu.users', :'ann', batch_size => 10, max_runtime => '0');
SELECT * FROM pg_temp.state();
SELECT status, error FROM account.login('ann', 'secret123');
SELECT status, error FROM account.refresh(:'ann_token');
\set VERBOSITY sqlstate
SELECT account.authenticate(:'ann_access'); -- fails
\set VERBOSITY default
SELECT count(*) FROM cbu.users WHERE username = 'ann';
CALL account.cleanup_batches('cbu.users', :'ann', batch_size => 10);
SELECT * FROM pg_temp.state();
SELECT type, detail ->> 'deletion' AS deletion FROM account.event WHERE subject = :'ann' AND type LIKE 'user_%' AND type <> 'user_registered' ORDER BY id;

-- its tenant, a table without soft delete: those who follow it later
SELECT account.set_reference_policy('cbu.users', 'users_tenant_id_fkey', 'cascade');
SELECT id AS south FROM cbu.tenants WHERE slug = 'south' \gset
SELECT status, error FROM account.login('bob', 'secret123');
CALL account.cleanup_batches('cbu.tenants', :'south', batch_size => 10, max_runtime => '0');
SELECT * FROM pg_temp.state();
SELECT count(*) AS users FROM cbu.users WHERE tenant_id = :'south';
SELECT status, error FROM account.login('bob', 'secret123');
SELECT status, error FROM account.login('carl', 'secret123');
SELECT status, error FROM account.refresh(:'carl_token');
SELECT status FROM account.issue_tokens(:'bob'); -- fails
SELECT count(*) AS open_sessions FROM account.session WHERE ended_at IS NULL;
\set VERBOSITY sqlstate
SELECT user_id FROM account.register('dora@x.org', 'secret123', 'dora', 'south'); -- fails
\set VERBOSITY default
-- cancelled, they are users again, once the tenant is back
SELECT account.cancel_removal((SELECT max(id) FROM account.removal)) \g /dev/null
SELECT status, error FROM account.login('bob', 'secret123');
SELECT account.restore('cbu.tenants', :'south');
SELECT status, error FROM account.login('bob', 'secret123');
CALL account.cleanup_batches('cbu.tenants', :'south', batch_size => 10);
SELECT * FROM pg_temp.state();
SELECT count(*) AS users FROM cbu.users;
SELECT count(*) AS open_sessions FROM account.session WHERE ended_at IS NULL;

SELECT account.forget_tables() \g /dev/null
DROP SCHEMA cbu CASCADE;
DELETE FROM account.session;
DELETE FROM account.signing_key;
DELETE FROM account.removal_task;
DELETE FROM account.event;
