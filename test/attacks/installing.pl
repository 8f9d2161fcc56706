# Installing where somebody was before: in the schema, or in the default privileges.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Attack;

my $node = new_server('main');
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE web LOGIN');

sub sqlstate
{
	my ($db, $sql, $role) = @_;
	my ($rc, $out, $err) = $node->psql($db, $sql, extra_params => [ '-U', $role // 'postgres', '-v', 'VERBOSITY=sqlstate', '-v', 'ON_ERROR_STOP=1' ]);
	return $rc == 0 ? 'none' : ($err =~ /(?:ERROR|FATAL):\s+(\w{5})/)[0];
}

# --- a schema "account" that is there ------------------------------------------------------------------------
my %prepared = (
	empty => 'CREATE SCHEMA account',
	handed_over => 'CREATE SCHEMA account AUTHORIZATION mallory',
	# none has the name and the arguments of a function of ours: those would collide without any rule
	overloads => <<'SQL',
CREATE SCHEMA account AUTHORIZATION mallory;
SET ROLE mallory;
CREATE FUNCTION account.purge_users(max_rows integer) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN EXECUTE ''ALTER ROLE mallory SUPERUSER''; RETURN 0; END';
CREATE FUNCTION account.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR account.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
SQL
	type => 'CREATE SCHEMA account AUTHORIZATION mallory; CREATE TYPE account.text AS (a int)');
for my $case (sort keys %prepared)
{
	$node->safe_psql('postgres', "CREATE DATABASE prepared_$case");
	$node->safe_psql("prepared_$case", $prepared{$case});
	is(sqlstate("prepared_$case", 'CREATE EXTENSION pgaccount'), '42P06', "a schema that is there, $case: no extension");
	is(sqlstate("prepared_$case", 'CREATE EXTENSION IF NOT EXISTS pgaccount CASCADE'), '42P06', '... however it is asked for');
	is($node->safe_psql("prepared_$case", q{SELECT count(*) FROM pg_extension WHERE extname = 'pgaccount'}), '0', '... is there then');
	$node->safe_psql("prepared_$case", 'DROP SCHEMA account CASCADE; CREATE EXTENSION pgaccount');
	is($node->safe_psql("prepared_$case", q{SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'account'}), 'postgres', '... and without it the schema is the extension\'s');
	$node->safe_psql("prepared_$case", 'DROP EXTENSION pgaccount');
	is($node->safe_psql("prepared_$case", q{SELECT count(*) FROM pg_namespace WHERE nspname = 'account'}), '0', '... and goes with it');
}

# --- default privileges ----------------------------------------------------------------------------------------
my $public = q{SELECT string_agg(p.oid::regprocedure::text, ' ' ORDER BY p.oid::regprocedure::text) FROM pg_proc p WHERE pronamespace = 'account'::regnamespace AND has_function_privilege('web', p.oid, 'EXECUTE')};
my $rest = q{SELECT string_agg(concat_ws(' ', c.relname, has_table_privilege('web', c.oid, 'SELECT'), has_any_column_privilege('web', c.oid, 'UPDATE')), ', ' ORDER BY relname) FROM pg_class c WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'v')};
my %default = (
	usual => '',
	hardened => q{ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC},
	hardened_schemas => q{ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC},
	loose => q{ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO PUBLIC});
my %found;
for my $case (qw(usual hardened hardened_schemas loose))
{
	my $db = "default_$case";
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "$default{$case}; CREATE EXTENSION pgaccount;");
	$found{$case} = [ $node->safe_psql($db, $public), $node->safe_psql($db, $rest) ];
	$node->safe_psql($db, <<'SQL');
CREATE SCHEMA app;
CREATE TABLE app.users (id int PRIMARY KEY, email text, password text, is_active boolean DEFAULT true, deleted_at timestamptz);
CREATE TABLE app.profiles (user_id int PRIMARY KEY REFERENCES app.users);
SELECT account.enable_soft_delete('app.users'), account.enable_profile('app.users', 'app.profiles'), account.use_tables('app.users', 'app.profiles');
GRANT USAGE ON SCHEMA app TO web;
GRANT ALL ON app.users TO web;
SQL
	is(sqlstate($db, "INSERT INTO app.users VALUES (1); DELETE FROM app.users; SELECT account.uid(), account.is_deleted('app.users', 1), account.http_status('PT401')", 'web'),
		'none', "default privileges, $case: plain statements and calls work");
	is($node->safe_psql($db, 'SELECT (SELECT count(*) FROM app.profiles) + (SELECT count(*) FROM app.users)'), '1', '... and do what they do');
}
cmp_ok(scalar(split / /, $found{usual}[0]), '>', 50, 'what PUBLIC may call');
for my $case (qw(hardened hardened_schemas loose))
{
	is($found{$case}[0], $found{usual}[0], "default privileges, $case: PUBLIC may call the same functions");
	is($found{$case}[1], $found{usual}[1], '... and read and write the same tables');
}
stop_server($node);
done_testing();
