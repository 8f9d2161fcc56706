# The extension outside the server's own directories, as an image volume has it: made by make image-root, found by
# extension_control_path and dynamic_library_path, which are there from 18 on.
use strict;
use warnings;
use Cwd qw(realpath);
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'this server has no extension_control_path' if `$ENV{PG_CONFIG} --version` =~ /PostgreSQL (\d+)/ && $1 < 18;

my $tree = realpath(dirname(__FILE__) . '/../..');
my $image = PostgreSQL::Test::Utils::tempdir_short();
my $build = PostgreSQL::Test::Utils::tempdir();
chdir $build or die "$build: $!";
is(system("make -s -f '$tree/Makefile' PG_CONFIG='$ENV{PG_CONFIG}' IMAGE='$image' image-root >make.log 2>&1"), 0, 'the image is made')
	or diag(slurp_file('make.log'));
ok(-e "$image/lib/pgaccount.so" && -e "$image/share/extension/pgaccount.control", 'with its layout');
ok(scalar(glob "$image/system/libsodium.so.*"), 'and the library that it needs beside it');

# what the server's own directories have of it is told apart by this
my $control = slurp_file("$image/share/extension/pgaccount.control");
$control =~ s/^comment = '/comment = 'image: /m;
append_to_file("$image/share/extension/pgaccount.control.new", $control);
rename "$image/share/extension/pgaccount.control.new", "$image/share/extension/pgaccount.control";

my $node = PostgreSQL::Test::Cluster->new('image');
$node->init;
$node->append_conf('postgresql.conf', "extension_control_path = '$image/share:\$system'
dynamic_library_path = '$image/lib:\$libdir'
shared_preload_libraries = 'pgaccount'");
$node->start;
like($node->safe_psql('postgres', "SELECT comment FROM pg_available_extensions WHERE name = 'pgaccount'"), qr/^image: /, 'it is found there');
like($node->safe_psql('postgres', "CREATE EXTENSION pgaccount;
CREATE TABLE users (id int PRIMARY KEY, email text);
SELECT account.enable_soft_delete('users');
INSERT INTO users VALUES (1, 'ann');
DELETE FROM users; SELECT count(*) FROM users; SELECT account.restore('users', 1); SELECT count(*) FROM users"),
	qr/^0\n1\n1$/m, 'and works');
my ($pid, $maps) = split /\|/, $node->safe_psql('postgres', q{SELECT pg_backend_pid(), (SELECT string_agg(DISTINCT m[1], ',')
	FROM regexp_matches(pg_read_file('/proc/self/maps'), '(/[^ \n]*pgaccount\.so)', 'g') m)});
is($maps, "$image/lib/pgaccount.so", 'one library is loaded, from there');
unlike($node->safe_psql('postgres', 'SELECT code FROM account.doctor()'), qr/not_preloaded/, 'preloaded through the path');
$node->stop;
done_testing();
