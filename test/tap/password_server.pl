# Passwords as the server sees them: encodings, the limit of concurrent hashes and its waiting sessions,
# missing memory, secrets in the log, a hot standby.
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use IPC::Run;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pgaccount'
pgaccount.password_concurrency = 1
max_connections = 40
pgaccount.password_memory = '1MB'
log_min_messages = debug1
log_min_error_statement = debug5
log_error_verbosity = verbose
log_statement = none
restart_after_crash = on
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount');

# Start a session that runs this and nothing else; returns it.
sub background
{
	my ($sql) = @_;
	my %session = (out => '', err => '');
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres'), '-c', $sql ],
		'>', \$session{out}, '2>', \$session{err});
	return \%session;
}

# Its output, once it has ended.
sub outcome
{
	my ($session) = @_;
	$session->{run}->finish;
	return $session->{out} . $session->{err};
}

# How many backends wait for a slot.
my $waiting = q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'hash_password' AND pid <> pg_backend_pid()
	AND wait_event IN ('Extension', 'PgaccountPassword')};

# A hash that takes seconds: who runs it holds the slot of all.
my $slow = "SELECT length(account.hash_password('a-slow-secret')) > 0";
my $options = 'SET pgaccount.password_max_memory = \'1GB\'; SET pgaccount.password_memory = \'256MB\'; SET pgaccount.password_ops = 16;';

# --- encodings ---------------------------------------------------------------------------------------
my $argon2 = '$argon2id$v=19$m=256,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$ylI1cFZhZ64LheaGoEMyZemSq61LKYn+KMjOSNgwM1Q';    # pässword
my $pbkdf2 = 'pbkdf2_sha1$1000$seasalt$ljleU4wBmTtz/MoG5YTwxpM0d7I=';    # lètmein
my $scrypt = '00112233445566778899aabbccddeeff:c99f4ab8106e1086dc3851b5dddd9cd9aa382293481292e1b6a4346239804e276c4e930a3f461d8be40d6fa218066223f928e55a455c7259e46282154c009e52';    # pässword, hashed in the form NFKC
# 19 has it no more
my @mule = $node->pg_version->major < 19 ? 'MULE_INTERNAL' : ();
$node->safe_psql('postgres', "CREATE DATABASE \"in_$_\" TEMPLATE template0 ENCODING '$_' LOCALE 'C'") for qw(LATIN1 SQL_ASCII EUC_JP WIN1252), @mule;
for my $encoding (qw(LATIN1 WIN1252 SQL_ASCII))
{
	# the bytes that the server gets are UTF-8; in SQL_ASCII they stay what they are
	my $client = $encoding eq 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8';
	my $sql = "CREATE EXTENSION pgaccount; SET client_encoding = '$client';
		SELECT account.verify_password('pässword', '$argon2'), account.verify_password('lètmein', '$pbkdf2'), account.verify_password('pässword', '$scrypt');";
	utf8::encode($sql);
	is($node->safe_psql("in_$encoding", $sql), 't|t|t', "$encoding: hashes made elsewhere of UTF-8 verify");
	$sql = "SET client_encoding = '$client'; SELECT account.hash_password('pässword')";
	utf8::encode($sql);
	my $hash = $node->safe_psql("in_$encoding", $sql);
	$sql = "SELECT account.verify_password('pässword', '$hash'), account.verify_password('password', '$hash')";
	utf8::encode($sql);
	is($node->safe_psql('postgres', $sql), 't|f', "$encoding: its hashes verify in a UTF-8 database");
}
$node->safe_psql('in_EUC_JP', 'CREATE EXTENSION pgaccount');
my $japanese = "SET client_encoding = 'UTF8'; SELECT account.hash_password('パスワード')";
utf8::encode($japanese);
my $hash = $node->safe_psql('in_EUC_JP', $japanese);
$japanese = "SELECT account.verify_password('パスワード', '$hash')";
utf8::encode($japanese);
is($node->safe_psql('postgres', $japanese), 't', 'EUC_JP: letters of other lengths');

