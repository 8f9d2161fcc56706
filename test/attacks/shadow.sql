-- A schema in which every operator, function, aggregate, type, table and view of pg_catalog has a double.
-- A double does what the original does, after it has written to the server's log that somebody runs it who
-- is not the role whose search_path it is in. The log outlives the rollback of the transaction that was caught.
--
-- By a superuser, with the variable "caller": an SQL expression of that role's name, such as session_user.
-- Leaves search_path at pg_catalog. What cannot be written in SQL or PL/pgSQL has no
-- double: arguments and results of type internal, cstring and "any", trigger functions, window functions.
SET search_path = pg_catalog;
SET check_function_bodies = off;
SET client_min_messages = warning;
CREATE SCHEMA shadow;
GRANT USAGE ON SCHEMA shadow TO PUBLIC;

-- The caller, as an expression; and the statement that notes a use by anybody else.
SELECT set_config('shadow.caller', :'caller', false) \g /dev/null
CREATE FUNCTION shadow.noting(kind text, what text) RETURNS text LANGUAGE sql AS $$
    SELECT format('IF current_user OPERATOR(pg_catalog.<>) %s THEN PERFORM shadow.note(%L, %L); END IF; ', current_setting('shadow.caller'), kind, what);
$$;
SELECT format($$CREATE FUNCTION shadow.note(kind text, what text) RETURNS boolean LANGUAGE plpgsql STABLE AS %L$$, format($$
BEGIN
    IF current_user OPERATOR(pg_catalog.<>) %s THEN
        RAISE LOG 'CAUGHT kind=%% table=%% as=%% session=%% step=%%', kind, what, current_user, session_user,
            pg_catalog.current_setting('attack.step', true);
    END IF;
    RETURN true;
END $$, current_setting('shadow.caller'))) \gexec

-- Create a double; one that cannot be written is kept in shadow.missing.
CREATE TABLE shadow.missing (what text, why text);
CREATE PROCEDURE shadow.make(what text, VARIADIC statements text[]) LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
EXCEPTION WHEN OTHERS THEN
    INSERT INTO shadow.missing VALUES (what, sqlerrm);
END $$;

-- operators
DO $make$
DECLARE
    o record;
BEGIN
    FOR o IN SELECT op.oid, oprname, oprleft, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r, format_type(oprresult, NULL) AS result,
            op.oid::regoperator::text AS name, CASE WHEN proisstrict THEN 'STRICT' ELSE '' END AS strictness
        FROM pg_operator op JOIN pg_proc p ON p.oid = oprcode WHERE oprnamespace = 'pg_catalog'::regnamespace ORDER BY op.oid
    LOOP
        CALL shadow.make('operator ' || o.name,
            format('CREATE FUNCTION shadow.operator_%s(%s%s) RETURNS %s LANGUAGE plpgsql STABLE %s AS %L', o.oid,
                CASE WHEN o.oprleft <> 0 THEN o.l || ', ' END, o.r, o.result, o.strictness,
                'BEGIN ' || shadow.noting('operator', o.name) || 'RETURN '
                    || CASE WHEN o.oprleft <> 0 THEN '$1 OPERATOR(pg_catalog.' || o.oprname || ') $2'
                        ELSE 'OPERATOR(pg_catalog.' || o.oprname || ') $1' END || '; END'),
            format('CREATE OPERATOR shadow.%s (%s RIGHTARG = %s, FUNCTION = shadow.operator_%s)', o.oprname,
                CASE WHEN o.oprleft <> 0 THEN 'LEFTARG = ' || o.l || ',' END, o.r, o.oid));
    END LOOP;
END $make$;

-- functions: of one result in PL/pgSQL, of columns and rows in SQL
DO $make$
DECLARE
    f record;
    call text;
    body text;
BEGIN
    FOR f IN SELECT p.oid, p.oid::regprocedure::text AS name, quote_ident(proname) AS proname, pg_get_function_arguments(p.oid) AS arguments,
            pg_get_function_result(p.oid) AS result, proargmodes IS NOT NULL AND proargmodes::text ~ '[obt]' AS columns, proretset,
            (SELECT string_agg(CASE WHEN provariadic <> 0 AND n = pronargs THEN 'VARIADIC ' ELSE '' END || '$' || n, ', ' ORDER BY n)
                FROM generate_series(1, pronargs) n) AS parameters,
            CASE provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END AS volatility,
            CASE WHEN proisstrict THEN 'STRICT' ELSE '' END AS strictness
        FROM pg_proc p
        WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
            AND NOT prorettype = ANY ('{trigger,event_trigger,internal,cstring,language_handler,fdw_handler,index_am_handler,tsm_handler,table_am_handler}'::regtype[])
            AND NOT proargtypes::regtype[] && '{internal,cstring,"\"any\""}'::regtype[]
        ORDER BY p.oid
    LOOP
        call := 'pg_catalog.' || f.proname || '(' || COALESCE(f.parameters, '') || ')';
        IF f.result IN ('record', 'SETOF record') AND NOT f.columns THEN
            body := format('SELECT shadow.note(%L, %L); SELECT NULL::record', 'function', f.name);
        ELSIF f.columns OR f.proretset THEN
            body := format('SELECT shadow.note(%L, %L); SELECT * FROM %s', 'function', f.name, call);
        ELSIF f.result = 'void' THEN
            body := format('BEGIN PERFORM shadow.note(%L, %L); PERFORM %s; END', 'function', f.name, call);
        ELSE
            body := format('BEGIN %sRETURN %s; END', shadow.noting('function', f.name), call);
        END IF;
        CALL shadow.make('function ' || f.name,
            format('CREATE FUNCTION shadow.%s(%s) RETURNS %s LANGUAGE %s %s %s AS %L', f.proname, f.arguments, f.result,
                CASE WHEN body LIKE 'BEGIN%' THEN 'plpgsql' ELSE 'sql' END,
                f.volatility, f.strictness, body));
    END LOOP;
