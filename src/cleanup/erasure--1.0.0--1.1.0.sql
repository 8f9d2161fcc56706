
-- erasure -----------------------------------------------------------------------------------------

CREATE TABLE account.erasure (
    target regclass NOT NULL,
    column_name name NOT NULL,
    method text NOT NULL,
    PRIMARY KEY (target, column_name)
);
REVOKE ALL ON account.erasure FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.erasure', '');
COMMENT ON TABLE account.erasure IS
'What account.erase does to columns. Written by account.set_erasure.';

CREATE TABLE account.purge_action (
    target regclass PRIMARY KEY,
    action text NOT NULL CHECK (action IN ('remove', 'erase'))
);
REVOKE ALL ON account.purge_action FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.purge_action', '');
COMMENT ON TABLE account.purge_action IS
'What account.purge does with rows of a table, where it does not remove them. Written by '
'account.set_purge.';

CREATE TABLE account.erased_row (
    target regclass NOT NULL,
    key text NOT NULL,
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (target, key)
);
REVOKE ALL ON account.erased_row FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.erased_row', '');
COMMENT ON TABLE account.erased_row IS
'Rows that were erased, by their primary key: account.purge passes them, unless they were deleted '
'again afterwards.';

CREATE TABLE account.erasure_key (secret bytea NOT NULL);
CREATE UNIQUE INDEX erasure_key_one ON account.erasure_key ((true));
REVOKE ALL ON account.erasure_key FROM PUBLIC;
ALTER TABLE account.erasure_key ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE account.erasure_key IS
'The key of the hashes that account.erase leaves. In no dump: values that are erased after a '
'restore get other hashes.';

CREATE FUNCTION account.erasure_dropped() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'erasure_dropped' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.erasure_dropped() FROM PUBLIC;
COMMENT ON FUNCTION account.erasure_dropped() IS
'Event trigger: what is said of the erasure of a table or column goes with it.';
CREATE EVENT TRIGGER pgaccount_erasure_dropped ON sql_drop
    EXECUTE FUNCTION account.erasure_dropped();
ALTER EVENT TRIGGER pgaccount_erasure_dropped ENABLE ALWAYS;

CREATE FUNCTION account.erasure_renamed() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'erasure_renamed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.erasure_renamed() FROM PUBLIC;
COMMENT ON FUNCTION account.erasure_renamed() IS
'Event trigger: what is said of the erasure of a column follows its name.';
CREATE EVENT TRIGGER pgaccount_erasure_renamed ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION account.erasure_renamed();
ALTER EVENT TRIGGER pgaccount_erasure_renamed ENABLE ALWAYS;

CREATE FUNCTION account.erasure_note() RETURNS trigger
    AS 'MODULE_PATHNAME', 'erasure_note' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.erasure_note() TO PUBLIC;
COMMENT ON FUNCTION account.erasure_note() IS
'Trigger for TRUNCATE that does nothing: its arguments are what was said of the erasure of the '
'table, which a dump of the schema alone has, too.';

CREATE FUNCTION account.noted_erasure(OUT target regclass, OUT column_name text, OUT method text,
        OUT by_purge boolean)
            RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'noted_erasure' LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION account.noted_erasure() FROM PUBLIC;
COMMENT ON FUNCTION account.noted_erasure() IS
'What tables have noted of the erasure of their columns, on a trigger, which a dump of the schema '
'alone has too. by_purge: purges were to erase rows of the table.';

CREATE FUNCTION account.set_erasure(target regclass, column_name name, method text) RETURNS void
    AS 'MODULE_PATHNAME', 'set_erasure' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.set_erasure(regclass, name, text) TO PUBLIC;
COMMENT ON FUNCTION account.set_erasure(regclass, name, text) IS
'What account.erase does to a column. target: a table, owned by the caller (else 42501). method: '
'''null''; ''default''; ''hash'', of text types: keyed, not to be reversed, cut to the column''s '
'length; ''constant:'' and a value; NULL: the column is not erased. Tables that inherit from it '
'are erased alike. 22023: no such column or '
'method, a column of a key, a reference or a partition key, deleted_at or its flag, a generated '
'column, ''null'' where it is NOT NULL, a value that is the same for all where it is unique, or '
'that the type does not take, ''hash'' of another type.';

CREATE FUNCTION account.set_purge(target regclass, action text) RETURNS void
    AS 'MODULE_PATHNAME', 'set_purge' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.set_purge(regclass, text) TO PUBLIC;
COMMENT ON FUNCTION account.set_purge(regclass, text) IS
'What account.purge and account.purge_users do with rows of a table whose time is over: ''remove'' '
'them, as is the default (NULL, too), or ''erase'' them in place, with what follows them: but not '
'live rows of tables with soft delete, nor what was erased since it was deleted; one that leads to '
'a row under a hold is kept. target: a table, owned by the caller (else 42501). 22023: no such '
'action, or ''erase'' of a table that has no column to erase, or no primary key.';

CREATE FUNCTION account.erase(target regclass, key "any") RETURNS bigint
    AS 'MODULE_PATHNAME', 'erase' LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION account.erase(target regclass, key text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'erase' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.erase(regclass, "any") FROM PUBLIC;
COMMENT ON FUNCTION account.erase(regclass, "any") IS
'Erases rows in place, and rows that follow them (deleted with them, softly or not), as '
'account.set_erasure says of their columns; keys and references stay. Of users the email goes from '
'their events, too, and user_erased is recorded: tables, columns and counts, no values. target, '
'key: as for account.cleanup. Returns how many rows were erased. Privileged. Errors: 22023: no '
'column to erase, or no such kind of key; 55000: a column has become part of a key or a reference '
'since account.set_erasure named it, or a trigger has put back, or made another of, what was to be '
'erased; PT423: a row is under a hold; 27000: a trigger kept rows back; 40001: a row was changed '
'meanwhile.';
REVOKE ALL ON FUNCTION account.erase(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION account.erase(regclass, text) IS
'account.erase for a key given as text or as an untyped parameter.';

COMMENT ON COLUMN account.erasure.target IS 'The table.';
COMMENT ON COLUMN account.erasure.column_name IS 'A column that account.erase changes.';
COMMENT ON COLUMN account.erasure.method IS 'null, default, hash, or constant: and a value.';
COMMENT ON COLUMN account.purge_action.target IS 'The table.';
COMMENT ON COLUMN account.purge_action.action IS 'erase; a table without a row: remove.';
COMMENT ON COLUMN account.erased_row.target IS 'The table that has the row.';
COMMENT ON COLUMN account.erased_row.key IS 'Its primary key, as the text of a row.';
COMMENT ON COLUMN account.erased_row.erased_at IS
'When it was erased: a row that is deleted later is erased again.';
COMMENT ON COLUMN account.erasure_key.secret IS '32 bytes, made when the first value is hashed.';
