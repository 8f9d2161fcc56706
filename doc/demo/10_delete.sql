\pset footer off
\echo '======================================================================================'
\echo ' Story 1. Deleting a user'
\echo '======================================================================================'
\echo
\echo '--- Without pgaccount, Ann cannot be deleted: her clients and deals stand in the way. The page answers 500.'
\echo
\set ON_ERROR_STOP 0
DELETE FROM app.users WHERE email = 'ann@example.org';
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
\echo '--- Bob has no deals, so he can be: and his posts, his subscription, his history go with him.'
\echo
SELECT (SELECT count(*) FROM app.posts WHERE author_id = u.id) AS posts,
       (SELECT count(*) FROM app.subscriptions WHERE user_id = u.id) AS subscriptions,
       (SELECT count(*) FROM app.profiles WHERE user_id = u.id) AS profiles
  FROM app.users u WHERE email = 'bob@example.org';
BEGIN;
DELETE FROM app.users WHERE email = 'bob@example.org';
SELECT (SELECT count(*) FROM app.posts WHERE author_id = 2) AS posts,
       (SELECT count(*) FROM app.subscriptions WHERE user_id = 2) AS subscriptions,
       (SELECT count(*) FROM app.profiles WHERE user_id = 2) AS profiles;
ROLLBACK;
\echo '--- The rule that every worker, script and console had to remember is now said once, to the table.'
\echo
SELECT account.enable_soft_delete('app.users', flag => 'is_deleted', deleted_by => 'deleted_by',
                                  guard_references => true);
SELECT account.unique_among_live('app.users', 'email');
\echo '--- The application does what it always did. It sees a DELETE, with its true count.'
\echo
DELETE FROM app.users WHERE email = 'ann@example.org';
DELETE FROM app.users WHERE email = 'bob@example.org' RETURNING id, email, is_deleted, deleted_by, deleted_at = now() AS deleted_now;
\echo '--- A second DELETE finds nothing, and does not overwrite who deleted her, or when.'
\echo
DELETE FROM app.users WHERE email = 'ann@example.org';
\echo '--- Ann is gone for every query, without a WHERE clause that somebody could forget.'
\echo
SELECT id, email FROM app.users WHERE email IN ('ann@example.org', 'bob@example.org');
SELECT count(*) AS users FROM app.users;
SELECT d.title, d.amount, u.email AS sold_by
  FROM app.deals d LEFT JOIN app.users u ON u.id = d.created_by WHERE d.title = 'Ann''s first deal';
\echo '--- ... and her history is still there, for whoever asks to see it.'
\echo
SET pgaccount.show_deleted = on;
SELECT u.id, u.email, u.is_deleted, u.deleted_by, d.title, d.amount
  FROM app.users u JOIN app.deals d ON d.created_by = u.id WHERE d.title = 'Ann''s first deal';
RESET pgaccount.show_deleted;
SELECT account.is_deleted('app.users', 1);
\echo '--- Queries read an index of the live rows alone.'
\echo
EXPLAIN (COSTS off) SELECT * FROM app.users WHERE email = 'ann@example.org';
EXPLAIN (COSTS off) DELETE FROM app.users WHERE email = 'user1000@example.org';
\echo '--- Nothing new can be attached to a deleted user ...'
\echo
\set ON_ERROR_STOP 0
INSERT INTO app.posts (author_id, title) VALUES (1, 'A post by nobody');
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
\echo '--- ... and the address is free: it registers again, also through ON CONFLICT.'
\echo
INSERT INTO app.users (organisation_id, email) VALUES (2, 'ann@example.org')
    ON CONFLICT (email) DO UPDATE SET last_login = now() RETURNING id, email;
\echo '--- So the old account cannot come back just now. It says why, and changes nothing.'
\echo
\set ON_ERROR_STOP 0
SELECT account.restore('app.users', 1);
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
\echo '--- Bob, deleted by mistake, comes back with all that was his.'
\echo
SELECT account.restore('app.users', 2);
SELECT u.id, u.email, p.role, (SELECT count(*) FROM app.posts WHERE author_id = u.id) AS posts,
       (SELECT count(*) FROM app.subscriptions WHERE user_id = u.id) AS subscriptions
  FROM app.users u JOIN app.profiles p ON p.user_id = u.id WHERE u.email = 'bob@example.org';
\echo '--- An organisation that is really deleted would take its users along: refused, not half done.'
\echo
\set ON_ERROR_STOP 0
DELETE FROM app.organisations WHERE slug = 'org-20';
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
TRUNCATE app.users CASCADE;
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
\echo '--- Months later somebody adds a table. What that leaves open the doctor names, with the remedy.'
\echo
CREATE TABLE app.api_keys (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES app.users);
CREATE INDEX ON app.api_keys (user_id);
\set QUIET on
\x on
SELECT severity, code, object, message, remedy FROM account.doctor();
SELECT remedy FROM account.doctor() WHERE code = 'unguarded_reference' \gexec
\x off
\set QUIET off
SELECT count(*) AS still_open FROM account.doctor();
