-- Every table that is made gets soft delete at once, where it can; what it cannot is nobody's concern here.
CREATE FUNCTION account_enable_all() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT objid FROM pg_event_trigger_ddl_commands()
             WHERE command_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO') AND object_type = 'table' AND schema_name NOT LIKE 'pg\_%' LOOP
        BEGIN
            PERFORM account.enable_soft_delete(t.objid, guard_references => t.objid::bigint % 2 = 0,
                on_parent_delete => CASE WHEN t.objid::bigint % 3 = 0 THEN 'delete' ELSE 'refuse' END, hide => t.objid::bigint % 5 <> 0);
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
END $$;
CREATE EVENT TRIGGER account_enable_all ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
    EXECUTE FUNCTION account_enable_all();
