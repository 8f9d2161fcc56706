-- The migration. SQLAlchemy's cascades are its own: what it declares as plain keys, the policies name.
SELECT account.set_reference_policy('profiles', 'profiles_user_id_fkey', 'cascade');
SELECT account.set_reference_policy('posts', 'posts_author_id_fkey', 'cascade');
SELECT account.enable_soft_delete('users', children => true);
SELECT account.unique_among_live('users', 'email');
SELECT account.enable_profile('users', 'profiles');
SELECT account.use_tables('users', 'profiles', 'organisations');
SELECT account.create_key();
