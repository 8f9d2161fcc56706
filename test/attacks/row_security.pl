# What a role may not see or change by its privileges and policies it may not see or change through us.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Attack;

my $node = new_server('main');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE web LOGIN;
CREATE ROLE mallory LOGIN;
CREATE EXTENSION pgaccount;
SELECT account.create_key();
SQL

# A role's statements, in one transaction after a token where there is one: the answer, or the SQLSTATE.
sub as
{
	my ($role, $sql, $token) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\nBEGIN;\n" . ($token ? "SELECT account.authenticate('$token') IS NULL;\n" : '') . "$sql;\nCOMMIT;",
		extra_params => [ '-U', $role, '-v', 'ON_ERROR_STOP=1' ]);
	return $rc == 0 ? $token ? $out =~ s/^f\n?//r : $out : ($err =~ /(?:ERROR|FATAL):\s+(\w{5})/)[0];
}
sub token { return $node->safe_psql('postgres', "SELECT access_token FROM account.login('$_[0]\@x.org', 'a-right-secret')") }

# --- adopting a profile ------------------------------------------------------------------------------------
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA d10;
CREATE TABLE d10.tenants (id int PRIMARY KEY, slug text);
INSERT INTO d10.tenants VALUES (1, 'a'), (2, 'b');
CREATE TABLE d10.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, password text, tenant_id int REFERENCES d10.tenants);
CREATE TABLE d10.profiles (user_id bigint PRIMARY KEY REFERENCES d10.users, tenant_id bigint DEFAULT account.tenant_bigint(), role text, bio text);
SELECT account.enable_tenant_isolation('d10.profiles'), account.enable_profile('d10.users', 'd10.profiles'),
    account.use_tables('d10.users', 'd10.profiles', 'd10.tenants'), account.grant_api('web');
GRANT USAGE ON SCHEMA d10 TO web;
GRANT SELECT, INSERT ON d10.profiles TO web;
SELECT account.register('admin@x.org', 'a-right-secret', NULL, 'a'), account.register('b@x.org', 'a-right-secret', NULL, 'b');
SQL
my ($of_a, $of_b) = (token('admin'), token('b'));
my $victim = as('web', q{SELECT user_id FROM account.register('victim@x.org', 'a-right-secret', NULL, 'a')}, $of_a);
my $before = $node->safe_psql('postgres', "SELECT * FROM d10.profiles WHERE user_id = $victim");
like($before, qr/^$victim\|1\|\|$/, 'an automatic profile of tenant a');
is(as('web', "SELECT count(*) FROM d10.profiles WHERE user_id = $victim", $of_b), '0', 'who is of tenant b sees nothing of it');
is(as('web', "INSERT INTO d10.profiles (user_id, tenant_id, role, bio) VALUES ($victim, 2, 'owned', 'by b')", $of_b), '23505', 'adopt takes no profile that the inserting role cannot see');
is($node->safe_psql('postgres', "SELECT * FROM d10.profiles WHERE user_id = $victim"), $before, 'it is as it was');
is(as('web', "INSERT INTO d10.profiles (user_id, tenant_id, role, bio) VALUES ($victim, 1, 'own', 'by a')", $of_a), '', 'who sees it and may delete its rows adopts it')
  if as('postgres', 'GRANT DELETE ON d10.profiles TO web') eq '';
is($node->safe_psql('postgres', "SELECT role FROM d10.profiles WHERE user_id = $victim"), 'own', 'and it is that one then');
$node->safe_psql('postgres', 'SELECT account.forget_tables()');

# --- columns of a profile that registering may not set --------------------------------------------------------
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA d9;
CREATE TABLE d9.tenants (id int PRIMARY KEY, slug text);
INSERT INTO d9.tenants VALUES (1, 'a'), (2, 'b');
CREATE TABLE d9.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, password text, tenant_id int REFERENCES d9.tenants);
CREATE TABLE d9.profiles (user_id bigint PRIMARY KEY REFERENCES d9.users, tenant_id int REFERENCES d9.tenants, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false,
    can_see text DEFAULT 'nothing', role text, bio text);
