# Failures are recorded, once, whatever becomes of their transaction, the worker, the queue or the server;
# what is lost is counted and told.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pgaccount'
pgaccount.event_queue_size = 64
pgaccount.password_memory = '8kB'
pgaccount.password_ops = 1
max_connections = 60
max_prepared_transactions = 5
restart_after_crash = on
log_statement = none
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount');

# A failing call whose subject tells it from others.
my $number = 0;
sub failing { return "SELECT account.activate_key('f" . ++$number . "')" }
sub failures { my ($db, $n) = @_; $node->psql($db, failing()) for 1 .. $n; }

sub recorded { my $db = shift // 'postgres'; return $node->safe_psql($db, "SELECT count(*) FROM account.event WHERE type = 'operation_failed' AND detail ->> 'operation' = 'activate_key'"); }
sub dropped { my $reason = shift; return $node->safe_psql('postgres', "SELECT coalesce(sum((detail ->> 'dropped')::int), 0) FROM account.event WHERE detail ->> 'operation' = 'event_queue' AND detail ->> 'reason' = '$reason'"); }
sub left_out { return $node->safe_psql('postgres', "SELECT coalesce(sum((detail ->> 'left_out')::int), 0) FROM account.event WHERE detail ->> 'operation' = 'event_queue' AND detail ->> 'reason' = 'session_rate'"); }
sub quiet { my $db = shift // 'postgres'; return $node->poll_query_until($db, 'SELECT waiting = 0 FROM account.event_queue()'); }
sub no_doubles { my $db = shift // 'postgres'; return $node->safe_psql($db, "SELECT count(*) FROM (SELECT subject FROM account.event WHERE detail ->> 'operation' = 'activate_key' GROUP BY subject HAVING count(*) > 1) AS d"); }
sub worker_pid { my $db = shift // 'postgres'; return $node->safe_psql('postgres', "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE backend_type = 'pgaccount worker' AND datname = '$db'"); }

# At least so many are recorded, or told to be lost by a crash.
sub told_at_least
{
	return $node->poll_query_until('postgres', "SELECT count(*) FILTER (WHERE type = 'operation_failed' AND detail ->> 'operation' = 'activate_key')
		+ coalesce(sum((detail ->> 'dropped')::int) FILTER (WHERE detail ->> 'reason' = 'server_crash'), 0) >= $_[0] FROM account.event");
}

# The server has noticed a crash, and is there again.
sub back { sleep 1; $node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back'; }

# Let a backend die, and with it shared memory.
sub crash { kill 'KILL', $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgaccount launcher'"); back(); }

# Keep the worker from writing: another session holds the table.
sub hold
{
	my $db = shift // 'postgres';
	my $session = $node->background_psql($db, on_error_stop => 0);
	$session->query_safe('BEGIN; LOCK TABLE account.event IN EXCLUSIVE MODE');
	return $session;
}

# --- what becomes of the transaction -------------------------------------------------------------------
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query('BEGIN');
$session->query(failing());
$session->query('ROLLBACK');
$session->query('BEGIN');
$session->query('SAVEPOINT s');
$session->query(failing());
$session->query('ROLLBACK TO s');
ok(quiet(), 'the queue is emptied while the transaction is open');
is(recorded(), 2, 'failures are recorded after ROLLBACK, and before the end of a transaction');
$session->query(failing());
ok($node->poll_query_until('postgres', "SELECT count(*) = 3 FROM account.event WHERE type = 'operation_failed'"), 'and after an ERROR in a block');
$session->query('ROLLBACK');
$session->query('BEGIN');
$session->query(failing());
ok($node->poll_query_until('postgres', "SELECT count(*) = 4 FROM account.event WHERE type = 'operation_failed'"), 'the failure is recorded');
kill 'KILL', $pid;
$session->{run}->kill_kill;
back();
is(recorded(), 4, 'and is there after the crash of the backend that failed');
is(dropped('server_crash'), 0, 'nothing was lost');

# --- a restart with failures waiting -------------------------------------------------------------------
$session = hold();
failures('postgres', 10);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pgaccount worker' AND wait_event_type = 'Lock'"), 'the worker waits for the table');
is($node->safe_psql('postgres', 'SELECT waiting FROM account.event_queue()'), 10, 'failures wait');
$node->stop('fast');
$session->{run}->kill_kill;
ok(-e $node->data_dir . '/pg_stat/pgaccount_queue.stat', 'a clean shutdown keeps them in a file');
$node->start;
ok(!-e $node->data_dir . '/pg_stat/pgaccount_queue.stat', 'which is read once');
ok(quiet(), 'they are recorded after a restart');
is(recorded(), 14, 'all of them');
is(no_doubles(), 0, 'once');

# --- the worker is terminated, or fails ----------------------------------------------------------------
$session = hold();
failures('postgres', 5);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pgaccount worker' AND wait_event_type = 'Lock'");
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pgaccount worker'");
failures('postgres', 2);
$session->query('ROLLBACK');
$session->quit;
ok(quiet(), 'a worker that is terminated is started again');
is(recorded(), 21, 'and records what waited');
is(no_doubles(), 0, 'once');
my $launcher = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgaccount launcher'");
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
failures('postgres', 1);
ok($node->poll_query_until('postgres', "SELECT attended FROM account.event_queue()"), 'the launcher is started again by the postmaster');
ok(quiet() && recorded() == 22, 'and has recorded what failed meanwhile');

# --- the worker is killed ------------------------------------------------------------------------------
$session = hold();
failures('postgres', 7);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pgaccount worker' AND wait_event_type = 'Lock'");
kill 'KILL', worker_pid();
$session->{run}->kill_kill;
back();
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM account.event WHERE detail ->> 'reason' = 'server_crash'"), 'a crash that loses failures is told by an event');
is(dropped('server_crash'), 7, 'which says how many');
is(recorded(), 22, 'none of them was recorded');
is($node->safe_psql('postgres', 'SELECT dropped FROM account.event_queue()'), 7, 'they count as dropped');
is($node->safe_psql('postgres', "SELECT code, remedy FROM account.doctor() WHERE code = 'events_dropped'"), 'events_dropped|SELECT account.stats_reset();', 'the doctor finds it');
is($node->safe_psql('postgres', 'SELECT account.health() ->> $$status$$'), 'degraded', 'health is degraded');
$node->safe_psql('postgres', 'SELECT account.stats_reset()');
is($node->safe_psql('postgres', "SELECT code FROM account.doctor() WHERE code = 'events_dropped'"), '', 'the remedy mends it');
is($node->safe_psql('postgres', 'SELECT account.health() ->> $$status$$'), 'healthy', 'and health');
failures('postgres', 3);
$node->stop('immediate');
$node->start;
# What is committed when the server dies, and still in the queue, is recorded and counts as dropped.
ok(told_at_least(22 + 7 + 3), 'an immediate shutdown loses none, or tells it');
my $told = recorded() + dropped('server_crash');
cmp_ok(recorded(), '<=', 22 + 3, 'and records none twice');
$session = hold();
failures('postgres', 4);
my @children = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity');
$node->kill9;
$session->{run}->kill_kill;
for (1 .. 60) { last unless kill 0, @children; sleep 1; }
$node->start;
# Who held the table dies with the postmaster, so the worker may yet write what waited before it dies, too.
ok(told_at_least($told + 4), 'the death of the postmaster is a crash, too, that loses what waited, and tells it');
cmp_ok(recorded(), '<=', 22 + 3 + 4, 'and records none twice');

# --- more than the queue holds -------------------------------------------------------------------------
my $guess = $node->basedir . '/fail.sql';
append_to_file($guess, <<'SQL');
\set n random(1, 1000000000)
DO $$ BEGIN PERFORM account.activate_key('bench'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
SQL
$node->safe_psql('postgres', 'SELECT account.stats_reset()');
my $before = recorded();
$session = hold();
$node->command_ok([ 'pgbench', '-n', '-c', '16', '-j', '2', '-t', '50', '-f', $guess, 'postgres' ], '800 calls fail at once while the worker cannot write');
my ($waiting, $drops) = split /\|/, $node->safe_psql('postgres', 'SELECT waiting, dropped FROM account.event_queue()');
is($waiting, 64, 'the queue is full');
is($drops, 800 - 64, 'what it did not take is counted');
$session->query('ROLLBACK');
$session->quit;
quiet();
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM account.event WHERE detail ->> 'reason' = 'queue_full'");
is(recorded() - $before + dropped('queue_full'), 800, 'recorded + dropped = attempted');
$node->command_ok([ 'pgbench', '-n', '-c', '16', '-j', '2', '-t', '300', '-f', $guess, 'postgres' ], '4800 calls fail at once while it writes');
quiet();
$node->poll_query_until('postgres', "SELECT (SELECT sum((detail ->> 'dropped')::int) FROM account.event WHERE detail ->> 'reason' = 'queue_full') = (SELECT dropped FROM account.event_queue())");
is(recorded() - $before + dropped('queue_full') + left_out(), 5600, 'recorded + dropped + left out = attempted');
is($node->safe_psql('postgres', "SELECT calls, failures FROM account.stats WHERE operation = 'activate_key'"), '5600|5600', 'the statistics have all');
is($node->safe_psql('postgres', "SELECT calls FROM account.failures WHERE operation = 'activate_key' AND error_code = 'PT404'"), '5600', 'by SQLSTATE too');

# --- statistics outlive a clean restart, and not a crash -----------------------------------------------
$node->restart;
is($node->safe_psql('postgres', "SELECT calls, failures, p95_ms > 0 AND p95_ms <= max_ms FROM account.stats WHERE operation = 'activate_key'"), '5600|5600|t', 'statistics outlive a clean restart');
is($node->safe_psql('postgres', "SELECT dropped > 0 FROM account.event_queue()"), 't', 'and the count of what was dropped');
crash();
is($node->safe_psql('postgres', 'SELECT count(*) FROM account.stats'), '0', 'no crash');

# --- several databases ---------------------------------------------------------------------------------
$node->safe_psql('postgres', 'CREATE DATABASE two');
$node->safe_psql('postgres', 'CREATE DATABASE none');
$node->safe_psql('two', 'CREATE EXTENSION pgaccount');
$before = recorded();
failures('two', 3);
failures('postgres', 2);
ok(quiet('two') && quiet(), 'two databases at once');
is(recorded('two'), 3, 'failures are recorded in the database where they happened');
is(recorded() - $before, 2, 'and in no other');
is($node->safe_psql('two', "SELECT calls FROM account.stats WHERE operation = 'activate_key'"), '3', 'statistics are a database\'s');
is($node->safe_psql('two', 'SELECT account.stats_reset(); SELECT count(*) FROM account.stats'), "\n0", 'and reset in it');
is($node->safe_psql('postgres', "SELECT calls FROM account.stats WHERE operation = 'activate_key'"), '2', 'alone');
is($node->safe_psql('none', 'SELECT 1'), '1', 'a database without the extension works');
$session = hold('two');
failures('two', 4);
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pgaccount worker'");
$session->query('ROLLBACK; BEGIN; DROP EXTENSION pgaccount; COMMIT');
$session->quit;
$node->safe_psql('two', 'DROP EXTENSION IF EXISTS pgaccount; CREATE EXTENSION pgaccount');
failures('two', 1);
ok(quiet('two'), 'a DROP EXTENSION does not keep the queue from emptying');
is(recorded('two') + $node->safe_psql('two', 'SELECT dropped FROM account.event_queue()') >= 1, 1, 'failures after a new CREATE EXTENSION are recorded');
$node->safe_psql('two', 'ALTER DATABASE two SET default_transaction_read_only = on');
$before = recorded('two');
failures('two', 1);
ok($node->poll_query_until('two', "SELECT count(*) = $before + 1 FROM account.event WHERE type = 'operation_failed' AND detail ->> 'operation' = 'activate_key'"), 'also where transactions are read-only by default');
failures('two', 1);
$node->safe_psql('postgres', 'DROP DATABASE two');
$before = recorded();
failures('postgres', 1);
ok(quiet() && recorded() == $before + 1, 'a database that is dropped stops nobody else');

# --- the log, and NOTIFY -------------------------------------------------------------------------------
my $offset = -s $node->logfile;
$node->psql('postgres', "SELECT account.create_starter(); SELECT account.set_client_ip('192.0.2.7'), account.set_password('17', 'a-secret-of-mine')");
$node->psql('postgres', "BEGIN; SELECT account.set_client_ip('192.0.2.7'); SELECT account.set_password('17', 'a-secret-of-mine')");
$node->psql('postgres', "SET pgaccount.slow_threshold = 0; SELECT account.login('who', 'a-secret-of-mine', '192.0.2.8')");
my $log = slurp_file($node->logfile, $offset);
like($log, qr/LOG:.*operation "set_password" failed: SQLSTATE PT401/, 'the log has operation and SQLSTATE');
like($log, qr/subject=17 .*ip=192\.0\.2\.7/, 'subject and address');
like($log, qr/LOG:.*operation "login" failed: SQLSTATE PT401.*\n.*DETAIL:.* ip=192\.0\.2\.8 /, 'also of a refusal as data, with the address that it was given');
like($log, qr/WARNING:.*operation "login" was slow: \d+\.\d+ ms\n.*DETAIL:  actor=\S+ subject=who tenant= ip=192\.0\.2\.8 duration=/, 'slow operations warn, and say whom it was about');
unlike($log, qr/a-secret-of-mine/, 'and no secret') or diag $log;
$node->safe_psql('postgres', "INSERT INTO app.users (email) SELECT 'n' || i FROM generate_series(1, 3000) AS i");
my ($status, $out, $err) = $node->psql('postgres', "LISTEN account_event; SET pgaccount.notify = on; DELETE FROM app.users WHERE email IN ('n1', 'n2'); SELECT 1; DELETE FROM app.users;");
my @messages = $out =~ /Asynchronous notification "account_event" with payload "(\{.*?\})"/g;
is(scalar(grep { /^\{"type":"user_deleted","ids":\[\d+,\d+\]\}$/ } @messages), 1, 'NOTIFY once a statement') or diag $out;
my %ids = map { $_ => 1 } map { /\d+/g } @messages;
is(scalar keys %ids, 3000, 'every event is told, in as few messages as they fit in');
cmp_ok(scalar @messages, '<', 15, 'not one by one');
$node->safe_psql('postgres', "INSERT INTO app.users (email) VALUES ('p'), ('q')");
$node->safe_psql('postgres', "BEGIN; DELETE FROM app.users WHERE email = 'p'; PREPARE TRANSACTION 'p'");
$node->safe_psql('postgres', "COMMIT PREPARED 'p'");
is($node->safe_psql('postgres', "SELECT count(*) FROM account.event WHERE type = 'user_deleted' AND detail ->> 'email' = 'p'"), '1', 'a prepared transaction has its events');
($status, $out, $err) = $node->psql('postgres', "SET pgaccount.notify = on; BEGIN; DELETE FROM app.users WHERE email = 'q'; PREPARE TRANSACTION 'q'");
like($err, qr/cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/, 'with NOTIFY it cannot be prepared, and says so');

# --- a standby -----------------------------------------------------------------------------------------
$node->backup('base');
ok(!-e $node->backup_dir . '/base/pg_stat_tmp/pgaccount_queue', 'a base backup leaves the queue of its server out');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$before = recorded();
$standby->psql('postgres', "SELECT account.authenticate('no.such.token')") for 1 .. 3;
is($standby->safe_psql('postgres', 'SELECT waiting, attended FROM account.event_queue()'), '3|f', 'on a standby failures wait');
is($standby->safe_psql('postgres', 'SELECT account.health() ->> $$status$$'), 'unhealthy', 'health works there (no key signs)');
$standby->promote;
ok($standby->poll_query_until('postgres', "SELECT count(*) = 3 FROM account.event WHERE detail ->> 'operation' = 'authenticate'"), 'until it is promoted');
$standby->stop;

# --- dump and restore ----------------------------------------------------------------------------------
my $dump = $node->basedir . '/dump';
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
$node->command_ok([ 'pg_restore', '-d', 'copy', $dump ], 'pg_restore');
is($node->safe_psql('copy', 'SELECT count(*), max(id), md5(string_agg(e::text, $$,$$ ORDER BY id)) FROM account.event AS e'), $node->safe_psql('postgres', 'SELECT count(*), max(id), md5(string_agg(e::text, $$,$$ ORDER BY id)) FROM account.event AS e'), 'events are dumped and restored');
my $max = $node->safe_psql('copy', 'SELECT max(id) FROM account.event');
$node->safe_psql('copy', "DELETE FROM app.users WHERE email = 'q'");
is($node->safe_psql('copy', "SELECT type FROM account.event WHERE id > $max"), 'user_deleted', 'and go on from there');
failures('copy', 1);
ok($node->poll_query_until('copy', "SELECT count(*) = 1 FROM account.event WHERE id > $max AND type = 'operation_failed'"), 'failures too');
$node->stop;

# --- not preloaded -------------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\nsession_preload_libraries = 'pgaccount'\n");
$node->start;
for my $mode ('session', 'loaded')
{
	is($node->safe_psql('postgres', 'SELECT h ->> $$library$$, h ->> $$status$$, h -> $$queue$$ FROM account.health() AS h'), "$mode|unhealthy|null", "library: $mode");
	$node->safe_psql('postgres', "INSERT INTO app.users (email) VALUES ('$mode'); DELETE FROM app.users WHERE email = '$mode'");
	is($node->safe_psql('postgres', "SELECT count(*) FROM account.event WHERE type = 'user_deleted' AND detail ->> 'email' = '$mode'"), '1', 'a deletion is recorded all the same');
	$max = $node->safe_psql('postgres', 'SELECT max(id) FROM account.event');
	$node->psql('postgres', failing());
	is($node->safe_psql('postgres', "SELECT count(*) FROM account.event WHERE id > $max"), '0', 'a failure is not');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM account.stats'), '0', 'there are no statistics');
	$node->safe_psql('postgres', 'SELECT account.stats_reset(), account.prune_events()');
	is($node->safe_psql('postgres', "SELECT object FROM account.doctor() WHERE code = 'not_preloaded' ORDER BY 1"), $mode eq 'session' ? 'account.stats' : "account.stats\npgaccount", 'the doctor says what is lost');
	$node->append_conf('postgresql.conf', "session_preload_libraries = ''\n");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('session_preload_libraries') = ''");
}
$node->stop;

done_testing();
