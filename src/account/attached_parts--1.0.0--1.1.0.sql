
-- parts that come later ---------------------------------------------------------------------------

CREATE FUNCTION account.parts_attached() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'parts_attached' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.parts_attached() FROM PUBLIC;
COMMENT ON FUNCTION account.parts_attached() IS
'Event trigger: partitions and children that come to mapped tables, or to those of '
'account.protect_last_member, get the triggers that PostgreSQL does not clone; those that leave '
'lose them. Those that come to tables of account.enable_tenant_isolation get its policies, and '
'keep them.';
CREATE EVENT TRIGGER pgaccount_parts_attached ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'CREATE SCHEMA', 'CREATE TABLE')
    EXECUTE FUNCTION account.parts_attached();

COMMENT ON FUNCTION account.enable_tenant_isolation(regclass, name) IS
'Row security, forced for the owner too: of target, its partitions and children, only rows of '
'account.tenant_id() can be read or written; without an identity, none. tenant_column: an integer, '
'uuid or text column. A restrictive policy binds whatever other policies allow; a permissive one '
'is added where the table has none. Superusers and roles with BYPASSRLS are not bound. Enabling '
'again replaces; partitions and children that come later are isolated as they come, and stay '
'isolated when they leave. Errors: 22023 for what is no table or no '
'such column, 42501 for others than the owner.';
