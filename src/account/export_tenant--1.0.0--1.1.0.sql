
-- a tenant's data ---------------------------------------------------------------------------------

CREATE FUNCTION account.export_tenant(tenant text)
    RETURNS TABLE (relation regclass, row_data jsonb)
    AS 'MODULE_PATHNAME', 'export_tenant' LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.export_tenant(text) FROM PUBLIC;
COMMENT ON FUNCTION account.export_tenant(text) IS
'All rows of a tenant, given by slug or id, one by one, for its staff, who administers it as a '
'member, or a superuser: the tenant, its users, every row that references one of these, or names '
'the tenant in the column of account.enable_tenant_isolation, and what '
'reaches those ON DELETE CASCADE, by catalog or policy; of rows that reference, or so name, the '
'tenant also what '
'references them, and of that again what must (NOT NULL). Deleted rows too. Who has left the '
'tenant is not its user: of such a one comes what names the tenant. A row that names '
'another tenant, by a reference or in that column, is left out. Tables that name the tenant by '
'neither are not known to be its: account.set_reference says so. An isolated table '
'whose owner may not reference the tenants, or with a foreign table among its partitions, is read '
'by references alone: a WARNING. '
'Each row once, after those of the export that it references; where rows reference one another '
'in a '
'circle a NOTICE names the foreign keys to defer. Password hashes are left out, and columns of '
'text '
'or bytes named password, token, secret and the like. Errors: PT401 without an identity, PT403, '
'PT404 for an unknown tenant, 22023 for a long name, 55000 where no tenants are mapped.';
