SELECT account.plan_hash('organisations', 1, force => true) AS approved \gset
SELECT count(*) AS steps FROM account.cleanup('organisations', 1, force => true, approve => :'approved');
SELECT account.cleanup('organisations', 2, force => true, approve => :'approved');
