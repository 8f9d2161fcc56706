# Logins as the server sees them: attempts that many make at once or roll back, a restart, a hot standby,
# a dump that takes the mapping and leaves sessions, and a log without secrets.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pgaccount'
pgaccount.password_memory = '8kB'
pgaccount.password_ops = 1
max_connections = 60
log_statement = none
log_min_messages = debug1
log_min_error_statement = debug5
log_error_verbosity = verbose
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pgaccount;
SELECT account.create_starter();
SELECT account.create_key();
SELECT account.register('a@x.org', 'a-right-secret', 'a'), account.register('b@x.org', 'a-right-secret', 'b'), account.register('c@x.org', 'a-right-secret', 'c');
INSERT INTO app.tenants (slug) VALUES ('one'), ('two');
SELECT account.register('r1@x.org', 'a-right-secret', 'r1', 'one'), account.register('r2@x.org', 'a-right-secret', 'r2', 'two');
CREATE TABLE app.documents AS SELECT t.id AS tenant_id, what FROM app.tenants t JOIN (VALUES ('one', 'one, first'), ('one', 'one, second'), ('two', 'two')) v (slug, what) USING (slug);
SELECT account.enable_soft_delete('app.documents'), account.enable_tenant_isolation('app.documents');
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA app TO reader;
GRANT SELECT, DELETE ON app.documents, app.users TO reader;
SQL

# --- attempts at once, none of which commits -----------------------------------------------------------
my $guess = $node->basedir . '/guess.sql';
append_to_file($guess, <<'SQL');
BEGIN;
SELECT CASE WHEN (account.login('a', 'a-wrong-secret')).status = 401 THEN 1 / nextval('looked')::int END;
ROLLBACK;
SQL
$node->safe_psql('postgres', 'CREATE SEQUENCE looked');
$node->command_ok([ 'pgbench', '-n', '-c', '16', '-j', '2', '-t', '10', '-f', $guess, 'postgres' ], 'guessing ran');
is($node->safe_psql('postgres', 'SELECT last_value FROM looked'), '10',
	'of 160 guesses at once, all rolled back, 10 were looked at');
is($node->safe_psql('postgres', "SELECT status FROM account.login('a', 'a-right-secret')"), '429', 'and the right password is refused');
is($node->safe_psql('postgres', "SELECT status FROM account.login('b', 'a-right-secret')"), '200', 'another user is not');

# --- what committed outlives a restart -----------------------------------------------------------------
$node->safe_psql('postgres', "SELECT account.login('c', 'a-wrong-secret')") for 1 .. 10;
$node->restart;
is($node->safe_psql('postgres', "SELECT status FROM account.login('c', 'a-right-secret')"), '429', 'failures that committed count after a restart');

# --- where a user has had a session, failures from elsewhere do not lock it out -------------------------
my $elsewhere = $node->basedir . '/elsewhere.sql';
append_to_file($elsewhere, <<'SQL');
\set host random(1, 1000000)
BEGIN;
SELECT account.login('k', 'a-wrong-secret', '10.0.0.0'::inet + :host);
ROLLBACK;
SQL
sub status { return $node->safe_psql('postgres', "SELECT status FROM account.login('$_[0]', '$_[1]'" . ($_[2] ? ", '$_[2]'" : '') . ')') }
$node->safe_psql('postgres', "SELECT account.register('k\@x.org', 'a-right-secret', 'k')");
is(status('k', 'a-right-secret', '2001:db8::1'), '200', 'a session');
$node->command_ok([ 'pgbench', '-n', '-c', '8', '-j', '2', '-t', '10', '-f', $elsewhere, 'postgres' ], 'guessing elsewhere ran');
is(status('k', 'a-right-secret', '192.0.2.1'), '429', 'guesses that were rolled back lock a user out elsewhere');
is(status('k', 'a-right-secret', '2001:db8::2'), '200', 'and not where it has had a session');
status('k', 'a-wrong-secret', "198.51.100.$_") for 1 .. 11;
$node->restart;
is(status('k', 'a-right-secret', '192.0.2.1'), '429', 'nor do guesses that committed, after a restart');
is(status('k', 'a-right-secret', '2001:db8::3'), '200', 'where it has had a session');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
status('k', 'a-wrong-secret', "198.51.100.$_") for 1 .. 11;
is(status('k', 'a-right-secret', '192.0.2.1'), '429', 'not preloaded, committed guesses lock a user out elsewhere');
is(status('k', 'a-right-secret', '2001:db8::4'), '200', 'and not where it has had a session');
status('k', 'a-wrong-secret', "2001:db8::$_") for 1 .. 10;
is(status('k', 'a-right-secret', '2001:db8::4'), '429', 'its own count does');

# --- not preloaded, request.jwt.claims of a session's identity that expires are the transaction's ---------
my $short = $node->safe_psql('postgres', "SELECT account.issue_access_token(id::text) FROM app.users WHERE username = 'b'");
is($node->safe_psql('postgres', "BEGIN; SELECT account.act_as(id::text, false) IS NULL FROM app.users WHERE username = 'k'; SELECT account.authenticate('$short', false) IS NULL, length(current_setting('request.jwt.claims')) > 100; COMMIT;"
		. " SELECT length(account.uid()), current_setting('request.jwt.claims')"), "f\nf|t\n36|", 'not preloaded, claims do not outlive an identity');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->restart;

