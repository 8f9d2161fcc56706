#!/usr/bin/perl
# Statements without end, for psql: all public calls and what an application does beside them, in transactions,
# with savepoints, and with arguments both good and bad. Usage: statements.pl seed
use strict;
use warnings;

srand(shift // 1);
$SIG{PIPE} = sub { exit 0 };
$| = 1;

sub pick { $_[ rand @_ ] }
sub n { 1 + int rand shift }
sub user { pick(n(400), n(400), n(400), "'" . n(400) . "'", pick("'nonsense'", 'NULL', '-1', "''")) }
sub user_text { pick("'" . n(400) . "'", "'" . n(400) . "'", "'" . n(400) . "'", "'nonsense'", 'NULL', "''", "'99999999999999999999999'") }
sub email { pick("'seed" . n(200) . "\@example.com'", "'u" . n(60) . "\@example.com'", "'U" . n(60) . "\@Example.com'", "''", 'NULL', "'no address'") }
sub password { pick("'correct horse battery'", "'correct horse battery'", "'wrong'", 'NULL') }
sub tenant { pick("'t" . n(8) . "'", "'" . n(8) . "'", 'NULL', "'none'") }
sub table { pick(qw(app.users app.users app.clients app.deals app.posts app.tenants)) }
sub key { pick(n(400), n(50), 'NULL', "'{\"id\": " . n(400) . "}'::jsonb", "ARRAY[" . n(300) . ", " . n(300) . "]", "'{\"id\": [], \"x\": 1}'::jsonb") }
sub token { pick("(SELECT t FROM storm.tokens ORDER BY random() LIMIT 1)", "(SELECT t FROM storm.tokens ORDER BY random() LIMIT 1)", "'a.b.c'", 'NULL') }
sub refresh_token { pick("(SELECT r FROM storm.tokens WHERE r IS NOT NULL ORDER BY random() LIMIT 1)", "'AAAA'", 'NULL') }
sub identity { "SELECT account.act_as('" . n(400) . "')" }

# What an application does.
my @application = (
	sub { "INSERT INTO app.users (tenant_id, email, username) VALUES (" . pick('NULL', n(8)) . ", " . email() . ", " . pick('NULL', "'n" . n(80) . "'") . ")" },
	sub { "INSERT INTO app.users (email) VALUES (" . email() . ") ON CONFLICT (email) DO " . pick('NOTHING', 'UPDATE SET last_login = now()') },
	sub { "INSERT INTO app.users (email, tenant_id) SELECT 'bulk' || i || '-' || random() || '\@example.com', 1 FROM generate_series(1, " . n(30) . ") i" },
	sub { "INSERT INTO app.profiles (user_id, role) VALUES (" . n(400) . ", 'admin')" },
	sub { "UPDATE app.profiles SET bio = 'x' WHERE user_id = " . user() },
	sub { "DELETE FROM app.users WHERE id = " . user() . pick('', ' RETURNING id, email', ' RETURNING *') },
	sub { "DELETE FROM app.users WHERE id % 97 = " . n(96) },
	sub { "WITH gone AS (DELETE FROM app.posts WHERE id = " . n(200) . " RETURNING author_id) SELECT count(*) FROM gone JOIN app.users ON id = author_id" },
	sub { "DELETE FROM app.clients USING app.users u WHERE owner_id = u.id AND u.id = " . user() },
	sub { "DELETE FROM " . table() . " WHERE id = " . n(300) },
	sub { "UPDATE app.users SET " . pick('is_active = NOT is_active', 'is_deleted = NOT is_deleted', 'deleted_at = NULL', 'tenant_id = ' . n(8), "email = " . email(), 'deleted_at = now()') . " WHERE id = " . user() },
	sub { "UPDATE app.tenants SET " . pick('is_active = NOT is_active', "modules = '{}'", "modules = 'null'", "modules = '[\"crm\"]'") . " WHERE id = " . n(8) },
	sub { "UPDATE app.posts SET region = 3 - region WHERE id = " . n(200) },
	sub { "INSERT INTO app.clients (tenant_id, owner_id) VALUES (" . n(8) . ", " . user() . ")" },
	sub { "INSERT INTO app.deals (client_id, created_by, next_deal) VALUES (" . n(100) . ", " . user() . ", " . pick('NULL', n(100)) . ")" },
	sub { "INSERT INTO app.payments (deal_id) SELECT id FROM app.deals WHERE id % 13 = " . n(12) },
	sub { "INSERT INTO app.posts (region, author_id) VALUES (" . n(2) . ", " . user() . ")" },
	sub { "INSERT INTO app.documents (tenant_id, body) VALUES (" . n(8) . ", 'x')" },
	sub { "SELECT count(*) FROM app.users u LEFT JOIN app.profiles p ON p.user_id = u.id" . pick('', ' FULL JOIN app.clients c ON c.owner_id = u.id') },
	sub { "SELECT * FROM app.users WHERE email = " . email() . " FOR UPDATE" },
	sub { "SELECT count(*) FROM app.documents" },
	sub { "MERGE INTO app.users u USING (SELECT " . n(400) . " AS id) s ON u.id = s.id WHEN MATCHED THEN " . pick('DELETE', 'UPDATE SET is_staff = false') },
	sub { "TRUNCATE " . table() },
	sub { "SET LOCAL pgaccount.show_deleted = " . pick('on', 'off') },
	sub { "COPY (SELECT * FROM app.users) TO '/dev/null'" },
);

# The public calls.
my @calls = (
	sub { "INSERT INTO storm.tokens SELECT access_token, refresh_token FROM account.login(" . email() . ", " . password() . ", '10.0.0." . n(40) . "')" },
	sub { "INSERT INTO storm.tokens SELECT access_token, refresh_token FROM account.login(" . email() . ", " . password() . ")" },
	sub { "INSERT INTO storm.tokens SELECT access_token, refresh_token FROM account.refresh(" . refresh_token() . ")" },
	sub { "INSERT INTO storm.tokens SELECT access_token, refresh_token FROM account.issue_tokens(" . user_text() . ")" },
	sub { "SELECT * FROM account.register(" . email() . ", " . password() . ", " . pick('NULL', "'n" . n(80) . "'") . ", " . tenant() . ", " . pick("'{}'", "'{\"bio\": \"b\"}'", "'{\"role\": \"admin\"}'", "'[]'", "'{\"nothing\": 1}'") . ")" },
	sub { "SELECT account.logout(" . refresh_token() . ")" },
	sub { identity() . "; SELECT account.revoke_sessions(" . user_text() . ")" },
	sub { identity() . "; SELECT account.set_password(" . user_text() . ", " . password() . ")" },
	sub { "SELECT account.authenticate(" . token() . pick('', ', true', ', false') . ")" },
	sub { "SELECT account.verify_access_token(" . token() . ")" },
	sub { "SELECT account.uid(), account.tenant_id(), account.claims(), account.uid_bigint(), account.has_module('crm'), account.is_staff(), account.user_role()" },
	sub { "SELECT account.sign_out()" },
	sub { "SELECT account.issue_access_token(" . user_text() . ", " . pick('NULL', "'1 hour'", "'-1 hour'") . ")" },
	sub { "SELECT account.restore('" . table() . "', " . key() . ")" },
	sub { "SELECT account.is_deleted('" . table() . "', " . key() . ")" },
	sub { "SELECT count(*) FROM account.cleanup_plan('" . table() . "', " . key() . ", " . pick('true', 'false') . ")" },
	sub { "SELECT count(*) FROM account.cleanup('" . pick(qw(app.clients app.deals app.posts app.users)) . "', " . key() . ", " . pick('true', 'false', 'NULL') . ")" },
	sub { "SELECT length(account.cleanup_graph('" . table() . "', " . key() . "))" },
	sub { "SELECT account.purge('" . table() . "', " . pick("'0'", "'1 second'", 'NULL') . ", " . pick('NULL', n(10)) . ", " . pick('true', 'false') . ")" },
	sub { "CALL account.purge_batches('" . pick(qw(app.users app.posts)) . "', '1 second', " . n(20) . ")" },
	sub { identity() . "; SELECT account.delete_user(" . user_text() . ", " . password() . ", " . pick('NULL', "'because'") . ")" },
	sub { identity() . "; SELECT account.restore_user(" . user_text() . ")" },
	sub { "SELECT account.purge_users(" . n(5) . ")" },
	sub { identity() . "; SELECT length(account.export_user(" . user_text() . ")::text)" },
	sub { identity() . "; INSERT INTO storm.invitations SELECT account.invite(" . email() . ", 'member', " . tenant() . ", " . pick("'1 day'", "'0'", "'-1 day'") . ", " . pick("'{}'", "'{\"can_invite\": true}'", "'{\"nothing\": 1}'", "'[]'") . ")" },
	sub { identity() . "; SELECT account.accept_invitation(" . pick("(SELECT t FROM storm.invitations ORDER BY random() LIMIT 1)", "'AAAA'", 'NULL') . ")" },
	sub { identity() . "; SELECT account.apply_for_role('editor', 'please')" },
	sub { identity() . "; SELECT account.review_application(" . n(60) . ", " . pick('true', 'false', 'NULL') . ")" },
	sub { "SELECT account.set_client_ip('192.0.2." . n(250) . "')" },
	sub { "SELECT account.create_key('" . pick(qw(HS256 HS512 EdDSA none)) . "', 'k" . n(6) . "', activate => " . pick('true', 'false') . ")" },
	sub { "SELECT account.activate_key('" . pick('first', 'k' . n(6)) . "')" },
	sub { "SELECT account.retire_key('k" . n(6) . "')" },
	sub { "SELECT account.jwks(), account.health()" },
	sub { "SELECT count(*) FROM account.doctor()" },
	sub { "SELECT count(*) FROM account.missing_profiles('" . table() . "')" },
	sub { "SELECT account.hash_password(" . password() . ")" },
	sub { "SELECT account.jwt_verify(account.jwt_sign('{\"sub\": \"1\"}', '\\x" . '00' x 32 . "'), '\\x" . '00' x 32 . "')" },
	sub { "SELECT count(*) FROM account.stats" },
	sub { "SELECT count(*) FROM account.event" },
);

# What changes the rules while others play; rare, because it takes strong locks.
my @owner = (
	sub { "SELECT account.enable_soft_delete('app." . pick(qw(clients deals posts)) . "'" . pick('', ', guard_references => true', ", on_parent_delete => 'delete'") . ")" },
	sub { "SELECT account.disable_soft_delete('app.clients')" },
	sub { "SELECT account.set_reference_policy('app.clients', 'clients_owner_id_fkey', " . pick("'cascade'", "'protect'", 'NULL') . ")" },
	sub { "SELECT account.enable_profile('app.users', 'app.profiles')" },
	sub { "ALTER TABLE app.users ADD COLUMN IF NOT EXISTS extra int" },
	sub { "ALTER TABLE app.users DROP COLUMN IF EXISTS extra" },
	sub { "ALTER TABLE app.posts DETACH PARTITION app.posts_2; ALTER TABLE app.posts ATTACH PARTITION app.posts_2 FOR VALUES IN (2)" },
	sub { "SELECT count(*) FROM account.use_tables('app.users', 'app.profiles', 'app.tenants')" },
);

sub statement
{
	my $kind = rand;
	return pick(@owner)->() if $kind < 0.01;
	return pick(@calls)->() if $kind < 0.55;
	return pick(@application)->();
}

# A timeout ends what takes long, so that every statement is cancelled somewhere now and then.
# Every other client goes on in its transaction after an error, by savepoints that psql makes.
print "SET client_min_messages = fatal;\nSET lock_timeout = '2s';\n\\set ON_ERROR_STOP off\n\\set ON_ERROR_ROLLBACK ", pick('on', 'off'), "\n";
while (1)
{
	print "SET statement_timeout = '" . pick('20ms', '200ms', '5s', '5s') . "';\n" if rand() < 0.1;
	if (rand() < 0.4)
	{
		print statement(), ";\n";
		next;
	}
	print "BEGIN", pick('', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE'), ";\n";
	for (1 .. n(5))
	{
		if (rand() < 0.3)
		{
			print "SAVEPOINT s;\n", statement(), ";\n", pick('ROLLBACK TO s', 'RELEASE s', 'ROLLBACK TO s'), ";\n";
		}
		else { print statement(), ";\n" }
	}
	print pick('COMMIT', 'COMMIT', 'ROLLBACK'), ";\n";
}
