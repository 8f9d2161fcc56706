-- Of a user that is removed for good, events alone stay, and that its sessions have ended.
SET client_min_messages = error;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
CREATE SCHEMA pt;
CREATE TABLE pt.users (id int PRIMARY KEY, email text, password text, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false, is_active boolean DEFAULT true);
INSERT INTO pt.users (id, email, is_superuser) SELECT i, 'u' || i || '@Example.org', i = 1 FROM generate_series(1, 6) AS i;
SELECT account.enable_soft_delete('pt.users');
SELECT count(*) > 0 AS mapped FROM account.use_tables('pt.users');
SELECT account.create_key(kid => 'traces') AS kid;
-- what there is of each table, by the ids and addresses in it
CREATE VIEW pt.traces AS
    SELECT 'session' AS t, user_id AS who FROM account.session WHERE ip IS NOT NULL OR user_agent IS NOT NULL
    UNION ALL SELECT 'application', user_id FROM account.role_application
    UNION ALL SELECT 'invitation', concat_ws(' ', email, 'by', invited_by, 'to', accepted_by) FROM account.invitation;
DELETE FROM account.session; DELETE FROM account.role_application; DELETE FROM account.invitation;
SELECT status FROM generate_series(1, 6) AS i, account.issue_tokens(i::text, '192.0.2.1');
SELECT refresh_token FROM account.issue_tokens('6', '192.0.2.1') \gset
CREATE FUNCTION pt.as_user(who int, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    PERFORM account.act_as(who::text);
    EXECUTE statement INTO result;
    RETURN result;
END $$;
SELECT pt.as_user(i, $$SELECT account.apply_for_role('editor', 'let me in') > 0$$) FROM generate_series(2, 6) AS i;
-- accepted; open for somebody who is no user; expired; open; made by one who goes
SELECT pt.as_user(2, format('SELECT account.accept_invitation(%L) ->> ''status''', pt.as_user(1, $$SELECT account.invite('U2@example.org', 'editor')$$)));
SELECT pt.as_user(1, $$SELECT account.invite('new@example.org', 'editor') IS NOT NULL$$);
SELECT pt.as_user(1, $$SELECT account.invite('u3@example.ORG', 'editor') IS NOT NULL$$);
UPDATE account.invitation SET expires_at = now() - interval '1 hour' WHERE email = 'u3@example.ORG';
SELECT pt.as_user(1, $$SELECT account.invite('u4@example.org', 'editor') IS NOT NULL$$);
UPDATE pt.users SET is_superuser = true WHERE id = 5;
SELECT pt.as_user(5, $$SELECT account.invite('other@example.org', 'editor') IS NOT NULL$$);
SELECT pt.as_user(6, format('SELECT account.accept_invitation(%L) ->> ''status''', pt.as_user(5, $$SELECT account.invite('u6@example.org', 'editor')$$)));
SELECT t, string_agg(who, ', ' ORDER BY who COLLATE "C") AS who FROM pt.traces GROUP BY t ORDER BY t;
-- a deleted user can come back: all is kept
DELETE FROM pt.users WHERE id BETWEEN 2 AND 5;
SELECT t, string_agg(who, ', ' ORDER BY who COLLATE "C") AS who FROM pt.traces GROUP BY t ORDER BY t;
-- one that is removed cannot; a purge that is rolled back removes nothing
BEGIN;
SELECT account.purge('pt.users', '0');
SELECT count(*) FROM pt.traces;
ROLLBACK;
SELECT count(*) FROM pt.traces;
SET pgaccount.log_events = off;
SELECT account.purge('pt.users', '0');
RESET pgaccount.log_events;
SELECT t, string_agg(who, ', ' ORDER BY who COLLATE "C") AS who FROM pt.traces GROUP BY t ORDER BY t;
SELECT (SELECT count(*) FROM account.invitation_token) = (SELECT count(*) FROM account.invitation) AS tokens_went_along;
-- one that is given the same id is nobody's heir
INSERT INTO pt.users (id, email) VALUES (3, 'heir@example.org');
SELECT count(*) FROM account.role_application WHERE user_id = '3';
-- one by one, by a plain statement, in a table that has no soft delete; partitions: who moves stays
SELECT account.disable_soft_delete('pt.users');
DELETE FROM pt.users WHERE id = 6;
SELECT status, error FROM account.refresh(:'refresh_token');
SELECT t, string_agg(who, ', ' ORDER BY who COLLATE "C") AS who FROM pt.traces GROUP BY t ORDER BY t;
CREATE TABLE pt.parted (id int, region text, username text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE pt.parted_a PARTITION OF pt.parted FOR VALUES IN ('a');
CREATE TABLE pt.parted_b PARTITION OF pt.parted FOR VALUES IN ('b');
SELECT count(*) > 0 AS mapped FROM account.use_tables('pt.parted');
INSERT INTO pt.parted VALUES (1, 'a', 'one'), (2, 'a', 'two');
SELECT status FROM generate_series(1, 2) AS i, account.issue_tokens(i::text, '192.0.2.1');
SELECT pt.as_user(i, $$SELECT account.apply_for_role('editor') > 0$$) FROM generate_series(1, 2) AS i;
INSERT INTO account.invitation (email, role, grants, invited_by, expires_at) VALUES ('TWO', 'r', '{}', '1', now());
UPDATE pt.parted SET region = 'b' WHERE id = 1;
DELETE FROM pt.parted_a WHERE id = 2;
SELECT t, who FROM pt.traces WHERE who !~ '@' ORDER BY t, who;
-- sessions that have ended are dropped by the logins of others, a day after they would have expired
SELECT count(*) > 0 AS bare, count(*) FILTER (WHERE ended_at IS NULL) AS live FROM account.session WHERE user_id NOT IN ('1', '3');
UPDATE account.session SET expires_at = now() - interval '23 hours' WHERE user_id = '6';
UPDATE account.session SET expires_at = now() - interval '25 hours' WHERE user_id = '2';
DO $$
BEGIN
    FOR i IN 1 .. 5000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM account.session WHERE user_id = '2');
        PERFORM account.issue_tokens('1');
    END LOOP;
END $$;
SELECT user_id, count(*) > 0 AS is_there FROM account.session WHERE user_id IN ('2', '6') GROUP BY user_id;

SELECT account.forget_tables();
DELETE FROM account.session; DELETE FROM account.role_application; DELETE FROM account.invitation;
DROP SCHEMA pt CASCADE;
DELETE FROM account.signing_key WHERE kid = 'traces';
