# Hiding as a relation: a query under hiding gives what it gives over copies that have the live rows alone; its three-way partitions
# by a predicate add up; counting by WHERE and counting by CASE agree; and DELETE, UPDATE and INSERT do what they do on the copies, where
# a DELETE is for good. Tables are in schema g, the copies in schema live: a query names none, so its text is the same for both.
#
# A query is made from a list of numbers, each of which decides one thing, 0 being the simplest. A failing one is shrunk by taking
# numbers away.
package Queries;
use strict;
use warnings;
use Wire;
use Time::HiRes 'time';

my $queries_a_world = 40;
my ($world, $session, @world_sql, %tables);
my (@numbers, $next, $replaying);

# The next decision: a number below n.
sub draw
{
	my ($n) = @_;
	my $x;
	if ($replaying) { $x = ($numbers[$next] // 0) % $n }
	else            { $x = int rand $n; push @numbers, $x }
	$next++;
	return $x;
}

sub one_of { return $_[ draw(scalar @_) ] }
sub maybe { return draw(100) > 99 - $_[0] }    # so many times in a hundred; 0 is no

# --- the world: tables, rows, which of them are deleted, and the copies --------------------------

sub make_world
{
	my ($seed) = @_;
	srand $seed;
	my $n = 3 + int rand 3;
	%tables = ();
	my (@g, @enable, @deleted, @fill, @keys);
	for my $i (1 .. $n)
	{
		my $t = "t$i";
		my %table = (soft => $i == $n ? rand() < 0.4 : rand() < 0.9, kind => rand);
		my $stamp = rand() < 0.3 ? 'deleted_at timestamptz, ' : '';
		my $columns = "id int NOT NULL, $stamp" . 'a int, b text, f int';
		if ($table{kind} < 0.2)
		{
			push @g, "CREATE TABLE g.$t ($columns, PRIMARY KEY (id)) PARTITION BY RANGE (id)", "CREATE TABLE g.${t}_a PARTITION OF g.$t FOR VALUES FROM (MINVALUE) TO (15) PARTITION BY RANGE (id)",
			  "CREATE TABLE g.${t}_aa PARTITION OF g.${t}_a DEFAULT", "CREATE TABLE g.${t}_b (b text, f int, id int NOT NULL, a int" . ($stamp && ', deleted_at timestamptz') . ')', "ALTER TABLE g.$t ATTACH PARTITION g.${t}_b FOR VALUES FROM (15) TO (MAXVALUE)";
		}
		else
		{
			push @g, "CREATE TABLE g.$t ($columns, PRIMARY KEY (id))";
			if ($table{kind} < 0.3) { push @g, "CREATE TABLE g.${t}k (PRIMARY KEY (id)) INHERITS (g.$t)"; $table{heir} = 1 }
		}
		# What shows deleted rows has no part in cascades: they are in its copy too. And what is removed for good finds deleted children that no
		# copy has, so what is soft references what is soft.
		$table{shown} = $table{soft} && $i > 1 && rand() < 0.1;
		my @parents = grep { !$tables{"t$_"}{shown} && (!$table{soft} || $tables{"t$_"}{soft}) } 1 .. $i - 1;
		push @parents, $i if rand() < 0.2 || !@parents;
		$table{parent} = $parents[ rand @parents ] if rand() < 0.8 && !$table{shown};
		my $rows = 10 + int rand 30;
		push @fill, "INSERT INTO g.$t (id, a, b, f) SELECT i, i * 7 % 5, 'b' || i % 4, " . ($table{parent} ? "CASE WHEN i % 6 > 0 THEN 1 + (i * 3) % " . ($tables{"t$table{parent}"}{rows} // $rows) . ' END' : 'i % 9') . " FROM generate_series(1, $rows) i";
		push @fill, "INSERT INTO g.${t}k (id, a, b, f) SELECT i, i % 5, 'b' || i % 4, NULL FROM generate_series(101, 108) i" if $table{heir};
		$table{rows} = $rows;
		$tables{$t} = \%table;
		if ($table{parent} && !$table{heir})
		{
			my $p = "t$table{parent}";
			my $parent_soft = $p eq $t ? $table{soft} : $tables{$p}{soft};
			my $cascade = rand() < 0.6;
			push @keys, "ALTER TABLE g.$t ADD FOREIGN KEY (f) REFERENCES g.$p ON DELETE " . ($cascade ? 'CASCADE' : 'NO ACTION');
			push @keys, "CREATE INDEX ON g.$t (f)" if rand() < 0.5;
			# where the parent is deleted for good the copy says what the server says; else only what follows goes
			$table{copy_key} = $cascade && ($table{soft} || !$parent_soft) ? 'CASCADE' : $parent_soft ? '' : 'NO ACTION';
		}
		if ($table{soft})
		{
			my @options;
			push @options, "flag => 'gone'" if rand() < 0.3;
			push @options, 'hide => false' if $table{shown};
			push @options, "on_parent_delete => 'delete'";
			push @options, 'guard_references => true' if rand() < 0.3;
			push @enable, "SELECT account.enable_soft_delete('g.$t'" . join('', map { ", $_" } @options) . ')';
			push @deleted, "UPDATE g.$t SET deleted_at = '2024-01-01Z' WHERE " . ('id % 3 = 1', 'id % 2 = 0', 'a = 3', 'id < 9', 'false', 'true')[ rand 6 ];
			push @enable, "CREATE INDEX ON g.$t (a) WHERE deleted_at IS NULL" if rand() < 0.5;
			push @enable, "CREATE INDEX ON g.$t (b, a)" if rand() < 0.3;
		}
		push @g, "CREATE VIEW g.v$i AS SELECT * FROM g.$t WHERE a < 4" if rand() < 0.4;
	}
	my @views;
	push @views, "CREATE VIEW %s.w AS SELECT x.id, x.a, y.b, y.f FROM %s.t1 x LEFT JOIN %s.t2 y ON x.id = y.f",
	  "CREATE VIEW %s.u AS SELECT id, a, b, f FROM %s.t1 UNION ALL SELECT id, a, b, f FROM %s.t3",
	  "CREATE FUNCTION %s.many(int) RETURNS TABLE (id int, a int, b text, f int) LANGUAGE sql STABLE AS 'SELECT id, a, b, f FROM %s.t1 WHERE a >= \$1'",
	  "CREATE FUNCTION %s.how_many(int) RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM %s.t2 WHERE f = \$1); END'";
	@world_sql = ('CREATE SCHEMA g', 'CREATE SCHEMA live', @g, @fill, @keys, @enable, @deleted, map { (my $v = $_) =~ s/%s/g/g; $v } @views);
	push @world_sql, 'SET pgaccount.show_deleted = on';
	for my $t (sort keys %tables)
	{
		push @world_sql, "CREATE TABLE live.$t AS SELECT * FROM g.$t" . ($tables{$t}{soft} && !$tables{$t}{shown} ? ' WHERE deleted_at IS NULL' : '');
		push @world_sql, "ALTER TABLE live.$t ADD PRIMARY KEY (id)";
	}
	for my $t (sort keys %tables)
	{
		my $table = $tables{$t};
		if ($table->{copy_key})
		{
			$table->{copied} = 1;
			my $cut = $table->{copy_key} eq 'CASCADE' ? 'CASCADE' : 'NO ACTION';
			push @world_sql, "ALTER TABLE live.$t ADD FOREIGN KEY (f) REFERENCES live.t$table->{parent} ON DELETE $cut NOT VALID";
		}
	}
	push @world_sql, 'RESET pgaccount.show_deleted', map { (my $v = $_) =~ s/%s/live/g; $v } @views;
	for (grep { /^CREATE VIEW g\.v/ } @g) { (my $v = $_) =~ s/\bg\./live./g; push @world_sql, $v; $tables{"v$1"} = { view => 1 } if /g\.v(\d+)/ }
	push @world_sql, 'ANALYZE';
	$session->quit if $session;
	$session = Wire->new(database => 'oracle');
	$session->must('SET client_min_messages = error; DROP SCHEMA IF EXISTS g, live CASCADE; SET statement_timeout = \'2s\'; SET jit = off');
	$session->must($_) for @world_sql;
	return;
}

# --- queries -------------------------------------------------------------------------------------

my ($aliases, $budget);

sub alias { return 'x' . ++$aliases }

# A relation with columns id, a, b, f: its SQL, to be followed by an alias.
sub relation
{
	my ($depth) = @_;
	my @names = sort keys %tables;
	my $kind = $depth > 0 && $budget-- > 0 ? draw(10) : 0;
	return one_of(@names) if $kind < 6;
	return one_of('w', 'u') if $kind < 7;
	return 'many(' . draw(4) . ')' if $kind < 8;
	return '(' . plain_query($depth - 1) . ')';
}

# FROM: its SQL and the aliases in scope. outer: aliases that a LATERAL may use.
sub from
{
	my ($depth) = @_;
	my $a = alias();
	my $sql = relation($depth) . " $a";
	my @scope = $a;
	for (1 .. ($depth > 0 ? draw(3) : 0))
	{
		last if $budget-- <= 0;
		my $b = alias();
		my $left = one_of(@scope);
		my $kind = draw(8);
		if ($kind == 5) { $sql = "$sql FULL JOIN " . relation($depth - 1) . " $b ON $left." . one_of('f', 'id', 'a') . " = $b." . one_of('id', 'f', 'a') }
		elsif ($kind == 6) { $sql .= ' CROSS JOIN LATERAL (' . plain_query($depth - 1, $left) . ") $b" }
		elsif ($kind == 7) { $sql .= ' LEFT JOIN LATERAL (' . plain_query($depth - 1, $left) . ") $b ON true" }
		elsif ($kind == 4) { my $c = alias(); $sql .= ' LEFT JOIN (' . relation($depth - 1) . " $b JOIN " . relation($depth - 1) . " $c ON $b.id = $c.f) ON " . predicate(1, $left, $b, $c); push @scope, $c }
		else
		{
			$sql .= ' ' . ('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'LEFT JOIN')[$kind] . ' ' . relation($depth - 1) . " $b ON " . one_of("$left.id = $b.f", "$left.f = $b.id", "$left.a = $b.a") . (maybe(30) ? ' AND ' . predicate($depth - 1, $left, $b) : '');
		}
		push @scope, $b;
	}
	return ($sql, @scope);
}

sub column { return one_of(@_) . '.' . one_of('id', 'a', 'f') }

sub predicate
{
	my ($depth, @scope) = @_;
	my $kind = $depth > 0 && $budget-- > 0 ? draw(15) : draw(6);
	my $x = one_of(@scope);
	return column(@scope) . ' ' . one_of('<', '>=', '=', '<>') . ' ' . draw(12) if $kind < 2;
	return column(@scope) . ' ' . one_of('=', '<', '<=') . ' ' . column(@scope) if $kind == 2;
	return "$x.b " . one_of('=', '<>', 'LIKE') . " 'b" . draw(4) . "'" if $kind == 3;
	return column(@scope) . one_of(' IS NULL', ' IS NOT NULL') if $kind == 4;
	return "$x.id % " . (2 + draw(3)) . ' = 1' if $kind == 5;
	return '(' . predicate($depth - 1, @scope) . one_of(' AND ', ' OR ') . predicate($depth - 1, @scope) . ')' if $kind < 9;
	return 'NOT (' . predicate($depth - 1, @scope) . ')' if $kind == 9;
	if ($kind < 12)
	{
		my $y = alias();
		return one_of('', 'NOT ') . 'EXISTS (SELECT FROM ' . relation($depth - 1) . " $y WHERE " . one_of("$y.f = $x.id", "$y.id = $x.f", "$y.a = $x.a") . (maybe(40) ? ' AND ' . predicate($depth - 1, $y, $x) : '') . ')';
	}
	if ($kind == 12) { my $y = alias(); return column(@scope) . one_of(' IN', ' NOT IN', ' = ANY', ' < ALL') . " (SELECT $y." . one_of('id', 'f', 'a') . ' FROM ' . relation($depth - 1) . " $y WHERE " . predicate($depth - 1, $y) . ')' }
	if ($kind == 13) { my $y = alias(); return column(@scope) . ' < (SELECT ' . one_of('count(*)', 'max(' . "$y.id)", "min($y.f)", "sum($y.a)") . ' FROM ' . relation($depth - 1) . " $y WHERE " . predicate($depth - 1, $y, $x) . ')' }
	return "how_many($x.id) > " . draw(3);
}

# A query with columns id, a, b, f. outer: an alias it may use.
sub plain_query
{
	my ($depth, @outer) = @_;
	my ($sql, @scope) = from($depth);
	my $x = one_of(@scope);
	my $kind = $depth > 0 ? draw(8) : 0;
	my $where = @outer || maybe(70) ? ' WHERE ' . predicate($depth, @scope, @outer) : '';
	return "SELECT $x.id, $scope[-1].a, $x.b, $scope[0].f FROM $sql$where" if $kind < 4;
	return "SELECT $x.a AS id, count(*)::int AS a, max($scope[-1].b) AS b, sum($scope[0].f)::int AS f FROM $sql$where GROUP BY $x.a" . (maybe(30) ? ' HAVING count(*) > 1' : '') if $kind == 4;
	return "SELECT DISTINCT $x.a AS id, $scope[0].a AS a, $x.b, NULL::int AS f FROM $sql$where" if $kind == 5;
	return "SELECT $x.id, (count(*) OVER (PARTITION BY $x.a))::int AS a, $x.b, (sum($scope[0].id) OVER (PARTITION BY $x.b))::int AS f FROM $sql$where" if $kind == 6;
	return plain_union($depth - 1);
}

sub plain_union
{
	my ($depth) = @_;
	return '(' . plain_query($depth) . ') ' . one_of('UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT', 'EXCEPT ALL') . ' (' . plain_query($depth) . ')';
}

# The statements of a round, each a list of forms of one query that must give the same: [ schema, sql ] …
sub make_query
{
	($aliases, $budget) = (0, 14);
	my $kind = draw(20);
	my $set = one_of('', '', 'enable_hashjoin', 'enable_mergejoin', 'enable_nestloop', 'enable_seqscan', 'enable_indexscan', 'enable_material');
	my $generic = maybe(20);
	my $depth = 1 + draw(2);
	my ($what, @forms) = ('query');
	if ($kind < 10)
	{
		my $sql = plain_query($depth);
		$sql = "WITH c AS " . one_of('', '', 'NOT MATERIALIZED ', 'MATERIALIZED ') . "(" . plain_query($depth - 1) . ") SELECT c.id, y.a, y.b, y.f FROM c JOIN ($sql) y ON c.id = y.id" if maybe(15);
		$sql = "SELECT * FROM ($sql) q ORDER BY 1, 2, 3, 4 LIMIT " . (1 + draw(9)) . ' OFFSET ' . draw(3) if maybe(15);
		@forms = ([ 'g', $sql ], [ 'live', $sql ]);
	}
	elsif ($kind < 12)
	{
		my ($sql, @scope) = from($depth);
		my $p = predicate($depth, @scope);
		my $columns = join ', ', map { "$_.id, $_.b" } @scope;
		$what = 'three-way partition';
		@forms = ([ 'g', "SELECT $columns FROM $sql" ], [ 'g', join ' UNION ALL ', map { "SELECT $columns FROM $sql WHERE $_" } "($p)", "NOT ($p)", "($p) IS NULL" ]);
	}
	elsif ($kind < 14)
	{
		my ($sql, @scope) = from($depth);
		my $p = predicate($depth, @scope);
		$what = 'counts';
		@forms = ([ 'g', "SELECT count(*) FROM $sql WHERE $p" ], [ 'g', "SELECT count(*) FILTER (WHERE held) FROM (SELECT ($p) AS held FROM $sql OFFSET 0) q" ]);
	}
	elsif ($kind < 15)
	{
		my $t = table();
		my $sql = "SELECT id, a, b, f FROM $t x WHERE " . predicate($depth, 'x') . one_of(' FOR UPDATE', ' FOR SHARE', ' FOR UPDATE SKIP LOCKED');
		@forms = ([ 'g', $sql ], [ 'live', $sql ]);
	}
	else
	{
		my $t = table();
		$what = 'change';
		my $write = draw(8);
		my $sql;
		my $p = predicate($depth, 'x');
		if ($write < 3) { $sql = "DELETE FROM $t x WHERE $p" . one_of('', ' RETURNING id, a, b, f') }
		elsif ($write == 3) { $sql = "DELETE FROM $t x USING " . relation(1) . " y WHERE x.f = y.id AND " . predicate($depth, 'x', 'y') . ' RETURNING x.id' }
		elsif ($write == 4) { $sql = "UPDATE $t x SET b = 'new' WHERE $p RETURNING id, a, b, f" }
		elsif ($write == 5) { $sql = "WITH d AS (DELETE FROM $t x WHERE $p RETURNING id, a) SELECT d.id, y.b FROM d LEFT JOIN " . table() . ' y ON y.id = d.id' }
		elsif ($write == 6) { $sql = "INSERT INTO $t (id, a, b) SELECT max(x.id) + 1000 + count(*), 1, 'new' FROM (" . plain_query($depth) . ') x RETURNING a, b' }
		else { $sql = "MERGE INTO $t x USING (SELECT DISTINCT id FROM " . relation(1) . " z) y ON x.id = y.id WHEN MATCHED AND $p THEN " . one_of('DELETE', "UPDATE SET b = 'new'", 'DO NOTHING') . one_of('', " WHEN NOT MATCHED AND y.id IS NOT NULL AND y.id < 0 THEN INSERT (id) VALUES (y.id)") }
		@forms = ([ 'g', $sql ], [ 'live', $sql ]);
	}
	return { what => $what, set => $set, generic => $generic, forms => \@forms };
}

sub table
{
	# what shows deleted rows deletes live ones alone: no copy does so
	my @names = grep { /^t/ && !$tables{$_}{shown} } sort keys %tables;
	return one_of(@names);
}

# What a form gives, as text. One message to the server, so that a busy machine is asked as little as can be.
sub answer
{
	my ($query, $form) = @_;
	my ($schema, $sql) = @$form;
	my $change = $query->{what} eq 'change';
	my @statements = ($change ? 'BEGIN' : (), "SET search_path = $schema, public", $query->{set} ? "SET $query->{set} = off" : ());
	push @statements, $query->{generic} && !$change ? ('SET plan_cache_mode = force_generic_plan', "PREPARE q AS $sql", 'EXECUTE q') : $sql;
	my $at = $#statements;
	my @changed = $change ? grep { /^t/ } sort keys %tables : ();
	for my $t (@changed)
	{
		# what is deleted but not hidden is in the copy as well, as deleted
		my $live = $tables{$t}{soft} && ($schema eq 'g' || $tables{$t}{shown}) ? 'deleted_at IS NULL' : 'true';
		push @statements, "SELECT id || ':' || coalesce(a, 0) || coalesce(b, '~') FROM $t WHERE $live ORDER BY id";
	}
	push @statements, $change ? 'ROLLBACK' : ('RESET ALL', "SET statement_timeout = '2s'; SET jit = off", 'DEALLOCATE ALL');
	my @results = $session->query(join '; ', @statements);
	my $result = $results[-1];
	if ($result->{error})
	{
		$session->query('ROLLBACK') if $change;
		$query->{error} = "$result->{error}{C} $result->{error}{M}";
		# a partition sees a missing key as out of its bounds
		return 'error ' . ($result->{error}{C} =~ /^23/ ? '23' : $result->{error}{C});
	}
	$result = $results[$at];
	my $text = join "\n", (sort map { join '|', map { $_ // '~' } @$_ } @{ $result->{rows} }), $result->{tag};
	$text .= "\n$changed[$_]: " . join ' ', map { $_->[0] } @{ $results[ $at + 1 + $_ ]{rows} } for 0 .. $#changed;
	return $text;
}

# Whether the forms of a query agree: undef, or a failure.
sub check
{
	my ($query) = @_;
	my @answers = map { answer($query, $_) } @{ $query->{forms} };
	return { kind => 'server lost', message => $query->{forms}[0][1] } if $session->{status} eq 'lost';
	return { kind => 'internal', message => "$query->{error} in: $query->{forms}[0][1]" } if grep { /^error (?:XX|57P|58)/ } @answers;
	return if $answers[0] eq $answers[1];
	return if grep { /^error 57014/ } @answers;
	my ($a, $b) = @answers;
	if ($query->{what} eq 'three-way partition') { s/\nSELECT \d+$// for $a, $b; return if $a eq $b }
	return { kind => $query->{what}, message => 'the two differ: ' . summary($a, $b) };
}

# The lines that only one has.
sub summary
{
	my @sides = map { [ split /\n/ ] } @_;
	my @text;
	for (0, 1)
	{
		my %other;
		$other{$_}++ for @{ $sides[ 1 - $_ ] };
		my @only = grep { !$other{$_} || $other{$_}-- <= 0 } @{ $sides[$_] };
		push @text, ($_ ? 'second' : 'first') . ' only: ' . join '; ', @only[ 0 .. (@only > 4 ? 3 : $#only) ];
	}
	return join ', ', @text;
}

# Sessions and tables are not what they were.
sub forget { undef $session; undef $world; return }

# One query. Returns undef or a failure.
sub round
{
	my ($seed, $shrink_seconds) = @_;
	my $which = int($seed / $queries_a_world);
	if (!defined $world || $world != $which || $session->{status} eq 'lost') { make_world($which); $world = $which }
	srand $seed;
	(@numbers, $next, $replaying) = ();
	$next = 0;
	my $query = make_query();
	my $failure = check($query) or return;
	my $best = $query;
	if ($failure->{kind} !~ /lost/)
	{
		my $until = time + $shrink_seconds;
		$replaying = 1;
		my @best = @numbers;
		my $try = sub {
			@numbers = @_;
			$next = 0;
			my $smaller = make_query();
			return 0 if length(join '', map { $_->[1] } @{ $smaller->{forms} }) > length(join '', map { $_->[1] } @{ $best->{forms} });
			my $again = check($smaller);
			return 0 if !$again || $again->{kind} ne $failure->{kind};
			($best, $failure) = ($smaller, $again);
			@best = @_;
			return 1;
		};
		my $changed = 1;
		while ($changed && time < $until)
		{
			$changed = 0;
			for my $size (16, 8, 4, 2, 1)
			{
				for (my $i = 0 ; $i < @best && time < $until ; $i++)
				{
					my @rest = @best;
					splice @rest, $i, $size;
					while ($i < @best && time < $until && $try->(@rest)) { $changed = 1; @rest = @best; splice @rest, $i, $size }
					last if $i >= @best;
					if ($size == 1 && $best[$i]) { my @zero = @best; $zero[$i] = 0; $changed = 1 if $try->(@zero) }
				}
			}
		}
	}
	$failure->{script} = join '', map { "$_;\n" } 'SET client_min_messages = error', @world_sql, ($best->{set} ? "SET $best->{set} = off" : ()),
	  map { ($best->{what} eq 'change' ? 'BEGIN' : (), "SET search_path = $_->[0], public", $best->{generic} && $best->{what} ne 'change' ? ('SET plan_cache_mode = force_generic_plan', "PREPARE q AS $_->[1]", 'EXECUTE q', 'DEALLOCATE q') : $_->[1],
		$best->{what} eq 'change' ? 'ROLLBACK' : ()) } @{ $best->{forms} };
	return $failure;
}

1;
