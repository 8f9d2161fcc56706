-- Registration: a user with its profile, both or neither; every refusal has its SQLSTATE.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8MB';
CREATE SCHEMA rd;
SELECT account.create_starter('rs');
\set VERBOSITY sqlstate
insert into rs.tenants(slug,name,is_active) values('acme','Acme',true),('dead','Dead',false);
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('Bob@Example.com','secret123','bob','acme','{"display_name":"Bob","x":1}');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob@example.com','secret123');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob2@example.com','secret123','BOB');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob2@example.com','secret123','bob@example.COM');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob2@example.com','secret123',null,'nope');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob2@example.com','secret123',null,'dead');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob2@example.com','secret123',null,null,'{"role":"admin"}');
set pgaccount.registration_roles='student, teacher';
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob2@example.com','secret123',null,null,'{"role":"teacher"}');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob3@example.com','secret123',null,null,'{"role":"admin"}');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob3@example.com','secret123',null,null,'{"metadata":"x","user_id":3}');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob3@example.com','short');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register(null,'secret123');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('x','secret123');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('a@b','secret123', E'a\x01b');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register(repeat('x',1000000)||'@b','secret123');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('a@b',repeat('x',1000000));
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('a@b','secret123',null,null,'[]');
SELECT email, username, password LIKE '$argon2id$%' AS hashed, is_active, is_staff, is_superuser FROM rs.users ORDER BY 1;
SELECT email, role, display_name, metadata FROM rs.profiles JOIN rs.users ON id = user_id ORDER BY 1;
CREATE TABLE rd.auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz,
    is_superuser boolean NOT NULL, username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL,
    last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff boolean NOT NULL,
    is_active boolean NOT NULL, date_joined timestamptz NOT NULL);
CREATE TABLE rd.prof (id bigserial PRIMARY KEY, user_id integer NOT NULL UNIQUE REFERENCES rd.auth_user DEFERRABLE INITIALLY DEFERRED,
    role varchar(20) NOT NULL, level int not null);
select count(*) from account.use_tables('rd.auth_user','rd.prof');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob@example.com','secret123');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('bob@Example.com','secret123');
insert into rd.auth_user select 100,'',null,false,'carol','','','z@z',false,true,now();
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('c@Example.com','secret123','carol');
SELECT email, username, tenant_id IS NOT NULL AS tenant FROM account.register('c@Example.com','secret123','carol2',null,'{"role":"teacher","level":4}');
SELECT id, username, email, is_active, is_staff, first_name, date_joined = now() OR true AS joined FROM rd.auth_user ORDER BY 1;
SELECT * FROM rd.prof ORDER BY 1;

-- a dead user's email is free; the constraint, table and column of a refusal are set
DELETE FROM rd.auth_user WHERE id = 100;
SELECT count(*) FROM account.use_tables('rs.users', 'rs.profiles', 'rs.tenants');
DELETE FROM rs.users WHERE email = 'Bob@Example.com';
SELECT email FROM account.register('BOB@example.com', 'secret123');
\set VERBOSITY terse
DO $$
DECLARE c text; t text; col text; s text; d text;
BEGIN
    PERFORM account.register('bob@example.com', 'secret123');
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, col = COLUMN_NAME, s = SCHEMA_NAME, d = PG_EXCEPTION_DETAIL;
    RAISE WARNING USING MESSAGE = concat_ws(E' ', s, t, col, c, d);
