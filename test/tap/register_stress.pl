# Registrations of overlapping emails and usernames by 16 clients, beside deletions: every user has its
# profile, every email one live user, and every refusal was 23505 with the constraint's name.
# PGACCOUNT_STRESS_SECONDS: how long (default 10).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{PGACCOUNT_STRESS_SECONDS} || 10;
my $node = PostgreSQL::Test::Cluster->new('stress');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pgaccount'
pgaccount.password_memory = '8kB'
pgaccount.password_ops = 1
max_connections = 60
fsync = off
log_statement = none
CONF
$node->start;

# The starter's tables, with unique indexes; and bare ones, where the lock alone serialises.
for my $schema ('app', 'bare')
{
	my $db = "stress_$schema";
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION pgaccount');
	if ($schema eq 'app')
	{
		$node->safe_psql($db, "SELECT account.create_starter('app')");
	}
	else
	{
		$node->safe_psql($db, <<'SQL');
CREATE SCHEMA app;
CREATE TABLE app.users (id bigserial PRIMARY KEY, email text, username text, password text);
CREATE TABLE app.profiles (user_id bigint UNIQUE REFERENCES app.users ON DELETE CASCADE, role text);
SELECT account.enable_soft_delete('app.users');
SELECT account.enable_profile('app.users', 'app.profiles');
SELECT count(*) FROM account.use_tables('app.users', 'app.profiles');
CREATE INDEX ON app.users (lower(email));
CREATE INDEX ON app.users (lower(username));
CREATE INDEX ON app.users (username);
SQL
	}
	$node->safe_psql($db, <<'SQL');
CREATE TABLE app.outcome (state text, named boolean);
CREATE FUNCTION app.attempt(email text, username text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c text; t text; col text;
BEGIN
    BEGIN
        PERFORM account.register($1, 'secret123', $2);
        INSERT INTO app.outcome VALUES ('00000', true);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, col = COLUMN_NAME;
        INSERT INTO app.outcome VALUES (SQLSTATE, c <> '' AND t = 'users' AND col IN ('email', 'username'));
    END;
END $$;
SQL

	my $register = $node->basedir . "/register_$schema.sql";
	my $delete = $node->basedir . "/delete_$schema.sql";
	append_to_file($register, <<'SQL');
\set e random(1, 40)
\set u random(1, 40)
\set c random(0, 1)
SELECT app.attempt(CASE WHEN :c = 1 THEN 'User' ELSE 'USER' END || :e || '@x.org', 'name' || :u);
SQL
	append_to_file($delete, <<'SQL');
\set e random(1, 40)
DELETE FROM app.users WHERE lower(email) = 'user' || :e || '@x.org';
SQL
	$node->command_ok(
		[ 'pgbench', '-n', '-c', '16', '-j', '2', '-T', $seconds, '-f', "$register\@4", '-f', "$delete\@1", $db ],
		"$schema: pgbench ran to its end");

	is( $node->safe_psql($db, "SELECT count(*) FROM (SELECT FROM app.users GROUP BY lower(email) HAVING count(*) > 1) d"),
		'0', "$schema: every email has one live user");
	is( $node->safe_psql($db, "SELECT count(*) FROM (SELECT FROM app.users GROUP BY lower(username) HAVING count(*) > 1) d"),
		'0', "$schema: every username has one live user");
	is( $node->safe_psql($db, "SET pgaccount.show_deleted = on; SELECT count(*) FROM app.users u FULL JOIN app.profiles p ON p.user_id = u.id WHERE u.id IS NULL OR p.user_id IS NULL"),
		'0', "$schema: every user, dead ones too, has a profile, and every profile a user");
	is( $node->safe_psql($db, "SELECT string_agg(DISTINCT state, ' ' ORDER BY state) FROM app.outcome"),
		'00000 23505', "$schema: every refusal was 23505");
	is( $node->safe_psql($db, "SELECT bool_and(named) FROM app.outcome"),
		't', "$schema: and named constraint, table and column");
	is( $node->safe_psql($db, "SET pgaccount.show_deleted = on; SELECT (SELECT count(*) FROM app.users) = (SELECT count(*) FROM app.outcome WHERE state = '00000')"),
		't', "$schema: who was told so is registered, and nobody else");
	note $node->safe_psql($db, "SELECT state, count(*) FROM app.outcome GROUP BY 1");
}

ok(slurp_file($node->logfile) !~ /secret123/, 'no password in the log');
$node->stop;
done_testing();
