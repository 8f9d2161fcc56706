ALTER TABLE users ADD password text, ADD is_active boolean NOT NULL DEFAULT true;
-- shown
SELECT * FROM account.use_tables('users', 'profiles', 'organisations', '{"users": {"tenant": "organisation_id"}}')
 WHERE source <> 'missing';
