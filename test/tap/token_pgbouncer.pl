# PgBouncer 1.18 in transaction mode: two clients share one server connection, and no identity of one
# is ever seen by the other; an application whose users log in, are deleted and come back by way of it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Session;

my ($bouncer) = grep { -x $_ } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
BAIL_OUT('pgbouncer is not installed') unless $bouncer;

my $node = PostgreSQL::Test::Cluster->new('behind');
$node->init;
$node->append_conf('postgresql.conf', "pgaccount.live_check = off\nshared_preload_libraries = 'pgaccount'\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
SELECT account.create_key('HS256', 'k1', repeat('k', 32)::bytea);
CREATE ROLE app LOGIN;
CREATE FUNCTION make_token(sub text) RETURNS text LANGUAGE sql AS
$$ SELECT account.jwt_sign(jsonb_build_object('sub', sub, 'exp', 4000000000), repeat('k', 32)::bytea, 'HS256', 'k1') $$;
});
my %token = map { $_ => $node->safe_psql('postgres', "SELECT make_token('$_')") } qw(anna bert);

my $dir = PostgreSQL::Test::Utils::tempdir_short;
my $port = PostgreSQL::Test::Cluster::get_free_port();
append_to_file("$dir/users.txt", qq{"app" ""\n});
append_to_file("$dir/pgbouncer.ini", sprintf(<<'INI', $node->host, $node->port, $port, ($dir) x 4));
[databases]
postgres = host=%s port=%s dbname=postgres user=app
[pgbouncer]
listen_addr =
listen_port = %s
unix_socket_dir = %s
auth_type = any
auth_file = %s/users.txt
pidfile = %s/pgbouncer.pid
logfile = %s/pgbouncer.log
pool_mode = transaction
default_pool_size = 1
ignore_startup_parameters = extra_float_digits,options
INI
system_or_bail($bouncer, '-d', "$dir/pgbouncer.ini");
for (1 .. 100)
{
	last if -S "$dir/.s.PGSQL.$port" && -s "$dir/pgbouncer.pid";
	select(undef, undef, undef, 0.1);
}

# A client that stays connected.
sub client
{
	return Session->new('-v', 'ON_ERROR_STOP=0', '-d', "host=$dir port=$port dbname=postgres user=app");
}

my ($anna, $bert) = (client(), client());
my $backend = $anna->ask('SELECT pg_backend_pid()');
is($bert->ask('SELECT pg_backend_pid()'), $backend, 'both clients share one server connection');

for my $round (1 .. 5)
{
	is($anna->ask("BEGIN; SELECT account.authenticate('$token{anna}'); SELECT account.uid(); COMMIT"), "anna\nanna", "round $round: anna is anna");
	is($bert->ask("SELECT account.uid(), account.is_authenticated(), current_setting('request.jwt.claims', true)"), '|f|', "round $round: bert is nobody");
	is($bert->ask("BEGIN; SELECT account.authenticate('$token{bert}'); ROLLBACK"), 'bert', "round $round: bert was bert");
	is($anna->ask('SELECT account.uid()'), '', "round $round: anna is nobody again");
	like($anna->ask("BEGIN; SELECT account.authenticate('$token{anna}'); SELECT 1/0; COMMIT"), qr/division by zero/, "round $round: anna fails");
	is($bert->ask('SELECT account.uid()'), '', "round $round: bert is nobody after anna's error");
}
# one statement, one transaction
like($anna->ask("SELECT account.authenticate('$token{anna}'), account.uid()"), qr/^anna\|anna$/m, 'authenticated within one statement, with a warning');
is($bert->ask('SELECT account.uid()'), '', 'and nobody after it');
is($bert->ask('SELECT pg_backend_pid()'), $backend, 'it was one server connection all the time');