END $make$;

-- aggregates of one argument collect an array, and give it to the original at the end
DO $make$
DECLARE
    a record;
BEGIN
    FOR a IN SELECT p.oid, p.oid::regprocedure::text AS name, quote_ident(proname) AS proname, format_type(t.oid, NULL) AS argument,
            CASE WHEN t.typtype = 'p' THEN 'anyarray' ELSE format_type(t.typarray, NULL) END AS state, format_type(prorettype, NULL) AS result
        FROM pg_proc p JOIN pg_type t ON t.oid = proargtypes[0]
        WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'a' AND pronargs = 1
            AND t.typname <> 'any'
        ORDER BY p.oid
    LOOP
        CALL shadow.make('aggregate ' || a.name,
            format('CREATE FUNCTION shadow.collect_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', a.oid, a.state, a.argument, a.state,
                format('BEGIN PERFORM shadow.note(%L, %L); RETURN pg_catalog.array_append($1, $2); END', 'aggregate', a.name)),
            format('CREATE FUNCTION shadow.finish_%s(%s) RETURNS %s LANGUAGE plpgsql AS %L', a.oid, a.state, a.result,
                format('BEGIN RETURN (SELECT pg_catalog.%s(x) FROM pg_catalog.unnest($1) x); END', a.proname)),
            format('CREATE AGGREGATE shadow.%s(%s) (SFUNC = shadow.collect_%s, STYPE = %s, FINALFUNC = shadow.finish_%s)',
                a.proname, a.argument, a.oid, a.state, a.oid));
    END LOOP;
    CALL shadow.make('aggregate count(*)',
        $$CREATE FUNCTION shadow.count_one(bigint) RETURNS bigint LANGUAGE plpgsql AS
            'BEGIN PERFORM shadow.note(''aggregate'', ''count(*)''); RETURN $1 OPERATOR(pg_catalog.+) 1::bigint; END'$$,
        $$CREATE AGGREGATE shadow.count(*) (SFUNC = shadow.count_one, STYPE = bigint, INITCOND = '0')$$);
    CALL shadow.make('aggregate string_agg(text,text)',
        $$CREATE FUNCTION shadow.join_texts(text, text, text) RETURNS text LANGUAGE plpgsql AS
            'BEGIN PERFORM shadow.note(''aggregate'', ''string_agg(text,text)''); RETURN pg_catalog.concat_ws($3, $1, $2); END'$$,
        $$CREATE AGGREGATE shadow.string_agg(text, text) (SFUNC = shadow.join_texts, STYPE = text)$$);
END $make$;

-- tables and views
DO $make$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT quote_ident(relname) AS name,
            (SELECT string_agg(quote_ident(attname) || CASE WHEN atttypid = 'anyarray'::regtype THEN '::text AS ' || quote_ident(attname) ELSE '' END, ', ' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = c.oid AND (attnum > 0) AND NOT attisdropped) AS columns
        FROM pg_class c WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname
    LOOP
        CALL shadow.make('relation ' || r.name,
            format('CREATE VIEW shadow.%s AS SELECT %s FROM pg_catalog.%s WHERE shadow.note(%L, %L)', r.name, r.columns, r.name, 'relation', r.name),
            format('GRANT ALL ON shadow.%s TO PUBLIC', r.name));
    END LOOP;
END $make$;

-- types, last: what is made above means the originals
DO $make$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT typname, quote_ident(typname) AS name FROM pg_type
        WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'e', 'r', 'm') AND typcategory <> 'A'
        ORDER BY oid
    LOOP
        CALL shadow.make('type ' || t.name,
            format('CREATE DOMAIN shadow.%s AS pg_catalog.%s CHECK (shadow.note(%L, %L))', t.name, t.name, 'type', t.name));
    END LOOP;
END $make$;

-- What a session makes besides: temporary relations are found before all schemas, "pg_temp" first or not.
CREATE PROCEDURE shadow.make_temporary(schema name) LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT c.oid::regclass AS name, relname FROM pg_class c WHERE relnamespace = 'shadow'::regnamespace AND relkind = 'v' LOOP
        EXECUTE format('CREATE TEMP VIEW %I AS SELECT * FROM shadow.%I', r.relname, r.relname);
        EXECUTE format('GRANT ALL ON pg_temp.%I TO PUBLIC', r.relname);
    END LOOP;
    FOR r IN SELECT c.oid::regclass AS name, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname IN (schema, 'account') AND relkind IN ('r', 'p') AND NOT relispartition
            AND has_table_privilege(c.oid, 'SELECT')
    LOOP
        EXECUTE format('CREATE TEMP TABLE %I (LIKE %s)', r.relname, r.name);
        EXECUTE format('CREATE TRIGGER caught BEFORE INSERT OR UPDATE OR DELETE ON pg_temp.%I FOR EACH ROW WHEN (shadow.note(%L, %L)) EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()',
            r.relname, 'temporary table', r.relname);
        EXECUTE format('GRANT ALL ON pg_temp.%I TO PUBLIC', r.relname);
    END LOOP;
    FOREACH r.relname IN ARRAY '{session,event,signing_key,login_failure,model_column,profile_rule,user_session}'::name[] LOOP
        EXECUTE format('CREATE TEMP VIEW %I AS SELECT shadow.note(%L, %L)', r.relname, 'temporary view', r.relname);
    END LOOP;
EXCEPTION WHEN duplicate_table THEN NULL;
END $$;
