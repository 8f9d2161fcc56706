# pg_upgrade of databases with everything enabled: what was declared, deleted, registered and issued before is
# so afterwards, and the suites pass on the upgraded cluster.
#
#   OLD_INSTALL    upgrade from the server there (with this extension), of another major: see test/matrix.
#                  Without it, from the server under test to itself, which takes the same way.
#   OLD_LIBRARIES  directory of shared libraries that it needs besides
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use FindBin;

$ENV{LD_LIBRARY_PATH} = join ':', grep { $_ } $ENV{OLD_LIBRARIES}, $ENV{LD_LIBRARY_PATH} if $ENV{OLD_LIBRARIES};

my $conf = <<'CONF';
shared_preload_libraries = 'pgaccount'
max_prepared_transactions = 10
CONF
my $new = PostgreSQL::Test::Cluster->new('new');
my $old = PostgreSQL::Test::Cluster->new('old', $ENV{OLD_INSTALL} ? (install_path => $ENV{OLD_INSTALL}) : ());
$old->init(extra => [ '-E', 'UTF8', '--locale=C' ]);
# 18 has checksums unless told, and pg_upgrade wants clusters to agree
my @checksums = $new->pg_version->major >= 18 && $old->pg_version->major < 18 ? ('--no-data-checksums') : ();
$new->init(extra => [ '-E', 'UTF8', '--locale=C', @checksums ]);
# PostgreSQL::Test sets minimal, with which REPACK (CONCURRENTLY) is refused
$_->append_conf('postgresql.conf', "wal_level = replica\n$conf") for $old, $new;
cmp_ok($old->pg_version, '<', $new->pg_version, 'the old server is older') if $ENV{OLD_INSTALL};

# --- before --------------------------------------------------------------------------------------------
$old->start;
$old->safe_psql('postgres', q{
CREATE DATABASE shop; CREATE DATABASE "With starter"; CREATE DATABASE club; CREATE DATABASE gone;
CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN; CREATE ROLE auditor LOGIN;
ALTER ROLE auditor SET pgaccount.show_deleted = on;
ALTER DATABASE shop SET pgaccount.issuer = 'https://shop.example';
ALTER DATABASE shop SET pgaccount.password_memory = '8kB'; ALTER DATABASE "With starter" SET pgaccount.password_memory = '8kB';
ALTER DATABASE club SET pgaccount.password_memory = '8kB';
GRANT CREATE ON DATABASE shop TO owner;
});
$old->safe_psql('gone', 'CREATE EXTENSION pgaccount; DROP EXTENSION pgaccount');
$old->safe_psql('shop', q{
CREATE EXTENSION pgaccount;
GRANT EXECUTE ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass) TO owner;
SELECT account.create_key('HS256', 'old', repeat('o', 32)::bytea), account.create_key('EdDSA', 'ed'), account.create_key('HS512', 'new');
SELECT account.retire_key('old'), account.activate_key('ed');
SET ROLE owner; CREATE SCHEMA "The shop"; SET search_path = "The shop";
CREATE TABLE tenants (junk text, id bigint PRIMARY KEY, slug text UNIQUE, enabled_modules jsonb);
ALTER TABLE tenants DROP COLUMN junk;
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), junk int, tenant_id bigint REFERENCES tenants, email text NOT NULL UNIQUE,
  password text NOT NULL DEFAULT '!', is_active boolean NOT NULL DEFAULT true, "Gone at" timestamptz, gone boolean NOT NULL DEFAULT false, who text);
