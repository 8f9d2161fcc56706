# The life of accounts as the server sees it: a log without secrets, a dump that takes invitations and leaves
# their tokens, many who delete, accept and review at once, and a library that is not preloaded.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pgaccount'
pgaccount.password_memory = '8kB'
pgaccount.password_ops = 1
max_connections = 60
log_statement = none
log_min_messages = debug1
log_min_error_statement = debug5
log_error_verbosity = verbose
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pgaccount;
SELECT account.create_starter();
SELECT account.create_key();
INSERT INTO app.tenants (slug) VALUES ('acme');
SELECT account.register('staff@x.org', 'a-right-secret', 'staff', 'acme'), account.register('ann@x.org', 'a-right-secret', 'ann', 'acme'),
    account.register('bob@x.org', 'a-right-secret', 'bob', 'acme');
UPDATE app.users SET is_staff = true WHERE username = 'staff';
CREATE ROLE web LOGIN;
SELECT account.grant_api('web');
SQL
my %id = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT username, id FROM app.users');
my %token = map { $_ => $node->safe_psql('postgres', "SELECT access_token FROM account.login('$_', 'a-right-secret')") } keys %id;

# as a client of the application: authenticated by a token, in one transaction
sub call
{
	my ($who, $sql, %params) = @_;
	my ($rc, $out, $err) = $node->psql($params{db} // 'postgres', "BEGIN;\nSELECT account.authenticate('$token{$who}') IS NULL;\n$sql;\nCOMMIT;",
		extra_params => [ '-U', 'web', '-v', 'VERBOSITY=verbose', '-v', 'ON_ERROR_STOP=1' ]);
	$out =~ s/^f\n//;
	return $rc == 0 ? $out : ($err =~ /(?:ERROR|FATAL):\s+(\w{5})/)[0];
}

# --- secrets -------------------------------------------------------------------------------------------
my $invitation = call('staff', "SELECT account.invite('ann\@x.org', 'teacher')");
like($invitation, qr/^[A-Za-z0-9_-]{43}$/, 'staff has a token');
my @refused = (call('bob', "SELECT account.accept_invitation('$invitation')"), call('staff', "SELECT account.accept_invitation('$invitation')"));
is_deeply(\@refused, [ 'PT403', 'PT403' ], 'others do not get in with it');
like(call('ann', "SELECT account.accept_invitation('$invitation')"), qr/successfully/, 'who was invited does');
is(call('ann', "SELECT account.accept_invitation('$invitation')"), 'PT409', 'once');
is(call('ann', "SELECT account.accept_invitation('${invitation}x')"), 'PT404', 'and what is no token is none');
$node->append_conf('postgresql.conf', 'pgaccount.require_confirmation = on');
$node->reload;
is(call('bob', "SELECT account.delete_user('$id{bob}', 'a-wrong-secret')"), 'PT403', 'a wrong password');
is(call('bob', "SELECT account.delete_user('$id{ann}', 'a-right-secret')"), 'PT403', 'somebody else');
is(call('bob', "SELECT account.delete_user('$id{bob}', 'a-right-secret', repeat('r', 10000))"), '22023', 'a long reason');
like(call('bob', "SELECT account.delete_user('$id{bob}', 'a-right-secret', 'a-written-reason')"), qr/successfully/, 'the right one');
is(call('bob', "SELECT account.delete_user('$id{bob}', 'a-right-secret')"), 'PT401', 'whose token is good for nothing then');
is($node->safe_psql('postgres', "SELECT status FROM account.login('bob', 'a-right-secret')"), '401', 'nor is a login');
my $log = slurp_file($node->logfile);
ok($log =~ /not confirmed/ && $log =~ /not the invited user/, 'refusals are logged');
ok($log !~ /a-right-secret|a-wrong-secret/, 'without a password');
ok(index($log, $invitation) < 0, 'and without a token');
$node->poll_query_until('postgres', "SELECT count(*) >= 7 FROM account.event WHERE type = 'operation_failed'");
is($node->safe_psql('postgres', "SELECT count(*) FROM account.event e WHERE e::text ~ 'a-right-secret|a-wrong-secret|argon2' OR strpos(e::text, '$invitation') > 0"), '0',
	'nor is either in an event');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT concat_ws(' ', detail ->> 'operation', error_code), ', ') FROM account.event WHERE type = 'operation_failed' AND error_code LIKE 'PT%'"),
	'accept_invitation PT403, accept_invitation PT404, accept_invitation PT409, authenticate PT401, delete_user PT403', 'refusals outlive their rollback');
