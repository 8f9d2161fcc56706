# A role that owns tables, or only refers to some, hangs traps of every kind on them and waits for others to
# call. What runs as anybody but that role, or leaves something in the caller's session, is caught.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Attack;
use PublicApi;

my $here = $FindBin::Bin;
my $roles = 'CREATE ROLE app LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE api LOGIN; CREATE ROLE plain LOGIN';
my $node = new_server('main');
$node->safe_psql('postgres', $roles);

# What of a session may not change: in and after a transaction that called us.
my $state = <<'SQL' =~ s/\s+/ /gr;
SELECT pg_catalog.concat_ws(' ', current_user, session_user, 'path', pg_catalog.current_setting('search_path'),
	(SELECT 'SET ' OPERATOR(pg_catalog.||) pg_catalog.string_agg(name OPERATOR(pg_catalog.||) '=' OPERATOR(pg_catalog.||) setting, ',' ORDER BY name) FROM pg_catalog.pg_settings
		WHERE source OPERATOR(pg_catalog.=) 'session' AND name OPERATOR(pg_catalog.!~) '^(search_path|client_min_messages|application_name|pgaccount.identity|transaction_)'),
	(SELECT 'TEMP ' OPERATOR(pg_catalog.||) pg_catalog.string_agg(relname, ',') FROM pg_catalog.pg_class WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()),
	(SELECT 'FUNCTION ' OPERATOR(pg_catalog.||) pg_catalog.string_agg(proname, ',') FROM pg_catalog.pg_proc WHERE pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()),
	(SELECT 'PREPARED ' OPERATOR(pg_catalog.||) pg_catalog.string_agg(name, ',') FROM pg_catalog.pg_prepared_statements),
	(SELECT 'CURSOR ' OPERATOR(pg_catalog.||) pg_catalog.string_agg(name, ',') FROM pg_catalog.pg_cursors WHERE name OPERATOR(pg_catalog.~) 'left'),
	(SELECT 'LISTEN ' OPERATOR(pg_catalog.||) pg_catalog.string_agg(c, ',') FROM pg_catalog.pg_listening_channels() c),
	pg_catalog.current_setting('attack.left', true))
SQL

# A server with assertions stops where an exception is caught while COMMIT runs something, whoever's it is: deferred
# triggers, a cursor WITH HOLD. (RollbackAndReleaseCurrentSubTransaction() does not expect TBLOCK_END.)
my $asserts = $node->safe_psql('postgres', 'SHOW debug_assertions') eq 'on';
my $commit = $asserts ? "SET CONSTRAINTS ALL IMMEDIATE;\nCOMMIT;\n" : "COMMIT;\n";

# A database with the traps. SQL for the rest of it.
sub make_database
{
	my ($db, $sql, %variables) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE EXTENSION pgaccount;\n\\i $here/traps.sql\n$sql", extra_params => [ map { ('-v', "$_=$variables{$_}") } sort keys %variables ]);
}

# A copy of it. The settings of roles in a database are not copied with it.
sub copy_database
{
	my ($from, $to) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $to TEMPLATE $from; ALTER ROLE mallory IN DATABASE $to SET search_path = mallory, public");
}

# Whether a query is true within some seconds.
sub waited_for
{
	my ($db, $query) = @_;
	for (1 .. 50)
	{
		return 1 if $node->safe_psql($db, $query) eq 't';
		usleep(100_000);
	}
	return 0;
}

