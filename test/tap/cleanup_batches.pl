# A removal in batches among what befalls a server: it is killed at random moments while clients write, its standby stops replaying, it goes
# on where the standby was promoted, it is slowed down, and there is no more room. Each time what was committed dangles nowhere, and the same
# CALL goes on to the end that one cleanup would have. PGACCOUNT_LONG=1: 300,000 rows, 30 kills; SEED chooses other moments.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $long = $ENV{PGACCOUNT_LONG};
my $seed = $ENV{SEED} || 20260118;
srand($seed);
my $kills = $long ? 30 : 6;
my $rows = $long ? 300_000 : 12_000;
diag("seed $seed, $kills kills, $rows rows");

# $tenants tenants; users, their posts in threads across tenants, likes that stay when posts go
sub schema
{
	my ($tenants, $posts) = @_;
	return qq{
CREATE EXTENSION pgaccount;
CREATE TABLE tenants (id int PRIMARY KEY);
CREATE TABLE users (id serial PRIMARY KEY, tenant int NOT NULL REFERENCES tenants ON DELETE CASCADE, boss int REFERENCES users ON DELETE SET NULL);
CREATE TABLE posts (id bigserial PRIMARY KEY, who int NOT NULL REFERENCES users ON DELETE CASCADE, parent bigint REFERENCES posts ON DELETE CASCADE);
CREATE TABLE likes (id bigserial PRIMARY KEY, post bigint REFERENCES posts ON DELETE SET NULL);
CREATE INDEX ON users (tenant); CREATE INDEX ON users (boss); CREATE INDEX ON posts (who); CREATE INDEX ON posts (parent); CREATE INDEX ON likes (post);
INSERT INTO tenants SELECT generate_series(1, $tenants);
INSERT INTO users (tenant, boss) SELECT 1 + i % $tenants, nullif(i / 10, 0) FROM generate_series(1, 500) i;
INSERT INTO posts (who, parent) SELECT 1 + i % 500, CASE WHEN i > 1000 THEN i - 999 END FROM generate_series(1, $posts) i;
INSERT INTO likes (post) SELECT i FROM generate_series(1, $posts, 3) i;
ANALYZE;
-- what stays when tenant 1 goes, to the last column: threads that are of others all the way up, and all likes
CREATE TABLE kept_users AS SELECT u.id, u.tenant, b.id AS boss FROM users u LEFT JOIN users b ON b.id = u.boss AND b.tenant <> 1 WHERE u.tenant <> 1;
CREATE TABLE kept_posts AS WITH RECURSIVE k AS (
        SELECT p.* FROM posts p JOIN users u ON u.id = p.who WHERE p.parent IS NULL AND u.tenant <> 1
        UNION ALL SELECT p.* FROM k JOIN posts p ON p.parent = k.id JOIN users u ON u.id = p.who WHERE u.tenant <> 1)
    SELECT * FROM k;
CREATE TABLE kept_likes AS SELECT l.id, k.id AS post FROM likes l LEFT JOIN kept_posts k ON k.id = l.post;
CREATE VIEW dangling AS SELECT (SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = u.tenant))
    + (SELECT count(*) FROM users u WHERE boss IS NOT NULL AND NOT EXISTS (SELECT FROM users b WHERE b.id = u.boss))
    + (SELECT count(*) FROM posts p WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = p.who))
    + (SELECT count(*) FROM posts p WHERE parent IS NOT NULL AND NOT EXISTS (SELECT FROM posts q WHERE q.id = p.parent))
    + (SELECT count(*) FROM likes l WHERE post IS NOT NULL AND NOT EXISTS (SELECT FROM posts p WHERE p.id = l.post)) AS n;
CREATE VIEW not_kept AS SELECT (SELECT count(*) FROM (TABLE kept_users EXCEPT SELECT id, tenant, boss FROM users) x)
    + (SELECT count(*) FROM (TABLE kept_posts EXCEPT SELECT id, who, parent FROM posts) x)
    + (SELECT count(*) FROM (TABLE kept_likes EXCEPT SELECT id, post FROM likes) x) AS n;
SELECT account.enable_soft_delete('tenants');
};
}

sub call
{
	my ($tenant, $arguments) = @_;
	return "CALL account.cleanup_batches('tenants', '$tenant', $arguments)";
}

sub start
{
	my @command = @_;
	my ($in, $out, $err) = ('', '', '');
	return IPC::Run::start(\@command, '<', \$in, '>', \$out, '2>', \$err);
}

