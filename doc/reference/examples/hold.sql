SELECT account.place_hold('deals', 20, 'case 4711');
-- shown
SELECT * FROM account.hold;