ALTER TABLE users DROP COLUMN junk; CREATE UNIQUE INDEX users_lower ON users (lower(email));
CREATE TABLE profiles (id serial PRIMARY KEY, user_id uuid UNIQUE NOT NULL REFERENCES users ON DELETE CASCADE, role text NOT NULL, "Bio" text);
CREATE TABLE "Po""sts" (id int PRIMARY KEY, author uuid REFERENCES users ON DELETE CASCADE, title text);
CREATE TABLE orders (id int PRIMARY KEY, made_by uuid NOT NULL REFERENCES users, tenant_id bigint REFERENCES tenants);
CREATE TABLE parts (id int, t int, deleted_at timestamptz, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (deleted_at timestamptz, junk int, t int NOT NULL, id int NOT NULL);
ALTER TABLE parts_2 DROP COLUMN junk; ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TABLE base (id int); CREATE TABLE derived (x int) INHERITS (base);
CREATE TABLE branches (id int PRIMARY KEY, tenant_id bigint REFERENCES tenants ON DELETE CASCADE, head int REFERENCES branches);
CREATE TABLE documents (id int PRIMARY KEY, tenant_id bigint NOT NULL, body text);
CREATE VIEW living AS SELECT email FROM users;
CREATE MATERIALIZED VIEW census AS SELECT count(*) FROM users;
CREATE FUNCTION close_account(uuid) RETURNS uuid LANGUAGE sql BEGIN ATOMIC DELETE FROM users WHERE id = $1 RETURNING id; END;
INSERT INTO tenants (id, slug, enabled_modules) VALUES (1, 'acme', '["crm"]'), (2, 'other', NULL);
INSERT INTO users (id, tenant_id, email, password)
  SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid, 1 + i % 2, 'u' || i || '@example.com', account.hash_password('a-right-secret') FROM generate_series(1, 6) i;
INSERT INTO "Po""sts" SELECT i, ('00000000-0000-0000-0000-00000000000' || 1 + i % 6)::uuid, 't' || i FROM generate_series(1, 12) i;
INSERT INTO orders VALUES (1, '00000000-0000-0000-0000-000000000001', 1), (2, '00000000-0000-0000-0000-000000000002', 1);
INSERT INTO parts SELECT i, t FROM generate_series(1, 3) i, generate_series(1, 2) t;
INSERT INTO base VALUES (1), (2); INSERT INTO derived VALUES (3, 3), (4, 4);
INSERT INTO branches VALUES (1, 1, NULL), (2, 2, 1); INSERT INTO documents SELECT i, 1 + i % 2 FROM generate_series(1, 6) i;
SELECT account.enable_soft_delete('users', 'Gone at', 'gone', 'who', guard_references => true, children => true),
  account.enable_soft_delete('parts', guard_references => true), account.enable_soft_delete('base', hide => false),
  account.enable_soft_delete('branches', on_parent_delete => 'delete');
SELECT account.unique_among_live('users', 'email'), account.unique_among_live('users_lower');
SELECT account.enable_profile('users', 'profiles', 'user_id', '{"role": "member"}');
SELECT account.use_tables('users', 'profiles', 'tenants');
SELECT account.set_reference_policy('orders', 'orders_tenant_id_fkey', 'cascade');
SELECT account.enable_tenant_isolation('documents');
RESET ROLE; SELECT account.grant_api('app'); GRANT USAGE ON SCHEMA "The shop" TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "The shop" TO app;
GRANT USAGE ON SCHEMA "The shop" TO auditor; GRANT SELECT ON ALL TABLES IN SCHEMA "The shop" TO auditor;
SET search_path = "The shop";
DELETE FROM "Po""sts" WHERE id = 3; DELETE FROM parts WHERE id = 1; DELETE FROM base WHERE id IN (1, 3); DELETE FROM branches WHERE id = 1;
});
$old->safe_psql('shop', q{DELETE FROM "The shop".users WHERE email IN ('u3@example.com', 'u6@example.com')});
$old->safe_psql('shop', q{INSERT INTO "The shop".users (email) VALUES ('U6@example.com')});
$old->safe_psql('With starter', q{
CREATE EXTENSION pgaccount; SELECT account.create_starter('app'), account.create_key('HS256');
SELECT account.register('ann@example.com', 'a-right-secret', 'ann'), account.register('bob@example.com', 'a-right-secret', 'bob'),
  account.register('sue@example.com', 'a-right-secret', 'sue');
UPDATE app.users SET is_staff = true WHERE username = 'sue';
});
# Members of several tenants, holds, erasure, and a removal in batches that is half done.
$old->safe_psql('club', q{
CREATE EXTENSION pgaccount; SELECT account.create_key('HS256');
CREATE SCHEMA club; SET search_path = club;
CREATE TABLE clubs (id int PRIMARY KEY, slug text UNIQUE);
CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, password text, name text, title text DEFAULT 'Dr', born date DEFAULT '1900-01-01', is_superuser boolean);
CREATE TABLE membership (person_id int REFERENCES people ON DELETE CASCADE, club_id int REFERENCES clubs ON DELETE CASCADE, role text, PRIMARY KEY (person_id, club_id));
CREATE TABLE matches (id int PRIMARY KEY, club_id int REFERENCES clubs ON DELETE CASCADE, body text);
CREATE TABLE points (id int PRIMARY KEY, match int REFERENCES matches ON DELETE CASCADE);
INSERT INTO clubs SELECT i, 'club' || i FROM generate_series(1, 4) i;
INSERT INTO people SELECT i, 'p' || i || '@example.com', account.hash_password('a-right-secret'), 'Person ' || i FROM generate_series(1, 6) i;
INSERT INTO membership VALUES (1, 1, 'owner'), (1, 2, 'admin'), (2, 1, 'member'), (3, 2, 'owner'), (4, 2, 'member');
INSERT INTO matches SELECT i, 1 + i % 4, 'm' || i FROM generate_series(1, 80) i;
INSERT INTO points SELECT i, 1 + i % 80 FROM generate_series(1, 400) i;
SELECT account.enable_soft_delete('people'), account.enable_soft_delete('clubs'), account.enable_soft_delete('membership', on_reinsert => 'replace');
SELECT account.use_tables('people', tenants => 'clubs', members => 'membership', columns => '{"members": {"user": "person_id", "tenant": "club_id"}}');
SELECT account.protect_last_member('membership', 'club_id', 'role');
SELECT account.set_erasure('people', 'email', 'hash'), account.set_erasure('people', 'title', 'hash'), account.set_erasure('people', 'name', 'null'), account.set_erasure('people', 'born', 'default'),
  account.set_purge('people', 'erase');
SELECT account.place_hold('clubs', 1, 'a case'), account.release_hold(account.place_hold('clubs', 2, 'another'), 'settled');
DELETE FROM people WHERE id = 5; SELECT account.erase('people', 5); DELETE FROM people WHERE id = 6;
DELETE FROM membership WHERE person_id = 4;
});
$old->safe_psql('club', q{CALL account.cleanup_batches('club.clubs', '3', batch_size => 50, max_runtime => '0')});
my ($club_access, $club_refresh) = split /\|/, $old->safe_psql('club', q{SELECT access_token, refresh_token FROM account.login('p1@example.com', 'a-right-secret', tenant => 'club1')});
my $by_support = $old->safe_psql('club', q{SELECT access_token FROM account.issue_tokens('2', actor => 'support:7')});
my (undef, $reset) = split /\|/, $old->safe_psql('club', q{SELECT email, token FROM account.request_password_reset('p2@example.com')});
my $plan = $old->safe_psql('club', q{SELECT account.plan_hash('club.clubs', 4)});

