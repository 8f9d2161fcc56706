# Soft delete however the library comes into a session: preloaded, preloaded without the rewrite, by
# session_preload_libraries, not at all, and loaded late. What is in the tables afterwards is the same.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $setup = q{
CREATE ROLE owner; CREATE ROLE clerk;
CREATE SCHEMA app AUTHORIZATION owner; GRANT USAGE ON SCHEMA app TO clerk;
SET ROLE owner; SET search_path = app;
CREATE TABLE users (id int PRIMARY KEY, email text, team int, is_deleted boolean NOT NULL DEFAULT false, deleted_by varchar(4), deleted_at timestamptz,
    alive boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED);
CREATE UNIQUE INDEX ON users (email) WHERE deleted_at IS NULL;
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree ON DELETE CASCADE);
CREATE TABLE tenants (id int PRIMARY KEY);
CREATE TABLE members (id int PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE);
CREATE TABLE gone (id int PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE);
CREATE TABLE parts (id int, t int, email text, deleted_at timestamptz) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (deleted_at timestamptz, junk int, email text, t int, id int);
ALTER TABLE parts_2 DROP COLUMN junk; ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TABLE bykey (id int, deleted_at timestamptz) PARTITION BY LIST ((deleted_at IS NULL));
CREATE TABLE bykey_live PARTITION OF bykey FOR VALUES IN (true);
CREATE TABLE bykey_dead PARTITION OF bykey FOR VALUES IN (false);
CREATE TABLE base (id int); CREATE TABLE derived (x int) INHERITS (base);
CREATE TABLE rls (id int PRIMARY KEY, owner name);
CREATE TABLE forced (id int PRIMARY KEY);
CREATE TABLE watched (id int PRIMARY KEY); CREATE TABLE log (what text);
CREATE TABLE guarded (id int PRIMARY KEY); CREATE TABLE refs (id int PRIMARY KEY, g int REFERENCES guarded);
CREATE TABLE sessions (id int PRIMARY KEY, u int REFERENCES users, deleted_at timestamptz); CREATE TABLE session_log (s int REFERENCES sessions ON DELETE CASCADE);
CREATE TABLE bills (id int PRIMARY KEY, u int); -- no foreign key
INSERT INTO users SELECT i, 'u' || i, i % 3 FROM generate_series(1, 40) i;
INSERT INTO posts SELECT i, i FROM generate_series(1, 40) i;
INSERT INTO sessions SELECT i, i, CASE WHEN i % 5 = 0 THEN now() END FROM generate_series(1, 40) i; INSERT INTO session_log SELECT id FROM sessions; INSERT INTO bills VALUES (1, 28), (2, 29);
INSERT INTO tree SELECT i, CASE WHEN i > 1 THEN i / 2 END FROM generate_series(1, 31) i;
INSERT INTO tenants SELECT generate_series(1, 4);
INSERT INTO members SELECT i, i FROM generate_series(1, 3) i;
INSERT INTO gone SELECT i, i FROM generate_series(2, 4) i;
INSERT INTO parts SELECT i, 1 + i % 2, 'p' || i FROM generate_series(1, 20) i;
INSERT INTO bykey SELECT generate_series(1, 5);
INSERT INTO base SELECT generate_series(1, 3); INSERT INTO derived SELECT i, i FROM generate_series(4, 6) i;
INSERT INTO rls SELECT i, CASE WHEN i < 5 THEN 'clerk' ELSE 'owner' END FROM generate_series(1, 8) i;
INSERT INTO forced SELECT generate_series(1, 6);
INSERT INTO watched SELECT generate_series(1, 3);
INSERT INTO guarded SELECT generate_series(1, 4);
ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY r ON rls FOR SELECT USING (true); CREATE POLICY d ON rls FOR DELETE USING (owner = current_user);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO app.log VALUES (TG_WHEN || TG_OP || OLD.id); RETURN coalesce(NEW, OLD); END';
CREATE TRIGGER b BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION watch();
CREATE TRIGGER a AFTER UPDATE OR DELETE ON watched FOR EACH ROW EXECUTE FUNCTION watch();
GRANT SELECT, DELETE ON users, rls TO clerk;
SELECT account.enable_soft_delete('users'), account.enable_soft_delete('posts'), account.enable_soft_delete('tree'), account.enable_soft_delete('members'),
    account.enable_soft_delete('gone', on_parent_delete => 'delete'), account.enable_soft_delete('parts'), account.enable_soft_delete('bykey'),
    account.enable_soft_delete('base'), account.enable_soft_delete('rls'), account.enable_soft_delete('forced'), account.enable_soft_delete('watched'),
    account.enable_soft_delete('guarded', guard_references => true), account.enable_soft_delete('sessions');
