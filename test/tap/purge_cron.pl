# The nightly purge that the README shows, run by pg_cron: its line is read from there.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $lib = `$ENV{PG_CONFIG} --pkglibdir`;
chomp $lib;
plan skip_all => "this server has no pg_cron ($lib; on Debian's own it is installed by postgresql-NN-cron)" unless -e "$lib/pg_cron.so";

my $readme = slurp_file("$FindBin::RealBin/../../doc/operation.md");
my ($line) = $readme =~ /^(SELECT cron\.schedule\(.*)$/m;
ok($line, 'doc/operation.md has a line for pg_cron') or BAIL_OUT('no line');
note($line);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount, pg_cron'\ncron.database_name = 'postgres'\ncron.use_background_workers = on\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount; CREATE EXTENSION pg_cron;
CREATE ROLE nightly LOGIN;
CREATE SCHEMA app;
CREATE TABLE app.users (id int PRIMARY KEY, email text);
CREATE TABLE app.posts (id int PRIMARY KEY, author int REFERENCES app.users ON DELETE CASCADE);
CREATE TABLE app.bills (id int PRIMARY KEY, who int REFERENCES app.users);
INSERT INTO app.users SELECT i, 'u' || i FROM generate_series(1, 3000) i; INSERT INTO app.posts SELECT i, i FROM generate_series(1, 3000) i;
INSERT INTO app.bills VALUES (1, 7);
SELECT account.enable_soft_delete('app.users');
DELETE FROM app.users WHERE id <= 2500;
SET pgaccount.show_deleted = on; UPDATE app.users SET deleted_at = now() - interval '31 days' WHERE id <= 2200;
GRANT USAGE ON SCHEMA cron, app TO nightly;
GRANT EXECUTE ON PROCEDURE account.purge_batches TO nightly;
GRANT SELECT, DELETE ON app.users, app.posts TO nightly;
});
my $job = $node->safe_psql('postgres', "SET ROLE nightly; $line");
like($job, qr/^\d+$/, 'it schedules a job');
is($node->safe_psql('postgres', 'SELECT username, schedule FROM cron.job'), 'nightly|17 3 * * *', 'of the role, every night');

# not to wait for the night: each start of the server is one, twice
$node->safe_psql('postgres', "UPDATE cron.job SET schedule = '\@reboot'");
foreach my $night (1, 2)
{
	$node->restart;
	$node->poll_query_until('postgres', "SELECT count(*) = $night FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')")
	  or diag($node->safe_psql('postgres', 'TABLE cron.job_run_details'));
	is($node->safe_psql('postgres', "SELECT DISTINCT status, CASE status WHEN 'failed' THEN return_message END FROM cron.job_run_details"), 'succeeded|', "night $night: succeeded");
	is($node->safe_psql('postgres', 'SET pgaccount.show_deleted = on; SELECT count(*), count(*) FILTER (WHERE deleted_at < now() - interval \'30 days\'), (SELECT count(*) FROM app.posts) FROM app.users'),
		'801|1|801', "night $night: whose time is over is gone with what follows, but for the one who is billed");
}
my $log = slurp_file($node->logfile);
unlike($log, qr/TRAP:|PANIC|terminated by signal/, 'nothing crashed');

# without the right to run it the job fails, and nothing goes
$node->safe_psql('postgres', q{REVOKE EXECUTE ON PROCEDURE account.purge_batches FROM nightly; DELETE FROM app.bills});
$node->restart;
$node->poll_query_until('postgres', "SELECT count(*) = 3 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')");
is($node->safe_psql('postgres', 'SELECT count(*) FROM cron.job_run_details WHERE status = \'failed\' AND return_message ~ \'permission denied\''), 1, 'not privileged: refused');
is($node->safe_psql('postgres', 'SET pgaccount.show_deleted = on; SELECT count(*) FROM app.users'), 801, 'nothing is gone');
$node->stop;
done_testing();
