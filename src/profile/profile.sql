
-- automatic profiles ------------------------------------------------------------------------------

-- Which users tables have profiles made for them, where, and with which values. Only enable_profile
-- writes it, and the event triggers below; the triggers on the tables say the rest.
CREATE TABLE account.profile_rule (
    users regclass NOT NULL,
    profiles regclass NOT NULL,
    adopt boolean NOT NULL,
    PRIMARY KEY (users, profiles)
);
REVOKE ALL ON account.profile_rule FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.profile_rule', '');
COMMENT ON TABLE account.profile_rule IS
'Users tables whose users get a profile, one row a pair of tables. Written by '
'account.enable_profile.';

CREATE TABLE account.profile_default (
    users regclass NOT NULL,
    profiles regclass NOT NULL,
    column_name text NOT NULL,
    value jsonb NOT NULL
);
REVOKE ALL ON account.profile_default FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.profile_default', '');
COMMENT ON TABLE account.profile_default IS
'Values of new profiles, one row a column; column_name follows renames.';

CREATE FUNCTION account.profile_rule_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'profile_rule_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.profile_rule_changed() FROM PUBLIC;
COMMENT ON FUNCTION account.profile_rule_changed() IS
'Trigger of the registry of automatic profiles: every session reads a changed rule anew.';

CREATE TRIGGER profile_rule_changed AFTER INSERT OR UPDATE OR DELETE ON account.profile_rule
    FOR EACH ROW EXECUTE FUNCTION account.profile_rule_changed();
ALTER TABLE account.profile_rule ENABLE ALWAYS TRIGGER profile_rule_changed;
CREATE TRIGGER profile_rule_changed AFTER INSERT OR UPDATE OR DELETE ON account.profile_default
    FOR EACH ROW EXECUTE FUNCTION account.profile_rule_changed();
ALTER TABLE account.profile_default ENABLE ALWAYS TRIGGER profile_rule_changed;

CREATE FUNCTION account.profile_rule_replaced() RETURNS trigger
    AS 'MODULE_PATHNAME', 'profile_rule_replaced' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.profile_rule_replaced() FROM PUBLIC;
COMMENT ON FUNCTION account.profile_rule_replaced() IS
'Trigger of the registry of automatic profiles: a restored row takes the place of the one that is '
'there.';

CREATE TRIGGER profile_rule_replaced BEFORE INSERT ON account.profile_rule
    FOR EACH ROW EXECUTE FUNCTION account.profile_rule_replaced();
ALTER TABLE account.profile_rule ENABLE ALWAYS TRIGGER profile_rule_replaced;
CREATE TRIGGER profile_rule_replaced BEFORE INSERT ON account.profile_default
    FOR EACH ROW EXECUTE FUNCTION account.profile_rule_replaced();
ALTER TABLE account.profile_default ENABLE ALWAYS TRIGGER profile_rule_replaced;

CREATE FUNCTION account.enable_profile(users regclass, profiles regclass,
        user_column name DEFAULT 'user_id', defaults jsonb DEFAULT '{}', adopt boolean DEFAULT true)
    RETURNS bigint
    AS 'MODULE_PATHNAME', 'enable_profile' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.enable_profile(regclass, regclass, name, jsonb, boolean)
    TO PUBLIC;
COMMENT ON FUNCTION account.enable_profile(regclass, regclass, name, jsonb, boolean) IS
'Gives every user a profile, from now on in the transaction that makes the user, and now those '
'that have none; returns their number. users, profiles: tables the caller owns (else 42501). '
'user_column: the unique column of profiles that holds the user''s key. defaults: values of new '
'profiles by column; the rest have the columns'' own defaults. adopt: a profile that the '
'application inserts itself replaces the automatic one while that is unchanged and unreferenced, '
'and the inserting role could see and delete it under row security. Called again it replaces the '
'rule. 22023: a table, column or default that cannot work, with what to mend.';

