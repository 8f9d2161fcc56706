# Dump and restore, whole and in parts, and logical replication: profiles go on, none is lost or doubled.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;
my $dir = $node->basedir;

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', q(
CREATE EXTENSION pgaccount;
CREATE SCHEMA "App";
CREATE TABLE "App".users (id bigserial PRIMARY KEY, name text);
CREATE TABLE "App".profiles (gone int, user_id bigint PRIMARY KEY REFERENCES "App".users ON DELETE CASCADE, role text NOT NULL, note text);
ALTER TABLE "App".profiles DROP COLUMN gone;
SELECT account.enable_profile('"App".users', '"App".profiles', defaults => '{"role": "student", "note": "n"}');
ALTER TABLE "App".profiles RENAME note TO remark;
INSERT INTO "App".users (name) SELECT 'u' || i FROM generate_series(1, 50) i;
UPDATE "App".profiles SET role = 'teacher' WHERE user_id <= 10;
INSERT INTO "App".profiles (user_id, role) VALUES (20, 'own');
DELETE FROM "App".profiles WHERE user_id = 30;
));
my $all = q(SELECT string_agg(p::text, ',' ORDER BY user_id) FROM "App".profiles p);
my $source = $node->safe_psql('source', $all);
my $wrong = q(SELECT count(*) FROM "App".users u LEFT JOIN "App".profiles p ON p.user_id = u.id WHERE p.user_id IS NULL);
my @connection = ('-h', $node->host, '-p', $node->port);

# A new user of this database has a profile with the defaults that were enabled.
sub registers
{
	my ($database, $name) = @_;
	is( $node->safe_psql($database, q(
INSERT INTO "App".users (id, name) VALUES (1001, 'new');
INSERT INTO "App".users (id, name) SELECT i, 'new' FROM generate_series(1002, 1100) i;
SELECT role, remark, count(*) FROM "App".profiles WHERE user_id > 1000 GROUP BY 1, 2)),
		'student|n|100', "$name: new users get their profile");
	$node->safe_psql($database, q(ALTER TABLE "App".profiles RENAME remark TO comment));
	is( $node->safe_psql($database, q(
INSERT INTO "App".users (id, name) VALUES (1101, 'new');
SELECT role, comment FROM "App".profiles WHERE user_id = 1101)),
		'student|n', "$name: and renames are followed, whatever the columns' numbers are now");
	return;
}

command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$dir/whole.dump", 'source' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE whole');
command_ok([ 'pg_restore', @connection, '-j', '2', '--exit-on-error', '-d', 'whole', "$dir/whole.dump" ], 'pg_restore -j 2');
is($node->safe_psql('whole', $all), $source, 'whole: the profiles are those of the source');
is( $node->safe_psql('whole', q(SELECT users::text, profiles::text, adopt FROM account.profile_rule)),
	'"App".users|"App".profiles|t', 'whole: the rule names the tables of this database');
registers('whole', 'whole');
is($node->safe_psql('whole', $wrong), '1', 'whole: the profile that was deleted before stays so');

# Data only, into a schema that is there. pg_dump then puts users first: they get automatic profiles,
# which make way.
command_ok([ 'pg_dump', @connection, '-Fc', '--data-only', '-f', "$dir/data.dump", 'source' ], 'pg_dump --data-only');
for my $way ('plain', '--disable-triggers')
{
	(my $database = "data_$way") =~ s/\W//g;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	command_ok([ 'pg_restore', @connection, '--schema-only', '--exit-on-error', '-d', $database, "$dir/whole.dump" ], "$way: schema");
	my @option = $way eq 'plain' ? () : ($way);
	command_ok([ 'pg_restore', @connection, '--data-only', '--exit-on-error', @option, '-d', $database, "$dir/data.dump" ], "$way: data");
	is( $node->safe_psql($database, q(SELECT count(*) FROM "App".profiles WHERE user_id <> 30)), '49', "$way: no profile is lost");
	is( $node->safe_psql($database, q(SELECT string_agg(p::text, ',' ORDER BY user_id) FROM "App".profiles p WHERE user_id <> 30)), $source, "$way: nor changed");
	is( $node->safe_psql($database, q(SELECT string_agg(DISTINCT tgenabled::text, '') FROM pg_trigger
	WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'account'::regnamespace) AND NOT tgisinternal)),
		'A', "$way: the registry's triggers fire always, as before");
	registers($database, $way);
	# and once more over the rules that are there
	$node->safe_psql($database, q(TRUNCATE "App".users CASCADE; ALTER TABLE "App".profiles RENAME comment TO remark));
	command_ok([ 'pg_restore', @connection, '--data-only', '--exit-on-error', '-d', $database, "$dir/data.dump" ], "$way: data again");
	is( $node->safe_psql($database, q(SELECT count(*) FROM account.profile_default)), '2', "$way: no default is doubled");
	is( $node->safe_psql($database, q(SELECT string_agg(p::text, ',' ORDER BY user_id) FROM "App".profiles p WHERE user_id <> 30)), $source, "$way: the same profiles");
}

# A subscriber applies what it is sent, and makes nothing of its own.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$subscriber->start;
$subscriber->safe_psql('postgres', q(
CREATE EXTENSION pgaccount;
CREATE SCHEMA "App";
CREATE TABLE "App".users (id bigserial PRIMARY KEY, name text);
CREATE TABLE "App".profiles (user_id bigint PRIMARY KEY REFERENCES "App".users ON DELETE CASCADE, role text NOT NULL, remark text);
SELECT account.enable_profile('"App".users', '"App".profiles', defaults => '{"role": "subscriber"}');
));
$node->safe_psql('source', 'CREATE PUBLICATION p FOR TABLES IN SCHEMA "App"');
my $connstr = 'dbname=source host=' . $node->host . ' port=' . $node->port;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$connstr' PUBLICATION p");
$subscriber->wait_for_subscription_sync($node, 's');
$node->safe_psql('source', q(INSERT INTO "App".users (name) VALUES ('later')));
$node->safe_psql('source', q(INSERT INTO "App".users (name) SELECT 'later' FROM generate_series(1, 30)));
$node->safe_psql('source', q(INSERT INTO "App".profiles (user_id, role) SELECT max(id), 'own' FROM "App".users));
$node->wait_for_catchup('s');
my $sorted = q(SELECT string_agg(user_id || role || coalesce(remark, '-'), ',' ORDER BY user_id) FROM "App".profiles);
is($subscriber->safe_psql('postgres', $sorted), $node->safe_psql('source', $sorted), 'the subscriber has what the publisher has');
is($subscriber->safe_psql('postgres', q(SELECT count(*) FROM "App".profiles WHERE role = 'subscriber')), '0', 'and made none of its own');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$subscriber->stop;

# Dropped with CASCADE, the extension gives the tables back as they are.
isnt($node->psql('source', 'DROP EXTENSION pgaccount'), 0, 'DROP EXTENSION is refused while tables use it');
$node->safe_psql('source', 'DROP EXTENSION pgaccount CASCADE');
is($node->safe_psql('source', q(INSERT INTO "App".users (name) VALUES ('after'); SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)), '0', 'with CASCADE the tables stay');
$node->stop;
done_testing();
