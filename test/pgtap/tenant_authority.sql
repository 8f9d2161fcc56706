-- Who may delete a tenant and bring it back, in which state it is: callers x states x calls, each cell asserted
-- by its SQLSTATE (00000: it succeeds). What decides is the caller's live row, not its token.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SELECT account.create_starter('ta') \gset ignore_
SELECT account.enable_soft_delete('ta.tenants') \gset ignore_
CREATE ROLE regress_ta_app;
SELECT account.grant_api('regress_ta_app') \gset ignore_
INSERT INTO ta.tenants (slug) VALUES ('acme'), ('home'), ('closed');

CREATE TABLE caller (name text PRIMARY KEY, tenant text, is_staff boolean, is_superuser boolean, becomes text);
INSERT INTO caller VALUES
    ('anonymous', NULL, NULL, NULL, NULL),
    ('user', 'acme', false, false, NULL),
    ('staff', 'acme', true, false, NULL),
    ('staff elsewhere', 'home', true, false, NULL),
    ('staff nowhere', NULL, true, false, NULL),
    ('superuser', 'home', false, true, NULL),
    ('superuser nowhere', NULL, false, true, NULL),
    ('deleted superuser', 'home', false, true, 'DELETE FROM ta.users WHERE id = $1'),
    ('inactive superuser', 'home', false, true, 'UPDATE ta.users SET is_active = false WHERE id = $1'),
    ('superuser no more', 'home', false, true, 'UPDATE ta.users SET is_superuser = false WHERE id = $1'),
    ('superuser of closed tenant', 'closed', false, true, $$UPDATE ta.tenants SET is_active = false WHERE slug = 'closed' AND $1 IS NOT NULL$$),
    ('superuser of deleted tenant', 'closed', false, true, $$DELETE FROM ta.tenants WHERE slug = 'closed' AND $1 IS NOT NULL$$);
INSERT INTO ta.users (email, username, tenant_id, is_staff, is_superuser)
    SELECT replace(name, ' ', '.') || '@x.org', name, (SELECT id FROM ta.tenants WHERE slug = tenant), is_staff, is_superuser FROM caller WHERE name <> 'anonymous';

-- what the tenant is, and what is called
CREATE TABLE state (name text PRIMARY KEY, before text, tenant text);
INSERT INTO state VALUES
    ('live', 'SELECT 1', 'acme'),
    ('live, by id', 'SELECT 1', (SELECT id FROM ta.tenants WHERE slug = 'acme')),
    ('inactive', $$UPDATE ta.tenants SET is_active = false WHERE slug = 'acme'$$, 'acme'),
    ('deleted', $$DELETE FROM ta.tenants WHERE slug = 'acme'$$, 'acme'),
    ('deleted, by id', $$DELETE FROM ta.tenants WHERE slug = 'acme'$$, (SELECT id FROM ta.tenants WHERE slug = 'acme')),
    ('removed', $$UPDATE ta.users SET tenant_id = NULL WHERE tenant_id = (SELECT id FROM ta.tenants WHERE slug = 'acme'); SELECT account.cleanup('ta.tenants', (SELECT id FROM ta.tenants WHERE slug = 'acme'), force => true)$$, 'acme'),
    ('unknown', 'SELECT 1', 'nobody'),
    ('no id', 'SELECT 1', ''),
    ('none', 'SELECT 1', NULL),
    ('long', 'SELECT 1', repeat('a', 1025));
CREATE TABLE call (name text PRIMARY KEY, statement text);
INSERT INTO call VALUES ('delete', 'SELECT account.delete_tenant($1)'), ('restore', 'SELECT account.restore_tenant($1)');
-- of a superuser; all others are refused alike
CREATE TABLE expected (state text, call text, answer text);
INSERT INTO expected VALUES
    ('live', 'delete', '00000'), ('live', 'restore', 'PT400'), ('live, by id', 'delete', '00000'), ('live, by id', 'restore', 'PT400'),
    ('inactive', 'delete', '00000'), ('inactive', 'restore', 'PT400'),
    ('deleted', 'delete', 'PT400'), ('deleted', 'restore', '00000'), ('deleted, by id', 'delete', 'PT400'), ('deleted, by id', 'restore', '00000'),
    ('removed', 'delete', 'PT404'), ('removed', 'restore', 'PT404'), ('unknown', 'delete', 'PT404'), ('unknown', 'restore', 'PT404'),
    ('no id', 'delete', 'PT404'), ('no id', 'restore', 'PT404'), ('none', 'delete', 'PT404'), ('none', 'restore', 'PT404'),
    ('long', 'delete', '22023'), ('long', 'restore', '22023');

