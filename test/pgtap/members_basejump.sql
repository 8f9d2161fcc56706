-- What the test suite of Basejump asks of accounts, members, roles, invitations and ownership, in our words, on its
-- tables: accounts (our tenants), account_user (our members), owners and members. What is not ours is named, with the
-- reason. The application's own part (who makes accounts, who reads which rows) is written with our helpers.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SET LOCAL pgaccount.tenant_admin_roles = 'owner';
SELECT no_plan();
SELECT account.create_key('HS256', 'bj') \g /dev/null
CREATE ROLE bj_authenticated;
CREATE ROLE bj_anon;
CREATE SCHEMA bj;
CREATE TYPE bj.account_role AS ENUM ('owner', 'member');
CREATE TABLE bj.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text UNIQUE, password text);
CREATE TABLE bj.accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, slug text UNIQUE, personal_account boolean NOT NULL DEFAULT false, created_by text DEFAULT account.uid());
CREATE TABLE bj.account_user (user_id uuid REFERENCES bj.users ON DELETE CASCADE NOT NULL, account_id uuid REFERENCES bj.accounts ON DELETE CASCADE NOT NULL, account_role bj.account_role NOT NULL, PRIMARY KEY (user_id, account_id));
-- the application's: a personal account for every user, and who makes an account owns it
CREATE FUNCTION bj.personal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    WITH made AS (INSERT INTO bj.accounts (name, slug, personal_account) VALUES (split_part(NEW.email, '@', 1), NEW.id::text, true) RETURNING id)
    INSERT INTO bj.account_user SELECT NEW.id, id, 'owner' FROM made;
    RETURN NULL;
END $$;
CREATE TRIGGER personal AFTER INSERT ON bj.users FOR EACH ROW EXECUTE FUNCTION bj.personal();
CREATE FUNCTION bj.owned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO bj.account_user VALUES (account.uid_uuid(), NEW.id, 'owner');
    RETURN NULL;
END $$;
CREATE TRIGGER owned AFTER INSERT ON bj.accounts FOR EACH ROW WHEN (NOT NEW.personal_account) EXECUTE FUNCTION bj.owned();
ALTER TABLE bj.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE bj.account_user ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON bj.account_user FOR SELECT USING (user_id = account.uid_uuid());
CREATE POLICY owners ON bj.account_user FOR SELECT USING (account_id = account.tenant_uuid() AND account.has_tenant_role('owner'));
CREATE POLICY members ON bj.accounts FOR SELECT USING (EXISTS (SELECT FROM bj.account_user m WHERE m.account_id = id AND m.user_id = account.uid_uuid()));
CREATE POLICY owners ON bj.accounts FOR UPDATE USING (id = account.tenant_uuid() AND account.has_tenant_role('owner'));
CREATE POLICY makers ON bj.accounts FOR INSERT WITH CHECK (account.is_authenticated() AND NOT personal_account);
SELECT account.use_tables('bj.users', tenants => 'bj.accounts', members => 'bj.account_user') \g /dev/null
GRANT USAGE ON SCHEMA bj, account TO bj_authenticated, bj_anon;
GRANT SELECT ON bj.account_user TO bj_authenticated;
GRANT SELECT, INSERT (name, slug, personal_account, id), UPDATE (name) ON bj.accounts TO bj_authenticated;
SELECT account.grant_api('bj_authenticated') \g /dev/null

