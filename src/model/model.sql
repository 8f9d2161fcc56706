
-- the account model -------------------------------------------------------------------------------

-- Which tables and columns hold the accounts. Only use_tables and forget_tables write it.
CREATE TABLE account.model_column (
    part text NOT NULL,
    attribute text NOT NULL,
    relation regclass NOT NULL,
    column_name name,
    source text NOT NULL CHECK (source IN ('given', 'detected', 'missing')),
    given jsonb,
    PRIMARY KEY (part, attribute)
);
REVOKE ALL ON account.model_column FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.model_column', '');
COMMENT ON TABLE account.model_column IS
'The mapping of the account model, one row an attribute; given: what was asked for it, null for no '
'column. Written by account.use_tables.';

CREATE FUNCTION account.model_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'model_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.model_changed() FROM PUBLIC;
COMMENT ON FUNCTION account.model_changed() IS
'Trigger of the registry of the account model: every session reads a changed mapping anew.';
CREATE TRIGGER model_changed AFTER INSERT OR UPDATE OR DELETE ON account.model_column
    FOR EACH ROW EXECUTE FUNCTION account.model_changed();
ALTER TABLE account.model_column ENABLE ALWAYS TRIGGER model_changed;

CREATE VIEW account.model AS
    SELECT c.part, c.attribute, c.relation, c.column_name, c.source,
        CASE WHEN pg_catalog.jsonb_typeof(c.given) OPERATOR(pg_catalog.=) 'object'
             THEN c.given OPERATOR(pg_catalog.-) 'column'::pg_catalog.text END AS rule
    FROM account.model_column AS c;
REVOKE ALL ON account.model FROM PUBLIC;
COMMENT ON VIEW account.model IS
'The mapping: for each attribute of users, profiles and tenants its relation and column (NULL: '
'none), whether it was given, detected or is missing, and by which rule is_active reads its column '
'(NULL: as a boolean). One mapping a database; empty: none.';

CREATE FUNCTION account.use_tables(users regclass, profiles regclass DEFAULT NULL,
        tenants regclass DEFAULT NULL, columns jsonb DEFAULT '{}', members regclass DEFAULT NULL)
    RETURNS TABLE (part text, attribute text, column_name name, source text)
    AS 'MODULE_PATHNAME', 'use_tables' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass)
    FROM PUBLIC;
COMMENT ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass) IS
'Tells the functions of accounts which tables hold users, profiles and tenants (owned by the '
'caller, else 42501), in place of an earlier mapping; returns the columns found. columns: '
'overrides by part and attribute, {"users": {"email": "mail"}, "tenants": {"modules": null}}; '
'null: none; is_active may be a rule over another column, {"column": "status", "in": ["active"]} '
'or with "not_in". members: for a later release, 0A000. Required are users.id and users.email or '
'users.username, and profiles.user and tenants.id of tables that are given. Puts triggers on users '
'and tenants that end sessions. Errors: 22023 for a table, column or rule that cannot work and for '
'an unknown part or attribute.';

CREATE FUNCTION account.forget_tables() RETURNS void
    AS 'MODULE_PATHNAME', 'forget_tables' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.forget_tables() FROM PUBLIC;
COMMENT ON FUNCTION account.forget_tables() IS
'Undoes account.use_tables: no tables are mapped, their triggers that end sessions are gone, and '
'all sessions are ended. Harmless without a mapping.';
