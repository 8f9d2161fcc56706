-- A role that the table of members stores otherwise than it was given: nobody gets one before its own that way.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SELECT no_plan();
SELECT account.create_starter('sr', members => true) \gset ignore_
INSERT INTO sr.tenants (slug) VALUES ('a');
INSERT INTO sr.users (email) SELECT x || '@x.org' FROM unnest('{owner,admin,guest}'::text[]) x;
INSERT INTO sr.memberships (user_id, tenant_id, role) SELECT u.id, t.id, split_part(u.email, '@', 1) FROM sr.users u, sr.tenants t WHERE u.email <> 'guest@x.org';
CREATE FUNCTION sr.who(name text) RETURNS text LANGUAGE sql AS $$ SELECT id::text FROM sr.users WHERE email = name || '@x.org' $$;
CREATE FUNCTION sr.role(name text) RETURNS text LANGUAGE sql AS $$ SELECT role::text FROM sr.memberships WHERE user_id::text = sr.who(name) $$;
CREATE FUNCTION sr.lower() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.role := lower(NEW.role); RETURN NEW; END $$;
CREATE FUNCTION sr.afterwards() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE sr.memberships SET role = lower(role) WHERE role <> lower(role); RETURN NULL; END $$;

-- by a trigger before the row is written, and by one after it
SELECT account.act_as(sr.who('admin')) \gset ignore_
CREATE FUNCTION sr.attempts(kind text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT throws_ok($s$SELECT account.set_member_role(sr.who('admin'), 'a', 'owner')$s$, 'PT403', NULL, kind || ': the role above is refused');
    RETURN NEXT throws_ok($s$SELECT account.set_member_role(sr.who('admin'), 'a', 'Owner')$s$, '55000', 'the membership would have another role', kind || ': and one that becomes it');
    RETURN NEXT is(sr.role('admin'), 'admin', kind || ': the role is what it was');
    PERFORM set_config('sr.token', account.invite('guest@x.org', 'OWNER', 'a'), true), account.act_as(sr.who('guest'));
    RETURN NEXT throws_ok($s$SELECT account.accept_invitation(current_setting('sr.token'))$s$, '55000', 'the membership would have another role', kind || ': an invitation to one that becomes it is not accepted');
    RETURN NEXT is(sr.role('guest'), NULL, kind || ': nobody became a member');
    PERFORM account.act_as(sr.who('admin'));
    PERFORM account.revoke_invitation(i.id) FROM account.invitations('a') i;
    RETURN NEXT lives_ok($s$SELECT account.set_member_role(sr.who('admin'), 'a', 'Member')$s$, kind || ': one that becomes another behind it is given');
    RETURN NEXT is(sr.role('admin'), 'member', kind || ': as the table has it');
    UPDATE sr.memberships SET role = 'admin' WHERE user_id::text = sr.who('admin');
END $$;
CREATE TRIGGER lower BEFORE INSERT OR UPDATE ON sr.memberships FOR EACH ROW EXECUTE FUNCTION sr.lower();
SELECT sr.attempts('before');
DROP TRIGGER lower ON sr.memberships;
CREATE TRIGGER lower AFTER INSERT OR UPDATE ON sr.memberships FOR EACH ROW EXECUTE FUNCTION sr.afterwards();
SELECT sr.attempts('after');
DROP TRIGGER lower ON sr.memberships;

-- by a type that takes roles for one which differ in case alone
CREATE EXTENSION IF NOT EXISTS citext;
ALTER TABLE sr.memberships ALTER role DROP DEFAULT, ALTER role TYPE citext;
SELECT throws_ok($$SELECT account.set_member_role(sr.who('admin'), 'a', 'OWNER')$$, 'PT403', NULL, 'citext: OWNER is owner');
SELECT throws_ok($$SELECT account.invite('guest@x.org', 'Owner', 'a')$$, 'PT403', NULL, 'citext: and Owner is');
UPDATE sr.memberships SET role = 'OWNER' WHERE user_id::text = sr.who('owner');
SELECT throws_ok($$SELECT account.remove_member(sr.who('owner'), 'a')$$, 'PT403', NULL, 'citext: who is OWNER is nobody an admin removes');
SELECT lives_ok($$SELECT account.set_member_role(sr.who('admin'), 'a', 'ADMIN')$$, 'citext: ADMIN is as good as admin');
SELECT * FROM finish();
ROLLBACK;
