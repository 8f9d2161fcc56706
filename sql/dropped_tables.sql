-- What a session has learnt of tables goes with them: its memory does not grow with tables that come and go.
SET client_min_messages = warning;
CREATE SCHEMA dt;
SET search_path = dt;
CREATE PROCEDURE dt.cycle(times int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. times LOOP
        CREATE TABLE dt.parent (id int PRIMARY KEY, deleted_at timestamptz);
        CREATE TABLE dt.child (id int PRIMARY KEY, parent_id int REFERENCES dt.parent ON DELETE CASCADE, deleted_at timestamptz);
        PERFORM account.enable_soft_delete('dt.parent', children => true);
        INSERT INTO dt.parent VALUES (1), (2);
        INSERT INTO dt.child VALUES (1, 1), (2, 2);
        DELETE FROM dt.parent WHERE id = 1;
        PERFORM account.restore('dt.parent', 1);
        DROP TABLE dt.child, dt.parent;
        COMMIT;
    END LOOP;
END $$;
CREATE PROCEDURE dt.passing(times int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. times LOOP
        CREATE TEMP TABLE passing (i int) ON COMMIT DROP;
        INSERT INTO passing VALUES (1);
        DELETE FROM passing;
        COMMIT;
    END LOOP;
END $$;
CREATE FUNCTION dt.kept() RETURNS numeric LANGUAGE sql AS
    $$SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name LIKE 'pgaccount%' OR ident LIKE '%pgaccount%'$$;
CALL dt.cycle(40);
CALL dt.passing(400);
SELECT dt.kept() AS before \gset
CALL dt.cycle(120);
CALL dt.passing(2000);
SELECT dt.kept() < 1.5 * :before AS bounded;
DROP SCHEMA dt CASCADE;
