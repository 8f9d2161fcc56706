
-- partitions that CREATE SCHEMA makes -------------------------------------------------------------

DROP EVENT TRIGGER pgaccount_soft_delete_attached;
CREATE EVENT TRIGGER pgaccount_soft_delete_attached ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'CREATE SCHEMA', 'CREATE TABLE')
    EXECUTE FUNCTION account.soft_delete_attached();
