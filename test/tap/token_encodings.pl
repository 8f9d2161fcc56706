# Tokens are UTF-8 whatever the database's encoding: what it can hold arrives, what it cannot is a
# refused token, not an error of conversion.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('encodings');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "pgaccount.live_check = off\nshared_preload_libraries = 'pgaccount'\n");
$node->start;
$ENV{PGCLIENTENCODING} = 'UTF8';
my $key = "repeat('k', 32)";
for my $db (qw(latin1 euc_jp sql_ascii utf8))
{
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$db' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql($db, "CREATE EXTENSION pgaccount; SELECT account.create_key('HS256', 'k1', $key\::bytea)");
}

# A token whose claims have this text for sub and a module, as it stands and escaped.
sub token_of
{
	my $text = shift;
	return $node->safe_psql('utf8', qq{SELECT account.sign('{"sub":"$text","tenant_id":"$text","modules":["$text"],"exp":4000000000}', $key)});
}
my $latin = [ token_of('é'), token_of('\u00e9') ];
my $kanji = [ token_of('漢'), token_of('\u6f22') ];
my %holds = (latin1 => [ 1, 0 ], euc_jp => [ 1, 1 ], utf8 => [ 1, 1 ]);
for my $db (sort keys %holds)
{
	for my $case ([ 'é', $latin, $holds{$db}[0] ], [ '漢', $kanji, $holds{$db}[1] ])
	{
		my ($char, $tokens, $held) = @$case;
		for my $token (@$tokens)
		{
			if ($held)
			{
				is($node->safe_psql($db, "SELECT account.authenticate('$token') = '$char', account.uid() = '$char', account.has_module('$char'), account.claim('sub') = '$char', account.jwt_verify('$token', $key\::bytea) ->> 'sub' = '$char'"),
					't|t|t|t|t', "$db: $char");
			}
			else
			{
				for my $call ("authenticate('$token')", "jwt_verify('$token', $key\::bytea)", "verify_access_token('$token')")
				{
					my ($rc, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\nSELECT account.$call");
					like($err, qr/ERROR:  PT401/, "$db: $char is no claim, " . substr($call, 0, 12));
				}
			}
			is($node->safe_psql($db, "SELECT valid FROM account.verify('$token', $key)"), $held || $token eq $kanji->[1] ? 't' : 'f', "$db: $char, verify");
		}
	}
	next if $db eq 'utf8';
	# made here, read there
	my $made = $node->safe_psql($db, "SELECT account.jwt_sign('{\"sub\": \"é\"}', $key\::bytea)");
	is($node->safe_psql('utf8', "SELECT account.jwt_verify('$made', $key\::bytea) ->> 'sub'"), 'é', "$db: signs UTF-8");
}
is($node->safe_psql('sql_ascii', "SELECT account.jwt_verify('$latin->[0]', $key\::bytea) ->> 'sub'"), 'é', 'SQL_ASCII: bytes pass');
$node->stop;
done_testing();
