-- Soft delete with what PostgreSQL 19 brought: ON CONFLICT DO SELECT. Older servers pass it over: soft_delete_19_1.out.
SELECT current_setting('server_version_num')::int >= 190000 AS has_it
\gset
\if :has_it
SET client_min_messages = warning;
CREATE ROLE regress_sd19_owner;
CREATE SCHEMA sd19 AUTHORIZATION regress_sd19_owner;
SET ROLE regress_sd19_owner;
SET search_path = sd19;
\set VERBOSITY sqlstate
CREATE TABLE users (id int PRIMARY KEY, email text, note text);
SELECT account.enable_soft_delete('users');
CREATE UNIQUE INDEX users_email_live ON users (email) WHERE deleted_at IS NULL;
INSERT INTO users VALUES (1, 'ann', 'live'), (2, 'bob', 'deleted');
DELETE FROM users WHERE id = 2;
-- do_select_returns_no_deleted_row ------------------------------------------------------------------------------
INSERT INTO users VALUES (1, 'ann', 'new') ON CONFLICT (id) DO SELECT RETURNING id, note;
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT RETURNING id, note; -- fails
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT FOR UPDATE RETURNING id, note; -- fails
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT WHERE users.note = 'none' RETURNING id; -- fails
WITH made AS (INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT RETURNING id) SELECT * FROM made; -- fails
PREPARE ensure(int) AS INSERT INTO users VALUES ($1, 'p', 'prepared') ON CONFLICT (id) DO SELECT RETURNING id, note;
EXECUTE ensure(1);
EXECUTE ensure(2); -- fails
-- do_select_infers_the_index_over_live_rows ---------------------------------------------------------------------
INSERT INTO users VALUES (3, 'ann', 'other') ON CONFLICT (email) DO SELECT RETURNING id, note;
INSERT INTO users VALUES (4, 'bob', 'again') ON CONFLICT (email) DO SELECT RETURNING id, note;
-- do_select_sees_what_is_shown ----------------------------------------------------------------------------------
SET pgaccount.show_deleted = on;
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT RETURNING id, note;
RESET pgaccount.show_deleted;
-- do_select_takes_the_row_that_replaces_the_deleted_one -----------------------------------------------------------
SELECT account.enable_soft_delete('users', on_reinsert => 'replace');
INSERT INTO users VALUES (2, 'rob', 'replaced') ON CONFLICT (id) DO SELECT RETURNING id, note;
SELECT id, email, note FROM users ORDER BY id;
\set VERBOSITY default
RESET ROLE;
DROP SCHEMA sd19 CASCADE;
DROP ROLE regress_sd19_owner;
\endif
