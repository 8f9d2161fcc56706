# A login's time must not tell an unknown user, an unusable hash or an old cheap one from a current hash:
# the C interface for logins costs the same CPU time for all of them. A report, not a test of time:
#   prove -v bench/password/time.pl, with the environment that PostgreSQL::Test::Cluster needs.
use strict;
use warnings;
use utf8;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $module = abs_path(PostgreSQL::Test::Utils::tempdir()) . '/password_api.so';
my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
my @sources = ("$top/bench/password/password_api.c");
my $include = `$pg_config --includedir-server`;
chomp $include;
system("cc -O2 -shared -fPIC -Wl,-Bsymbolic -D_GNU_SOURCE -I$top/src -I$include -o $module @sources") == 0
  or die "cannot compile the module";

my $node = PostgreSQL::Test::Cluster->new('time');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;
$node->safe_psql('postgres', qq{
CREATE FUNCTION cost_of_verify(text, text, boolean) RETURNS float8 LANGUAGE c AS '$module';
CREATE FUNCTION cost_of_verify_padded(text, text, boolean) RETURNS float8 LANGUAGE c AS '$module';
CREATE FUNCTION cost_of_dummy_verify(text) RETURNS float8 LANGUAGE c AS '$module';
CREATE FUNCTION require_length(text) RETURNS void LANGUAGE c AS '$module';});

my $current = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94';    # differentpassword
my $cheap = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';         # password
my $half = '$argon2id$v=19$m=1024,t=64,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N';
my $django = 'pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=';
my $django_slow = 'pbkdf2_sha256$50000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=';

# contenders, as expressions; the first is the measure
my @contenders = (
	['a right password of a current hash', "cost_of_verify_padded('differentpassword', '$current', true)"],
	['a wrong password of a current hash', "cost_of_verify_padded('password', '$current', false)"],
	['a right password of a cheap hash', "cost_of_verify_padded('password', '$cheap', true)"],
	['a wrong password of a cheap hash', "cost_of_verify_padded('x', '$cheap', false)"],
	['a hash of half the cost', "cost_of_verify_padded('x', '$half', false)"],
	['PBKDF2 of 1000 iterations', "cost_of_verify_padded('x', '$django', false)"],
	['PBKDF2 of 50000 iterations', "cost_of_verify_padded('x', '$django_slow', false)"],
	['an unusable hash', "cost_of_verify_padded('x', '!', false)"],
	['no hash', "cost_of_verify_padded('x', NULL, false)"],
	['no password', "cost_of_verify_padded(NULL, '$current', false)"],
	['a password that is too long', "cost_of_verify_padded(repeat('x', 5000), '$current', false)"],
	['an unknown user', "cost_of_dummy_verify('x')"],
	['an unknown user, no password', "cost_of_dummy_verify(NULL)"]);

# all in one session, alternating
my %samples;
for (split /\n/, $node->safe_psql('postgres', join '', map { map { "SELECT '$_->[0]', $_->[1];\n" } @contenders } 1 .. 15))
{
	my ($name, $ms) = split /\|/;
	push @{ $samples{$name} }, $ms;
}
my %median = map { ($_ => (sort { $a <=> $b } @{ $samples{$_} })[7]) } keys %samples;
my $measure = $median{ $contenders[0][0] };
note(sprintf('%-40s %6.1f ms', $_->[0], $median{ $_->[0] })) for @contenders;
for my $contender (@contenders[1 .. $#contenders])
{
	my $ratio = $median{ $contender->[0] } / $measure;
	diag(sprintf('%s: %.2f of a current hash', $contender->[0], $ratio));
}

# first thing in a session, where nobody has told yet how long a hash takes, the padding is a whole one
my %fresh;
for my $round (1 .. 9)
{
	push @{ $fresh{ $_->[0] } }, $node->safe_psql('postgres', "SELECT $_->[1]") for @contenders;
}
my $fresh_measure = (sort { $a <=> $b } @{ $fresh{ $contenders[0][0] } })[4];
for my $contender (@contenders[1 .. $#contenders])
{
	my $ratio = (sort { $a <=> $b } @{ $fresh{ $contender->[0] } })[4] / $fresh_measure;
	diag(sprintf('first thing in a session, %s: %.2f', $contender->[0], $ratio));
}

diag(sprintf('not padded, a cheap hash: %.2f', $node->safe_psql('postgres', "SELECT cost_of_verify('password', '$cheap', true)") / $measure));

# the least length, in characters
my ($ret, $out, $err) = $node->psql('postgres', "SELECT require_length('sevenen')", on_error_stop => 0);
like($err, qr/password is too short/, 'seven characters are too few');
is($node->psql('postgres', "SELECT require_length('achtächt')"), 0, 'eight are enough');
isnt($node->psql('postgres', "SELECT require_length('ääääääå')"), 0, 'seven that are fourteen bytes are not');
isnt($node->psql('postgres', 'SELECT require_length(NULL)'), 0, 'NULL is not');
$node->stop;
done_testing();