-- a call as a user, in one of its accounts; its SQLSTATE, or what it gives
CREATE FUNCTION bj.as_user(who text, account text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text; pair account.token_pair;
BEGIN
    PERFORM account.sign_out();
    IF who IS NOT NULL THEN
        pair := account.login(who || '@x.org', 'secret123', tenant => account);
        IF pair.status <> 200 THEN
            RETURN pair.status || ' ' || pair.error;
        END IF;
        PERFORM account.authenticate(pair.access_token);
        SET LOCAL ROLE bj_authenticated;
    ELSE
        SET LOCAL ROLE bj_anon;
    END IF;
    BEGIN
        IF statement ~ '^INSERT' AND statement !~ 'RETURNING' THEN
            EXECUTE statement;
        ELSE
            EXECUTE statement INTO result;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE;
    END;
    RESET ROLE;
    RETURN coalesce(result, '');
END $$;
CREATE FUNCTION bj.id(who text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT id FROM bj.users WHERE email = who || '@x.org' $$;
CREATE FUNCTION bj.role_of(who text) RETURNS text LANGUAGE sql AS $$ SELECT account_role::text FROM bj.account_user m JOIN bj.accounts a ON a.id = account_id WHERE slug = 'team' AND user_id = bj.id(who) $$;
SELECT account.register(u || '@x.org', 'secret123') FROM unnest('{primary,owner,member,other}'::text[]) u \g /dev/null

-- personal accounts: made by the application with the user, whoever makes the user
SELECT is((SELECT count(*) FROM bj.accounts WHERE personal_account), 4::bigint, 'a registration makes a personal account: the application''s trigger does');
SELECT is((SELECT count(*) FROM bj.account_user WHERE account_role = 'owner'), 4::bigint, 'which its user owns');
SELECT is(bj.as_user('primary', NULL, 'SELECT account.tenant_id() = (SELECT id::text FROM bj.accounts WHERE personal_account)'), 'true', 'a login is in it while it is the only one');
SELECT is(bj.as_user('primary', NULL, 'SELECT account.tenant_role()'), 'owner', 'as its owner');
SELECT is(bj.as_user('primary', NULL, $$INSERT INTO bj.account_user VALUES (bj.id('other'), account.tenant_uuid(), 'owner') RETURNING 1$$), '42501', 'nobody is put into it by hand');
SELECT is(bj.as_user('primary', NULL, $$UPDATE bj.accounts SET name = 'mine' WHERE personal_account RETURNING name$$), 'mine', 'its owner names it');
SELECT is(bj.as_user('other', NULL, $$SELECT count(*) FROM bj.accounts$$), '1', 'nobody else sees it');
SELECT is(bj.as_user(NULL, NULL, 'SELECT count(*) FROM bj.accounts'), '42501', 'nor who is not logged in');
SELECT pass('not ours: no invitation into a personal account: what kinds of tenants there are is the application''s, which checks before it calls account.invite');
SELECT pass('not ours: personal and team accounts switched on and off: an application makes tenants, or does not');

-- team accounts
SELECT is(bj.as_user('primary', NULL, $$INSERT INTO bj.accounts (name, slug) VALUES ('Team', 'team')$$), '', 'a user makes a team');
SELECT is(bj.role_of('primary'), 'owner', 'and owns it');
SELECT is(bj.as_user('primary', NULL, $$INSERT INTO bj.accounts (name, slug) VALUES ('Again', 'team')$$), '23505', 'of a slug that is free');
SELECT is(bj.as_user('primary', NULL, $$SELECT string_agg(tenant_role, ' ') FROM account.memberships()$$), 'owner owner', 'its accounts with their roles');
SELECT is(bj.as_user('primary', 'team', $$SELECT string_agg(tenant, ' ') FROM account.memberships() WHERE is_current$$), 'team', 'and which one is the current one');
SELECT is(bj.as_user('primary', 'team', 'SELECT concat_ws('' '', account.tenant_role(), account.has_tenant_role(''owner''), account.has_tenant_role(''member''))'), 'owner t f', 'has a role in the account, or not');
SELECT is(bj.as_user('primary', 'team', $$UPDATE bj.accounts SET name = 'Our team' WHERE id = account.tenant_uuid() RETURNING name$$), 'Our team', 'an owner names it');
SELECT is(bj.as_user('primary', 'team', $$INSERT INTO bj.account_user VALUES (bj.id('other'), account.tenant_uuid(), 'owner') RETURNING 1$$), '42501', 'an owner puts nobody in by hand');
SELECT is(bj.as_user('other', 'team', 'SELECT 1'), '403 not_a_member', 'who is no member does not come in');
SELECT is(bj.as_user('other', NULL, $$SELECT count(*) FROM bj.accounts WHERE slug = 'team'$$), '0', 'nor sees it');
SELECT is(bj.as_user('other', NULL, $$UPDATE bj.accounts SET name = 'x' WHERE slug = 'team' RETURNING 1$$), '', 'nor names it');

-- invitations
SELECT is(bj.as_user('primary', 'team', $$SELECT length(account.invite('member@x.org', 'member'))$$), '43', 'an owner invites a member');
SELECT is(bj.as_user('primary', 'team', $$SELECT length(account.invite('owner@x.org', 'owner'))$$), '43', 'and an owner');
SELECT is(bj.as_user('primary', 'team', $$SELECT length(account.invite('other@x.org', 'member', ttl => '24 hours'))$$), '43', 'for as long as is said');
SELECT is(bj.as_user('primary', 'team', $$SELECT account.invite('other@x.org', 'king')$$), '22023', 'with a role that there is');
SELECT is(bj.as_user('primary', 'team', $$SELECT string_agg(email || ' ' || role, ', ') FROM account.invitations('team')$$), 'member@x.org member, owner@x.org owner, other@x.org member', 'an owner lists them');
SELECT is(bj.as_user('primary', 'team', 'SELECT count(*) FROM account.invitation'), '42501', 'through the call alone');
SELECT is(bj.as_user('primary', 'team', 'SELECT account.revoke_invitation(max(id)) FROM account.invitations()'), 'true', 'takes one back');
SELECT is(bj.as_user('primary', 'team', 'SELECT count(*) FROM account.invitations()'), '2', 'which is gone');
SELECT is(bj.as_user('other', NULL, $$SELECT account.invite('x@x.org', 'member', 'team')$$), 'PT403', 'who is no member does not invite');
SELECT is(bj.as_user('other', NULL, $$SELECT count(*) FROM account.invitations('team')$$), 'PT403', 'nor list');
SELECT is(bj.as_user(NULL, NULL, $$SELECT account.invite('x@x.org', 'member', 'team')$$), '42501', 'who is not logged in may not call at all');
SELECT pass('not ours: to look an invitation up by its token: who has a token learns by accepting it, and the mail that carries it says what it is for');
SELECT pass('not ours: an invitation that many use for a day: each of ours is for one email and used once, so who came in is known');

-- accepted
CREATE TEMP TABLE token (n text, token text);
GRANT SELECT, INSERT ON token TO bj_authenticated;
SELECT bj.as_user('primary', 'team', $$INSERT INTO token VALUES ('member', account.invite('member@x.org', 'member')), ('owner', account.invite('owner@x.org', 'owner')), ('late', account.invite('other@x.org', 'member'))$$) \g /dev/null
SELECT is(bj.as_user('member', NULL, $$SELECT account.accept_invitation('nothing')$$), 'PT404', 'what is no token');
SELECT is(bj.as_user('member', NULL, $$SELECT account.accept_invitation(token) ->> 'role' FROM token WHERE n = 'member'$$), 'member', 'a member accepts');
SELECT is(bj.role_of('member'), 'member', 'and is in, with the role');
SELECT is(bj.as_user('member', 'team', $$SELECT concat_ws(' ', account.tenant_role(), account.has_tenant_role('owner'))$$), 'member f', 'which is a member''s');
SELECT is(bj.as_user('member', NULL, $$SELECT string_agg(tenant_role, ' ' ORDER BY tenant_role) FROM account.memberships()$$), 'member owner', 'beside its own account');
SELECT is(bj.as_user('member', NULL, $$SELECT account.accept_invitation(token) FROM token WHERE n = 'member'$$), 'PT409', 'a used token');
SELECT is(bj.as_user('owner', NULL, $$SELECT account.accept_invitation(token) ->> 'role' FROM token WHERE n = 'owner'$$), 'owner', 'an owner accepts');
SELECT is(bj.as_user('owner', 'team', 'SELECT account.tenant_role()'), 'owner', 'and is one');
UPDATE account.invitation SET expires_at = clock_timestamp() - interval '1 second' WHERE accepted_at IS NULL AND email = 'other@x.org';
SELECT is(bj.as_user('other', NULL, $$SELECT account.accept_invitation(token) FROM token WHERE n = 'late'$$), 'PT404', 'an expired token');
SELECT is(bj.as_user('primary', 'team', $$SELECT string_agg(email, ' ') FROM account.invitations()$$), 'member@x.org owner@x.org', 'what is used or expired is listed no more');

-- what a member may
SELECT is(bj.as_user('member', 'team', $$SELECT account.invite('x@x.org', 'member')$$), 'PT403', 'a member does not invite');
SELECT is(bj.as_user('member', 'team', $$SELECT count(*) FROM account.invitations('team')$$), 'PT403', 'nor list');
SELECT is(bj.as_user('member', 'team', $$UPDATE bj.accounts SET name = 'x' WHERE slug = 'team' RETURNING 1$$), '', 'nor name the team');
SELECT is(bj.as_user('member', 'team', 'SELECT count(*) FROM bj.account_user WHERE account_id = account.tenant_uuid()'), '1', 'nor see who else is in');
SELECT is(bj.as_user('owner', 'team', 'SELECT count(*) FROM bj.account_user WHERE account_id = account.tenant_uuid()'), '3', 'an owner does');

-- roles
SELECT is(bj.as_user('member', 'team', $$SELECT account.set_member_role(bj.id('member'), 'team', 'owner')$$), 'PT403', 'a member does not raise itself');
SELECT is(bj.as_user('member', 'team', $$UPDATE bj.account_user SET account_role = 'owner' RETURNING 1$$), '42501', 'nor by hand');
SELECT is(bj.as_user('member', 'team', $$SELECT account.transfer_ownership('team', bj.id('member'))$$), 'PT403', 'nor take the team');
SELECT is(bj.role_of('member'), 'member', 'it is a member still');
SELECT is(bj.as_user('owner', 'team', $$SELECT account.set_member_role(bj.id('member'), 'team', 'owner')$$), '', 'an owner makes a member an owner');
SELECT is(bj.role_of('member'), 'owner', 'which it is then');
SELECT is(bj.as_user('primary', 'team', $$SELECT account.set_member_role(bj.id('member'), 'team', 'member')$$), '', 'and back');
SELECT is(bj.role_of('member'), 'member', 'which it is again');
SELECT is(bj.as_user('primary', 'team', $$SELECT account.transfer_ownership('team', bj.id('member'))$$), '', 'an owner hands the team over');
SELECT is(bj.role_of('member') || ' ' || bj.role_of('primary'), 'owner member', 'and is a member of it');
SELECT is(bj.as_user('member', 'team', $$SELECT account.transfer_ownership('team', bj.id('primary'))$$), '', 'and gets it back');
SELECT is(bj.role_of('member') || ' ' || bj.role_of('primary'), 'member owner', 'as it was');
SELECT pass('not ours: a primary owner among the owners: who comes first in pgaccount.tenant_admin_roles ranks first, so such a team has ''primary,owner''');
SET LOCAL pgaccount.tenant_admin_roles = 'primary,owner';
SELECT is(bj.as_user('owner', 'team', $$SELECT account.transfer_ownership('team', bj.id('member'))$$), 'PT403', 'and then no other owner hands it over');
SET LOCAL pgaccount.tenant_admin_roles = 'owner';

-- members that go
SELECT is(bj.as_user('member', 'team', $$SELECT account.remove_member(bj.id('owner'), 'team')$$), 'PT403', 'a member removes nobody');
SELECT is(bj.as_user('member', 'team', 'DELETE FROM bj.account_user RETURNING 1'), '42501', 'nor by hand');
SELECT is(bj.as_user('owner', 'team', $$SELECT account.remove_member(bj.id('member'), 'team')$$), '', 'an owner removes a member');
SELECT is(bj.as_user('member', 'team', 'SELECT 1'), '403 not_a_member', 'which does not come in any more');
SELECT is(bj.as_user('primary', 'team', $$SELECT account.remove_member(bj.id('owner'), 'team')$$), '', 'and another owner');
SELECT is(bj.role_of('primary'), 'owner', 'the first is there still');
SELECT pass('that the last owner cannot go is what account.protect_last_member says, for statements of every kind');

-- who did it
SELECT is((SELECT created_by FROM bj.accounts WHERE slug = 'team'), bj.id('primary')::text, 'who made an account: a column of the application''s, by account.uid()');
SELECT is((SELECT actor FROM account.event WHERE type = 'member_removed' ORDER BY id DESC LIMIT 1), bj.id('primary')::text, 'and who removed whom: an event');
SELECT pass('not ours: billing');
SELECT * FROM finish();
ROLLBACK;
