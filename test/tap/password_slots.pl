# Who may not log users in shares half of the slots for hashing: whatever such sessions do, a login finds the
# others. Not a test of time: processes that hash are stopped (SIGSTOP) with their slots, so that who gets on
# does so without them, and who waits waits for ever.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = PostgreSQL::Test::Cluster->new('slots');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pgaccount'
pgaccount.password_concurrency = 4
pgaccount.password_memory = '1MB'
pgaccount.login_max_failures = 0
max_connections = 40
});
$node->start;
# mallory and portal hash long enough to be caught at it; eve has the settings of all
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
SELECT account.create_key();
SELECT account.create_starter();
SELECT account.register('kim@x.org', 'a-right-secret', 'kim');
CREATE ROLE mallory LOGIN;
CREATE ROLE eve LOGIN;
CREATE ROLE web LOGIN;
CREATE ROLE portal LOGIN;
SELECT account.grant_api('web'), account.grant_api('portal');
ALTER ROLE mallory SET pgaccount.password_memory = '64MB';
ALTER ROLE mallory SET pgaccount.password_ops = 16;
ALTER ROLE portal SET pgaccount.password_memory = '64MB';
ALTER ROLE portal SET pgaccount.password_ops = 16;
});

my $digest = 'c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
# of four times the cost that mallory has, 4 GB
my $long = "\$argon2id\$v=19\$m=65536,t=64,p=1\$$digest";
# the same cost, through the other way into libsodium (a salt of 8 bytes)
my $long_too = '$argon2id$v=19$m=65536,t=64,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
# better-auth's, of "secret"
my $scrypt = '00112233445566778899aabbccddeeff:09a4bf9de63c7f7cb81195753c6a4d0ad26a79dddfccb99ac7ea2319b3391a6975d862a88a5c3d19b041582d4391d1f73e8d3e8ad77f582969b9318302ec59d6';
# the dearest hash that a login may meet
my $dear = "\$argon2id\$v=19\$m=262144,t=16,p=1\$$digest";
my %forever = (
	verify => "SELECT count(*) FROM generate_series(1, 1000000) i WHERE account.verify_password('x' || i, '$long')",
	verify_too => "SELECT count(*) FROM generate_series(1, 1000000) i WHERE account.verify_password('x' || i, '$long_too')",
	hash => q{SELECT count(*) FROM generate_series(1, 1000000) i WHERE account.hash_password('x' || i) IS NULL});
my $login = q{SELECT status FROM account.login('kim@x.org', 'a-right-secret')};

my %stopped;    # PIDs of the processes that hash and are stopped

# Start a session of a role that runs this and nothing else.
sub background
{
	my ($role, $name, $sql) = @_;
	my %session = (out => '', name => $name);
	local $ENV{PGAPPNAME} = $name;
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-U', $role, '-d', $node->connstr('postgres'), '-c', $sql ],
		'>', \$session{out}, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return \%session;
}

# Its output, once it has ended.
sub outcome
{
	my ($session) = @_;
	$session->{run}->finish;
	return $session->{out};
}

# The answer a role gets, or the SQLSTATE, which is 57014 where there is none in this time.
sub answer
{
	my ($role, $sql, $timeout) = @_;
	local $ENV{PGOPTIONS} = "-c statement_timeout=$timeout";
	my $answer = outcome(background($role, 'asks', $sql));
	chomp $answer;
	return $answer =~ /ERROR:\s+(\w{5})/ ? $1 : $answer;
}

# A field of a process's status.
sub status
{
	my ($pid, $field) = @_;
	my $status = eval { slurp_file("/proc/$pid/status") } // '';
	return $status =~ /^$field:\s+(\S+)/m ? $1 : '';
}

# Does it hash, with 64 MB? Only who has a slot does.
sub hashes
{
	my ($pid) = @_;
	return (status($pid, 'RssAnon') || 0) > 40_000;
}

# Let go on who was stopped.
sub go_on
{
	kill 'CONT', keys %stopped;
	%stopped = ();
}

END
{
	my $status = $?;
	go_on();
	$? = $status;
}

# Stop whoever of these sessions hashes, until each of them is stopped or waits for a slot; how many are stopped.
sub stop_hashing
{
	my ($name, $sessions) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my ($of_them, $waiting) = (0, 0);
		for (split /\n/, $node->safe_psql('postgres', "SELECT pid, coalesce(wait_event, '') FROM pg_stat_activity WHERE application_name ~ '^$name' AND state = 'active'"))
		{
			my ($pid, $event) = split /\|/;
			if ($stopped{$pid}) { $of_them++; }
			elsif ($event eq 'Extension' || $event eq 'PgaccountPassword') { $waiting++; }
			elsif (hashes($pid))
			{
				kill 'STOP', $pid;
				sleep 0.01 until status($pid, 'State') =~ /^T?$/;
				# between two hashes it has no slot
				if (hashes($pid)) { $stopped{$pid} = 1; }
				else { kill 'CONT', $pid; }
			}
		}
		return $of_them if $of_them + $waiting == $sessions;
		sleep 0.1;
	}
	die "sessions $name neither hash nor wait";
}

# End the sessions whose name begins so, those that are stopped included.
sub terminate
{
	my ($name, @sessions) = @_;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^$name'");
	go_on();
	outcome($_) for @sessions;
}

