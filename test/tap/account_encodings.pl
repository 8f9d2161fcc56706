# Accounts in databases of other encodings: names and roles with letters beyond ASCII go into claims, which are
# UTF-8, and come back; what cannot be written in the encoding, or is no UTF-8, is refused by its SQLSTATE.
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pgaccount'
pgaccount.password_memory = '64kB'
pgaccount.password_ops = 1
});
$node->start;

# Run SQL, sent as UTF-8 (SQL_ASCII: as it is); returns output and SQLSTATE of the last error.
sub run
{
	my ($encoding, $sql) = @_;
	my $client = $encoding eq 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8';
	utf8::encode(my $bytes = "SET client_encoding = '$client';\n\\set VERBOSITY sqlstate\n$sql");
	my ($ret, $out, $err) = $node->psql("in_$encoding", $bytes, on_error_stop => 0);
	utf8::decode($out);
	my ($state) = $err =~ /.*ERROR:  (\w{5})/s;
	return ($out, $state // '');
}

for my $encoding (qw(LATIN1 WIN1252 SQL_ASCII UTF8))
{
	$node->safe_psql('postgres', "CREATE DATABASE \"in_$encoding\" TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	my ($out, $state) = run($encoding, q{
		SET client_min_messages = warning;
		CREATE EXTENSION pgaccount;
		SELECT account.create_starter('app') \g /dev/null
		SELECT account.create_key() \g /dev/null
		SET pgaccount.registration_roles = 'élève';
		INSERT INTO app.tenants (slug, name, modules) VALUES ('école', 'École d''été', '["crm", "élèves"]');
		SELECT username || '|' || email FROM account.register('jose@example.org', 'pässword', 'José', 'école', '{"role": "élève"}');
	});
	is("$out/$state", 'José|jose@example.org/', "$encoding: a name, a tenant and a role with accents");
	($out, $state) = run($encoding, q{
		SELECT status FROM account.login('José', 'pässword');
		SELECT status FROM account.login('José', 'passwörd');
		SELECT access_token FROM account.login('José', 'pässword') \gset
		SELECT c ->> 'tenant', c ->> 'user_role', c -> 'modules' ->> 1 FROM account.verify_access_token(:'access_token') AS c;
		SELECT account.authenticate(:'access_token') IS NOT NULL, account.user_role(), account.has_module('élèves'), account.has_module('eleves');
	});
	unlike($out, qr/\?|Ã/, "$encoding: no letter is lost");
	is($state, '', "$encoding: logs in and authenticates");
	my @lines = split /\n/, $out;
	is($lines[0], '200', "$encoding: the right password");
	is($lines[1], '401', "$encoding: another accent is another password");
	is($lines[2], 'école|élève|élèves', "$encoding: tenant, role and modules come back from the claims");
	is($lines[3], 't|élève|t|f', "$encoding: so do role and modules by the helpers");
	# the claims themselves are UTF-8, whatever the database is
	($out) = run($encoding, q{
		SELECT access_token FROM account.login('José', 'pässword') \gset
		SELECT encode(decode(rpad(translate(p, '-_', '+/'), (length(p) + 3) / 4 * 4, '='), 'base64'), 'hex') FROM split_part(:'access_token', '.', 2) AS p;
	});
	like(pack('H*', $out), qr/\xc3\xa9l\xc3\xa8ve/, "$encoding: the token has them in UTF-8");
	($out) = run($encoding, q{SELECT detail ->> 'username' FROM account.event WHERE type = 'user_registered'});
	is($out, 'José', "$encoding: the event has the name");
	($out) = run($encoding, q{
		SELECT account.act_as(id::text, false) FROM app.users \g /dev/null
		SELECT account.export_user(account.uid()) -> 'app.users' -> 0 ->> 'username';
	});
	is($out, 'José', "$encoding: so has the export");
}

# what the encoding has no letter for never gets as far as us, with the server's own SQLSTATE
is((run($_, q{SELECT * FROM account.register('kanji@example.org', 'secret123', '漢字')}))[1], '22P05', "$_: no such letters") for qw(LATIN1 WIN1252);
is((run('UTF8', q{SELECT username FROM account.register('kanji@example.org', 'secret123', '漢字')}))[0], '漢字', 'UTF8: has them');
is((run($_, q{SELECT * FROM account.register('euro@example.org', 'secret123', '€uro')}))[1], $_ eq 'LATIN1' ? '22P05' : '', "$_: the sign of the euro") for qw(LATIN1 WIN1252);

# claims that another system has signed with letters that this database has not: a refusal, no letter lost
for my $encoding (qw(LATIN1 UTF8))
{
	my ($out, $state) = run($encoding, qq{SELECT account.jwt_verify(account.jwt_sign('{"name": "\\u6f22\\u5b57"}', 'a-secret-of-32-bytes-or-more-123', 'HS256'), 'a-secret-of-32-bytes-or-more-123') ->> 'name'});
	is("$out/$state", $encoding eq 'UTF8' ? '漢字/' : '/22P05', "$encoding: claims with letters beyond it");
}

# in SQL_ASCII bytes are bytes, but claims are JSON, which is UTF-8: what is none is refused where it would go into a token
{
	my ($out, $state) = run('SQL_ASCII', q{
		SELECT user_id FROM account.register('bytes@example.org', 'secret123') \gset
		UPDATE app.profiles SET role = E'\xff\xfe' WHERE user_id = :'user_id';
		SELECT status, access_token IS NULL FROM account.login('bytes@example.org', 'secret123');
	});
	like("$out/$state", qr{^/(22021|PT\d{3})$|^\d{3}\|t/$}, 'SQL_ASCII: bytes that are no UTF-8 get into no token');
	($out, $state) = run('SQL_ASCII', q{SELECT status FROM account.login('jose@example.org', 'pässword')});
	is("$out/$state", '200/', 'SQL_ASCII: and the session goes on');
}
$node->stop;
done_testing();
