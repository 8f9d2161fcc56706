# PgBouncer 1.18 in transaction mode: two clients share one server connection, and no identity of one
# is ever seen by the other.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($bouncer) = grep { -x $_ } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
BAIL_OUT('pgbouncer is not installed') unless $bouncer;

my $node = PostgreSQL::Test::Cluster->new('behind');
$node->init;
$node->append_conf('postgresql.conf', "pgaccount.live_check = off\nshared_preload_libraries = 'pgaccount'\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
SELECT account.create_key('HS256', 'k1', repeat('k', 32)::bytea);
CREATE ROLE app LOGIN;
CREATE FUNCTION make_token(sub text) RETURNS text LANGUAGE sql AS
$$ SELECT account.jwt_sign(jsonb_build_object('sub', sub, 'exp', 4000000000), repeat('k', 32)::bytea, 'HS256', 'k1') $$;
});
my %token = map { $_ => $node->safe_psql('postgres', "SELECT make_token('$_')") } qw(anna bert);

my $dir = PostgreSQL::Test::Utils::tempdir_short;
my $port = PostgreSQL::Test::Cluster::get_free_port();
append_to_file("$dir/users.txt", qq{"app" ""\n});
append_to_file("$dir/pgbouncer.ini", sprintf(<<'INI', $node->host, $node->port, $port, ($dir) x 4));
[databases]
postgres = host=%s port=%s dbname=postgres user=app
[pgbouncer]
listen_addr =
listen_port = %s
unix_socket_dir = %s
auth_type = any
auth_file = %s/users.txt
pidfile = %s/pgbouncer.pid
logfile = %s/pgbouncer.log
pool_mode = transaction
default_pool_size = 1
ignore_startup_parameters = extra_float_digits,options
INI
system_or_bail($bouncer, '-d', "$dir/pgbouncer.ini");
for (1 .. 100)
{
	last if -S "$dir/.s.PGSQL.$port" && -s "$dir/pgbouncer.pid";
	select(undef, undef, undef, 0.1);
}

# A client that stays connected.
sub client
{
	my %c = (in => '', out => '');
	my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=0', '-d', "host=$dir port=$port dbname=postgres user=app");
	$c{run} = IPC::Run::start(\@command, '<', \$c{in}, '>', \$c{out}, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return \%c;
}

# What it answers to a statement.
sub ask
{
	my ($c, $sql) = @_;
	$c->{out} = '';
	$c->{in} .= "$sql;\n\\echo =end=\n";
	$c->{run}->pump until $c->{out} =~ /=end=\n/;
	(my $answer = $c->{out}) =~ s/\n?=end=\n//;
	return $answer;
}

my ($anna, $bert) = (client(), client());
my $backend = ask($anna, 'SELECT pg_backend_pid()');
is(ask($bert, 'SELECT pg_backend_pid()'), $backend, 'both clients share one server connection');

for my $round (1 .. 5)
{
	is(ask($anna, "BEGIN; SELECT account.authenticate('$token{anna}'); SELECT account.uid(); COMMIT"), "anna\nanna", "round $round: anna is anna");
	is(ask($bert, "SELECT account.uid(), account.is_authenticated(), current_setting('request.jwt.claims', true)"), '|f|', "round $round: bert is nobody");
	is(ask($bert, "BEGIN; SELECT account.authenticate('$token{bert}'); ROLLBACK"), 'bert', "round $round: bert was bert");
	is(ask($anna, 'SELECT account.uid()'), '', "round $round: anna is nobody again");
	like(ask($anna, "BEGIN; SELECT account.authenticate('$token{anna}'); SELECT 1/0; COMMIT"), qr/division by zero/, "round $round: anna fails");
	is(ask($bert, 'SELECT account.uid()'), '', "round $round: bert is nobody after anna's error");
}
# one statement, one transaction
is(ask($anna, "SELECT account.authenticate('$token{anna}'), account.uid()"), 'anna|anna', 'authenticated within one statement');
is(ask($bert, 'SELECT account.uid()'), '', 'and nobody after it');
is(ask($bert, 'SELECT pg_backend_pid()'), $backend, 'it was one server connection all the time');

for my $c ($anna, $bert)
{
	$c->{in} .= "\\q\n";
	$c->{run}->finish;
}
kill 'INT', slurp_file("$dir/pgbouncer.pid") + 0;
$node->stop;
done_testing();
