-- Read every table of the suite's database, delete half of it, read it again. With enable=on after soft delete
-- was enabled on all that can take it. One line a finding, the same in both but for what differs.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
SET statement_timeout = '60s';
\set ON_ERROR_STOP off
-- the columns there were
CREATE TABLE public.account_columns AS
    SELECT c.oid AS relid, string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
        AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\_%' OR nspname IN ('information_schema', 'account'))
        AND c.relname <> 'account_columns'
    GROUP BY c.oid;
CREATE PROCEDURE public.account_compare(enable boolean) LANGUAGE plpgsql AS $$
DECLARE
    t record;
    v record;
    n bigint;
    what text;
BEGIN
    FOR t IN SELECT relid::regclass::text AS name, relid FROM account_columns ORDER BY relid::regclass::text COLLATE "C" LOOP
        -- a partition is covered by its table, and so is a table by those that it inherits from
        CONTINUE WHEN NOT enable OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = t.relid);
        BEGIN
            PERFORM account.enable_soft_delete(t.relid);
            RAISE INFO 'enabled %', t.name;
        EXCEPTION WHEN OTHERS THEN
            RAISE INFO 'refused %: % %', t.name, SQLSTATE, SQLERRM;
        END;
    END LOOP;
    FOR t IN SELECT relid::regclass::text AS name, columns FROM account_columns ORDER BY relid::regclass::text COLLATE "C" LOOP
        BEGIN
            what := 'before';
            EXECUTE format('SELECT count(*), md5(coalesce(string_agg(x::text, '';'' ORDER BY x::text COLLATE "C"), '''')) FROM (SELECT %s FROM %s) x', t.columns, t.name) INTO v;
            RAISE INFO 'read % before: % %', t.name, v.count, v.md5;
            what := 'delete';
            EXECUTE format('DELETE FROM %s a WHERE md5(ROW(%s)::text) < ''8''', t.name, t.columns);
            GET DIAGNOSTICS n = ROW_COUNT;
            RAISE INFO 'read % deleted: %', t.name, n;
            what := 'after';
            EXECUTE format('SELECT count(*), md5(coalesce(string_agg(x::text, '';'' ORDER BY x::text COLLATE "C"), '''')) FROM (SELECT %s FROM %s) x', t.columns, t.name) INTO v;
            RAISE INFO 'read % after: % %', t.name, v.count, v.md5;
            what := 'join';
            EXECUTE format('SELECT count(*) FROM (SELECT %1$s FROM %2$s) a FULL JOIN (SELECT %1$s FROM %2$s) b ON md5(a::text) = md5(b::text)', t.columns, t.name) INTO n;
            RAISE INFO 'read % joined: %', t.name, n;
            what := 'exists';
            EXECUTE format('SELECT count(*) FROM %2$s a WHERE EXISTS (SELECT FROM ONLY %2$s b WHERE b.ctid = a.ctid AND b.tableoid = a.tableoid)', t.columns, t.name) INTO n;
            RAISE INFO 'read % exists: %', t.name, n;
            what := 'again';
            EXECUTE format('DELETE FROM %s a WHERE md5(ROW(%s)::text) < ''8''', t.name, t.columns);
            GET DIAGNOSTICS n = ROW_COUNT;
            RAISE INFO 'read % deleted again: %', t.name, n;
            -- views of the suite's over it
            FOR v IN SELECT DISTINCT r.ev_class::regclass::text AS name FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                     WHERE d.refobjid = t.name::regclass AND r.ev_class::regclass::text <> t.name AND r.ev_type = '1' ORDER BY 1 LOOP
                what := 'view ' || v.name;
                EXECUTE format('SELECT count(*) FROM %s', v.name) INTO n;
                RAISE INFO 'read % by view %: %', t.name, v.name, n;
            END LOOP;
            RAISE EXCEPTION USING ERRCODE = 'ZZ999';
        EXCEPTION WHEN SQLSTATE 'ZZ999' THEN NULL;
        WHEN OTHERS THEN
            RAISE INFO 'read % %: % %', t.name, what, SQLSTATE, SQLERRM;
        END;
        COMMIT;
    END LOOP;
END $$;
CALL public.account_compare(:'enable');
