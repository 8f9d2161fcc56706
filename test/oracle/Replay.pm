# Runs the steps of a case of Schemas, looks at all rows after each, and holds them against the Model. Shrinks a case that fails.
package Replay;
use strict;
use warnings;
use Wire;
use Model;
use Erasure;
use Batches;
use Time::HiRes 'time';

# SQLSTATEs of statements that mean what a shrunk case has lost.
my $lost = qr/^(?:42P01|42703|42704|42883|3F000|42P06|42P07|42701|42710|26000|34000|24000|25P01|3B001|42809|42P10|42830|42846|42804)$/;

# How often what came of steps, to see that they do something: "op SQLSTATE" => times.
our %count;

# No statement may end so.
my $never = qr/^(?:XX|57P0|58|53|40)/;

# Replay steps on database d. Returns undef, or a failure: { kind, message, at, log }. tolerant: what shrinking has made
# impossible is passed over. until: no longer than that.
sub replay
{
	my ($steps, %params) = @_;
	my $session = Wire->new(database => $params{database} // 'oracle');
	my (@log, $state, $open, $savepoint, $begun, $fetched, $failed, $changed_open, $constraints);
	my %back;    # rows that came back in the transaction: they reference anew, whatever they were when it began
	# holds in the order in which they were placed, each a set of rows; what is erased, and was; tables whose rows a purge erases
	my (@holds, %said, %erased, %purge_erases);
	my $run = sub {
		push @log, $_[0];
		my @results = $session->query($_[0], $params{timeout} // 60);
		return $results[-1] // { rows => [], tag => '' };
	};
	# Ends what a failed statement has aborted.
	my $give_up = sub {
		return if $session->{status} ne 'E';
		$run->('ROLLBACK TO p') if $savepoint;
		return if $session->{status} ne 'E';
		$run->('ROLLBACK');
		$open = $savepoint = 0;
		return;
	};
	my $fail = sub {
		my ($kind, $message) = @_;
		return { kind => $kind, message => $message, at => $params{at}, log => [@log], pid => $session->{pid} };
	};
	$session->query(q{SELECT account.release_hold(id, 'over') FROM (SELECT DISTINCT id FROM account.hold WHERE released_at IS NULL) h});
	$session->must('SET client_min_messages = warning; DROP SCHEMA IF EXISTS s CASCADE; SET search_path = s, public; SET TimeZone = \'UTC\'; SET lock_timeout = \'10s\'');
	# the tables, before anything is looked at
	my $setup = grep { !$_->{check} } @$steps;
	$setup = 0 if grep { $_->{check} } @{$steps}[ 0 .. $setup - 1 ];
	my @answers = $setup ? $session->pipeline(map { $_->{sql} } @{$steps}[ 0 .. $setup - 1 ]) : ();
	for my $n (0 .. $#$steps)
	{
		my $step = $steps->[$n];
		$params{at} = $n;
		if (defined $params{until} && time > $params{until}) { $session->quit; return }
		my ($matched, $plan, $result, $after, @matched);
		my $checks = $step->{check};
		if (!$checks)
		{
			($result) = $n < $setup ? $answers[$n][-1] : $session->query($step->{sql});
			my $code = $result->{error} ? $result->{error}{C} : '00000';
			$said{ $step->{table} }{ $step->{column} } = $step->{method} if $step->{op} eq 'set_erasure' && $code eq '00000';
			$purge_erases{ $step->{table} } = 1 if $step->{op} eq 'set_purge' && $code eq '00000';
			next if $code ne '00000' && $params{tolerant} && $code =~ /$lost|^(?:23|22|21)/;
			push @log, $step->{sql};
			return $fail->('server lost', 'the server went away') if $session->{status} eq 'lost';
			return $fail->("internal $code", "$code $result->{error}{M}") if $code =~ $never;
			return $fail->("setup $code", "$code $result->{error}{M} in: $step->{sql}") if $code ne '00000' && !grep { $_ eq $code } @{ $step->{allow} // [] };
			next;
		}
		if (!$state)
		{
			$state = Model::look($session);
			my $complaint = Model::invariants($state, 0);
			return $fail->('setup', $complaint) if $complaint;
		}

		# what the statement will find, its plan, itself, and the rows afterwards, in one message
		my $show = $step->{op} =~ /restore|cleanup|purge|insert|erase|batches|hold/;
		# what a transaction has changed of a table is undone with it
		$changed_open = $constraints = 0 if !$open;
		$constraints = 1 if $step->{op} eq 'constraints';
		$changed_open = 1 if $step->{op} eq 'enable';
		my $known = $step->{op} ne 'ddl' && !$changed_open;
		my $stay = Model::under_hold($state, @holds);
		if ($step->{op} eq 'batches')
		{
			my ($complaint, $now) = Batches::run($session, $step, $state, $stay, \@log, \%count);
			return $fail->(@$complaint) if $complaint;
			$state = $now;
			next;
		}
		my @ask = $step->{match} && !$step->{current} ? ($show ? "SET pgaccount.show_deleted = on; $step->{match}; RESET pgaccount.show_deleted" : $step->{match}) : ();
		push @ask, $step->{plan} // (), $step->{sql}, $known ? $state->{statement} : ();
		my @given = $session->pipeline(@ask);
		if ($session->{status} eq 'lost') { push @log, $step->{sql}; return $fail->('server lost', 'the server went away') }
		if ($step->{match} && !$step->{current})
		{
			my $given = shift @given;
			if (my $error = $given->[-1]{error})
			{
				push @log, $step->{match};
				return $fail->("match $error->{C}", "$error->{C} $error->{M} in: $step->{match}") if $error->{C} !~ ($params{tolerant} ? $lost : qr/^(?:42703|42P01|42704)/);
				# a renamed column, or one that a failed statement did not make
				pop @log if $session->{status} ne 'E';
				$give_up->();
				$state = Model::look($session);
				next;
			}
			@matched = map { $_->[0] } @{ $given->[ $show ? 1 : 0 ]{rows} };
		}
		if ($step->{plan})
		{
			$plan = (shift @given)->[-1];
			if ($plan->{error} && $session->{status} eq 'E')
			{
				# the same must come of the cleanup, which the transaction is too late for
				push @log, $step->{plan};
				$give_up->();
				$state = Model::look($session);
				next;
			}
		}
		push @log, $step->{sql};
		$result = (shift @given)->[-1] // { rows => [], tag => '' };
		my $code = $result->{error} ? $result->{error}{C} : '00000';
		my $said = $result->{error} ? "$code $result->{error}{M}" . ($result->{error}{D} ? " ($result->{error}{D})" : '') : $result->{tag};
		return $fail->("internal $code", $said) if $code =~ $never;
		if ($params{tolerant} && $code =~ $lost)
		{
			pop @log if $session->{status} ne 'E';
			$give_up->();
			$state = Model::look($session);
			next;
		}
		my $was_open = $open;
		my $back_to = $savepoint;
		$give_up->();
		if ($step->{op} eq 'fetch') { $fetched = $result->{rows}[0] ? $result->{rows}[0][0] : undef }
		if ($step->{op} eq 'savepoint' && $code eq '00000') { $savepoint = $state }
		if ($step->{op} eq 'begin' && !$open) { $begun = $state; %back = () }
		$open = $session->{status} eq 'T';

		$after = !$known ? Model::look($session) : $was_open && $code ne '00000' || !$given[0] || $given[0][-1]{error} ? Model::look($session, $state) : Model::read_rows($state, @{ $given[0] });
		my $complaint = Model::invariants($after, $open);
		return $fail->('invariant ' . kind_of($complaint), "after $said: $complaint") if $complaint;

		$count{"$step->{op} $code" . ($step->{op} eq 'purge' && $purge_erases{"s.$step->{target}"} ? ' erases' : '') . ($code eq '00000' && $step->{match} ? @matched ? ' some' : ' none' : '')}++;
		my $refused = $code ne '00000';
		if ($refused && $was_open && !$open)
		{
			# the whole transaction is undone
			my $changed = Model::same($begun, $after);
			return $fail->('undone', "a failed transaction has changed something ($said): $changed") if $changed;
			$savepoint = undef;
		}
		elsif ($refused)
		{
			my $changed = Model::same($was_open && $back_to ? $back_to : $state, $after);
			return $fail->('undone', "a refused statement has changed something ($said): $changed") if $changed;
		}
		$back{$_} = 1 for grep { $after->{rows}{$_} && $state->{rows}{$_}{dead} && !$after->{rows}{$_}{dead} } keys %{ $state->{rows} };
		my %allowed = map { $_ => 1 } @{ $step->{allow} // [] };
		# what commands do to tables with rows under a hold is not foretold
		$allowed{PT423} = 1 if %$stay && $step->{op} =~ /^(?:ddl|enable|update|truncate|set_erasure)$/;
		my $op = $step->{op};
		my ($lost) = $op =~ /^(?:release_hold|release|end)$/ || $was_open && $code ne '00000' ? () : grep { !$after->{rows}{$_} } keys %$stay;
		return $fail->('hold', "$said: row $lost of $state->{rows}{$lost}{leaf} is gone, though a hold keeps it") if defined $lost;
		if ($op eq 'delete' || $op eq 'restore' || $op eq 'cleanup' || $op eq 'purge' || $op eq 'erase')
		{
			@matched = $step->{current} && defined $fetched && !$state->{rows}{$fetched}{dead} ? $fetched : () if $step->{current};
			# setting a column deletes nothing where soft delete is off, or has another
			my ($stamp) = ($step->{tag} // '') eq 'UPDATE' ? $step->{sql} =~ / SET (\w+) = now/ : ();
			my $deletes = sub { my $row = $state->{rows}{ $_[0] }; return $row && (!defined $stamp || $row->{soft} && $state->{tables}{ $row->{leaf} }{stamp} eq $stamp) };
			my @plain = grep { $state->{rows}{$_} && !$deletes->($_) } @matched;
			@matched = grep { $deletes->($_) } @matched if defined $stamp;
			my $erases = $op eq 'purge' && $purge_erases{"s.$step->{target}"};
			my $p = $op eq 'delete' ? Model::delete_rows($state, $stay, @matched)
			  : $op eq 'restore' ? Model::restore_rows($state, $step->{within}, @matched)
			  : $op eq 'cleanup' ? Model::clean_up($state, $stay, $step->{force}, @matched)
			  : $op eq 'erase' ? Erasure::erase($state, $stay, \%said, @matched)
			  : $erases ? Erasure::purge($state, $stay, \%said, \%erased, @matched)
			  : Model::purge($state, $stay, $step->{force}, @matched);
			$p->{set}{$_}{$stamp} = 'any' for @plain;
			# of two reasons either may be said
			$allowed{PT423} = 1 if %$stay && $op eq 'delete' && %{ $p->{must} };
			my $complaint = judge($step, $state, $after, $p, $result, $code, $said, $open, \%allowed, $plan, @matched);
			return $fail->(@$complaint) if $complaint;
			if (!$refused && ($op eq 'erase' || $erases)) { $erased{$_} = $after->{rows}{$_}{stamp} for keys %{ $p->{set} } }
		}
		elsif ($op eq 'end')
		{
			my $dangles = @{ $state->{dangling} };
			if ($step->{sql} eq 'ROLLBACK' || $result->{tag} && $result->{tag} eq 'ROLLBACK')
			{
				my $changed = $begun && $was_open && Model::same($begun, $after);
				return $fail->('rollback', "ROLLBACK has left something: $changed") if $changed;
			}
			elsif ($refused) { return $fail->("commit $code", $said) if $code ne '23503' || !$dangles && !refer_to_dead($begun, $state, 0, undef, \%back) }
			else
			{
				# what is judged at once was: a row may have been deleted since it was referenced
				my $complaint = $begun && $was_open && !$constraints && refer_to_dead($begun, $after, 0, sub { $_[0]{waits} });
				return $fail->('guard', $complaint) if $complaint;
				my $changed = Model::same($state, $after);
				return $fail->('commit', "COMMIT has changed something: $changed") if $changed;
			}
			$savepoint = undef;
		}
		elsif ($op eq 'release')
		{
			if ($step->{sql} eq 'ROLLBACK TO p' && $savepoint && !$refused)
			{
				my $changed = Model::same($savepoint, $after);
				return $fail->('rollback', "ROLLBACK TO has left something: $changed") if $changed;
			}
			return $fail->("state $code", $said) if $refused && $code !~ /^(?:25P01|3B001)$/;
			$savepoint = undef if $step->{sql} ne 'ROLLBACK TO p' || !$open;
		}
		elsif ($op eq 'insert')
		{
			return $fail->("insert $code", $said) if $refused && !$allowed{$code} && !($code eq 'PT423' && %$stay);
			my $complaint = $refused ? undef : refer_to_dead($state, $after, $open);
			return $fail->('guard', $complaint) if $complaint;
			if (defined $step->{mail})
			{
				# who else has a unique key of the new row
				my %known = map { $_ => 1 } @matched;
				push @matched, grep { !$known{$_} && is_mail_of($state, $_, $step) } keys %{ $state->{rows} };
			}
			my $p = Model::insert_row($state, $stay, grep { $state->{rows}{$_} } @matched);
			return $fail->('replace', "$said, though the new row replaces " . join ', ', keys %{ $p->{gone} }) if $p->{replaces} && !$p->{unsure} && $code eq '23505';
			return $fail->('hold', "$said, though the deleted row $p->{taken} is under a hold") if $p->{held} && !$p->{unsure} && $code !~ /^(?:PT423|2350[23]|23514)$/;
			if (!$refused)
			{
				# a hidden row would take the new one's place silently
				return $fail->('reinsert', "$result->{tag}, though the deleted row $p->{taken} has the key")
				  if $p->{taken} && !$p->{replaces} && !$p->{unsure} && (!$step->{conflict} || $state->{tables}{ $state->{rows}{ $p->{taken} }{leaf} }{hidden} && !grep { !$state->{rows}{$_}{dead} } @matched);
				$count{'insert replaces'}++ if $p->{replaces};
				my ($count) = $result->{tag} =~ /(\d+)$/;
				my @new = grep { !$state->{rows}{$_} } keys %{ $after->{rows} };
				my $expected = $step->{conflict} =~ /UPDATE/ ? 1 : scalar @new;
				return $fail->('insert count', "$result->{tag} of " . @new . ' new rows') if $count != $expected || @new > 1 || !@new && !$step->{conflict};
				return $fail->('insert dead', "new row $new[0] is deleted") if @new && $after->{rows}{ $new[0] }{dead};
				my %was = (%$after, rows => { map { $_ => $after->{rows}{$_} } grep { $state->{rows}{$_} } keys %{ $after->{rows} } });
				if (!@new && $step->{conflict} =~ /UPDATE/) { $p->{set}{$_} = { a => 'any', b => 'any', g => 'any' } for @matched }
				$p->{gone} = { map { $_ => 1 } grep { !$after->{rows}{$_} } keys %{ $p->{gone} } } if $p->{unsure};
				my $complaint = Model::compare($state, \%was, $p);
				return $fail->('insert', "$said: $complaint") if $complaint;
			}
		}
		elsif ($op eq 'update')
		{
			return $fail->("update $code", $said) if $refused && !$allowed{$code};
			my $complaint = $refused ? undef : refer_to_dead($state, $after, $open);
			return $fail->('guard', $complaint) if $complaint;
			for ($refused ? () : sort keys %{ $state->{rows} })
			{
				my $row = $after->{rows}{$_};
				return $fail->('update', "row $_ of $state->{rows}{$_}{leaf} has gone by an UPDATE ($said)") if !$row;
				return $fail->('update', "row $_ of $state->{rows}{$_}{leaf} is " . ($row->{dead} ? 'deleted' : 'back') . " by an UPDATE ($said)") if !$row->{dead} != !$state->{rows}{$_}{dead};
			}
		}
		elsif ($op eq 'truncate')
		{
			my $soft = grep { $_->{soft} && $step->{sql} eq "TRUNCATE s.$_->{root}" } values %{ $state->{tables} };
			return $fail->("truncate $code", $said) if $refused ? $code !~ /^(?:0A000|23503)$/ && !$allowed{$code} : $soft;
		}
		elsif ($op eq 'hold')
		{
			return $fail->("hold $code", $said) if $refused && !$allowed{$code};
			return $fail->('hold', "$said, though there are no such rows") if !$refused && !@matched;
			push @holds, { map { $_ => 1 } @matched } if !$refused;
		}
		elsif ($op eq 'release_hold')
		{
			return $fail->("release_hold $code", $said) if $refused;
			return $fail->('hold', "$said, with " . @holds . ' holds') if @{ $result->{rows} } != !!@holds;
			shift @holds;
		}
		elsif ($op eq 'set_erasure')
		{
			return $fail->("set_erasure $code", $said) if $refused && !$allowed{$code};
			$said{ $step->{table} }{ $step->{column} } = $step->{method} if !$refused;
			return $fail->('set_erasure', "$said: $step->{column} is a key") if !$refused && grep { grep { $_ eq $step->{column} } @{ $_->{columns} } } grep { "s.$_->{child}" eq $step->{table} } values %{ $state->{keys} };
		}
		elsif ($op eq 'set_purge')
		{
			return $fail->("set_purge $code", $said) if $refused && !$allowed{$code};
			$purge_erases{ $step->{table} } = $step->{sql} =~ /'erase'/ if !$refused;
		}
		elsif ($refused && !$allowed{$code} && $code ne '25P01' && $op ne 'begin')
		{
			return $fail->("$op $code", "$said in: $step->{sql}");
		}
		$state = $after;
	}
	$session->quit;
	return;
}

sub kind_of
{
	my ($complaint) = @_;
	return join ' ', grep { /^[a-z,]+$/ } split / /, $complaint;
}

# Has a row the unique mail of a new one? A deleted row where the index holds all.
sub is_mail_of
{
	my ($state, $rid, $step) = @_;
	my $row = $state->{rows}{$rid};
	return 0 if $step->{sql} !~ /^INSERT INTO s\.\Q$row->{root}\E /;
	return 0 if $row->{dead} && !$state->{tables}{ $row->{leaf} }{mail_of_all};
	return (Model::columns($row->{text})->{mail} // '') eq $step->{mail};
}

# With guard_references no row that is new or changed references a deleted one.
sub refer_to_dead
{
	my ($before, $after, $open, $which, $back) = @_;
	for my $name (sort keys %{ $after->{edges} })
	{
		my $key = $after->{keys}{$name};
		next if $which && !$which->($key);
		# one trigger guards all keys of a pair of tables, that of the key which came first, and may wait for another's sake
		next if !$key->{guarded} || !$before->{keys}{$name}{guarded} || $open && ($key->{declared}
			|| grep { $_->{may_wait} && $_->{child} eq $key->{child} && $_->{parent} eq $key->{parent} } values %{ $after->{keys} });
		my %had = map { ("@$_" => 1) } @{ $before->{edges}{$name} // [] };
		for (@{ $after->{edges}{$name} })
		{
			my ($child, $parent) = @$_;
			# a child that comes back references its parent anew
			next if $had{"$child $parent"} && !$back->{$child} && !($before->{rows}{$child} && $before->{rows}{$child}{dead}) || !$after->{rows}{$parent}{dead} || $after->{rows}{$child}{dead};
			return "row $child of $after->{rows}{$child}{leaf} has come to reference the deleted row $parent by the guarded key $name";
		}
	}
	return;
}

# Whether a statement did what was predicted. Returns undef, or [ kind, message ].
sub judge
{
	my ($step, $state, $after, $p, $result, $code, $said, $open, $allowed, $plan, @matched) = @_;
	my $refused = $code ne '00000';
	my %must = %{ $p->{must} };
	my $op = $step->{op};
	# a deferred key is looked at later
	my $codes = join ' ', sort keys %{ { %must, %{ $p->{may} } } };
	if ($refused)
	{
		return if $allowed->{$code};
		return if $op eq 'restore' && $code eq '23503' && !$Schemas::feature{two_parents};
		return if $code eq '25P01';
		# where a row has one key that cascades and one that is set, the server itself may look at the first too early
		return if $op eq 'delete' && $code eq '23503' && $said =~ /insert or update on table/;
		if ($op eq 'purge' || $op eq 'cleanup')
		{
			return ["plan and $op", "cleanup_plan said " . ($plan->{error} ? $plan->{error}{C} : 'otherwise') . ", cleanup $said"]
			  if $plan && $plan->{error} && $plan->{error}{C} ne $code;
		}
		return ["$op $code", "refused: $said; expected " . ($codes || 'success')] if !$must{$code} && !$p->{may}{$code};
		if ($op eq 'cleanup' && $code =~ /^(?:23001|PT423)$/) { return compare_plan($plan, $p, 'plan of a refused cleanup') }
		return;
	}
	if (%must && !$open) { return [ "$op not refused", "$said, though expected $codes" ] }
	if (%must) { delete $must{23503}; return [ "$op not refused", "$said, though expected $codes" ] if %must && !(keys %must == 1 && $must{23001} && $codes =~ /23503/) }
	if ($op eq 'restore')
	{
		if (%{ $p->{moved} } && !$Schemas::feature{two_parents}) { return }
	}
	my $complaint = Model::compare($state, $after, $p);
	return [ "$op result", "$said: $complaint" ] if $complaint;
	my ($count) = ($result->{tag} // '') =~ /(\d+)$/;
	if ($op eq 'delete')
	{
		my %unique = map { $_ => 1 } grep { !$state->{rows}{$_}{dead} } @matched;
		my $n = keys %unique;
		my $tag = ($step->{tag} // 'DELETE') . " $n";
		return if $step->{tag} && $step->{tag} eq 'UPDATE';
		return [ 'tag', "$result->{tag}, not $tag" ] if $result->{tag} ne $tag && $step->{sql} !~ /^EXECUTE/ || $count != $n;
		if ($step->{returning})
		{
			my $got = join ' ', sort map { $_->[0] } @{ $result->{rows} };
			my $want = join ' ', sort keys %unique;
			return [ 'returning', "RETURNING gave rows $got, not $want" ] if $got ne $want;
		}
	}
	elsif ($op eq 'restore')
	{
		# what another deleted parent keeps goes on with that one's stamp
		for my $rid (sort { $a <=> $b } grep { $state->{rows}{$_}{stamp} ne ($after->{rows}{$_}{stamp} // '') } keys %{ $p->{moved} })
		{
			my @parents = map { my $key = $_; map { $_->[1] } grep { $_->[0] == $rid && $after->{rows}{ $_->[1] }{dead} && Model::follows($after, $after->{keys}{$key}, $rid) } @{ $after->{edges}{$key} } } keys %{ $after->{edges} };
			return [ 'restore stamp', "$said: row $rid of $after->{rows}{$rid}{leaf} stays deleted with a stamp that no parent has" ] if !grep { Model::same_stamp($after, $rid, $_) } @parents;
		}
		my $n = keys %{ $p->{back} };
		return [ 'restore count', "restore said $result->{rows}[0][0], $n rows came back" ] if $result->{rows}[0][0] != $n;
	}
	elsif (defined $p->{count})
	{
		return [ "$op count", "$op said $result->{rows}[0][0], $p->{count} rows were to be erased" ] if $result->{rows}[0][0] != $p->{count} && !$p->{unsure};
	}
	elsif ($op eq 'purge')
	{
		# rows of a table that inherits, which are not deleted themselves, go along like those of any other table
		# nor is it told whose those are that go by force with rows of the other table
		my %roots = map { $state->{rows}{$_}{root} => 1 } @matched;
		return if $step->{force} && keys %roots > 1;
		my $n = grep { $p->{gone}{$_} && ($state->{rows}{$_}{dead} || $state->{rows}{$_}{root} =~ /(?:^|\.)$step->{target}$/) } @matched;
		return [ 'purge count', "purge said $result->{rows}[0][0], $n rows went" ] if $result->{rows}[0][0] != $n;
	}
	elsif ($op eq 'cleanup')
	{
		return compare_plan($plan, $p, 'plan') || compare_plan($result, $p, 'cleanup');
	}
	return;
}

# Whether the rows of a plan are those of the prediction.
sub compare_plan
{
	my ($plan, $p, $what) = @_;
	my %said;
	for (@{ $plan->{rows} })
	{
		my ($step, $relation, $via, $action, $rows) = @$_;
		$said{ $action eq 'delete' ? "$relation delete" : "$relation $action $via" } += $rows;
	}
	$said{$_} or delete $said{$_} for keys %said;
	my ($got, $want) = map { my $h = $_; join ', ', map { "$_ $h->{$_}" } sort keys %$h } \%said, $p->{plan};
	return [ $what, "$what: $got; expected: $want" ] if $got ne $want;
	return;
}

# The fewest steps that still fail alike, found within so many seconds.
sub shrink
{
	my ($steps, $failure, %params) = @_;
	my $until = time + ($params{seconds} // 60);
	my @steps = @{$steps}[ 0 .. $failure->{at} ];
	my $best = $failure;
	my $size = int(@steps / 2) || 1;
	while (time < $until)
	{
		my $smaller = 0;
		for (my $from = @steps - $size ; $from > -$size && time < $until ; $from -= $size)
		{
			my $start = $from < 0 ? 0 : $from;
			my $end = $from + $size - 1;
			next if $end < $start;
			my @rest = @steps[ grep { $_ < $start || $_ > $end } 0 .. $#steps ];
			my $again = eval { replay(\@rest, %params, tolerant => 1, until => $until) };
			if ($again && $again->{kind} eq $failure->{kind})
			{
				@steps = @rest[ 0 .. $again->{at} ];
				$best = $again;
				$smaller = 1;
				$from = @steps if $from > @steps;
			}
		}
		if ($size == 1) { last if !$smaller }
		else { $size = int($size / 2) || 1 }
	}
	return ($best, \@steps);
}

1;
