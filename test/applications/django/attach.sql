-- What attaches pgaccount to the project, run by its own role, the owner of the tables: see doc/recipes/django.md.

-- What on_delete says in the models, which no foreign key of Django's says in the catalog.
SELECT account.set_reference_policy('press_profile', 'user_id', 'cascade');
SELECT account.set_reference_policy('press_article', 'author_id', 'cascade');
SELECT account.set_reference_policy('press_article', 'publisher_id', 'cascade');
SELECT account.set_reference_policy('press_article_readers', 'article_id', 'cascade');
SELECT account.set_reference_policy('press_article_readers', 'user_id', 'cascade');
SELECT account.set_reference_policy('press_comment', 'article_id', 'cascade');
SELECT account.set_reference_policy('press_comment', 'author_id', 'set null', on_soft_delete => 'keep');
SELECT account.set_reference_policy('account_emailaddress', 'user_id', 'cascade');
SELECT account.set_reference_policy('auth_user_groups', 'user_id', 'cascade');
SELECT account.set_reference_policy('django_admin_log', 'user_id', 'cascade', on_soft_delete => 'keep');

-- What lets somebody in is gone with its user, whatever deletes it.
SELECT account.set_reference_policy('authtoken_token', 'user_id', 'cascade', on_soft_delete => 'remove');

-- Groups go on to be removed for good, and the memberships of deleted users with them.
ALTER TABLE auth_user_groups DROP CONSTRAINT auth_user_groups_group_id_97559544_fk_auth_group_id,
    ADD FOREIGN KEY (group_id) REFERENCES auth_group ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

SELECT account.enable_soft_delete('auth_user', children => true);
SELECT account.enable_soft_delete('press_publisher', children => true);

-- Tables of memberships: add() inserts ON CONFLICT DO NOTHING.
SELECT account.unique_among_live('auth_user_groups', 'user_id', 'group_id');
SELECT account.unique_among_live('press_article_readers', 'article_id', 'user_id');

-- A name, an address or a profile of a deleted user may be another's.
SELECT account.unique_among_live('auth_user', 'username');
SELECT account.unique_among_live('account_emailaddress', 'email');
-- Later versions of allauth have more keys of addresses: the doctor names them, with these calls.
DO $$
DECLARE
    remedy text;
BEGIN
    FOR remedy IN SELECT d.remedy FROM account.doctor() d WHERE code = 'unique_blocks_reuse' AND message LIKE '%account_emailaddress%' LOOP
        EXECUTE remedy;
    END LOOP;
END $$;
SELECT account.unique_among_live('press_publisher', 'name');
SELECT account.unique_among_live('press_profile', 'user_id');
CREATE INDEX press_profile_user_id ON press_profile (user_id);     -- restoring looks for deleted ones

-- What logins look users up by.
CREATE INDEX auth_user_email_lower ON auth_user (lower(email));
CREATE INDEX auth_user_username_lower ON auth_user (lower(username));
