-- What attaches pgaccount to Redmine, run by its own role, the owner of the tables: see doc/recipes/redmine.md.

-- Redmine declares no foreign key. What is to come back with a user:
SELECT account.set_reference('email_addresses', '{user_id}', 'users', 'cascade');
SELECT account.set_reference('user_preferences', '{user_id}', 'users', 'cascade');
SELECT account.set_reference('groups_users', '{user_id}', 'users', 'cascade');
SELECT account.set_reference('members', '{user_id}', 'users', 'cascade');
SELECT account.set_reference('member_roles', '{member_id}', 'members', 'cascade');

-- What lets somebody in goes for good: sessions, API keys, feeds.
SELECT account.set_reference('tokens', '{user_id}', 'users', 'cascade', on_soft_delete => 'remove');

SELECT account.enable_soft_delete('users', children => true);

-- A membership that was taken away may be given again; and restoring looks for deleted ones, which these indexes leave out.
SELECT account.unique_among_live('index_members_on_user_id_and_project_id'::regclass);
SELECT account.unique_among_live('groups_users_ids'::regclass);
CREATE INDEX members_user_id ON members (user_id);
CREATE INDEX groups_users_user_id ON groups_users (user_id);
