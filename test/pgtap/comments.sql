-- \df+, \d+ and \dx+ say what each thing of the extension is: functions, relations, their columns, types.
BEGIN;
SELECT plan(3);

CREATE TEMP TABLE member AS
    SELECT d.classid, d.objid FROM pg_depend AS d
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
          AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount');

SELECT is_empty($$
    SELECT p.oid::regprocedure FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    WHERE obj_description(p.oid, 'pg_proc') IS NULL $$, 'every function has a comment');
SELECT is_empty($$
    SELECT c.oid::regclass::text FROM member AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    WHERE obj_description(c.oid, 'pg_class') IS NULL AND c.relkind <> 'c'
    UNION ALL
    SELECT t.oid::regtype::text FROM member AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    WHERE obj_description(t.oid, 'pg_type') IS NULL AND t.typtype <> 'b'
          AND (t.typrelid = 0 OR (SELECT c.relkind FROM pg_class AS c WHERE c.oid = t.typrelid) = 'c') $$,
    'every table, view, sequence and type has a comment');
SELECT is_empty($$
    SELECT c.oid::regclass || '.' || a.attname
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'account'::regnamespace AND c.relkind IN ('r', 'v', 'c', 'm', 'p')
          AND col_description(c.oid, a.attnum) IS NULL $$, 'every column has a comment');

SELECT * FROM finish();
ROLLBACK;
