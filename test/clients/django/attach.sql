-- What a migration of the application runs to have pgaccount: nothing else of the application changes.

-- Django keeps its on_delete to itself: these follow their user
SELECT account.set_reference_policy(conrelid, conname, 'cascade') FROM pg_constraint
WHERE contype = 'f' AND confrelid = 'school_user'::regclass
    AND conrelid IN ('school_profile'::regclass, 'school_post'::regclass, 'school_user_groups'::regclass,
        'school_user_user_permissions'::regclass, 'django_admin_log'::regclass);
SELECT account.enable_soft_delete('school_user', children => true);
SELECT account.unique_among_live('school_user', 'username');
SELECT account.unique_among_live('school_user', 'email');

-- what a deleted user was a member of may go for good all the same, and a membership that was left be joined again
ALTER TABLE school_user_groups
    DROP CONSTRAINT school_user_groups_group_id_3f68166c_fk_auth_group_id,
    ADD FOREIGN KEY (group_id) REFERENCES auth_group ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
SELECT account.enable_soft_delete('school_user_groups', on_parent_delete => 'delete');
SELECT account.unique_among_live('school_user_groups', 'user_id', 'group_id');
SELECT account.unique_among_live('school_user_user_permissions', 'user_id', 'permission_id');

-- a profile each, and what a login looks at
SELECT account.enable_profile('school_user', 'school_profile', defaults => '{"role": "student", "bio": ""}');
SELECT * FROM account.use_tables('school_user', 'school_profile', 'school_tenant');

-- and these their tenant
SELECT account.set_reference_policy(conrelid, conname, 'cascade') FROM pg_constraint
WHERE contype = 'f' AND (confrelid = 'school_tenant'::regclass
    OR conrelid = 'school_deal'::regclass AND confrelid = 'school_client'::regclass);

-- the secret that the application has signed its tokens with
SELECT account.create_key('HS256', 'school', convert_to(:'secret', 'UTF8'));
