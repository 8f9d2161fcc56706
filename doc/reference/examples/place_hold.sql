SELECT account.place_hold('users', 1, 'case 2026-17') AS hold;
SELECT account.cleanup('users', 1);
