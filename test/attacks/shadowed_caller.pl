# A role that finds doubles of all that pg_catalog has before the originals calls everything and changes
# every attached table. A double that runs as anybody but that role has found code of ours, or of the tables'
# owner, that was parsed under the caller's search_path.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Attack;
use PublicApi;

my $here = $FindBin::Bin;
my %key = (
	int => [ 'int', q{nextval('app.ids')::int} ],
	uuid => [ 'uuid', 'gen_random_uuid()' ],
	text => [ 'text', q{'k' || nextval('app.ids')} ],
	citext => [ 'citext', q{('K' || nextval('app.ids'))::citext} ],
	domain => [ 'app.key_domain', q{nextval('app.ids')::int} ],
);
# the type of keys, the shape of users, and whether the owner's own functions are careless of search_path
my @models = ([qw(int plain 0)], [qw(uuid partitioned 1)], [qw(text inherited 1)], [qw(citext plain 0)], [qw(domain partitioned 0)]);

# A database with the model, and a psql script that makes its session the attacker's.
sub make_model
{
	my ($node, $db, $key, $shape, $careless) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE shadowed");
	$node->safe_psql($db, "\\i $here/model.sql", extra_params => [ '-v', "key=$key{$key}[0]", '-v', "key_default=$key{$key}[1]", '-v', "shape=$shape", '-v', "careless=$careless" ]);
}

sub make_shadow
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE web LOGIN; CREATE DATABASE shadowed');
	$node->safe_psql('shadowed', "CREATE EXTENSION citext;\nCREATE EXTENSION pgaccount;\n\\i $here/shadow.sql", extra_params => [ '-v', 'caller=session_user' ]);
}

# What the attacker's session begins with.
my $begin = <<'SQL';
SET client_min_messages = warning;
CALL shadow.make_temporary('app');
SET search_path = shadow, pg_catalog, public;
SQL