# One statement by a user of the starter.
sub as_user
{
	my ($node, $user, $sql) = @_;
	my @lines = split /\n/, $node->safe_psql('With starter', "BEGIN; SELECT account.act_as(id::text) FROM app.users WHERE username = '$user'; $sql; COMMIT");
	return $lines[1];
}
my $invitation = as_user($old, 'sue', q{SELECT account.invite('cy@example.com', 'editor')});
my $application = as_user($old, 'ann', q{SELECT account.apply_for_role('author', 'please')});
my $login = q{SELECT access_token, refresh_token FROM account.login('%s', 'a-right-secret')};
my ($access, $refresh) = split /\|/, $old->safe_psql('shop', sprintf $login, 'u1@example.com');
my (undef, $ended) = split /\|/, $old->safe_psql('shop', sprintf $login, 'u4@example.com');
$old->safe_psql('shop', q{SELECT account.login('u5@example.com', 'a-wrong-secret')});
$old->safe_psql('shop', q{DELETE FROM "The shop".users WHERE email = 'u4@example.com'});

# All there is to know: every table of the extension, every trigger, every row.
my $tables = q{SELECT c.oid::regclass FROM pg_class c WHERE relkind IN ('r', 'p') AND (relnamespace = 'account'::regnamespace
  OR relnamespace::regnamespace::text IN ('"The shop"', 'app', 'club')) ORDER BY c.oid::regclass::text COLLATE "C"};