CREATE FUNCTION answer(caller text, state text, call text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN $2 = 'long' THEN '22023'
                WHEN $1 = 'anonymous' OR $1 ~ '^(deleted|inactive) ' OR $1 ~ ' of (closed|deleted) tenant$' THEN 'PT401'
                WHEN $1 IN ('user', 'staff') AND ($2 ~ '^(deleted|inactive)') THEN 'PT401'
                WHEN $1 NOT IN ('superuser', 'superuser nowhere') THEN 'PT403'
                ELSE (SELECT answer FROM expected e WHERE e.state = $2 AND e.call = $3) END
$$;
CREATE FUNCTION attempt(caller caller, state state, call call) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    me uuid := (SELECT id FROM ta.users WHERE username = caller.name);
    result text := '00000';
BEGIN
    IF me IS NULL THEN
        PERFORM account.sign_out();
    ELSE
        PERFORM account.act_as(me::text);
        IF caller.becomes IS NOT NULL THEN
            EXECUTE caller.becomes USING me;
        END IF;
    END IF;
    EXECUTE state.before;
    SET LOCAL ROLE regress_ta_app;
    BEGIN
        EXECUTE call.statement USING state.tenant;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE;
    END;
    RESET ROLE;
    RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN SQLERRM;
END $$;

SELECT no_plan();
SELECT is(attempt(caller, state, call), answer(caller.name, state.name, call.name), format('%s: %s a tenant that is %s', caller.name, call.name, state.name))
FROM caller, state, call ORDER BY caller.name, state.name, call.name;

-- a slug that a live tenant has taken over: who deletes means the live one, who restores the deleted one
SELECT account.act_as(id::text, false) FROM ta.users WHERE username = 'superuser' \gset ignore_
CREATE TEMP TABLE acme AS SELECT id FROM ta.tenants WHERE slug = 'acme';
ALTER TABLE ta.tenants DROP CONSTRAINT IF EXISTS tenants_slug_key;
SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE indrelid = 'ta.tenants'::regclass AND NOT indisprimary \gexec
SELECT is(account.delete_tenant('acme') ->> 'tenant_id', id::text, 'the live one of a slug is deleted') FROM acme;
INSERT INTO ta.tenants (slug) VALUES ('acme');
SELECT is(account.restore_tenant('acme') ->> 'tenant_id', id::text, 'the deleted one of a slug comes back') FROM acme;
SELECT is(account.delete_tenant(id::text) ->> 'tenant_id', id::text, 'an id means one alone') FROM acme;
SELECT isnt(account.delete_tenant('acme') ->> 'tenant_id', id::text, 'the other is what the slug means now') FROM acme;
SELECT throws_ok($$SELECT account.restore_tenant('acme')$$, '22023', 'several deleted tenants have this slug', 'two deleted ones of a slug are told apart by id');
SELECT is(account.restore_tenant(id::text) ->> 'message', 'Tenant successfully restored', 'by id') FROM acme;
SELECT account.sign_out() \gset ignore_

-- what is not there
SELECT account.disable_soft_delete('ta.users') \gset ignore_
SELECT account.act_as(id::text, false) FROM ta.users WHERE username = 'superuser nowhere' \gset ignore_
SELECT throws_ok($$SELECT account.delete_tenant('home')$$, '55000', 'ta.users has no soft delete', 'users without soft delete');
SELECT account.enable_soft_delete('ta.users') \gset ignore_
SELECT account.disable_soft_delete('ta.tenants') \gset ignore_
SELECT throws_ok($$SELECT account.delete_tenant('home')$$, '55000', 'ta.tenants has no soft delete', 'tenants without soft delete');
SELECT throws_ok($$SELECT account.restore_tenant('home')$$, '55000', 'ta.tenants has no soft delete', 'the same of a return');
SELECT count(*) FROM account.use_tables('ta.users') \gset ignore_
SELECT throws_ok($$SELECT account.delete_tenant('home')$$, '55000', 'no tenants are mapped', 'no tenants at all');
SELECT count(*) FROM account.use_tables('ta.users', tenants => 'ta.tenants', columns => '{"users": {"tenant": null}}') \gset ignore_
SELECT throws_ok($$SELECT account.delete_tenant('home')$$, '55000', 'users have no tenant', 'users without one');
SELECT account.sign_out() \gset ignore_
SELECT throws_ok($$SELECT account.delete_tenant('home')$$, 'PT401', NULL, 'who asks comes first');
SELECT account.forget_tables() \gset ignore_
SELECT throws_ok($$SELECT account.delete_tenant('home')$$, '55000', NULL, 'no model');
DROP OWNED BY regress_ta_app;
DROP ROLE regress_ta_app;
SELECT * FROM finish();
