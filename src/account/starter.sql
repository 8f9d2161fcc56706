
-- the starter -------------------------------------------------------------------------------------

CREATE FUNCTION account.create_starter(schema name DEFAULT 'app') RETURNS void
    AS 'MODULE_PATHNAME', 'create_starter' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.create_starter(name) FROM PUBLIC;
COMMENT ON FUNCTION account.create_starter(name) IS
'Makes tenants, users and profiles in this schema (made when missing), owned by the caller, with '
'soft delete and automatic profiles, and maps them by account.use_tables. Policies for an '
'application role (a user sees itself, its tenant and its profile, staff those of their tenant) '
'are there, and take effect where row security is enabled on a table. Errors: 22023 for NULL or a '
'schema of the system or of the extension, 42P07 where one of the tables exists, 42501 without the '
'right to create.';