$node->append_conf('postgresql.conf', 'pgaccount.require_confirmation = off');
$node->reload;

# --- dump and restore ----------------------------------------------------------------------------------
my $pending = call('staff', "SELECT account.invite('ann\@x.org', 'principal')");
my $application = call('ann', "SELECT account.apply_for_role('editor', 'please')");
my $dump = $node->basedir . '/dump';
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN BYPASSRLS IN ROLE pg_read_all_data');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'dumped');
$node->command_ok([ 'pg_dump', '-Fc', '-U', 'keeper', '-f', "$dump.keeper", 'postgres' ], 'also by who may read all data, past row security');
for my $file ($dump, "$dump.keeper")
{
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS restored');
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'pg_restore', '-e', '-d', 'restored', $file ], 'restored without an error');
	is($node->safe_psql('restored', 'SELECT (SELECT count(*) FROM account.invitation), (SELECT count(*) FROM account.role_application), (SELECT count(*) FROM account.invitation_token)'),
		'2|1|0', 'invitations and applications came along, tokens did not');
}
$node->safe_psql('restored', 'SELECT account.create_key()');
my %old = %token;
%token = map { $_ => $node->safe_psql('restored', "SELECT access_token FROM account.login('$_', 'a-right-secret')") } qw(staff ann);
is(call('ann', "SELECT account.accept_invitation('$pending')", db => 'restored'), 'PT404', 'a link works where it was made');
is(call('ann', "SELECT account.apply_for_role('editor')", db => 'restored'), 'PT409', 'the application is still open there');
like(call('staff', "SELECT account.review_application($application, true)", db => 'restored'), qr/approved/, 'and can be reviewed');
cmp_ok(call('ann', "SELECT account.apply_for_role('editor')", db => 'restored'), '>', $application, 'ids go on');
like(call('staff', "SELECT account.invite('ann\@x.org', 'x')", db => 'restored'), qr/^[A-Za-z0-9_-]{43}$/, 'of invitations, too');
like(call('staff', "SELECT account.restore_user('$id{bob}')", db => 'restored'), qr/restored/, 'a deleted user comes back there');
%token = %old;

# --- many at once --------------------------------------------------------------------------------------
# 400 users, 16 clients that delete whomever they meet: each is deleted once, and each deletion has its event
$node->safe_psql('postgres', <<'SQL');
INSERT INTO app.users (email, username) SELECT 'many' || i || '@x.org', 'many' || i FROM generate_series(1, 400) i;
CREATE TABLE many AS SELECT row_number() OVER () AS n, id::text FROM app.users WHERE username LIKE 'many%';
CREATE TABLE outcome (what text);
UPDATE app.users SET is_superuser = true WHERE username = 'staff';
CREATE FUNCTION try(call text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
    INSERT INTO outcome VALUES ('done');
EXCEPTION WHEN OTHERS THEN
    INSERT INTO outcome VALUES (SQLSTATE);
END $$;
SQL
my $script = $node->basedir . '/many.sql';
append_to_file($script, <<"SQL");
\\set n random(1, 400)
BEGIN;
SELECT account.act_as('$id{staff}');
SELECT try(format('SELECT account.delete_user(%L)', (SELECT id FROM many WHERE n = :n)));
COMMIT;
SQL
$node->command_ok([ 'pgbench', '-n', '-c', '16', '-j', '2', '-t', '100', '-f', $script, 'postgres' ], 'many deleted');
is($node->safe_psql('postgres', "SELECT (SELECT count(*) FROM outcome WHERE what = 'done') = (SELECT count(*) FROM many) - (SELECT count(*) FROM app.users WHERE username LIKE 'many%')"), 't',
	'as many deletions as users that are gone');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT what, ' ' ORDER BY what) FROM outcome"), 'PT400 done', 'and all else was told so');
