
-- plans that are approved -------------------------------------------------------------------------

CREATE FUNCTION account.plan_hash(target regclass, key "any", force boolean DEFAULT false)
    RETURNS text
    AS 'MODULE_PATHNAME', 'plan_hash' LANGUAGE C STABLE PARALLEL UNSAFE;
CREATE FUNCTION account.plan_hash(target regclass, key text, force boolean DEFAULT false)
    RETURNS text
    AS 'MODULE_PATHNAME', 'plan_hash' LANGUAGE C STABLE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.plan_hash(regclass, "any", boolean) TO PUBLIC;
COMMENT ON FUNCTION account.plan_hash(regclass, "any", boolean) IS
'The hash of what account.cleanup would do: its steps, and the keys of the rows that it would '
'remove or change. To be given to account.cleanup or account.cleanup_batches as approve, which do '
'just that, or nothing (PT409). The same in every session, and after a dump and restore. '
'Arguments, privileges and errors as for account.cleanup_plan.';
GRANT EXECUTE ON FUNCTION account.plan_hash(regclass, text, boolean) TO PUBLIC;
COMMENT ON FUNCTION account.plan_hash(regclass, text, boolean) IS
'account.plan_hash for a key given as text or as an untyped parameter.';

COMMENT ON FUNCTION account.cleanup(regclass, "any", boolean, text) IS
'Removes rows for good, soft-delete tables included, with all that follows them ON DELETE CASCADE '
'(by catalog or policy), children first; returns what was done, step by step. target: a table. '
'key: a key of it, an array of keys, or a jsonb object with the columns of a unique key. force: '
'protected references go as well. approve: a hash of account.plan_hash; if the plan is another '
'one, PT409, and nothing is changed. Done in this transaction, or not at all. Needs SELECT and '
'DELETE on every table of the set, UPDATE where keys are set null or default, and, where rows of '
'a soft-delete table go, its ownership or EXECUTE on account.purge (42501). 23001: protected '
'references, all listed in DETAIL; 27000: a trigger, rule or policy kept rows back, or triggers '
'put back what is removed; 40001: a row was changed meanwhile; 0A000: a table that is no heap; '
'22023: no such kind of key.';
