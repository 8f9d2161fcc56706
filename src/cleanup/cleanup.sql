
-- ordered cleanup ---------------------------------------------------------------------------------

-- Called by the statements of a cleanup, as whoever cleans up: PUBLIC may. It knows nothing
-- outside.
CREATE FUNCTION account.row_in_set(set integer, tab oid, tid tid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'row_in_set' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.row_in_set(integer, oid, tid) TO PUBLIC;
COMMENT ON FUNCTION account.row_in_set(integer, oid, tid) IS
'Within a statement of account.cleanup: is the row at this place one that goes? Elsewhere false.';

CREATE FUNCTION account.key_in_set(set integer, key_column integer, key bigint) RETURNS boolean
    AS 'MODULE_PATHNAME', 'key_in_set' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.key_in_set(integer, integer, bigint) TO PUBLIC;
COMMENT ON FUNCTION account.key_in_set(integer, integer, bigint) IS
'Within a statement of account.cleanup: is this the key of a row that goes? Elsewhere false.';

CREATE FUNCTION account.cleanup_plan(target regclass, key "any", force boolean DEFAULT false)
    RETURNS TABLE (step integer, relation regclass, via name, action text, rows bigint)
    AS 'MODULE_PATHNAME', 'cleanup_plan' LANGUAGE C STABLE PARALLEL UNSAFE;
CREATE FUNCTION account.cleanup_plan(target regclass, key text, force boolean DEFAULT false)
    RETURNS TABLE (step integer, relation regclass, via name, action text, rows bigint)
    AS 'MODULE_PATHNAME', 'cleanup_plan' LANGUAGE C STABLE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.cleanup_plan(regclass, "any", boolean) TO PUBLIC;
COMMENT ON FUNCTION account.cleanup_plan(regclass, "any", boolean) IS
'What account.cleanup would do, in its order; changes nothing. action: ''delete'' (via: the '
'foreign key by which rows follow, NULL for the target''s own), ''set null'', ''set default'', or '
'''protected'': rows that stand in the way. rows are exact for the statement''s snapshot. target, '
'key, force: as for account.cleanup. Needs SELECT on the tables (42501), and no leave to remove '
'their rows. 22023: no such kind of key; 0A000: a table that is no heap.';
GRANT EXECUTE ON FUNCTION account.cleanup_plan(regclass, text, boolean) TO PUBLIC;
COMMENT ON FUNCTION account.cleanup_plan(regclass, text, boolean) IS
'account.cleanup_plan for a key given as text or as an untyped parameter.';

CREATE FUNCTION account.cleanup(target regclass, key "any", force boolean DEFAULT false,
        approve text DEFAULT NULL)
    RETURNS TABLE (step integer, relation regclass, via name, action text, rows bigint)
    AS 'MODULE_PATHNAME', 'cleanup' LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION account.cleanup(target regclass, key text, force boolean DEFAULT false,
        approve text DEFAULT NULL)
    RETURNS TABLE (step integer, relation regclass, via name, action text, rows bigint)
    AS 'MODULE_PATHNAME', 'cleanup' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.cleanup(regclass, "any", boolean, text) TO PUBLIC;
COMMENT ON FUNCTION account.cleanup(regclass, "any", boolean, text) IS
'Removes rows for good, soft-delete tables included, with all that follows them ON DELETE CASCADE '
'(by catalog or policy), children first; returns what was done, step by step. target: a table. '
'key: a key of it, an array of keys, or a jsonb object with the columns of a unique key. force: '
'protected references go as well. approve: for a later release, 0A000. Done in this transaction, '
'or not at all. Needs SELECT and DELETE on every table of the set, UPDATE where keys are set null '
'or default, and, where rows of a soft-delete table go, its ownership or EXECUTE on account.purge '
'(42501). 23001: protected references, all listed in DETAIL; 27000: a trigger, rule or policy kept '
'rows back, or triggers put back what is removed; 40001: a row was changed meanwhile; 0A000: a '
'table that is no heap; 22023: no such kind of key.';
GRANT EXECUTE ON FUNCTION account.cleanup(regclass, text, boolean, text) TO PUBLIC;
COMMENT ON FUNCTION account.cleanup(regclass, text, boolean, text) IS
'account.cleanup for a key given as text or as an untyped parameter.';

CREATE FUNCTION account.cleanup_graph(target regclass, key "any") RETURNS text
    AS 'MODULE_PATHNAME', 'cleanup_graph' LANGUAGE C STABLE PARALLEL UNSAFE;
CREATE FUNCTION account.cleanup_graph(target regclass, key text DEFAULT NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'cleanup_graph' LANGUAGE C STABLE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.cleanup_graph(regclass, "any") TO PUBLIC;
COMMENT ON FUNCTION account.cleanup_graph(regclass, "any") IS
'The plan of a cleanup as a Mermaid flowchart: tables with the rows that go, foreign keys with '
'what becomes of their rows. key: as for account.cleanup; NULL: all tables that rows of the target '
'could reach. Errors as for account.cleanup_plan.';
GRANT EXECUTE ON FUNCTION account.cleanup_graph(regclass, text) TO PUBLIC;
COMMENT ON FUNCTION account.cleanup_graph(regclass, text) IS
'account.cleanup_graph for a key given as text, or without key.';
