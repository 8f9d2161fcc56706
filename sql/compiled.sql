-- Where the server compiles a statement, and would inline what it calls, it calls the library's own functions: no bitcode of ours is
-- installed, nor left of an earlier installation.
SELECT count(*) AS bitcode FROM pg_config AS c, LATERAL pg_ls_dir(c.setting || '/bitcode', true, false) AS file WHERE c.name = 'PKGLIBDIR' AND file LIKE 'pgaccount%';
SET jit = on;
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SELECT count(*) FROM generate_series(1, 2) AS i WHERE account.logout('none ' || i);
SELECT count(account.cancel_removal(-i)) FROM generate_series(1, 2) AS i; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT count(account.disable_tenant_isolation(i::regclass)) FROM generate_series(1, 2) AS i; -- fails
\echo :LAST_ERROR_SQLSTATE
