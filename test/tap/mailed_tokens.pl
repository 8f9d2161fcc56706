# Tokens that are mailed: in no log, statistic or event, whatever is raised; requests counted past a rollback and a
# restart; a dump without them; sessions on a hot standby; who acts as another in failures. And the last member of a
# role: not preloaded, and after dump and restore.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_stat_statements, pgaccount'
pgaccount.password_memory = '8kB'
pgaccount.password_ops = 1
pgaccount.login_max_failures = 5
log_statement = none
log_min_messages = debug1
log_min_error_statement = debug5
log_error_verbosity = verbose
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pgaccount;
CREATE EXTENSION pg_stat_statements;
SELECT account.create_starter(), account.create_key();
SELECT account.register('ann@x.org', 'a-right-secret', 'ann'), account.register('bob@x.org', 'a-right-secret', 'bob');
SQL
my $ann = $node->safe_psql('postgres', "SELECT id FROM app.users WHERE username = 'ann'");
sub state_of { my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n" . shift); return ($err =~ /ERROR:\s+(\w{5})/)[0] // $out }

# --- tokens are nowhere --------------------------------------------------------------------------------
my %token;
$token{reset} = $node->safe_psql('postgres', "SELECT token FROM account.request_password_reset('ann')");
$token{email} = $node->safe_psql('postgres', "BEGIN; SELECT account.act_as('$ann') \\g /dev/null\nSELECT account.request_email_change('$ann', 'new\@x.org'); COMMIT");
$token{deletion} = $node->safe_psql('postgres', "BEGIN; SELECT account.act_as('$ann') \\g /dev/null\nSELECT account.request_deletion('$ann'); COMMIT");
$token{unknown} = 'x' x 43;
like($token{$_}, qr/^[\w-]{43}$/, "a token: $_") for sort keys %token;
for my $name (sort keys %token)
{
	my $t = $token{$name};
	is(state_of("SELECT account.reset_password('$t', 'short')"), $name eq 'reset' ? '22023' : 'PT404', "$name: refused by reset_password");
	is(state_of("SELECT account.confirm_email('$t')"), 'PT404', "$name: refused by confirm_email") if $name ne 'email';
	is(state_of("SELECT account.confirm_deletion('$t')"), 'PT404', "$name: refused by confirm_deletion") if $name ne 'deletion';
	is(state_of("SET default_transaction_read_only = on; SELECT account.confirm_deletion('$t')"), '25006', "$name: refused where nothing is written");
	is(state_of("SELECT account.confirm_deletion('$t', repeat('x', 2001))"), '22023', "$name: another argument is refused");
}
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION app.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'it was %', current_query(); RAISE EXCEPTION 'told by %', TG_NAME; END $$;
CREATE TRIGGER tell BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.tell();
SQL
is(state_of("SELECT account.reset_password('$token{reset}', 'a-new-secret')"), 'P0001', 'an error of the application');
is(state_of("SELECT account.confirm_email('$token{email}')"), 'P0001', 'of each');
is(state_of("SELECT account.confirm_deletion('$token{deletion}')"), 'P0001', 'call');
$node->safe_psql('postgres', 'DROP TRIGGER tell ON app.users');
is(state_of("SELECT account.confirm_email('$token{email}') ->> 'email'"), 'new@x.org', 'the email is confirmed');
$token{reset2} = $node->safe_psql('postgres', "SELECT token FROM account.request_password_reset('ann')");
is(state_of("SELECT account.reset_password('$token{reset2}', 'a-new-secret')"), '', 'the password is set');
my $everything = slurp_file($node->logfile);
$everything .= $node->safe_psql('postgres', "SELECT e::text FROM account.event e UNION ALL SELECT s::text FROM account.stats s UNION ALL SELECT f::text FROM account.failures f UNION ALL SELECT query FROM pg_stat_statements UNION ALL SELECT query FROM pg_stat_activity");
$everything .= $node->safe_psql('postgres', 'SELECT m::text FROM account.mailed_token m');
unlike($everything, qr/\Q$token{$_}\E/, "in no log, event, statistic or table: $_") for sort keys %token;
unlike($everything, qr/a-new-secret/, 'nor is a password');

# --- requests count past a rollback, and those that committed past a restart ----------------------------
is(join(' ', map { state_of("BEGIN; SELECT count(*) FROM account.request_password_reset('bob'); ROLLBACK") } 1 .. 6), '1 1 1 1 1 PT429', 'rolled back, they count');
is(join(' ', map { state_of("SELECT count(*) FROM account.request_password_reset('nobody')") } 1 .. 6), '0 0 0 0 0 PT429', 'of who is not there, too');
$node->restart;
is(state_of("SELECT count(*) FROM account.request_password_reset('nobody')"), 'PT429', 'after a restart those that committed do');

# --- who acts as another, in the record of a failure -----------------------------------------------------
is(state_of("BEGIN; SELECT account.act_as('$ann', actor => 'sue\@desk') \\g /dev/null\nSELECT account.delete_user('" . $node->safe_psql('postgres', "SELECT id FROM app.users WHERE username = 'bob'") . "')"), 'PT403', 'a failure');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM account.event WHERE type = 'operation_failed' AND actor = '$ann' AND detail -> 'act' ->> 'sub' = 'sue\@desk' AND error_code = 'PT403'"), 'has both names');
like(slurp_file($node->logfile), qr/actor=\Q$ann\E act=sue\@desk /, 'in the log, too');

# --- a hot standby: sessions are used, and nothing is written --------------------------------------------
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
my ($access, $refresh) = split /\|/, $node->safe_psql('postgres', "SELECT access_token, refresh_token FROM account.login('ann', 'a-new-secret', '10.1.1.1')");
$node->safe_psql('postgres', "UPDATE account.session_use SET used_at = now() - interval '2 minutes'; UPDATE account.session SET refreshed_at = now() - interval '2 minutes'");
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "BEGIN; SELECT account.authenticate('$access'); COMMIT"), $ann, 'authenticates');
is($standby->safe_psql('postgres', "BEGIN; SELECT account.authenticate('$access') \\g /dev/null\nSELECT ip, is_current, last_used_at < now() - interval '1 minute' FROM account.sessions(); COMMIT"), '10.1.1.1|t|t', 'shows the sessions, and writes no use');
is($node->safe_psql('postgres', "BEGIN; SELECT account.authenticate('$access') \\g /dev/null\nSELECT last_used_at > now() - interval '1 minute' FROM account.sessions(); COMMIT"), 't', 'the primary does');
$standby->stop;

