
COMMENT ON FUNCTION account.create_starter(name, boolean) IS
'Makes tenants, users and profiles in this schema (made when missing), owned by the caller, with '
'soft delete of tenants and users and automatic profiles, and maps them by account.use_tables. '
'Users follow their tenant. members: with a table memberships (user_id, tenant_id, role, '
'is_active, created_at) in place of users.tenant_id; a deleted user or tenant keeps its rows '
'there, which say nothing until it is restored. Policies for an '
'application role (a user sees itself, its tenants and its profile, staff, and owners and admins, '
'those of their tenant) are there, and row security is enabled: it does not bind the owner, as '
'whom the functions of accounts act. Errors: 22023 for NULL or a schema of the system or of the '
'extension, 42P07 where one of the tables exists, 42501 without the right to create.';
