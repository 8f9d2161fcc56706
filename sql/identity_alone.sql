-- An identity of the transaction that ends with its own statement warns; what it leaves in request.jwt.claims ends with it.
SELECT account.create_key() IS NOT NULL AS key;
CREATE SCHEMA ia;
CREATE TABLE ia.users (id int PRIMARY KEY, email text);
INSERT INTO ia.users VALUES (8, 'ann@x.org');
SELECT count(*) > 0 AS mapped FROM account.use_tables('ia.users');
SELECT account.issue_access_token('8') AS token \gset

-- the client's own statement, outside a transaction block: it warns as SET LOCAL does
SET LOCAL work_mem = '1MB';
SELECT account.authenticate(:'token');
\set VERBOSITY sqlstate
SELECT * FROM account.act_as('8');
\set VERBOSITY default
SELECT account.uid();
PREPARE who(text) AS SELECT account.authenticate($1, true);
EXECUTE who(:'token');
SELECT length(account.authenticate(:'token')), account.uid() FROM generate_series(1, 2);
-- not for the session, not when it is refused, not in a block, of one message too, nor in a subtransaction
SELECT account.authenticate(:'token', false), account.act_as('8', false);
SELECT account.sign_out();
SELECT account.authenticate('x');	-- fails
BEGIN;
SELECT account.authenticate(:'token'), account.act_as('8');
SAVEPOINT s;
SELECT account.authenticate(:'token');
COMMIT;
SELECT account.authenticate(:'token') \; SELECT account.uid();
-- not in functions and DO blocks, however they call it
CREATE FUNCTION ia.by_expression(token text) RETURNS text LANGUAGE plpgsql AS 'DECLARE who text := account.authenticate(token); BEGIN RETURN account.uid(); END';
CREATE FUNCTION ia.by_statement(token text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM account.authenticate(token); RETURN account.uid(); END';
CREATE FUNCTION ia.by_cursor(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    who text;
    c CURSOR FOR SELECT account.authenticate(token);
BEGIN
    FOR who IN SELECT account.act_as('8') LOOP
        RETURN who || account.uid();
    END LOOP;
END $$;
CREATE FUNCTION ia.by_query(token text) RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT account.authenticate(token); END';
CREATE FUNCTION ia.in_sql(token text) RETURNS text LANGUAGE sql AS 'SELECT account.authenticate(token); SELECT account.uid()';
CREATE PROCEDURE ia.by_call(token text) LANGUAGE plpgsql AS 'BEGIN PERFORM account.authenticate(token); END';
SELECT ia.by_expression(:'token'), ia.by_statement(:'token'), ia.by_cursor(:'token'), ia.by_query(:'token'), ia.in_sql(:'token');
CALL ia.by_call(:'token');
SELECT set_config('ia.token', :'token', false) IS NULL AS no;
DO $$ BEGIN PERFORM account.authenticate(current_setting('ia.token')); END $$;
DO $$ DECLARE who text; BEGIN FOR who IN SELECT account.authenticate(current_setting('ia.token')) LOOP NULL; END LOOP; END $$;

-- request.jwt.claims of a session's identity ends with it, however the next statement is sent, and what is rolled back
CREATE FUNCTION ia.claimed() RETURNS text LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' $$;
CREATE FUNCTION ia.claimed_by_expression() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'; END $$;
CREATE TABLE ia.post (id int, owner text);
INSERT INTO ia.post VALUES (1, '8'), (2, '9');
ALTER TABLE ia.post ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ia.post USING (owner = nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub');
CREATE ROLE regress_ia;
GRANT USAGE ON SCHEMA ia TO regress_ia;
GRANT SELECT ON ia.post TO regress_ia;
PREPARE posts AS SELECT count(*) FROM ia.post;
SELECT account.issue_access_token('8', '4 seconds') AS short \gset
SELECT account.authenticate(:'short', false);
SET ROLE regress_ia;
EXECUTE posts;
SELECT account.uid(), ia.claimed();
BEGIN;
DECLARE c CURSOR FOR SELECT account.uid(), ia.claimed_by_expression() FROM generate_series(1, 2);
FETCH c;
SELECT pg_sleep(4);
FETCH c;
ROLLBACK;
BEGIN;
EXECUTE posts;
ROLLBACK;
BEGIN;
SELECT account.uid(), ia.claimed();
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT ia.claimed_by_expression();
ROLLBACK TO s;
SELECT ia.claimed_by_expression();
ROLLBACK;
DO $$ BEGIN RAISE NOTICE 'claims: "%"', current_setting('request.jwt.claims', true); ROLLBACK; RAISE NOTICE 'claims: "%"', current_setting('request.jwt.claims', true); ROLLBACK; END $$;
BEGIN;
COPY (SELECT ia.claimed()) TO STDOUT;
ROLLBACK;
-- what somebody else has set stays
SET request.jwt.claims = '{"sub": "9"}';
EXECUTE posts;
RESET request.jwt.claims;
-- an identity of the transaction has none of it; nor has one that is let in by leeway alone, for the session
RESET ROLE;
SET pgaccount.leeway = '1min';
BEGIN;
SELECT account.authenticate(:'short'), account.uid(), ia.claimed();
COMMIT;
SELECT account.authenticate(:'short', false), account.uid(), ia.claimed_by_expression();
SELECT account.act_as('8', false);
SELECT account.uid(), ia.claimed();
SELECT account.sign_out();
SELECT account.uid(), ia.claimed();

SELECT account.forget_tables();
SET client_min_messages = warning;
DROP SCHEMA ia CASCADE;
DROP ROLE regress_ia;
