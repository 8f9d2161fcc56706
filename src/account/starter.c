/*
 * starter.c
 *		account.create_starter: the embedded default, tenants, users and profiles, memberships if
 *		asked for.
 *
 * It is what an application would write itself, and has no path of its own: the tables are ordinary
 * tables of the caller, put under soft delete and automatic profiles, and mapped by the same calls.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "monitor/monitor.h"

ACCOUNT_OPERATION(create_starter, "create_starter", NO_SUBJECT);

/*
 * The tables. @ stands for the schema; what stands between |u and |. is for users with a tenant of
 * their own, between |m and |. for members of several.
 */
static const char *const statements[] = {
	"CREATE TABLE @.tenants ("
	"id pg_catalog.uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(), "
	"slug pg_catalog.text, "
	"name pg_catalog.text, "
	"modules pg_catalog.jsonb DEFAULT '[]', "
	"is_active pg_catalog.bool NOT NULL DEFAULT true, "
	"created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), "
	"deleted_at pg_catalog.timestamptz, "
	"CONSTRAINT tenants_named CHECK (slug IS NOT NULL OR name IS NOT NULL))",
	"CREATE UNIQUE INDEX tenants_slug_key ON @.tenants (slug) WHERE deleted_at IS NULL",

	"CREATE TABLE @.users ("
	"id pg_catalog.uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(), "
	"|utenant_id pg_catalog.uuid CONSTRAINT users_tenant_id_fkey REFERENCES @.tenants, |."
	"email pg_catalog.text NOT NULL, "
	"username pg_catalog.text, "
	"password pg_catalog.text, "
	"is_active pg_catalog.bool NOT NULL DEFAULT true, "
	"is_staff pg_catalog.bool NOT NULL DEFAULT false, "
	"is_superuser pg_catalog.bool NOT NULL DEFAULT false, "
	"created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), "
	"last_login pg_catalog.timestamptz, "
	"is_deleted pg_catalog.bool NOT NULL DEFAULT false, "
	"deleted_at pg_catalog.timestamptz, "
	"deleted_by pg_catalog.text) WITH (fillfactor = 80)",

	"CREATE UNIQUE INDEX users_email_key ON @.users (pg_catalog.lower(email)) "
	"WHERE deleted_at IS NULL",
	"CREATE UNIQUE INDEX users_username_key ON @.users (pg_catalog.lower(username)) "
	"WHERE deleted_at IS NULL",
	"|uCREATE INDEX users_tenant_id_idx ON @.users (tenant_id)|.",

	/* by user for logins, by tenant for lists */
	"|mCREATE TABLE @.memberships ("
	"user_id pg_catalog.uuid NOT NULL CONSTRAINT memberships_user_id_fkey "
	"REFERENCES @.users ON DELETE CASCADE, "
	"tenant_id pg_catalog.uuid NOT NULL CONSTRAINT memberships_tenant_id_fkey "
	"REFERENCES @.tenants ON DELETE CASCADE, "
	"role pg_catalog.text NOT NULL DEFAULT 'member', "
	"is_active pg_catalog.bool NOT NULL DEFAULT true, "
	"created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), "
	"CONSTRAINT memberships_pkey PRIMARY KEY (user_id, tenant_id))|.",
	"|mCREATE INDEX memberships_tenant_id_idx ON @.memberships (tenant_id)|.",

	"CREATE TABLE @.profiles ("
	"user_id pg_catalog.uuid PRIMARY KEY CONSTRAINT profiles_user_id_fkey "
	"REFERENCES @.users ON DELETE CASCADE, "
	"role pg_catalog.text, "
	"display_name pg_catalog.text, "
	"bio pg_catalog.text, "
	"metadata pg_catalog.jsonb NOT NULL DEFAULT '{}')",

	/* no privilege comes with the policies, and the functions of accounts act as the owner */
	"ALTER TABLE @.tenants ENABLE ROW LEVEL SECURITY",
	"ALTER TABLE @.users ENABLE ROW LEVEL SECURITY",
	"ALTER TABLE @.profiles ENABLE ROW LEVEL SECURITY",
	"|mALTER TABLE @.memberships ENABLE ROW LEVEL SECURITY|.",
	"CREATE POLICY tenants_own ON @.tenants FOR SELECT USING ((id OPERATOR(pg_catalog.=) "
	"account.tenant_uuid()|m OR EXISTS (SELECT FROM @.memberships m WHERE m.tenant_id "
	"OPERATOR(pg_catalog.=) id AND m.user_id OPERATOR(pg_catalog.=) account.uid_uuid())|.) "
	"AND deleted_at IS NULL)",
	"CREATE POLICY users_own ON @.users FOR SELECT USING (id OPERATOR(pg_catalog.=) "
	"account.uid_uuid() AND deleted_at IS NULL)",
	"|uCREATE POLICY users_staff ON @.users FOR SELECT USING (account.is_staff() AND "
	"(tenant_id OPERATOR(pg_catalog.=) account.tenant_uuid() OR (tenant_id IS NULL AND "
	"account.tenant_uuid() IS NULL)) AND deleted_at IS NULL)|.",
	"|mCREATE POLICY users_staff ON @.users FOR SELECT USING ((account.is_staff() OR "
	"account.has_tenant_role('owner', 'admin')) AND EXISTS (SELECT FROM @.memberships m WHERE "
	"m.user_id OPERATOR(pg_catalog.=) id AND m.tenant_id OPERATOR(pg_catalog.=) "
	"account.tenant_uuid()) AND deleted_at IS NULL)|.",
	"|mCREATE POLICY memberships_own ON @.memberships FOR SELECT USING (user_id "
	"OPERATOR(pg_catalog.=) account.uid_uuid())|.",
	"|mCREATE POLICY memberships_staff ON @.memberships FOR SELECT USING ((account.is_staff() OR "
	"account.has_tenant_role('owner', 'admin')) AND tenant_id OPERATOR(pg_catalog.=) "
	"account.tenant_uuid())|.",
	"CREATE POLICY profiles_own ON @.profiles FOR SELECT USING (user_id OPERATOR(pg_catalog.=) "
	"account.uid_uuid())",
	"CREATE POLICY profiles_own_update ON @.profiles FOR UPDATE USING (user_id "
	"OPERATOR(pg_catalog.=) account.uid_uuid())",
	"CREATE POLICY profiles_staff ON @.profiles FOR SELECT USING (|uaccount.is_staff()|."
	"|m(account.is_staff() OR account.has_tenant_role('owner', 'admin'))|. AND "
	"EXISTS (SELECT FROM @.users u WHERE u.id OPERATOR(pg_catalog.=) user_id))",
	"COMMENT ON POLICY tenants_own ON @.tenants IS 'A user sees its tenant|ms|..'",
	"COMMENT ON POLICY users_own ON @.users IS 'A user sees itself; it is changed by the functions "
	"of accounts.'",
	"COMMENT ON POLICY users_staff ON @.users IS 'Staff|m and admins|. see the users of their "
	"tenant.'",
	"|mCOMMENT ON POLICY memberships_own ON @.memberships IS 'A user sees its memberships; they "
	"are "
	"changed by the functions of accounts.'|.",
	"|mCOMMENT ON POLICY memberships_staff ON @.memberships IS 'Staff and admins see the members "
	"of "
	"their tenant.'|.",
	"COMMENT ON POLICY profiles_own ON @.profiles IS 'A user sees its profile.'",
	"COMMENT ON POLICY profiles_own_update ON @.profiles IS 'A user changes its profile: GRANT "
	"UPDATE of the columns that it may change, not of role.'",
	"COMMENT ON POLICY profiles_staff ON @.profiles IS 'Staff|m and admins|. see the profiles of "
	"users "
	"that they see.'",

	"COMMENT ON TABLE @.tenants IS 'Organisations that users belong to. A DELETE keeps the row.'",
	"COMMENT ON COLUMN @.tenants.slug IS 'Short name, as in addresses; unique among live tenants.'",
	"COMMENT ON COLUMN @.tenants.modules IS 'Modules the tenant has, a JSON array of names.'",
	"COMMENT ON COLUMN @.tenants.is_active IS 'False: its users cannot log in.'",
	"COMMENT ON COLUMN @.tenants.deleted_at IS 'When the tenant was deleted; NULL: live.'",
	"COMMENT ON TABLE @.users IS 'Users, one row an account. A DELETE keeps the row.'",
	"COMMENT ON COLUMN @.users.email IS 'Unique among live users, without case.'",
	"COMMENT ON COLUMN @.users.username IS 'Unique among live users, without case; may be NULL.'",
	"COMMENT ON COLUMN @.users.password IS 'Hash of the password; NULL: no login by password.'",
	"COMMENT ON COLUMN @.users.is_staff IS 'May act on users of the same tenant.'",
	"|mCOMMENT ON TABLE @.memberships IS 'Which users are members of which tenants. They say "
	"nothing "
	"while the user is deleted.'|.",
	"|mCOMMENT ON COLUMN @.memberships.role IS 'Role in the tenant, such as owner, admin, member; "
	"no "
	"database role.'|.",
	"|mCOMMENT ON COLUMN @.memberships.is_active IS 'False: the user cannot work in the tenant.'|.",
	"COMMENT ON COLUMN @.users.is_superuser IS 'May act on all users.'",
	"COMMENT ON COLUMN @.users.deleted_at IS 'When the user was deleted; NULL: live.'",
	"COMMENT ON TABLE @.profiles IS 'Profiles, exactly one a user, made with the user.'",
	"COMMENT ON COLUMN @.profiles.role IS 'Role in the application; no database role.'",
};

