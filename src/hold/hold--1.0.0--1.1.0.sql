
-- legal holds -------------------------------------------------------------------------------------

CREATE SEQUENCE account.hold_id_seq;
REVOKE ALL ON SEQUENCE account.hold_id_seq FROM PUBLIC;

CREATE TABLE account.held_row (
    hold bigint NOT NULL,
    target regclass NOT NULL,
    key_columns name[] NOT NULL,
    key text[] NOT NULL,
    reason text NOT NULL,
    placed_at timestamptz NOT NULL,
    placed_by text NOT NULL,
    released_at timestamptz,
    released_by text,
    release_reason text,
    PRIMARY KEY (hold, target, key),
    CHECK ((released_at IS NULL) = (released_by IS NULL)),
    CHECK ((released_at IS NULL) = (release_reason IS NULL))
);
REVOKE ALL ON account.held_row FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.held_row', '');
SELECT pg_catalog.pg_extension_config_dump('account.hold_id_seq', '');
COMMENT ON TABLE account.held_row IS
'Rows under a hold, and those that were: one row for each row of a hold. Written by '
'account.place_hold and account.release_hold; account.hold shows it.';
COMMENT ON COLUMN account.held_row.target IS
'The table that has the row; of a partition, the partitioned table.';
COMMENT ON COLUMN account.held_row.key_columns IS
'The columns of its primary key when the hold was placed; renamed with the table''s.';
COMMENT ON COLUMN account.held_row.key IS 'Their values.';

CREATE VIEW account.hold AS
    SELECT h.hold AS id, h.target,
           CASE pg_catalog.cardinality(h.key) OPERATOR(pg_catalog.=) 1 WHEN true THEN h.key[1]
               ELSE pg_catalog.json_object(h.key_columns::pg_catalog.text[], h.key)::pg_catalog.text
           END AS key,
           h.reason, h.placed_at, h.placed_by, h.released_at, h.released_by, h.release_reason
    FROM account.held_row AS h;
REVOKE ALL ON account.hold FROM PUBLIC;
COMMENT ON VIEW account.hold IS
'Legal holds, those that were released included (released_at): one row for each row that a hold is '
'on. key: as account.place_hold takes it.';

CREATE FUNCTION account.held_row_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'held_row_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.held_row_changed() FROM PUBLIC;
COMMENT ON FUNCTION account.held_row_changed() IS
'Trigger of account.held_row: every session looks at the holds anew.';
CREATE TRIGGER held_row_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON account.held_row
    FOR EACH STATEMENT EXECUTE FUNCTION account.held_row_changed();
ALTER TABLE account.held_row ENABLE ALWAYS TRIGGER held_row_changed;

-- Put on tables by account.place_hold. As triggers they do nothing but refuse.
CREATE FUNCTION account.hold_delete() RETURNS trigger
    AS 'MODULE_PATHNAME', 'hold_delete' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.hold_delete() TO PUBLIC;
COMMENT ON FUNCTION account.hold_delete() IS
'Refuses to remove a row under a hold, and what would go with one (PT423). A soft deletion passes.';
CREATE FUNCTION account.hold_removal() RETURNS trigger
    AS 'MODULE_PATHNAME', 'hold_removal' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.hold_removal() TO PUBLIC;
COMMENT ON FUNCTION account.hold_removal() IS
'What account.hold_delete is for statements that remove rows of soft-delete tables for good.';
CREATE FUNCTION account.hold_update() RETURNS trigger
    AS 'MODULE_PATHNAME', 'hold_update' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.hold_update() TO PUBLIC;
COMMENT ON FUNCTION account.hold_update() IS
'Refuses to change the key of a row under a hold (PT423).';
CREATE FUNCTION account.hold_truncate() RETURNS trigger
    AS 'MODULE_PATHNAME', 'hold_truncate' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.hold_truncate() TO PUBLIC;
COMMENT ON FUNCTION account.hold_truncate() IS
'Refuses to TRUNCATE a table that has a row under a hold, or rows that would go with one (PT423).';

CREATE FUNCTION account.hold_ddl_starts() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'hold_ddl_starts' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.hold_ddl_starts() FROM PUBLIC;
COMMENT ON FUNCTION account.hold_ddl_starts() IS
'Event trigger: notes which tables holds are about, before a command drops any, or their triggers.';
-- all that may drop a table, a column or a trigger, or replace one; other commands do not load the
-- library for this
CREATE EVENT TRIGGER pgaccount_hold_starts ON ddl_command_start
    WHEN TAG IN ('ALTER DOMAIN', 'ALTER EXTENSION', 'ALTER TABLE', 'ALTER TYPE', 'CREATE SCHEMA',
                 'CREATE TABLE', 'CREATE TRIGGER', 'DROP ACCESS METHOD', 'DROP COLLATION',
                 'DROP DOMAIN', 'DROP EXTENSION', 'DROP FUNCTION', 'DROP LANGUAGE',
                 'DROP OPERATOR CLASS', 'DROP OPERATOR FAMILY', 'DROP OPERATOR', 'DROP OWNED',
                 'DROP PROCEDURE', 'DROP ROUTINE', 'DROP SCHEMA', 'DROP SEQUENCE', 'DROP TABLE',
                 'DROP TRIGGER', 'DROP TYPE', 'DROP VIEW')
    EXECUTE FUNCTION account.hold_ddl_starts();

