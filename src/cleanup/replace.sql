
-- deleted rows that new ones replace --------------------------------------------------------------

CREATE FUNCTION account.replace_deleted() RETURNS trigger
    AS 'MODULE_PATHNAME', 'replace_deleted' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.replace_deleted() TO PUBLIC;
COMMENT ON FUNCTION account.replace_deleted() IS
'Removes the deleted rows that hold the keys of a new row, where nothing else references them. '
'Put on a table by account.enable_soft_delete with on_reinsert => ''replace''.';
