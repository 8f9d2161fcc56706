# The identity cannot be forged from outside the session, and works where nothing can be written:
# connection options, role and database settings from before the library, prepared transactions,
# parallel workers, a hot standby.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $forged = 'L0 {"sub": "forged"}';
my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
CREATE ROLE app LOGIN;
CREATE DATABASE other;
SELECT account.create_key('HS256', 'k1', repeat('k', 32)::bytea);
ALTER SYSTEM SET pgaccount.live_check = off;
CREATE TABLE many AS SELECT i, i % 2 AS tenant_id FROM generate_series(1, 20000) i;
CREATE TABLE plain AS TABLE many;
ANALYZE many, plain;
GRANT SELECT ON many, plain TO app;
SELECT account.enable_tenant_isolation('many');
});
$node->reload;
my $token = $node->safe_psql('postgres',
	q{SELECT account.jwt_sign('{"sub": "42", "tenant_id": "1", "exp": 4000000000}', repeat('k', 32)::bytea, 'HS256', 'k1')});

# A session of app in which the library is loaded by the first call.
sub asks
{
	my ($sql, %opt) = @_;
	local $ENV{PGOPTIONS} = $opt{options} // '';
	my ($rc, $out, $err) = $node->psql('postgres', $sql, extra_params => [ '-U', $opt{user} // 'app' ]);
	return "$out|$err";
}
my $who = 'SELECT count(account.uid()), account.is_authenticated()';
# rows seen by parallel workers only
my $workers = q{SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off; SELECT count(*) FROM plain WHERE account.is_authenticated() OR account.uid() IS NOT NULL};

sub refused_everywhere
{
	my $when = shift;
	my $options = "-c pgaccount.identity=" . ($forged =~ s/([ \\])/\\$1/gr);

	unlike(asks($who, options => $options), qr/^1|\|t/, "$when: connection option is not believed");
	unlike(asks($who, options => $options, user => 'postgres'), qr/^1|\|t/, "$when: nor a superuser's");
	like(asks($who), qr/^0\|f/, "$when: nor a setting of the role or database");
	like(asks($workers), qr/^0\|/, "$when: nor in a parallel worker");
	like(asks("SET pgaccount.identity = '$forged'; $who"), qr/^0\|f|^\|.*(permission denied|cannot be set)/, "$when: nor SET before the first call");
	like(asks("SELECT set_config('pgaccount.identity', '$forged', false); $who", user => 'postgres'), qr/0\|f|cannot be set/, "$when: nor set_config before the first call");
	# a placeholder with a stack of values: the library comes while a savepoint is open
	for my $user (qw(app postgres))
	{
		unlike(asks("BEGIN; SET pgaccount.identity = '$forged'; SAVEPOINT s; SET LOCAL pgaccount.identity = '$forged'; SELECT account.jwks() IS NULL; $who; ROLLBACK TO s; $who; COMMIT; $who", user => $user),
			qr/^1|\|t/m, "$when: nor SET and SET LOCAL in a transaction in which the library loads, as $user");
	}
	unlike(asks('SELECT forge()'), qr/forged/, "$when: nor the SET clause of a function");
	unlike(asks('SELECT forge()', user => 'postgres'), qr/forged/, "$when: nor when a superuser calls it");
	like(asks("SELECT account.authenticate('$token', false); $who"), qr/^42\n1\|t/, "$when: authenticate is");
	like(asks("SELECT account.authenticate('$token', false); $workers"), qr/^42\n20000\|/, "$when: in parallel workers too");
}

# Set before the library is there: a placeholder, which the server stores without asking anybody.
$node->safe_psql('postgres', "ALTER ROLE app SET pgaccount.identity = '$forged'");
$node->safe_psql('other', "ALTER ROLE ALL SET pgaccount.identity = '$forged'");
$node->safe_psql('other', "ALTER ROLE app IN DATABASE postgres SET pgaccount.identity = '$forged'");
$node->safe_psql('other', "ALTER DATABASE postgres SET pgaccount.identity = '$forged'");
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%pgaccount.identity%'}), '4', 'placeholders are stored');
# and a function whose SET clause was written then
$node->safe_psql('postgres', "CREATE FUNCTION forge() RETURNS text LANGUAGE plpgsql SET pgaccount.identity = '$forged' AS 'BEGIN RETURN account.uid(); END'");
refused_everywhere('not preloaded');
$node->append_conf('postgresql.conf', "session_preload_libraries = 'pgaccount'\n");
$node->reload;
refused_everywhere('session preloaded');
$node->append_conf('postgresql.conf', "session_preload_libraries = ''\nshared_preload_libraries = 'pgaccount'\n");
$node->restart;
refused_everywhere('preloaded');
my ($rc, $out, $err) = $node->psql('postgres', "ALTER ROLE app SET pgaccount.identity = 'x'");
like($err, qr/cannot be set/, 'preloaded: the role setting is refused');
for my $statement ('ALTER ROLE ALL SET', 'ALTER ROLE app IN DATABASE postgres SET', 'ALTER DATABASE postgres SET', 'ALTER SYSTEM SET')
{
	($rc, $out, $err) = $node->psql('postgres', "$statement pgaccount.identity = 'x'");
	like($err, qr/cannot be (set|changed)/, "preloaded: $statement is refused");
}
$node->safe_psql('postgres', 'GRANT SET, ALTER SYSTEM ON PARAMETER pgaccount.identity TO app');
refused_everywhere('preloaded, with the right to set it');
($rc, $out, $err) = $node->psql('postgres', "CREATE FUNCTION forge2() RETURNS text LANGUAGE sql SET pgaccount.identity = '$forged' AS 'SELECT account.uid()'");
like($err, qr/cannot be set/, 'preloaded: the SET clause of a function is refused');
$node->safe_psql('postgres', 'ALTER ROLE app RESET ALL; ALTER ROLE ALL RESET ALL; ALTER ROLE app IN DATABASE postgres RESET ALL; ALTER DATABASE postgres RESET ALL');
$node->append_conf('postgresql.conf', "pgaccount.identity = 'L0 {}'\n");
$node->psql('postgres', 'SELECT pg_reload_conf()');
like(asks($who), qr/^0\|f/, 'a configuration file is not believed');
$node->adjust_conf('postgresql.conf', 'pgaccount.identity', undef);
$node->reload;

# Two-phase commit: a prepared transaction keeps nothing in the session.
$node->safe_psql('postgres', 'CREATE TABLE who (uid text); GRANT ALL ON who TO app');
is(asks("BEGIN; SELECT account.authenticate('$token'); INSERT INTO who SELECT account.uid(); PREPARE TRANSACTION 'p'; $who; COMMIT PREPARED 'p'; SELECT * FROM who"),
	"42\n0|f\n42|", 'PREPARE TRANSACTION ends it');

# Hot standby: verify, authenticate, policies; the rest is refused cleanly.
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', "SELECT account.authenticate('$token', false); SET ROLE app; SELECT account.uid(), count(*) FROM many"),
	"42\n42|10000", 'authenticate and policies on a standby');
is($standby->safe_psql('postgres', "SELECT account.verify_access_token('$token') ->> 'sub'; SELECT account.jwks()"), "42\n{\"keys\": []}", 'verify on a standby');
for my $call ("create_key()", "retire_key('k1')", "activate_key('k1')")
{
	($rc, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT account.$call");
	like($err, qr/25006/, "$call on a standby: 25006");
}
# a rotation on the primary reaches a session of the standby that has its keys cached
my $in = ''; my $seen = '';
my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $standby->connstr('postgres') ], '<', \$in, '>', \$seen, '2>&1');
$in .= "SELECT account.verify_access_token('$token') ->> 'sub';\n";
$psql->pump until $seen =~ /42\n/;
$node->safe_psql('postgres', "SELECT account.retire_key('k1')");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$seen = '';
$in .= "SELECT account.verify_access_token('$token') ->> 'sub';\n\\echo done\n";
$psql->pump until $seen =~ /done\n/;
$in .= "\\q\n";
$psql->finish;
like($seen, qr/token is not valid/, 'rotation reaches a session of the standby');

$standby->stop;
$node->stop;
done_testing();
