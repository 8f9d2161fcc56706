
-- the end of a tenant and its return --------------------------------------------------------------

CREATE FUNCTION account.delete_tenant(tenant text, reason text DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'delete_tenant' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.delete_tenant(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.delete_tenant(text, text) IS
'Deletes a tenant, given by slug or id, with its users, whatever their foreign key does, and what '
'follows these softly, as one deletion; ends their sessions at once. Of members those go that have '
'no '
'membership in another live tenant, active or not. For a superuser, and where members are mapped '
'for an owner: who '
'has the first role of pgaccount.tenant_admin_roles there, and ends no superuser with it. reason: '
'for the events, at most 2000 characters. Returns {"status": true, "message", "tenant_id", '
'"deleted_at", "purge_after"}. Errors: PT401 without an identity, PT403, PT404 for an unknown '
'tenant, PT400 for one that is deleted already, 23001 where a policy refuses the deletion, 27000 '
'where a trigger keeps a row, 40001 above READ COMMITTED where somebody else was first, 22023 for '
'a '
'long reason, 55000 where no tenants are mapped, or tenants or users have no soft delete.';

CREATE FUNCTION account.restore_tenant(tenant text, reason text DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'restore_tenant' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.restore_tenant(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.restore_tenant(text, text) IS
'Brings a deleted tenant, given by slug or id, back with the users and rows that were deleted with '
'it, and no others; its sessions stay ended. For a superuser. reason: for the events, at most 2000 '
'characters. Returns {"status": true, "message", "tenant_id", "restored_at", "rows"}. Errors: '
'PT401 '
'without an identity, PT403, PT404 for an unknown tenant, PT400 for one that is not deleted, 23505 '
'with all keys that are taken meanwhile, 22023 for a long reason, or where several deleted tenants '
'have the slug, 55000 where no tenants are mapped, or tenants or users have no soft delete.';