# a request that runs for long holds up neither refresh nor the end of its session, nor another request
my $long = $node->background_psql('postgres', on_error_stop => 0);
$node->safe_psql('postgres', "UPDATE account.session_use SET used_at = now() - interval '2 minutes'");
$long->query_safe("BEGIN; SELECT account.authenticate('$access')");
is($node->safe_psql('postgres', "SET lock_timeout = '2s'; BEGIN; SELECT account.authenticate('$access'); COMMIT"), $ann, 'another request');
is($node->safe_psql('postgres', "SET lock_timeout = '2s'; SELECT status FROM account.refresh('$refresh')"), '200', 'a refresh');
is($node->safe_psql('postgres', "SET lock_timeout = '2s'; UPDATE app.users SET is_active = false WHERE username = 'ann' RETURNING 1"), '1', 'the end of the user');
is(state_of("BEGIN; SELECT account.authenticate('$access')"), 'PT401', 'is at once');
$long->query('COMMIT');
$long->quit;

# --- dump and restore: no token, who may come back, the last member ------------------------------------
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE app.members (tenant_id uuid REFERENCES app.tenants ON DELETE CASCADE, user_id uuid REFERENCES app.users, role text, PRIMARY KEY (tenant_id, user_id));
INSERT INTO app.tenants (slug) VALUES ('one');
INSERT INTO app.members SELECT t.id, u.id, 'it''s owner' FROM app.tenants t, app.users u WHERE username = 'bob';
SELECT account.protect_last_member('app.members', 'tenant_id', 'role', 'it''s owner');
SELECT account.register('eve@x.org', 'a-right-secret', 'eve');
BEGIN;
SELECT account.act_as(id::text), account.delete_user(id::text) FROM app.users WHERE username = 'eve';
COMMIT;
SELECT token FROM account.request_password_reset('x');
SQL
my $file = PostgreSQL::Test::Utils::tempdir() . '/dump';
command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $file ], 'dumped');
$node->safe_psql('template1', 'CREATE DATABASE other');
command_ok([ 'pg_restore', '-d', $node->connstr('other'), $file ], 'restored');
is($node->safe_psql('other', 'SELECT (SELECT count(*) FROM account.mailed_token), (SELECT count(*) FROM account.session_use), (SELECT count(*) FROM account.own_deletion)'), '0|0|1', 'without tokens, with who may come back');
my $remove = "DO \$\$ BEGIN DELETE FROM app.members; EXCEPTION WHEN check_violation THEN RAISE EXCEPTION USING ERRCODE = 'LASTM'; END \$\$";
for my $database ('postgres', 'other')
{
	my ($status, $out, $err) = $node->psql($database, "\\set VERBOSITY sqlstate\n$remove");
	like($err, qr/LASTM/, "$database: the last member stays");
	($status, $out, $err) = $node->psql($database, "\\set VERBOSITY sqlstate\nUPDATE app.users SET is_active = false WHERE username = 'bob'");
	like($err, qr/23514/, "$database: so does its user");
}
$node->safe_psql('other', "SELECT account.create_key(); SET pgaccount.login_cancels_deletion = on; SELECT account.cancel_deletion('eve', 'a-right-secret')");
is($node->safe_psql('other', "SELECT count(*) FROM app.users WHERE username = 'eve'"), '1', 'a deletion is taken back there');

# --- the library not preloaded -----------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
like(($node->psql('postgres', "\\set VERBOSITY sqlstate\n$remove"))[2], qr/LASTM/, 'not preloaded: the last member stays');
like(($node->psql('postgres', "\\set VERBOSITY sqlstate\nDELETE FROM app.users WHERE username = 'bob'"))[2], qr/23514/, 'so does its user');
$node->safe_psql('postgres', "SELECT account.disable_soft_delete('app.tenants')");
is(state_of("DELETE FROM app.tenants"), '', 'a tenant goes with its members');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.members'), '0', 'all of them');
is(join(' ', map { state_of("SET pgaccount.login_max_failures = 2; SELECT count(*) FROM account.request_password_reset('nobody3')") } 1 .. 3), '0 0 PT429', 'requests that commit are counted');
$node->stop;
done_testing();