SELECT account.set_reference_policy('sessions', 'u', NULL, 'remove'), account.set_reference('bills', '{u}', 'users', 'cascade', 'refuse');
ALTER TABLE forced ENABLE ROW LEVEL SECURITY; ALTER TABLE forced FORCE ROW LEVEL SECURITY;
CREATE POLICY s ON forced FOR SELECT USING (id < 6); CREATE POLICY d ON forced FOR DELETE USING (id < 4);
};

# Each in a transaction of its own; what fails must fail everywhere, with the same SQLSTATE.
my @work = (
	[ 'plain', 'DELETE FROM users WHERE id = 1' ],
	[ 'deleting twice', 'DELETE FROM users WHERE id IN (1, 2)' ],
	[ 'using', 'DELETE FROM users u USING generate_series(3, 4) g WHERE u.id = g' ],
	[ 'returning', 'DELETE FROM users WHERE id = 5 RETURNING id' ],
	[ 'cte', 'WITH x AS (DELETE FROM users WHERE id = 6 RETURNING id) SELECT count(*) >= 0 FROM x' ],
	[ 'merge', 'MERGE INTO users u USING (VALUES (7), (8)) v(id) ON u.id = v.id WHEN MATCHED AND u.id = 7 THEN DELETE WHEN MATCHED THEN UPDATE SET team = 9' ],
	[ 'current of', 'BEGIN; DECLARE c CURSOR FOR SELECT * FROM users WHERE id = 9 FOR UPDATE; FETCH c; DELETE FROM users WHERE CURRENT OF c; COMMIT' ],
	[ 'plpgsql', q{DO $$BEGIN DELETE FROM app.users WHERE id = 10; DELETE FROM app.users WHERE id = 10; END$$} ],
	[ 'prepared', 'PREPARE p(int) AS DELETE FROM users WHERE id = $1; EXECUTE p(11); EXECUTE p(11); EXECUTE p(12)' ],
	[ 'savepoints', 'BEGIN; DELETE FROM users WHERE id = 13; SAVEPOINT s; DELETE FROM users WHERE id = 14; ROLLBACK TO s; DELETE FROM users WHERE id = 15; COMMIT' ],
	[ 'rolled back', 'BEGIN; DELETE FROM users WHERE id = 16; ROLLBACK' ],
	[ 'in a subtransaction that fails', q{DO $$BEGIN BEGIN DELETE FROM app.users WHERE id = 16; RAISE 'no'; EXCEPTION WHEN raise_exception THEN DELETE FROM app.users WHERE id = 17; END; END$$} ],
	[ 'two statements', 'BEGIN; DELETE FROM users WHERE id = 18; DELETE FROM posts WHERE id = 19; COMMIT' ],
	[ 'bulk', 'DELETE FROM users WHERE id > 30' ],
	[ 'email again', q{INSERT INTO users (id, email) VALUES (101, 'u1')} ],
	[ 'flag', q{UPDATE users SET is_deleted = true WHERE id = 20} ],
	[ 'flag on insert', q{INSERT INTO users (id, is_deleted) VALUES (102, true)} ],
	[ 'refused by what references', 'DELETE FROM users WHERE id IN (25, 28)', '23001' ],
	[ 'refused by what references', q{UPDATE users SET is_deleted = true WHERE id = 29}, '23001' ],
	[ 'refused no more', 'WITH x AS (DELETE FROM bills WHERE u = 29) DELETE FROM users WHERE id = 29' ],
	[ 'tree', 'DELETE FROM tree WHERE id = 3' ],
	[ 'refused parent', 'DELETE FROM tenants WHERE id = 1', '23001' ],
	[ 'refused parent of a dead row', 'DELETE FROM members WHERE id = 2', undef ],
	[ 'refused parent of a dead row', 'DELETE FROM tenants WHERE id = 2', '23001' ],
	[ 'parent that takes along', 'DELETE FROM tenants WHERE id = 4' ],
	[ 'partitions', 'DELETE FROM parts WHERE id <= 4' ],
	[ 'leaf', 'DELETE FROM parts_2 WHERE id <= 6' ],
	[ 'moved', 'UPDATE parts SET t = 3 - t WHERE id IN (7, 8, 9)' ],
	[ 'moved, back, deleted', 'BEGIN; SAVEPOINT s; UPDATE parts SET t = 3 - t WHERE id = 10; ROLLBACK TO s; DELETE FROM parts WHERE id = 10; COMMIT' ],
	[ 'moved and deleted', 'BEGIN; UPDATE parts SET t = 3 - t WHERE id = 11; DELETE FROM parts WHERE id = 11; COMMIT' ],
	[ 'moved and kept', 'BEGIN; UPDATE parts SET t = 3 - t WHERE id = 12; DELETE FROM parts WHERE id = 13; COMMIT' ],
	[ 'partition key', 'DELETE FROM bykey WHERE id <= 2' ],
	[ 'inheritance', 'DELETE FROM base WHERE id IN (1, 4)' ],
	[ 'inheritance child', 'DELETE FROM derived WHERE id = 5' ],
	[ 'forced policies', 'DELETE FROM forced WHERE id IN (1, 5)' ],
	[ 'triggers', 'DELETE FROM watched WHERE id = 1' ],
	[ 'guarded', 'BEGIN; DELETE FROM guarded WHERE id = 1; INSERT INTO refs VALUES (1, 1)', '23503' ],
	[ 'guarded', 'DELETE FROM guarded WHERE id = 1; INSERT INTO refs VALUES (1, 1)', '23503' ],
	[ 'unguarded', 'INSERT INTO refs VALUES (2, 2); DELETE FROM guarded WHERE id = 2' ],
	[ 'truncate', 'TRUNCATE users CASCADE', '0A000' ],
	[ 'truncate of a leaf', 'TRUNCATE parts_2', '0A000' ],
	[ 'by a clerk', 'SET ROLE clerk; DELETE FROM users WHERE id = 21; MERGE INTO users u USING (VALUES (22)) v(id) ON u.id = v.id WHEN MATCHED THEN DELETE; DELETE FROM rls WHERE id IN (1, 6); MERGE INTO rls USING (VALUES (2)) v(id) ON rls.id = v.id WHEN MATCHED THEN DELETE' ],
	[ 'a clerk may not update', 'SET ROLE clerk; UPDATE users SET email = NULL', '42501' ],
	[ 'restored', 'UPDATE users SET deleted_at = NULL WHERE id = 30' ],
);

