
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
'members that end sessions. Errors: 22023 for a table, column or rule that cannot work and for an '
'unknown part or attribute.';
