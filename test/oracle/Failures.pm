# Failure at any instant: a deletion, restore, purge or cleanup of many rows is cancelled, times out or loses its session somewhere on its
# way. Then nothing has changed; and done again, in the same session where there still is one, it does all of it.
package Failures;
use strict;
use warnings;
use Wire;
use Time::HiRes qw(time sleep);

my $rounds_a_world = 25;
my ($world, @world_sql, @reset, $session, $other, $contents, $dangling, %took);

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

sub make_world
{
	my ($seed) = @_;
	srand $seed;
	my $key = pick('int', 'bigint', 'text', 'uuid');
	my $lit = sub { my ($sql) = @_; return $key eq 'uuid' ? "md5(($sql)::text)::uuid" : "($sql)::$key" };
	my $rows = 300 + int rand 700;
	my $parts = chance(0.4);
	my $guard = chance(0.5) ? ', guard_references => true' : '';
	@world_sql = (
		'CREATE SCHEMA s', 'CREATE SEQUENCE s.rid',
		"CREATE TABLE s.roots (id $key PRIMARY KEY, rid bigint NOT NULL DEFAULT nextval('s.rid'), n int)",
		"CREATE TABLE s.a (id $key PRIMARY KEY, rid bigint NOT NULL DEFAULT nextval('s.rid'), n int, f $key REFERENCES s.roots ON DELETE CASCADE, boss $key)" . ($parts ? ' PARTITION BY HASH (id)' : ''),
		$parts ? map({ "CREATE TABLE s.a_$_ PARTITION OF s.a FOR VALUES WITH (MODULUS 3, REMAINDER $_)" } 0 .. 2) : (),
		"CREATE TABLE s.b (id $key PRIMARY KEY, rid bigint NOT NULL DEFAULT nextval('s.rid'), n int, f $key REFERENCES s.a ON DELETE CASCADE)",
		"CREATE TABLE s.c (id $key PRIMARY KEY, rid bigint NOT NULL DEFAULT nextval('s.rid'), n int, f $key REFERENCES s.b ON DELETE CASCADE" . pick('', ' DEFERRABLE INITIALLY DEFERRED') . ')',
		"CREATE TABLE s.d (id $key PRIMARY KEY, rid bigint NOT NULL DEFAULT nextval('s.rid'), n int, f $key REFERENCES s.b ON DELETE SET NULL)",
		"INSERT INTO s.roots (id, n) SELECT " . $lit->('i') . ', i FROM generate_series(1, 20) i',
		"INSERT INTO s.a (id, n, f, boss) SELECT " . $lit->('i') . ', i, ' . $lit->('1 + i % 20') . ', ' . $lit->('1 + i / 10') . " FROM generate_series(1, $rows) i",
		"INSERT INTO s.b (id, n, f) SELECT " . $lit->('i') . ', i, ' . $lit->("1 + i % $rows") . " FROM generate_series(1, $rows * 2) i",
		"INSERT INTO s.c (id, n, f) SELECT " . $lit->('i') . ', i, ' . $lit->("1 + i % ($rows * 2)") . " FROM generate_series(1, $rows * 3) i",
		"INSERT INTO s.d (id, n, f) SELECT " . $lit->('i') . ', i, ' . $lit->("1 + i % ($rows * 2)") . " FROM generate_series(1, $rows) i",
		chance(0.4) ? 'ALTER TABLE s.a ADD FOREIGN KEY (boss) REFERENCES s.a ON DELETE CASCADE' : (),
		'CREATE INDEX ON s.a (f)', 'CREATE INDEX ON s.b (f)', 'CREATE INDEX ON s.c (f)', chance(0.6) ? 'CREATE INDEX ON s.d (f)' : (),
		"SELECT account.enable_soft_delete('s.a', on_parent_delete => 'delete'$guard)",
		"SELECT account.enable_soft_delete('s.b', flag => 'gone', on_parent_delete => 'delete'$guard)",
		chance(0.7) ? "SELECT account.enable_soft_delete('s.c', on_parent_delete => 'delete')" : (),
		'DELETE FROM s.a WHERE n % 5 = 0', 'ANALYZE',
	);
	$_->quit for grep { $_ } $session, $other;
	connect_both();
	$other->must('SET client_min_messages = error; DROP SCHEMA IF EXISTS s, saved CASCADE');
	$other->must($_) for @world_sql;
	$other->must('CREATE SCHEMA saved; SET pgaccount.show_deleted = on; SET search_path = s, public');
	@reset = ('TRUNCATE s.roots CASCADE');
	for (qw(roots a b c d))
	{
		$other->must("CREATE TABLE saved.$_ AS SELECT * FROM s.$_");
		push @reset, "INSERT INTO s.$_ SELECT * FROM saved.$_";
	}
	my $union = join ' UNION ALL ', map { "SELECT '$_' || to_jsonb(x.*)::text AS x FROM (SELECT rid, id, n" . ($_ eq 'roots' ? '' : ', f') . ($_ =~ /^[ab]$/ || $_ eq 'c' && grep({ /'s.c'/ } @world_sql) ? ', deleted_at IS NULL AS live' : '') . " FROM s.$_) x" } qw(roots a b c d);
	$contents = "SELECT count(*) || ' ' || md5(string_agg(x, ' ' ORDER BY x)) FROM ($union) y";
	my ($edges) = $other->rows('SELECT observe.edges()')->[0][0];
	$dangling = "SELECT count(*) FROM ($edges) e (key, child, parent) WHERE parent IS NULL";
	%took = ();
	return;
}

