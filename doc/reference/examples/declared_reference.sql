CREATE TABLE api_tokens (id bigint PRIMARY KEY, user_id bigint NOT NULL);
SELECT account.set_reference('api_tokens', '{user_id}', 'users', 'cascade');
-- shown
SELECT child, columns, parent, policy, on_soft_delete FROM account.declared_reference;
