# Holds where the library is not preloaded, and after a dump: rows under one stay, and so does what would go with them.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{PGAPPNAME};    # of the test's: programs have their own
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE from_here');
$node->safe_psql('from_here', q{
CREATE EXTENSION pgaccount;
CREATE SCHEMA "My app";
SET search_path = "My app", public;
CREATE TABLE org (id int PRIMARY KEY, "Name" text, deleted_at timestamptz);
CREATE TABLE hard (id int PRIMARY KEY, org int REFERENCES org ON DELETE CASCADE);
CREATE TABLE part (a int, "B" timestamptz, org int REFERENCES org ON DELETE CASCADE, PRIMARY KEY (a, "B")) PARTITION BY LIST (a);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
CREATE TABLE soft (id int PRIMARY KEY, hard int REFERENCES hard ON DELETE CASCADE, email text, deleted_at timestamptz);
CREATE TABLE named (id int PRIMARY KEY, org int);
SELECT account.set_reference('named', '{org}', 'org', 'cascade');
INSERT INTO org VALUES (1, 'A'), (2, 'B');
INSERT INTO named VALUES (1, 1), (2, 2);
INSERT INTO hard VALUES (1, 1), (2, 2);
INSERT INTO part VALUES (1, '2020-01-01 00:00+00', 1), (2, '2020-01-01 00:00+00', 2);
INSERT INTO soft VALUES (1, 1, 'a@x.org'), (2, 2, 'b@x.org');
SELECT account.enable_soft_delete('soft');
SELECT account.set_erasure('soft', 'email', 'hash'), account.set_purge('soft', 'erase');
SELECT account.place_hold('org', 1, 'case "1"'), account.place_hold('part', '{"a": 2, "B": "2020-01-01 00:00+00"}'::jsonb, 'case 2');
SELECT account.place_hold('soft', 2, 'case 3'), account.place_hold('hard', 2, 'case 4');
SELECT account.release_hold(4, 'over');
});

# statement, and what comes of it: of rows that must stay, and of others
my %doors = (
	'DELETE of a row under a hold' => 'DELETE FROM org WHERE id = 1',
	'DELETE of a parent of one, softly deleted or not' => 'DELETE FROM hard WHERE id = 2',
	'DELETE of what would go with one' => 'DELETE FROM hard WHERE id = 1',
	'DELETE in a partition' => 'DELETE FROM part_1',
	'DELETE by a composite key' => 'DELETE FROM part WHERE a = 2',
	'MERGE' => 'MERGE INTO hard USING (VALUES (1)) v(i) ON id = i WHEN MATCHED THEN DELETE',
	'TRUNCATE' => 'TRUNCATE hard CASCADE',
	'DELETE of what would go over a declared reference' => 'DELETE FROM named WHERE id = 1',
	'TRUNCATE of a partition' => 'TRUNCATE part_2',
	'TRUNCATE of a soft-delete table' => 'TRUNCATE soft',
	'a change of the key' => 'UPDATE part SET "B" = now() WHERE a = 2',
	'a move that changes the key' => 'UPDATE part SET a = 1 WHERE a = 2',
	'cleanup' => "SELECT * FROM account.cleanup('org', 1)",
	'cleanup of a soft-delete table' => "SELECT * FROM account.cleanup('soft', 2)",
	'cleanup with force' => "SELECT * FROM account.cleanup('org', 1, true)",
	'erase' => "SELECT account.erase('soft', 2)",
	'erase of what would go' => "SELECT account.erase('soft', 1)");

my $triggers = q{SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE '"My app"%' ORDER BY 1};

# Try all doors in a database. Usage: holds_in(database, preloaded or not, for the names of tests)
sub holds_in
{
	my ($database, $how) = @_;
	for my $door (sort keys %doors)
	{
		my ($code, $out, $err) = $node->psql($database, "SET search_path = \"My app\"; $doors{$door}", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
		like($err, qr/PT423/, "$how: $door");
	}
	my $soft = $node->safe_psql($database, q{
		SET search_path = "My app";
		BEGIN;
		DELETE FROM soft;
		SELECT count(*) FROM account.deleted(NULL::soft);
		SELECT account.purge('soft', '-1 s');
		SELECT count(*) FROM account.deleted(NULL::soft) WHERE email LIKE '%@%';
		ROLLBACK;});
	is($soft, "2\n0\n2", "$how: soft deletion goes on, and a purge goes round");
	is($node->safe_psql($database, q{SET search_path = "My app"; UPDATE org SET "Name" = 'C' WHERE id = 1; SELECT "Name" FROM org WHERE id = 1}), 'C', "$how: the rest of a row changes");
	is($node->safe_psql($database, q{SET session_replication_role = replica; BEGIN; DELETE FROM "My app".org; SELECT count(*) FROM "My app".org; ROLLBACK;}), '0', "$how: a replica applies what comes");
	return;
}
holds_in('from_here', 'not preloaded');
is($node->safe_psql('from_here', q{SELECT count(*) FROM "My app".org, "My app".hard h, "My app".soft s WHERE org.id = 1 AND h.id = 1 AND s.id = 1}), 1, 'all are there');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->restart;
holds_in('from_here', 'preloaded');

# dumps: holds in force and released, reasons, what is erased
my $state = q{SELECT id, target, key, reason, placed_at, placed_by, released_at, released_by, release_reason FROM account.hold ORDER BY id; TABLE account.erasure; TABLE account.purge_action;};
my $before = $node->safe_psql('from_here', $state);
like($before, qr/case "1"/, 'holds are there');
my $file = PostgreSQL::Test::Utils::tempdir() . '/dump';
my $there = $node->safe_psql('from_here', $triggers);
like($there, qr/"00_account_hold" BEFORE DELETE ON "My app"\.named/, 'triggers are there');
my %restore = (
	plain => sub { command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($_[0]), '-f', "$file.sql" ], 'plain: restored'); },
	plain_at_once => sub { command_ok([ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($_[0]), '-f', "$file.sql" ], 'plain, at once: restored'); },
	custom => sub { command_ok([ 'pg_restore', '-j', '2', '-d', $node->connstr($_[0]), "$file.dump" ], 'custom, parallel: restored'); },
	# a program may have any name
	custom_named => sub { local $ENV{PGAPPNAME} = 'cron'; command_ok([ 'pg_restore', '-j', '2', '-d', $node->connstr($_[0]), "$file.dump" ], 'custom, parallel, by another program: restored'); },
	custom_at_once => sub { local $ENV{PGAPPNAME} = 'cron'; command_ok([ 'pg_restore', '-1', '-d', $node->connstr($_[0]), "$file.dump" ], 'custom, at once: restored'); },
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
	is($node->safe_psql("to_$way", $state), $before, "$way: the same holds");
	is($node->safe_psql("to_$way", $triggers), $there, "$way: the same triggers");
	holds_in("to_$way", $way);
	is($node->safe_psql("to_$way", q{SELECT account.place_hold('"My app".org', 2, 'another')}), 5, "$way: and another has a number of its own");
}

