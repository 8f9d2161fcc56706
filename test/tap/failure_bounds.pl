# Who fails without end fills neither the log nor the table of events, and takes no room from others: not from
# other sessions, nor from other databases. What is left out or dropped is counted and told.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pgaccount'
pgaccount.event_queue_size = 512
log_min_messages = log
log_min_error_statement = panic
restart_after_crash = on
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount');

sub value { my ($sql, $db) = @_; return $node->safe_psql($db // 'postgres', $sql); }
sub count_of { my ($what, $reason, $db) = @_; return value("SELECT coalesce(sum((detail ->> '$what')::int), 0) FROM account.event WHERE detail ->> 'operation' = 'event_queue' AND detail ->> 'reason' = '$reason'", $db); }
sub left_out { return count_of('left_out', 'session_rate', @_); }
sub recorded { my ($operation, $db) = @_; return value("SELECT count(*) FROM account.event WHERE type = 'operation_failed' AND detail ->> 'operation' = '$operation'", $db); }
sub quiet { my $db = shift // 'postgres'; return $node->poll_query_until($db, 'SELECT waiting = 0 FROM account.event_queue()'); }
sub forget { quiet(); value('TRUNCATE account.event; SELECT account.stats_reset()'); return; }
sub session { return Session->new('-d', $node->connstr(shift // 'postgres')); }
sub fail_often { my ($session, $n, $call) = @_; $call //= q{account.authenticate('x')}; return $session->ask("DO \$\$ BEGIN FOR i IN 1 .. $n LOOP BEGIN PERFORM $call; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END \$\$"); }
sub back { sleep 1; $node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back'; return; }

# Failures that the log has lines of, and those that lines say were left out.
sub logged
{
	my ($from, $operation) = @_;
	my $log = slurp_file($node->logfile, $from);
	my $lines = () = $log =~ /operation "$operation" failed: SQLSTATE/g;
	my $others = 0;
	$others += $1 while $log =~ /\((\d+) others were left out\)/g;
	$others += $1 while $log =~ /(\d+) failed operations of this session were left out/g;
	return ($lines, $others);
}

# --- one session ---------------------------------------------------------------------------------------
my $from = -s $node->logfile;
my $started = time;
my $session = session();
is(fail_often($session, 20000), '', 'a session fails 20000 times');
my $bound = 100 + 10 * (time - $started + 2);
ok(quiet(), 'what waits is recorded while the session is there');
cmp_ok(recorded('authenticate'), '<=', $bound, 'few of them have an event of their own');
cmp_ok(recorded('authenticate'), '>=', 100, 'but for the first hundred');
is(value("SELECT count(*) FROM account.event WHERE detail ? 'left_out'"), 1, 'the others are counted in one event');
is(recorded('authenticate') + left_out(), 20000, 'which says how many');
is(value("SELECT type, outcome, error_code, detail - 'left_out' FROM account.event WHERE detail ? 'left_out'"), 'operation_failed|failure|53400|{"reason": "session_rate", "operation": "event_queue"}', 'and why');
is(value("SELECT failures FROM account.stats WHERE operation = 'authenticate'"), 20000, 'the statistics count each');
is(value('SELECT dropped FROM account.event_queue()'), 0, 'none is lost');
my ($before, $other) = (recorded('authenticate'), session());
fail_often($other, 20);
ok(quiet(), 'quiet');
is(recorded('authenticate'), $before + 20, 'another session is not concerned');
sleep 3;
fail_often($session, 10);
ok(quiet(), 'quiet');
is(recorded('authenticate'), $before + 30, 'nor is the same one, later');
$_->quit for $session, $other;
my ($lines, $others) = logged($from, 'authenticate');
cmp_ok($lines, '<=', $bound + 30, 'the log has few lines');
is($lines + $others, 20030, 'which tell of all');

# refusals that are data: their events are the transaction's, their lines in the log are bounded as well
$from = -s $node->logfile;
value('SELECT account.create_starter()');
$session = session();
$session->ask(q{SELECT count(account.refresh('nothing')) FROM generate_series(1, 2000)});
fail_often($session, 50);
$session->quit;
ok($node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ '^DO')}), 'the session is gone');
($lines, $others) = logged($from, 'refresh');
cmp_ok($lines, '<', 1000, 'refusals are logged at a bounded rate');
is($lines + $others, 2000, 'all are told of');
is((logged($from, 'authenticate'))[0], 50, 'not at the cost of failures that raise');

# the end of the session tells the log of those that nothing came after
forget();
$from = -s $node->logfile;
$session = session();
fail_often($session, 1000);
$session->quit;
ok($node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ '^DO')}), 'the session is gone');
like(slurp_file($node->logfile, $from), qr/LOG:  \d+ failed operations of this session were left out/, 'the end of the session tells of them');
ok(quiet(), 'quiet');
is(recorded('authenticate') + left_out(), 1000, 'its event outlives it');

# not recorded with log_events off
forget();
$session = session();
$session->ask('SET pgaccount.log_events = off');
fail_often($session, 1000);
is($session->ask('SELECT waiting FROM account.event_queue()'), 0, 'nothing waits with log_events off');
$session->quit;

# --- what was left out outlives a restart, and a crash knows its number -----------------------------------
my $holder = session();
sub hold { $holder = session(shift // 'postgres'); $holder->ask('BEGIN; LOCK TABLE account.event IN EXCLUSIVE MODE'); return; }
forget();
hold();
$session = session();
fail_often($session, 1000);
cmp_ok($session->ask('SELECT waiting FROM account.event_queue()'), '>', 100, 'failures wait');
$node->stop('fast');
$node->start;
ok(quiet(), 'quiet after a restart');
is(recorded('authenticate') + left_out(), 1000, 'nothing is lost by it');
forget();
hold();
$session = session();
fail_often($session, 1000);
kill 'KILL', value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgaccount launcher'");
back();
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM account.event WHERE detail ->> 'reason' = 'server_crash'"), 'a crash is told of');
is(recorded('authenticate') + count_of('dropped', 'server_crash'), 1000, 'with the number of those that were left out');

# --- several databases ---------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', 'pgaccount.event_queue_size = 64');
$node->restart;
forget();
value("CREATE DATABASE $_") for 'hog', 'pig';
value('CREATE EXTENSION pgaccount', $_) for 'hog', 'pig';
$from = -s $node->logfile;
# The worker cannot connect to one, and waits for ever in the other.
my $hog = session('hog');
$hog->ask('SELECT 1');
value('ALTER DATABASE hog ALLOW_CONNECTIONS false');
hold('pig');
my $pig = session('pig');
fail_often($hog, 90);
is($hog->ask('SELECT waiting, dropped FROM account.event_queue()'), '64|26', 'one database alone has the whole queue');
$session = session();
fail_often($session, 10);
ok(quiet(), 'another finds room, and its worker comes');
is(recorded('authenticate'), 10, 'all of its failures are recorded');
is(value('SELECT dropped FROM account.event_queue()'), 0, 'none was dropped');
is($hog->ask('SELECT waiting, dropped FROM account.event_queue()') =~ /^(\d+)\|(\d+)$/ ? $1 + $2 : -1, 90, 'they were at the cost of the one that had most');
fail_often($pig, 90);
fail_often($session, 20);
ok(quiet(), 'also beside two of them');
is(recorded('authenticate'), 30, 'all are recorded');
fail_often($hog, 90);
my ($hogs) = $hog->ask('SELECT waiting FROM account.event_queue()');
my ($pigs) = $pig->ask('SELECT waiting FROM account.event_queue()');
cmp_ok($pigs, '>=', 21, 'each of the three had its share of the queue');
cmp_ok($hogs, '>=', 21, 'whoever came first');
cmp_ok($hogs + $pigs, '<=', 66, 'there is no more'); # each waits with one event for what was left out
sleep 3;
unlike(slurp_file($node->logfile, $from), qr/not currently accepting connections/, 'no worker tries where none can connect');
value('ALTER DATABASE hog ALLOW_CONNECTIONS true');
$holder->ask('ROLLBACK');
ok(quiet('hog') && quiet('pig'), 'later their own failures are recorded');
for my $db ('hog', 'pig')
{
	my $all = $db eq 'hog' ? 180 : 90;
	ok($node->poll_query_until($db, "SELECT count(*) FILTER (WHERE detail ->> 'operation' = 'authenticate') + coalesce(sum((detail ->> 'dropped')::int), 0) + coalesce(sum((detail ->> 'left_out')::int), 0) = $all FROM account.event"), "$db: recorded + dropped + left out = attempted");
	is(value('SELECT dropped FROM account.event_queue()', $db), count_of('dropped', 'queue_full', $db), 'what was dropped is counted where it happened');
}
is(value('SELECT dropped FROM account.event_queue()'), 0, 'and nowhere else');
$_->quit for $hog, $pig, $session, $holder;
fail_often($session = session('pig'), 1000);
$session->quit;
value('DROP DATABASE pig WITH (FORCE)');
fail_often($session = session(), 5);
$session->quit;
ok(quiet(), 'quiet');
is(recorded('authenticate'), 35, 'a database that is dropped with all that waits stops nobody else');
$node->stop;
done_testing();
