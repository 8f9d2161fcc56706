# What is seen of a long cleanup from inside and outside; and cleanups where the library is not preloaded.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tables = q{
CREATE EXTENSION pgaccount;
CREATE TABLE org (id int PRIMARY KEY);
CREATE TABLE mid (id int PRIMARY KEY, org int REFERENCES org ON DELETE CASCADE, up int REFERENCES mid ON DELETE CASCADE);
CREATE TABLE leaf (id int PRIMARY KEY, mid int REFERENCES mid ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE loose (id int PRIMARY KEY, mid int REFERENCES mid ON DELETE SET NULL);
CREATE TABLE prot (id int PRIMARY KEY, mid int REFERENCES mid);
CREATE TABLE "Odd ""t""" (id int PRIMARY KEY, org int REFERENCES org ON DELETE CASCADE, a int);
CREATE TABLE ring (id int PRIMARY KEY, odd int REFERENCES "Odd ""t""" ON DELETE CASCADE);
ALTER TABLE "Odd ""t""" ADD FOREIGN KEY (a) REFERENCES ring;
SELECT account.enable_soft_delete('leaf'), account.enable_soft_delete('mid');
-- the trigger waits for whoever holds the lock
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN OLD; END';
CREATE TRIGGER wait BEFORE DELETE ON mid FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION wait();
};
my $rows = q{
INSERT INTO org VALUES (1), (2); INSERT INTO mid SELECT i, 1 + i % 2 FROM generate_series(1, 100) i; UPDATE mid SET up = id - 10 WHERE id > 90;
INSERT INTO leaf SELECT i, 1 + i % 100 FROM generate_series(1, 500) i; INSERT INTO loose SELECT i, i FROM generate_series(1, 100) i;
INSERT INTO "Odd ""t""" SELECT i, 1 + i % 2 FROM generate_series(1, 10) i; INSERT INTO ring SELECT i, i FROM generate_series(1, 10) i; UPDATE "Odd ""t""" SET a = id;
INSERT INTO prot VALUES (1, 4);
DELETE FROM leaf WHERE id % 5 = 0; DELETE FROM mid WHERE id % 7 = 0;
};
my $show = 'SET pgaccount.show_deleted = on; ';
my $left = join(' ', map { "SELECT '$_', x.id FROM $_ x ORDER BY 2;" } ('org', 'mid', 'leaf', 'prot', '"Odd ""t"""', 'ring')) . ' SELECT * FROM loose ORDER BY id;';

my $node = PostgreSQL::Test::Cluster->new('preloaded');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\ntrack_activity_query_size = 4096\n");
$node->start;
$node->safe_psql('postgres', "$tables $rows");

# quick: nothing is told
my ($rc, $out, $err) = $node->psql('postgres', q{BEGIN; SELECT count(*) FROM account.cleanup('org', 1, true); ROLLBACK;});
is($err, '', 'a quick cleanup tells nothing');

