-- What attaches pgaccount to Directus, run by its own role, the owner of the tables: see doc/recipes/directus.md.
SELECT account.set_reference_policy('directus_sessions', 'user', 'cascade', on_soft_delete => 'remove');
SELECT account.set_reference_policy('directus_presets', 'user', 'cascade', on_soft_delete => 'keep');
SELECT account.set_reference_policy('directus_notifications', 'recipient', 'cascade', on_soft_delete => 'keep');
SELECT account.set_reference_policy('directus_access', 'user', 'cascade', on_soft_delete => 'keep');
SELECT account.enable_soft_delete('directus_users');
SELECT account.unique_among_live('directus_users', 'email');
SELECT account.unique_among_live('directus_users', 'external_identifier');
SELECT account.unique_among_live('directus_users', 'token');
CREATE UNIQUE INDEX ON directus_users (lower(email)) WHERE deleted_at IS NULL;
