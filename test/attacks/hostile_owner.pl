# A role that owns tables, or only refers to some, hangs traps of every kind on them and waits for others to
# call. What runs as anybody but that role, or leaves something in the caller's session, is caught.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Attack;
use PublicApi;

my $here = $FindBin::Bin;
my $node = new_server('main');
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE api LOGIN; CREATE ROLE plain LOGIN');

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

# A database with the traps. SQL for the rest of it.
sub make_database
{
	my ($db, $sql, %variables) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE EXTENSION pgaccount;\n\\i $here/traps.sql\n$sql", extra_params => [ map { ('-v', "$_=$variables{$_}") } sort keys %variables ]);
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
		[ 'missing_profiles', "SELECT account.missing_profiles('$schema.users')" ],
		[ 'cleanup_plan', "SELECT account.cleanup_plan('$schema.users', $id{carl})" ],
		[ 'cleanup_graph', "SELECT account.cleanup_graph('$schema.users', $id{carl})" ],
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
		[ q{UPDATE @.users SET deleted_at = now() WHERE username = 'p5'}, 'users' ]);
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
		[ 'purge_users', 'SET LOCAL pgaccount.grace_period = 0; SELECT account.purge_users()' ],
		[ 'purge, forced', "SELECT account.purge('$schema.users', '0'::interval, force => true)" ],
		[ 'prune_events', 'SELECT account.prune_events()' ],
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
	my @steps = map { [ $_->[0] =~ s/['\s\\]+/ /gr, @{$_}[ 1, 2 ] ] } $params{steps} ? @{ $params{steps} } : scenario($db, $schema, $caller);
	my $first = $node->safe_psql($db, $state, extra_params => [ '-U', $caller ]);
	my $position = log_position($node);
	my $mend = "DISCARD ALL;\nSET client_min_messages = warning;\n" . ($caller eq 'postgres' ? "ALTER ROLE mallory NOSUPERUSER;\n" : '');
	my $script = "SET client_min_messages = warning;\n";
	for my $i (0 .. $#steps)
	{
		my ($step, $sql, $named) = @{ $steps[$i] };
		$sql =~ s/#x\.org/\@x.org/g;
		$script .= "SET attack.step = '$step'; SET attack.named = '" . ($named // '') . "';\nBEGIN;\n$sql" . ($sql =~ /\n$/ ? '' : ';')
		  . "\n\\echo =$i= :SQLSTATE\n\\echo =$i in=\n$state;\nCOMMIT;\n\\echo =$i after=\n$state AS found\n\\gset\n\\echo :found\n"
		  # each step meets a session as it should be
		  . "SELECT :'found' OPERATOR(pg_catalog.<>) '$first' AS mend\n\\gset\n\\if :mend\n$mend\\endif\n";
	}
	my ($rc, $out, $err) = $node->psql($db, $script, extra_params => [ '-U', $caller, '-v', 'VERBOSITY=verbose' ], on_error_stop => 0);
	nothing_caught($node, $position, "$what, $caller calls: nothing ran as anybody but its owner");
	my (@left, @failed);
	for my $i (0 .. $#steps)
	{
		my ($sqlstate) = $out =~ /^=$i= (\w+)$/m;
		push @failed, "$steps[$i][0]: " . ($sqlstate // 'no answer') if ($sqlstate // '') ne '00000' && ($params{may_fail} // '') !~ /\b\Q$steps[$i][0]\E\b/;
		for my $when ('in', 'after')
		{
			my ($found) = $out =~ /^=$i $when=\n(.*)$/m;
			push @left, "$steps[$i][0], $when it: $found" if defined $found && $found !~ /^=/ && $found ne $first;
		}
	}
	ok(!@left, '... and left nothing in the session')
	  or diag("    it was: $first\n" . join "\n", map { '    ' . substr($_, 0, 300) } @left[ 0 .. ($#left < 19 ? $#left : 19) ]);
	is(join("\n", @failed), '', '... and the calls succeed') or diag(join "\n", (grep { /ERROR/ } split /\n/, $err)[ 0 .. 9 ]);
	is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'; SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE rolname = 'mallory'}),
		"f\n0", '... and mallory is what it was');
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER; REVOKE pg_read_all_data FROM mallory');
}

# --- mallory owns the whole model ------------------------------------------------------------------------
make_database('owner', <<"SQL", owner => 'mallory');
\\i $here/hostile_model.sql
SET SESSION AUTHORIZATION mallory;
SELECT mallory.plant('mallory.' || t, CASE t WHEN 'profiles' THEN 'user_id' ELSE 'id' END::name) FROM unnest('{tenants,users,profiles,notes,orders,logs,parts}'::text[]) t;
RESET SESSION AUTHORIZATION;
SQL
for my $caller (qw(postgres api plain))
{
	$node->safe_psql('postgres', "CREATE DATABASE owner_$caller TEMPLATE owner");
	$node->safe_psql('postgres', "ALTER ROLE mallory IN DATABASE owner_$caller SET search_path = mallory, public");
	attacked("owner_$caller", 'mallory', $caller, 'the owner of all');
}
stop_server($node);
done_testing();
