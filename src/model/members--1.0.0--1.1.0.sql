
-- members of several tenants ----------------------------------------------------------------------

COMMENT ON VIEW account.model IS
'The mapping: for each attribute of users, profiles, tenants and members its relation and column '
'(NULL: none), whether it was given, detected or is missing, and by which rule is_active reads its '
'column (NULL: as a boolean). One mapping a database; empty: none.';

COMMENT ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass) IS
'Tells the functions of accounts which tables hold users, profiles, tenants and members (owned by '
'the caller, else 42501), in place of an earlier mapping; returns the columns found. columns: '
'overrides by part and attribute, {"users": {"email": "mail"}, "tenants": {"modules": null}}; '
'null: none; is_active may be a rule over another column, {"column": "status", "in": ["active"]} '
'or with "not_in". members: one row for a user in a tenant (user, tenant, role, is_active), unique '
'by the two; a user is then of the tenants that it is a member of, and users.tenant says nothing. '
'Required are users.id and users.email or users.username, and profiles.user, tenants.id, '
'members.user and members.tenant of tables that are given. Puts triggers on users, tenants and '
'members that end sessions. Where another table, or another column of it, holds the ids of users '
'from now on, all sessions end, and mailed tokens, invitations, applications for roles and '
'deletions that could be taken back go; where it holds those of tenants, sessions in tenants end, '
'and open invitations into them go: a WARNING says how many, and what cannot be ended (access '
'tokens without a session, and identities that database sessions keep). Errors: 22023 for a table, '
'column or rule that cannot work and for an unknown part or attribute.';

COMMENT ON FUNCTION account.forget_tables() IS
'Undoes account.use_tables: no tables are mapped, their triggers that end sessions are gone, and '
'all sessions are ended. Mailed tokens, invitations, applications for roles and deletions that '
'could be taken back are gone, for the table that is mapped next may give their ids to other '
'users; a WARNING says how many. Harmless without a mapping.';