# what a person sees, whichever client asks
$node->safe_psql('postgres', q{
ALTER SYSTEM SET pgaccount.live_check = on;
ALTER SYSTEM SET pgaccount.password_memory = '8kB';
ALTER SYSTEM SET pgaccount.password_ops = 1;
SELECT pg_reload_conf();
SELECT account.create_starter('app');
SELECT account.grant_api('app');
GRANT USAGE ON SCHEMA app TO app;
GRANT SELECT, DELETE ON app.users TO app;
CREATE POLICY everybody ON app.users TO app USING (true);
INSERT INTO app.tenants (slug) VALUES ('one'), ('two');
CREATE TABLE app.notes (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, tenant_id uuid, user_id uuid REFERENCES app.users ON DELETE CASCADE, note text);
SELECT account.enable_soft_delete('app.notes'), account.enable_tenant_isolation('app.notes');
GRANT SELECT ON app.notes TO app;
CREATE FUNCTION app.restore(id uuid) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT account.restore('app.users', id) $$;
});
my $login = q{SELECT status, access_token FROM account.login('%s@x.org', 'a-right-secret')};
my %id;
for (qw(cleo dora))
{
	my $tenant = $_ eq 'cleo' ? 'one' : 'two';
	$id{$_} = $anna->ask("SELECT user_id FROM account.register('$_\@x.org', 'a-right-secret', tenant => '$tenant')");
	$node->safe_psql('postgres', "INSERT INTO app.notes (tenant_id, user_id, note) SELECT tenant_id, id, 'of $_' FROM app.users WHERE email = '$_\@x.org'");
	(my $status, $token{$_}) = split /\|/, $bert->ask(sprintf $login, $_);
	is($status, 200, "$_ registers by one client, and logs in by the other");
}
my $list = "SELECT string_agg(email, ' ' ORDER BY email) FROM app.users";
# what each may see, in one transaction; nothing where the token is refused
sub notes { my ($c, $token) = @_; return $c->ask("BEGIN; SELECT account.authenticate('$token') IS NULL; SELECT string_agg(note, ' ') FROM app.notes; COMMIT") =~ s/^f\n//r }
is(notes($anna, $token{cleo}), 'of cleo', 'cleo sees what is its tenant\'s');
is(notes($bert, $token{dora}), 'of dora', 'dora what is hers, by the same server connection');
is($anna->ask('SELECT count(*) FROM app.notes'), '0', 'and nobody nothing');
is($anna->ask("\\set QUIET off\nDELETE FROM app.users WHERE id = '$id{cleo}';\n\\set QUIET on\n"), 'DELETE 1', 'one client deletes cleo');
is($bert->ask($list), 'dora@x.org', 'who is in no list, whichever client asks');
is($anna->ask($list), 'dora@x.org', '... or asks');
is($bert->ask(sprintf $login, 'cleo'), '401|', 'cannot log in');
like(notes($bert, $token{cleo}), qr/token is not valid/, 'nor go on with a token');
is($anna->ask('SELECT account.uid()'), '', 'which leaves nobody behind');
is($bert->ask("BEGIN; SET LOCAL pgaccount.show_deleted = on; $list; COMMIT"), 'cleo@x.org dora@x.org', 'one client looks at the deleted, for a transaction');
is($anna->ask($list), 'dora@x.org', 'which is not the other\'s');
my $again = $anna->ask(q{SELECT user_id FROM account.register('Cleo@x.org', 'a-right-secret', tenant => 'one')});
isnt($again, $id{cleo}, 'its email registers again, as somebody else');
like($again, qr/^[0-9a-f-]{36}$/, '... with a key');
like($bert->ask("SELECT app.restore('$id{cleo}')"), qr/duplicate key|already|taken|would/, 'meanwhile the first cannot come back');
is($bert->ask("\\set QUIET off\nDELETE FROM app.users WHERE id = '$again';\n\\set QUIET on\n"), 'DELETE 1', 'the second goes');
is($anna->ask("SELECT app.restore('$id{cleo}')"), '2', 'the first is restored, with its note');
is($bert->ask($list), 'cleo@x.org dora@x.org', 'is in the list again');
(my $status, $token{cleo}) = split /\|/, $anna->ask(sprintf $login, 'cleo');
is("$status " . notes($bert, $token{cleo}), '200 of cleo', 'logs in, and has its note');
is($anna->ask('SELECT pg_backend_pid()'), $backend, 'all of it on one server connection');

for my $c ($anna, $bert)
{
	$c->quit;
}
kill 'INT', slurp_file("$dir/pgbouncer.pid") + 0;
$node->stop;
done_testing();
