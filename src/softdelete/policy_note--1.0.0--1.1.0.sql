
CREATE FUNCTION account.noted_policies(OUT parent regclass, OUT child regclass,
        OUT constraint_name name, OUT columns name[], OUT policy text, OUT on_soft_delete text)
            RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'noted_policies' LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION account.noted_policies() FROM PUBLIC;
COMMENT ON FUNCTION account.noted_policies() IS
'What soft-delete tables have noted of the references to them, on their triggers, which a dump of '
'the schema alone has too: by set_reference_policy (constraint_name) or set_reference (columns).';
