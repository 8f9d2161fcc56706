\t on
SELECT account.cleanup_graph('organisations', 1);
