# Logical replication and standbys: soft deletions arrive as updates, removals as deletes; nothing is done twice.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tables = q{
CREATE TABLE users (id int PRIMARY KEY, email text, is_deleted boolean NOT NULL DEFAULT false, deleted_by text, deleted_at timestamptz);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE parts (id int, t int, deleted_at timestamptz, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
};
my $enable = q{SELECT account.enable_soft_delete('users', guard_references => true), account.enable_soft_delete('posts'), account.enable_soft_delete('parts');};
my $look = q{SET pgaccount.show_deleted = on;
SELECT 'users', u.* FROM users u ORDER BY id; SELECT 'posts', p.* FROM posts p ORDER BY id; SELECT 'parts', p.* FROM parts p ORDER BY t, id;};
my $look_plain = $look =~ s/SET [^;]*;//r;

my $pub = PostgreSQL::Test::Cluster->new('publisher');
$pub->init(allows_streaming => 'logical');
$pub->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$pub->start;
$pub->safe_psql('postgres', "CREATE EXTENSION pgaccount; $tables $enable");
$pub->safe_psql('postgres', q{
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 20) i; INSERT INTO posts SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO parts SELECT i, 1 + i % 2 FROM generate_series(1, 10) i;
DELETE FROM users WHERE id = 1; DELETE FROM parts WHERE id = 1;
CREATE PUBLICATION p FOR TABLE users, posts, parts;});

# one subscriber that has it all enabled and preloaded, one enabled but not preloaded, one without the extension
my %sub;
foreach my $kind ('enabled', 'not_preloaded', 'without')
{
	my $s = $sub{$kind} = PostgreSQL::Test::Cluster->new("sub_$kind");
	$s->init(allows_streaming => 'logical');
	$s->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'") if $kind eq 'enabled';
	$s->start;
	$s->safe_psql('postgres', ($kind eq 'without' ? '' : 'CREATE EXTENSION pgaccount;') . $tables . ($kind eq 'without' ? '' : $enable));
	$s->safe_psql('postgres', "CREATE SUBSCRIPTION s_$kind CONNECTION '" . $pub->connstr . " dbname=postgres' PUBLICATION p");
	$s->wait_for_subscription_sync($pub, "s_$kind");
}
sub same
{
	my $what = shift;
	my $want = $pub->safe_psql('postgres', $look);
	foreach my $kind (sort keys %sub)
	{
		$pub->wait_for_catchup("s_$kind");
		is($sub{$kind}->safe_psql('postgres', $kind eq 'without' ? $look_plain : $look), $want, "$what: $kind");
	}
	return;
}
same('initial copy, deleted rows too');
is($sub{enabled}->safe_psql('postgres', 'SELECT count(*) FROM users'), 19, 'deleted rows are hidden on the subscriber');

