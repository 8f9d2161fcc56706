# The export of a tenant takes no more memory for ten times the rows: its peak is read from the backend's own status,
# less the shared buffers that it has touched.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'the peak of a process is read from /proc' unless -r "/proc/$$/status";

my $node = PostgreSQL::Test::Cluster->new('export');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\nautovacuum = off\njit = off\n");
$node->start;

# The peak of the backend, in kB, and how many rows came, of a tenant of so many rows: a tree, and what hangs on it.
sub peak_of
{
	my ($rows) = @_;
	my $db = "rows_$rows";

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql(
		$db, qq{
		CREATE EXTENSION pgaccount;
		CREATE TABLE tenants (id int PRIMARY KEY, slug text);
		CREATE TABLE users (id int PRIMARY KEY, email text, tenant_id int REFERENCES tenants, is_superuser boolean);
		CREATE TABLE nodes (id uuid PRIMARY KEY, tenant int NOT NULL REFERENCES tenants, parent uuid REFERENCES nodes, says text);
		CREATE TABLE leaves (id int PRIMARY KEY, node uuid NOT NULL REFERENCES nodes, says text);
		SELECT count(*) FROM account.use_tables('users', tenants => 'tenants');
		INSERT INTO tenants VALUES (1, 'acme');
		INSERT INTO users VALUES (1, 'a\@x.org', 1, true);
		INSERT INTO nodes SELECT lpad(to_hex(i), 32, '0')::uuid, 1, CASE WHEN i > 1 THEN lpad(to_hex(i / 2), 32, '0')::uuid END, repeat('n', 50) FROM generate_series(1, $rows / 2) i;
		INSERT INTO leaves SELECT i, lpad(to_hex(i), 32, '0')::uuid, repeat('l', 50) FROM generate_series(1, $rows / 2) i;
		CREATE INDEX ON leaves (node); CREATE INDEX ON nodes (parent);
		ANALYZE;
	});
	my ($n, $peak) = split /\n/, $node->safe_psql($db, q{
		SELECT account.act_as('1', false) \g /dev/null
		COPY (SELECT * FROM account.export_tenant('acme')) TO '/dev/null';
		SELECT count(*) FROM account.export_tenant('acme');
		SELECT substring(s FROM 'VmHWM:\s+(\d+)')::int - substring(s FROM 'RssShmem:\s+(\d+)')::int FROM pg_read_file('/proc/self/status') s;
	});
	is($n, $rows + 2, "$rows rows, the tenant and its user");
	return $peak;
}

my $few = peak_of(20_000);
my $many = peak_of(200_000);
note("peak $few kB for 20,000 rows, $many kB for 200,000");
SKIP:
{
	skip 'AddressSanitizer keeps what was freed: the exports are tried, and not measured', 1
		if $node->safe_psql('postgres', q{SELECT pg_read_file('/proc/self/maps') LIKE '%libasan%'}) eq 't';
	cmp_ok($many - $few, '<', 24 * 1024, 'ten times the rows: at most 24 MB more, with work_mem of 4 MB');
}
$node->stop;
done_testing();
