-- What every file in sql/ counts on: the extension is there, the library preloaded.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgaccount;
SELECT extname, n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE extname = 'pgaccount';
SELECT count(*) AS preloaded FROM pg_settings
WHERE name = 'pgaccount.rewrite' AND context = 'postmaster' AND setting = 'on';
SHOW pgaccount.show_deleted;
