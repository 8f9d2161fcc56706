SELECT account.enable_soft_delete('users');
-- shown
SELECT account.unique_among_live('users', 'email');
DELETE FROM users WHERE email = 'ann@example.com';
INSERT INTO users (email) VALUES ('ann@example.com') RETURNING id;
SELECT account.restore('users', 1);
