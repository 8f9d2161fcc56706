SELECT account.create_starter('app');
SELECT relation, count(*) AS attributes FROM account.model GROUP BY relation ORDER BY relation;
