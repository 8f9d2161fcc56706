CREATE TABLE api_tokens (id bigint PRIMARY KEY, user_id bigint NOT NULL);
INSERT INTO api_tokens VALUES (30, 1), (31, 2);
SELECT account.set_reference('api_tokens', '{user_id}', 'users', 'cascade');
SELECT * FROM account.cleanup_plan('users', 2);
