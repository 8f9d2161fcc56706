# Another library in the same server, one that takes as much of it as Citus does, and plans statements of ours.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $include = `$ENV{PG_CONFIG} --includedir-server`;
chomp $include;
my $library = PostgreSQL::Test::Utils::tempdir() . '/other_library.so';
my $flags = $^O eq 'darwin' ? '-bundle -undefined dynamic_lookup' : '-shared';
is(system("cc -fPIC $flags -I'$include' -o '$library' '$FindBin::RealBin/../modules/other_library.c'"), 0, 'the library compiles')
  or BAIL_OUT('no library');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$library, pgaccount'");
is($node->start(fail_ok => 1), 1, 'the server starts with both');

# The server has ten places for relation cache callbacks, and uses some itself.
my ($status, $out, $error) = $node->psql('postgres', q{
	CREATE EXTENSION pgaccount;
	CREATE TABLE users (id bigint PRIMARY KEY, email text);
	CREATE TABLE profiles (user_id bigint PRIMARY KEY REFERENCES users);
	SELECT account.enable_soft_delete('users');
	INSERT INTO users VALUES (1, 'a'), (2, 'b');
	DELETE FROM users WHERE id = 2;
	SELECT count(*) FROM users;
	SELECT relfilenode = pg_relation_filenode('users') AND pg_filenode_relation(0, relfilenode) = 'users'::regclass
	FROM pg_class WHERE relname = 'users';
}, on_error_stop => 1);
is($status, 0, 'a session has places for the callbacks of both') or diag($error);
is($out, "\n1\nt", 'and does its work');

# The plan that makes the profiles opens no table.
($status, undef, $error) = $node->psql('postgres', q{
	SET other_library.plans = on;
	SELECT account.enable_profile('users', 'profiles');
}, on_error_stop => 1);
is($status, 0, 'profiles that another library plans end no session') or diag($error);
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');

# What explains plans shows no hash: parameters it can leave out, where it would show them.
my $without = `$ENV{PG_CONFIG} --version` =~ /PostgreSQL (\d+)/ && $1 >= 16 ? 'SET auto_explain.log_parameter_max_length = 0;' : '';
$node->safe_psql('postgres', qq{
	LOAD 'auto_explain';
	SET auto_explain.log_min_duration = 0;
	SET auto_explain.log_nested_statements = on;
	SET auto_explain.log_analyze = on;
	SET auto_explain.log_verbose = on;
	$without
	SELECT account.create_starter(), account.create_key();
	SELECT user_id AS id FROM account.register('ann\@example.org', 'a long enough password') \\gset
	SELECT status FROM account.login('ann\@example.org', 'a long enough password');
	SELECT account.act_as(:'id', false), account.set_password(:'id', 'another long password'), account.change_password('another long password', 'and another');
	SELECT status FROM account.login('ann\@example.org', 'and another');
});
my $log = slurp_file($node->logfile);
like($log, qr/Insert on app\.users/, 'plans are in the log');
unlike($log, qr/\$argon2id\$v=/, 'without a hash');
unlike($log, qr/TRAP|PANIC|terminated by signal|out of relcache_callback_list/, 'nothing broke in its log');

done_testing();
