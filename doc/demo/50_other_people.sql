\pset footer off
\echo '======================================================================================'
\echo ' Story 5. The same from Rails and from Node'
\echo '======================================================================================'
\echo
\echo '--- Rails: deleted_at is a timestamp(6), indexes have names, statements are prepared. An account has posts and sessions.'
\echo
\set QUIET on
\connect - webapp
SET client_min_messages = warning;
CREATE TABLE accounts (id bigserial PRIMARY KEY, email varchar NOT NULL, deleted_at timestamp(6));
CREATE UNIQUE INDEX index_accounts_on_email ON accounts (lower(email));
CREATE TABLE articles (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE, title varchar);
CREATE TABLE logins (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE);
CREATE INDEX ON articles (account_id);
CREATE INDEX ON logins (account_id);
INSERT INTO accounts (email) VALUES ('rita@example.org'), ('rob@example.org');
INSERT INTO articles (account_id, title) VALUES (1, 'Hello'), (1, 'World');
INSERT INTO logins (account_id) VALUES (1);
\set QUIET off
\echo '--- In a migration: articles follow their account, sessions of the application go for good, a free email is free.'
\echo
SELECT account.enable_soft_delete('articles');
SELECT account.enable_soft_delete('accounts');
SELECT account.set_reference_policy('logins', 'account_id', NULL, on_soft_delete => 'remove');
SELECT account.unique_among_live('index_accounts_on_email');
\echo '--- account.destroy, as ActiveRecord sends it:'
\echo
PREPARE a1 (bigint) AS DELETE FROM "accounts" WHERE "accounts"."id" = $1;
EXECUTE a1 (1);
SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM articles) AS articles, (SELECT count(*) FROM logins) AS logins;
INSERT INTO "accounts" ("email") VALUES ('Rita@example.org') RETURNING "id";
\echo '--- ... and what the database does with the whole table, in words:'
\echo
\set QUIET on
\pset format unaligned
\pset tuples_only on
\set QUIET off
SELECT account.describe('accounts');
\set QUIET on
\pset format aligned
\pset tuples_only off
\set QUIET off
\echo '--- Node: Sequelize quotes names, and calls the column "deletedAt". It is found.'
\echo
\set QUIET on
CREATE TABLE "Users" (id serial PRIMARY KEY, email text UNIQUE, "deletedAt" timestamptz);
INSERT INTO "Users" (email) VALUES ('nina@example.org');
\set QUIET off
SELECT account.enable_soft_delete('"Users"');
DELETE FROM "Users" WHERE "id" = 1;
SELECT account.restore('"Users"', '{"email": "nina@example.org"}');