# --- a hot standby -------------------------------------------------------------------------------------
my ($access, $refresh) = split /\|/, $node->safe_psql('postgres', "SELECT access_token, refresh_token FROM account.login('b', 'a-right-secret')");
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
like($standby->safe_psql('postgres', "SELECT account.authenticate('$access')"), qr/^[0-9a-f-]{36}$/, 'a standby authenticates, with the live check');

# as the application's role reads there: what is its tenant's, and only with an identity
my %reader = map { $_ => $node->safe_psql('postgres', "SELECT access_token FROM account.login('$_', 'a-right-secret')") } qw(r1 r2);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
sub reads
{
	my ($token, $sql) = @_;
	my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nBEGIN;\n" . ($token ? "SELECT account.authenticate('$token') IS NULL;\n" : '')
		. ($sql // "SELECT string_agg(what, ' ' ORDER BY what), count(account.uid()) FROM app.documents") . ";\nCOMMIT",
		extra_params => [ '-U', 'reader', '-v', 'ON_ERROR_STOP=1' ]);
	return $status == 0 ? $out =~ s/^f\n//r : ($err =~ /(?:ERROR|FATAL):\s+(\w{5})/)[0];
}
is(reads($reader{r1}), 'one, first one, second|2', 'a standby shows a tenant its rows');
is(reads($reader{r2}), 'two|1', 'and another its own');
is(reads(undef), '|0', 'and nobody none');
is(reads("$reader{r1}A"), 'PT401', 'nor whose token is none');
is(reads(undef, "SET LOCAL request.jwt.claims = '{\"tenant_id\": \"$_\"}'; SELECT count(*) FROM app.documents"), '0', 'nor who says so of itself')
  for $node->safe_psql('postgres', "SELECT id FROM app.tenants WHERE slug = 'one'");
is(reads($reader{r1}, "SELECT count(*) FROM app.users"), '1', 'of users it shows the one that asks');
is(reads($reader{r1}, "SET LOCAL max_parallel_workers_per_gather = 2; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;"
		. " SET LOCAL min_parallel_table_scan_size = 0; SELECT count(*) FROM app.documents"), '2', 'parallel workers see the same');
is(reads($reader{r1}, "DELETE FROM app.documents"), '25006', 'and nobody deletes there');
$node->safe_psql('postgres', "DELETE FROM app.documents WHERE what = 'one, first'; DELETE FROM app.users WHERE username = 'r2'");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(reads($reader{r1}), 'one, second|1', 'what is deleted on the primary is hidden there');
is(reads($reader{r2}), 'PT401', 'and who is deleted reads nothing');
$node->safe_psql('postgres', "SET pgaccount.show_deleted = on; SELECT account.restore('app.users', id) FROM app.users WHERE username = 'r2'");
my $back = $node->safe_psql('postgres', "SELECT access_token FROM account.login('r2', 'a-right-secret')");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(reads($reader{r2}), 'PT401', 'restored, its old session stays ended');
is(reads($back), 'two|1', 'and with a new one it reads what is its tenant\'s');
for my $call ("account.login('b', 'a-right-secret')", "account.login('b', 'a-wrong-secret')", "account.refresh('$refresh')",
	"account.register('d\@x.org', 'a-right-secret')")
{
	my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT $call");
	like($err, qr/25006/, 'a standby refuses what writes: ' . substr($call, 8, 8));
}
$node->safe_psql('postgres', "DELETE FROM app.users WHERE username = 'b'");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT account.authenticate('$access')");
like($err, qr/PT401/, 'a user deleted on the primary is nobody on the standby');
$standby->stop;

# --- dump and restore ----------------------------------------------------------------------------------
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-e', '-d', 'restored', $dump ], 'restored without an error');
is($node->safe_psql('restored', "SELECT count(*) FROM account.model WHERE relation = 'app.users'::regclass AND column_name IS NOT NULL"),
	$node->safe_psql('postgres', "SELECT count(*) FROM account.model WHERE relation = 'app.users'::regclass AND column_name IS NOT NULL"),
	'the mapping came along');
is($node->safe_psql('restored', 'SELECT (SELECT count(*) FROM account.session) + (SELECT count(*) FROM account.login_failure)'), '0', 'sessions and attempts did not');
isnt($node->safe_psql('restored', "SELECT encode(secret, 'hex') FROM account.session_key"),
	$node->safe_psql('postgres', "SELECT encode(secret, 'hex') FROM account.session_key"), 'nor the key of refresh tokens');
$node->safe_psql('restored', 'SELECT account.create_key()');
is($node->safe_psql('restored', "SELECT status FROM account.login('c', 'a-right-secret')"), '200', 'users log in there');
is($node->safe_psql('restored', "SELECT status, error FROM account.refresh('$refresh')"), '401|token_invalid', 'with sessions of their own');

# --- the log -------------------------------------------------------------------------------------------
$node->psql('postgres', "SELECT account.register('x', 'a-right-secret')");
$node->psql('postgres', "SELECT account.register('a\@x.org', 'a-right-secret')");
$node->psql('postgres', "SELECT account.set_password('a', 'a-right-secret')");
$node->psql('postgres', "BEGIN READ ONLY; SELECT account.login('a', 'a-right-secret')");
my $log = slurp_file($node->logfile);
ok($log =~ /email is malformed/, 'errors are logged');
ok($log !~ /a-right-secret|a-wrong-secret/, 'without a password');
ok(index($log, $refresh) < 0 && index($log, $access) < 0, 'and without a token');
$node->stop;
done_testing();
