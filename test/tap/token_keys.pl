# Keys at rest and secrets in the open: sealing with a master key, what is wrong with its file, wrong
# keys, restarts; and a search for known secrets wherever a server leaves text behind.
use strict;
use warnings;

use Cwd qw(abs_path);
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('keys');
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir);
my $file = "$dir/master.key";

sub write_file
{
	my ($path, $bytes, $mode) = @_;
	unlink $path;
	open(my $fh, '>:raw', $path) or die "$path: $!";
	print $fh $bytes;
	close $fh;
	chmod $mode // 0600, $path or die $!;
}

# The error of a statement, as SQLSTATE and its texts.
sub error_of
{
	my $sql = shift;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $err;
}

$node->init;
$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'pgaccount,pg_stat_statements'
pgaccount.live_check = off
log_statement = none
log_min_messages = debug1
log_min_error_statement = error
log_error_verbosity = verbose
log_parameter_max_length_on_error = -1
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount; CREATE EXTENSION pg_stat_statements; CREATE ROLE dumper LOGIN BYPASSRLS; GRANT pg_read_all_data TO dumper');
my $plain = $node->safe_psql('postgres', q{SELECT account.create_key('HS256', 'plain')});
like(error_of("SET pgaccount.master_key_file = '/x'"), qr/55P02/, 'preloaded: the master key file wants a restart');

# The file: each thing that can be wrong with it is said, and no key is made.
write_file($file, 'x' x 32);
$node->append_conf('postgresql.conf', "pgaccount.master_key_file = '$file'\n");
$node->restart;
mkdir "$dir/folder";
mkfifo("$dir/pipe", 0600) or die $!;
my %wrong = (
	'missing' => [ sub { unlink $file }, qr/does not exist/ ],
	'group-readable' => [ sub { write_file($file, 'x' x 32, 0640) }, qr/accessible to its group or to others/ ],
	'world-readable' => [ sub { write_file($file, 'x' x 32, 0604) }, qr/accessible to its group or to others/ ],
	'31 bytes' => [ sub { write_file($file, 'x' x 31) }, qr/neither 32 bytes nor 64 hexadecimal digits/ ],
	'33 bytes' => [ sub { write_file($file, 'x' x 33) }, qr/neither 32 bytes nor 64 hexadecimal digits/ ],
	'empty' => [ sub { write_file($file, '') }, qr/neither 32 bytes nor 64 hexadecimal digits/ ],
	'64 other characters' => [ sub { write_file($file, 'g' x 64) }, qr/neither 32 bytes nor 64 hexadecimal digits/ ],
	'huge' => [ sub { write_file($file, 'a' x 1000000) }, qr/neither 32 bytes nor 64 hexadecimal digits/ ],
	'a directory' => [ sub { unlink $file; symlink "$dir/folder", $file }, qr/not a regular file|cannot be opened/ ],
	'a pipe' => [ sub { unlink $file; symlink "$dir/pipe", $file }, qr/not a regular file/ ]);
for my $name (sort keys %wrong)
{
	my ($make, $message) = @{ $wrong{$name} };
	$make->();
	my $err = error_of("SELECT account.create_key('HS256', 'never')");
	like($err, qr/55000.*$message.*HINT/s, "$name: 55000, said why");
	unlike($err, qr/\Q$dir\E/, "$name: the path is not told");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM account.signing_key WHERE kid = 'never'}), '0', 'no key was made');

# Sealed: raw and hexadecimal files of the same key are one; the table holds no secret.
write_file($file, 'k' x 32);
$node->safe_psql('postgres', q{SELECT account.create_key('HS256', 'hs', repeat('S', 32)::bytea), account.create_key('EdDSA', 'ed', repeat('E', 32)::bytea)});
is($node->safe_psql('postgres', q{SELECT string_agg(kid || ' ' || sealed, ',' ORDER BY kid) FROM account.signing_key}), 'ed true,hs true,plain false', 'new keys are sealed, old ones stay');
is($node->safe_psql('postgres', q{SELECT count(*) FROM account.signing_key WHERE position(repeat('S', 8)::bytea IN secret) > 0 OR position(repeat('E', 8)::bytea IN secret) > 0}), '0', 'no secret in the table');
my $hs = $node->safe_psql('postgres', q{SELECT account.jwt_sign('{"sub": "1", "exp": 4000000000}', repeat('S', 32)::bytea, 'HS256', 'hs')});
my $ed = $node->safe_psql('postgres', q{SELECT account.jwt_sign('{"sub": "1", "exp": 4000000000}', repeat('E', 32)::bytea, 'EdDSA', 'ed')});
my $verify = "SELECT account.verify_access_token('%s') ->> 'sub'";
$node->restart;
is($node->safe_psql('postgres', sprintf($verify, $hs)), '1', 'sealed key verifies after a restart');
write_file($file, unpack('H*', 'k' x 32) . "\n");
is($node->safe_psql('postgres', sprintf($verify, $hs)), '1', 'the same key in hexadecimal');
is($node->safe_psql('postgres', q{SELECT account.export_key('hs') = repeat('S', 32)::bytea}), 't', 'export opens it');