sub start_call
{
	my ($node, $call) = @_;
	return start('psql', '-X', '-q', '-d', $node->connstr('postgres') . ' application_name=remover', '-c', $call);
}

# The server is there again. psql may be told of the end before the postmaster is. (poll_query_until fails where psql ends before it has read.)
sub comes_back
{
	my $node = shift;
	foreach my $try (1 .. 3000)
	{
		my ($out, $err) = ('', '');
		return if IPC::Run::run([ 'psql', '-X', '-A', '-t', '-d', $node->connstr('postgres'), '-c',
			q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'remover')} ], '<', \undef, '>', \$out, '2>', \$err) && $out =~ /^t$/m;
		usleep(100_000);
	}
	die 'the server does not come back';
}

my $show = 'SET pgaccount.show_deleted = on; ';
my $triggers = q{SELECT count(*) FROM pg_trigger WHERE tgfoid = 'account.refuse_sealed'::regproc};
sub removal
{
	my ($node, $tenant, $columns) = @_;
	return $node->safe_psql('postgres', "SELECT $columns FROM account.removal WHERE key = '$tenant' ORDER BY id DESC LIMIT 1");
}

# all of a tenant is gone, and nothing else
sub ended
{
	my ($node, $tenant, $what) = @_;
	is(removal($node, $tenant, 'state, remaining'), 'finished|0', "$what: it is finished");
	is($node->safe_psql('postgres', "${show}SELECT n, (SELECT count(*) FROM tenants WHERE id = $tenant), (SELECT count(*) FROM users WHERE tenant = $tenant) FROM dangling"),
		'0|0|0', "$what: the tenant is gone, and nothing dangles");
	return;
}

# ---- Killed, while clients write
{
	my $node = PostgreSQL::Test::Cluster->new('killed');
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\nrestart_after_crash = on\nautovacuum_naptime = 1\nlog_min_messages = warning\n");
	$node->start;
	$node->safe_psql('postgres', schema(2, $rows));
	# clients write both tenants, into what is going, and take a refusal for an answer
	$node->safe_psql('postgres', q{CREATE FUNCTION write(u int) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO posts (who, parent) SELECT x.id, CASE WHEN u % 3 = 0 THEN (SELECT max(p.id) FROM posts p WHERE p.who = 501 - u) END FROM users x WHERE x.id = u;
			INSERT INTO likes (post) SELECT max(id) FROM posts WHERE who = u;
			UPDATE users SET boss = boss WHERE id = u;
			INSERT INTO users (tenant, boss) SELECT 1, u WHERE u % 20 = 0;
		EXCEPTION WHEN foreign_key_violation THEN
		END $$});
	my $script = $node->basedir . '/write.sql';
	append_to_file($script, "\\set u random(1, 500)\nSELECT write(:u);\n\\sleep 5 ms\n");
	my $clients = sub { return start('pgbench', '-n', '-c', 4, '-T', 300, '--max-tries=100', '-f', $script, $node->connstr('postgres')); };
	my $stop_clients = sub { my $h = shift; $h->kill_kill; eval { $h->finish; }; return; };
	my $call = call(1, 'batch_size => ' . ($long ? 500 : 50));
	my ($halfway, $before) = (0, 0);

	foreach my $round (1 .. $kills)
	{
		my $writers = $clients->();
		my $remover = start_call($node, $call);
		# some at once, before or after the seal; the others after some of the rest
		if ($round % 3 != 1)
		{
			my $some = $before + 1 + int(rand((removal($node, 1, 'remaining') || $rows / 2) / ($kills - $round + 2)));
			$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM account.removal WHERE done >= $some OR state = 'finished')")
				or die 'it does not go on';
		}
		usleep(int(rand(200_000)));
		if ($round % 2)
		{
			my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'remover'});
			kill('KILL', $pid) if $pid ne '';
			$stop_clients->($writers);
			eval { $remover->finish; };
			comes_back($node);
		}
		else
		{
			$node->stop('immediate');
			eval { $remover->finish; };
			$stop_clients->($writers);
			$node->start;
		}
		my ($state, $done) = split(/\|/, removal($node, 1, 'state, done'));
		$state //= 'none';
		last if $state eq 'finished';
		is($node->safe_psql('postgres', "${show}TABLE dangling"), '0', "kill $round: nothing dangles");
		next if $state eq 'none';
		is($state, 'interrupted', "kill $round: it is seen to be interrupted");
		is($node->safe_psql('postgres', "${show}SELECT count(*) FROM tenants WHERE id = 1 AND deleted_at IS NOT NULL"), '1', "kill $round: the tenant is deleted softly");
		cmp_ok($done, '>=', $before, "kill $round: what was done stays done");
		if ($done > 0)
		{
			my (undef, undef, $refused) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nINSERT INTO users (tenant) VALUES (1)");
			like($refused, qr/23503/, "kill $round: and nothing new may reference it");
			$halfway++ if $done > $before;
		}
		$before = $done;
	}
	cmp_ok($halfway, '>=', 2, "$halfway of the kills were in its midst");
	my $writers = $clients->();
	my ($ret, undef, $err) = $node->psql('postgres', $call);
	is($ret, 0, 'killed: the same CALL goes on, while clients write') or diag($err);
	$stop_clients->($writers);
	$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%write(%' AND pid <> pg_backend_pid())});
	ended($node, 1, 'killed');
	is($node->safe_psql('postgres', 'TABLE not_kept'), '0', 'killed: rows of others are as they were');
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) - (SELECT count(*) FROM kept_posts) FROM posts'), '>', 0, 'killed: and clients have written');
	is($node->safe_psql('postgres', $triggers), '0', 'killed: no trigger is left');
	unlike(slurp_file($node->logfile), qr/TRAP:|PANIC|terminated by signal (?!9)/, 'killed: nothing else crashed');
	$node->stop;
}