# --- eight sessions of mallory ---------------------------------------------------------------------------
my @mallory = map { background('mallory', "mallory $_", $forever{ qw(verify verify_too hash)[ $_ % 3 ] }) } 1 .. 8;
is(stop_hashing('mallory', 8), 2, 'of eight sessions of who may not log users in two hash, six wait');
is(answer('web', $login, '60s'), '200', 'a login does not wait for them');
is(answer('web', q{SELECT length(account.hash_password('x')) > 0}, '60s'), 't', 'nor does hash_password of who may log users in');
is(answer('web', q{SELECT account.verify_password('x', account.hash_password('x'))}, '60s'), 't', 'nor its verify_password');
is(answer('web', q{SELECT count(*) FROM account.register('lee@x.org', 'a-right-secret', 'lee')}, '60s'), '1', 'nor a registration');
is(answer('mallory', q{SELECT account.hash_password('x')}, '1s'), '57014', 'two slots are free, but not for hash_password of mallory');
is(answer('eve', qq{SELECT account.verify_password('x', '\$argon2id\$v=19\$m=1024,t=2,p=1\$$digest')}, '1s'), '57014', 'nor for verify_password of eve: the half is shared by all of them');
is(answer('eve', "SELECT account.verify_password('secret', '$scrypt')", '1s'), '57014', 'nor for scrypt, which takes memory');
is(answer('web', "SELECT account.verify_password('secret', '$scrypt')", '60s'), 't', 'who may log users in has a slot for it');
is(answer('eve', q{SELECT account.verify_password('lètmein', 'pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=')}, '60s'), 't', 'what takes no memory takes no slot');

# --- the other half, and all of it taken -----------------------------------------------------------------
my @portal = background('portal', 'portal 1', $forever{hash});
is(stop_hashing('portal', 1), 1, 'who may log users in takes a third slot');
is(answer('web', $login, '60s'), '200', 'a login takes the fourth');
push @portal, background('portal', 'portal 2', $forever{hash}), background('portal', 'portal 3', $forever{hash});
is(stop_hashing('portal', 3), 2, 'of three of those, two hash beside the two of mallory: the whole is still four');
is(answer('web', $login, '1s'), '57014', 'a login now waits, until its statement_timeout');
my $waits = background('web', 'waits', $login);
my $waiting = q{SELECT count(*) = %d FROM pg_stat_activity WHERE application_name ~ '^waits' AND wait_event IN ('Extension', 'PgaccountPassword')};
ok($node->poll_query_until('postgres', sprintf($waiting, 1)), 'one is seen to wait');
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waits'});
like(outcome($waits), qr/57014/, 'and can be cancelled');
is(answer('eve', "SELECT account.verify_password('x', '$dear')", '60s'), 'f', 'a hash of more than four times the cost is false for eve, at once: no slot is asked for');
is(answer('web', "SELECT account.verify_password('x', '$dear')", '1s'), '57014', 'who may log users in has it computed');

# --- slots come back ---------------------------------------------------------------------------------------
# one is cancelled while it hashes, the rest are terminated, hashing or waiting
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'portal 1'});
terminate('(mallory|portal [23])', @mallory, @portal[ 1, 2 ]);
like(outcome($portal[0]), qr/57014/, 'who is cancelled while it hashes ends after that hash');
@mallory = map { background('mallory', "mallory $_", $forever{verify}) } 1 .. 3;
is(stop_hashing('mallory', 3), 2, 'after cancellations and terminations mallory finds two slots again');
@portal = map { background('portal', "portal $_", $forever{hash}) } 1 .. 3;
is(stop_hashing('portal', 3), 2, 'and the others the other two');

# --- a fast shutdown ends those who wait -----------------------------------------------------------------
my @waits = (background('web', 'waits 1', $login), background('eve', 'waits 2', q{SELECT account.hash_password('x')}));
ok($node->poll_query_until('postgres', sprintf($waiting, 2)), 'two more wait');
my $shutdown = IPC::Run::start([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-t', $PostgreSQL::Test::Utils::timeout_default, 'stop' ], '>', '/dev/null', '2>&1');
like(outcome($_), qr/57P01|terminating connection|closed the connection/, "a fast shutdown ends $_->{name} while it waits") for @waits;
is(scalar(grep { status($_, 'State') eq 'T' } keys %stopped), 4, 'for slots that are still held');
go_on();
ok($shutdown->finish, 'and is complete once those have their hashes');
outcome($_) for @mallory, @portal;
$node->_update_pid(0);

# --- half of another number --------------------------------------------------------------------------------
for ([ 3, 1 ], [ 1, 1 ], [ 5, 2 ])
{
	my ($all, $half) = @$_;
	$node->adjust_conf('postgresql.conf', 'pgaccount.password_concurrency', $all);
	$node->start;
	@mallory = map { background('mallory', "mallory $_", $forever{verify}) } 1 .. 4;
	is(stop_hashing('mallory', 4), $half, "of $all slots mallory takes $half");
	is(answer('web', $login, $all > 1 ? '60s' : '1s'), $all > 1 ? '200' : '57014', $all > 1 ? 'a login finds another' : 'a login finds none');
	terminate('mallory', @mallory);
	is(answer('web', $login, '60s'), '200', 'and the slot is back');
	$node->stop;
}
done_testing();
