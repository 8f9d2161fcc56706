-- on accounts
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'sue'), is_local => false);
-- shown
SELECT relation, count(*) FROM account.export_tenant('acme') GROUP BY relation ORDER BY relation::text;
