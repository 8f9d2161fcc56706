-- Triggers of an application that keep the old values: a call that has changed nothing is 55000, and no event tells of a success.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SELECT no_plan();
CREATE SCHEMA kv;
-- keeps the columns that it is told of
CREATE FUNCTION kv.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. TG_NARGS - 1 LOOP
        NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[i], to_jsonb(OLD) -> TG_ARGV[i]));
    END LOOP;
    RETURN NEW;
END $$;
CREATE FUNCTION kv.successes() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM account.event WHERE outcome = 'success' $$;
-- a call is refused, changes nothing and tells of no success
CREATE FUNCTION kv.refused(statement text, message text, rows text, about text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before text;
    after text;
    events bigint := kv.successes();
BEGIN
    EXECUTE rows INTO before;
    RETURN NEXT throws_ok(statement, '55000', message, about);
    EXECUTE rows INTO after;
    RETURN NEXT is(after, before, about || ': nothing has changed');
    RETURN NEXT is(kv.successes(), events, about || ': no success');
END $$;

-- erasure: each column reads as its method has it
CREATE TABLE kv.person (id int PRIMARY KEY, gone text, fixed text, made varchar(80), day date DEFAULT '2000-01-01', at timestamptz DEFAULT now(), token uuid DEFAULT gen_random_uuid(), none text);
INSERT INTO kv.person SELECT i, 'gone', 'fixed', 'made' || i, '1990-05-05', '1990-05-05', gen_random_uuid(), 'none' FROM generate_series(1, 3) i;
SELECT account.set_erasure('kv.person', c, m) FROM (VALUES ('gone', 'null'), ('fixed', 'constant:Erased'), ('made', 'hash'), ('day', 'default'), ('at', 'default'), ('token', 'default'), ('none', 'default')) v(c, m) \g /dev/null
CREATE FUNCTION kv.erase_but(kept text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER keep BEFORE UPDATE ON kv.person FOR EACH ROW EXECUTE FUNCTION kv.keep(%L)', kept);
    RETURN QUERY SELECT * FROM kv.refused($s$SELECT account.erase('kv.person', ARRAY[1, 2])$s$, '2 rows of "person" were not erased', 'SELECT string_agg(p::text, chr(10) ORDER BY id) FROM kv.person p', kept || ' is kept');
    DROP TRIGGER keep ON kv.person;
END $$;
SELECT kv.erase_but(c) FROM unnest('{gone,fixed,made,day,at,none}'::text[]) c;
CREATE TRIGGER keep BEFORE UPDATE ON kv.person FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION kv.keep('gone');
SELECT throws_ok($$SELECT account.erase('kv.person', ARRAY[1, 2, 3])$$, '55000', '1 rows of "person" were not erased', 'one row of several');
DROP TRIGGER keep ON kv.person;
SELECT is(account.erase('kv.person', ARRAY[1, 2]), 2::bigint, 'without such a trigger they are erased');
SELECT is(account.erase('kv.person', ARRAY[1, 2]), 2::bigint, 'and again');
SELECT is((SELECT array_agg(concat_ws('|', gone, fixed, length(made), day, at = now(), none) ORDER BY id) FROM kv.person WHERE id < 3), array_fill('Erased|64|2000-01-01|t'::text, '{2}'), 'as is said');

-- rows that come back
CREATE TABLE kv.item (id int PRIMARY KEY, words text);
SELECT account.enable_soft_delete('kv.item') \g /dev/null
INSERT INTO kv.item VALUES (1), (2);
DELETE FROM kv.item;
CREATE TRIGGER keep BEFORE UPDATE ON kv.item FOR EACH ROW EXECUTE FUNCTION kv.keep('deleted_at');
SELECT kv.refused($$SELECT account.restore('kv.item', 1)$$, '1 rows of "item" were not restored', 'SELECT count(*) FROM kv.item', 'restore');
CREATE UNIQUE INDEX ON kv.item (words) WHERE deleted_at IS NULL;
SELECT kv.refused($$SELECT account.restore('kv.item', ARRAY[1, 2])$$, '2 rows of "item" were not restored', 'SELECT count(*) FROM kv.item', 'restore where a key may be taken');
DROP TRIGGER keep ON kv.item;
SELECT is(account.restore('kv.item', ARRAY[1, 2]), 2::bigint, 'without it they come back');

-- users that are deleted
SELECT account.create_starter('ks', members => true) \g /dev/null
ALTER TABLE ks.users ADD email_verified_at timestamptz;
SELECT account.use_tables('ks.users', 'ks.profiles', 'ks.tenants', members => 'ks.memberships') \g /dev/null
SELECT account.create_key('HS256', 'kv') \g /dev/null
INSERT INTO ks.tenants (slug) VALUES ('a');
SELECT user_id AS ann FROM account.register('ann@x.org', 'secret123', 'ann', 'a') \gset
SELECT user_id AS ben FROM account.register('ben@x.org', 'secret123', 'ben', 'a') \gset
SELECT set_config('kv.ann', :'ann', true), set_config('kv.ben', :'ben', true) \g /dev/null
SELECT account.act_as(:'ann', false) \g /dev/null
SELECT set_config('kv.deletion', account.request_deletion(:'ann'), true) \g /dev/null
CREATE TRIGGER keep BEFORE UPDATE ON ks.users FOR EACH ROW EXECUTE FUNCTION kv.keep('deleted_at', 'is_deleted');
SELECT kv.refused($$SELECT account.delete_user(current_setting('kv.ann'), 'secret123')$$, 'the user was not deleted', 'SELECT count(*) FROM ks.users', 'delete_user');
SELECT kv.refused($$SELECT account.confirm_deletion(current_setting('kv.deletion'))$$, 'the user was not deleted', 'SELECT count(*) FROM ks.users', 'confirm_deletion');
DROP TRIGGER keep ON ks.users;

-- passwords and emails
SELECT account.sign_out() \g /dev/null
SELECT set_config('kv.reset', token, true) FROM account.request_password_reset('ann@x.org') \g /dev/null
SELECT account.act_as(:'ann', false) \g /dev/null
CREATE TRIGGER keep BEFORE UPDATE ON ks.users FOR EACH ROW EXECUTE FUNCTION kv.keep('password');
SELECT kv.refused(statement, 'the password was not changed', 'SELECT string_agg(u::text, chr(10) ORDER BY id) FROM ks.users u', split_part(statement, '(', 1))
    FROM unnest(ARRAY[$$SELECT account.set_password(current_setting('kv.ann'), 'another123')$$, $$SELECT account.change_password('secret123', 'another123')$$, $$SELECT account.reset_password(current_setting('kv.reset'), 'another123')$$]) statement;
DROP TRIGGER keep ON ks.users;
SELECT lives_ok($$SELECT account.change_password('secret123', 'another123')$$, 'without it the password is another');
SELECT set_config('kv.email', account.request_email_change(:'ann', 'ann@x.org'), true) \g /dev/null
CREATE TRIGGER keep BEFORE UPDATE ON ks.users FOR EACH ROW EXECUTE FUNCTION kv.keep('email', 'username', 'email_verified_at');
SELECT kv.refused($$SELECT account.confirm_email(current_setting('kv.email'))$$, 'the email was not confirmed', 'SELECT string_agg(u::text, chr(10) ORDER BY id) FROM ks.users u', 'confirm_email of the same');
SELECT set_config('kv.email', account.request_email_change(:'ann', 'Anna@x.org'), true) \g /dev/null
SELECT kv.refused($$SELECT account.confirm_email(current_setting('kv.email'))$$, 'the email was not changed', 'SELECT string_agg(u::text, chr(10) ORDER BY id) FROM ks.users u', 'confirm_email');
DROP TRIGGER keep ON ks.users;
CREATE FUNCTION kv.lower() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$;
CREATE TRIGGER lower BEFORE UPDATE ON ks.users FOR EACH ROW EXECUTE FUNCTION kv.lower();
SELECT lives_ok($$SELECT account.confirm_email(current_setting('kv.email'))$$, 'another spelling is the application''s to say');
SELECT is(email, 'anna@x.org', 'and is there') FROM ks.users WHERE id::text = :'ann';
DROP TRIGGER lower ON ks.users;

-- memberships: roles that stay, and rows that are kept back
CREATE FUNCTION kv.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION kv.members() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(m::text, chr(10) ORDER BY user_id) FROM ks.memberships m $$;
SELECT account.enable_soft_delete('ks.memberships') \g /dev/null
UPDATE ks.memberships SET role = 'owner' WHERE user_id::text = :'ann';
SELECT account.act_as(:'ann', false) \g /dev/null
CREATE TRIGGER keep BEFORE UPDATE ON ks.memberships FOR EACH ROW EXECUTE FUNCTION kv.keep('role', 'deleted_at', 'is_deleted');
SELECT kv.refused($$SELECT account.set_member_role(current_setting('kv.ben'), 'a', 'admin')$$, 'the membership was not changed', 'SELECT kv.members()', 'set_member_role');
SELECT lives_ok($$SELECT account.set_member_role(current_setting('kv.ben'), 'a', 'member')$$, 'the role that it has is given');
SELECT kv.refused($$SELECT account.transfer_ownership('a', current_setting('kv.ben'))$$, 'the membership was not changed', 'SELECT kv.members()', 'transfer_ownership');
SELECT kv.refused($$SELECT account.remove_member(current_setting('kv.ben'), 'a')$$, 'the membership was not removed', 'SELECT kv.members()', 'remove_member');
DROP TRIGGER keep ON ks.memberships;
SELECT set_config('kv.invitation', account.invite('ben@x.org', 'admin', 'a'), true) \g /dev/null
SELECT account.act_as(:'ben', false) \g /dev/null
CREATE TRIGGER keep BEFORE UPDATE ON ks.memberships FOR EACH ROW EXECUTE FUNCTION kv.nothing();
SELECT kv.refused($$SELECT account.accept_invitation(current_setting('kv.invitation'))$$, 'the membership was not changed', 'SELECT kv.members()', 'accept_invitation of a member');
DROP TRIGGER keep ON ks.memberships;
CREATE TRIGGER keep BEFORE UPDATE ON ks.memberships FOR EACH ROW EXECUTE FUNCTION kv.keep('role');
SELECT kv.refused($$SELECT account.accept_invitation(current_setting('kv.invitation'))$$, 'the membership was not changed', 'SELECT kv.members()', 'accept_invitation of a role that stays');
DROP TRIGGER keep ON ks.memberships;
SELECT account.accept_invitation(current_setting('kv.invitation')) \g /dev/null
SELECT is((SELECT role::text FROM ks.memberships WHERE user_id::text = :'ben'), 'admin', 'without it the role is another');

-- a user and its profile, or neither; where a trigger puts the profile elsewhere it is there
SELECT account.sign_out() \g /dev/null
CREATE TRIGGER keep BEFORE INSERT ON ks.profiles FOR EACH ROW EXECUTE FUNCTION kv.nothing();
SELECT kv.refused($$SELECT account.register('eve@x.org', 'secret123', 'eve')$$, 'the profile was not made', 'SELECT count(*) FROM ks.users', 'register');
SELECT kv.refused($$SELECT account.register('eve@x.org', 'secret123', 'eve', profile => '{"display_name": "Eve"}')$$, 'the profile was not made', 'SELECT count(*) FROM ks.users', 'register with values');
DROP TRIGGER keep ON ks.profiles;
CREATE TABLE ks.more_profiles () INHERITS (ks.profiles);
CREATE FUNCTION kv.elsewhere() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ks.more_profiles SELECT NEW.*; RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE INSERT ON ks.profiles FOR EACH ROW EXECUTE FUNCTION kv.elsewhere();
SELECT lives_ok($$SELECT account.register('eve@x.org', 'secret123', 'eve')$$, 'a profile that a trigger puts elsewhere is there');
SELECT is((SELECT count(*) FROM ks.more_profiles), 1::bigint, 'once');
DROP TRIGGER keep ON ks.profiles;
SELECT lives_ok($$SELECT account.register('bob@x.org', 'secret123', 'bob')$$, 'without such a trigger it is made');

SELECT * FROM finish();
ROLLBACK;