sub state_of
{
	my ($node, $db) = @_;
	my $rows = join "\n", map { "SELECT '$_', t FROM $_ t ORDER BY t::text COLLATE \"C\";" =~ s/'(.*?)', t/"'" . $1 =~ s!'!''!gr . "', t"/er }
	  split /\n/, $node->safe_psql($db, $tables);
	return $node->safe_psql($db, qq{SET pgaccount.show_deleted = on; $rows
SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0, regexp_replace(pg_get_triggerdef(t.oid), 'RI_ConstraintTrigger_[ac]_[0-9]+', 'RI', 'g')
  FROM pg_trigger t WHERE NOT tgisinternal ORDER BY tgrelid::regclass::text COLLATE "C", tgname COLLATE "C";
SELECT * FROM account.model ORDER BY 1, 2; SELECT * FROM account.soft_delete_tables() ORDER BY 1;
SELECT indexdef FROM pg_indexes WHERE schemaname IN ('The shop', 'app', 'club') ORDER BY 1;
SELECT p.oid::regprocedure, a.* FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
  WHERE pronamespace = 'account'::regnamespace ORDER BY p.oid::regprocedure::text COLLATE "C", grantee;
SELECT c.oid::regclass, a.* FROM pg_class c, aclexplode(relacl) a WHERE relnamespace = 'account'::regnamespace AND grantee <> relowner ORDER BY c.oid::regclass::text COLLATE "C", grantee, privilege_type;
SELECT x.type, count(*) FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) x WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount')
  AND NOT EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
    AND (t.typelem <> 0 OR c.relkind <> 'c')) -- the types of rows, which some majors count among the members
  GROUP BY 1 ORDER BY 1;
SELECT extversion FROM pg_extension WHERE extname = 'pgaccount'; SELECT account.doctor();});
}
my @databases = ('shop', 'With starter', 'club');
my %before = map { $_ => state_of($old, $_) } @databases;
like($before{shop}, qr/u6\@example\.com.*U6\@example\.com|U6\@example\.com.*u6\@example\.com/s, 'there is something to compare');
$old->stop;

