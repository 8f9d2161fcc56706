-- What every file in sql/ counts on: the extension is there, the library preloaded.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgaccount;
SELECT extname, n.nspname AS schema FROM pg_extension e
JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
JOIN pg_namespace n ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid
WHERE extname = 'pgaccount';
SELECT count(*) AS preloaded FROM pg_settings
WHERE name = 'pgaccount.rewrite' AND context = 'postmaster' AND setting = 'on';
SHOW pgaccount.show_deleted;
