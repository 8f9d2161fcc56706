DELETE FROM organisations WHERE id = 1;
SELECT * FROM account.cleanup('organisations', 1);
SELECT count(*) FROM account.cleanup('organisations', 1);    -- the second run finds nothing
