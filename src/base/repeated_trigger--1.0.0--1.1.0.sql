
-- dumps' own CREATE TRIGGER -----------------------------------------------------------------------

CREATE FUNCTION account.trigger_repeated() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'trigger_repeated' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.trigger_repeated() FROM PUBLIC;
COMMENT ON FUNCTION account.trigger_repeated() IS
'Event trigger: while a dump is restored, a CREATE TRIGGER of a trigger of the extension takes the '
'place of the one that another command has put on the table by then.';
CREATE EVENT TRIGGER pgaccount_trigger_repeated ON ddl_command_start
    WHEN TAG IN ('CREATE TRIGGER')
    EXECUTE FUNCTION account.trigger_repeated();
