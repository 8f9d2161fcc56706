/*
 * starter.c
 *		account.create_starter: the embedded default, tenants, users and profiles.
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

/* The tables. @ stands for the schema. */
static const char *const statements[] = {
	"CREATE TABLE @.tenants ("
	"id pg_catalog.uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(), "
	"slug pg_catalog.text CONSTRAINT tenants_slug_key UNIQUE, "
	"name pg_catalog.text, "
	"modules pg_catalog.jsonb DEFAULT '[]', "
	"is_active pg_catalog.bool NOT NULL DEFAULT true, "
	"created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), "
	"CONSTRAINT tenants_named CHECK (slug IS NOT NULL OR name IS NOT NULL))",

	"CREATE TABLE @.users ("
	"id pg_catalog.uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(), "
	"tenant_id pg_catalog.uuid CONSTRAINT users_tenant_id_fkey REFERENCES @.tenants, "
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
	"CREATE INDEX users_tenant_id_idx ON @.users (tenant_id)",

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
	"CREATE POLICY tenants_own ON @.tenants FOR SELECT USING (id OPERATOR(pg_catalog.=) "
	"account.tenant_uuid())",
	"CREATE POLICY users_own ON @.users FOR SELECT USING (id OPERATOR(pg_catalog.=) "
	"account.uid_uuid() AND deleted_at IS NULL)",
	"CREATE POLICY users_staff ON @.users FOR SELECT USING (account.is_staff() AND "
	"(tenant_id OPERATOR(pg_catalog.=) account.tenant_uuid() OR (tenant_id IS NULL AND "
	"account.tenant_uuid() IS NULL)) AND deleted_at IS NULL)",
	"CREATE POLICY profiles_own ON @.profiles FOR SELECT USING (user_id OPERATOR(pg_catalog.=) "
	"account.uid_uuid())",
	"CREATE POLICY profiles_own_update ON @.profiles FOR UPDATE USING (user_id "
	"OPERATOR(pg_catalog.=) account.uid_uuid())",
	"CREATE POLICY profiles_staff ON @.profiles FOR SELECT USING (account.is_staff() AND "
	"EXISTS (SELECT FROM @.users u WHERE u.id OPERATOR(pg_catalog.=) user_id))",
	"COMMENT ON POLICY tenants_own ON @.tenants IS 'A user sees its tenant.'",
	"COMMENT ON POLICY users_own ON @.users IS 'A user sees itself; it is changed by the functions "
	"of accounts.'",
	"COMMENT ON POLICY users_staff ON @.users IS 'Staff see the users of their tenant.'",
	"COMMENT ON POLICY profiles_own ON @.profiles IS 'A user sees its profile.'",
	"COMMENT ON POLICY profiles_own_update ON @.profiles IS 'A user changes its profile: GRANT "
	"UPDATE of the columns that it may change, not of role.'",
	"COMMENT ON POLICY profiles_staff ON @.profiles IS 'Staff see the profiles of users that they "
	"see.'",

	"COMMENT ON TABLE @.tenants IS 'Organisations that users belong to.'",
	"COMMENT ON COLUMN @.tenants.slug IS 'Short name, as in addresses.'",
	"COMMENT ON COLUMN @.tenants.modules IS 'Modules the tenant has, a JSON array of names.'",
	"COMMENT ON COLUMN @.tenants.is_active IS 'False: its users cannot log in.'",
	"COMMENT ON TABLE @.users IS 'Users, one row an account. A DELETE keeps the row.'",
	"COMMENT ON COLUMN @.users.email IS 'Unique among live users, without case.'",
	"COMMENT ON COLUMN @.users.username IS 'Unique among live users, without case; may be NULL.'",
	"COMMENT ON COLUMN @.users.password IS 'Hash of the password; NULL: no login by password.'",
	"COMMENT ON COLUMN @.users.is_staff IS 'May act on users of the same tenant.'",
	"COMMENT ON COLUMN @.users.is_superuser IS 'May act on all users.'",
	"COMMENT ON COLUMN @.users.deleted_at IS 'When the user was deleted; NULL: live.'",
	"COMMENT ON TABLE @.profiles IS 'Profiles, exactly one a user, made with the user.'",
	"COMMENT ON COLUMN @.profiles.role IS 'Role in the application; no database role.'",
};

/* Raise 42P07 if the schema has a table, or something else, of one of the starter's names. */
static void
check_free(Oid namespace, const char *schema)
{
	static const char *const names[] = {"tenants", "users", "profiles"};
	StringInfoData found;

	initStringInfo(&found);
	for (int i = 0; i < lengthof(names); i++)
		if (OidIsValid(get_relname_relid(names[i], namespace)))
			appendStringInfo(&found, "%s%s.%s", found.len > 0 ? ", " : "", schema, names[i]);
	if (found.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE), errmsg("the starter's tables are there already"),
				 errdetail("Schema %s has %s.", schema, found.data),
				 errhint("Map tables that are there with account.use_tables(), or name another "
						 "schema.")));
}

/* Run a statement with every @ replaced by the quoted schema. Within SPI_connect. */
static void
run_in_schema(const char *statement, const char *schema)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (; *statement != '\0'; statement++)
	{
		if (*statement == '@')
			appendStringInfoString(&sql, schema);
		else
			appendStringInfoChar(&sql, *statement);
	}
	run_sql("%s", sql.data);
}

/* account.create_starter(schema name, members boolean): see the contract, and starter.sql. */
static Datum
create_starter_operation(PG_FUNCTION_ARGS)
{
	const char *name;
	const char *schema;
	Oid namespace;
	int level;

	if (PG_ARGISNULL(0))
		refuse_null_argument("schema");
	if (PG_ARGISNULL(1))
		refuse_null_argument("members");
	version_check();
	if (PG_GETARG_BOOL(1))
		refuse_argument_for_now("members");
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
		check_free(namespace, schema);

	SPI_connect();
	if (!OidIsValid(namespace))
		run_sql("CREATE SCHEMA %s", schema);
	for (int i = 0; i < lengthof(statements); i++)
		run_in_schema(statements[i], schema);
	/* that profiles stay with their users is no news here */
	level = NewGUCNestLevel();
	(void) set_config_option("client_min_messages", "warning", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	run_sql("SELECT account.enable_soft_delete(%s::pg_catalog.regclass)",
			sql_literal(psprintf("%s.users", schema)));
	AtEOXact_GUC(false, level);
	run_sql("SELECT account.enable_profile(%s::pg_catalog.regclass, %s::pg_catalog.regclass)",
			sql_literal(psprintf("%s.users", schema)),
			sql_literal(psprintf("%s.profiles", schema)));
	run_sql("SELECT pg_catalog.count(*) FROM account.use_tables(%s::pg_catalog.regclass, "
			"%s::pg_catalog.regclass, %s::pg_catalog.regclass)",
			sql_literal(psprintf("%s.users", schema)), sql_literal(psprintf("%s.profiles", schema)),
			sql_literal(psprintf("%s.tenants", schema)));
	SPI_finish();
	PG_RETURN_VOID();
}
