# Soft delete through pg_dump and restore: the declaration, partitions, deleted rows, whatever the dump's form.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;
my $dir = $node->basedir;

$node->safe_psql('postgres', q{
CREATE EXTENSION pgaccount;
CREATE ROLE app LOGIN; CREATE SCHEMA "App s" AUTHORIZATION app;
SET ROLE app; SET search_path = "App s";
CREATE TABLE users (id int PRIMARY KEY, email text, is_deleted boolean NOT NULL DEFAULT false, deleted_by text, "Gone at" timestamptz);
CREATE TABLE "Po""sts" (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE parts (id int, t int, deleted_at timestamptz, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (deleted_at timestamptz, junk int, t int NOT NULL, id int NOT NULL);
ALTER TABLE parts_2 DROP COLUMN junk; ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TABLE sub (id int, t int, u int, deleted_at timestamptz) PARTITION BY LIST (t);
CREATE TABLE sub_1 PARTITION OF sub FOR VALUES IN (1) PARTITION BY LIST (u);
CREATE TABLE sub_11 PARTITION OF sub_1 FOR VALUES IN (1);
CREATE TABLE base (id int); CREATE TABLE derived (x int) INHERITS (base);
CREATE TABLE tenants (id int PRIMARY KEY);
CREATE TABLE members (id int PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE, head int REFERENCES members);
CREATE TABLE refs (id int PRIMARY KEY, u int REFERENCES users DEFERRABLE, p int, pt int, FOREIGN KEY (pt, p) REFERENCES parts (t, id));
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 6) i;
INSERT INTO "Po""sts" SELECT i, i FROM generate_series(1, 6) i;
INSERT INTO parts SELECT i, t FROM generate_series(1, 3) i, generate_series(1, 2) t;
INSERT INTO sub VALUES (1, 1, 1), (2, 1, 1);
INSERT INTO base VALUES (1), (2); INSERT INTO derived VALUES (3, 3), (4, 4);
INSERT INTO tenants VALUES (1), (2); INSERT INTO members VALUES (1, 1, NULL), (2, 2, 1);
INSERT INTO refs VALUES (1, 1, 1, 1);
CREATE VIEW v AS SELECT id FROM users;
SELECT account.enable_soft_delete('users', deleted_at => 'Gone at', guard_references => true), account.enable_soft_delete('"Po""sts"', hide => false),
  account.enable_soft_delete('parts', guard_references => true), account.enable_soft_delete('sub'), account.enable_soft_delete('base'),
  account.enable_soft_delete('members', on_parent_delete => 'delete');
DELETE FROM users WHERE id = 1; DELETE FROM parts WHERE id = 1; DELETE FROM sub WHERE id = 1; DELETE FROM base WHERE id IN (1, 3);
DELETE FROM members WHERE id = 1;
});

# Everything about the tables that pg_dump is to bring back: triggers (constraint ones by name and owner), and all rows.
my $state = q{
SET pgaccount.show_deleted = on; SET search_path = "App s";
SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0, pg_get_triggerdef(t.oid) FROM pg_trigger t
  WHERE NOT tgisinternal AND tgrelid NOT IN (SELECT oid FROM pg_class WHERE relnamespace = 'account'::regnamespace) ORDER BY tgrelid::regclass::text COLLATE "C", tgname COLLATE "C";
SELECT 'users', u.* FROM users u ORDER BY id; SELECT 'posts', p.* FROM "Po""sts" p ORDER BY id;
SELECT 'parts', tableoid::regclass, id, t, deleted_at FROM parts ORDER BY t, id; SELECT 'sub', tableoid::regclass, s.* FROM sub s ORDER BY id;
SELECT 'base', tableoid::regclass, b.* FROM base b ORDER BY id; SELECT 'members', m.* FROM members m ORDER BY id; SELECT 'refs', r.* FROM refs r ORDER BY id;
};
my $before = $node->safe_psql('postgres', $state);
like($before, qr/00_account_soft_delete\|O\|t/, 'clones are there');

# What must be true of a copy.
sub check_copy
{
	my ($db, $what, %skip) = @_;
	is($node->safe_psql($db, $state), $before, "$what: declaration and rows, deleted ones too") unless $skip{state};
	is($node->safe_psql($db, q{SET search_path = "App s";
SELECT count(*) FROM users; SELECT count(*) FROM "Po""sts"; SELECT count(*) FROM parts; SELECT count(*) FROM sub; SELECT count(*) FROM base; SELECT count(*) FROM members; SELECT count(*) FROM v}),
		"5\n6\n4\n1\n2\n1\n5", "$what: deleted rows are hidden");
	is($node->safe_psql($db, q{BEGIN; SET search_path = "App s";
\set QUIET off
DELETE FROM users WHERE id <= 2 RETURNING id;
DELETE FROM parts WHERE id = 2;
DELETE FROM parts_2 WHERE id = 3;
DELETE FROM sub;
DELETE FROM base;
DELETE FROM tenants;
\set QUIET on
SET LOCAL pgaccount.show_deleted = on;
SELECT count(*) FILTER (WHERE "Gone at" IS NOT NULL), count(*) FROM users;
SELECT count(*) FILTER (WHERE deleted_at IS NOT NULL), count(*) FROM "Po""sts";
SELECT count(*) FILTER (WHERE deleted_at IS NOT NULL), count(*) FROM parts;
SELECT count(*) FILTER (WHERE deleted_at IS NOT NULL), count(*) FROM sub;
SELECT count(*) FROM members;
ROLLBACK;}), "2\nDELETE 1\nDELETE 2\nDELETE 1\nDELETE 1\nDELETE 2\nDELETE 2\n2|6\n2|6\n5|6\n2|2\n0", "$what: it works there");
	my ($rc, $out, $err) = $node->psql($db, 'INSERT INTO "App s".refs VALUES (9, 1)', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/23503/, "$what: references are guarded");
	($rc, $out, $err) = $node->psql($db, 'TRUNCATE "App s".parts_2', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/0A000|23503/, "$what: TRUNCATE is refused");
	($rc, $out, $err) = $node->psql($db, 'ALTER TABLE "App s".users DROP COLUMN is_deleted', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/2BP01/, "$what: DROP COLUMN is refused");
	# enabling again finds nothing to change
	my $oids = q{SELECT oid, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1};
	my $was = $node->safe_psql($db, $oids);
	$node->safe_psql($db, q{SET ROLE app; SET search_path = "App s"; SELECT account.enable_soft_delete('users', deleted_at => 'Gone at', guard_references => true), account.enable_soft_delete('parts', guard_references => true), account.enable_soft_delete('base')});
	is($node->safe_psql($db, $oids), $was, "$what: enabling again changes nothing");
	return;
}

sub fresh { my $db = shift; $node->safe_psql('postgres', "CREATE DATABASE $db"); return; }

fresh('plain');
$node->command_ok([ 'pg_dump', '-f', "$dir/plain.sql", $node->connstr('postgres') ], 'plain dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql", $node->connstr('plain') ], 'plain restore');
check_copy('plain', 'plain');

fresh('custom');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom.dump", $node->connstr('postgres') ], 'custom dump');
$node->command_ok([ 'pg_restore', '-e', '-j', '3', '-d', $node->connstr('custom'), "$dir/custom.dump" ], 'parallel restore');
check_copy('custom', 'custom, parallel');

fresh('named');
{
	local $ENV{PGAPPNAME} = 'cron';    # no program is known by its name
	$node->command_ok([ 'pg_restore', '-e', '-j', '3', '-d', $node->connstr('named'), "$dir/custom.dump" ], 'parallel restore by another program');
}
check_copy('named', 'by another program');

fresh('inserts');
$node->command_ok([ 'pg_dump', '--column-inserts', '--load-via-partition-root', '-f', "$dir/inserts.sql", $node->connstr('postgres') ], 'dump as INSERTs');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/inserts.sql", $node->connstr('inserts') ], 'restore of INSERTs');
check_copy('inserts', 'inserts by the root');

# schema first, then data into enabled tables, with triggers and without
foreach my $how ([], ['--disable-triggers'])
{
	my $db = @$how ? 'data_disabled' : 'data_only';
	fresh($db);
	$node->command_ok([ 'pg_restore', '-e', '-s', '-d', $node->connstr($db), "$dir/custom.dump" ], "$db: schema");
	if (@$how)
	{
		$node->command_ok([ 'pg_restore', '-e', '-a', @$how, '-d', $node->connstr($db), "$dir/custom.dump" ], "$db: data");
	}
	else
	{
		# foreign keys are there already: parents first
		foreach my $table ('users', 'Po"sts', 'parts_1', 'parts_2', 'sub_11', 'base', 'derived', 'tenants', 'members')
		{
			$node->command_ok([ 'pg_restore', '-e', '-a', '-t', $table, '-d', $node->connstr($db), "$dir/custom.dump" ], "$db: data of $table");
		}
		# refs references deleted rows; the guard stops exactly what it is for
		$node->command_fails_like([ 'pg_restore', '-e', '-a', '-t', 'refs', '-d', $node->connstr($db), "$dir/custom.dump" ], qr/references a deleted row/, "$db: data of refs is guarded");
		$node->command_ok([ 'pg_restore', '-e', '-a', '--disable-triggers', '-t', 'refs', '-d', $node->connstr($db), "$dir/custom.dump" ], "$db: data of refs");
	}
	check_copy($db, $db);
}

# section by section
fresh('sections');
foreach my $section ('pre-data', 'data', 'post-data')
{
	$node->command_ok([ 'pg_restore', '-e', "--section=$section", '-d', $node->connstr('sections'), "$dir/custom.dump" ], "section $section");
}
check_copy('sections', 'sections');

# by the unprivileged owner: nothing of ours stands in the way
$node->command_ok([ 'pg_dump', '-U', 'app', '-n', '"App s"', '-f', "$dir/app.sql", $node->connstr('postgres') ], 'dump by the owner');
like(slurp_file("$dir/app.sql"), qr/^1\tu1\tt\t/m, '... holds the deleted row');
fresh('by_owner');
$node->safe_psql('by_owner', 'CREATE EXTENSION pgaccount; GRANT CREATE ON DATABASE by_owner TO app');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'app', '-f', "$dir/app.sql", $node->connstr('by_owner') ], 'restore by the owner');
check_copy('by_owner', 'by the owner');