# 2049 letters of LATIN1 are 4098 bytes of UTF-8
is($node->psql('in_LATIN1', q{SELECT length(account.hash_password(repeat(chr(233), 2048))) > 0}), 0, 'LATIN1: 4096 bytes of UTF-8 fit');
my ($ret, $out, $err) = $node->psql('in_LATIN1', q{SELECT account.hash_password(repeat(chr(233), 2049))});
like($err, qr/password is too long/, 'LATIN1: 4098 do not');
# 0x81 is no character of WIN1252; MULE_INTERNAL has no way to UTF-8 for some of its letters
for my $case ([ 'in_EUC_JP', q{E'secret-\xfe\xfe'} ], map { [ "in_$_", q{E'secret-\x81\xe9'} ] } @mule)
{
	my ($database, $password) = @$case;
	$node->safe_psql($database, 'CREATE EXTENSION IF NOT EXISTS pgaccount');
	($ret, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\nSELECT account.hash_password($password)", on_error_stop => 0);
	like($err, qr/22023: .*UTF-8/, "$database: what UTF-8 does not know is 22023");
	unlike($err, qr/0x/, "$database: and is not shown");
	is($node->safe_psql($database, "SELECT account.verify_password($password, '$argon2')"), 'f', "$database: nor is it any hash's password");
}
is($node->safe_psql('in_SQL_ASCII', q{SELECT account.verify_password(E'\xff\xfe', account.hash_password(E'\xff\xfe'))}), 't',
	'SQL_ASCII: bytes that are no UTF-8 are bytes');
is($node->safe_psql('in_SQL_ASCII', qq{SELECT account.verify_password(E'\\xff\\xfe', '$scrypt')}), 'f', 'SQL_ASCII: and have no form NFKC');

# --- one at a time -----------------------------------------------------------------------------------
my @holders = map { background("$options $slow") } 1 .. 2;
ok($node->poll_query_until('postgres', $waiting, '1'), 'of two hashes one waits');
my $cancelled = background("SET statement_timeout = '200ms'; SELECT account.hash_password('cancelled-secret')");
like(outcome($cancelled), qr/57014/, 'waiting can be cancelled by a timeout');
my $terminated = background("SET application_name = 'doomed'; SELECT account.hash_password('terminated-secret')");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'doomed' AND wait_event IN ('Extension', 'PgaccountPassword')"),
	'a third waits');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'");
like(outcome($terminated), qr/57P01|terminating|closed/, 'waiting can be terminated');
is(outcome($_), "t\n", 'who waited is served') for @holders;
is($node->safe_psql('postgres', $slow), 't', 'the slot is free after all that');

# terminated while it computes: the slot comes back
my $computing = background("SET application_name = 'computing'; $options $slow; SELECT pg_sleep(60)");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'computing' AND wait_event IS NULL AND query ~ 'hash_password'"), 'one computes');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'computing'");
outcome($computing);
is($node->safe_psql('postgres', "SET statement_timeout = '20s'; $slow"), 't', 'a terminated backend gives its slot back');

# many at once: everyone is served, and never has more than one the memory of a hash
my $big = "SET application_name = 'crowd'; SET pgaccount.password_memory = '256MB'; $slow";
my @crowd = map { background($big) } 1 .. 8;
my $crowd_pids = q{SELECT pid FROM pg_stat_activity WHERE application_name = 'crowd'};

# Those of the backends that now have over 100 MB of their own.
sub big_backends
{
	return grep { my $status = eval { slurp_file("/proc/$_/status") } // ''; $status =~ /^RssAnon:\s+(\d+)/m && $1 > 100_000 } @_;
}
my $most = 0;
while (my @pids = split /\n/, $node->safe_psql('postgres', $crowd_pids))
{
	# who is there before and after the others were looked at was there with them
	my @first = big_backends(@pids);
	my @both = big_backends(@first);
	$most = @both if @both > $most;
}
is(join('', map { outcome($_) } @crowd), "t\n" x 8, 'eight at once are all served');
is($most, 1, 'one after the other');

# a fast shutdown does not wait for those who wait
@holders = map { background("$options $slow") } 1 .. 3;
ok($node->poll_query_until('postgres', $waiting, '2'), 'two wait');
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 30, 'a fast shutdown ends the waiting');
outcome($_) for @holders;
$node->start;
is($node->safe_psql('postgres', $slow), 't', 'the limit starts afresh');

