
-- the account lifecycle ---------------------------------------------------------------------------

CREATE FUNCTION account.delete_user(user_id text, password text DEFAULT NULL,
        reason text DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'delete_user' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.delete_user(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.delete_user(text, text, text) IS
'Deletes a user, for the user itself or staff; ends its sessions. Softly where the users table has '
'soft delete or a mapped deleted_at or flag, else for good, in the order of references. password: '
'of a user that deletes itself; asked for with pgaccount.require_confirmation, and checked where '
'it is given. reason: for the event, at most 2000 characters. Returns {"status": true, "message", '
'"user_id", "deleted_at", "purge_after"}; purge_after is null where purge_users will find nothing. '
'Errors: PT401 without an identity, PT403 (also for a missing or wrong password), PT404 for an '
'unknown user or what is no id, PT400 for one that is deleted already, PT429 after too many wrong '
'passwords, 23001 for protected references, 42501 where rows of a soft-delete table would be lost '
'for good that do not go with their parents (on_parent_delete), 22023 for a long reason, 55000 '
'where no tables are mapped.';

CREATE FUNCTION account.delete_user(user_id "any", password text DEFAULT NULL,
        reason text DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'delete_user' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.delete_user("any", text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.delete_user("any", text, text) IS
'account.delete_user for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.restore_user(user_id text, reason text DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'restore_user' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.restore_user(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.restore_user(text, text) IS
'Brings a deleted user back, with the rows that were deleted with it, for staff. Its sessions stay '
'ended. reason: for the event, at most 2000 characters. Returns {"status": true, "message", '
'"user_id", "restored_at", "rows"}. Errors: PT401 without an identity, PT403, PT404 for an unknown '
'user or what is no id, PT400 for one that is not deleted, 23505, with constraint, table and '
'column, where the email or username is taken meanwhile, 22023 for a long reason, 55000 where no '
'tables are mapped.';

CREATE FUNCTION account.restore_user(user_id "any", reason text DEFAULT NULL) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'restore_user' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.restore_user("any", text) FROM PUBLIC;
COMMENT ON FUNCTION account.restore_user("any", text) IS
'account.restore_user for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.purge_users(max_rows bigint DEFAULT NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'purge_users' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.purge_users(bigint) FROM PUBLIC;
COMMENT ON FUNCTION account.purge_users(bigint) IS
'Removes for good the users that were deleted longer ago than pgaccount.grace_period, oldest '
'first, at most max_rows (NULL: all), as account.purge does, with the rights of the users table''s '
'owner; returns how many users. Their applications, invitations that they used, open ones that '
'they made, and the addresses and agents of their sessions go with them; events stay. Those that '
'others still hold are kept and named in a NOTICE. Privileged. Errors: 22023 for a negative '
'max_rows, 55000 where no tables are mapped or no column says when a user was deleted.';
