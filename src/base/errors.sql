
-- errors ------------------------------------------------------------------------------------------

CREATE FUNCTION account.http_status(sqlstate text) RETURNS integer
    AS 'MODULE_PATHNAME', 'http_status' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.http_status(text) TO PUBLIC;
COMMENT ON FUNCTION account.http_status(text) IS
'HTTP status of an SQLSTATE, the way PostgREST maps it. sqlstate: five digits or upper-case '
'letters (malformed: 22023). PTnnn is nnn; NULL gives NULL.';