# ---- A standby that does not replay, a primary that is slowed down, and another one
{
	my $node = PostgreSQL::Test::Cluster->new('primary');
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\nautovacuum = off\n");
	$node->start;
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->safe_psql('postgres', schema(6, 6000));
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));

	# it waits for whoever does not replay, as long as that does not
	my $waits = q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'remover' AND query LIKE '%waits for standby "standby"'};
	my $lagging = call(2, q{batch_size => 20, max_lag => '1 second', max_wal_per_second => 30000});
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	my $remover = start_call($node, $lagging);
	ok($node->poll_query_until('postgres', $waits, 1), 'lag: it waits for the standby, and says so');
	my $done = removal($node, 2, 'state, done, last_batch_at');
	like($done, qr/^running\|[1-9]/, 'lag: in its midst');
	usleep(1_500_000);
	is(removal($node, 2, 'state, done, last_batch_at'), $done, 'lag: meanwhile nothing goes');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'remover' AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)}),
		'0', 'lag: no transaction number and no snapshot is held');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'remover'
		AND l.relation IN ('tenants'::regclass, 'users'::regclass, 'posts'::regclass, 'likes'::regclass, 'account.removal_task'::regclass)}), '0', 'lag: nor a lock of a table');
	my (undef, undef, $second) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$lagging");
	like($second, qr/55006/, 'lag: a second one is refused');
	# its client gives up
	$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'remover'});
	$remover->finish;
	is(removal($node, 2, 'state'), 'interrupted', 'lag: it can be cancelled while it waits');
	# whoever has not all time does not wait for longer than that
	my $begun = time;
	$node->safe_psql('postgres', q{SET statement_timeout = '60 s';} . call(2, q{batch_size => 20, max_lag => '500 ms', max_runtime => '2 seconds'}));
	cmp_ok(time - $begun, '<', 30, 'lag: max_runtime ends the wait');
	is(removal($node, 2, 'state'), 'paused', 'lag: as paused');
	$remover = start_call($node, $lagging);
	ok($node->poll_query_until('postgres', $waits, 1), 'lag: the same CALL waits again');
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	$remover->finish;
	ended($node, 2, 'lag: when the standby replays again');
	is($node->safe_psql('postgres', $triggers), '0', 'lag: no trigger is left');

	# whoever waits hears that it was cancelled
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	$remover = start_call($node, call(5, q{batch_size => 20, max_lag => '500 ms', max_wal_per_second => 50000}));
	ok($node->poll_query_until('postgres', $waits, 1), 'lag: another one waits');
	$node->safe_psql('postgres', q{SELECT account.cancel_removal(id) FROM account.removal WHERE key = '5'});
	ok($node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'remover')}), 'lag: and ends when it is cancelled');
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	$remover->finish;
	is(removal($node, 5, 'state'), 'cancelled', 'lag: as cancelled');
	is($node->safe_psql('postgres', "${show}SELECT n FROM dangling"), '0', 'lag: and nothing dangles');
	is($node->safe_psql('postgres', $triggers), '0', 'lag: and no trigger is left');

	# its own WAL: never more than so much a second, but for the first second and the last batch
	my $limit = 30_000;
	my $lsn = $node->lsn('insert');
	$begun = time;
	$node->safe_psql('postgres', call(3, "batch_size => 20, max_wal_per_second => $limit"));
	my $took = time - $begun;
	my ($wal, $batches) = split(/\|/, $node->safe_psql('postgres',
		"SELECT pg_current_wal_insert_lsn() - '$lsn', batches FROM account.removal WHERE key = '3'"));
	ended($node, 3, 'WAL');
	cmp_ok($wal, '>', 3 * $limit, "WAL: $wal bytes were written in $batches batches");
	cmp_ok($took, '>', ($wal - 3 * $wal / $batches) / $limit - 1.5, "WAL: in $took s");
	$begun = time;
	$node->safe_psql('postgres', q{SET statement_timeout = '60 s';} . call(4, "batch_size => 20, max_wal_per_second => 500, max_runtime => '1 second'"));
	cmp_ok(time - $begun, '<', 30, 'WAL: max_runtime ends that wait, too');
	like(removal($node, 4, 'state, batches, done, remaining'), qr/^paused\|[1-9]\d*\|[1-9]\d*\|[1-9]\d*$/, 'WAL: as paused, after a batch at least');
	my $first = removal($node, 4, 'batches');
	$node->safe_psql('postgres', call(4, "batch_size => 20, max_wal_per_second => 2000, max_runtime => '0'"));
	is(removal($node, 4, 'state, batches'), 'paused|' . ($first + 1), 'WAL: no time at all is one batch');

	# one is paused, one is running, and the primary is gone
	$remover = start_call($node, call(1, 'batch_size => 10, max_wal_per_second => 20000'));
	$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM account.removal WHERE key = '1' AND batches >= 3)}) or die 'it does not begin';
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	is($standby->safe_psql('postgres', q{SELECT key, state FROM account.removal WHERE key IN ('1', '4') ORDER BY key}), "1|running\n4|paused", 'promotion: a standby shows what its primary does');
	my (undef, undef, $refused) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\n" . call(4, 'batch_size => 20'));
	like($refused, qr/25006/, 'promotion: and does nothing itself');
	$node->stop('immediate');
	eval { $remover->finish; };
	$standby->promote;
	is($standby->safe_psql('postgres', q{SELECT key, state FROM account.removal WHERE key IN ('1', '4') ORDER BY key}), "1|interrupted\n4|paused", 'promotion: what was running is interrupted');
	is($standby->safe_psql('postgres', "${show}TABLE dangling"), '0', 'promotion: nothing dangles');
	foreach my $tenant (1, 4)
	{
		(undef, undef, $refused) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nINSERT INTO users (tenant) VALUES ($tenant)");
		like($refused, qr/23503/, "promotion: nothing new may reference tenant $tenant");
	}
	foreach my $tenant (4, 1)
	{
		my ($ret, undef, $err) = $standby->psql('postgres', call($tenant, q{batch_size => 50, max_lag => '1 second'}));
		is($ret, 0, "promotion: tenant $tenant goes on at the new primary") or diag($err);
		ended($standby, $tenant, "promotion: tenant $tenant");
	}
	is($standby->safe_psql('postgres', $triggers), '0', 'promotion: no trigger is left');
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM users WHERE tenant = 6'), '83', 'promotion: users of others are left');
	unlike(slurp_file($_->logfile), qr/TRAP:|PANIC|terminated by signal/, 'nothing crashed: ' . $_->name) foreach ($node, $standby);
	$standby->stop;
}