CREATE FUNCTION account.disable_profile(users regclass, profiles regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'disable_profile' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.disable_profile(regclass, regclass) TO PUBLIC;
COMMENT ON FUNCTION account.disable_profile(regclass, regclass) IS
'Users get no profiles any more; those there are stay. users, profiles: the tables as they were '
'enabled, owned by the caller (else 42501). 22023: they are not enabled.';

CREATE FUNCTION account.missing_profiles(users regclass) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'missing_profiles' LANGUAGE C STABLE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.missing_profiles(regclass) TO PUBLIC;
COMMENT ON FUNCTION account.missing_profiles(regclass) IS
'Keys of users without profile, deleted users included. users: a table with automatic profiles '
'(else 55000). Reads both tables with the caller''s privileges. account.enable_profile, called '
'again, makes the profiles.';

-- The triggers' functions are called, and their WHEN clauses evaluated, as whoever inserts: PUBLIC
-- may. They act for rules of the registry alone.
CREATE FUNCTION account.marks_profile(profiles regclass) RETURNS boolean
    AS 'MODULE_PATHNAME', 'marks_profile' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.marks_profile(regclass) TO PUBLIC;
COMMENT ON FUNCTION account.marks_profile(regclass) IS
'Always true: in the WHEN clause of a trigger it tells account.make_profile the profiles table, '
'and PostgreSQL what the trigger depends on.';

CREATE FUNCTION account.marks_profile(users regclass, user_column "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'marks_profile' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.marks_profile(regclass, "any") TO PUBLIC;
COMMENT ON FUNCTION account.marks_profile(regclass, "any") IS
'Always true: in the WHEN clause of a trigger it tells account.adopt_profile the users table and '
'the column that refers to it.';

CREATE FUNCTION account.replaced_profile(users regclass, user_column "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'replaced_profile' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.replaced_profile(regclass, "any") TO PUBLIC;
COMMENT ON FUNCTION account.replaced_profile(regclass, "any") IS
'Always false: in the WHEN clause of a trigger it tells account.keep_profile the users table and '
'the column that refers to it, and keeps statements from calling it.';

CREATE FUNCTION account.make_profile() RETURNS trigger
    AS 'MODULE_PATHNAME', 'make_profile' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.make_profile() TO PUBLIC;
COMMENT ON FUNCTION account.make_profile() IS
'Trigger of a users table: makes the profiles of new users. Created by account.enable_profile.';

CREATE FUNCTION account.adopt_profile() RETURNS trigger
    AS 'MODULE_PATHNAME', 'adopt_profile' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.adopt_profile() TO PUBLIC;
COMMENT ON FUNCTION account.adopt_profile() IS
'Trigger of a profiles table: the unchanged automatic profile makes way for the one the '
'application inserts, if row security lets the inserting role see and delete it. Created by '
'account.enable_profile.';

CREATE FUNCTION account.keep_profile() RETURNS trigger
    AS 'MODULE_PATHNAME', 'keep_profile' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.keep_profile() TO PUBLIC;
COMMENT ON FUNCTION account.keep_profile() IS
'Trigger of a profiles table: if an automatic profile made way for nothing, it is made again. '
'Created by account.enable_profile.';

-- Renames of columns that only `defaults` names, and dropped tables and triggers, are followed.
CREATE FUNCTION account.follow_profile_columns() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'follow_profile_columns' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.follow_profile_columns() FROM PUBLIC;
COMMENT ON FUNCTION account.follow_profile_columns() IS
'Event trigger: the defaults of automatic profiles follow their columns'' names.';
CREATE EVENT TRIGGER pgaccount_profile_columns_before ON ddl_command_start
    WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
        'ALTER FOREIGN TABLE')
    EXECUTE FUNCTION account.follow_profile_columns();
CREATE EVENT TRIGGER pgaccount_profile_columns_after ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
        'ALTER FOREIGN TABLE')
    EXECUTE FUNCTION account.follow_profile_columns();

CREATE FUNCTION account.follow_profile_drops() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'follow_profile_drops' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.follow_profile_drops() FROM PUBLIC;
COMMENT ON FUNCTION account.follow_profile_drops() IS
'Event trigger: a rule of automatic profiles whose tables or triggers were dropped is removed.';
CREATE EVENT TRIGGER pgaccount_profile_drops ON sql_drop
    EXECUTE FUNCTION account.follow_profile_drops();
