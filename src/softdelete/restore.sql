
-- restore -----------------------------------------------------------------------------------------

CREATE FUNCTION account.restore(target regclass, key "any", within interval DEFAULT NULL)
        RETURNS bigint
    AS 'MODULE_PATHNAME', 'restore' LANGUAGE C;
CREATE FUNCTION account.restore(target regclass, key text, within interval DEFAULT NULL)
        RETURNS bigint
    AS 'MODULE_PATHNAME', 'restore' LANGUAGE C;
GRANT EXECUTE ON FUNCTION account.restore(regclass, "any", interval) TO PUBLIC;
COMMENT ON FUNCTION account.restore(regclass, "any", interval) IS
'Brings deleted rows back, with the children that were deleted with them; returns how many rows. '
'key: a key of the table, an array of keys, or a jsonb object with the columns of a unique key. '
'Keys that are unknown or not deleted count 0. within: children that were deleted on their own so '
'long before their parent at most come back, too; without it a NOTICE tells, by table, how many '
'stay deleted. A child that follows another deleted row as well stays deleted, and comes back with '
'that one. Needs UPDATE on the table and on its soft-delete children. 22023: no such kind of key, '
'or a negative interval; 23505: keys are taken, all named in DETAIL; 23503: a guarded parent is '
'deleted.';
GRANT EXECUTE ON FUNCTION account.restore(regclass, text, interval) TO PUBLIC;
COMMENT ON FUNCTION account.restore(regclass, text, interval) IS
'account.restore for a key given as text or as an untyped parameter.';

CREATE FUNCTION account.is_deleted(target regclass, key "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'is_deleted' LANGUAGE C STABLE;
CREATE FUNCTION account.is_deleted(target regclass, key text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'is_deleted' LANGUAGE C STABLE;
GRANT EXECUTE ON FUNCTION account.is_deleted(regclass, "any") TO PUBLIC;
COMMENT ON FUNCTION account.is_deleted(regclass, "any") IS
'Is the row with this key deleted? NULL: there is no such row. key: as for account.restore, one '
'key. Needs SELECT. 22023: no such kind of key, or a table without soft delete.';
GRANT EXECUTE ON FUNCTION account.is_deleted(regclass, text) TO PUBLIC;
COMMENT ON FUNCTION account.is_deleted(regclass, text) IS
'account.is_deleted for a key given as text or as an untyped parameter.';
