
-- describe ----------------------------------------------------------------------------------------

CREATE FUNCTION account.describe(target regclass) RETURNS text
    AS 'MODULE_PATHNAME', 'describe' LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.describe(regclass) TO PUBLIC;
COMMENT ON FUNCTION account.describe(regclass) IS
'One table as a text to read: is soft delete enabled, with which columns and options; what '
'becomes of the rows that reference a row which is deleted, and one which is removed for good, '
'and who says so; purge, erasure, holds and removals in batches; profiles, last members, '
'account model, tenants, and the findings of account.doctor about it. Who has a privilege on '
'the table, and does not own it, is not told of purge, erasure, holds, removals, model and '
'findings. Changes nothing. 22023: what is no table; 42501: no privilege on it.';
