# A cleanup in batches: stopped by its time, cancelled, or its session killed, wherever it is, and called again, until all is gone. After each
# stop nothing dangles, what is gone was to go, what stays is as it was, and nothing but the row itself is deleted softly; at the end it
# is what a cleanup in one transaction leaves.
package Batches;
use strict;
use warnings;
use Wire;
use Model;
use Time::HiRes 'sleep';

my $control;

# A session of a superuser, beside the one that runs.
sub control
{
	$control = Wire->new(database => 'oracle', name => 'control') if !$control || $control->{status} eq 'lost' || !eval { $control->must('SELECT 1'); 1 };
	return $control;
}

sub forget { undef $control; return }

# Run a step. Returns a complaint, or undef and the state that it leaves.
sub run
{
	my ($session, $step, $before, $stay, $log, $count) = @_;
	my ($result) = reverse $session->query("SET pgaccount.show_deleted = on; $step->{match}");
	$session->query('RESET pgaccount.show_deleted');
	if ($result->{error}) { return (undef, Model::look($session)) }
	my @rids = map { $_->[0] } @{ $result->{rows} };
	my $p = Model::clean_up($before, $stay, $step->{force}, @rids);
	my $role = $session->rows('SELECT current_user')->[0][0];
	my ($last) = @{ control()->rows('SELECT coalesce(max(id), 0) FROM account.removal')->[0] };
	my ($stops, $now, $code, $said);
	for (my $calls = 1 ; ; $calls++)
	{
		return [ 'batches end', 'the removal does not end' ] if $calls > 200;
		push @$log, $step->{sql};
		($code, $said) = call($session, $role, $step, $calls);
		$now = Model::look($session, $before);
		my $complaint = Model::invariants($now, 0);
		return [ 'invariant', "after $said: $complaint" ] if $complaint;
		if ($code =~ /^(?:57014|57P01)$/) { $stops++ }
		elsif ($code ne '00000') { return refused($before, $now, $p, $code, $said, $last) }
		$complaint = prefix($before, $now, $p, \@rids);
		return [ 'batches prefix', "after $said in call $calls: $complaint" ] if $complaint;
		next if $code ne '00000';
		my ($task) = @{ control()->rows("SELECT state, done FROM account.removal WHERE id > $last ORDER BY id DESC LIMIT 1") };
		return [ 'batches', "$said, and no removal is recorded" ] if !$task && @rids;
		next if $task && $task->[0] eq 'paused';
		return [ 'batches', "$said, and the removal is $task->[0]" ] if $task && $task->[0] ne 'finished';
		return [ 'batches count', "$task->[1] rows are counted, not " . keys %{ $p->{gone} } ] if $task && $task->[1] != keys %{ $p->{gone} };
		last;
	}
	$count->{"batches $code" . ($stops ? ' stopped' : '')}++;
	return [ 'batches not refused', "$said, though expected " . join ' ', keys %{ $p->{must} } ] if %{ $p->{must} };
	my $complaint = Model::compare($before, $now, $p);
	return [ 'batches result', "$said: $complaint" ] if $complaint;
	return (undef, $now);
}

# One call: its SQLSTATE, and what it said. Some of the first are stopped.
sub call
{
	my ($session, $role, $step, $calls) = @_;
	my $result;
	if ($step->{stop} eq 'time' || $calls > 8 || rand() < 0.3) { ($result) = $session->query($step->{sql}) }
	else
	{
		my $doomed = Wire->new(database => 'oracle', name => 'doomed');
		$doomed->must("SET client_min_messages = warning; SET search_path = s, public; SET ROLE $role");
		$doomed->send_query($step->{sql});
		sleep rand() * 0.02;
		if ($step->{stop} eq 'kill') { control()->must("SELECT pg_terminate_backend($doomed->{pid})") }
		else                         { $doomed->cancel }
		($result) = $doomed->receive;
		eval { $doomed->quit };
		for (1 .. 2000) { last if control()->rows("SELECT count(*) FROM pg_stat_activity WHERE pid = $doomed->{pid}")->[0][0] == 0; sleep 0.002 }
	}
	my $code = $result->{error} ? $result->{error}{C} : '00000';
	return ($code, $result->{error} ? "$code $result->{error}{M}" : $result->{tag});
}

# A call has failed: as a cleanup would, and then nothing has changed, or where a default references nothing. The rest is called off.
sub refused
{
	my ($before, $now, $p, $code, $said, $last) = @_;
	return [ "batches $code", "refused: $said; expected " . (join(' ', sort keys %{ $p->{must} }, keys %{ $p->{may} }) || 'success') ] if !$p->{must}{$code} && !$p->{may}{$code} && $code ne '22023';
	my $begun = control()->rows("SELECT count(*) FROM account.removal WHERE id > $last AND state NOT IN ('finished', 'cancelled')")->[0][0];
	control()->must("SELECT account.cancel_removal(id) FROM account.removal WHERE id > $last AND state NOT IN ('finished', 'cancelled')") if $begun;
	return (undef, $now) if $begun && !$p->{must}{$code};
	my $changed = Model::same($before, $now);
	return [ 'undone', "a refused removal has changed something ($said): $changed" ] if $changed;
	return (undef, $now);
}

# What may be after any number of batches.
sub prefix
{
	my ($before, $now, $p, $rids) = @_;
	my %root = map { $_ => 1 } @$rids;
	for my $rid (sort { $a <=> $b } keys %{ $before->{rows} })
	{
		my ($old, $new) = map { $_->{rows}{$rid} } $before, $now;
		my $where = "row $rid of $old->{leaf}";
		if (!$new) { return "$where is gone" if !$p->{gone}{$rid}; next }
		return "$where is " . ($new->{dead} ? 'deleted' : 'live') if !$old->{dead} != !$new->{dead} && !($root{$rid} && $new->{dead});
		return "$where has another stamp" if $old->{dead} && $old->{stamp} ne $new->{stamp};
		# references within what goes may be set, so that it can go in any order
		next if $p->{gone}{$rid} || $old->{text} eq $new->{text};
		my ($a, $b) = (Model::columns($old->{text}), Model::columns($new->{text}));
		for my $column (sort keys %$a)
		{
			return "$where: $column is " . ($b->{$column} // 'NULL') . ', not ' . ($a->{$column} // 'NULL')
			  if ($a->{$column} // "\x1e") ne ($b->{$column} // "\x1e") && !exists(($p->{set}{$rid} // {})->{$column});
		}
	}
	for (keys %{ $now->{rows} }) { return "row $_ of $now->{rows}{$_}{leaf} is new" if !$before->{rows}{$_} }
	return;
}

1;
