-- For contenders.bash: the starter with 10,000 users in 100 tenants, and the tables that an application
-- without pgaccount would have. Argon2 at its cheapest: its cost is set aside.
SET client_min_messages = warning;
CREATE EXTENSION pgaccount;
SELECT account.create_starter('app');
SELECT account.create_key();
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
INSERT INTO app.tenants (slug, name, modules) SELECT 't' || i, 'T' || i, '["crm", "hr"]' FROM generate_series(1, 100) i;
INSERT INTO app.users (email, username, password, tenant_id)
    SELECT 'u' || i || '@example.org', 'u' || i, account.hash_password('secret123'), (SELECT id FROM app.tenants WHERE slug = 't' || (i % 100 + 1))
    FROM generate_series(1, 10000) i;

-- the same without pgaccount
CREATE SCHEMA plain;
CREATE TABLE plain.tenants (LIKE app.tenants INCLUDING ALL);
CREATE TABLE plain.users (LIKE app.users INCLUDING ALL, FOREIGN KEY (tenant_id) REFERENCES plain.tenants);
CREATE TABLE plain.profiles (LIKE app.profiles INCLUDING ALL, FOREIGN KEY (user_id) REFERENCES plain.users ON DELETE CASCADE);
CREATE TABLE plain.session (LIKE account.session INCLUDING ALL);
INSERT INTO plain.tenants SELECT * FROM app.tenants;
INSERT INTO plain.users SELECT * FROM app.users;
INSERT INTO plain.profiles SELECT * FROM app.profiles;

-- tokens of 1,000 users
CREATE TABLE public.token AS
    SELECT row_number() OVER () AS n, u.id, (account.issue_tokens(u.id::text)).* FROM app.users u LIMIT 1000;
INSERT INTO plain.session SELECT * FROM account.session;

-- n calls in one statement: microseconds of processor time each, of a backend that has done some before
CREATE FUNCTION public.cpu_us() RETURNS float8 AS :'floor', 'cpu_us' LANGUAGE C VOLATILE;
CREATE FUNCTION public.time_select(n int, users int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[] := ARRAY(SELECT t.id FROM public.token t ORDER BY t.n LIMIT users);
    r record;
    began float8;
BEGIN
    FOR i IN -2000 .. $1 LOOP
        IF i = 0 THEN
            began := public.cpu_us();
        END IF;
        SELECT * INTO r FROM plain.users u WHERE u.id = ids[abs(i) % users + 1];
    END LOOP;
    RETURN (public.cpu_us() - began) / $1;
END $$;
CREATE FUNCTION public.time_authenticate(n int, tokens int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    t text[] := ARRAY(SELECT t.access_token FROM public.token t ORDER BY t.n LIMIT tokens);
    r text;
    began float8;
BEGIN
    FOR i IN -2000 .. $1 LOOP
        IF i = 0 THEN
            began := public.cpu_us();
        END IF;
        r := account.authenticate(t[abs(i) % tokens + 1]);
    END LOOP;
    RETURN (public.cpu_us() - began) / $1;
END $$;

VACUUM (FREEZE, ANALYZE);
