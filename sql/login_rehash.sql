-- What a login leaves in the password column: by default what the application that shares it reads, and never less than was there.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SET client_min_messages = notice;
CREATE ROLE regress_rehash_app;
CREATE SCHEMA rehash;
CREATE TABLE rehash.users (id bigint PRIMARY KEY, email text, password text);
CREATE UNIQUE INDEX ON rehash.users (lower(email));
SELECT count(*) > 0 AS mapped FROM account.use_tables('rehash.users');
SELECT account.create_key() IS NOT NULL AS key;
SELECT account.grant_api('regress_rehash_app');
SET pgaccount.password_memory = '1MB';
SET pgaccount.password_ops = 2;
-- 2 MB times passes is the current cost; the passwords are those of the vectors
CREATE TABLE rehash.made (id bigint PRIMARY KEY, of text, password text, hash text);
INSERT INTO rehash.made
SELECT n, of, password, hash FROM (VALUES
    (1, 'bcrypt', 'a-right-secret', crypt('a-right-secret', gen_salt('bf', 4))),
    (2, 'bcrypt, Django''s', 'a-right-secret', 'bcrypt$' || replace(crypt('a-right-secret', gen_salt('bf', 4)), '$2a$', '$2b$')),
    (3, 'PBKDF2, Django''s', 'lètmein', 'pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI='),
    (4, 'argon2i, cheaper', 'test', '$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g'),
    (5, 'argon2id, cheaper', 'secret', NULL), (6, 'argon2id, cheaper, Django''s', 'secret', NULL),
    (7, 'argon2id, as it is made', 'secret', NULL), (8, 'argon2id of more passes', 'secret', NULL), (9, 'argon2id of more memory', 'secret', NULL),
    (10, 'argon2id of more memory, fewer passes, as dear', 'secret', NULL), (11, 'argon2id of less memory, dearer, Django''s', 'secret', NULL),
    (12, 'scrypt of 128 kB', 'secret', '$scrypt$ln=10,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$SVuM0KSexiHimepMIq8EAUTo2etmecfCLZSlwiAM8gU'),
    (13, 'scrypt of 4 MB', 'secret', '$scrypt$ln=15,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$jSuHMkKaJNTRlOpT5yb3q7cRKpMy4IRWW4NvlrlD2Rw'),
    (14, 'scrypt of 1 MB times 16, Django''s', 'password', 'scrypt$1024$NaCl$8$16$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA==')) AS v (n, of, password, hash);
-- one hash as it would have been made with other settings
CREATE FUNCTION rehash.make(memory text, ops text, prefix text DEFAULT '') RETURNS text LANGUAGE plpgsql
    SET pgaccount.password_memory FROM CURRENT SET pgaccount.password_ops FROM CURRENT AS $$
BEGIN
    PERFORM set_config('pgaccount.password_memory', memory, true), set_config('pgaccount.password_ops', ops, true);
    RETURN prefix || account.hash_password('secret');
END $$;
UPDATE rehash.made SET hash = CASE id WHEN 5 THEN rehash.make('512kB', '1') WHEN 6 THEN rehash.make('512kB', '1', 'argon2') WHEN 7 THEN rehash.make('1MB', '2')
    WHEN 8 THEN rehash.make('1MB', '3') WHEN 9 THEN rehash.make('2MB', '2') WHEN 10 THEN rehash.make('2MB', '1') WHEN 11 THEN rehash.make('256kB', '9', 'argon2') END WHERE hash IS NULL;
SELECT of, account.verify_password(password, hash) AS verified, account.password_needs_rehash(hash) AS lesser FROM rehash.made ORDER BY id;

-- what became of each stored hash after a login, and what the next login says
CREATE FUNCTION rehash.try() RETURNS TABLE (of text, status integer, stored text, again integer) LANGUAGE plpgsql AS $$
DECLARE m rehash.made;
BEGIN
    DELETE FROM rehash.users;
    INSERT INTO rehash.users SELECT n.id, n.id || '@x.org', n.hash FROM rehash.made AS n;
    FOR m IN SELECT * FROM rehash.made ORDER BY id LOOP
        SELECT l.status INTO status FROM account.login(m.id || '@x.org', m.password) AS l;
        SELECT CASE u.password WHEN m.hash THEN 'kept' ELSE left(u.password, -66) END INTO stored FROM rehash.users AS u WHERE u.id = m.id;
        SELECT l.status INTO again FROM account.login(m.id || '@x.org', m.password) AS l;
        of := m.of;
        RETURN NEXT;
    END LOOP;
END $$;
SHOW pgaccount.rehash;
SELECT * FROM rehash.try();
SET pgaccount.rehash = 'all';
SELECT * FROM rehash.try();
SET pgaccount.rehash = 'off';
SELECT * FROM rehash.try();

-- a wrong password changes nothing, and a column that is too short keeps what it has
SET pgaccount.rehash = 'all';
DELETE FROM rehash.users;
ALTER TABLE rehash.users ALTER COLUMN password TYPE varchar(80);
INSERT INTO rehash.users VALUES (1, '1@x.org', crypt('a-right-secret', gen_salt('bf', 4)));
SELECT status FROM account.login('1@x.org', 'a-wrong-secret');
SELECT status FROM account.login('1@x.org', 'a-right-secret');
SELECT substr(password, 1, 7) AS stored FROM rehash.users;
ALTER TABLE rehash.users ALTER COLUMN password TYPE text;

-- a new password is in the form of the present one: Django's where it is Django's, whatever table that is in
DELETE FROM rehash.users;
INSERT INTO rehash.users SELECT m.id, m.id || '@x.org', m.hash FROM rehash.made AS m WHERE m.id IN (1, 3, 6, 7, 14);
INSERT INTO rehash.users VALUES (20, '20@x.org', NULL), (21, '21@x.org', '!unusable');
BEGIN;
CREATE FUNCTION rehash.renew(who bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM account.act_as(who), account.set_password(who, 'a-new-secret');
    RETURN (SELECT left(password, -66) FROM rehash.users WHERE id = who);
END $$;
SELECT u.id, coalesce(left(u.password, 7), 'none') AS present, rehash.renew(u.id) AS now, (SELECT status FROM account.login(u.email, 'a-new-secret')) FROM rehash.users AS u ORDER BY id;
COMMIT;

-- the setting is the superuser's, of three values
SELECT setting, enumvals, context FROM pg_settings WHERE name = 'pgaccount.rehash';
SET pgaccount.rehash = 'some';  -- fails
SET SESSION AUTHORIZATION regress_rehash_app;
SET pgaccount.rehash = 'off';  -- fails
RESET SESSION AUTHORIZATION;

SET client_min_messages = warning;
SELECT account.forget_tables();
DROP SCHEMA rehash CASCADE;
DELETE FROM account.login_failure;
DROP OWNED BY regress_rehash_app;
DROP ROLE regress_rehash_app;
