
-- what roles may ----------------------------------------------------------------------------------

CREATE FUNCTION account.grant_api(role regrole) RETURNS void
    AS 'MODULE_PATHNAME', 'grant_api' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.grant_api(regrole) FROM PUBLIC;
COMMENT ON FUNCTION account.grant_api(regrole) IS
'Lets an application role call the unprivileged functions of accounts. For the owner of the '
'extension (else 42501). Errors: 42704 for an unknown role, 22023 for NULL.';

CREATE FUNCTION account.grant_dump(role regrole) RETURNS void
    AS 'MODULE_PATHNAME', 'grant_dump' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.grant_dump(regrole) FROM PUBLIC;
COMMENT ON FUNCTION account.grant_dump(regrole) IS
'Lets a role read what pg_dump takes of the extension: mapping and policies, events and '
'invitations with their emails; no keys, sessions or hashes. The database''s owner '
'(pg_database_owner) may do so anyway. For the owner of the extension (else 42501). Errors: 42704 '
'for an unknown role, 22023 for NULL.';

-- Default privileges of the installing role change nothing: the owner has everything, PUBLIC what
-- is granted beside each CREATE, and no other role anything yet. Grants to roles come after this,
-- nowhere else.
GRANT ALL ON SCHEMA account TO CURRENT_USER;
GRANT ALL ON ALL TABLES IN SCHEMA account TO CURRENT_USER;
GRANT ALL ON ALL SEQUENCES IN SCHEMA account TO CURRENT_USER;
GRANT ALL ON ALL ROUTINES IN SCHEMA account TO CURRENT_USER;
GRANT ALL ON TYPE account.token_pair TO CURRENT_USER;
CREATE FUNCTION account.revoke_default_grants() RETURNS void
    AS 'MODULE_PATHNAME', 'revoke_default_grants' LANGUAGE C VOLATILE PARALLEL UNSAFE;
SELECT account.revoke_default_grants();
DROP FUNCTION account.revoke_default_grants();

GRANT SELECT ON account.stats, account.failures TO pg_monitor;
GRANT EXECUTE ON FUNCTION account.stat_operations(), account.stat_failures(), account.event_queue(),
    account.health() TO pg_monitor;
SELECT account.grant_dump('pg_database_owner');
