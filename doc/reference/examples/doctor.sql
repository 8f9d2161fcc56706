SELECT account.enable_soft_delete('users', guard_references => true);
CREATE TABLE api_keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users);
CREATE INDEX ON api_keys (user_id);
-- shown
SELECT severity, code, object, remedy FROM account.doctor() ORDER BY object, code;
