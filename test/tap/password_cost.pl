# Whoever tries to log in, known or not, costs one hash of the current cost: time must not tell who is there.
# Not a test of time: while another session holds the only slot for hashing, every such login waits for
# it. (How much each costs in the end: make bench ONLY=passwords.)
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('cost');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pgaccount'
pgaccount.password_concurrency = 1
pgaccount.password_memory = '1MB'
pgaccount.login_max_failures = 0
});
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
SELECT account.create_key();
SELECT account.create_starter();
SELECT account.register(name || '@x.org', 'a-right-secret', name) FROM unnest(ARRAY['known', 'deleted', 'inactive', 'cheap', 'foreign', 'unusable', 'none']) name;
DELETE FROM app.users WHERE username = 'deleted';
UPDATE app.users SET is_active = false WHERE username = 'inactive';
UPDATE app.users SET password = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4' WHERE username = 'cheap';
UPDATE app.users SET password = 'pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=' WHERE username = 'foreign';
UPDATE app.users SET password = '!' WHERE username = 'unusable';
UPDATE app.users SET password = NULL WHERE username = 'none';
});

# A session that runs this and nothing else.
sub background
{
	my ($name, $sql) = @_;
	my %session = (out => '');
	local $ENV{PGAPPNAME} = $name;
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres'), '-c', $sql ], '>', \$session{out}, '2>&1');
	return \%session;
}

my $login = "SELECT status FROM account.login('%s', '%s')";
my $long = 'x' x 5000;
for my $case (
	[ 'a known user, a wrong password', 'known', 'a-wrong-secret' ], [ 'a known user, the right one', 'known', 'a-right-secret' ],
	[ 'an unknown user', 'nobody', 'a-wrong-secret' ], [ 'an unknown email', 'nobody@x.org', 'a-wrong-secret' ], [ 'no login at all', '', 'a-wrong-secret' ],
	[ 'a deleted user', 'deleted', 'a-right-secret' ], [ 'an inactive user, a wrong password', 'inactive', 'a-wrong-secret' ], [ 'an inactive user, the right one', 'inactive', 'a-right-secret' ],
	[ 'a cheap hash', 'cheap', 'a-wrong-secret' ], [ 'a foreign hash', 'foreign', 'a-wrong-secret' ], [ 'an unusable hash', 'unusable', 'a-wrong-secret' ], [ 'no hash', 'none', 'a-wrong-secret' ],
	[ 'no password', 'known', '' ], [ 'no password, unknown user', 'nobody', '' ], [ 'a password that is too long', 'known', $long ], [ 'one too long, unknown user', 'nobody', $long ])
{
	my ($name, $user, $password) = @$case;
	# some seconds of hashing, ended as soon as the login is seen to wait
	my $holder = background('holder', "SET pgaccount.password_max_memory = '1GB'; SET pgaccount.password_memory = '256MB'; SET pgaccount.password_ops = 16; SELECT account.hash_password('x') IS NULL");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'holder' AND query ~ 'hash_password' AND wait_event IS NULL") or die 'no holder';
	my $attempt = background('attempt', sprintf($login, $user, $password));
	my $waits = 0;
	for (1 .. 200)
	{
		# waits for the slot, or has gone without
		my $state = $node->safe_psql('postgres', q{SELECT coalesce((SELECT coalesce(wait_event, 'busy') FROM pg_stat_activity WHERE application_name = 'attempt'), 'gone')});
		$waits = 1 if $state eq 'Extension' || $state eq 'PgaccountPassword';
		last if $waits || ($state eq 'gone' && $_ > 40);
		select(undef, undef, undef, 0.02);
	}
	ok($waits, "$name: costs a hash");
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('holder', 'attempt')});
	$_->{run}->finish for $holder, $attempt;
}
$node->stop;
done_testing();