is($node->safe_psql('postgres', "SELECT count(*) = count(DISTINCT subject) AND count(*) = (SELECT count(*) FROM outcome WHERE what = 'done') FROM account.event JOIN many ON subject = many.id WHERE type = 'user_deleted'"),
	't', 'one event for each');
# 16 clients with the same 20 invitations: each is used once
$node->safe_psql('postgres', <<"SQL");
TRUNCATE outcome;
CREATE TABLE link AS SELECT i AS n, ''::text AS token FROM generate_series(1, 20) i;
BEGIN;
SELECT account.act_as('$id{staff}');
UPDATE link SET token = account.invite('ann\@x.org', 'role' || n);
COMMIT;
SQL
my $accepting = $node->basedir . '/accept.sql';
append_to_file($accepting, <<"SQL");
\\set n random(1, 20)
BEGIN;
SELECT account.act_as('$id{ann}');
SELECT try(format('SELECT account.accept_invitation(%L)', (SELECT token FROM link WHERE n = :n)));
COMMIT;
SQL
$node->command_ok([ 'pgbench', '-n', '-c', '16', '-j', '2', '-t', '20', '-f', $accepting, 'postgres' ], 'many accepted');
is($node->safe_psql('postgres', "SELECT (SELECT count(*) FROM outcome WHERE what = 'done') = (SELECT count(*) FROM account.invitation WHERE accepted_at IS NOT NULL AND role LIKE 'role%')"), 't',
	'each invitation was used once');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT what, ' ' ORDER BY what) FROM outcome"), 'PT409 done', 'and all else was told so');
# a purge of them all, in batches
$node->safe_psql('postgres', "SET pgaccount.show_deleted = on; UPDATE app.users SET deleted_at = deleted_at - interval '31 days' WHERE username LIKE 'many%' AND deleted_at IS NOT NULL");
my $dead = $node->safe_psql('postgres', "SET pgaccount.show_deleted = on; SELECT count(*) FROM app.users WHERE username LIKE 'many%' AND deleted_at IS NOT NULL");
is($node->safe_psql('postgres', 'SELECT account.purge_users(100)'), '100', 'a batch is as large as asked for');
is($node->safe_psql('postgres', 'SELECT account.purge_users()'), $dead - 100, 'the rest goes at once');
is($node->safe_psql('postgres', 'SELECT account.purge_users()'), '0', 'and then there is nothing left');
is($node->safe_psql('postgres', "SELECT count(DISTINCT subject) FROM account.event WHERE type = 'user_purged'"), $dead, 'each has its event');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.profiles p WHERE user_id::text IN (SELECT subject FROM account.event WHERE type = \'user_purged\')'), '0', 'and left no profile');
$node->stop;

# --- not preloaded -------------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
like(call('ann', "SELECT account.delete_user('$id{ann}')"), qr/"message": "User successfully deleted"/, 'not preloaded: a deletion all the same');
is($node->safe_psql('postgres', "SELECT count(*), count(deleted_at) FROM app.users WHERE id = '$id{ann}'"), '1|1', 'soft');
is(call('staff', "SELECT account.delete_user('$id{ann}')"), 'PT400', 'once');
like(call('staff', "SELECT account.restore_user('$id{ann}')"), qr/restored/, 'and back');
is($node->safe_psql('postgres', "SELECT string_agg(type, ' ' ORDER BY id) FROM account.event WHERE subject = '$id{ann}' AND type LIKE 'user_%ed' AND type <> 'user_registered'"), 'user_deleted user_restored', 'with their events');
is($node->safe_psql('postgres', 'SELECT account.purge_users()'), '0', 'a purge works');
$node->stop;
done_testing();
