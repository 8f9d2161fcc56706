
-- the trash ---------------------------------------------------------------------------------------

CREATE FUNCTION account.deleted(anyelement) RETURNS SETOF anyelement
    AS 'MODULE_PATHNAME', 'deleted' LANGUAGE C STABLE;
GRANT EXECUTE ON FUNCTION account.deleted(anyelement) TO PUBLIC;
COMMENT ON FUNCTION account.deleted(anyelement) IS
'The deleted rows of a table, named by a NULL of its row type: SELECT * FROM '
'account.deleted(NULL::users). Hidden or not; by the caller''s privileges and policies. 22023: a '
'type that is no table''s, or a table without soft delete.';
