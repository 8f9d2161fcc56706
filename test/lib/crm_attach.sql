-- The migration that attaches pgaccount to the tables of crm.sql.
SELECT account.enable_soft_delete('users', children => true);
SELECT account.unique_among_live('users', 'email');
SELECT account.enable_profile('users', 'profiles');
SELECT account.use_tables('users', 'profiles', 'organisations');
SELECT account.create_key();
