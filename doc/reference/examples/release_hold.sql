SELECT account.place_hold('users', 1, 'case 2026-17');
-- shown
SELECT account.release_hold(1, 'case closed');
SELECT id, target, key, reason, release_reason FROM account.hold;
