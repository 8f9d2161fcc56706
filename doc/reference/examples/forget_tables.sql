ALTER TABLE users ADD password text;
SELECT count(*) FROM account.use_tables('users');
-- shown
SELECT account.forget_tables();
SELECT count(*) FROM account.model;
