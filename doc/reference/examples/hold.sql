SELECT account.place_hold('users', ARRAY[1, 2], 'case 2026-17');
-- shown
SELECT id, target, key, reason, placed_by, released_at FROM account.hold;
