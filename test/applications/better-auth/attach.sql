-- What attaches pgaccount to better-auth, run by its own role, the owner of the tables: see doc/recipes/better-auth.md.
SELECT account.set_reference_policy('session', 'userId', 'cascade', on_soft_delete => 'remove');
SELECT account.enable_soft_delete('"user"', children => true);
SELECT account.unique_among_live('"user"', 'email');
CREATE INDEX ON "user" (lower(email));
CREATE INDEX ON invitation ("inviterId");
