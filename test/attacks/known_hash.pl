# Users whose password hashes are known, on tables where every write of ours fails by another kind of
# constraint: no field of an error and no line of the log has ten characters of a hash.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Attack;

my $conf = <<'CONF';
log_min_messages = debug1
log_error_verbosity = verbose
log_parameter_max_length_on_error = -1
CONF
my $node;

# A server, and a database that the others are made from.
sub begin
{
	my ($name, %params) = @_;
	$node = new_server($name, conf => $conf, %params);
	$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE web LOGIN; CREATE DATABASE model');
	$node->safe_psql('model', <<'SQL');
CREATE EXTENSION pgaccount;
CREATE EXTENSION btree_gist;
CREATE SCHEMA app AUTHORIZATION app;
SQL
	return;
}

# Tables, with users as a case wants them. partitioning: a clause; columns: more of them.
sub make_model
{
	my ($db, %case) = @_;
	my $columns = $case{columns} // '';
	my $partitioning = $case{partitioning} // '';
	# where users are partitioned their keys are not unique alone, so nothing refers to them
	my $reference = $partitioning ? '' : 'REFERENCES app.users ON DELETE CASCADE';
	my $key = $partitioning ? 'DEFAULT 0' : 'PRIMARY KEY';
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE model");
	$node->safe_psql($db, <<"SQL");
SET ROLE app;
CREATE SEQUENCE app.ids;
@{[ $case{before} // '' ]}
CREATE TABLE app.tenants (id bigint PRIMARY KEY, slug text UNIQUE, deleted_at timestamptz);
INSERT INTO app.tenants VALUES (1, 'acme'), (2, 'other');
CREATE TABLE app.users (id bigint $key, tenant_id bigint REFERENCES app.tenants ON DELETE CASCADE, email text, username text, password @{[ $case{password} // 'text' ]},
    is_active boolean DEFAULT true, is_staff boolean DEFAULT false, last_login timestamptz, deleted_at timestamptz, is_deleted boolean DEFAULT false $columns) $partitioning;
ALTER TABLE app.users ALTER id SET DEFAULT nextval('app.ids');
@{[ $case{partitions} // '' ]}
CREATE TABLE app.profiles (user_id bigint PRIMARY KEY @{[ $reference =~ s/ON.*//r ]}, role text);
SELECT account.enable_soft_delete('app.users', flag => 'is_deleted'), account.enable_soft_delete('app.tenants');
@{[ $partitioning ? '' : q{SELECT account.enable_profile('app.users', 'app.profiles');} ]}
RESET ROLE;
SELECT account.use_tables('app.users', @{[ $partitioning ? 'NULL' : q{'app.profiles'} ]}, 'app.tenants'), account.create_key(), account.grant_api('web');
GRANT USAGE ON SCHEMA app TO web;
GRANT SELECT (id, slug), DELETE, UPDATE ON app.tenants TO web;
GRANT DELETE, UPDATE ON app.users TO web;
SELECT format('GRANT SELECT (%I) ON app.users TO web', attname) FROM pg_attribute WHERE attrelid = 'app.users'::regclass AND attnum > 0 AND attname <> 'password' \\gexec
SQL
	$node->safe_psql($db, "SELECT account.register('$_\@x.org', 'a-right-secret', '$_', 'acme')") for qw(victim dead staff other);
	$node->safe_psql($db, "UPDATE app.users SET is_staff = true WHERE username = 'staff'");
}

# The writers of rows of users, all by a role that may not read a hash: [name, who is identified, SQL].
# "rehash" logs in where a hash costs more than those that are stored.
sub writers
{
	my ($db) = @_;
	my %token = map { $_ => $node->safe_psql($db, "SELECT access_token FROM account.login('$_', 'a-right-secret')") } qw(victim staff);
	my %id = map { split /\|/ } split /\n/, $node->safe_psql($db, "SELECT username, id FROM app.users");
	my $invitation = $node->safe_psql($db, "BEGIN; SELECT account.authenticate('$token{staff}') IS NULL; SELECT account.invite('victim\@x.org', 'teacher'); COMMIT") =~ s/^f\n//r;
	$node->safe_psql($db, "UPDATE app.users SET deleted_at = now() WHERE username = 'dead'");
	my $as = sub { "SELECT account.authenticate('$token{$_[0]}') IS NULL; $_[1]" };
	my @writers = (
		[ register => q{SELECT account.register('victim2@x.org', 'a-right-secret', 'victim2', 'acme')} ],
		[ login => q{SELECT account.login('victim', 'a-right-secret', '10.0.0.1')} ],
		[ refused => q{SELECT account.login('victim', 'a-wrong-secret')} ],
		[ set_password => $as->('victim', "SELECT account.set_password('$id{victim}', 'another-secret')") ],
		[ staff_sets_password => $as->('staff', "SELECT account.set_password('$id{victim}', 'another-secret')") ],
		[ delete_user => $as->('staff', "SELECT account.delete_user('$id{victim}')") ],
		[ restore_user => $as->('staff', "SELECT account.restore_user('$id{dead}')") ],
		[ accept_invitation => $as->('victim', "SELECT account.accept_invitation('$invitation')") ],
		[ export_user => $as->('staff', "SELECT account.export_user('$id{victim}')") ],
		[ restore => "SELECT account.restore('app.users', $id{dead})" ],
		[ tenant_deleted => q{DELETE FROM app.tenants WHERE slug = 'acme'} ],
		[ tenant_restored => q{DELETE FROM app.tenants WHERE slug = 'other'; SELECT account.restore('app.tenants', 2)} ],
		[ plain_delete => q{DELETE FROM app.users WHERE username = 'victim'} ],
		[ plain_restore => "SET pgaccount.show_deleted = on; UPDATE app.users SET deleted_at = NULL WHERE id = $id{dead}" ],
		[ cleanup => "SELECT account.cleanup('app.tenants', 1)" ]);
	return @writers;
}

# Do all of it; what comes back to the client, by writer, and to the log.
sub failing
{
	my ($db, $name, %case) = @_;
	make_model($db, %case);
	my @writers = grep { $_->[0] ne ($case{without} // '') } writers($db);
	$node->safe_psql($db, $case{then}) if $case{then};
	my %hash = map { split /\|/ } split /\n/, $node->safe_psql($db, 'SELECT username, password FROM app.users WHERE password IS NOT NULL');
	my $position = log_position($node);
	my $script = "\\set SHOW_CONTEXT always\n\\set VERBOSITY verbose\n";
	$script .= "\\echo ={$_->[0]}=\n\\warn ={$_->[0]}=\nBEGIN;\n$_->[1];\nSET CONSTRAINTS ALL IMMEDIATE;\nROLLBACK;\n" for @writers;
	my ($rc, $out, $err) = $node->psql($db, $script, extra_params => [ '-U', 'web' ], on_error_stop => 0);
	# a rehash: a login where the settings of costs have grown since
	$node->safe_psql('postgres', "ALTER DATABASE $db SET pgaccount.password_ops = 2");
	my ($rc2, $out2, $err2) = $node->psql($db, "\\set SHOW_CONTEXT always\n\\set VERBOSITY verbose\n\\warn ={rehash}=\nSELECT account.login('victim', 'a-right-secret');\n",
		extra_params => [ '-U', 'web' ], on_error_stop => 0);
	my (%answer, $writer);
	for (split /\n/, "$err\n$err2")
	{
		$writer = $1 if /^=\{(\w+)\}=$/;
		$answer{$writer} .= "$_\n" if $writer;
	}
	my $log = slurp_file($node->logfile, $position);
	my $events = $node->safe_psql($db, 'SELECT e FROM account.event e');

	# every run of ten characters of every hash
	my %run;
	for my $hash (values %hash)
	{
		$run{ substr $hash, $_, 10 } = 1 for 0 .. length($hash) - 10;
	}
	my $runs = join '|', map { quotemeta } sort keys %run;
	cmp_ok(scalar keys %run, '>', 20, "$name: hashes are known");
	my @leaks;
	for my $writer (sort keys %answer)
	{
		push @leaks, map { "to the client, $writer: " . substr($_, 0, 200) } grep { /$runs/ } split /\n/, $answer{$writer};
	}
	push @leaks, map { 'in the log: ' . substr($_, 0, 200) } grep { /$runs/ } split /\n/, $log;
	push @leaks, map { 'in an event: ' . substr($_, 0, 200) } grep { /$runs/ } split /\n/, "$events\n$out";
	is(scalar @leaks, 0, "$name: no hash leaves") or diag(join "\n", map { "    $_" } @leaks[ 0 .. ($#leaks < 24 ? $#leaks : 24) ]);

	# the errors are those that were meant
	my %state = map { $_ => ($answer{$_} =~ /(?:ERROR|FATAL):\s+(\w{5})/)[0] // 'none' } keys %answer;
	my @fail = @{ $case{fail} };
	is(join(' ', map { "$_ " . ($state{$_} // 'not tried') } @fail), join(' ', map { "$_ $case{state}" } @fail), "$name: what was to fail failed")
	  or diag(join "\n", map { "    $_ " . join ' ', grep { /ERROR|DETAIL/ } split /\n/, $answer{$_} // '' } grep { ($state{$_} // '') ne $case{state} } @fail);
	if (my $fields = $case{fields})
	{
		my @nameless = map { my $writer = $_; map { "$writer: $_" } grep { index($answer{$writer}, "NAME:  $_") < 0 } @$fields } @fail;
		is(join("\n", @nameless), '', "$name: it is said which");
	}
	return;
}

my @updates = qw(login set_password staff_sets_password delete_user restore_user restore tenant_deleted plain_delete plain_restore rehash);
my @all = ('register', @updates);

begin('main');
failing('checked', 'CHECK',
	then => q{ALTER TABLE app.users ADD CONSTRAINT corporate CHECK (email !~ '^(victim|dead)') NOT VALID},
	fail => [@all], state => '23514', fields => [ 'corporate', 'users' ]);
failing('checked_generic', 'CHECK with error_detail = generic',
	then => q{ALTER DATABASE checked_generic SET pgaccount.error_detail = generic; ALTER TABLE app.users ADD CONSTRAINT corporate CHECK (email !~ '^(victim|dead)') NOT VALID},
	fail => [@all], state => '23514', fields => [ 'corporate', 'users' ]);
failing('not_null', 'NOT NULL',
	columns => q{, room text NOT NULL DEFAULT 'r'},
	then => q{CREATE FUNCTION app.none() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.room := NULL; RETURN NEW; END';
		CREATE TRIGGER none BEFORE INSERT OR UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.none()},
	fail => [@all], state => '23502', fields => [ 'room', 'users' ]);
failing('domain', 'a domain',
	before => q{CREATE DOMAIN app.hash AS text;}, password => 'app.hash',
	then => q{ALTER DOMAIN app.hash ADD CONSTRAINT short CHECK (length(VALUE) < 10) NOT VALID},
	fail => [qw(register set_password staff_sets_password rehash)], state => '23514', fields => ['short']);
failing('domain_cast', 'a cast within a domain',
	before => q{CREATE DOMAIN app.hash AS text;}, password => 'app.hash',
	then => q{ALTER DOMAIN app.hash ADD CONSTRAINT number CHECK (VALUE::int > 0) NOT VALID},
	fail => [qw(register set_password staff_sets_password rehash)], state => '22P02');
failing('check_cast', 'a cast within a CHECK',
	then => q{ALTER TABLE app.users ADD CONSTRAINT number CHECK (password::int > 0) NOT VALID},
	# a client's own UPDATE, of which nothing is ours, fails as the server has it
	without => 'plain_restore', fail => [ grep { $_ ne 'plain_restore' } @all ], state => '22P02');
failing('check_name', 'a hash that a CHECK takes for the name of a table',
	then => q{ALTER TABLE app.users ADD CONSTRAINT relation CHECK (password::regclass IS NOT NULL) NOT VALID},
	without => 'plain_restore', fail => [ grep { $_ ne 'plain_restore' } @all ], state => '42P01');
failing('too_long', 'a column that is too short',
	then => q{SET pgaccount.show_deleted = on; UPDATE app.users SET password = NULL WHERE username = 'other'; CREATE FUNCTION app.cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.room := NEW.password; RETURN NEW; END';
		ALTER TABLE app.users ADD room varchar(20);
		CREATE TRIGGER cut BEFORE INSERT OR UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.cut()},
	fail => [@all], state => '22001');
failing('exclusion', 'an exclusion constraint',
	then => q{UPDATE app.users SET password = (SELECT password FROM app.users WHERE username = 'victim') WHERE username = 'other';
		ALTER TABLE app.users ADD CONSTRAINT same EXCLUDE USING gist (tenant_id WITH =, password WITH <>) WHERE (username ~ '^(victim|other)')},
	fail => [qw(register set_password staff_sets_password rehash)], state => '23P01', fields => [ 'same', 'users' ]);
failing('exclusion_deferred', 'a deferred exclusion constraint',
	then => q{UPDATE app.users SET password = (SELECT password FROM app.users WHERE username = 'victim') WHERE username = 'other';
		ALTER TABLE app.users ADD CONSTRAINT same EXCLUDE USING gist (tenant_id WITH =, password WITH <>) WHERE (username ~ '^(victim|other)') DEFERRABLE INITIALLY DEFERRED},
	fail => [qw(register set_password staff_sets_password rehash)], state => '23P01');
failing('unique_part', 'a unique index over a part of it',
	# the next hash begins as that of another user does
	then => q{SET pgaccount.password_ops = 2; UPDATE app.users SET password = account.hash_password('a-right-secret') WHERE username = 'other';
		CREATE UNIQUE INDEX same ON app.users (left(password, 27)) WHERE username ~ '^(victim|other)'; ALTER DATABASE unique_part SET pgaccount.password_ops = 2},
	fail => [qw(register login set_password staff_sets_password rehash)], state => '23505', fields => ['same']);
failing('generated', 'a generated column',
	columns => q{, part text GENERATED ALWAYS AS (right(password, 20)) STORED},
	then => q{ALTER TABLE app.users ADD CONSTRAINT part CHECK (part = '') NOT VALID},
	fail => [@all], state => '23514', fields => ['users']);
failing('no_partition', 'no partition for it',
	partitioning => 'PARTITION BY LIST (left(password, 27))',
	partitions => q{CREATE TABLE app.users_default PARTITION OF app.users DEFAULT;},
	then => q{UPDATE app.users SET password = 'x' || password WHERE username = 'other'; CREATE TABLE app.keep AS SELECT * FROM app.users; SELECT left(password, 27) AS part FROM app.users WHERE username = 'victim' \gset
		ALTER TABLE app.users DETACH PARTITION app.users_default; CREATE TABLE app.users_1 (LIKE app.users);
		INSERT INTO app.users_1 SELECT * FROM app.users_default; DELETE FROM app.users_1 WHERE username = 'other';
		ALTER TABLE app.users ATTACH PARTITION app.users_1 FOR VALUES IN (:'part'); ALTER DATABASE no_partition SET pgaccount.password_ops = 2},
	fail => [qw(register set_password staff_sets_password)], state => '23514');
failing('dead_partition', 'no partition for the deleted',
	partitioning => 'PARTITION BY LIST (is_deleted)',
	partitions => q{CREATE TABLE app.users_live PARTITION OF app.users FOR VALUES IN (false); CREATE TABLE app.users_dead PARTITION OF app.users FOR VALUES IN (true);},
	then => q{DELETE FROM app.users WHERE username = 'dead'; ALTER TABLE app.users DETACH PARTITION app.users_dead},
	fail => [qw(delete_user tenant_deleted plain_delete)], state => '23514');

# a plan has the values of its parameters, byte by byte, and anybody may have plans printed
make_model('printed');
{
	my $position = log_position($node);
	my ($rc, $out, $err) = $node->psql('printed', <<'SQL', extra_params => [ '-U', 'web' ]);
SET client_min_messages = log; SET debug_print_plan = on; SET debug_print_rewritten = on; SET debug_print_parse = on;
SELECT account.register('printed@x.org', 'a-right-secret', 'printed', 'acme');
SELECT account.login('printed', 'a-right-secret');
SQL
	my $bytes = join '\s+', unpack('C*', substr($node->safe_psql('printed', q{SELECT password FROM app.users WHERE username = 'printed'}), 0, 10));
	like($err, qr/PLANNEDSTMT/, 'plans are printed');
	unlike($err, qr/$bytes/, '... and no hash to the client');
	unlike(slurp_file($node->logfile, $position), qr/$bytes/, '... nor to the log');
}
stop_server($node);

begin('not_preloaded', preload => 0);
failing('checked', 'CHECK, not preloaded',
	then => q{ALTER TABLE app.users ADD CONSTRAINT corporate CHECK (email !~ '^(victim|dead)') NOT VALID},
	fail => [@all], state => '23514', fields => [ 'corporate', 'users' ]);
stop_server($node);
done_testing();
