-- on accounts
SELECT h ->> 'status' AS status, h ->> 'library' AS library, h ->> 'model' AS model, h -> 'keys' AS keys FROM account.health() AS h;
