
-- what roles may ----------------------------------------------------------------------------------

-- Default privileges of the updating role change nothing: of what is new the owner has everything,
-- PUBLIC what is granted beside each CREATE, and no other role anything yet. Grants to roles come
-- after this, nowhere else.
SELECT account.revoke_default_grants_of_update();
DROP FUNCTION account.revoke_default_grants_of_update();

GRANT SELECT ON account.removal TO pg_monitor;
SELECT account.grant_dump('pg_database_owner');
