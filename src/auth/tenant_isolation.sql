
-- tenant isolation --------------------------------------------------------------------------------

CREATE FUNCTION account.enable_tenant_isolation(target regclass,
        tenant_column name DEFAULT 'tenant_id') RETURNS void
    AS 'MODULE_PATHNAME', 'enable_tenant_isolation' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.enable_tenant_isolation(regclass, name) TO PUBLIC;
COMMENT ON FUNCTION account.enable_tenant_isolation(regclass, name) IS
'Row security, forced for the owner too: of target, its partitions and children, only rows of '
'account.tenant_id() can be read or written; without an identity, none. tenant_column: an integer, '
'uuid or text column. A restrictive policy binds whatever other policies allow; a permissive one '
'is added where the table has none. Superusers and roles with BYPASSRLS are not bound. Enabling '
'again replaces; partitions attached later want it too. Errors: 22023 for what is no table or no '
'such column, 42501 for others than the owner.';

CREATE FUNCTION account.disable_tenant_isolation(target regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'disable_tenant_isolation' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.disable_tenant_isolation(regclass) TO PUBLIC;
COMMENT ON FUNCTION account.disable_tenant_isolation(regclass) IS
'Drops the policies of enable_tenant_isolation and gives row security back as it was. Harmless '
'where it is not enabled. Errors: 22023 for what is no table, 42501 for others than the owner.';