# one partition alone: what its parent and its references give it comes with ATTACH, and again with the dump
fresh('one_part');
$node->safe_psql('one_part', q{CREATE EXTENSION pgaccount; GRANT CREATE ON SCHEMA public TO app; SET ROLE app;
CREATE TABLE par (id int PRIMARY KEY);
CREATE TABLE p (r int, par int REFERENCES par ON DELETE CASCADE) PARTITION BY LIST (r);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
SELECT account.enable_soft_delete('p'), account.enable_soft_delete('par', guard_references => true);
INSERT INTO par VALUES (1); INSERT INTO p VALUES (1, 1), (2, 1); DELETE FROM p;
});
my $part = q{SELECT tgname, tgparentid <> 0, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'p2'::regclass AND NOT tgisinternal ORDER BY 1; SET pgaccount.show_deleted = on; SELECT count(*) FROM p2};
my $part_before = $node->safe_psql('one_part', $part);
like($part_before, qr/CONSTRAINT TRIGGER zz_account_guard.*soft_delete_truncate|soft_delete_truncate.*CONSTRAINT TRIGGER zz_account_guard/s, 'the partition has both');
$node->command_ok([ 'pg_dump', '-t', 'p2', '-f', "$dir/part.sql", $node->connstr('one_part') ], 'dump of a partition');
$node->safe_psql('one_part', 'DROP TABLE p2');
$node->command_ok([ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/part.sql", $node->connstr('one_part') ], 'its restore');
is($node->safe_psql('one_part', $part), $part_before, 'it is what it was');

# copied within the server
$node->safe_psql('postgres', 'CREATE DATABASE cloned TEMPLATE custom');
check_copy('cloned', 'a template\'s copy');

# under row security pg_dump --enable-row-security has the deleted rows as well
$node->safe_psql('by_owner', q{ALTER TABLE "App s".users ENABLE ROW LEVEL SECURITY; ALTER TABLE "App s".users FORCE ROW LEVEL SECURITY; CREATE POLICY p ON "App s".users USING (id < 4)});
$node->command_ok([ 'pg_dump', '-U', 'app', '--enable-row-security', '-t', '"App s".users', '-f', "$dir/rls.sql", $node->connstr('by_owner') ], 'dump under row security');
my $rls = slurp_file("$dir/rls.sql");
like($rls, qr/^1\tu1\tt\t/m, '... holds the deleted row');
unlike($rls, qr/^5\tu5/m, '... and none that the policy hides');

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC|terminated by signal|still referenced/, 'nothing crashed or leaked');
done_testing();