$pub->safe_psql('postgres', 'DELETE FROM users WHERE id IN (2, 3)');
same('a deletion and its cascade');
$pub->safe_psql('postgres', 'UPDATE users SET is_deleted = true WHERE id = 4; INSERT INTO users (id, is_deleted) VALUES (101, true)');
same('by flag');
$pub->safe_psql('postgres', 'UPDATE users SET deleted_at = NULL WHERE id = 2');
same('a return and its cascade');
$pub->safe_psql('postgres', 'DELETE FROM parts WHERE id IN (2, 3); UPDATE parts SET t = 3 - t WHERE id IN (4, 5); DELETE FROM parts WHERE id = 4');
same('partitions, moves');
$pub->safe_psql('postgres', q{MERGE INTO users u USING (VALUES (5), (6)) v(id) ON u.id = v.id WHEN MATCHED THEN DELETE});
same('merge');
# removed for good at the publisher: as it would be after a purge
$pub->safe_psql('postgres', q{BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM posts WHERE id IN (3, 7); DELETE FROM users WHERE id IN (3); DELETE FROM parts WHERE id = 2; COMMIT});
same('removals are applied as they are');
is($sub{enabled}->safe_psql('postgres', 'SET pgaccount.show_deleted = on; SELECT count(*) FROM users WHERE id = 3'), 0, 'really gone');
$pub->safe_psql('postgres', q{BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO posts VALUES (200, 5); COMMIT; DELETE FROM users WHERE id > 10});
same('a reference to a deleted row, and a bulk deletion');
# TRUNCATE is applied as well
$pub->safe_psql('postgres', q{SET session_replication_role = replica; TRUNCATE parts; TRUNCATE posts});
same('truncate');
# on the subscriber itself a client's DELETE is soft
$sub{enabled}->safe_psql('postgres', 'INSERT INTO parts VALUES (50, 1); DELETE FROM parts WHERE id = 50');
is($sub{enabled}->safe_psql('postgres', 'SET pgaccount.show_deleted = on; SELECT count(*) FROM parts WHERE id = 50'), 1, 'its own clients delete softly');
foreach my $kind (sort keys %sub)
{
	unlike(slurp_file($sub{$kind}->logfile), qr/TRAP:|PANIC|terminated by signal|still referenced|ERROR/, "$kind: nothing crashed, leaked or failed");
	$sub{$kind}->stop;
}

# a hot standby hides too, and its clients may look
$pub->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($pub, 'base', has_streaming => 1);
$standby->start;
$pub->safe_psql('postgres', 'DELETE FROM users WHERE id = 10');
$pub->wait_for_catchup($standby, 'replay', $pub->lsn('insert'));
is($standby->safe_psql('postgres', 'SELECT count(*) FROM users WHERE id IN (9, 10)'), 1, 'hidden on a standby');
is($standby->safe_psql('postgres', 'SET pgaccount.show_deleted = on; SELECT count(*) FROM users WHERE id IN (9, 10)'), 2, 'and shown');
my ($rc, $out, $err) = $standby->psql('postgres', 'DELETE FROM users', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/25006/, 'a DELETE there is 25006');
$standby->promote;
is($standby->safe_psql('postgres', "\\set QUIET off\nDELETE FROM users WHERE id = 9;"), 'DELETE 1', 'promoted, it deletes');
is($standby->safe_psql('postgres', 'SET pgaccount.show_deleted = on; SELECT count(*) FROM users WHERE id = 9 AND deleted_at IS NOT NULL'), 1, 'softly');
$standby->stop;

# a crash in the middle: all of a bulk deletion and its cascade, or nothing
$pub->safe_psql('postgres', q{CREATE TABLE p (id int PRIMARY KEY, deleted_at timestamptz); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE, deleted_at timestamptz);
CREATE INDEX ON c (p); INSERT INTO p SELECT generate_series(1, 20000); INSERT INTO c SELECT i, i FROM generate_series(1, 20000) i;
SELECT account.enable_soft_delete('p'), account.enable_soft_delete('c')});
my $in = ''; my $bg_out = '';
my $h = IPC::Run::start([ 'psql', '-X', '-q', '-d', $pub->connstr('postgres') ], '<', \$in, '>', \$bg_out, '2>', \my $bg_err, IPC::Run::timeout(120));
$in .= "BEGIN; DELETE FROM p WHERE id <= 15000; SELECT 'deleted';\n";
IPC::Run::pump($h) until $bg_out =~ /deleted/;
$pub->stop('immediate');
IPC::Run::finish($h);
$pub->start;
is($pub->safe_psql('postgres', 'SELECT count(*) FROM p; SELECT count(*) FROM c'), "20000\n20000", 'after a crash before COMMIT nothing is deleted');
$pub->safe_psql('postgres', 'DELETE FROM p WHERE id <= 15000');
$pub->stop('immediate');
$pub->start;
is($pub->safe_psql('postgres', 'SELECT count(*) FROM p; SELECT count(*) FROM c'), "5000\n5000", 'after a crash after COMMIT all is');
$pub->stop;
done_testing();
