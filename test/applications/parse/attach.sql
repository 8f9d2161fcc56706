-- What attaches pgaccount to Parse Server, run by its own role, the owner of the tables: see doc/recipes/parse.md.
SELECT account.set_reference('"_Session"', '{user}', '"_User"', 'cascade', on_soft_delete => 'remove');
SELECT account.set_reference('"Post"', '{author}', '"_User"', 'cascade');
SELECT account.enable_soft_delete('"_User"', children => true);
SELECT account.unique_among_live('"_User"', 'username');
SELECT account.unique_among_live('"_User"', 'email');
SELECT account.unique_among_live('"_User_unique_authData_anonymous_id"'::regclass);
CREATE INDEX ON "Post" (author);
