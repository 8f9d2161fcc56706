SELECT account.restore('users', 'x');
SELECT operation, error_code, calls FROM account.failures;
