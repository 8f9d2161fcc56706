
-- guarded references ------------------------------------------------------------------------------

CREATE FUNCTION account.guard_reference() RETURNS trigger
    AS 'MODULE_PATHNAME', 'guard_reference' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.guard_reference() TO PUBLIC;
COMMENT ON FUNCTION account.guard_reference() IS
'Refuses new references to deleted rows (23503). Put on referencing tables by '
'account.enable_soft_delete with guard_references.';
