# What takes long ends at once when it is cancelled, wherever it is, and has done nothing then: removals, erasures, returns, plans and
# reports over many rows. Each is timed first; then it runs into a timeout after a part of that time. Then it is done.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $rows = $ENV{CANCEL_ROWS} || 20_000;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\nautovacuum = off\nmax_parallel_workers_per_gather = 0\npgaccount.slow_threshold = -1\n");
$node->start;
$node->safe_psql('postgres', qq{
CREATE EXTENSION pgaccount;
CREATE TABLE tenants (id int PRIMARY KEY, name text);
CREATE TABLE users (id int PRIMARY KEY, tenant_id int REFERENCES tenants ON DELETE CASCADE, email text, is_staff boolean DEFAULT true, boss int REFERENCES users ON DELETE CASCADE);
CREATE TABLE profiles (user_id int PRIMARY KEY REFERENCES users ON DELETE CASCADE, role text);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE, body text);
CREATE TABLE likes (id int PRIMARY KEY, post int REFERENCES posts ON DELETE CASCADE, who int REFERENCES users ON DELETE SET NULL);
-- what plans and reports look through row by row
CREATE TABLE notes (id int PRIMARY KEY, post int REFERENCES posts ON DELETE CASCADE, body text) PARTITION BY HASH (id);
CREATE TABLE notes_0 PARTITION OF notes FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE notes_1 PARTITION OF notes FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO tenants SELECT i, 't' || i FROM generate_series(1, 2) i;
INSERT INTO users (id, tenant_id, email, boss) SELECT i, 1, 'u' || i || '\@example.com', CASE WHEN i > 1000 THEN i - 1000 END FROM generate_series(1, $rows) i;
INSERT INTO profiles SELECT i, 'member' FROM generate_series(1, $rows) i;
INSERT INTO posts SELECT i, i, 'body ' || i FROM generate_series(1, $rows) i;
INSERT INTO likes SELECT i, i, 1 + i * 7 % $rows FROM generate_series(1, $rows) i;
INSERT INTO notes SELECT i, i, 'note ' || i FROM generate_series(1, $rows) i;
CREATE INDEX ON users (tenant_id); CREATE INDEX ON users (boss); CREATE INDEX ON posts (author); CREATE INDEX ON likes (post); CREATE INDEX ON likes (who); CREATE INDEX ON notes (post);
SELECT account.enable_soft_delete('tenants'), account.enable_soft_delete('users'), account.enable_soft_delete('posts', guard_references => true), account.enable_soft_delete('notes');
SELECT account.use_tables('users', 'profiles', 'tenants');
SELECT account.set_erasure('users', 'email', 'hash'), account.set_erasure('posts', 'body', 'null'), account.set_erasure('notes', 'body', 'constant:gone');
SELECT account.create_key();
VACUUM ANALYZE;
});
# users are referenced by likes that would lose their user; and a part of posts is deleted
my $all = "ARRAY(SELECT i FROM generate_series(1, $rows) i)";

# The state, as a text: what a call that has done nothing leaves as it is.
my $show = 'SET pgaccount.show_deleted = on; ';
my $state = $show . 'SELECT ' . join(' || ', map { "(SELECT count(*) || ' ' || coalesce(sum(hashtextextended(x::text, 0)), 0) FROM $_ x)" } qw(tenants users profiles posts likes notes account.erased_row));
sub state_of { return $node->safe_psql('postgres', $state) }