# kill -9 while it computes: crash recovery makes the limit anew
# (the postmaster logs what the killed process was running: that is beyond us, hence another password)
$computing = background("SET application_name = 'computing'; $options SELECT account.hash_password('crashed')");
my $pid;
while (!($pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'computing' AND query ~ 'hash_password'"))) { sleep 0.05; }
sleep 0.2;
kill 'KILL', $pid;
outcome($computing);
my $connstr = $node->connstr('postgres');
for (1 .. 300)
{
	last if system("psql -XAtqc 'SELECT' -d \"$connstr\" > /dev/null 2>&1") == 0;
	sleep 0.1;
}
is($node->safe_psql('postgres', "SET statement_timeout = '20s'; $slow"), 't', 'after a crash the slots are free');

# --- missing memory is no wrong password ----------------------------------------------------------------
SKIP:
{
	skip 'no prlimit', 6 if system('prlimit --version > /dev/null 2>&1') != 0;
	my %hash = (
		'libsodium\'s own parameters' => $node->safe_psql('postgres', "SET pgaccount.password_memory = '64MB'; SELECT account.hash_password('right')"),
		'several lanes' => 'argon2$argon2id$v=19$m=102400,t=2,p=8$c2Vhc2FsdDJzZWFzYWx0Mg$AYmeQd699iCppZf6Kknatg',
		'a short salt' => '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94',
		'scrypt' => 'scrypt$65536$seasalt$8$1$hX/kf2SRAgr9Ze2RNJXeRS0XWRBD2MuFlK2EunJ3PIz3QvyQquNz2ar4asgdrzLI0gf9qQk1b34zt34Rfa644Q==');
	for my $kind (sort keys %hash)
	{
		for my $password ('right', 'wrong')
		{
			my ($stdout, $stderr) = ('', '');
			# the backend may take 20 MB more than it has
			$node->psql('postgres', "\\set VERBOSITY sqlstate
SELECT account.verify_password('x', '$argon2');
SELECT pg_backend_pid() AS pid \\gset
\\setenv PID :pid
\\! prlimit --pid \$PID --as=\$(( (\$(awk '/VmSize/ {print \$2}' /proc/\$PID/status) + 20480) * 1024 ))
SELECT account.verify_password('$password', '$hash{$kind}');
SELECT account.hash_password('p') IS NOT NULL;", on_error_stop => 0, stdout => \$stdout, stderr => \$stderr);
			like($stderr, qr/53200/, "out of memory, $kind, $password password: 53200");
			is($stdout, "f\nt", "and nothing said about the password; the session goes on ($kind, $password)");
		}
	}
	my ($stdout, $stderr) = ('', '');
	$node->psql('postgres', "\\set VERBOSITY sqlstate
SET pgaccount.password_memory = '64MB';
SELECT pg_backend_pid() AS pid \\gset
\\setenv PID :pid
\\! prlimit --pid \$PID --as=\$(( (\$(awk '/VmSize/ {print \$2}' /proc/\$PID/status) + 20480) * 1024 ))
SELECT account.hash_password('memoryless-secret');", on_error_stop => 0, stdout => \$stdout, stderr => \$stderr);
	like($stderr, qr/53200/, 'out of memory, hashing: 53200');
	is($node->safe_psql('postgres', "SET statement_timeout = '20s'; $slow"), 't', 'no slot was lost to missing memory');
}

# --- secrets in the log -----------------------------------------------------------------------------------
my @leaks = (
	"SELECT account.hash_password('logged-secret' || repeat('x', 5000))",
	"SET pgaccount.password_memory = '1GB'; SELECT account.hash_password('logged-secret')",
	"SET statement_timeout = '100ms'; SELECT account.verify_password('logged-secret', 'pbkdf2_sha256\$5000000\$abcdefghij\$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=')",
	"SET statement_timeout = '100ms'; SELECT account.verify_password('logged-secret', 'pbkdf2_sha1\$5000000\$abcdefghij\$ljleU4wBmTtz/MoG5YTwxpM0d7I=')",
	"SELECT account.hash_password(NULL) IS NULL OR 'logged-secret' = ''",
	"DO \$do\$ BEGIN EXECUTE 'SELECT account.hash_password(' || quote_literal(reverse('terces-deggol') || repeat('x', 5000)) || ')'; END \$do\$");
for my $sql (@leaks)
{
	($ret, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1);
	isnt($ret, 0, 'fails');
}
my $log = slurp_file($node->logfile);
like($log, qr/22023: .*password is too long/, 'the refusals are logged');
like($log, qr/57014: .*canceling statement/, 'the cancellations are logged');
unlike($log, qr/(?:logged|cancelled|terminated|memoryless|slow)-secret/, 'no password is in the log');
unlike($log, qr/\$argon2|pbkdf2_/, 'no hash is in the log') or diag(join "\n", grep { /\$argon2|pbkdf2_/ } split /\n/, $log);

# --- hot standby, and a session that loads the library itself -----------------------------------------
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', "SELECT account.verify_password('x', account.hash_password('x')), account.password_needs_rehash('!')"), 't|t', 'a hot standby hashes and verifies');
$standby->stop;

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
my @free = map { background("$options $slow") } 1 .. 2;
sleep 0.7;
is($node->safe_psql('postgres', $waiting), '0', 'not preloaded, nobody waits');
is(outcome($_), "t\n", 'and all are served') for @free;
is($node->safe_psql('postgres', "LOAD 'pgaccount'; SELECT context FROM pg_settings WHERE name = 'pgaccount.password_concurrency'"), 'superuser', 'the limit is then a setting of the session');
$node->stop;
done_testing();
