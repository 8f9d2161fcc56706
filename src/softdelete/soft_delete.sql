
-- soft delete -------------------------------------------------------------------------------------

CREATE FUNCTION account.actor() RETURNS text
    AS 'MODULE_PATHNAME', 'actor' LANGUAGE C STABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.actor() TO PUBLIC;
COMMENT ON FUNCTION account.actor() IS
'Who acts, as deleted_by records it: the verified identity, else the role of the session.';

CREATE FUNCTION account.marks(deleted_at timestamptz, flag boolean, deleted_by text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'marks' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.marks(timestamptz, boolean, text) TO PUBLIC;
COMMENT ON FUNCTION account.marks(timestamptz, boolean, text) IS
'Always true. In the WHEN clause of a soft-delete trigger it names the mapped columns.';

CREATE FUNCTION account.marks(deleted_at timestamp, flag boolean, deleted_by text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'marks' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.marks(timestamp, boolean, text) TO PUBLIC;
COMMENT ON FUNCTION account.marks(timestamp, boolean, text) IS
'account.marks for a column deleted_at that holds UTC as timestamp.';

CREATE FUNCTION account.refuse_deleted_conflict(relation oid, live boolean) RETURNS boolean
    AS 'MODULE_PATHNAME', 'refuse_deleted_conflict' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.refuse_deleted_conflict(oid, boolean) TO PUBLIC;
COMMENT ON FUNCTION account.refuse_deleted_conflict(oid, boolean) IS
'True for a live row; 23505 for a deleted one that ON CONFLICT DO UPDATE would write into. Added '
'to such statements on hidden tables.';

CREATE FUNCTION account.soft_delete() RETURNS trigger
    AS 'MODULE_PATHNAME', 'soft_delete' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.soft_delete() TO PUBLIC;
COMMENT ON FUNCTION account.soft_delete() IS
'Declares soft delete of a table and keeps the rows that a DELETE would remove. Put on a table by '
'account.enable_soft_delete.';

CREATE FUNCTION account.soft_delete_step() RETURNS trigger
    AS 'MODULE_PATHNAME', 'soft_delete_step' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.soft_delete_step() TO PUBLIC;
COMMENT ON FUNCTION account.soft_delete_step() IS
'Keeps the columns of soft delete in sync. Put on a table by account.enable_soft_delete.';

CREATE FUNCTION account.soft_delete_truncate() RETURNS trigger
    AS 'MODULE_PATHNAME', 'soft_delete_truncate' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.soft_delete_truncate() TO PUBLIC;
COMMENT ON FUNCTION account.soft_delete_truncate() IS
'Refuses TRUNCATE (0A000). Put on a table by account.enable_soft_delete.';

CREATE FUNCTION account.soft_delete_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'soft_delete_changed' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.soft_delete_changed() TO PUBLIC;
COMMENT ON FUNCTION account.soft_delete_changed() IS
'Collects rows whose children follow their deletion or return. Put on a table by '
'account.enable_soft_delete.';

CREATE FUNCTION account.soft_delete_flush() RETURNS trigger
    AS 'MODULE_PATHNAME', 'soft_delete_flush' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.soft_delete_flush() TO PUBLIC;
COMMENT ON FUNCTION account.soft_delete_flush() IS
'Lets the children of collected rows follow. Put on a table by account.enable_soft_delete.';

CREATE FUNCTION account.enable_soft_delete(target regclass, deleted_at name DEFAULT NULL,
        flag name DEFAULT NULL, deleted_by name DEFAULT NULL, hide boolean DEFAULT NULL,
        guard_references boolean DEFAULT NULL, on_parent_delete text DEFAULT NULL,
        children boolean DEFAULT NULL, on_reinsert text DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'enable_soft_delete' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.enable_soft_delete(regclass, name, name, name, boolean, boolean,
    text, boolean, text) TO PUBLIC;
COMMENT ON FUNCTION account.enable_soft_delete(regclass, name, name, name, boolean, boolean, text,
    boolean, text) IS
'From now on a DELETE of the table keeps its rows. NULL keeps what the table has, else is the '
'default. deleted_at: column of timestamptz, or of timestamp, which holds UTC (deleted_at, or a '
'column deletedAt that is there), added when missing. flag: boolean column kept in sync '
'(is_deleted where there is one). deleted_by: text column (deleted_by where there is one). An '
'empty name for these two: none. hide (true): deleted rows are gone from every query. '
'guard_references (false): no new references to deleted rows. on_parent_delete (''refuse''): or '
'''delete'', when a CASCADE parent is removed for good. children (false): also the tables that '
'follow by ON DELETE CASCADE, which then go with their parents. on_reinsert (''refuse''): or '
'''replace'', when a key that a deleted row holds is inserted. Owner of the table only (42501); '
'what does not fit: 22023; another deleted_at or flag while rows are deleted: 55000.';

CREATE FUNCTION account.disable_soft_delete(target regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'disable_soft_delete' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.disable_soft_delete(regclass) TO PUBLIC;
COMMENT ON FUNCTION account.disable_soft_delete(regclass) IS
'A DELETE of the table removes rows for good again. Columns and deleted rows stay as they are. '
'Owner of the table only (42501); harmless where there is no soft delete.';

CREATE FUNCTION account.soft_delete_dropped() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'soft_delete_dropped' LANGUAGE C;
COMMENT ON FUNCTION account.soft_delete_dropped() IS
'Warns when a table loses its soft delete by a DROP, and takes off the rest of it.';
REVOKE ALL ON FUNCTION account.soft_delete_dropped() FROM PUBLIC;

CREATE FUNCTION account.soft_delete_attached() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'soft_delete_attached' LANGUAGE C;
COMMENT ON FUNCTION account.soft_delete_attached() IS
'Refuses TRUNCATE of partitions that come to a soft-delete table.';
REVOKE ALL ON FUNCTION account.soft_delete_attached() FROM PUBLIC;

CREATE EVENT TRIGGER pgaccount_soft_delete_attached ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION account.soft_delete_attached();
CREATE EVENT TRIGGER pgaccount_soft_delete_dropped ON sql_drop
    EXECUTE FUNCTION account.soft_delete_dropped();
