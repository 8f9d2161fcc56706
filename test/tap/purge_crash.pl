# A purge in batches is killed: what was committed is gone for good and counted once, nothing dangles, the next run goes on.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $seed = $ENV{PURGE_SEED} || 20260105;
srand($seed);
diag("seed $seed (PURGE_SEED)");
my $rounds = 20;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# the killed backend's server comes back by itself
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\nrestart_after_crash = on\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
CREATE TABLE users (id int PRIMARY KEY, boss int REFERENCES users ON DELETE CASCADE);
CREATE TABLE posts (id int PRIMARY KEY, author int NOT NULL REFERENCES users ON DELETE CASCADE);
CREATE TABLE likes (post int REFERENCES posts ON DELETE CASCADE, who int REFERENCES users ON DELETE SET NULL);
CREATE TABLE bills (id int PRIMARY KEY, who int REFERENCES users ON DELETE RESTRICT);
CREATE INDEX ON users (boss); CREATE INDEX ON posts (author); CREATE INDEX ON likes (post); CREATE INDEX ON likes (who);
CREATE TABLE counted (what text, id int);
CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO counted VALUES (TG_TABLE_NAME, OLD.id); RETURN NULL; END';
CREATE TRIGGER count_it AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION count_it();
CREATE TRIGGER count_it AFTER DELETE ON posts FOR EACH ROW EXECUTE FUNCTION count_it();
SELECT account.enable_soft_delete('users'), account.enable_soft_delete('posts');
-- everything that must hold whenever one looks; the number is what was wrong
CREATE VIEW wrong AS
    SELECT 'dangling' AS what, (SELECT count(*) FROM posts p WHERE NOT EXISTS (SELECT FROM users WHERE id = author))
        + (SELECT count(*) FROM users u WHERE boss IS NOT NULL AND NOT EXISTS (SELECT FROM users b WHERE b.id = u.boss))
        + (SELECT count(*) FROM likes l WHERE post IS NOT NULL AND NOT EXISTS (SELECT FROM posts p WHERE p.id = l.post))
        + (SELECT count(*) FROM likes l WHERE who IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = l.who))
        + (SELECT count(*) FROM bills b WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = b.who)) AS n
    UNION ALL
    SELECT 'counted twice', count(*) - count(DISTINCT (what, id)) FROM counted
    UNION ALL
    SELECT 'counted, and there', count(*) FROM counted c WHERE what = 'users' AND EXISTS (SELECT FROM users u WHERE u.id = c.id)
    UNION ALL
    SELECT 'neither counted nor there', (SELECT coalesce(max(id), 0) FROM (SELECT id FROM users UNION ALL SELECT id FROM counted WHERE what = 'users') x)
        - (SELECT count(*) FROM users) - (SELECT count(*) FROM counted WHERE what = 'users');
});
my $show = 'SET pgaccount.show_deleted = on; ';

sub start_purge
{
	my ($in, $out, $err) = ('', '', '');
	return IPC::Run::start(
		[ 'psql', '-X', '-q', '-d', $node->connstr('postgres') . ' application_name=purger', '-c', q{CALL account.purge_batches('users', '0', 25)} ],
		'<', \$in, '>', \$out, '2>', \$err);
}

my ($halfway, $last) = (0, 0);
foreach my $round (1 .. $rounds)
{
	# 1 of 100 has a bill and is kept; each tenth has the one before as its boss
	my $more = 2000;
	$node->safe_psql('postgres', "INSERT INTO users SELECT i, CASE WHEN i % 10 = 0 THEN i - 1 END FROM generate_series($last + 1, $last + $more) i;
		INSERT INTO posts SELECT i, i FROM generate_series($last + 1, $last + $more) i;
		INSERT INTO likes SELECT i, 1 + i % ($last + $more) FROM generate_series($last + 1, $last + $more) i WHERE EXISTS (SELECT FROM users WHERE id = 1 + i % ($last + $more));
		INSERT INTO bills SELECT i, i FROM generate_series($last + 50, $last + $more, 100) i; DELETE FROM users WHERE id > $last;");
	$last += $more;
	my $gone = "SELECT count(*) FROM counted WHERE what = 'users'";
	my $before = $node->safe_psql('postgres', $gone);
	my $purge = start_purge();
	$node->poll_query_until('postgres', "SELECT ($gone) > $before");
	usleep(int(rand(150_000)));
	if ($round % 2)
	{
		my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'purger'});
		kill('KILL', $pid) if $pid ne '';
		eval { $purge->finish; };
		# poll_query_until fails where psql ends before it has read
		my ($there, $told) = ('', '');
		usleep(100_000) until IPC::Run::run([ 'psql', '-X', '-A', '-t', '-d', $node->connstr('postgres'), '-c',
			q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'purger')} ], '<', \undef, '>', \$there, '2>', \$told) && $there =~ /^t$/m;
	}
	else
	{
		$node->stop('immediate');
		eval { $purge->finish; };
		$node->start;
	}
	my $left = $node->safe_psql('postgres', "${show}SELECT count(*) FROM users WHERE deleted_at IS NOT NULL AND id > $last - $more");
	$halfway++ if $left > 20;
	is($node->safe_psql('postgres', "${show}SELECT what, n FROM wrong WHERE n <> 0"), '', "round $round: nothing dangles, nothing is counted twice or lost");
}
cmp_ok($halfway, '>=', $rounds / 2, "$halfway of $rounds rounds were cut off halfway");

$node->safe_psql('postgres', q{CALL account.purge_batches('users', '0', 1000)});
is($node->safe_psql('postgres', "${show}SELECT what, n FROM wrong WHERE n <> 0"), '', 'the next run finishes');
is($node->safe_psql('postgres', "${show}SELECT count(*) FROM users u WHERE deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM bills WHERE who = u.id)
	AND NOT EXISTS (SELECT FROM users s JOIN bills ON who = s.id WHERE s.boss = u.id)"), 0, 'only what is billed is left');
is($node->safe_psql('postgres', "${show}SELECT count(*) FROM users"), $node->safe_psql('postgres', 'SELECT count(DISTINCT who) + count(DISTINCT who) FILTER (WHERE who % 10 = 0) FROM bills'),
	'with what it references');
$node->stop;
done_testing();
