-- The truth table of tenant x modules x profile: a token or the contract's refusal, never another error.
-- Each combination is a row of data; each is asserted by the claims it must give.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
DO $$ BEGIN PERFORM account.create_key(); END $$;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;

-- how a tenant's modules may be stored, and the claim that each must give
CREATE TEMP TABLE modules_case (type text, value text, claim jsonb);
INSERT INTO modules_case VALUES
    ('jsonb', NULL, '[]'), ('jsonb', '[]', '[]'), ('jsonb', '{}', '[]'), ('jsonb', '"crm"', '[]'),
    ('jsonb', '["crm", "hr"]', '["crm", "hr"]'), ('jsonb', '[["a"], {"b": [1]}]', '[["a"], {"b": [1]}]'),
    ('jsonb', 'null', '[]'), ('jsonb', '5', '[]'), ('jsonb', 'true', '[]'), ('jsonb', '{"crm": true}', '[]'),
    ('json', NULL, '[]'), ('json', '[]', '[]'), ('json', '{}', '[]'), ('json', '["crm"]', '["crm"]'),
    ('json', '["a", "a"]', '["a", "a"]'), ('json', '"x"', '[]'), ('json', '{"a": 1, "a": 2}', '[]'),
    ('text[]', NULL, '[]'), ('text[]', '{}', '[]'), ('text[]', '{crm,hr}', '["crm", "hr"]'), ('text[]', '{crm,NULL}', '["crm"]'),
    ('text[]', '{{a,b},{c,d}}', '["a", "b", "c", "d"]'),
    ('varchar[]', NULL, '[]'), ('varchar[]', '{}', '[]'), ('varchar[]', '{crm}', '["crm"]'), ('varchar(8)[]', '{crm}', '["crm"]'),
    ('text', NULL, '[]'), ('text', '["crm"]', '[]'), ('text', 'crm,hr', '[]'), ('text', '', '[]'),
    ('integer', '5', '[]'), ('boolean', 'true', '[]'), ('integer[]', '{1,2}', '[]'), (NULL, NULL, '[]');

-- how a user may be related to a tenant
CREATE TEMP TABLE tenant_case (tenant text, has_tenant boolean, admitted boolean);
INSERT INTO tenant_case VALUES ('no column', false, true), ('no table', true, true), ('null', false, true),
    ('row missing', false, true), ('inactive', true, false), ('active', true, true), ('deleted', true, false), ('is_active null', true, false);

-- what a profile may be
CREATE TEMP TABLE profile_case (profile text, role text);
INSERT INTO profile_case VALUES ('no table', NULL), ('row missing', NULL), ('role null', NULL), ('no role column', NULL), ('role', 'teacher');

CREATE TABLE result (combination text, status text, ok boolean, seen jsonb);

CREATE FUNCTION try_combination(m modules_case, t tenant_case, p profile_case) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    claims jsonb;
    tenants text := CASE WHEN t.tenant NOT IN ('no column', 'no table') THEN 'x.tenants' END;
    profiles text := CASE WHEN p.profile <> 'no table' THEN 'x.profiles' END;
    answer account.token_pair;
    name text := concat_ws(' / ', t.tenant, coalesce(m.type, 'no column') || ' ' || coalesce(m.value, 'NULL'), p.profile);
BEGIN
    CREATE SCHEMA x;
    CREATE TABLE x.tenants (id bigint PRIMARY KEY, slug text, is_active boolean, deleted_at timestamptz);
    IF m.type IS NOT NULL THEN
        EXECUTE format('ALTER TABLE x.tenants ADD modules %s', m.type);
    END IF;
    INSERT INTO x.tenants VALUES (7, 'seven', CASE WHEN t.tenant = 'is_active null' THEN NULL ELSE t.tenant <> 'inactive' END);
    IF m.type IS NOT NULL THEN
        EXECUTE format('UPDATE x.tenants SET modules = %L', m.value);
    END IF;
    CREATE TABLE x.users (id int PRIMARY KEY, email text, password text);
    INSERT INTO x.users VALUES (1, 'a@b.c', account.hash_password('secret123'));
    IF t.tenant <> 'no column' THEN
        ALTER TABLE x.users ADD tenant_id int;
        UPDATE x.users SET tenant_id = CASE t.tenant WHEN 'null' THEN NULL WHEN 'row missing' THEN 8 ELSE 7 END;
    END IF;
    CREATE TABLE x.profiles (user_id int UNIQUE, bio text);
    IF p.profile <> 'no role column' THEN
        ALTER TABLE x.profiles ADD role text;
    END IF;
    IF p.profile <> 'row missing' THEN
        INSERT INTO x.profiles (user_id) VALUES (1);
    END IF;
    IF p.role IS NOT NULL THEN
        UPDATE x.profiles SET role = p.role;
    END IF;
    PERFORM account.use_tables('x.users', profiles::regclass, tenants::regclass);
    IF t.tenant = 'deleted' THEN
        PERFORM account.enable_soft_delete('x.tenants');
        DELETE FROM x.tenants;
        UPDATE x.tenants SET deleted_at = now() WHERE deleted_at IS NULL;
    END IF;
    answer := account.login('a@b.c', 'secret123');
    IF answer.status = 200 THEN
        claims := account.verify_access_token(answer.access_token);
        -- the token is good for an identity, and for the next one
        PERFORM account.authenticate(answer.access_token);
        answer := account.refresh(answer.refresh_token);
    END IF;
    INSERT INTO result VALUES (name, answer.status::text,
        CASE WHEN NOT t.admitted THEN answer.status = 403 AND answer.error = 'account_inactive' AND claims IS NULL
             ELSE answer.status = 200
                AND claims ? 'tenant_id' AND claims ? 'tenant' AND claims ? 'modules' AND claims ? 'user_role'
                AND claims ->> 'tenant_id' IS NOT DISTINCT FROM CASE WHEN t.has_tenant THEN '7' END
                AND claims ->> 'tenant' IS NOT DISTINCT FROM CASE WHEN t.tenant = 'active' THEN 'seven' END
                AND claims -> 'modules' = CASE WHEN t.tenant = 'active' THEN m.claim ELSE '[]' END
                AND claims ->> 'user_role' IS NOT DISTINCT FROM p.role
                AND claims -> 'is_staff' = 'false' END, claims);
    DROP SCHEMA x CASCADE;
EXCEPTION WHEN OTHERS THEN
    INSERT INTO public.result VALUES (name, SQLSTATE || ' ' || SQLERRM, false, NULL);
END $$;

-- a transaction each: 1360 schemas are more than one holds locks for
DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT m, t, p FROM modules_case m, tenant_case t, profile_case p LOOP
        PERFORM try_combination(c.m, c.t, c.p);
        COMMIT;
    END LOOP;
END $$;

SELECT plan((SELECT count(*)::int FROM modules_case) * (SELECT count(*)::int FROM tenant_case) * (SELECT count(*)::int FROM profile_case));
SELECT ok(r.ok IS TRUE, r.combination || ' gives ' || r.status || coalesce(' ' || CASE WHEN r.ok IS NOT TRUE THEN r.seen::text END, '')) FROM result r ORDER BY r.combination;
SELECT * FROM finish();
