
-- export ------------------------------------------------------------------------------------------

CREATE FUNCTION account.export_user(user_id text) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'export_user' LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.export_user(text) FROM PUBLIC;
COMMENT ON FUNCTION account.export_user(text) IS
'What the database holds about a user, for the user itself or staff: the user, its profile, every '
'row that references the user, and what reaches those ON DELETE CASCADE, by catalog or policy; '
'deleted rows too. One object: arrays of rows, in the order of their keys, by schema.table. The '
'password hash is left out, and so are columns of text or bytes named password, token, secret and '
'the like. Errors: PT401 without an identity, PT403, PT404 for an unknown or deleted user; 55000 '
'where no tables are mapped.';

CREATE FUNCTION account.export_user(user_id "any") RETURNS jsonb
    AS 'MODULE_PATHNAME', 'export_user' LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.export_user("any") FROM PUBLIC;
COMMENT ON FUNCTION account.export_user("any") IS
'account.export_user for an id given as a value of the key''s type. Errors: the same.';
