
-- unique among live rows --------------------------------------------------------------------------

CREATE FUNCTION account.unique_among_live(target regclass, VARIADIC columns name[]) RETURNS name
    AS 'MODULE_PATHNAME', 'unique_among_live_columns' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.unique_among_live(regclass, name[]) TO PUBLIC;
COMMENT ON FUNCTION account.unique_among_live(regclass, name[]) IS
'Makes the unique constraint or index on these columns one over live rows, under its old name, '
'which is returned: a deleted row''s value may be used again. A valid index over live rows that is '
'there already, as CREATE UNIQUE INDEX CONCURRENTLY makes it, is taken under its own name instead '
'of being built, and the old constraint or index goes. Harmless when it is so already. '
'Owner of the table only (42501). 22023: no soft delete, no such index, or one that must hold all '
'rows.';
CREATE FUNCTION account.unique_among_live(index regclass) RETURNS name
    AS 'MODULE_PATHNAME', 'unique_among_live_index' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.unique_among_live(regclass) TO PUBLIC;
COMMENT ON FUNCTION account.unique_among_live(regclass) IS
'The same for an index by its name, such as one over lower(email).';