my $look = q{
SET pgaccount.show_deleted = on; SET search_path = app; SET row_security = on;
SELECT 'users', id, email, team, is_deleted, deleted_at IS NOT NULL, deleted_by = left(session_user, 4), alive FROM users ORDER BY id;
SELECT 'posts', id, author, deleted_at IS NOT NULL FROM posts ORDER BY id;
SELECT 'sessions', id, u, deleted_at IS NOT NULL FROM sessions ORDER BY id;
SELECT 'session_log', s FROM session_log ORDER BY s;
SELECT 'bills', id, u FROM bills ORDER BY id;
SELECT 'stamps', u.id FROM users u JOIN posts p ON p.author = u.id WHERE p.deleted_at IS DISTINCT FROM u.deleted_at ORDER BY 2;
SELECT 'tree', id, deleted_at IS NOT NULL FROM tree ORDER BY id;
SELECT 'stamps', count(DISTINCT deleted_at) FROM tree;
SELECT 'tenants', id FROM tenants ORDER BY id;
SELECT 'members', id, deleted_at IS NOT NULL FROM members ORDER BY id;
SELECT 'gone', id, deleted_at IS NOT NULL FROM gone ORDER BY id;
SELECT 'parts', tableoid::regclass, id, t, email, deleted_at IS NOT NULL FROM parts ORDER BY id;
SELECT 'bykey', tableoid::regclass, id, deleted_at IS NOT NULL FROM bykey ORDER BY id;
SELECT 'base', tableoid::regclass, id, deleted_at IS NOT NULL FROM base ORDER BY id;
SELECT 'rls', id, deleted_at IS NOT NULL FROM rls ORDER BY id;
SELECT 'forced', id, deleted_at IS NOT NULL FROM forced ORDER BY id;
SELECT 'watched', id, deleted_at IS NOT NULL FROM watched ORDER BY id;
SELECT 'log', what FROM log ORDER BY 2;
SELECT 'guarded', id, deleted_at IS NOT NULL FROM guarded ORDER BY id;
SELECT 'refs', id, g FROM refs ORDER BY id;
};