# long: the step is seen while it lasts, and each is told with rows and seconds, those from before too
my ($in, $bout, $berr) = ('', '', '');
my $lock = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$bout, '2>', \$berr, IPC::Run::timeout(180));
sub lock_it { $in .= "SELECT pg_advisory_lock(7); SELECT 'held';\n"; IPC::Run::pump($lock) until $bout =~ /held/; $bout = ''; return; }
sub unlock_it { $in .= "SELECT pg_advisory_unlock(7); SELECT 'free';\n"; IPC::Run::pump($lock) until $bout =~ /free/; $bout = ''; return; }
sub start_cleanup
{
	my ($cout, $cerr, @statements) = @_;
	lock_it();
	my $h = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') . ' application_name=cleaner', map { ('-c', $_) } @statements ],
		'<', \undef, '>', $cout, '2>', $cerr, IPC::Run::timeout(180));
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'cleaner' AND wait_event = 'advisory'}) or die;
	return $h;
}
my $clean = q{SELECT step, relation, via, action, rows FROM account.cleanup('org', 2, true)};
sub long_cleanup
{
	my ($seconds, @before) = @_;
	my ($cout, $cerr) = ('', '');
	my $h = start_cleanup(\$cout, \$cerr, @before, $clean, 'SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()', 'ROLLBACK');
	is($node->safe_psql('postgres', q{SELECT query FROM pg_stat_activity WHERE application_name = 'cleaner'}), 'account.cleanup: delete from public.mid', 'the step is seen from outside');
	$node->safe_psql('postgres', "SELECT pg_sleep($seconds)");
	unlock_it();
	$h->finish;
	return ($cout, $cerr);
}
($out, $err) = long_cleanup(2.1, 'BEGIN');
like($out, qr/^\d+\|org\|\|delete\|1$/m, 'it did its work');
like($out, qr/^SELECT query FROM pg_stat_activity/m, 'after it the statement is seen again');
my @told = $err =~ /^NOTICE:  cleanup: (.*)$/mg;
my %seconds = map { /^(.*): (\d+) rows, (\d+\.\d) s$/ ? ("$1: $2" => $3) : (die "not a step: $_") } @told;
is(join("\n", sort map { s/: .*//r } keys %seconds),
	join("\n", sort 'delete from public.leaf', 'delete from public.mid', 'delete from public.org', 'delete from public."Odd ""t"""', 'delete from public.ring', 'update public.loose'),
	'each step is told');
cmp_ok($seconds{(grep { /public.mid/ } keys %seconds)[0]}, '>=', 2, 'with its seconds');
ok((grep { $_ eq 'delete from public.org: 1' } keys %seconds), 'and its rows');
($out, $err) = long_cleanup(2.1, 'SET client_min_messages = warning', 'SET pgaccount.slow_threshold = -1', 'BEGIN');
is($err, '', 'not to whom wants no notices');
($out, $err) = long_cleanup(2.1, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
like($err, qr/^NOTICE:  cleanup: delete from public\.mid: \d+ rows, \d+\.\d s$/m, 'with ordinary checks, too');

# cancelled in the middle: all is there
my ($cout, $cerr) = ('', '');
my $before = $node->safe_psql('postgres', $show . $left);
my $h = start_cleanup(\$cout, \$cerr, $clean);
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cleaner'});
$h->finish;
unlock_it();
like($cerr, qr/canceling statement due to user request/, 'it can be cancelled');
is($node->safe_psql('postgres', $show . $left), $before, 'and nothing is gone then');
$in .= "\\q\n";
$lock->finish;

# not preloaded: the same plan, the same rows, by ordinary checks
my $bare = PostgreSQL::Test::Cluster->new('not_preloaded');
$bare->init;
$bare->start;
$bare->safe_psql('postgres', "$tables $rows");
is($bare->safe_psql('postgres', $show . $left), $node->safe_psql('postgres', $show . $left), 'not preloaded: the same rows to begin with');
foreach my $call (q{cleanup('org', 1)}, q{cleanup('mid', ARRAY[2, 3, 5])}, q{cleanup('mid', 4)}, q{cleanup('mid', 4, true)}, q{cleanup('org', 1, true)}, q{cleanup('org', 1)})
{
	my $plan = $call =~ s/cleanup/cleanup_plan/r;
	is($bare->safe_psql('postgres', "SELECT * FROM account.$plan"), $node->safe_psql('postgres', "SELECT * FROM account.$plan"), "$plan: the same");
	my @bare = $bare->psql('postgres', "SELECT * FROM account.$call");
	my @node = $node->psql('postgres', "SELECT * FROM account.$call");
	is($bare[1], $node[1], "$call: the same done");
	is($bare[2], $node[2], "$call: the same refused");
	is($bare->safe_psql('postgres', $show . $left), $node->safe_psql('postgres', $show . $left), "$call: the same left");
}
is($bare->safe_psql('postgres', "SELECT account.purge('leaf', '0')"), $node->safe_psql('postgres', "SELECT account.purge('leaf', '0')"), 'purge: as many');
foreach my $n ($bare, $node)
{
	my (undef, undef, $notices) = $n->psql('postgres', "CALL account.purge_batches('mid', '0', 2)");
	like($notices, qr/purged \d+ rows of "mid"/, 'purge in batches');
}
is($bare->safe_psql('postgres', $show . $left), $node->safe_psql('postgres', $show . $left), 'the same left in the end');
unlike($bare->safe_psql('postgres', $show . 'SELECT count(*) FROM leaf WHERE deleted_at IS NOT NULL'), qr/[1-9]/, 'and no dead row of those');
$bare->stop;
$node->stop;
done_testing();
