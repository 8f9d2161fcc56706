# Every published JWT case of test/vectors/jwt.json, at both levels: the signature alone (jws_valid)
# and the whole check (jwt_verify at the case's time). A case where the contract decides otherwise is
# listed here with its reason, and its answer is pinned as well.
use strict;
use warnings;

use FindBin;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %min_bytes = (HS256 => 32, HS384 => 48, HS512 => 64);

# name => [jws, jwt, reason]
my %otherwise = (
	'clm-tid-sqli' => [
		'valid', 'valid',
		'the case is about a verifier bound to one tenant; the codec is bound to none, and the claim stays text'
	],
	'kid-path-traversal-k1' => [
		'valid', 'valid',
		'jwt_verify is given its key and looks up no kid; verify_access_token refuses it below'
	],
	'kid-like-wildcard' => [ 'valid', 'valid', 'the same' ],
	'kid-empty' => [ 'valid', 'valid', 'the same' ]);

# The rule for the rest: a key shorter than the hash is refused with 22023, whatever the token.
my $short_key = 'key shorter than the hash: 22023 (contract section 7, RFC 7518 3.2)';

sub bytes_of
{
	my $text = shift;
	$text =~ tr{-_}{+/};
	return decode_base64($text);
}

my $node = PostgreSQL::Test::Cluster->new('vectors');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
CREATE FUNCTION jws(token text, key bytea, alg text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN account.jws_valid(token, key, alg) THEN 'valid' ELSE 'invalid' END;
EXCEPTION WHEN invalid_parameter_value THEN RETURN '22023';
END $$;
CREATE FUNCTION jwt(token text, key bytea, alg text, at float8, leeway float8, iss text, aud text)
	RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('pgaccount.issuer', iss, true), set_config('pgaccount.audience', aud, true);
	PERFORM account.jwt_verify(token, key, alg, to_timestamp(at), make_interval(secs => leeway));
	RETURN 'valid';
EXCEPTION
	WHEN SQLSTATE 'PT401' THEN RETURN 'invalid';
	WHEN invalid_parameter_value THEN RETURN '22023';
END $$;
});

open(my $fh, '<', "$FindBin::Bin/../vectors/jwt.json") or die "no vectors: $!";
my $cases = decode_json(do { local $/; <$fh> });
close $fh;
cmp_ok(scalar @$cases, '>=', 129, 'all cases are there');

my $sql = '';
for my $case (@$cases)
{
	my $policy = $case->{policy} // {};
	my $key = unpack('H*', bytes_of($case->{key_base64url}));
	my $q = sub { my $v = shift; $v =~ s/'/''/g; "'$v'" };
	my $args = sprintf('%s, %s, %s', $q->($case->{token}), "'\\x$key'", $q->($case->{alg}));
	$sql .= sprintf("SELECT jws(%s) || ' ' || jwt(%s, %s, %s, %s, %s);\n",
		$args, $args, $case->{now}, $case->{leeway},
		$q->($policy->{iss} // ''), $q->($policy->{aud} // ''));
}
my @got = split /\n/, $node->safe_psql('postgres', $sql);
is(scalar @got, scalar @$cases, 'each case has an answer');

my %used;
for my $i (0 .. $#$cases)
{
	my $case = $cases->[$i];
	my $name = $case->{name};
	my $bytes = length bytes_of($case->{key_base64url});
	my ($jws, $jwt) = ($case->{jws_expect}, $case->{expect});
	my $note = '';

	if (my $other = $otherwise{$name})
	{
		($jws, $jwt, $note) = @$other;
		$used{$name} = 1;
	}
	elsif (defined $min_bytes{ $case->{alg} } && $bytes < $min_bytes{ $case->{alg} })
	{
		($jws, $jwt, $note) = ('22023', '22023', $short_key);
	}
	elsif (!defined $min_bytes{ $case->{alg} } && $case->{alg} ne 'EdDSA')
	{
		($jws, $jwt, $note) = ('22023', '22023', 'unsupported algorithm: 22023');
	}
	is($got[$i], "$jws $jwt", $name . ($note ? " [$note]" : ''));
	fail("$name: accepts what the case refuses without a listed reason")
	  if $case->{expect} eq 'invalid' && $got[$i] =~ / valid$/ && !$used{$name};
}
is_deeply([ sort keys %used ], [ sort keys %otherwise ], 'every listed exception is a case');

# Keys of a set: no kid but the right one finds a key.
for my $case (grep { $_->{keyset} } @$cases)
{
	my $set = join ";\n",
	  map { "SELECT account.create_key('HS256', '$_->{kid}', '\\x" . unpack('H*', bytes_of($_->{key_base64url})) . "')" }
	  grep { $_->{alg} eq 'HS256' } @{ $case->{keyset} };
	my ($rc, $out, $err) = $node->psql('postgres',
		"BEGIN; $set; SET LOCAL pgaccount.leeway = '5000d'; SELECT account.verify_access_token('$case->{token}'); ROLLBACK");
	like($err, qr/token is not valid/, "$case->{name} finds no key");
	unlike($err, qr/expired/, "$case->{name} is refused for its key");
}

$node->stop;
done_testing();
