# Every released version can be installed and updated to this one, and is then what a new installation is.
# The releases are the CHANGELOG's; the first has none before it, and each later one brings its script.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('upgrade');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;

my $current = $node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'pgaccount'");
like($current, qr/^\d+\.\d+\.\d+$/, 'the control file names a version');

open my $changelog, '<', "$FindBin::RealBin/../../CHANGELOG.md" or die "CHANGELOG.md: $!";
my @releases = map { /^## (\d+\.\d+\.\d+)/ ? $1 : () } <$changelog>;
close $changelog;
is($releases[0], $current, 'the newest release of the changelog is the version of the control file');

# All that belongs to the extension, described: functions with their bodies and comments, tables with their columns, privileges.
my $contents = q{
	SELECT pg_describe_object(d.classid, d.objid, d.objsubid) || coalesce(' ' || obj_description(d.objid, d.classid::regclass::text::name), '')
		|| coalesce((SELECT ' ' || pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '') FROM pg_proc p
				WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid AND p.prokind IN ('f', 'p')), '')
		|| coalesce((SELECT ' ' || c.relkind::text || coalesce(c.relacl::text, '') || coalesce((SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
					a.attnotnull, pg_get_expr(def.adbin, def.adrelid)), ', ' ORDER BY a.attnum)
				FROM pg_attribute a LEFT JOIN pg_attrdef def ON def.adrelid = a.attrelid AND def.adnum = a.attnum
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
			FROM pg_class c WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid), '')
	FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount')
	ORDER BY 1};

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION pgaccount');
my $fresh = $node->safe_psql('fresh', $contents);
cmp_ok(scalar(split /\n/, $fresh), '>', 100, 'there is much to compare');

for my $version (@releases[1 .. $#releases])
{
	(my $database = "from_$version") =~ tr/./_/;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my ($status, undef, $error) = $node->psql($database, "CREATE EXTENSION pgaccount VERSION '$version'");
	is($status, 0, "$version can be installed") or diag($error);
	(undef, undef, $error) = $node->psql($database, q{SELECT account.login('nobody', 'nothing')});
	like($error, qr/ALTER EXTENSION pgaccount UPDATE/, "$version: the library says what to do");
	($status, undef, $error) = $node->psql($database, "ALTER EXTENSION pgaccount UPDATE TO '$current'");
	is($status, 0, "$version can be updated") or diag($error);
	is($node->safe_psql($database, $contents), $fresh, "$version updated is what a new installation is");
}

done_testing();
