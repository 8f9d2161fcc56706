SELECT account.set_reference_policy('deals', 'deals_created_by_fkey', 'cascade');
-- shown
SELECT * FROM account.reference_policy;
