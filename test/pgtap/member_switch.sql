-- A session that goes from tenant to tenant: which tokens are good before and after, and what a refusal leaves.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SET LOCAL pgaccount.refresh_grace = '1h';
SELECT no_plan();
SELECT account.create_key('HS256', 'msw') \g /dev/null
SELECT account.create_starter('msw', members => true) \g /dev/null
INSERT INTO msw.tenants (slug, modules) VALUES ('one', '["a"]'), ('two', '["b"]'), ('three', '[]'), ('closed', '[]');
UPDATE msw.tenants SET is_active = false WHERE slug = 'closed';
SELECT user_id AS id FROM account.register('ann@x.org', 'secret123') \gset
INSERT INTO msw.memberships SELECT :'id', id, CASE slug WHEN 'one' THEN 'owner' ELSE 'member' END FROM msw.tenants WHERE slug <> 'three';
CREATE FUNCTION msw.slug(tenant text) RETURNS text LANGUAGE sql AS 'SELECT slug FROM msw.tenants WHERE id::text = tenant';
CREATE FUNCTION msw.said(token text) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', c ->> 'tenant', c ->> 'modules', c ->> 'tenant_role') FROM account.verify_access_token(token) c $$;

SELECT * FROM account.login('ann@x.org', 'secret123', tenant => 'one') \gset l_
SELECT account.verify_access_token(:'l_access_token') ->> 'sid' AS sid \gset
SELECT is(msw.said(:'l_access_token'), 'one ["a"] owner', 'a login in a tenant');
SELECT is((SELECT ROW(status, error, access_token, refresh_token)::text FROM account.switch_tenant(:'l_refresh_token', 'three')), '(403,not_a_member,,)', 'refused: of no member');
SELECT is((SELECT status FROM account.switch_tenant(:'l_refresh_token', 'closed')), 403, 'of a tenant that is closed');
SELECT is((SELECT status FROM account.switch_tenant(:'l_refresh_token', 'nowhere')), 403, 'of none there is');
SELECT is((SELECT status FROM account.switch_tenant(:'l_refresh_token', '')), 403, 'of no name');
SELECT is((SELECT counter FROM account.session WHERE id = :'sid'), 0::bigint, 'and the refresh token is unused');
SELECT is((SELECT status || ' ' || error FROM account.switch_tenant('x', 'two')), '401 token_invalid', 'no token');
SELECT is((SELECT status || ' ' || error FROM account.switch_tenant(NULL, 'two')), '401 token_invalid', 'none at all');
SELECT throws_ok(format('SELECT account.switch_tenant(%L, NULL)', :'l_refresh_token'), '22023', NULL, 'a tenant is named');

SELECT * FROM account.switch_tenant(:'l_refresh_token', (SELECT id::text FROM msw.tenants WHERE slug = 'two'), '10.1.2.3') \gset t_
SELECT is(msw.said(:'t_access_token'), 'two ["b"] member', 'switched, by the id');
SELECT is(account.verify_access_token(:'t_access_token') ->> 'sid', :'sid'::text, 'the same session');
SELECT is((SELECT msw.slug(tenant_id) || ' ' || host(ip) FROM account.session WHERE id = :'sid'), 'two 10.1.2.3', 'which is there now');
SELECT is(msw.slug(:'t_tenant_id'), 'two', 'as the answer says');
SELECT account.authenticate(:'l_access_token') \g /dev/null
SELECT is(concat_ws(' ', account.claim('tenant'), account.tenant_role(), account.has_tenant_role('admin', 'owner'), account.has_module('a')), 'one owner t t', 'the earlier access token is good, in its tenant');
SELECT account.authenticate(:'t_access_token') \g /dev/null
SELECT is(concat_ws(' ', account.claim('tenant'), account.tenant_role(), account.has_tenant_role('admin', 'owner'), account.has_module('a')), 'two member f f', 'and the later in the other');

-- the first token again, within the grace and after it
SELECT * FROM account.switch_tenant(:'l_refresh_token', 'two') \gset again_
SELECT is(:'again_refresh_token'::text, :'t_refresh_token'::text, 'a used token gives its successor again');
SELECT * FROM account.refresh(:'l_refresh_token') \gset late_
SELECT is(msw.said(:'late_access_token') || (:'late_refresh_token' = :'t_refresh_token'), 'two ["b"] membertrue', 'by refresh, too: where the session is');
SELECT is((SELECT msw.said(access_token) FROM account.switch_tenant(:'l_refresh_token', 'one')), 'one ["a"] owner', 'and moves the session');
SELECT is((SELECT msw.slug(tenant_id) FROM account.session WHERE id = :'sid'), 'one', 'as it says');
SELECT * FROM account.refresh(:'t_refresh_token') \gset r_
SELECT is(msw.said(:'r_access_token'), 'one ["a"] owner', 'a refresh keeps the tenant');
SELECT is((SELECT status || ' ' || error FROM account.switch_tenant(:'l_refresh_token', 'two')), '401 token_reused', 'the one before is reused');
SELECT is((SELECT status || ' ' || error FROM account.switch_tenant(:'r_refresh_token', 'two')), '401 session_ended', 'which ends the session');

