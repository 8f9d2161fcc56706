# Every released version can be installed and updated to this one, with rows in all its tables and a standby beside it, and is then
# what a new installation is; what it shipped is still what it was. The releases are the CHANGELOG's; the first has none before it, and
# each later one brings its script.
use strict;
use warnings;
use Digest::SHA;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('upgrade');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;

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

# What is made does not depend on the settings of who makes it.
$node->safe_psql('postgres', 'CREATE DATABASE odd');
$node->safe_psql('postgres', "ALTER DATABASE odd SET $_")
	for ($node->pg_version->major < 19 ? ('standard_conforming_strings = off', 'escape_string_warning = off') : (), 'backslash_quote = off', 'transform_null_equals = on', 'array_nulls = off',
		"datestyle = 'German'", "intervalstyle = 'iso_8601'", "timezone = 'Asia/Tokyo'", "bytea_output = 'escape'", 'extra_float_digits = -5',
		'quote_all_identifiers = on', "search_path = 'nowhere'", "default_transaction_isolation = 'serializable'");
$node->safe_psql('odd', 'CREATE EXTENSION pgaccount; SELECT account.doctor()');
$node->safe_psql('postgres', 'ALTER DATABASE odd RESET ALL');
is($node->safe_psql('odd', $contents), $fresh, 'it is the same whatever the settings of the database are');

# What a release has shipped: the checksums of its scripts as they are installed.
chomp(my $extensions = `pg_config --sharedir`);
$extensions .= '/extension';
open my $shipped, '<', "$FindBin::RealBin/../releases.sha256" or die "releases.sha256: $!";
while (<$shipped>)
{
	next if /^#/;
	my ($sum, $file) = /^([0-9a-f]{64})  (\S+)$/ or die "releases.sha256: $_";
	is(Digest::SHA->new(256)->addfile("$extensions/$file")->hexdigest, $sum, "$file is what its release has shipped");
}
close $shipped;

# The rows of all tables, without the columns that came later; but for rules of profiles, which are dropped with the table that they are
# about, and here is none.
my $rows = q{SELECT string_agg(pg_catalog.format('SELECT %L, pg_catalog.md5(string_agg(r::text, '' '' ORDER BY r::text)), count(*) FROM (SELECT %s FROM account.%I) r',
		c.relname, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), c.relname),
		' UNION ALL ' ORDER BY c.relname) || ' ORDER BY 1'
	FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	WHERE c.relkind = 'r' AND c.relname NOT LIKE 'profile%' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount')};

# Fill every table of the extension as their types and checks say how.
my $fill = q{
DO $$
DECLARE
	t record;
BEGIN
	SET LOCAL session_replication_role = replica;
	FOR t IN SELECT c.oid::regclass AS name,
			string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
			string_agg(CASE
				-- where a check lists the values, the first of them
				WHEN a.atttypid IN ('text'::regtype, 'name'::regtype) THEN quote_literal(coalesce((SELECT (regexp_match(pg_get_constraintdef(k.oid), '''([A-Za-z0-9 ]+)''::'))[1]
					FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum] LIMIT 1), 'a'))
				WHEN a.atttypid IN ('oid'::regtype, 'regclass'::regtype) THEN '1259'
				WHEN a.atttypid = 'uuid'::regtype THEN 'gen_random_uuid()'
				WHEN a.atttypid = 'timestamptz'::regtype THEN 'now()'
				WHEN a.atttypid = 'jsonb'::regtype THEN '''{}'''
				WHEN a.atttypid = 'bytea'::regtype THEN '''\x00'''
				WHEN a.atttypid = 'boolean'::regtype THEN 'true'
				WHEN a.atttypid = 'inet'::regtype THEN '''192.0.2.1'''
				WHEN a.attndims > 0 THEN 'ARRAY[1]::' || format_type(a.atttypid, a.atttypmod)
				ELSE '1::' || format_type(a.atttypid, a.atttypmod) END, ', ' ORDER BY a.attnum) AS vals
		FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = ''
			AND (a.attnotnull AND NOT a.atthasdef OR a.atttypid = 'text'::regtype)
		WHERE c.relkind = 'r' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount')
		GROUP BY c.oid
	LOOP
		EXECUTE format('INSERT INTO %s (%s) VALUES (%s)', t.name, t.columns, t.vals);
	END LOOP;
END $$};

for my $version (@releases[1 .. $#releases])
{
	(my $database = "from_$version") =~ tr/./_/;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my ($status, undef, $error) = $node->psql($database, "CREATE EXTENSION pgaccount VERSION '$version'");
	is($status, 0, "$version can be installed") or diag($error);
	for my $call (q{account.login('nobody', 'nothing')}, 'account.doctor()')
	{
		(undef, undef, $error) = $node->psql($database, "SELECT $call");
		like($error, qr/ALTER EXTENSION pgaccount UPDATE/, "$version: the library says what to do: $call");
	}
	$node->safe_psql($database, $fill);
	my $of_old_columns = $node->safe_psql($database, $rows);
	my $before = $node->safe_psql($database, $of_old_columns);
	unlike($before, qr/\|0$/m, "$version: there is a row in every table");
	($status, undef, $error) = $node->psql($database, "ALTER EXTENSION pgaccount UPDATE TO '$current'");
	is($status, 0, "$version can be updated") or diag($error);
	is($node->safe_psql($database, $contents), $fresh, "$version updated is what a new installation is");
	is($node->safe_psql($database, $of_old_columns), $before, "$version: its rows are what they were");
	$node->wait_for_catchup($standby);
	is($standby->safe_psql($database, $contents), $fresh, "$version: so it is on a standby");
	is($standby->safe_psql($database, $of_old_columns), $before, "$version: and so are its rows");
	($status, undef, $error) = $standby->psql($database, q{SELECT account.uid()});
	is($status, 0, "$version: the standby's library has no objection") or diag($error);
}

done_testing();