# ---- No more room: files may not grow any more, or the disk that an archive is on is full
sub no_more_room
{
	my ($name, $node, $begin, $end) = @_;
	$node->safe_psql('postgres', schema(2, 6000));
	# what goes is written down, which takes more room than there is
	$node->safe_psql('postgres', q{
		CREATE TABLE archive (id bigint, what text); ALTER TABLE archive ALTER what SET STORAGE PLAIN;
		CREATE FUNCTION archive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO archive VALUES (OLD.id, repeat('x', 2500)); RETURN NULL; END $$;
		CREATE TRIGGER archive AFTER DELETE ON posts FOR EACH ROW EXECUTE FUNCTION archive();
		CHECKPOINT});
	ok($begin->(), "$name: there is little room");
	my $call = call(1, 'batch_size => 100');
	my ($ret, undef, $err) = $node->psql('postgres', $call);
	like($err, qr/could not (?:extend|write)/, "$name: it fails where there is no more");
	isnt($ret, 0, "$name: and says so");
	like(removal($node, 1, 'state, done'), qr/^interrupted\|[1-9]/, "$name: it is interrupted");
	is($node->safe_psql('postgres', "${show}TABLE dangling"), '0', "$name: nothing dangles");
	is($node->safe_psql('postgres', 'SELECT count(*), (SELECT count(*) FROM archive a WHERE EXISTS (SELECT FROM posts p WHERE p.id = a.id)) FROM archive'),
		removal($node, 1, 'done') . '|0', "$name: what went is written down, and nothing else");
	isnt(($node->psql('postgres', $call))[0], 0, "$name: and so it stays");
	ok($end->(), "$name: there is room again");
	($ret, undef, $err) = $node->psql('postgres', $call);
	is($ret, 0, "$name: the same CALL goes on") or diag($err);
	ended($node, 1, $name);
	is($node->safe_psql('postgres', 'TABLE not_kept'), '0', "$name: rows of others are as they were");
	is($node->safe_psql('postgres', $triggers), '0', "$name: no trigger is left");
	unlike(slurp_file($node->logfile), qr/TRAP:|PANIC|terminated by signal/, "$name: nothing crashed");
	$node->stop;
	return;
}

