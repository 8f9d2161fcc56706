SELECT account.place_hold('deals', 20, 'case 4711');
-- shown
SELECT account.release_hold(1, 'closed');
DELETE FROM deals WHERE id = 20;