ALTER TABLE d9.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON d9.profiles USING (can_see = 'all' OR user_id = account.uid_bigint());
SELECT account.enable_tenant_isolation('d9.profiles'), account.enable_profile('d9.users', 'd9.profiles'), account.use_tables('d9.users', 'd9.profiles', 'd9.tenants');
SQL
for my $case ([ is_staff => 'true' ], [ is_superuser => 'true' ], [ tenant_id => '2' ], [ can_see => '"all"' ])
{
	my ($column, $value) = @$case;
	is(as('web', qq{SELECT account.register('x\@x.org', 'a-right-secret', NULL, 'a', '{"$column": $value}')}), 'PT403', "register sets no $column of a profile");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM d9.users WHERE email = 'x@x.org'}), '0', 'and registers nobody with it');
like(as('web', q{SELECT account.register('y@x.org', 'a-right-secret', NULL, 'a', '{"bio": "hello"}')}), qr/y\@x\.org/, 'other columns it sets');
is($node->safe_psql('postgres', q{SELECT bio FROM d9.profiles p JOIN d9.users u ON u.id = p.user_id WHERE email = 'y@x.org'}), 'hello', 'as they were asked for');

# --- policies of DELETE, and no privilege but DELETE -------------------------------------------------------------
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA s13;
CREATE TABLE s13.doc (id int PRIMARY KEY, owner text, body text, deleted_at timestamptz, deleted_by text);
CREATE TABLE s13.line (id int PRIMARY KEY, doc int REFERENCES s13.doc ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('s13.doc', children => true);
INSERT INTO s13.doc (id, owner, body) VALUES (1, 'web', 'mine'), (2, 'boss', 'secret');
INSERT INTO s13.line VALUES (1, 1), (2, 2);
ALTER TABLE s13.doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY sel ON s13.doc FOR SELECT USING (owner = current_user);
CREATE POLICY upd ON s13.doc FOR UPDATE USING (owner = current_user) WITH CHECK (owner = current_user AND deleted_at IS NULL);
CREATE POLICY del ON s13.doc FOR DELETE USING (owner = current_user AND body <> 'mine');
GRANT USAGE ON SCHEMA s13 TO web, mallory;
GRANT SELECT, UPDATE, DELETE ON s13.doc TO web;
GRANT DELETE ON s13.doc TO mallory;
SQL
my $all = q{SELECT string_agg(d::text, ' ' ORDER BY id) FROM s13.doc d};
my $docs = $node->safe_psql('postgres', $all);
for my $case (
	[ web => 'DELETE FROM s13.doc RETURNING *', '' ],
	[ web => 'UPDATE s13.doc SET deleted_at = now()', '42501' ],
	[ web => q{SELECT account.restore('s13.doc', ARRAY[1, 2])}, '42501' ],
	[ web => q{SELECT count(*) FROM account.cleanup('s13.doc', 1, true)}, '42501' ],
	[ web => q{SELECT count(*) FROM account.cleanup('s13.doc', 2)}, '0|42501' ],
	[ web => q{SELECT account.is_deleted('s13.doc', 2)}, '' ],
	[ web => q{SELECT * FROM account.deleted(NULL::s13.doc)}, '' ],
	[ mallory => q{DELETE FROM s13.doc WHERE body = 'secret'}, '42501' ],
	[ mallory => q{DELETE FROM s13.doc RETURNING id}, '42501' ],
	[ mallory => 'DELETE FROM s13.doc USING (VALUES (1)) v(x)', '' ],
	[ mallory => 'MERGE INTO s13.doc d USING (VALUES (2)) v(x) ON true WHEN MATCHED THEN DELETE', '42501' ],
	[ mallory => q{SELECT account.is_deleted('s13.doc', 2)}, '42501' ],
	[ mallory => q{SELECT * FROM account.deleted(NULL::s13.doc)}, '42501' ],
	[ mallory => q{SELECT account.restore('s13.doc', 2)}, '42501' ],
	[ mallory => q{SELECT account.purge('s13.doc', '0'::interval)}, '42501' ])
{
	my ($role, $sql, $expected) = @$case;
	like(as($role, $sql), qr/^(?:$expected)$/, "$role: $sql");
	is($node->safe_psql('postgres', $all), $docs, '... changes nothing');
}
stop_server($node);
done_testing();
