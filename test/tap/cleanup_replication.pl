# A logical subscriber ends with the rows the publisher has: after cleanups, purges and soft deletions, in any mix.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tables = q{
CREATE TABLE org (id int PRIMARY KEY, name text);
CREATE TABLE users (id int PRIMARY KEY, org int REFERENCES org ON DELETE CASCADE, boss int REFERENCES users, deleted_at timestamptz);
CREATE TABLE clients (id int PRIMARY KEY, org int REFERENCES org ON DELETE CASCADE, owner int REFERENCES users ON DELETE RESTRICT);
CREATE TABLE deals (id int, at date, client int REFERENCES clients DEFERRABLE INITIALLY DEFERRED, by int REFERENCES users ON DELETE RESTRICT,
    PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE deals_old PARTITION OF deals FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');
CREATE TABLE deals_new PARTITION OF deals FOR VALUES FROM ('2026-01-01') TO ('2030-01-01');
CREATE TABLE lines (id int PRIMARY KEY, deal int, at date, FOREIGN KEY (deal, at) REFERENCES deals ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE logs (id int PRIMARY KEY, who int REFERENCES users ON DELETE SET NULL, org int DEFAULT 0 REFERENCES org ON DELETE SET DEFAULT);
CREATE TABLE chick (id int PRIMARY KEY, egg int); CREATE TABLE egg (id int PRIMARY KEY, chick int REFERENCES chick ON DELETE CASCADE);
ALTER TABLE chick ADD FOREIGN KEY (egg) REFERENCES egg ON DELETE CASCADE;
};
my $enable = q{SELECT account.enable_soft_delete('users', guard_references => true), account.enable_soft_delete('lines');};
my @names = qw(org users clients deals lines logs chick egg);
my $look_plain = join(' ', map { "SELECT '$_', x.* FROM $_ x ORDER BY x;" } @names);

my $pub = PostgreSQL::Test::Cluster->new('publisher');
$pub->init(allows_streaming => 'logical');
$pub->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\nlogical_decoding_work_mem = 64kB");
$pub->start;
$pub->safe_psql('postgres', "CREATE EXTENSION pgaccount; $tables $enable");
$pub->safe_psql('postgres', q{
SELECT account.set_reference_policy('deals', 'deals_client_fkey', 'cascade');
INSERT INTO org SELECT i, 'org ' || i FROM generate_series(0, 9) i;
INSERT INTO users SELECT i, i % 10, CASE WHEN i > 10 THEN i - 10 END FROM generate_series(1, 400) i;
INSERT INTO clients SELECT i, i % 10, i FROM generate_series(1, 400) i;
INSERT INTO deals SELECT i, date '2024-01-01' + i, i, 1 + (i - 1) % 10 FROM generate_series(1, 400) i;
INSERT INTO deals SELECT 401, '2026-05-05', 3, 4;
INSERT INTO lines SELECT i, id, at FROM deals, generate_series(id * 10, id * 10 + 2) i;
INSERT INTO logs SELECT i, i, i % 10 FROM generate_series(1, 400) i;
INSERT INTO chick SELECT i FROM generate_series(1, 20) i; INSERT INTO egg SELECT i, i FROM generate_series(1, 20) i; UPDATE chick SET egg = id;
CREATE PUBLICATION p FOR TABLE } . join(', ', @names));

my %sub;
foreach my $kind ('preloaded', 'not_preloaded', 'without')
{
	my $s = $sub{$kind} = PostgreSQL::Test::Cluster->new("sub_$kind");
	$s->init;
	$s->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'") if $kind eq 'preloaded';
	$s->start;
	$s->safe_psql('postgres', ($kind eq 'without' ? '' : 'CREATE EXTENSION pgaccount;') . $tables . ($kind eq 'without' ? '' : $enable));
	$s->safe_psql('postgres', "CREATE SUBSCRIPTION s_$kind CONNECTION '" . $pub->connstr . " dbname=postgres' PUBLICATION p WITH (streaming = on)");
	$s->wait_for_subscription_sync($pub, "s_$kind");
}

my $rows;
# The publisher does something; all have the same rows then, and not those of before.
sub does
{
	my ($what, $sql) = @_;
	$pub->safe_psql('postgres', $sql) if defined $sql;
	my $now = $pub->safe_psql('postgres', "SET pgaccount.show_deleted = on; $look_plain");
	isnt($now, $rows, "$what: something happened") if defined $sql;
	$rows = $now;
	foreach my $kind (sort keys %sub)
	{
		$pub->wait_for_catchup("s_$kind");
		is($sub{$kind}->safe_psql('postgres', ($kind eq 'without' ? '' : 'SET pgaccount.show_deleted = on; ') . $look_plain), $rows, "$what: $kind");
	}
	return;
}
does('initial copy');
does('cleanup of an organisation, forced', q{SELECT count(*) FROM account.cleanup('org', 3, force => true)});
does('cleanup of a user of whom others are the boss', q{SELECT count(*) FROM account.cleanup('users', 4, force => true)});
does('cleanup with ordinary checks', q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM account.cleanup('clients', ARRAY[7, 15, 25]); COMMIT});
does('cleanup of a cycle', q{SELECT count(*) FROM account.cleanup('chick', ARRAY[1, 2, 3])});
does('soft deletion', q{DELETE FROM users WHERE id BETWEEN 390 AND 399; DELETE FROM lines WHERE id % 7 = 0});
does('purge', q{SELECT account.purge('lines', '0', 50)});
does('purge in batches', q{CALL account.purge_batches('lines', '0', 20)});
does('purge, forced', q{SELECT account.purge('users', '0', force => true)});
does('all of it in one transaction', q{BEGIN;
	DELETE FROM users WHERE id = 2;
	SAVEPOINT s; SELECT count(*) FROM account.cleanup('org', 5, true); ROLLBACK TO s;
	SELECT count(*) FROM account.cleanup('org', 6, true);
	INSERT INTO lines SELECT 90000 + id, id, at FROM deals LIMIT 5; DELETE FROM lines WHERE id > 90002; SELECT account.purge('lines', '0');
	COMMIT});

# what arrives later meets the same rules on the subscriber: its own clients delete softly, and nothing dangles
foreach my $kind (sort keys %sub)
{
	is($sub{$kind}->safe_psql('postgres', q{
		SELECT (SELECT count(*) FROM users u WHERE org IS NOT NULL AND NOT EXISTS (SELECT FROM org WHERE id = u.org))
		     + (SELECT count(*) FROM clients c WHERE NOT EXISTS (SELECT FROM org WHERE id = c.org))
		     + (SELECT count(*) FROM deals d WHERE NOT EXISTS (SELECT FROM clients WHERE id = d.client))
		     + (SELECT count(*) FROM lines l WHERE NOT EXISTS (SELECT FROM deals d WHERE d.id = l.deal AND d.at = l.at))
		     + (SELECT count(*) FROM logs l WHERE NOT EXISTS (SELECT FROM org WHERE id = l.org))}), 0, "nothing dangles: $kind");
	unlike(slurp_file($sub{$kind}->logfile), qr/TRAP:|PANIC|terminated by signal|ERROR/, "$kind: nothing crashed or failed");
	$sub{$kind}->stop;
}
$pub->stop;
done_testing();
