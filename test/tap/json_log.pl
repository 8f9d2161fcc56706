# A shipper of logs finds operation, SQLSTATE, subject and the rest in the server's jsonlog, as doc/monitoring says; and no secret.
use strict;
use warnings;
use FindBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('json');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pgaccount'
logging_collector = on
log_destination = 'jsonlog'
log_filename = 'server'
log_rotation_age = 0
pgaccount.password_memory = '8kB'
pgaccount.password_ops = 1
CONF
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgaccount;
	SELECT account.create_starter('app');
	SELECT account.create_key();
	SELECT account.register('ann@example.com', 'correct horse battery');
});

# The one line of the log whose message matches.
sub logged
{
	my $pattern = shift;
	for my $try (1 .. 100)
	{
		for my $line (-e $node->data_dir . '/log/server.json' ? split /\n/, slurp_file($node->data_dir . '/log/server.json') : ())
		{
			my $entry = decode_json($line);
			return ($entry, $line) if $entry->{message} =~ /$pattern/;
		}
		select undef, undef, undef, 0.1;
	}
	return;
}

# FIXED
# the two expressions of doc/monitoring/README.md
my $readme = slurp_file("$FindBin::RealBin/../../doc/monitoring/README.md");
my ($of_message) = $readme =~ m{^message: `(.*)`$}m;
my ($of_detail) = $readme =~ m{^detail: `(.*)`$}m;
ok(defined $of_message && defined $of_detail, 'the document has the expressions');

$node->psql('postgres', "SELECT account.act_as(id, false) FROM app.users; SELECT account.delete_user('00000000-0000-0000-0000-000000000000');");
my ($entry) = logged('^operation "delete_user"');
is($entry->{error_severity}, 'LOG', 'a failure is a line of the log');
is($entry->{state_code}, 'PT403', 'its SQLSTATE is a field');
ok($entry->{message} =~ $of_message, 'its message fits');
is($+{operation}, 'delete_user', 'and names the operation');
ok($entry->{detail} =~ $of_detail, 'its detail fits');
is($+{subject}, '00000000-0000-0000-0000-000000000000', 'and names the subject');
like($+{actor}, qr/^[0-9a-f-]{36}$/, 'and who acts');
like($+{duration}, qr/^[0-9.]+$/, 'and how long it took');
is($entry->{dbname}, 'postgres', 'the database is a field, too');

$node->psql('postgres', "SELECT status FROM account.login('ann\@example.com', 'correct hearse battery', '203.0.113.9')");
($entry, my $line) = logged('^operation "login"');
is($entry->{state_code}, 'PT401', 'a refusal has its SQLSTATE');
like($entry->{detail} =~ $of_detail ? $+{subject} : '', qr/^[0-9a-f-]{36}$/, 'and the user');
unlike($line, qr/hearse/, 'but not the password');

$node->psql('postgres', "SET pgaccount.slow_threshold = 0; DELETE FROM app.users WHERE email = 'ann\@example.com'");
($entry) = logged('^operation .* was slow');
is($entry->{error_severity}, 'WARNING', 'a slow call is a WARNING');
ok($entry->{message} =~ /^operation "(?<operation>[^"]+)"/, 'of the same form');
ok($entry->{detail} =~ $of_detail, 'with the same detail');

$node->stop;
done_testing();
