
-- foreign keys and their policies -----------------------------------------------------------------

CREATE TABLE account.reference_policy (
    child regclass NOT NULL,
    constraint_name name NOT NULL,
    policy text CHECK (policy IN ('cascade', 'protect', 'set null')),
    on_soft_delete text CHECK (on_soft_delete IN ('follow', 'keep', 'remove', 'refuse')),
    PRIMARY KEY (child, constraint_name),
    CHECK (policy IS NOT NULL OR on_soft_delete IS NOT NULL)
);
REVOKE ALL ON account.reference_policy FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.reference_policy', '');
COMMENT ON TABLE account.reference_policy IS
'What becomes of referencing rows, one row a foreign key whose catalog entry does not say it. '
'Written by account.set_reference_policy.';

CREATE FUNCTION account.reference_policy_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'reference_policy_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.reference_policy_changed() FROM PUBLIC;
COMMENT ON FUNCTION account.reference_policy_changed() IS
'Trigger of account.reference_policy: every session looks at the tables of a changed policy anew.';
CREATE TRIGGER reference_policy_changed AFTER INSERT OR UPDATE OR DELETE ON account.reference_policy
    FOR EACH ROW EXECUTE FUNCTION account.reference_policy_changed();
ALTER TABLE account.reference_policy ENABLE ALWAYS TRIGGER reference_policy_changed;

CREATE TABLE account.declared_reference (
    child regclass NOT NULL,
    name name NOT NULL,
    number integer NOT NULL UNIQUE,
    columns name[] NOT NULL,
    parent regclass NOT NULL,
    policy text NOT NULL CHECK (policy IN ('cascade', 'protect', 'set null')),
    on_soft_delete text CHECK (on_soft_delete IN ('follow', 'keep', 'remove', 'refuse')),
    PRIMARY KEY (child, name),
    UNIQUE (child, parent, columns)
);
REVOKE ALL ON account.declared_reference FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.declared_reference', '');
COMMENT ON TABLE account.declared_reference IS
'References that no foreign key declares, to the primary key of parent. Written by '
'account.set_reference.';

CREATE FUNCTION account.declared_reference_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'declared_reference_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.declared_reference_changed() FROM PUBLIC;
COMMENT ON FUNCTION account.declared_reference_changed() IS
'Trigger of account.declared_reference: every session looks at the tables of a changed reference '
'anew.';
CREATE TRIGGER declared_reference_changed
    AFTER INSERT OR UPDATE OR DELETE ON account.declared_reference
    FOR EACH ROW EXECUTE FUNCTION account.declared_reference_changed();
ALTER TABLE account.declared_reference ENABLE ALWAYS TRIGGER declared_reference_changed;

CREATE FUNCTION account.reference_policy_dropped() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'reference_policy_dropped' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.reference_policy_dropped() FROM PUBLIC;
COMMENT ON FUNCTION account.reference_policy_dropped() IS
'Event trigger: the policy of a dropped foreign key goes with it, a declared reference with a '
'dropped table or column of it.';
CREATE EVENT TRIGGER pgaccount_reference_policy_dropped ON sql_drop
    EXECUTE FUNCTION account.reference_policy_dropped();
ALTER EVENT TRIGGER pgaccount_reference_policy_dropped ENABLE ALWAYS;

CREATE FUNCTION account.reference_policy_renamed() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'reference_policy_renamed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.reference_policy_renamed() FROM PUBLIC;
COMMENT ON FUNCTION account.reference_policy_renamed() IS
'Event trigger: the policy of a renamed foreign key follows it, a declared reference its renamed '
'columns.';
CREATE EVENT TRIGGER pgaccount_reference_policy_renamed ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE')
    EXECUTE FUNCTION account.reference_policy_renamed();
ALTER EVENT TRIGGER pgaccount_reference_policy_renamed ENABLE ALWAYS;

CREATE FUNCTION account.set_reference_policy(child regclass, constraint_name name, policy text,
        on_soft_delete text DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'set_reference_policy' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.set_reference_policy(regclass, name, text, text) TO PUBLIC;
COMMENT ON FUNCTION account.set_reference_policy(regclass, name, text, text) IS
'What becomes of rows that reference a row which goes. child: the referencing table, owned by the '
'caller (else 42501). constraint_name: its foreign key, or a column that has one key alone. '
'policy: ''cascade'', ''protect'' (or ''restrict''), ''set null'', or NULL for what the catalog '
'says; for cleanup, plan, export and purge. on_soft_delete: ''follow'' (deleted with it), '
'''keep'', ''remove'' (for good, with what goes with them), ''refuse'' (23001, as RESTRICT), or '
'NULL for the default: rows follow where the key or its policy cascades and their table has soft '
'delete, else they stay. 22023: no such foreign key, several of one column, no such policy, ''set '
'null'' on a NOT NULL column, ''follow'' where child has no soft delete.';

CREATE FUNCTION account.set_reference(child regclass, columns name[], parent regclass, policy text,
        on_soft_delete text DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'set_reference' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.set_reference(regclass, name[], regclass, text, text) TO PUBLIC;
COMMENT ON FUNCTION account.set_reference(regclass, name[], regclass, text, text) IS
'Columns of child reference the primary key of parent, though no foreign key says so: part of '
'plan, cleanup, export, purge, of what follows a soft deletion and comes back with a restore, and '
'of guards that are enabled afterwards. The server knows nothing of it: new rows are not checked, '
'and a plain DELETE of rows of parent for good, outside account.cleanup and account.purge, leaves '
'what references them as it is. columns: in the order of that key. policy: ''cascade'', '
'''protect'' (or ''restrict''), ''set null''; NULL takes the reference back. on_soft_delete: as '
'of account.set_reference_policy. For the owner of child who has REFERENCES on parent (else '
'42501). 22023: no such column or policy, no primary key or another number of columns, types that '
'cannot be compared, a foreign key that says the same, ''set null'' on a NOT NULL column, '
'''follow'' where child has no soft delete.';