# --- the upgrade ---------------------------------------------------------------------------------------
chdir $new->basedir or die $!;    # pg_upgrade writes where it is
my $upgrade = [
	'pg_upgrade', '--no-sync', '--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
	'--old-bindir', $old->config_data('--bindir'), '--new-bindir', $new->config_data('--bindir'),
	'--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port ];
command_ok([ @$upgrade, '--check' ], 'pg_upgrade --check finds nothing in the way');
command_ok($upgrade, 'pg_upgrade');
unless (Test::More->builder->is_passing)
{
	diag(grep { /error|fatal|detail|context|command was/i } split /^/m, slurp_file($_)) for glob($new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_*.log');
	die 'nothing to look at';
}
$new->start;

# --- after ---------------------------------------------------------------------------------------------
for my $db (@databases)
{
	my %lines;
	$lines{$_}++ for split /\n/, $before{$db};
	$lines{$_}-- for split /\n/, state_of($new, $db);
	my @differ = grep { $lines{$_} } sort keys %lines;
	is(scalar @differ, 0, "$db: tables, rows, triggers, mapping, privileges, findings are as they were");
	diag(($lines{$_} > 0 ? '- ' : '+ ') . $_) for @differ;
}
sub shop { return $new->safe_psql('shop', "SET search_path = \"The shop\"; " . shift) }
sub refused
{
	my ($sqlstate, $sql, $name) = @_;
	my (undef, undef, $err) = $new->psql('shop', "SET search_path = \"The shop\"; $sql", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/ERROR:\s+$sqlstate/, $name);
}
is(shop('SELECT email FROM users ORDER BY email COLLATE "C"'), "U6\@example.com\nu1\@example.com\nu2\@example.com\nu5\@example.com", 'deleted users are hidden');
is(shop('SELECT * FROM living ORDER BY 1 LIMIT 1; TABLE census; REFRESH MATERIALIZED VIEW census; TABLE census'), "U6\@example.com\n0\n4",
	'in views, too');
is($new->safe_psql('shop', 'SELECT count(*) FROM "The shop".users', extra_params => [ '-U', 'auditor' ]), '7', 'a role whose setting says so sees all');
is(shop(q{WITH d AS (DELETE FROM users WHERE email = 'u5@example.com' RETURNING gone, who) SELECT count(*), bool_and(gone), bool_and(who IS NOT NULL) FROM d}), '1|t|t',
	'DELETE is soft');
is(shop(q{SELECT close_account('00000000-0000-0000-0000-000000000002') IS NOT NULL; SELECT account.is_deleted('users', '00000000-0000-0000-0000-000000000002')}), "t\nt",
	'in a function made before, too');
is(shop(q{SELECT account.restore('users', '00000000-0000-0000-0000-000000000003'); SELECT count(*) FROM "Po""sts" WHERE author = '00000000-0000-0000-0000-000000000003'}), "4\n2",
	'restore brings back what was deleted before');
refused('23505', q{SELECT account.restore('users', '00000000-0000-0000-0000-000000000006')}, 'but not where its email is taken');
refused('23505', q{INSERT INTO users (email) VALUES ('U1@EXAMPLE.COM')}, 'emails are unique among the living');
refused('23503', q{INSERT INTO orders VALUES (9, '00000000-0000-0000-0000-000000000006')}, 'references are guarded');
is(shop(q{INSERT INTO users (email) VALUES ('u5@example.com') ON CONFLICT (email) DO UPDATE SET email = 'taken' RETURNING email;
SELECT role FROM profiles JOIN users u ON u.id = user_id WHERE u.email = 'u5@example.com'}), "u5\@example.com\nmember", 'a new user has its profile');
is(shop(q{SELECT count(*) FROM parts; DELETE FROM parts WHERE id = 2; SELECT count(*) FROM parts; SELECT count(*) FROM parts_2}), "4\n2\n1", 'partitions');
refused('0A000', 'TRUNCATE parts_1', 'not to be truncated');
is(shop(q{SELECT relation, action FROM account.cleanup_plan('tenants', 1) WHERE action = 'protected' ORDER BY relation::text}), "branches|protected\nusers|protected", 'policies say what a plan says');
is($new->safe_psql('shop', "SELECT account.authenticate('$access') = '00000000-0000-0000-0000-000000000001', account.tenant_id(), count(*) FROM \"The shop\".documents GROUP BY 1, 2",
	extra_params => [ '-U', 'app' ], on_error_stop => 1), '', 'a snapshot taken before the token is nobody\'s');
is($new->safe_psql('shop', "BEGIN; SELECT account.authenticate('$access') IS NOT NULL; SELECT account.tenant_id(), count(*) FROM \"The shop\".documents; COMMIT",
	extra_params => [ '-U', 'app' ]), "t\n2|3", 'a token issued before is good, and isolates its tenant');
my $next = shop("SELECT refresh_token FROM account.refresh('$refresh')");
isnt($next, '', 'a refresh token issued before is good');
is(shop("SELECT status, error FROM account.refresh('$ended')"), '401|session_ended', 'a session ended before is ended');
is(shop(q{SELECT status FROM account.login('u1@example.com', 'a-right-secret'); SELECT status FROM account.login('u4@example.com', 'a-right-secret')}), "200\n401",
	'logins');
refused('PT401', q{SELECT account.verify_access_token(account.jwt_sign('{"sub": "1", "exp": 4000000000}', repeat('o', 32)::bytea, 'HS256', 'old'))}, 'a retired key is retired');
is($new->safe_psql('With starter', q{SELECT status FROM account.login('bob', 'a-right-secret'); DELETE FROM app.users WHERE username = 'bob';
SELECT status FROM account.login('bob', 'a-right-secret'); SELECT user_id IS NOT NULL FROM account.register('bob@example.com', 'another-secret', 'bob')}),
	"200\n401\nt", 'the starter, too');
$new->safe_psql('With starter', q{SELECT account.register('cy@example.com', 'a-right-secret', 'cy')});
as_user($new, 'cy', "SELECT account.accept_invitation('$invitation')");
as_user($new, 'sue', "SELECT account.review_application($application, true)");
is($new->safe_psql('With starter', q{SELECT username, role FROM app.profiles JOIN app.users ON id = user_id WHERE username IN ('ann', 'cy') ORDER BY 1}),
	"ann|author\ncy|editor", 'an invitation and an application from before');
is($new->safe_psql('With starter', q{SELECT count(*) FROM account.event WHERE type IN ('invitation_created', 'invitation_accepted', 'role_applied', 'role_approved')}), '4',
	'and their events, before and after');
is(shop(q{SELECT count(*) FROM account.cleanup('tenants', 1, force => true); SELECT count(*) FROM account.cleanup('tenants', 1)}) =~ s/^[1-9][0-9]*\n/n\n/r, "n\n0", 'cleanup');

# of members, holds, erasure and the removal
sub club { return $new->safe_psql('club', "SET search_path = club; " . shift) }
sub club_refuses
{
	my ($sqlstate, $sql, $name) = @_;
	my (undef, undef, $err) = $new->psql('club', "SET search_path = club; $sql", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($err, qr/ERROR:\s+$sqlstate/, $name);
}
is(club("BEGIN; SELECT account.authenticate('$club_access'), account.tenant_id(), account.tenant_role(); COMMIT"), '1|1|owner', 'a token of a member is good');
is(club("SELECT status, tenant_id FROM account.switch_tenant('$club_refresh', 'club2')"), '200|2', 'its session goes to another tenant');
is(club("SELECT account.verify_access_token('$by_support') -> 'act' ->> 'sub'"), 'support:7', 'who acted for a user is known');
is(club("SELECT account.reset_password('$reset', 'another-secret'); SELECT status FROM account.login('p2\@example.com', 'another-secret')"), "\n200", 'a mailed token is good');
club_refuses('PT404', "SELECT account.reset_password('$reset', 'a-third-secret')", 'once');
club_refuses('23514', q{UPDATE membership SET role = 'member' WHERE club_id = 1}, 'the last owner stays');
is(club(q{INSERT INTO membership VALUES (4, 2, 'admin') RETURNING role; SET pgaccount.show_deleted = on; SELECT count(*) FROM membership WHERE person_id = 4}), "admin\n1",
	'a row comes again and replaces the deleted one');
club_refuses('PT423', q{SELECT account.cleanup('clubs', 1, true)}, 'what is under a hold stays');
is(club(q{SELECT count(*) FROM account.hold}), '2', 'holds are there, released ones too');
is(club("SELECT account.plan_hash('clubs', 4)"), $plan, 'a plan that was approved is the same plan');
club_refuses('23503', q{INSERT INTO matches VALUES (1000, 3)}, 'a removal goes on refusing new references');
is($new->safe_psql('club', q{SELECT state, remaining > 0 AND done > 0 FROM account.removal}), 'paused|t', 'it is paused in the midst');
$new->safe_psql('club', q{CALL account.cleanup_batches('club.clubs', '3', batch_size => 50)});
is($new->safe_psql('club', q{SELECT state, remaining FROM account.removal; SELECT count(*) FROM club.points JOIN club.matches m ON m.id = match WHERE club_id = 3}), "finished|0\n0",
	'and goes on to its end');
is(club(q{SELECT account.purge('people', '0'); SET pgaccount.show_deleted = on; SELECT name IS NULL, born FROM people WHERE id IN (5, 6)}), "1\nt|1900-01-01\nt|1900-01-01",
	'a purge erases what was not erased before');
is(club(q{SET pgaccount.show_deleted = on; SELECT count(DISTINCT title), bool_or(title = 'Dr') FROM people WHERE id IN (5, 6)}), '1|f',
	'with the key of hashes from before: the same text has the same hash');
$new->safe_psql($_, 'ALTER EXTENSION pgaccount UPDATE; DROP EXTENSION pgaccount CASCADE; CREATE EXTENSION pgaccount') for @databases;

# the suites, on what pg_upgrade made
my $top = "$FindBin::RealBin/../..";
my @tests = ('setup', grep { $_ ne 'setup' } map { s!.*/(.*)\.sql$!$1!r } sort glob "$top/sql/*.sql");
my $out = $new->basedir . '/regress';
mkdir $out;
ok(!system($ENV{PG_REGRESS}, "--inputdir=$top", "--outputdir=$out", '--bindir=' . $new->config_data('--bindir'), '--host=' . $new->host,
	'--port=' . $new->port, '--load-extension=pgaccount', @tests), 'the regression tests pass on the upgraded cluster')
  or diag(slurp_file("$out/regression.diffs"));
done_testing;