# Calls and statements on a model in a schema, each a transaction: [step, SQL, the table that it names].
# What comes first leaves to the next what it needs.
sub scenario
{
	my ($db, $schema, $caller) = @_;
	my $super = $caller eq 'postgres';
	my %token = map { $_ => [ split /\|/, $node->safe_psql($db, "SELECT access_token, refresh_token FROM account.login('$_', 'a-right-secret')") ] } qw(ann bob carl staff boss);
	my $invitation = $node->safe_psql($db, "BEGIN; SELECT account.authenticate('$token{staff}[0]') IS NULL; SELECT account.invite('ann\@x.org', 'teacher'); COMMIT") =~ s/^f\n//r;
	my $application = $node->safe_psql($db, "BEGIN; SELECT account.authenticate('$token{bob}[0]') IS NULL; SELECT account.apply_for_role('editor', 'please'); COMMIT") =~ s/^f\n//r;
	my %id = map { split /\|/ } split /\n/, $node->safe_psql($db, "SELECT username, id FROM $schema.users");
	my $as = sub { my ($who, $sql) = @_; ($sql =~ /account\.(\w+)/)[0], "SELECT account.authenticate('$token{$who}[0]') IS NULL; $sql" };
	# the calls that grant_api grants, and a superuser too
	my @api = (
		[ 'register', q{SELECT account.register('new@x.org', 'a-right-secret', 'new', 'acme', '{"bio": "y"}')} ],
		[ 'login', q{SELECT account.login('bob', 'a-right-secret', '10.0.0.1', 'agent', 'acme')} ],
		[ 'login, wrong', q{SELECT account.login('bob', 'a-wrong-secret')} ],
		# what a caller may wrap a call in
		[ 'login in a savepoint', q{SAVEPOINT s; SELECT account.login('bob', 'a-right-secret'); ROLLBACK TO s} ],
		[ 'login in a handler', q{SET LOCAL attack.fail = on; DO $do$ BEGIN PERFORM account.login('bob', 'a-right-secret'); EXCEPTION WHEN OTHERS THEN NULL; END $do$} ],
		[ 'login in a held cursor', q{DECLARE held CURSOR WITH HOLD FOR SELECT account.login('bob', 'a-right-secret')} ],
		[ 'close it', q{CLOSE ALL} ],
		[ 'refresh', "SELECT account.refresh('$token{bob}[1]')" ],
		[ 'refresh again', "SELECT account.refresh('$token{bob}[1]')" ],
		[ $as->('ann', 'SELECT account.uid()') ],
		[ $as->('ann', "SELECT account.accept_invitation('$invitation')") ],
		[ $as->('carl', q{SELECT account.apply_for_role('editor', 'please')}) ],
		[ $as->('staff', "SELECT account.review_application($application, true, 'yes', '{\"is_open\": false}')") ],
		[ $as->('staff', "SELECT account.set_password('$id{bob}', 'another-secret')") ],
		[ $as->('carl', "SELECT account.set_password('$id{carl}', 'another-secret')") ],
		[ $as->('staff', "SELECT account.revoke_sessions('$id{bob}')") ],
		[ $as->('staff', "SELECT account.export_user('$id{bob}')") ],
		[ $as->('staff', "SELECT account.delete_user('$id{bob}', NULL, 'because')") ],
		[ $as->('staff', "SELECT account.restore_user('$id{bob}')") ],
		[ $as->('staff', q{SELECT account.invite('new@x.org', 'teacher')}) ],
		[ 'logout', "SELECT account.logout('$token{ann}[1]')" ]);
	# the table functions, of any role with privileges
	my @tables = (
		[ 'is_deleted', "SELECT account.is_deleted('$schema.users', $id{bob})" ],
		[ 'deleted', "SELECT * FROM account.deleted(NULL::$schema.users)" ],
		[ 'missing_profiles', "SELECT account.missing_profiles('$schema.users')" ],
		[ 'cleanup_plan', "SELECT account.cleanup_plan('$schema.users', $id{carl})" ],
		[ 'cleanup_graph', "SELECT account.cleanup_graph('$schema.users', $id{carl})" ],
		[ 'plan_hash', "SELECT account.plan_hash('$schema.users', $id{carl})" ],
		[ 'doctor', 'SELECT * FROM account.doctor()' ],
		[ 'health', 'SELECT account.health()' ]);
	my @plain = map { [ 'plain ' . substr($_->[0], 0, 50), $_->[0] =~ s/@/$schema/gr, "$schema.$_->[1]" ] } (
		[ q{INSERT INTO @.users (email, username) VALUES ('p1#x.org', 'p1'), ('p2#x.org', 'p2')}, 'users' ],
		[ q{INSERT INTO @.users (email, username) VALUES ('p3#x.org', 'p3') ON CONFLICT (id) DO NOTHING}, 'users' ],
		[ qq{COPY @.users (email, username) FROM stdin;\np4#x.org\tp4\np5#x.org\tp5\n\\.\n}, 'users' ],
		[ q{INSERT INTO @.notes (user_id) SELECT id FROM @.users WHERE username LIKE 'p_'}, 'notes' ],
		[ q{INSERT INTO @.parts SELECT id, id FROM @.users WHERE username LIKE 'p_'}, 'parts' ],
		[ q{INSERT INTO @.profiles (user_id, bio) SELECT id, 'mine' FROM @.users WHERE username = 'p1'}, 'profiles' ],
		[ q{UPDATE @.users SET is_active = false WHERE username IN ('p1', 'bob')}, 'users' ],
		[ q{UPDATE @.users SET is_active = true}, 'users' ],
		[ q{UPDATE @.tenants SET is_active = false WHERE slug = 'other'}, 'tenants' ],
		[ q{DELETE FROM @.users WHERE username = 'p1'}, 'users' ],
		[ q{DELETE FROM @.users WHERE username IN ('p2', 'p3')}, 'users' ],
		[ q{MERGE INTO @.users u USING (VALUES ('p4')) v(x) ON username = x WHEN MATCHED THEN DELETE}, 'users' ],
		[ q{UPDATE @.users SET deleted_at = now() WHERE username = 'p5'}, 'users' ],
		# sessions of one, and of two
		[ q{UPDATE @.users SET is_active = false WHERE username = 'ann'}, 'users' ],
		[ q{UPDATE @.users SET is_active = false WHERE username IN ('carl', 'boss')}, 'users' ],
		[ q{UPDATE @.users SET is_active = true WHERE NOT is_active}, 'users' ]);
	my @last = (
		[ 'restore', "SELECT account.restore('$schema.users', (SELECT pg_catalog.array_agg(id) FROM account_all))" =~ s/\(SELECT.*account_all\)/'{1,2,$id{bob}}'::bigint[]/r ],
		[ 'cleanup', "SELECT account.cleanup('$schema.users', $id{carl})" ],
		[ 'cleanup, forced', "SELECT account.cleanup('$schema.users', $id{eve}, true)" ]);
	my @privileged = (
		[ 'use_tables', "SELECT account.use_tables('$schema.users', '$schema.profiles', '$schema.tenants')" ],
		[ 'enable_profile', "SELECT account.enable_profile('$schema.users', '$schema.profiles', defaults => '{\"role\": \"again\"}')" ],
		[ 'enable_soft_delete', "SELECT account.enable_soft_delete('$schema.notes', guard_references => true)" ],
		[ 'issue_tokens', "SELECT account.issue_tokens('$id{dora}')" ],
		[ 'issue_access_token', "SELECT account.issue_access_token('$id{dora}')" ],
		[ 'act_as and delete_user', "SELECT account.act_as('$id{boss}'); SELECT account.delete_user('$id{dora}')" ],
		[ 'restore', "SELECT account.restore('$schema.users', $id{dora})" ],
		[ 'set_reference_policy', "SELECT account.set_reference_policy('$schema.orders', 'orders_user_id_fkey', 'protect')" ],
		[ 'delete_user by act_as', "SELECT account.act_as('$id{boss}'); SELECT account.delete_user('$id{dora}')" ],
		[ 'purge', "SELECT account.purge('$schema.notes', '0'::interval)" ],
		[ 'purge_batches', "CALL account.purge_batches('$schema.parts', '0'::interval)" ],
		[ 'purge_users', 'SET LOCAL pgaccount.grace_period = 0; SELECT account.purge_users()' ],
		[ 'purge, forced', "SELECT account.purge('$schema.users', '0'::interval, force => true)" ],
		[ 'cleanup_batches', "CALL account.cleanup_batches('$schema.users', '$id{dora}', batch_size => 1)" ],
		[ 'prune_events', 'SELECT account.prune_events()' ],
		[ 'enable_soft_delete of tenants', "SELECT account.enable_soft_delete('$schema.tenants')" ],
		[ 'activation of tenants', "UPDATE $schema.tenants SET is_active = true", "$schema.tenants" ],
		[ 'register in another tenant', q{SELECT account.register('oth#x.org', 'a-right-secret', 'oth', 'other')} ],
		[ 'export_tenant', "SELECT account.act_as('$id{boss}'); SELECT account.export_tenant('other')" ],
		[ 'delete_tenant', "SELECT account.act_as('$id{boss}'); SELECT account.delete_tenant('other', 'left')" ],
		[ 'restore_tenant', "SELECT account.act_as('$id{boss}'); SELECT account.restore_tenant('other', 'stays')" ],
		[ 'place_hold', "SELECT account.place_hold('$schema.tenants', 2, 'case')" ],
		[ 'enforce_holds', 'SELECT account.enforce_holds()' ],
		[ 'release_hold', q{SELECT account.release_hold(1, 'over')} ],
		[ 'set_erasure', "SELECT account.set_erasure('$schema.users', 'email', 'hash'), account.set_erasure('$schema.profiles', 'bio', 'null')" ],
		[ 'erase', "SELECT account.erase('$schema.users', $id{ann})" ],
		[ 'set_purge', "SELECT account.set_purge('$schema.users', 'erase')" ],
		[ 'purge, erasing', "SELECT account.purge('$schema.users', '-1 day'::interval)" ],
		[ 'set_reference_policy of tenants', "SELECT account.set_reference_policy('$schema.users', 'users_tenant_id_fkey', 'cascade')" ],
		[ 'deletion of a tenant, long ago', "UPDATE $schema.tenants SET deleted_at = pg_catalog.now() - interval '40 days' WHERE slug = 'other'", "$schema.tenants" ],
		[ 'purge_tenants', 'CALL account.purge_tenants(1)' ],
		[ 'enable_tenant_isolation', "SELECT account.enable_tenant_isolation('$schema.users')" ],
		[ 'disable_tenant_isolation', "SELECT account.disable_tenant_isolation('$schema.users')" ],
		[ 'unique_among_live', "SELECT account.unique_among_live('$schema.users', 'email')" ],
		[ 'disable_profile', "SELECT account.disable_profile('$schema.users', '$schema.profiles')" ],
		[ 'disable_soft_delete', "SELECT account.disable_soft_delete('$schema.users')" ],
		[ 'enable_soft_delete, all', "SELECT account.enable_soft_delete('$schema.users', children => true)" ],
		[ 'forget_tables', 'SELECT account.forget_tables()' ]);
	return $super ? (@api, @tables, @plain, @last, @privileged) : $caller eq 'api' ? (@api, @tables, @plain) : (@tables, @plain, @last);
}

# A caller does it all in one session; what is caught, what the session is afterwards, who succeeded.
sub attacked
{
	my ($db, $schema, $caller, $what, %params) = @_;
	my $session = $params{session} // $caller;
	my $become = $session eq $caller ? '' : "SET ROLE $caller; SET attack.caller = $caller;\n";
	my @steps = map { [ $_->[0] =~ s/['\s\\]+/ /gr, @{$_}[ 1, 2 ] ] } $params{steps} ? @{ $params{steps} } : scenario($db, $schema, $caller);
	@steps = grep { !$asserts || $_->[1] !~ /WITH HOLD/ } @steps;
	my $first = $node->safe_psql($db, "$become$state", extra_params => [ '-U', $session ]);
	# what a superuser of the test has looked at, traps of constants were sprung by
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER; REVOKE pg_read_all_data FROM mallory');
	my $position = log_position($node);
	my $mend = "DISCARD ALL;\nSET client_min_messages = warning;\n" . ($session eq 'postgres' ? "ALTER ROLE mallory NOSUPERUSER;\n" : '') . $become;
	my $script = "SET client_min_messages = warning;\n$become";
	for my $i (0 .. $#steps)
	{
		my ($step, $sql, $named) = @{ $steps[$i] };
		$sql =~ s/#x\.org/\@x.org/g;
		# what ends transactions itself has none around it
		my ($begin, $end) = $sql =~ /^CALL/ ? ('', '') : ("BEGIN;\n" . ($params{first} // ''), $commit);
		$script .= "SET attack.step = '$step'; SET attack.named = '" . ($named // '') . "';\n$begin$sql" . ($sql =~ /\n$/ ? '' : ';')
		  . "\n\\echo =$i= :SQLSTATE\n\\echo =$i in=\n$state;\n$end\\echo =$i after=\n$state AS found\n\\gset\n\\echo :found\n"
		  # each step meets a session as it should be
		  . "SELECT :'found' OPERATOR(pg_catalog.<>) '$first' AS mend\n\\gset\n\\if :mend\n$mend\\endif\n";
	}
	my ($rc, $out, $err) = $node->psql($db, $script, extra_params => [ '-U', $session, '-v', 'VERBOSITY=verbose' ], on_error_stop => 0);
	nothing_caught($node, $position, "$what, $caller calls: nothing ran as anybody but its owner");
	my (@left, @failed);
	for my $i (0 .. $#steps)
	{
		my ($sqlstate) = $out =~ /^=$i= (\w+)$/m;
		# rows that a DELETE keeps are removed by their owner and by purgers alone
		my $refused = $caller ne 'postgres' && $steps[$i][0] =~ /^cleanup\b/ && ($sqlstate // '') eq '42501';
		push @failed, "$steps[$i][0]: " . ($sqlstate // 'no answer') if ($sqlstate // '') ne '00000' && !$refused && !$params{may_fail} && $steps[$i][0] ne 'doctor';
		for my $when ('in', 'after')
		{
			my ($found) = $out =~ /^=$i $when=\n(.*)$/m;
			# what the step itself has set
			$found =~ s/ SET pgaccount\.grace_period=0// if defined $found && $when eq 'in' && $steps[$i][1] =~ /^SET LOCAL pgaccount\.grace_period/;
			push @left, "$steps[$i][0], $when it: $found" if defined $found && $found !~ /^=/ && $found ne $first;
		}
	}
	ok(!@left, '... and left nothing in the session')
	  or diag("    it was: $first\n" . join "\n", map { '    ' . substr($_, 0, 300) } @left[ 0 .. ($#left < 19 ? $#left : 19) ]);
	$params{may_fail} ? cmp_ok(scalar(() = $out =~ /^=\d+= 00000$/mg), '>=', $params{may_fail}, '... and enough calls succeed')
	  : is(join("\n", @failed), '', '... and the calls succeed') or diag(join "\n", (grep { /ERROR/ } split /\n/, $err)[ 0 .. 9 ]);
	is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'; SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE rolname = 'mallory'}),
		"f\n0", '... and mallory is what it was');
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER; REVOKE pg_read_all_data FROM mallory');
}

# --- mallory owns the whole model, and others refer to it --------------------------------------------------
my $owner_of_all = <<"SQL";
\\i $here/hostile_model.sql
SET SESSION AUTHORIZATION mallory;
SELECT mallory.plant('mallory.' || t, CASE t WHEN 'profiles' THEN 'user_id' ELSE 'id' END::name) FROM unnest('{tenants,users,profiles,notes,orders,logs,parts}'::text[]) t;
GRANT REFERENCES ON mallory.users TO app;
RESET SESSION AUTHORIZATION;
CREATE SCHEMA app AUTHORIZATION app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET SESSION AUTHORIZATION app;
CREATE TABLE app.hard (id bigint REFERENCES mallory.users ON DELETE CASCADE);
CREATE TABLE app.soft (id bigint REFERENCES mallory.users ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE app.emptied (id bigint REFERENCES mallory.users ON DELETE SET NULL);
SELECT account.enable_soft_delete('app.soft');
SELECT mallory.plant('app.' || t) FROM unnest('{hard,soft,emptied}'::text[]) t;
GRANT ALL ON ALL TABLES IN SCHEMA app TO api, plain;
INSERT INTO app.hard SELECT generate_series(1, 7); INSERT INTO app.soft SELECT generate_series(1, 7); INSERT INTO app.emptied SELECT generate_series(1, 7);
RESET SESSION AUTHORIZATION;
SQL
make_database('owner', $owner_of_all, owner => 'mallory', key => 'mallory.key');
for my $caller (qw(postgres api plain))
{
	copy_database('owner', "owner_$caller");
	attacked("owner_$caller", 'mallory', $caller, 'the owner of all');
}

# --- mallory owns nothing but what refers to the model ------------------------------------------------------
make_database('referrer', <<"SQL", owner => 'app', key => 'bigint');
\\i $here/hostile_model.sql
SET SESSION AUTHORIZATION app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT REFERENCES ON ALL TABLES IN SCHEMA app TO mallory;
GRANT SELECT (id) ON app.users TO mallory;
SET SESSION AUTHORIZATION mallory;
CREATE TABLE mallory.hard (id bigint REFERENCES app.users ON DELETE CASCADE);
CREATE TABLE mallory.soft (id bigint REFERENCES app.users ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE mallory.emptied (id bigint REFERENCES app.users ON DELETE SET NULL);
CREATE TABLE mallory.defaulted (id bigint DEFAULT (CASE WHEN mallory.caught('default', 'mallory.defaulted') THEN NULL::bigint END) REFERENCES app.users ON DELETE SET DEFAULT);
CREATE TABLE mallory.protected (id bigint REFERENCES app.users);
CREATE TABLE mallory.of_profiles (id bigint REFERENCES app.profiles ON DELETE CASCADE);
CREATE TABLE mallory.of_notes (id bigint REFERENCES app.notes ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE mallory.keyed (id bigint REFERENCES app.users ON DELETE CASCADE, again bigint REFERENCES app.users ON DELETE SET NULL) PARTITION BY LIST ((id % 2));
CREATE TABLE mallory.keyed_0 PARTITION OF mallory.keyed FOR VALUES IN (0);
CREATE TABLE mallory.keyed_1 PARTITION OF mallory.keyed FOR VALUES IN (1);
SELECT account.enable_soft_delete('mallory.soft'), account.enable_soft_delete('mallory.of_notes');
SELECT mallory.plant('mallory.' || t) FROM unnest('{hard,soft,emptied,defaulted,protected,of_profiles,of_notes,keyed}'::text[]) t;
INSERT INTO mallory.hard SELECT generate_series(1, 7); INSERT INTO mallory.soft SELECT generate_series(1, 7); INSERT INTO mallory.emptied SELECT generate_series(1, 7);
INSERT INTO mallory.defaulted SELECT generate_series(1, 7); INSERT INTO mallory.protected VALUES (5); INSERT INTO mallory.of_profiles SELECT generate_series(1, 7);
INSERT INTO mallory.of_notes SELECT generate_series(1, 7); INSERT INTO mallory.keyed SELECT i, i FROM generate_series(1, 7) i;
GRANT ALL ON ALL TABLES IN SCHEMA mallory TO api, plain;
RESET SESSION AUTHORIZATION;
SQL
for my $caller (qw(postgres api plain))
{
	copy_database('referrer', "referrer_$caller");
	attacked("referrer_$caller", 'app', $caller, 'who only refers');
}

# --- with everything deferred that can be, and policies and rules besides -----------------------------------
copy_database('owner', 'deferred_api');
$node->safe_psql('deferred_api', <<'SQL');
ALTER TABLE mallory.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE mallory.profiles ENABLE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION mallory;
SELECT mallory.plant_rule('mallory.tenants'), mallory.plant_rule('mallory.logs');
SQL
attacked('deferred_api', 'mallory', 'api', 'the owner of all, all deferred', first => "SET CONSTRAINTS ALL DEFERRED;\n");

# --- a superuser's session that has taken the caller's role, as poolers do -----------------------------------
for my $caller (qw(api plain))
{
	copy_database('owner', "role_$caller");
	attacked("role_$caller", 'mallory', $caller, 'the owner of all, a superuser in the role of the caller', session => 'postgres');
}

# --- members of several tenants: mallory owns them, with the rest of the model or alone ------------------------
for my $owner (qw(mallory app))
{
	my $key = $owner eq 'mallory' ? 'mallory.key' : 'bigint';
	my @planted = ('members', $owner eq 'mallory' ? qw(tenants users profiles) : ());
	my $planted = join ', ', map { "mallory.plant('mallory.$_', '" . ({ members => 'user_id', profiles => 'user_id' }->{$_} // 'id') . "')" } @planted;
	make_database("members_$owner", <<"SQL", owner => $owner, key => $key);
\\i $here/hostile_model.sql
GRANT USAGE ON SCHEMA $owner TO mallory;
GRANT REFERENCES ON $owner.users, $owner.tenants TO mallory;
SET SESSION AUTHORIZATION mallory;
CREATE TABLE mallory.members (user_id $key REFERENCES $owner.users ON DELETE CASCADE, tenant_id bigint REFERENCES $owner.tenants ON DELETE CASCADE, role text DEFAULT 'member', is_active boolean DEFAULT true,
	deleted_at timestamptz, PRIMARY KEY (user_id, tenant_id));
SELECT account.enable_soft_delete('mallory.members', on_parent_delete => 'delete');
GRANT ALL ON mallory.members TO api, plain;
RESET SESSION AUTHORIZATION;
INSERT INTO mallory.members (user_id, tenant_id, role)
	SELECT id, 1, CASE username WHEN 'ann' THEN 'owner' WHEN 'staff' THEN 'admin' ELSE 'member' END FROM $owner.users WHERE username <> 'carl' UNION ALL SELECT id, 2, 'owner' FROM $owner.users WHERE username IN ('ann', 'bob');
SELECT account.use_tables('$owner.users', '$owner.profiles', '$owner.tenants', members => 'mallory.members');
-- policies that would run as whoever reads without being the owner
ALTER TABLE mallory.members ENABLE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION mallory;
SELECT $planted;
RESET SESSION AUTHORIZATION;
SQL
	for my $caller (qw(postgres api))
	{
		my $db = "members_${owner}_$caller";
		copy_database("members_$owner", $db);
		my %token = map { $_ => [ split /\|/, $node->safe_psql($db, "SELECT access_token, refresh_token FROM account.login('$_', 'a-right-secret'" . ($_ eq 'carl' ? '' : ", tenant => 'acme'") . ')') ] } qw(ann bob carl staff);
		my %id = map { split /\|/ } split /\n/, $node->safe_psql($db, "SELECT username, id FROM $owner.users");
		my $as = sub { my ($who, $sql) = @_; (($sql =~ /account\.(\w+)/)[0], "SELECT account.authenticate('$token{$who}[0]') IS NULL; $sql") };
		my $invitation = $node->safe_psql($db, "BEGIN; SELECT account.authenticate('$token{ann}[0]') IS NULL; SELECT account.invite('carl\@x.org', 'member'); COMMIT") =~ s/^f\n//r;
		my @steps = (
			[ 'login', q{SELECT account.login('bob', 'a-right-secret')} ],
			[ 'login into a tenant', q{SELECT account.login('bob', 'a-right-secret', tenant => 'other')} ],
			[ 'login of no member', q{SELECT account.login('carl', 'a-right-secret', tenant => 'acme')} ],
			[ 'register', q{SELECT account.register('new@x.org', 'a-right-secret', 'new', 'acme', '{"bio": "y"}')} ],
			[ $as->('ann', 'SELECT account.tenant_role(), account.has_tenant_role(\'owner\')') ],
			[ $as->('ann', 'SELECT account.memberships()') ],
			[ $as->('staff', "SELECT account.memberships('$id{bob}')") ],
			[ $as->('carl', "SELECT account.accept_invitation('$invitation')") ],
			[ $as->('ann', q{SELECT account.invite('x@x.org', 'admin')}) ],
			[ $as->('staff', 'SELECT account.invitations()') ],
			[ $as->('ann', 'SELECT account.revoke_invitation(2)') ],
			[ $as->('staff', "SELECT account.set_member_role('$id{bob}', 'acme', 'admin')") ],
			[ $as->('ann', "SELECT account.transfer_ownership('acme', '$id{bob}')") ],
			[ $as->('staff', "SELECT account.set_password('$id{dora}', 'another-secret')") ],
			[ $as->('staff', "SELECT account.remove_member('$id{dora}', 'acme')") ],
			[ $as->('staff', "SELECT account.export_user('$id{eve}')") ],
			[ $as->('staff', "SELECT account.delete_user('$id{boss}', NULL, 'because') WHERE false") ],
			[ 'refresh', "SELECT account.refresh('$token{ann}[1]')" ],
			[ 'switch_tenant', "SELECT account.switch_tenant('$token{bob}[1]', 'other')" ],
			[ 'switch_tenant, refused', "SELECT account.switch_tenant('$token{bob}[1]', 'none')" ],
			[ 'plain UPDATE', "UPDATE mallory.members SET is_active = false WHERE user_id = $id{bob} AND tenant_id = 2", 'mallory.members' ],
			[ 'plain UPDATE of all', 'UPDATE mallory.members SET is_active = NOT is_active', 'mallory.members' ],
			[ 'plain DELETE', "DELETE FROM mallory.members WHERE user_id = $id{ann}", 'mallory.members' ],
			[ 'plain MERGE', "MERGE INTO mallory.members m USING (VALUES ($id{staff}, 1)) v (u, t) ON user_id = u AND tenant_id = t WHEN MATCHED THEN UPDATE SET is_active = false", 'mallory.members' ],
			$caller eq 'postgres' ? ([ 'issue_tokens', "SELECT account.issue_tokens('$id{bob}')" ], [ 'act_as', "SELECT account.act_as('$id{bob}')" ],
				[ 'use_tables', "SELECT account.use_tables('$owner.users', '$owner.profiles', '$owner.tenants', members => 'mallory.members')" ], [ 'doctor', 'SELECT * FROM account.doctor()' ],
				[ 'forget_tables', 'SELECT account.forget_tables()' ]) : ());
		attacked($db, $owner, $caller, "members, the rest of the model of $owner", steps => \@steps);
	}
}

# --- a partition and a child that were handed over ----------------------------------------------------------
make_database('handed', <<"SQL", owner => 'app', key => 'bigint');
\\i $here/hostile_model.sql
CREATE TABLE app.users_child (PRIMARY KEY (id)) INHERITS (app.users);
INSERT INTO app.users_child (id, tenant_id, email, username, password) SELECT 100, tenant_id, 'kid\@x.org', 'kid', password FROM app.users WHERE username = 'ann';
ALTER TABLE app.parts_1 OWNER TO mallory;
ALTER TABLE app.users_child OWNER TO mallory;
GRANT ALL ON app.users_child, app.parts_1 TO app, api, plain;
GRANT USAGE, CREATE ON SCHEMA app TO mallory;
SET SESSION AUTHORIZATION mallory;
SELECT mallory.plant('app.parts_1', columns => false), mallory.plant('app.users_child', columns => false);
RESET SESSION AUTHORIZATION;
SQL
{
	my ($staff) = $node->safe_psql('handed', "SELECT access_token FROM account.login('staff', 'a-right-secret')");
	my $kid = $node->safe_psql('handed', "SELECT id FROM app.users WHERE username = 'kid'");
	for my $caller (qw(postgres api))
	{
		copy_database('handed', "handed_$caller");
		my @steps = scenario("handed_$caller", 'app', $caller);
		unshift @steps, [ 'login of a child row', q{SELECT account.login('kid', 'a-right-secret')} ],
		  map { [ "$_ of a child row", "SELECT account.authenticate('$staff') IS NULL; SELECT account.$_('$kid'" . ($_ eq 'set_password' ? q{, 'another-secret'} : '') . ')' ] } qw(set_password delete_user restore_user);
		attacked("handed_$caller", 'app', $caller, 'a partition and a child', steps => \@steps);
	}
}

# --- the extension's own tables, handed over ------------------------------------------------------------------
for my $case ([ 'session and event', q{'{session,event}'} ], [ 'every table', q{(SELECT array_agg(relname) FROM pg_class WHERE relnamespace = 'account'::regnamespace AND relkind = 'r')} ])
{
	my ($name, $tables) = @$case;
	my $db = $name =~ s/ /_/gr;
	make_database($db, <<"SQL", owner => 'app', key => 'bigint');
\\i $here/hostile_model.sql
GRANT CREATE ON SCHEMA account TO mallory;
SELECT format('ALTER TABLE account.%I OWNER TO mallory', t) FROM unnest(($tables)::name[]) t \\gexec
SET SESSION AUTHORIZATION mallory;
SELECT mallory.plant('account.' || t, (SELECT attname FROM pg_attribute WHERE attrelid = ('account.' || t)::regclass AND attnum > 0 AND atttypid IN ('text'::regtype, 'uuid'::regtype, 'bigint'::regtype, 'name'::regtype) ORDER BY attnum LIMIT 1), columns => false) FROM unnest(($tables)::name[]) t;
RESET SESSION AUTHORIZATION;
SQL
	for my $caller (qw(postgres api plain))
	{
		copy_database($db, "${db}_$caller");
		attacked("${db}_$caller", 'app', $caller, "$name handed over");
	}
	# what fails is written by the worker
	my $position = log_position($node);
	$node->psql($db, q{SELECT account.authenticate('no token')}, extra_params => [ '-U', 'api' ]);
	ok(waited_for($db, q{SELECT count(*) > 0 FROM account.event WHERE type = 'operation_failed' AND detail ->> 'operation' = 'authenticate'}), "$name handed over: the worker writes a failure");
	nothing_caught($node, $position, '... as the owner');
}

# --- one kind of code at a time: no other tells that the owner has any ------------------------------------------
# Each on event and on session, in a transaction in which a user logs in and goes.
make_database('kinds', <<"SQL", owner => 'app', key => 'bigint');
\\i $here/hostile_model.sql
GRANT CREATE ON SCHEMA account TO mallory;
ALTER TABLE account.session OWNER TO mallory;
ALTER TABLE account.event OWNER TO mallory;
SET SESSION AUTHORIZATION mallory;
CREATE FUNCTION mallory.ran(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN RAISE LOG 'CAUGHT kind=ran table=- as=% session=% step=', current_user, session_user; RETURN 'x'; END \$\$;
CREATE FUNCTION mallory.ran(value timestamptz) RETURNS text LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN RETURN mallory.ran('x'::text); END \$\$;
CREATE FUNCTION mallory.ran() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM mallory.ran('x'::text); RETURN NEW; END \$\$;
SQL
for my $kind (
	[ 'before trigger', 'CREATE TRIGGER one BEFORE INSERT OR UPDATE ON @ FOR EACH ROW EXECUTE FUNCTION mallory.ran()' ],
	[ 'after trigger', 'CREATE TRIGGER one AFTER INSERT OR UPDATE ON @ FOR EACH ROW EXECUTE FUNCTION mallory.ran()' ],
	[ 'deferred trigger', 'CREATE CONSTRAINT TRIGGER one AFTER INSERT OR UPDATE ON @ DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mallory.ran()' ],
	[ 'check', q{ALTER TABLE @ ADD CHECK (mallory.ran(#) = 'x')} ],
	[ 'generated column', q{ALTER TABLE @ ADD one text GENERATED ALWAYS AS (mallory.ran(#)) STORED} ],
	[ 'index expression', q{CREATE INDEX ON @ ((mallory.ran(#)))} ],
	[ 'index condition', q{CREATE INDEX ON @ (#) WHERE mallory.ran(#) = 'x'} ],
	[ 'gist index', q{CREATE INDEX ON @ USING gist (+)} ],
	[ 'partition', q{CREATE TABLE mallory.above (LIKE @) PARTITION BY LIST (mallory.ran(#)); ALTER TABLE mallory.above ATTACH PARTITION @ FOR VALUES IN ('x')} ])
{
	for my $table ([ 'event', 'type', 'int4range(length(type), NULL)' ], [ 'session', 'ended_at', 'tstzrange(ended_at, NULL)' ])
	{
		my $ddl = $kind->[1] =~ s/@/account.$table->[0]/gr =~ s/#/$table->[1]/gr =~ s/\+/$table->[2]/gr;
		my $position = log_position($node);
		my $err;
		$node->psql('kinds', <<"SQL", on_error_stop => 1, stderr => \$err);
BEGIN;
SET SESSION AUTHORIZATION mallory;
$ddl;
RESET SESSION AUTHORIZATION;
DO 'BEGIN RAISE LOG ''from here''; END';
SELECT access_token AS token FROM account.login('bob', 'a-right-secret') \\gset
SELECT account.authenticate(:'token');
SELECT account.delete_user(account.uid(), 'a-right-secret');
ROLLBACK;
SQL
		if ($kind->[0] eq 'partition' && $table->[0] eq 'event' && $node->pg_version >= 17)
		{
			like($err, qr/identity column/, 'partition on event: from 17 on no table with an identity can be one');
			next;
		}
		is($err, '', "$kind->[0] on $table->[0]: it is planted, and a user logs in and goes");
		my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $position) =~ s/.*from here//sr;
		my %as = map { $_ => 1 } $log =~ /CAUGHT kind=ran table=- as=(\w+)/g;
		is(join(' ', sort keys %as), $kind->[0] eq 'gist index' ? '' : 'mallory', '... as whose owner it ran');
	}
}

# The same of a profile that is made: what runs for it runs as its owner, and under the owner's search_path.
make_database('profile_kinds', <<'SQL');
ALTER ROLE mallory IN DATABASE profile_kinds SET search_path = mallory, public;
SET SESSION AUTHORIZATION mallory;
CREATE FUNCTION mallory.ran(value int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE LOG 'RAN as=% path=%', current_user, pg_catalog.current_setting('search_path'); RETURN 'x'; END $$;
CREATE FUNCTION mallory.ran() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.ran(1); RETURN NEW; END $$;
CREATE TABLE mallory.members (id int PRIMARY KEY);
CREATE TABLE mallory.cards (member_id int PRIMARY KEY REFERENCES mallory.members, note text);
SELECT account.enable_profile('mallory.members', 'mallory.cards', 'member_id');
SQL
for my $kind (
	[ 'nothing', 'SELECT' ],
	[ 'before trigger', 'CREATE TRIGGER one BEFORE INSERT ON mallory.cards FOR EACH ROW EXECUTE FUNCTION mallory.ran()' ],
	[ 'after trigger', 'CREATE TRIGGER one AFTER INSERT ON mallory.cards FOR EACH ROW EXECUTE FUNCTION mallory.ran()' ],
	[ 'statement trigger', 'CREATE TRIGGER one AFTER INSERT ON mallory.cards EXECUTE FUNCTION mallory.ran()' ],
	[ 'default', 'ALTER TABLE mallory.cards ALTER note SET DEFAULT mallory.ran(pg_catalog.pg_backend_pid())' ],
	[ 'check', q{ALTER TABLE mallory.cards ADD CHECK (mallory.ran(member_id) = 'x')} ],
	[ 'generated column', 'ALTER TABLE mallory.cards ADD one text GENERATED ALWAYS AS (mallory.ran(member_id)) STORED' ],
	[ 'index expression', 'CREATE INDEX ON mallory.cards ((mallory.ran(member_id)))' ],
	[ 'index condition', q{CREATE INDEX ON mallory.cards (note) WHERE mallory.ran(member_id) = 'x'} ],
	[ 'domain', q{CREATE DOMAIN mallory.checked AS text CHECK (mallory.ran(pg_catalog.length(value)) = 'x'); ALTER TABLE mallory.cards ADD one mallory.checked} ])
{
	my $position = log_position($node);
	my $err;
	$node->psql('profile_kinds', <<"SQL", on_error_stop => 1, stderr => \$err);
INSERT INTO mallory.members VALUES (1);
BEGIN;
SET SESSION AUTHORIZATION mallory;
$kind->[1];
RESET SESSION AUTHORIZATION;
SET LOCAL search_path = public;
DO 'BEGIN RAISE LOG ''from here''; END';
INSERT INTO mallory.members VALUES (2);
ROLLBACK;
DELETE FROM mallory.cards;
DELETE FROM mallory.members;
SQL
	is($err, '', "$kind->[0] of a profile: it is planted, and a user made");
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $position) =~ s/.*from here//sr;
	my %as = map { $_ => 1 } $log =~ /RAN (as=\w+ path=\w+)/g;
	is(join(' ', sort keys %as), $kind->[0] eq 'nothing' ? '' : 'as=mallory path=mallory', '... as its owner has it');
}

# --- keys and relations that are code -------------------------------------------------------------------------
make_database('keys', <<'SQL');
SET SESSION AUTHORIZATION mallory;
SET search_path = mallory;
CREATE DOMAIN d_key AS int CHECK (mallory.caught('domain of the key', 'mallory.d', VALUE::text));
CREATE TABLE d (id d_key PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE d_child (id int PRIMARY KEY, d d_key REFERENCES d ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE d_default (id int PRIMARY KEY, d d_key DEFAULT (CASE WHEN mallory.caught('default', 'mallory.d_default', 'x') THEN 9 END) REFERENCES d ON DELETE SET DEFAULT);
CREATE TYPE e_key AS ENUM ('1', '2', '3', '9');
CREATE FUNCTION to_e(int) RETURNS e_key LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.caught('cast', 'mallory.e'); RETURN $1::text::mallory.e_key; END $$;
CREATE FUNCTION to_e(bigint) RETURNS e_key LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.caught('cast', 'mallory.e'); RETURN $1::text::mallory.e_key; END $$;
CREATE FUNCTION from_e(e_key) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.caught('cast', 'mallory.e'); RETURN pg_catalog.enum_out($1); END $$;
CREATE FUNCTION from_e_jsonb(e_key) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM mallory.caught('cast', 'mallory.e'); RETURN '1'; END $$;
CREATE TABLE e (id e_key PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE e_child (id int PRIMARY KEY, e e_key REFERENCES e ON DELETE CASCADE, deleted_at timestamptz);
CREATE CAST (int AS e_key) WITH FUNCTION to_e(int) AS ASSIGNMENT;
CREATE CAST (bigint AS e_key) WITH FUNCTION to_e(bigint) AS ASSIGNMENT;
CREATE CAST (e_key AS text) WITH FUNCTION from_e(e_key) AS ASSIGNMENT;
CREATE CAST (e_key AS jsonb) WITH FUNCTION from_e_jsonb(e_key);
CREATE TABLE two (a d_key, b d_key, deleted_at timestamptz, PRIMARY KEY (a, b));
CREATE VIEW v AS SELECT id, deleted_at FROM d WHERE mallory.caught('view', 'mallory.v', id::text);
CREATE MATERIALIZED VIEW m AS SELECT id, deleted_at FROM d;
CREATE TABLE expressions (id int PRIMARY KEY, name text, deleted_at timestamptz);
CREATE UNIQUE INDEX expression ON expressions ((mallory.caught_text('unique expression', 'mallory.expressions', name))) WHERE mallory.caught('unique predicate', 'mallory.expressions', name) AND deleted_at IS NULL;
CREATE DOMAIN u_key AS int CHECK (mallory.caught('domain of the key', 'mallory.users', VALUE::text));
CREATE DOMAIN p_key AS int CHECK (mallory.caught('domain of the key', 'mallory.profiles', VALUE::text));
CREATE TABLE users (id u_key PRIMARY KEY, email text, password text);
CREATE TABLE profiles (user_id p_key PRIMARY KEY REFERENCES users, at text DEFAULT mallory.caught_text('default', 'mallory.profiles'), also text);
INSERT INTO d SELECT i FROM generate_series(1, 9) i; INSERT INTO d_child SELECT i, i FROM generate_series(1, 8) i; INSERT INTO d_default SELECT i, i FROM generate_series(1, 8) i;
INSERT INTO e VALUES ('1'), ('2'), ('3'), ('9'); INSERT INTO e_child VALUES (1, '1'), (2, '2');
INSERT INTO two SELECT i, i FROM generate_series(1, 9) i; INSERT INTO expressions VALUES (1, 'x');
INSERT INTO users SELECT i FROM generate_series(1, 9) i;
SELECT account.enable_soft_delete(t::regclass) FROM unnest('{d,d_child,e,e_child,two}'::text[]) t;
GRANT ALL ON ALL TABLES IN SCHEMA mallory TO plain;
RESET SESSION AUTHORIZATION;
SQL
for my $caller (qw(postgres plain))
{
	my @steps;
	for my $table (qw(d e two v m))
	{
		my @keys = $table eq 'two' ? (q{'{"a": 1, "b": 1}'::jsonb}, q{'{"a": 1, "b": 1}'}, q{'[{"a": 2, "b": 2}]'::jsonb})
		  : ('1', q{'2'}, '3::bigint', q{'1'::text}, q{'{"id": 1}'::jsonb}, q{'{1,2}'::int[]}, q{'{1,2}'}, q{'x'}, 
			# of the key's own type, made without calling its code
			$table eq 'v' || $table eq 'm' ? () : "(SELECT id FROM mallory.$table ORDER BY id LIMIT 1)", $table eq 'd' ? '(SELECT array_agg(id) FROM (SELECT id FROM mallory.d LIMIT 2) d)' : ());
		for my $key (@keys)
		{
			push @steps, map { [ "$_ $table $key", "SELECT account.$_('mallory.$table', $key)" ] } qw(is_deleted cleanup_plan cleanup_graph plan_hash);
		}
		push @steps, [ "deleted $table", "SELECT * FROM account.deleted(NULL::mallory.$table)" ];
		push @steps, [ "delete $table", "DELETE FROM mallory.$table WHERE " . ($table eq 'two' ? 'a = 1' : q{id = '1'}), "mallory.$table" ],
		  map { [ "restore $table $_", "SELECT account.restore('mallory.$table', $_)" ] } @keys;
		push @steps, [ "cleanup $table", "SELECT account.cleanup('mallory.$table', $keys[1])" ];
		push @steps, [ "purge $table", "DELETE FROM mallory.$table", "mallory.$table" ], [ "purge $table, all", "SELECT account.purge('mallory.$table', '0'::interval, force => true)" ] if $caller eq 'postgres';
	}
	push @steps, [ 'unique_among_live', q{SELECT account.unique_among_live('mallory.expression')} ],
	  [ 'enable_soft_delete', q{SELECT account.enable_soft_delete('mallory.expressions', 'deleted_at', 'is_deleted')} ],
	  [ 'enable_profile', q{SELECT account.enable_profile('mallory.users', 'mallory.profiles', defaults => '{"also": "x"}')} ],
	  [ 'missing_profiles', q{SELECT account.missing_profiles('mallory.users')} ],
	  [ 'insert', q{INSERT INTO mallory.users VALUES (20), (21)}, 'mallory.users' ],
	  [ 'adopt', q{INSERT INTO mallory.profiles (user_id) VALUES (20)}, 'mallory.profiles' ],
	  [ 'doctor', 'SELECT * FROM account.doctor()' ];
	copy_database('keys', "keys_$caller");
	attacked("keys_$caller", 'mallory', $caller, 'keys and relations that are code', steps => \@steps, may_fail => 40);
}
# --- casts of the columns' types are code, which hangs on no table ---------------------------------------------
# A model of mallory's, whose keys, roles and states are of a type with casts; its tables are asked about by others.
my $casts = join "\n", map {
	my ($to, $value) = @$_;
	"CREATE FUNCTION mallory.as_$to(mallory.label) RETURNS $to LANGUAGE plpgsql IMMUTABLE AS \$\$ BEGIN PERFORM mallory.caught('cast to $to', 'mallory.key_of'); RETURN $value; END \$\$;\n"
	  . "CREATE CAST (mallory.label AS $to) WITH FUNCTION mallory.as_$to(mallory.label);"
} ([ text => 'pg_catalog.enum_out($1)' ], [ boolean => '$1 = \'active\'' ], [ json => 'pg_catalog.to_json(pg_catalog.enum_out($1)::pg_catalog.text)' ],
	[ jsonb => 'pg_catalog.to_jsonb(pg_catalog.enum_out($1)::pg_catalog.text)' ]);
make_database('casts', <<"SQL");
SET SESSION AUTHORIZATION mallory;
SET search_path = mallory;
CREATE TYPE label AS ENUM ('active', 'banned', 'owner', 'admin', 'member', '1', '2', '3', '4');
$casts
CREATE TABLE tenants (id label PRIMARY KEY, slug text UNIQUE, state label DEFAULT 'active', deleted_at timestamptz);
CREATE TABLE users (id label PRIMARY KEY, email text UNIQUE, username text, password text, state label DEFAULT 'active', is_superuser boolean DEFAULT false, deleted_at timestamptz);
CREATE TABLE profiles (user_id label PRIMARY KEY REFERENCES users ON DELETE CASCADE, role label);
CREATE TABLE members (user_id label REFERENCES users ON DELETE CASCADE, tenant_id label REFERENCES tenants ON DELETE CASCADE, role label, state label DEFAULT 'active', deleted_at timestamptz, PRIMARY KEY (user_id, tenant_id));
SELECT account.enable_soft_delete(t::regclass, on_parent_delete => 'delete') FROM unnest('{tenants,users,members}'::text[]) t;
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "member"}');
SELECT account.protect_last_member('members', 'tenant_id', 'role');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mallory TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA mallory TO PUBLIC;
INSERT INTO tenants VALUES ('1', 'acme'), ('2', 'other');
INSERT INTO users (id, email, username, password, is_superuser) SELECT l, l || '\@x.org', 'u' || l, account.hash_password('a-right-secret'), l = '3' FROM unnest('{1,2,3,4}'::label[]) l;
INSERT INTO members VALUES ('1', '1', 'owner'), ('2', '1', 'admin'), ('1', '2', 'owner'), ('4', '1', 'member');
RESET SESSION AUTHORIZATION;
SELECT account.use_tables('mallory.users', 'mallory.profiles', 'mallory.tenants', members => 'mallory.members', columns => '{"users": {"is_active": {"column": "state", "in": ["active"]}},
	"tenants": {"is_active": {"column": "state", "in": ["active"]}}, "members": {"is_active": {"column": "state", "in": ["active"]}}}');
SELECT account.create_key(), account.grant_api('api');
SQL
for my $caller (qw(postgres api plain))
{
	my $db = "casts_$caller";
	copy_database('casts', $db);
	my %token = map { $_ => [ split /\|/, $node->safe_psql($db, "SELECT access_token, refresh_token FROM account.login('u$_', 'a-right-secret', tenant => " . ($_ eq '3' ? 'NULL' : "'1'") . ')') ] } qw(1 2 3);
	my $as = sub { my ($who, $sql) = @_; (($sql =~ /account\.(\w+)/)[0], "SELECT account.authenticate('$token{$who}[0]') IS NULL; $sql") };
	my @steps = ([ 'doctor', 'SELECT * FROM account.doctor()' ], [ 'missing_profiles', q{SELECT account.missing_profiles('mallory.users')} ], [ 'deleted', 'SELECT * FROM account.deleted(NULL::mallory.users)' ]);
	push @steps, ([ 'login', q{SELECT account.login('u1', 'a-right-secret', tenant => 'acme')} ], [ 'refresh', "SELECT account.refresh('$token{1}[1]')" ], [ 'switch_tenant', "SELECT account.switch_tenant('$token{2}[1]', 'acme')" ],
		[ $as->(1, 'SELECT account.memberships(), account.tenant_role()') ], [ $as->(1, q{SELECT account.set_member_role('4', '1', 'admin')}) ], [ $as->(1, q{SELECT account.invite('q@x.org', 'member')}) ],
		[ $as->(1, 'SELECT account.sessions()') ], [ $as->(1, q{SELECT account.export_user('1')}) ], [ $as->(1, q{SELECT account.export_tenant('1')}) ], [ $as->(3, q{SELECT account.set_password('2', 'another-secret')}) ],
		[ $as->(3, q{SELECT account.remove_member('4', '1')}) ], [ $as->(3, q{SELECT account.delete_tenant('2')}) ], [ $as->(3, q{SELECT account.restore_tenant('2')}) ], [ $as->(3, q{SELECT account.delete_user('4')}) ],
		[ $as->(3, q{SELECT account.restore_user('4')}) ], [ 'request_password_reset', q{SELECT account.request_password_reset('u1')} ]) if $caller ne 'plain';
	push @steps, ([ 'describe', q{SELECT account.describe('mallory.members')} ], [ 'protect_last_member', q{SELECT account.protect_last_member('mallory.members', 'tenant_id', 'role')} ],
		[ 'act_as', q{SELECT account.act_as('1')} ], [ 'issue_tokens', q{SELECT account.issue_tokens('1')} ], [ 'health', 'SELECT account.health()' ]) if $caller eq 'postgres';
	attacked($db, 'mallory', $caller, 'casts', steps => \@steps);
}
stop_server($node);

# --- not preloaded: the triggers do it, row by row --------------------------------------------------------------
$node = new_server('not_preloaded', preload => 0);
$node->safe_psql('postgres', $roles);
make_database('owner', $owner_of_all, owner => 'mallory', key => 'mallory.key');
for my $caller (qw(postgres plain))
{
	copy_database('owner', "owner_$caller");
	attacked("owner_$caller", 'mallory', $caller, 'not preloaded, the owner of all');
}
stop_server($node);
done_testing();
