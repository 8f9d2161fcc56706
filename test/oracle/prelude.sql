-- What every random schema rests on: types of all sorts for keys, and an owner without privileges. Once in a database.
CREATE EXTENSION IF NOT EXISTS pgaccount;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE SCHEMA keys;
DO $$ BEGIN CREATE ROLE oracle_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA keys TO oracle_owner;
GRANT SELECT ON account.reference_policy, account.declared_reference, account.hold TO oracle_owner;
GRANT EXECUTE ON FUNCTION account.purge(regclass, interval, bigint, boolean), account.place_hold(regclass, "any", text), account.place_hold(regclass, text, text),
    account.release_hold(bigint, text), account.erase(regclass, "any"), account.erase(regclass, text) TO oracle_owner;
GRANT EXECUTE ON PROCEDURE account.cleanup_batches TO oracle_owner;
CREATE DOMAIN keys.d_int AS int;
CREATE DOMAIN keys.d_bigint AS bigint CHECK (VALUE > 0);
CREATE DOMAIN keys.d_uuid AS uuid;
CREATE DOMAIN keys.d_text AS text;
CREATE DOMAIN keys.d_varchar AS varchar(40);
CREATE DOMAIN keys.d_char AS char(8);
CREATE DOMAIN keys.d_citext AS citext;
CREATE DOMAIN keys.d_numeric AS numeric;
CREATE DOMAIN keys.d_ints AS int[];
CREATE TYPE keys.e AS ENUM ('v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7', 'v8', 'v9', 'v10', 'v11', 'v12', 'v13', 'v14', 'v15', 'v16',
    'v17', 'v18', 'v19', 'v20', 'v21', 'v22', 'v23', 'v24');
CREATE TYPE keys.pair AS (x int, y text);
CREATE COLLATION keys.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN keys.stamp AS timestamptz;
CREATE DOMAIN keys.flag AS boolean;