# where the library is loaded by the first command of a session
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$node->safe_psql('postgres', 'CREATE DATABASE to_unloaded');
$restore{custom_named}->('to_unloaded');
is($node->safe_psql('to_unloaded', $triggers), $there, 'not preloaded: the same triggers');
is($node->safe_psql('to_unloaded', 'CREATE TRIGGER "00_account_hold" BEFORE DELETE ON "My app".named FOR EACH ROW EXECUTE FUNCTION account.hold_delete(); SELECT 1'), '1', 'the first command of a session brings a trigger that is there');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->restart;

# it is that very trigger alone that may come again, and only by the table's owner
$node->safe_psql('from_here', 'CREATE ROLE mallory LOGIN; GRANT CREATE, USAGE ON SCHEMA "My app" TO mallory; GRANT REFERENCES ON "My app".org TO mallory; GRANT TRIGGER ON "My app".named TO mallory');
my $again = 'CREATE TRIGGER "00_account_hold" BEFORE DELETE ON "My app".named FOR EACH ROW';
my %others = (
	'another function' => "$again EXECUTE FUNCTION suppress_redundant_updates_trigger()",
	'a condition' => "$again WHEN (false) EXECUTE FUNCTION account.hold_delete()",
	'another time' => ($again =~ s/BEFORE/AFTER/r) . ' EXECUTE FUNCTION account.hold_delete()',
	'who does not own the table' => "SET ROLE mallory; $again EXECUTE FUNCTION account.hold_delete()");
foreach my $other (sort keys %others)
{
	my ($code, $out, $err) = $node->psql('from_here', $others{$other}, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/42710/, "a trigger that is there does not come again: $other");
}
is($node->safe_psql('from_here', $triggers), $there, 'all are as they were');

# no name that a program gives itself keeps triggers away
my ($code, $out, $err) = $node->psql('from_here', q{SET ROLE mallory; SET application_name = 'pg_restore';
	CREATE TABLE "My app".hers (org int REFERENCES "My app".org ON DELETE CASCADE); INSERT INTO "My app".hers VALUES (1); DELETE FROM "My app".hers}, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/PT423/, 'a new table has them, whatever the program calls itself');
$node->safe_psql('from_here', 'DROP TABLE "My app".hers');

# a session that knew of no hold hears of one, and of its end
my $other = $node->background_psql('from_here');
$other->query_safe('SET search_path = "My app"; CREATE TABLE fresh AS SELECT g AS id FROM generate_series(1, 9) g; ALTER TABLE fresh ADD PRIMARY KEY (id); PREPARE d AS DELETE FROM fresh WHERE id = $1');
$other->query_safe('EXECUTE d(1)');
my $hold = $node->safe_psql('from_here', q{SELECT account.place_hold('"My app".fresh', 2, 'a')});
is($other->query_safe('BEGIN; DO $$ BEGIN EXECUTE \'EXECUTE d(2)\'; EXCEPTION WHEN SQLSTATE \'PT423\' THEN PERFORM set_config(\'my.said\', \'kept\', false); END $$; COMMIT; SELECT current_setting(\'my.said\')'), 'kept', 'a prepared statement');
$node->safe_psql('from_here', "SELECT account.release_hold($hold, 'over')");
$other->query_safe('EXECUTE d(2)');
is($other->query_safe('SELECT count(*) FROM fresh'), 7, 'and afterwards it goes');
$other->quit;

# DROP EXTENSION gives the tables back
$node->safe_psql('to_plain', 'SET client_min_messages = error; DROP EXTENSION pgaccount CASCADE');
is($node->safe_psql('to_plain', q{SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal; DELETE FROM "My app".hard; SELECT count(*) FROM "My app".hard}), "0\n0", 'without the extension nothing is held');
$node->stop;
done_testing();