# Another master key, or none: what needs a secret says so, what does not goes on.
for my $case ([ 'wrong master key', sub { write_file($file, 'w' x 32) }, qr/sealed with another master key/ ], [ 'master key gone', sub { unlink $file }, qr/does not exist/ ])
{
	my ($name, $make, $message) = @$case;
	$make->();
	like(error_of(sprintf($verify, $hs)), qr/55000.*sealed and cannot be opened/s, "$name: HMAC key says so");
	is($node->safe_psql('postgres', sprintf($verify, $ed)), '1', "$name: a public key still verifies");
	like($node->safe_psql('postgres', 'SELECT account.jwks()'), qr/"kid": "ed"/, "$name: jwks goes on");
	like(error_of("SELECT account.export_key('hs')"), qr/55000.*$message/s, "$name: export says why");
	like(error_of("SELECT account.verify_access_token('a.b.c')"), qr/PT401/, "$name: a bad token is a bad token");
}
write_file($file, 'k' x 32);
$node->safe_psql('postgres', q{UPDATE account.signing_key SET secret = '\x00' WHERE kid = 'hs'});
like(error_of(sprintf($verify, $hs)), qr/55000/, 'a damaged secret: 55000');

# Known secrets in all that errors carry: messages, log, statements, dumps.
my $secret = 'VerySecretSecretOfThirtyTwoBytes';
my $hex = unpack('H*', $secret);
my $errors = '';
my $good = $node->safe_psql('postgres', qq{SELECT account.jwt_sign('{"sub": "tokensecret", "exp": 1}', convert_to(\$\$$secret\$\$, 'UTF8'))});
$node->safe_psql('postgres', qq{SELECT account.create_key('HS256', 'known', '\\x$hex')});
my $log_from = -s $node->logfile;
for my $sql (
	"SELECT account.jwt_verify('$good', '\\x$hex')",
	"SELECT account.jwt_verify('$good', '\\x${hex}', 'RS256')",
	"SELECT account.jwt_verify('$good', '\\x${hex}', 'EdDSA')",
	"SELECT account.jwt_verify('$good', '\\x${hex}', 'HS512')",
	"SELECT account.jwt_sign('[]', '\\x$hex')",
	"SELECT account.jwt_sign('{}', '\\x$hex', 'HS512')",
	"SELECT account.sign('{}', 'x', '$secret')",
	"SELECT account.verify('$good', '$secret', '$secret')",
	"SELECT account.create_key('HS512', 'a', '\\x$hex')",
	"SELECT account.create_key('EdDSA', 'a', '\\x${hex}00')",
	"SELECT account.create_key('HS256', '', '\\x$hex')",
	"SELECT account.create_key('HS256', 'known', '\\x$hex')",
	"BEGIN READ ONLY; SELECT account.create_key('HS256', 'b', '\\x$hex')",
	"SELECT account.create_key(NULL, 'b', '\\x$hex')",
	"SELECT account.jwt_sign(NULL, '\\x$hex')",
	"SELECT account.authenticate('$good', NULL)",
	"SELECT account.verify_access_token('$good')",
	"SELECT account.authenticate('$good')",
	"DO \$d\$ BEGIN EXECUTE 'SELECT account.verify_access_token(''$good'')'; END \$d\$",
	"PREPARE p(text) AS SELECT account.verify_access_token(\$1); EXECUTE p('$good')")
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n\\set SHOW_CONTEXT always\n$sql");
	like($err, qr/ERROR/, 'fails: ' . substr($sql, 0, 30));
	# psql repeats the line of a parse error; a context of the caller's own text is the caller's
	$err =~ s/^(LINE \d+|CONTEXT):.*//mg;
	$errors .= $err;
}
# what others raise while a token is looked at: a lock that is not had, on the keys or on the users
$node->safe_psql('postgres', 'CREATE TABLE holds (n int); ALTER SYSTEM SET pgaccount.live_check = on; SELECT pg_reload_conf()');
$node->safe_psql('postgres', 'SELECT account.create_starter()');
my $live = $node->safe_psql('postgres', q{INSERT INTO app.users (email) VALUES ('a@b.c'); SELECT account.activate_key('plain'); SELECT account.issue_access_token(id::text) FROM app.users});
$live =~ s/^\s+//;
for my $case ([ 'account.signing_key', 'verify_access_token' ], [ 'account.signing_key', 'authenticate' ], [ 'app.users', 'authenticate' ])
{
	my ($table, $call) = @$case;
	my ($in, $out) = ("BEGIN; LOCK $table IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n", '');
	my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>&1');
	$holder->pump until $out =~ /locked/;
	my $err = error_of("SET lock_timeout = '100ms';\nSELECT account.$call('$live')");
	like($err, qr/55P03/, "$call: 55P03 while $table is locked");
	$errors .= $err;
	$in .= "\\q\n";
	$holder->finish;
}
is($node->safe_psql('postgres', "SELECT account.authenticate('$live') IS NOT NULL"), 't', 'the token is good');

my $log = slurp_file($node->logfile, $log_from);
like($log, qr/55P03/, 'the log has what was raised');
$node->command_ok([ 'pg_dump', '-f', "$dir/owner.sql", $node->connstr('postgres') ], 'owner dumps');
$node->command_ok([ 'pg_dump', '-U', 'dumper', '-f', "$dir/dumper.sql", $node->connstr('postgres') ], 'pg_read_all_data dumps');
my $statements = $node->safe_psql('postgres', 'SELECT query FROM pg_stat_statements');
my ($signature) = $good =~ /([^.]+)$/;
my ($live_signature) = $live =~ /([^.]+)$/;
for my $place ([ 'errors', $errors ], [ 'server log', $log ], [ 'pg_stat_statements', $statements ], [ 'dump of the owner', slurp_file("$dir/owner.sql") ], [ 'dump of another', slurp_file("$dir/dumper.sql") ])
{
	for my $known ([ 'secret', $secret ], [ 'secret in hexadecimal', $hex ], [ 'token', $signature ], [ 'token of a user', $live_signature ], [ 'other secret', unpack('H*', 'S' x 32) ])
	{
		ok(index($place->[1], $known->[1]) < 0, "$place->[0]: no $known->[0]");
	}
}

$node->stop;
done_testing();