# Name, what makes it ready and is there before it is cancelled, and the call.
my @calls = (
	[ 'a soft deletion', '', 'DELETE FROM users' ],
	[ 'restore', 'DELETE FROM users', "SELECT account.restore('users', $all)" ],
	[ 'purge', '', "SELECT account.purge('users', '-1 s')" ],
	[ 'purge with force', '', "SELECT account.purge('users', '-1 s', force => true)" ],
	[ 'cleanup_plan', '', "SELECT count(*) FROM account.cleanup_plan('tenants', 1, true)" ],
	[ 'plan_hash', '', "SELECT account.plan_hash('tenants', 1, true)" ],
	[ 'cleanup', '', "SELECT sum(rows) FROM account.cleanup('tenants', 1, true)" ],
	[ 'erase', '', "SELECT account.erase('users', $all)" ],
	[ 'place_hold', '', "SELECT account.place_hold('users', $all, 'case')" ],
	[ 'doctor', '', 'SELECT count(*) FROM account.doctor()' ],
	[ 'enable_profile', 'DELETE FROM profiles', "SELECT account.enable_profile('users', 'profiles')" ],
	[ 'missing_profiles', "SELECT account.enable_profile('users', 'profiles'); DELETE FROM profiles", "SELECT count(*) FROM account.missing_profiles('users')" ],
	[ 'export_tenant', "SELECT account.restore('users', $all)", "SELECT account.act_as('2'); SELECT count(*) FROM account.export_tenant('1')" ],
	[ 'export_user', '', "SELECT account.act_as('1'); SELECT length(account.export_user('1')::text)" ],
);

# Run something in a transaction that is rolled back; its SQLSTATE, and how long it took.
sub timed
{
	my ($call, $timeout) = @_;
	my $start = time;
	my (undef, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nSET client_min_messages = error;\nBEGIN;\n" . ($timeout ? "SET LOCAL statement_timeout = $timeout;\n" : '') . "$call;\nROLLBACK;", on_error_stop => 0);
	my $took = time - $start;
	my ($code) = $err =~ /ERROR: +(\w{5})/;
	return ($code // '00000', $took, $err);
}

for (@calls)
{
	my ($name, $ready, $call) = @$_;
	$node->safe_psql('postgres', "SET client_min_messages = error; $ready") if $ready;
	my $before = state_of();
	my ($code, $took, $err) = timed($call, 0);
	is($code, '00000', "$name is possible") or diag($err);
	my ($cancelled, $late) = (0, 0);
	for my $part (0.15, 0.4, 0.65, 0.9)
	{
		my $after = int(1000 * $took * $part) || 1;
		($code, my $took_now) = timed($call, $after);
		next if $code eq '00000' && $took_now * 1000 < $after * 1.5;    # the machine was faster this time
		$cancelled++ if $code eq '57014';
		$late = $took_now - $after / 1000 if $took_now - $after / 1000 > $late;
	}
	ok($cancelled > 0, "$name is cancelled");
	# a session begins and ends in that time, too
	cmp_ok($late, '<', 1 + 0.3 * $took, sprintf('%s ends at once (%.2f s without, %.2f s late)', $name, $took, $late));
	is(state_of(), $before, "$name has done nothing then");
}
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is there');

# A procedure that commits between batches: what it has done by then is whole, and the same call goes on.
$node->safe_psql('postgres', 'UPDATE likes SET who = NULL');
my $dangling = $show . q{SELECT (SELECT count(*) FROM posts p WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = p.author)) + (SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT FROM users b WHERE b.id = u.boss) AND boss IS NOT NULL)
	+ (SELECT count(*) FROM likes l WHERE NOT EXISTS (SELECT FROM posts p WHERE p.id = l.post)) + (SELECT count(*) FROM notes n WHERE NOT EXISTS (SELECT FROM posts p WHERE p.id = n.post))};
my $stops = 0;
for (1 .. 200)
{
	my $start = time;
	# a slower machine gets further with more time
	my $timeout = 280 + 20 * $_;
	my (undef, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nSET client_min_messages = error;\nSET statement_timeout = '${timeout}ms';\nCALL account.cleanup_batches('tenants', '1', true, 5000);");
	last if $err eq '';
	like($err, qr/57014/, 'a removal in batches is cancelled') if !$stops++;
	cmp_ok(time - $start, '<', 5, 'at once') if $stops == 1;
	last if $node->safe_psql('postgres', $dangling) ne '0';
}
ok($stops > 0, 'it was cancelled on its way');
is($node->safe_psql('postgres', $dangling), '0', 'nothing dangles');
is($node->safe_psql('postgres', 'SELECT state FROM account.removal'), 'finished', 'and it came to its end');
is($node->safe_psql('postgres', $show . 'SELECT count(*) FROM users'), '0', 'all is gone');
$node->stop;
done_testing();
