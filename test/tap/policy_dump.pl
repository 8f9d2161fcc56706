# Policies of foreign keys, and declared references, survive dump and restore, whatever the order; cleanups then say the same.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE from_here');
$node->safe_psql('from_here', q{
CREATE EXTENSION pgaccount;
CREATE SCHEMA "My app";
CREATE TABLE "My app".p (id int PRIMARY KEY);
CREATE TABLE "My app"."C ""c""" (id int PRIMARY KEY, p int CONSTRAINT "Of ""p""" REFERENCES "My app".p DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE parts (id int, p int CONSTRAINT of_p REFERENCES "My app".p) PARTITION BY HASH (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT account.set_reference_policy('"My app"."C ""c"""', 'Of "p"', 'cascade'), account.set_reference_policy('parts_1', 'p', 'set null', 'keep');
CREATE TABLE "My app"."No key" (id int PRIMARY KEY, "P" int, q int);
SELECT account.set_reference('"My app"."No key"', '{P}', '"My app".p', 'cascade', 'keep'), account.set_reference('"My app"."No key"', '{q}', '"My app".p', 'set null');
INSERT INTO "My app"."No key" VALUES (1, 1, 2), (2, 2, 1);
INSERT INTO "My app".p VALUES (1), (2); INSERT INTO "My app"."C ""c""" VALUES (1, 1), (2, 2); INSERT INTO parts VALUES (1, 1), (2, 2);
});
my $state = q{SELECT child::regclass, constraint_name, policy, on_soft_delete FROM account.reference_policy ORDER BY child::regclass::text, constraint_name; SELECT * FROM account.declared_reference ORDER BY number; SELECT * FROM account.cleanup_plan('"My app".p', 1);};
my $before = $node->safe_psql('from_here', $state);
like($before, qr/cascade.*set null/s, 'policies are there');
my $file = PostgreSQL::Test::Utils::tempdir() . '/dump';
my %restore = (
	plain => sub { command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($_[0]), '-f', "$file.sql" ], 'plain: restored'); },
	custom => sub { command_ok([ 'pg_restore', '-j', '2', '-d', $node->connstr($_[0]), "$file.dump" ], 'custom, parallel: restored'); },
	clean => sub { command_ok([ 'pg_restore', '-d', $node->connstr($_[0]), "$file.dump" ], 'once'); command_ok([ 'pg_restore', '--clean', '--if-exists', '-d', $node->connstr($_[0]), "$file.dump" ], 'clean: over itself'); },
	data_only => sub {
		command_ok([ 'pg_restore', '--section=pre-data', '--section=post-data', '-d', $node->connstr($_[0]), "$file.dump" ], 'data only: tables first');
		command_ok([ 'pg_restore', '--section=data', '--disable-triggers', '-d', $node->connstr($_[0]), "$file.dump" ], 'then rows');
	});
command_ok([ 'pg_dump', '-d', $node->connstr('from_here'), '-f', "$file.sql" ], 'dumped');
command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('from_here'), '-f', "$file.dump" ], 'dumped');
foreach my $way (sort keys %restore)
{
	$node->safe_psql('postgres', "CREATE DATABASE to_$way");
	$restore{$way}->("to_$way");
	is($node->safe_psql("to_$way", $state), $before, "$way: the same policies, the same plan");
	is($node->safe_psql("to_$way", q{SELECT sum(rows) FROM account.cleanup('"My app".p', 1)}), 5, "$way: and cleanup");
}
# while it is restored somebody drops something: tables and rows are there, keys not yet
$node->safe_psql('postgres', 'CREATE DATABASE meanwhile');
command_ok([ 'pg_restore', '--section=pre-data', '--section=data', '-d', $node->connstr('meanwhile'), "$file.dump" ], 'half restored');
$node->safe_psql('meanwhile', 'CREATE TABLE x (id int PRIMARY KEY); CREATE TABLE y (x int CONSTRAINT of_p REFERENCES x); ALTER TABLE y DROP CONSTRAINT of_p; DROP TABLE x, y;');
command_ok([ 'pg_restore', '--section=post-data', '-d', $node->connstr('meanwhile'), "$file.dump" ], 'then the rest');
is($node->safe_psql('meanwhile', $state), $before, 'the policies are those of the dump');
$node->stop;
done_testing();