/* Raise 42P07 if the schema has a table, or something else, of one of the starter's names. */
static void
check_free(Oid namespace, const char *schema, bool members)
{
	static const char *const names[] = {"tenants", "users", "profiles", "memberships"};
	StringInfoData found;

	initStringInfo(&found);
	for (int i = 0; i < lengthof(names) - (members ? 0 : 1); i++)
		if (OidIsValid(get_relname_relid(names[i], namespace)))
			appendStringInfo(&found, "%s%s.%s", found.len > 0 ? ", " : "", schema, names[i]);
	if (found.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE), errmsg("the starter's tables are there already"),
				 errdetail("Schema %s has %s.", schema, found.data),
				 errhint("Map tables that are there with account.use_tables(), or name another "
						 "schema.")));
}

/*
 * Run a statement with every @ replaced by the quoted schema, and the parts that are for the other
 * kind left out; it may be one of these as a whole. Within SPI_connect.
 */
static void
run_in_schema(const char *statement, const char *schema, bool members)
{
	StringInfoData sql;
	bool left_out = false;

	initStringInfo(&sql);
	for (; *statement != '\0'; statement++)
	{
		if (*statement == '|')
			left_out = *++statement == (members ? 'u' : 'm');
		else if (left_out)
			continue;
		else if (*statement == '@')
			appendStringInfoString(&sql, schema);
		else
			appendStringInfoChar(&sql, *statement);
	}
	if (sql.len > 0)
		run_sql("%s", sql.data);
}