my $small = "shared_preload_libraries = 'pgaccount'\nautovacuum = off\nmax_wal_size = 64\nmin_wal_size = 2\n";
SKIP:
{
	my $no_limits = system('prlimit --version >/dev/null 2>&1') != 0;
	skip 'there is no prlimit, which limits the files of a server', 1 if $no_limits;
	my $node = PostgreSQL::Test::Cluster->new('limited');
	$node->init(extra => ['--wal-segsize=1']);
	$node->append_conf('postgresql.conf', $small);
	$node->start;
	# backends begin with the postmaster's
	my ($postmaster) = split(/\n/, slurp_file($node->data_dir . '/postmaster.pid'));
	no_more_room('a limit of files', $node, sub { return !system("prlimit --pid $postmaster --fsize=4194304:") },
		sub { return !system("prlimit --pid $postmaster --fsize=unlimited:") });
}
SKIP:
{
	# as root in namespaces of its own it may mount, and then it is somebody else again, as a server wants
	my $unshared = sub { my ($dir, $size, $command) = @_; return ('unshare', '-rm', 'sh', '-c',
		"mount -t tmpfs -o size=$size none '$dir' && exec unshare -U --map-user=1000 --map-group=1000 $command"); };
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $quiet = '>/dev/null 2>&1';
	my @try = $unshared->($dir, '1m', 'true');
	my $cannot = system("unshare -rm sh -c \"$try[-1]\" $quiet") != 0;
	skip 'no tmpfs can be mounted here, in namespaces of its own', 1 if $cannot;
	my $node = PostgreSQL::Test::Cluster->new('full');
	$node->init(extra => ['--wal-segsize=1']);
	$node->append_conf('postgresql.conf', $small);
	system_or_bail($unshared->($dir, '24m', sprintf("pg_ctl -w -s -D '%s' -l '%s' -o --cluster-name=full start", $node->data_dir, $node->logfile)));
	$node->_update_pid(1);
	$node->safe_psql('postgres', "CREATE TABLESPACE disk LOCATION '$dir'");
	no_more_room('a full disk', $node,
		sub {
			$node->safe_psql('postgres', q{ALTER TABLE archive SET TABLESPACE disk; CREATE TABLE ballast TABLESPACE disk AS SELECT g FROM generate_series(1, 500000) g});
			return $node->safe_psql('postgres', q{SELECT pg_tablespace_size('disk') > 17000000}) eq 't';
		},
		sub { $node->safe_psql('postgres', q{DROP TABLE ballast; CHECKPOINT}); return $node->safe_psql('postgres', q{SELECT pg_tablespace_size('disk') < 8000000}) eq 't'; });
	like(slurp_file($node->logfile), qr/No space left on device/, 'a full disk: it was full');
}
done_testing();