my %modes = (
	preloaded => { conf => "shared_preload_libraries = 'pgaccount'", rewritten => 1 },
	rewrite_off => { conf => "shared_preload_libraries = 'pgaccount'\npgaccount.rewrite = off", rewritten => 0, hides => 1 },
	session_preload => { conf => "session_preload_libraries = 'pgaccount'", rewritten => 1 },
	not_preloaded => { conf => '', rewritten => 0 },
	late_load => { conf => '', rewritten => 0, first => "LOAD 'pgaccount';" },
);
my %contents;

foreach my $mode (sort keys %modes)
{
	my $m = $modes{$mode};
	my $node = PostgreSQL::Test::Cluster->new($mode);
	$node->init;
	$node->append_conf('postgresql.conf', $m->{conf});
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount');
	$node->safe_psql('postgres', $setup);
	my $first = ($m->{first} // '') . 'SET ROLE owner; SET search_path = app;';

	foreach my $w (@work)
	{
		my ($name, $sql, $state) = @$w;
		my ($rc, $out, $err) = $node->psql('postgres', "$first $sql", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
		if (defined $state)
		{
			like($err, qr/ERROR:\s+$state/, "$mode: $name is $state");
		}
		else
		{
			# BEGIN … COMMIT blocks and notices aside, nothing may be said
			unlike($err, qr/ERROR|WARNING|PANIC|lost/, "$mode: $name");
		}
	}
	$contents{$mode} = $node->safe_psql('postgres', $look);

	# what a client sees
	my $tag = $node->safe_psql('postgres', "$first\\set QUIET off\nDELETE FROM users WHERE id IN (23, 24);");
	is($tag, $m->{rewritten} ? 'DELETE 2' : 'DELETE 0', "$mode: command tag");
	my $count = $node->safe_psql('postgres', "$first SELECT count(*) FROM users WHERE id IN (23, 24)");
	my $hides = $m->{rewritten} || $m->{hides};
	is($count, $hides ? 0 : 2, "$mode: deleted rows are " . ($hides ? 'hidden' : 'seen'));
	$count = $node->safe_psql('postgres', "$first SET pgaccount.show_deleted = on; SELECT count(*) FROM users WHERE id IN (23, 24) AND deleted_at IS NOT NULL");
	is($count, 2, "$mode: and are there");

	# late loading changes nothing in mid-session
	if ($mode eq 'not_preloaded')
	{
		is($node->safe_psql('postgres', "SET ROLE owner; SET search_path = app;\n\\set QUIET off\nDELETE FROM users WHERE id = 25;\n\\set QUIET on\nRESET ROLE; LOAD 'pgaccount'; SET ROLE owner;\n\\set QUIET off\nDELETE FROM users WHERE id = 26;\nSELECT count(*) FROM users WHERE id IN (25, 26);"),
			"DELETE 0\nDELETE 0\n2", 'LOAD in mid-session changes no behaviour');
		$node->safe_psql('postgres', 'ALTER ROLE clerk SET session_preload_libraries = pgaccount; ALTER ROLE clerk LOGIN');
		is($node->safe_psql('postgres', "SET search_path = app;\n\\set QUIET off\nDELETE FROM users WHERE id = 27;", extra_params => [ '-U', 'clerk' ]),
			'DELETE 1', 'session_preload_libraries of a role');
	}
	# an attached partition is under TRUNCATE's refusal when preloaded
	if ($m->{rewritten})
	{
		$node->safe_psql('postgres', 'SET ROLE owner; SET search_path = app; CREATE TABLE parts_3 PARTITION OF parts FOR VALUES IN (3)');
		my ($rc, $out, $err) = $node->psql('postgres', 'TRUNCATE app.parts_3', extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
		like($err, qr/0A000/, "$mode: TRUNCATE of a partition attached later");
	}
	my $log = slurp_file($node->logfile);
	unlike($log, qr/TRAP:|PANIC|terminated by signal|reference leak|still referenced/, "$mode: nothing crashed or leaked");
	$node->stop;
}
foreach my $mode (sort keys %contents)
{
	is($contents{$mode}, $contents{preloaded}, "$mode leaves the same in the tables") unless $mode eq 'preloaded';
}
# the contents themselves, where a mistake common to all would hide
my @dead = map { (split /\|/)[1] } grep { /^users\|/ && (split /\|/)[5] eq 't' } split /\n/, $contents{preloaded};
is("@dead", '1 2 3 4 5 6 7 9 10 11 12 13 15 17 18 20 21 22 29 31 32 33 34 35 36 37 38 39 40 102', 'the dead');
is(join(' ', $contents{preloaded} =~ /^stamps\|(\d+)$/mg), '19 1', 'children have the stamps of their parents, but for one deleted on its own');

done_testing();