/* account.create_starter(schema name, members boolean): see the contract, and starter.sql. */
static Datum
create_starter_operation(PG_FUNCTION_ARGS)
{
	const char *name;
	const char *schema;
	Oid namespace;
	bool members;
	int level;

	if (PG_ARGISNULL(0))
		refuse_null_argument("schema");
	if (PG_ARGISNULL(1))
		refuse_null_argument("members");
	version_check();
	members = PG_GETARG_BOOL(1);
	name = NameStr(*PG_GETARG_NAME(0));
	namespace = get_namespace_oid(name, true);
	if (name[0] == '\0' || IsReservedName(name) || strcmp(name, "information_schema") == 0 ||
		namespace == account_schema())
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("schema \"%s\" cannot hold the starter", name),
						errdetail("It is empty, or the system's, or the extension's."),
						errhint("Name a schema of the application.")));
	schema = quote_identifier(name);
	if (OidIsValid(namespace))
		check_free(namespace, schema, members);

	SPI_connect();
	if (!OidIsValid(namespace))
		run_sql("CREATE SCHEMA %s", schema);
	for (int i = 0; i < lengthof(statements); i++)
		run_in_schema(statements[i], schema, members);
	/* that profiles stay with their users is no news here */
	level = NewGUCNestLevel();
	(void) set_config_option("client_min_messages", "warning", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	run_sql("SELECT account.enable_soft_delete(%s::pg_catalog.regclass), "
			"account.enable_soft_delete(%s::pg_catalog.regclass)",
			sql_literal(psprintf("%s.users", schema)), sql_literal(psprintf("%s.tenants", schema)));
	AtEOXact_GUC(false, level);
	if (members) /* memberships stay with their users and tenants, too */
		run_sql("SELECT account.set_reference_policy(%1$s::pg_catalog.regclass, "
				"'memberships_user_id_fkey', NULL, 'keep'), "
				"account.set_reference_policy(%1$s::pg_catalog.regclass, "
				"'memberships_tenant_id_fkey', NULL, 'keep')",
				sql_literal(psprintf("%s.memberships", schema)));
	else /* users go with their tenant, and come back with it */
		run_sql("SELECT account.set_reference_policy(%s::pg_catalog.regclass, "
				"'users_tenant_id_fkey', 'cascade')",
				sql_literal(psprintf("%s.users", schema)));
	run_sql("SELECT account.enable_profile(%s::pg_catalog.regclass, %s::pg_catalog.regclass)",
			sql_literal(psprintf("%s.users", schema)),
			sql_literal(psprintf("%s.profiles", schema)));
	run_sql("SELECT pg_catalog.count(*) FROM account.use_tables(%s::pg_catalog.regclass, "
			"%s::pg_catalog.regclass, %s::pg_catalog.regclass, members => "
			"%s::pg_catalog.regclass)",
			sql_literal(psprintf("%s.users", schema)), sql_literal(psprintf("%s.profiles", schema)),
			sql_literal(psprintf("%s.tenants", schema)),
			members ? sql_literal(psprintf("%s.memberships", schema)) : "NULL");
	SPI_finish();
	PG_RETURN_VOID();
}
