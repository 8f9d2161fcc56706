
-- parts that come later ---------------------------------------------------------------------------

CREATE FUNCTION account.parts_attached() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'parts_attached' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.parts_attached() FROM PUBLIC;
COMMENT ON FUNCTION account.parts_attached() IS
'Event trigger: partitions and children that come to mapped tables, or to those of '
'account.protect_last_member, get the triggers that PostgreSQL does not clone; those that leave '
'lose them.';
CREATE EVENT TRIGGER pgaccount_parts_attached ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'CREATE SCHEMA', 'CREATE TABLE')
    EXECUTE FUNCTION account.parts_attached();
