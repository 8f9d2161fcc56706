
-- the triggers of our own tables ------------------------------------------------------------------

CREATE FUNCTION account.registry_triggers_enabled() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'registry_triggers_enabled' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.registry_triggers_enabled() FROM PUBLIC;
COMMENT ON FUNCTION account.registry_triggers_enabled() IS
'Event trigger: triggers of the extension''s tables that a data-only restore switched on again are '
'ENABLE ALWAYS, as they were.';
CREATE EVENT TRIGGER pgaccount_registry_triggers ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION account.registry_triggers_enabled();