-- what a login without tenant gets: that of the last session, if it is good still
SELECT is((SELECT msw.slug(tenant_id) FROM account.login('ann@x.org', 'secret123')), 'one', 'the tenant of the last session');
SELECT * FROM account.login('ann@x.org', 'secret123', tenant => 'two') \gset two_
SELECT is((SELECT msw.slug(tenant_id) FROM account.issue_tokens(:'id')), 'two', 'as its switches left it, by issue_tokens too');
SELECT is(account.verify_access_token(account.issue_access_token(:'id')) ->> 'tenant', 'two', 'and by issue_access_token');
SELECT account.act_as(:'id') \g /dev/null
SELECT is(account.claim('tenant') || ' ' || account.tenant_role(), 'two member', 'and by act_as');
DELETE FROM msw.memberships WHERE tenant_id = (SELECT id FROM msw.tenants WHERE slug = 'two');
SELECT is((SELECT msw.slug(tenant_id) FROM account.login('ann@x.org', 'secret123')), 'one', 'the only one, when there is one');
SELECT throws_ok('SELECT account.memberships()', 'PT401', NULL, 'an identity of a membership that is gone is none');
SELECT is((SELECT status || ' ' || error FROM account.refresh(:'two_refresh_token')), '401 session_ended', 'and its session is over');
-- a session without tenant finds one
DELETE FROM msw.memberships;
SELECT * FROM account.login('ann@x.org', 'secret123') \gset none_
SELECT is(:'none_status' || account.verify_access_token(:'none_access_token') ->> 'tenant_id' IS NULL, true, 'no membership: no tenant');
INSERT INTO msw.memberships SELECT :'id', id, 'member' FROM msw.tenants WHERE slug = 'three';
SELECT is((SELECT msw.said(access_token) FROM account.refresh(:'none_refresh_token')), '[]', 'it stays so');
SELECT is((SELECT msw.said(access_token) FROM account.switch_tenant(:'none_refresh_token', 'three')), 'three [] member', 'until it is asked to');
SELECT is((SELECT count(*) FROM account.event WHERE type = 'tenant_switched'), 4::bigint, 'events of switches');
SELECT is((SELECT string_agg(DISTINCT error_code, ' ') FROM account.event WHERE type = 'operation_failed' AND detail ->> 'error' = 'not_a_member'), 'PT403', 'and of refusals');
SELECT is((SELECT count(*) FROM account.event WHERE detail::text ~ :'l_refresh_token' OR detail::text ~ :'t_refresh_token'), 0::bigint, 'without tokens');
-- after the rest: the live one of a slug, by the index on live ones as by a statement, which a child of the table asks for
INSERT INTO msw.tenants (slug) VALUES ('again'), ('gone');
INSERT INTO msw.tenants (slug) SELECT id::text FROM msw.tenants WHERE slug = 'one';
INSERT INTO msw.memberships SELECT :'id', id, 'member' FROM msw.tenants ON CONFLICT DO NOTHING;
CREATE TABLE msw.named AS SELECT slug AS name FROM msw.tenants UNION SELECT id::text FROM msw.tenants;
DELETE FROM msw.tenants WHERE slug IN ('again', 'gone');
INSERT INTO msw.tenants (slug) VALUES ('again');
INSERT INTO msw.memberships SELECT :'id', id, 'member' FROM msw.tenants WHERE slug = 'again';
CREATE FUNCTION msw.goes(text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.error, s.tenant_id) FROM account.switch_tenant((account.issue_tokens((SELECT id::text FROM msw.users))).refresh_token, $1) s $$;
CREATE TABLE msw.by_index AS SELECT name, msw.goes(name) AS to FROM msw.named;
SELECT is((SELECT split_part("to", ' ', 1) FROM msw.by_index WHERE name = 'again'), (SELECT id::text FROM msw.tenants WHERE slug = 'again' AND deleted_at IS NULL), 'the live one of a slug');
SELECT is((SELECT string_agg("to", ' ') FROM msw.by_index WHERE name = 'gone'), 'not_a_member', 'of which one is needed');
CREATE TABLE msw.child () INHERITS (msw.tenants);
SELECT is((SELECT jsonb_agg(n) FROM (SELECT name, msw.goes(name) FROM msw.named EXCEPT TABLE msw.by_index) n), NULL, 'the same by a statement');
SELECT cmp_ok((SELECT count(*) FROM msw.by_index WHERE "to" <> 'not_a_member'), '>=', 6::bigint, 'of as many as there are');

-- a role of no tenant, which a token may say that is older than the mapping of members
SELECT account.forget_tables() \g /dev/null
SELECT count(*) FROM account.use_tables('msw.users', tenants => 'msw.tenants') \g /dev/null
SELECT account.issue_access_token(:'id', extra => '{"tenant_role": "owner"}') AS old \gset
SELECT count(*) FROM account.use_tables('msw.users', tenants => 'msw.tenants', members => 'msw.memberships') \g /dev/null
SELECT is(account.authenticate(:'old'), :'id', 'an older token is good');
SELECT is(concat_ws(' ', account.tenant_role(), account.has_tenant_role('owner'), account.claim('tenant_role')), 'f', 'but gives no role where there is no membership');
SELECT * FROM finish();
ROLLBACK;