CREATE FUNCTION account.hold_dropped() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'hold_dropped' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.hold_dropped() FROM PUBLIC;
COMMENT ON FUNCTION account.hold_dropped() IS
'Event trigger: refuses, but to superusers, to drop a table with rows under a hold, or with rows '
'that would go with one, and the triggers that keep them (PT423). The records of holds go with '
'their table.';
CREATE EVENT TRIGGER pgaccount_hold_dropped ON sql_drop
    EXECUTE FUNCTION account.hold_dropped();

CREATE FUNCTION account.hold_ddl_ended() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'hold_ddl_ended' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.hold_ddl_ended() FROM PUBLIC;
COMMENT ON FUNCTION account.hold_ddl_ended() IS
'Event trigger: tables whose rows would go with one under a hold get the triggers that keep them; '
'refuses what would disable these, but to superusers, and what takes rows under a hold, or their '
'keys, away (PT423); follows the names of key columns.';
CREATE EVENT TRIGGER pgaccount_hold_ended ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE SCHEMA', 'CREATE TRIGGER')
    EXECUTE FUNCTION account.hold_ddl_ended();

CREATE FUNCTION account.place_hold(target regclass, key "any", reason text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'place_hold' LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION account.place_hold(target regclass, key text, reason text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'place_hold' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.place_hold(regclass, "any", text) FROM PUBLIC;
COMMENT ON FUNCTION account.place_hold(regclass, "any", text) IS
'Puts a row, deleted softly or not, under a legal hold: neither it nor what its removal would take '
'along (ON DELETE CASCADE, by catalog or policy) can be removed for good or erased, by any way, '
'until account.release_hold; PT423 then names the hold. Soft deletion goes on. target: a table. '
'key: a key of it, a jsonb object with the columns of a unique key, or an array: one hold on all '
'of these. reason: why, for account.hold and the event. Returns the id of the hold. Privileged. '
'Waits for, and keeps off, whoever writes the target or a table below it. Errors: PT404: no such '
'row; 22023: NULL, an empty reason, or no such kind of key; 0A000: a table that is no heap.';
REVOKE ALL ON FUNCTION account.place_hold(regclass, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.place_hold(regclass, text, text) IS
'account.place_hold for a key given as text or as an untyped parameter.';

CREATE FUNCTION account.release_hold(id bigint, reason text) RETURNS void
    AS 'MODULE_PATHNAME', 'release_hold' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.release_hold(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION account.release_hold(bigint, text) IS
'Ends a hold of account.place_hold. reason: why. The record of it stays in account.hold. '
'Privileged. Errors: PT404: no such hold; PT400: it is released already; 22023: NULL or an empty '
'reason.';

CREATE FUNCTION account.doctor_hold()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    AS 'MODULE_PATHNAME', 'doctor_hold' LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.doctor_hold() FROM PUBLIC;
COMMENT ON FUNCTION account.doctor_hold() IS
'Findings of account.doctor about legal holds that do not keep what they should.';

CREATE FUNCTION account.enforce_holds() RETURNS bigint
    AS 'MODULE_PATHNAME', 'enforce_holds' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.enforce_holds() FROM PUBLIC;
COMMENT ON FUNCTION account.enforce_holds() IS
'Puts the triggers that keep rows under a hold on again where a superuser has dropped or disabled '
'them; returns how many tables had lost them. Privileged. account.doctor() says where it is '
'needed.';

COMMENT ON COLUMN account.held_row.hold IS 'The hold, which may be on several rows.';
COMMENT ON COLUMN account.held_row.reason IS 'Why it was placed.';
COMMENT ON COLUMN account.held_row.placed_at IS 'When.';
COMMENT ON COLUMN account.held_row.placed_by IS
'By whom: the verified identity, else the role of the session.';
COMMENT ON COLUMN account.held_row.released_at IS 'When it ended; NULL: it is in force.';
COMMENT ON COLUMN account.held_row.released_by IS 'Who ended it.';
COMMENT ON COLUMN account.held_row.release_reason IS 'Why it ended.';
COMMENT ON COLUMN account.hold.id IS 'What account.release_hold takes.';
COMMENT ON COLUMN account.hold.target IS 'The table of the row.';
COMMENT ON COLUMN account.hold.key IS
'Its primary key, as text; of several columns as a JSON object, as account.place_hold takes it.';
COMMENT ON COLUMN account.hold.reason IS 'Why the hold was placed.';
COMMENT ON COLUMN account.hold.placed_at IS 'When.';
COMMENT ON COLUMN account.hold.placed_by IS
'By whom: the verified identity, else the role of the session.';
COMMENT ON COLUMN account.hold.released_at IS 'When it ended; NULL: it is in force.';
COMMENT ON COLUMN account.hold.released_by IS 'Who ended it.';
COMMENT ON COLUMN account.hold.release_reason IS 'Why it ended.';
COMMENT ON SEQUENCE account.hold_id_seq IS 'Numbers of holds.';
