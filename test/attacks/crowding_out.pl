# A role with nothing but CONNECT takes no lock, no place and no time that others need.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Attack;
use Session;

my $node = new_server('main', conf => "pgaccount.event_queue_size = 64\n");
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE web LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE app LOGIN;
CREATE EXTENSION pgaccount;
SELECT account.create_starter('app');
SELECT account.create_key(), account.grant_api('web');
INSERT INTO app.tenants (slug) VALUES ('acme');
SELECT account.register('ann@x.org', 'a-right-secret', 'ann', 'acme'), account.register('bob@x.org', 'a-right-secret', 'bob');
CREATE TABLE app.parents (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE app.children (id int PRIMARY KEY, parent int REFERENCES app.parents ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('app.parents', guard_references => true, children => true);
INSERT INTO app.parents VALUES (1), (2);
SQL
sub tried
{
	my ($role, $sql, $timeout) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "SET lock_timeout = '3s'; SET statement_timeout = '" . ($timeout // '20s') . "';\n$sql", extra_params => [ '-U', $role, '-v', 'VERBOSITY=sqlstate' ]);
	return $rc == 0 ? $out : ($err =~ /(?:ERROR|FATAL):\s+(\w{5})/)[0];
}

# --- advisory locks --------------------------------------------------------------------------------------------
my $id = $node->safe_psql('postgres', q{SELECT id FROM app.users WHERE username = 'ann'});
my ($access, $refresh) = split /\|/, $node->safe_psql('postgres', q{SELECT access_token, refresh_token FROM account.login('ann', 'a-right-secret')});
my $calls = join ";\n", map { "$_;\n" . q{INSERT INTO seen SELECT '} . ($_ =~ /account\.(\w+)\(/ ? $1 : ($_ =~ /(\w+)/)[0]) . q{', classid, objid, objsubid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()} }
  (q{SELECT account.register('new@x.org', 'a-right-secret', 'new', 'acme')}, q{SELECT account.login('ann', 'a-right-secret', '10.0.0.1')}, q{SELECT account.login('ann', 'a-wrong-secret', '10.0.0.1')},
	"SELECT account.refresh('$refresh')", "SELECT account.authenticate('$access')", "SELECT account.set_password('$id', 'another-secret')", "SELECT account.act_as('$id')", "SELECT account.delete_user('$id')",
	q{UPDATE app.users SET is_active = false WHERE username = 'bob'}, q{UPDATE app.tenants SET is_active = false}, q{DELETE FROM app.parents WHERE id = 1}, q{SELECT account.restore('app.parents', 1)},
	q{SELECT account.purge('app.parents')}, q{SELECT account.cleanup('app.parents', 2)}, q{SELECT account.create_key()}, q{SELECT account.prune_events()}, q{SELECT account.purge_users()});
is($node->safe_psql('postgres', "CREATE TEMP TABLE seen (what text, classid oid, objid oid, objsubid int);\nBEGIN;\n\\o /dev/null\n$calls;\n\\o\nSELECT string_agg(DISTINCT concat_ws(' ', what, classid, objid, objsubid), ', ') FROM seen WHERE objsubid IN (1, 2);\nROLLBACK;"),
	'', 'no advisory lock of ours is one that SQL can take');
my $mallory = Session->new('-U', 'mallory', '-d', $node->connstr('postgres'));
$mallory->ask(q{SELECT pg_advisory_lock(x'70676102'::int, hashtext('victim@x.org')), pg_advisory_lock(x'70676101'::int, hashtext((SELECT '1'))), pg_advisory_lock(x'70676101'::int, hashtext(v)) FROM (VALUES ('}
	  . $node->safe_psql('postgres', 'SELECT id FROM app.tenants') . q{')) t(v)});
like(tried('web', q{SELECT account.register('victim@x.org', 'a-right-secret')}), qr/victim/, 'nobody blocks the registration of a name');
is(tried('web', q{SELECT status FROM account.login('ann', 'a-right-secret')}), '200', 'nor the logins of a tenant');
$mallory->quit;

# --- places for hashing --------------------------------------------------------------------------------------
# The costs here are 8 kB once: dearer than four times that are asked of who may not log in in vain.
my $dear = $node->safe_psql('postgres', q{SET pgaccount.password_ops = 5; SELECT account.hash_password('a-right-secret')});
my $just = $node->safe_psql('postgres', q{SET pgaccount.password_ops = 4; SELECT account.hash_password('a-right-secret')});
is(tried('mallory', "SELECT account.verify_password('a-right-secret', '$just')"), 't', 'anybody verifies a hash of four times the cost');
is(tried('mallory', "SELECT account.verify_password('a-right-secret', '$dear')"), 'f', 'and no dearer one');
is(tried('web', "SELECT account.verify_password('a-right-secret', '$dear')"), 't', 'who may log in verifies it');
is(tried('mallory', q{SELECT account.verify_password('x', '$argon2id$v=19$m=262144,t=16,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')}, '1s'),
	'f', 'nobody holds a place for hashing for seconds');

# --- the queue of failures, of all databases ---------------------------------------------------------------------
$node->safe_psql('postgres', 'CREATE DATABASE hog OWNER app');
$node->safe_psql('hog', 'CREATE EXTENSION pgaccount');
my @sessions = map { Session->new('-U', 'app', '-d', $node->connstr('hog')) } 1 .. 3;
$_->ask('SELECT 1') for @sessions;
$node->safe_psql('postgres', 'ALTER DATABASE hog ALLOW_CONNECTIONS false', extra_params => [ '-U', 'app' ]);
$_->ask(q{DO $$ BEGIN FOR i IN 1..500 LOOP BEGIN PERFORM account.authenticate('x'); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$}) for @sessions;
tried('mallory', "SELECT account.authenticate('victim $_')") for 1 .. 3;
my $written;
for (1 .. 50)
{
	$written = $node->safe_psql('postgres', q{SELECT count(*) FROM account.event WHERE type = 'operation_failed' AND actor = 'mallory'});
	last if $written >= 3;
	select undef, undef, undef, 0.1;
}
is($written, '3', 'what fails in one database leaves places to the others');
$_->quit for @sessions;

# --- the counts of failures --------------------------------------------------------------------------------------
is(tried('web', q{SELECT account.register('', 'a-right-secret')}), '22023', 'a failure');
my $counted = q{SELECT sum(calls) FROM account.failures WHERE operation = 'register' AND error_code = '22023'};
is($node->safe_psql('postgres', $counted), '1', 'is counted');
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA filler AUTHORIZATION app;
SET SESSION AUTHORIZATION app;
CREATE TABLE filler.fill (id int PRIMARY KEY, deleted_at timestamptz);
INSERT INTO filler.fill VALUES (1);
SELECT account.enable_soft_delete('filler.fill');
CREATE FUNCTION filler.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = current_setting('x.s'), MESSAGE = 'm'; END $$;
CREATE TRIGGER fail BEFORE UPDATE ON filler.fill FOR EACH ROW EXECUTE FUNCTION filler.fail();
DO $$ BEGIN FOR i IN 1..6000 LOOP PERFORM set_config('x.s', upper(substr(md5(i::text), 1, 5)), true); BEGIN DELETE FROM filler.fill; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$;
SQL
is($node->safe_psql('postgres', $counted), '1', 'and stays so, whatever codes a table of somebody invents');
stop_server($node);
done_testing();