sub connect_both
{
	$session = Wire->new(database => 'oracle', name => 'doomed');
	$session->must('SET client_min_messages = error; SET search_path = s, public');
	$other = Wire->new(database => 'oracle', name => 'other') if !$other || $other->{status} ne 'I' || !eval { $other->must('SELECT 1'); 1 };
	return;
}

sub reset_rows
{
	$other->must(join '; ', 'BEGIN', 'SET LOCAL session_replication_role = replica', @reset, 'COMMIT');
	return;
}

sub contents { return $other->rows($contents)->[0][0] }

sub operation
{
	my $m = pick(2, 3, 7);
	my $table = pick(qw(a a b));
	return "DELETE FROM s.$table WHERE n % $m = 0" if chance(0.3);
	return "SELECT account.restore('s.a', (SELECT array_agg(id) FROM saved.a WHERE n % $m = 0))" if chance(0.25);
	return "SELECT account.purge('s.a', '0')" if chance(0.25);
	return "SELECT sum(rows) FROM account.cleanup('s.a', (SELECT array_agg(id) FROM saved.a WHERE n % $m = 1), true)" if chance(0.4);
	return "DELETE FROM s.roots WHERE n % $m = 0" if chance(0.6);
	return "UPDATE s.a SET deleted_at = now() WHERE n % $m = 1";
}

# Sessions and tables are not what they were.
sub forget { undef $session; undef $other; undef $world; return }

# One round: undef, or a failure.
sub round
{
	my ($seed) = @_;
	my $which = int($seed / $rounds_a_world);
	if (!defined $world || $world != $which || $other->{status} eq 'lost') { make_world($which); $world = $which }
	srand $seed;
	my $operation = operation();
	my $how = pick('cancel', 'cancel', 'timeout', 'savepoint', 'terminate');
	my $fail = sub {
		my ($kind, $message) = @_;
		return { kind => $kind, message => $message, note => "how: $how\n", script => join '', map { "$_;\n" } 'SET client_min_messages = error', @world_sql, 'CREATE SCHEMA saved; CREATE TABLE saved.a AS SELECT * FROM s.a', $operation };
	};
	reset_rows();
	my $before = contents();

	# undisturbed, to know what it does and how long that takes
	my $start = time;
	my ($result) = $session->query($operation);
	my $took = time - $start;
	# with guards, what references a deleted row cannot come back
	return if $result->{error} && $result->{error}{C} eq '23503';
	return $fail->("refused $result->{error}{C}", "$result->{error}{C} $result->{error}{M}") if $result->{error};
	my $done = contents();
	reset_rows();
	my $delay = $took * rand() * 1.05;
	if ($how eq 'savepoint') { $session->must('BEGIN; SAVEPOINT p') }
	if ($how eq 'timeout') { $session->must('SET statement_timeout = ' . (1 + int($delay * 1000))) }
	$session->send_query($operation);
	if ($how ne 'timeout')
	{
		sleep $delay;
		if ($how eq 'terminate') { $other->must("SELECT pg_terminate_backend($session->{pid})") }
		else                     { $session->cancel }
	}
	($result) = $session->receive;
	my $code = $result->{error} ? $result->{error}{C} : '00000';
	if ($how eq 'terminate')
	{
		$session->poll(0);
		eval { $session->quit };
		# the session has gone before its end is known
		for (1 .. 1000) { last if $other->rows("SELECT count(*) FROM pg_stat_activity WHERE pid = $session->{pid}")->[0][0] == 0; sleep 0.005 }
		connect_both();
	}
	# which the timeout may hit, too
	for (1 .. $how eq 'timeout' ? 20 : 0) { my ($reset) = $session->query('RESET statement_timeout'); last if !$reset->{error} }
	return $fail->("SQLSTATE $code", "$result->{error}{C} $result->{error}{M}") if $code !~ ($how eq 'terminate' ? qr/^(?:00000|57P01|57P02)$/ : qr/^(?:00000|57014)$/);
	if ($how eq 'savepoint')
	{
		$session->query('ROLLBACK TO p');
		# a cancel that comes late must not hit this one
		($result) = $session->query($operation);
		if ($result->{error} && $result->{error}{C} eq '57014') { $session->query('ROLLBACK'); ($result) = $session->query($operation) }
		return $fail->('again', "once more: $result->{error}{C} $result->{error}{M}") if $result->{error};
		($result) = $session->query('COMMIT');
		return $fail->('commit', "$result->{error}{C} $result->{error}{M}") if $result->{error};
	}
	my $now = contents();
	my $dangles = $other->rows($dangling)->[0][0];
	return $fail->('dangling', "after $how ($code) $dangles keys dangle") if $dangles;
	if ($how eq 'savepoint') { return $now eq $done ? undef : $fail->('half done', "after $how and once more the rows are not as after an undisturbed one") }
	return $fail->('half done', "after $how ($code): " . ($code eq '00000' ? 'done, but not all of it' : 'refused, but rows have changed')) if $now ne ($code eq '00000' ? $done : $before) && !($how eq 'terminate' && $now eq $done);
	if ($code ne '00000' && $now ne $done)
	{
		for my $try (1 .. 3)
		{
			($result) = $session->query($operation);
			# a cancel may come late
			last if !$result->{error} || $result->{error}{C} ne '57014' || $how ne 'cancel';
		}
		return $fail->('again', "once more after $how: $result->{error}{C} $result->{error}{M}") if $result->{error};
		return $fail->('again', "once more after $how: not what an undisturbed one does") if contents() ne $done;
	}
	return;
}

1;
