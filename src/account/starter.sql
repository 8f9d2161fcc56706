
-- the starter -------------------------------------------------------------------------------------

CREATE FUNCTION account.create_starter(schema name DEFAULT 'app', members boolean DEFAULT false)
        RETURNS void
    AS 'MODULE_PATHNAME', 'create_starter' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.create_starter(name, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.create_starter(name, boolean) IS
'Makes tenants, users and profiles in this schema (made when missing), owned by the caller, with '
'soft delete and automatic profiles, and maps them by account.use_tables. Policies for an '
'application role (a user sees itself, its tenant and its profile, staff those of their tenant) '
'are there, and row security is enabled: it does not bind the owner, as whom the functions of '
'accounts act. members: for a later release, 0A000. Errors: 22023 for NULL or a schema of the '
'system or of the extension, 42P07 where one of the tables exists, 42501 without the right to '
'create.';
