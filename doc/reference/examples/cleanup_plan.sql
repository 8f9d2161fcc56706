SELECT * FROM account.cleanup_plan('organisations', '{"name": "Acme"}');