# All statements of a role on a model: [step, SQL], each a transaction of its own.
sub statements
{
	my ($node, $db, $role) = @_;
	my $id = sub { "(SELECT id FROM app.users WHERE username OPERATOR(pg_catalog.=) '$_[0]' LIMIT 1)" };
	my %token = map { $_ => [ split /\|/, $node->safe_psql($db, "SELECT access_token, refresh_token FROM account.login('$_', 'a-right-secret')") ] } qw(ann bob staff boss);
	my $invitation = $node->safe_psql($db, "BEGIN; SELECT account.authenticate('$token{staff}[0]') IS NULL; SELECT account.invite('ann\@x.org', 'teacher'); COMMIT") =~ s/^f\n//r;
	my $application = $node->safe_psql($db, "BEGIN; SELECT account.authenticate('$token{bob}[0]') IS NULL; SELECT account.apply_for_role('editor', 'please'); COMMIT") =~ s/^f\n//r;
	my $new_email = q{('u' OPERATOR(pg_catalog.||) pg_catalog.gen_random_uuid()::pg_catalog.text OPERATOR(pg_catalog.||) '@x.org')};
	my $bob = $id->('bob');
	my @calls = public_calls($node, $db, $role,
		brief => 1,
		values => {
			'register.email' => [ $new_email, q{'ann@x.org'} ],
			'register.username' => 'NULL',
			'register.tenant' => [ q{'acme'}, q{'other'} ],
			'register.profile' => [ q{'{"bio": "x", "role": "r", "none": 1}'}, q{'{"bio": "x"}'} ],
			'login.login' => [ q{'bob'}, q{'BOB@x.org'}, q{'nobody'} ],
			'login.password' => [ q{'a-right-secret'}, q{'a-wrong-secret'} ],
			'login.tenant' => [ 'NULL', q{'acme'} ],
			'invite.tenant' => [ 'NULL', q{'acme'} ],
			password => q{'a-right-secret'},
			user_id => [ "$bob\::pg_catalog.text", $id->('ann') . '::pg_catalog.text', q{'0'} ],
			email => [ q{'bob@x.org'}, $new_email ],
			role => q{'teacher'},
			ttl => q{'1 day'},
			grants => [ q{'{"is_open": true, "none": 1}'} ],
			target => [ q{'app.users'}, q{'app.notes'}, q{'web.things'} ],
			child => [ q{'app.notes'}, q{'web.things'} ],
			constraint_name => [ q{'notes_user_id_fkey'}, q{'things_parent_fkey'} ],
			policy => [ q{'cascade'}, q{'protect'}, 'NULL' ],
			key => [ $bob, q{'1'}, "$bob\::pg_catalog.text" ],
			'"any"' => [ $bob, '3' ],
			anyelement => 'NULL::app.users',
			users => [ q{'app.users'}, q{'web.users'} ],
			profiles => [ q{'app.profiles'}, q{'web.profiles'} ],
			columns => [q{'{email}'}],
			index => q{'app.users_lower_idx'},
			defaults => q{'{"role": "new"}'},
			user_column => q{'user_id'},
			tenant_column => q{'tenant_id'},
			token => [ "'$token{ann}[0]'", "'$invitation'" ],
			refresh_token => [ "'$token{bob}[1]'", "'$token{ann}[1]'" ],
			'accept_invitation.token' => [ "'$invitation'", q{'x'} ],
			claims => q{'{"sub": "1"}'},
			payload => q{'{"sub": "1"}'},
			secret => q{'a secret of thirty two bytes here'},
			'jwt_sign.key' => q{'a secret of thirty two bytes here'},
			hash => [q{'$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}],
			ip => q{'10.0.0.1'},
			alg => [q{'HS256'}],
			application_id => '1',
			name => q{'sub'},
		});
	my @statements;
	for my $call (@calls)
	{
		# these end what the others need: at the end, below
		my $ends = $call->[0] =~ /account\.(?:disable_|forget_)|^(?:disable_|forget_)/;
		push @statements, [ "$call->[0] as $_", "SELECT account.authenticate('$token{$_}[0]') IS NULL; $call->[1]; SET CONSTRAINTS ALL IMMEDIATE", 'ROLLBACK' ] for qw(ann staff);
		push @statements, [ "$call->[0] as nobody", $call->[1], 'ROLLBACK' ];
	}
	# in an order in which each succeeds, and to the end
	my $as = sub { my ($who, $sql) = @_; [ 'committed: ' . ($sql =~ /account\.(\w+)/)[0], "SELECT account.authenticate('$token{$who}[0]') IS NULL; $sql", 'COMMIT' ] };
	push @statements,
	  [ 'committed: register', "SELECT account.register($new_email, 'a-right-secret', NULL, 'acme', '{\"bio\": \"y\"}')", 'COMMIT' ],
	  [ 'committed: login', "SELECT account.login('bob', 'a-right-secret', '10.0.0.1', 'agent', 'acme')", 'COMMIT' ],
	  [ 'committed: wrong login', "SELECT account.login('bob', 'a-wrong-secret', '10.0.0.1')", 'COMMIT' ],
	  [ 'committed: refresh', "SELECT account.refresh('$token{bob}[1]')", 'COMMIT' ],
	  [ 'committed: refresh again', "SELECT account.refresh('$token{bob}[1]')", 'COMMIT' ],
	  $as->('ann', "SELECT account.accept_invitation('$invitation')"),
	  $as->('ann', q{SELECT account.apply_for_role('editor', 'please')}),
	  $as->('staff', "SELECT account.review_application($application, true, 'yes', '{\"is_open\": false}')"),
	  $as->('staff', "SELECT account.set_password($bob\::pg_catalog.text, 'another-secret')"),
	  $as->('staff', "SELECT account.revoke_sessions($bob\::pg_catalog.text)"),
	  $as->('staff', "SELECT account.export_user($bob\::pg_catalog.text)"),
	  $as->('boss', "SELECT account.delete_user($bob\::pg_catalog.text, NULL, 'because')"),
	  [ 'committed: restore', "SET pgaccount.show_deleted = on; SELECT account.restore('app.users', $bob); RESET pgaccount.show_deleted", 'COMMIT' ],
	  [ 'committed: logout', "SELECT account.logout('$token{ann}[1]')", 'COMMIT' ];
	# plain statements, on every table
	my $new_user = "INSERT INTO app.users (email, username, tenant_id) SELECT $new_email, u, (SELECT id FROM app.tenants LIMIT 1)";
	my @plain = (
		"$new_user FROM pg_catalog.unnest('{u1,u2,u3,u4}'::pg_catalog.text[]) u",
		"$new_user FROM (VALUES ('u5'::pg_catalog.text)) v(u) RETURNING id",
		q{INSERT INTO app.notes (user_id, body) SELECT id, 'n' FROM app.users},
		q{INSERT INTO app.orders (user_id, what) SELECT id, 'o' FROM app.users WHERE username IN ('u1', 'u5')},
		q{INSERT INTO app.logs (user_id) SELECT id FROM app.users},
		q{INSERT INTO app.profiles (user_id, role, bio) SELECT id, 'mine', 'x' FROM app.users WHERE username OPERATOR(pg_catalog.=) 'u1'},
		q{INSERT INTO app.profiles (user_id, bio) SELECT user_id, 'x' FROM app.profiles ON CONFLICT (user_id) DO UPDATE SET bio = 'again'},
		q{INSERT INTO app.tenants (slug) VALUES ('acme') ON CONFLICT (slug) DO NOTHING},
		q{INSERT INTO app.tenants (slug) VALUES ('third') ON CONFLICT (slug) DO UPDATE SET name = 'T'},
		"COPY app.users (email, username) FROM stdin;\nu6\@x.org\tu6\nu7\@x.org\tu7\n\\.\n",
		"COPY app.users (email, username) FROM stdin;\nu8\@x.org\tu8\n\\.\n",
		q{UPDATE app.users SET email = email, is_active = true},
		q{UPDATE app.users SET is_active = false WHERE username = 'u2'},
		q{UPDATE app.users SET is_active = false WHERE username IN ('bob', 'ann', 'u3')},
		q{UPDATE app.users SET is_active = true},
		q{UPDATE app.profiles SET role = 'r', user_id = user_id},
		q{UPDATE app.tenants SET is_active = false WHERE slug = 'third'},
		q{DELETE FROM app.users WHERE username = 'u1'},
		q{DELETE FROM app.users WHERE username = ANY ('{u2,u3}') RETURNING id, deleted_at},
		q{DELETE FROM app.users u USING app.notes n WHERE n.user_id = u.id AND username = 'u4'},
		q{MERGE INTO app.users u USING (VALUES ('u6'::pg_catalog.text)) v(x) ON username = x WHEN MATCHED THEN DELETE},
		"MERGE INTO app.users u USING (VALUES ('u9'::pg_catalog.text)) v(x) ON username = x WHEN MATCHED THEN UPDATE SET email = email WHEN NOT MATCHED THEN INSERT (email, username) VALUES ($new_email, x)",
		q{DELETE FROM app.notes WHERE id < 5},
		q{UPDATE app.users SET deleted_at = now() WHERE username = 'u7'},
		q{UPDATE app.users SET deleted_at = NULL},
		q{WITH gone AS (DELETE FROM app.users WHERE username = 'u8' RETURNING id) SELECT count(*) FROM gone},
		q{SET SESSION pgaccount.show_deleted = on}, q{UPDATE app.users SET is_deleted = false}, q{SET SESSION pgaccount.show_deleted = off},
		q{DELETE FROM app.logs}, q{DELETE FROM app.profiles WHERE bio = 'again'},
		q{INSERT INTO web.things VALUES (20, 1, 'x') ON CONFLICT (name) DO NOTHING}, q{DELETE FROM web.things WHERE id = 1},
		q{TRUNCATE app.users CASCADE},
		q{DELETE FROM app.users},
	);
	# prepared before somebody changes the tables, and used after
	push @statements, [ 'prepare', q{PREPARE d AS DELETE FROM app.users WHERE username = 'u5'; PREPARE i AS INSERT INTO app.users (email) VALUES ('p' || now()::text || '@x.org')}, 'COMMIT' ];
	push @statements, map { [ "plain: " . substr($_, 0, 60) =~ s/\s+/ /gr, $_, 'COMMIT' ] } @plain[ 0 .. 17 ];
	push @statements, [ 'prepared', 'EXECUTE d; EXECUTE i', 'COMMIT' ];
	push @statements, map { [ "plain: " . substr($_, 0, 60) =~ s/\s+/ /gr, $_, 'COMMIT' ] } @plain[ 18 .. $#plain ];
	# what ends the rest
	push @statements, map { [ $_->[0], $_->[1], 'ROLLBACK' ] } grep { $_->[0] =~ /disable_/ } @calls;
	return @statements;
}

# Run them in one session of a role; what each ended with by its SQLSTATE, '' for success.
sub attack
{
	my ($node, $db, $role, $warm, @statements) = @_;
	# a session that has called under its ordinary search_path has our plans already
	my $script = ($warm ? join('', map { "BEGIN;\n$_->[1]" . ($_->[1] =~ /\n$/ ? '' : ';') . "\nROLLBACK;\n" } grep { $_->[0] =~ /^committed|^plain/ } @statements) : '') . $begin;
	my %number;
	for my $i (0 .. $#statements)
	{
		my ($step, $sql, $end) = @{ $statements[$i] };
		$step =~ s/'/''/g;
		$step =~ s/[\\\n]/ /g;
		$script .= "SET attack.step = '$step';\nBEGIN;\n$sql" . ($sql =~ /\n$/ ? '' : ';') . "\n\\echo =$i= :SQLSTATE\n$end;\n";
	}
	my ($rc, $out, $err) = $node->psql($db, $script, extra_params => [ '-U', $role, '-v', 'ON_ERROR_STOP=0', '-v', 'VERBOSITY=verbose' ], on_error_stop => 0);
	my %state;
	$state{ $statements[$1][0] } //= $2 while $out =~ /^=(\d+)= (\w+)$/mg;
	return (\%state, $err);
}

# Everything, by a role, on a copy of a model's database.
sub attacked
{
	my ($node, $db, $role, $what, $warm) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE ${db}_$role TEMPLATE $db");
	my @statements = statements($node, "${db}_$role", $role);
	my $position = log_position($node);
	my ($state, $err) = attack($node, "${db}_$role", $role, $warm, @statements);
	# after a crash
	$node->poll_query_until('postgres', 'SELECT true');
	nothing_caught($node, $position, "$what: nothing of $role ran as anybody else");
	my @committed = grep { /^committed/ } sort keys %$state;
	my @plain = grep { /^plain|^prepare/ } sort keys %$state;
	is(join("\n", map { "$_ $state->{$_}" } grep { $state->{$_} ne '00000' } @committed), '', '... and the calls succeeded');
	cmp_ok(scalar @committed, '>=', 13, '... all of them');
	cmp_ok(scalar(grep { $state->{$_} eq '00000' } @plain), '>=', 25, '... the plain statements too')
	  or diag(join "\n", map { "$_ $state->{$_}" } @plain);
}

my $node = new_server('preloaded');
make_shadow($node);
# What has none needs a pseudo-type that no function in SQL may have: a few, on every major. 18 has more of record.
cmp_ok($node->safe_psql('shadowed', q{SELECT count(*) FROM shadow.missing WHERE what !~ '^function .*(send|ddl_commands)\(|^aggregate range_|^relation pg_statistic|^function record_(larger|smaller)\(|^aggregate (max|min)\(record\)'}), '<=', 3,
	'whatever can have a double has one') or diag($node->safe_psql('shadowed', 'SELECT * FROM shadow.missing'));
cmp_ok($node->safe_psql('shadowed', q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'shadow'::regnamespace}), '>', 3000, 'thousands of them');

# the trap itself
$node->safe_psql('shadowed', <<'SQL');
CREATE FUNCTION public.careless(text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN RETURN (SELECT nullif(lower($1), 'x')::name FROM pg_namespace LIMIT 1); END $$;
SQL
my $position = log_position($node);
$node->safe_psql('shadowed', "SET search_path = shadow, pg_catalog; SELECT public.careless('X')", extra_params => [ '-U', 'web' ]);
is(join(' ', sort map { "$_->{kind} $_->{table} $_->{as}" } caught($node, $position)),
	'function lower(text) postgres operator =(text,text) postgres relation pg_namespace postgres type name postgres',
	'the trap catches a careless function');

for my $model (@models)
{
	my ($key, $shape, $careless) = @$model;
	make_model($node, $key, @$model);
	my $warm = $key eq 'citext';
	attacked($node, $key, 'web', "$key keys, $shape tables" . ($careless ? ', careless owner' : '') . ($warm ? ', plans made before' : ''), $warm);
	# who owns the tables is a caller too
	attacked($node, $key, 'app', "$key keys, $shape tables") if $key eq 'int';
}
stop_server($node);

# The library comes with the first call, and knows no statement but those of its triggers.
$node = new_server('not_preloaded', preload => 0);
make_shadow($node);
for my $model ([qw(int plain 0)], [qw(uuid partitioned 1)])
{
	make_model($node, $model->[0], @$model);
	attacked($node, $model->[0], 'web', "not preloaded, $model->[0] keys, $model->[1] tables");
}
stop_server($node);
done_testing();
