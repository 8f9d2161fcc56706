-- The forms of a key: a value, a literal, an array, an object over the columns of any key that is unique over all rows.
SET client_min_messages = warning;
CREATE SCHEMA kf;
CREATE TABLE kf.users (id int PRIMARY KEY, email text UNIQUE, slug text, tenant int, n int, deleted_at timestamptz, UNIQUE (tenant, n), EXCLUDE USING btree (slug WITH =));
SELECT account.enable_soft_delete('kf.users');
SELECT account.unique_among_live('kf.users', 'email');
CREATE UNIQUE INDEX users_slug ON kf.users (lower(slug));
INSERT INTO kf.users SELECT i, 'u' || i || '@x.org', 's' || i, i % 2, i FROM generate_series(1, 6) AS i;
CREATE TABLE kf.pairs (a int, b varchar(8), PRIMARY KEY (b, a), label text UNIQUE);
SELECT account.enable_soft_delete('kf.pairs');
INSERT INTO kf.pairs VALUES (1, 'x', 'one'), (2, 'y', 'two'), (3, '{', 'three');
CREATE TABLE kf.texts (k text PRIMARY KEY, label text UNIQUE, other text);
SELECT account.enable_soft_delete('kf.texts');
INSERT INTO kf.texts VALUES ('{"label": "b"}', 'a', 'x'), ('[1]', 'b', 'x'), ('{"thing": 1}', 'c', 'x'), ('{', 'd', 'x'), ('', 'e', 'x');
CREATE TABLE kf.uuids (id uuid PRIMARY KEY, name text);
SELECT account.enable_soft_delete('kf.uuids');
INSERT INTO kf.uuids VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Acme');

-- what a key names: how many rows of the table it would remove, or why it is none
CREATE FUNCTION kf.of(target regclass, key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; names text;
BEGIN
    SELECT sum(rows)::text INTO names FROM account.cleanup_plan(target, key);
    RETURN coalesce(names, '0') || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || detail;
END $$;
SELECT k AS key, kf.of('kf.users', k) FROM unnest(ARRAY['1', ' 1', '{1,2}', '[1, 2]', '["1", 2, 9]', '{}', '[]', '{"id": 1}', '[{"id": 1}, {"id": "2"}]', '{"tenant": 1, "n": 1}', '{"n": 1, "tenant": 1}', '[{"n": 1, "tenant": 1}, {"tenant": 0, "n": 2}]',
    'u1@x.org', '{u1@x.org}', '{"email": "u1@x.org"}', '[{"email": "u1@x.org"}]', '{"slug": "s1"}', '{"tenant": 1}', '{"tenant": 1, "email": "u1@x.org"}', '{"id": 1, "n": 1}', '{"ctid": "(0,1)"}', '{"mail": "x"}', '{"": 1}', '[{"id": 1}, {"n": 1}]', '[{"id": 1}, {"id": 2, "n": 1}]', '[{"id": 1}, 2]',
    '[1, {"id": 2}]', '[[1]]', '{"id": null}', '{"id": [1]}', '[null]', '{NULL}', 'null', '1.5', '1.0', '{"id": 1.5}', '{1', '{"id": 1', '[1', '{{1,2},{3,4}}', '99999999999', '{"id": 99999999999}', '{"email": ' || repeat('[', 10) || ']}']) WITH ORDINALITY AS t (k, n) ORDER BY n;
-- composite keys are objects, in any order
SELECT k AS key, kf.of('kf.pairs', k) FROM unnest(ARRAY['{"a": 1, "b": "x"}', '{"b": "x", "a": 1}', '[{"a": 1, "b": "x"}, {"b": "y", "a": 2}]', '{"a": "3", "b": "{"}', '{"label": "two"}', '{"a": 1}', '{"a": 1, "b": "x", "label": "one"}', '(1,x)', '1', '{1,x}', '[1]', '[]', '{}', '{"a": 1, "c": 2}', '{"a": "x", "b": 1}']) WITH ORDINALITY AS t (k, n) ORDER BY n;
-- where the key is text, text is the value, but for objects over the table's columns
SELECT k AS key, kf.of('kf.texts', k) FROM unnest(ARRAY['{"label": "b"}', '[1]', '{"thing": 1}', '{', '', '{"k": "[1]"}', '[{"k": "[1]"}, {"k": "{"}]', '{"other": "x"}', '{"label": "a", "other": "x"}', 'none', '{}', '[]']) WITH ORDINALITY AS t (k, n) ORDER BY n;
SELECT k AS key, kf.of('kf.uuids', k) FROM unnest(ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{a0eebc999c0b4ef8bb6d6bb9bd380a11,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12}', '["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]', '{"name": "Acme"}', 'Acme', '42']) WITH ORDINALITY AS t (k, n) ORDER BY n;

-- values of other types go the same way
\set VERBOSITY terse
DELETE FROM kf.users;
SELECT account.restore('kf.users', 1::smallint), account.restore('kf.users', 2::bigint), account.restore('kf.users', ARRAY[3, 4]), account.restore('kf.users', '{"id": 5}'::jsonb), account.restore('kf.users', ARRAY['{"tenant": 0, "n": 6}'::jsonb]);
SELECT account.restore('kf.users', '{"email": "u1@x.org"}');  -- fails
SELECT account.restore('kf.users', '{"email": "u1@x.org"}'::jsonb);  -- fails
SELECT account.restore('kf.users', '{"email": "u1@x.org"}'::json);  -- fails
SELECT account.is_deleted('kf.users', '{"email": "u1@x.org"}'::varchar);  -- fails
SELECT account.cleanup('kf.users', '{"email": "u1@x.org"}');  -- fails
SELECT account.restore('kf.users', 1.5), account.restore('kf.users', 1);  -- fails
SELECT account.restore('kf.users', 'NaN'::numeric);  -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('kf.users', NULL);  -- fails
\set VERBOSITY default
SELECT account.restore('kf.users', 'ann@x.org');  -- fails
SELECT count(*) FROM kf.users;
DROP SCHEMA kf CASCADE;
