
-- the last member of a role -----------------------------------------------------------------------

CREATE FUNCTION account.marks_member(key "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'marks_member' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.marks_member("any") TO PUBLIC;
COMMENT ON FUNCTION account.marks_member("any") IS
'Always true: in the WHEN clause of a trigger it says which is the key of users or tenants.';

CREATE FUNCTION account.marks_member(tenant "any", role "any", "user" "any", is_active "any")
        RETURNS boolean
    AS 'MODULE_PATHNAME', 'marks_member' LANGUAGE C IMMUTABLE PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.marks_member("any", "any", "any", "any") TO PUBLIC;
COMMENT ON FUNCTION account.marks_member("any", "any", "any", "any") IS
'Always true: in the WHEN clause of a trigger it says which columns of members are tenant, role, '
'user and, where there is one, is_active.';

CREATE FUNCTION account.last_member() RETURNS trigger
    AS 'MODULE_PATHNAME', 'last_member' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.last_member() TO PUBLIC;
COMMENT ON FUNCTION account.last_member() IS
'Row trigger of members, created by account.protect_last_member, with the role as its argument.';

CREATE FUNCTION account.last_member_user() RETURNS trigger
    AS 'MODULE_PATHNAME', 'last_member_user' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.last_member_user() TO PUBLIC;
COMMENT ON FUNCTION account.last_member_user() IS
'Row trigger of users, FROM members, created by account.protect_last_member.';

CREATE FUNCTION account.last_member_tenant() RETURNS trigger
    AS 'MODULE_PATHNAME', 'last_member_tenant' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.last_member_tenant() TO PUBLIC;
COMMENT ON FUNCTION account.last_member_tenant() IS
'Trigger of tenants, FROM members, created by account.protect_last_member: it says which table '
'they are, and never fires.';

CREATE FUNCTION account.last_member_check() RETURNS trigger
    AS 'MODULE_PATHNAME', 'last_member_check' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.last_member_check() TO PUBLIC;
COMMENT ON FUNCTION account.last_member_check() IS
'Statement trigger of members and users, created by account.protect_last_member: refuses a '
'statement that took the last member of the role from a live tenant (23514, constraint '
'account_last_member).';

CREATE FUNCTION account.protect_last_member(members regclass, tenant_column name, role_column name,
        role text DEFAULT 'owner') RETURNS void
    AS 'MODULE_PATHNAME', 'protect_last_member' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.protect_last_member(regclass, name, name, text) TO PUBLIC;
COMMENT ON FUNCTION account.protect_last_member(regclass, name, name, text) IS
'From now on a statement of any kind that takes the last live member of a role from a live tenant '
'is refused at its end: 23514, constraint account_last_member, with the table. It may be one on '
'members (UPDATE, DELETE, MERGE, soft delete, TRUNCATE, cascade) or on their users; of two at '
'once the second (40001 above READ COMMITTED). A tenant that is deleted, also by this statement, '
'may lose all. Members that are deleted or whose is_active is not true, and users that are '
'deleted or not active, do not count. tenant_column and role_column: of members; the tenants and '
'the users are those that a foreign key, a declared reference or the mapping says. Calling it '
'again replaces what was said. For the table''s owner, who needs TRIGGER on users and tenants '
'(else 42501). Partitions that come later are covered. A NOTICE tells how many tenants have no '
'such member already, as account.doctor does. Errors: 22023 for an unknown column, a part of a '
'table, or where users or tenants are not known, 55000 where these are partitioned and have no '
'partition yet.';

CREATE FUNCTION account.unprotect_last_member(members regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'unprotect_last_member' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.unprotect_last_member(regclass) TO PUBLIC;
COMMENT ON FUNCTION account.unprotect_last_member(regclass) IS
'Undoes account.protect_last_member; harmless where nothing is protected. For the table''s owner.';

CREATE FUNCTION account.last_member_findings()
        RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    AS 'MODULE_PATHNAME', 'last_member_findings' LANGUAGE C STABLE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.last_member_findings() FROM PUBLIC;
COMMENT ON FUNCTION account.last_member_findings() IS
'The findings of account.doctor about protected last members.';
