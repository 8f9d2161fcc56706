
-- foreign keys and their policies -----------------------------------------------------------------

CREATE TABLE account.reference_policy (
    child regclass NOT NULL,
    constraint_name name NOT NULL,
    policy text NOT NULL CHECK (policy IN ('cascade', 'protect', 'set null')),
    PRIMARY KEY (child, constraint_name)
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

CREATE FUNCTION account.reference_policy_dropped() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'reference_policy_dropped' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.reference_policy_dropped() FROM PUBLIC;
COMMENT ON FUNCTION account.reference_policy_dropped() IS
'Event trigger: the policy of a dropped foreign key goes with it.';
CREATE EVENT TRIGGER pgaccount_reference_policy_dropped ON sql_drop
    EXECUTE FUNCTION account.reference_policy_dropped();
ALTER EVENT TRIGGER pgaccount_reference_policy_dropped ENABLE ALWAYS;

CREATE FUNCTION account.reference_policy_renamed() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'reference_policy_renamed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.reference_policy_renamed() FROM PUBLIC;
COMMENT ON FUNCTION account.reference_policy_renamed() IS
'Event trigger: the policy of a renamed foreign key follows it.';
CREATE EVENT TRIGGER pgaccount_reference_policy_renamed
        ON ddl_command_end WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION account.reference_policy_renamed();
ALTER EVENT TRIGGER pgaccount_reference_policy_renamed ENABLE ALWAYS;

CREATE FUNCTION account.set_reference_policy(child regclass, constraint_name name, policy text)
    RETURNS void
    AS 'MODULE_PATHNAME', 'set_reference_policy' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.set_reference_policy(regclass, name, text) TO PUBLIC;
COMMENT ON FUNCTION account.set_reference_policy(regclass, name, text) IS
'What becomes of rows that reference a removed row: overrides the catalog for cleanup, plan, '
'export, purge and what follows a soft deletion. child: the referencing table, owned by the caller '
'(else 42501). constraint_name: its foreign key. policy: ''cascade'', ''protect'', ''set null'', '
'or NULL for what the catalog says. 22023: no such foreign key or policy, or ''set null'' on a NOT '
'NULL column.';