END $$;
-- generic: no data of the row
SET pgaccount.error_detail = 'generic';
\set VERBOSITY default
SELECT account.register('bob@example.com', 'secret123');	-- fails
RESET pgaccount.error_detail;
\set VERBOSITY sqlstate
-- an index of the application that nobody else serialises (a column of a unique key could not be set)
CREATE UNIQUE INDEX one_name ON rs.profiles (lower(display_name));
SELECT email FROM account.register('n1@example.com', 'secret123', profile => '{"display_name": "N"}');
SELECT email FROM account.register('n2@example.com', 'secret123', profile => '{"display_name": "N"}');	-- fails, and leaves no user
SELECT count(*) FROM rs.users WHERE email LIKE 'n%';
-- what cannot be filled is said
ALTER TABLE rs.users ADD COLUMN shape point NOT NULL DEFAULT point(0, 0);
ALTER TABLE rs.users ALTER COLUMN shape DROP DEFAULT;
SELECT account.register('p@example.com', 'secret123');	-- fails
ALTER TABLE rs.users DROP COLUMN shape;
-- a mapped column dropped afterwards: 55000 where it decides who comes in, else it is as if never mapped
ALTER TABLE rs.users DROP COLUMN username, DROP COLUMN last_login;
SELECT email, username FROM account.register('q@example.com', 'secret123');
ALTER TABLE rs.users RENAME COLUMN is_active TO enabled;
SELECT account.register('r@example.com', 'secret123');	-- fails
ALTER TABLE rs.users RENAME COLUMN enabled TO is_active;
SELECT email FROM account.register('r@example.com', 'secret123');
ALTER TABLE rs.users RENAME COLUMN email TO mail;
SELECT account.register('s@example.com', 'secret123');	-- fails
SELECT account.forget_tables();
SELECT account.register('s@example.com', 'secret123');	-- fails
DROP SCHEMA rs, rd CASCADE;
-- users and profiles in one table: the profile does not reach what makes the account
SET pgaccount.registration_roles = 'student';
CREATE TABLE public.one_table (id serial PRIMARY KEY, email text, password varchar(60), is_staff boolean, tenant_id int, role text, bio text);
SELECT count(*) FROM account.use_tables('public.one_table', 'public.one_table');
SELECT account.register('o@example.com', 'secret123');	-- fails: no room for the hash
ALTER TABLE public.one_table ALTER password TYPE text;
SELECT account.register('o@example.com', 'secret123', profile => '{"is_staff": true}');	-- fails
SELECT account.register('o@example.com', 'secret123', profile => '{"tenant_id": 1}');	-- fails
SELECT account.register('o@example.com', 'secret123', profile => '{"password": "x"}');	-- fails
SELECT account.register('o@example.com', 'secret123', profile => '{"role": "admin"}');	-- fails
SELECT email FROM account.register('o@example.com', 'secret123', profile => '{"role": "student", "bio": "b"}');
SELECT email, is_staff, tenant_id, role, bio FROM public.one_table;
SELECT account.forget_tables();
DROP TABLE public.one_table;
-- the key of a tenant, or of a user, that does not fit into its column is not another's
CREATE TABLE public.long_tenants (id text PRIMARY KEY, slug text);
CREATE TABLE public.long_users (id text PRIMARY KEY DEFAULT 'abcd', email text, password text, tenant_id varchar(3));
CREATE TABLE public.long_profiles (user_id varchar(3) PRIMARY KEY, bio text);
INSERT INTO public.long_tenants VALUES ('abc', 'short'), ('abcd', 'long');
SELECT count(*) FROM account.use_tables('public.long_users', tenants => 'public.long_tenants');
SELECT email, tenant_id FROM account.register('l@example.com', 'secret123', tenant => 'long');	-- fails
SELECT email, tenant_id FROM account.register('l@example.com', 'secret123', tenant => 'short');
DELETE FROM public.long_users;
SELECT count(*) FROM account.use_tables('public.long_users', 'public.long_profiles');
SELECT email FROM account.register('l@example.com', 'secret123');	-- fails
SELECT email FROM account.register('l@example.com', 'secret123', profile => '{"bio": "b"}');	-- fails
SELECT (SELECT count(*) FROM public.long_users) AS users, (SELECT count(*) FROM public.long_profiles) AS profiles;
SELECT account.forget_tables();
DROP TABLE public.long_users, public.long_profiles, public.long_tenants;
