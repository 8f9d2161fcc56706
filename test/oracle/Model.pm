# What must become of rows: an account of soft delete, of the server's referential actions, of restore, purge and
# cleanup, over rows and references as observe.sql shows them. It knows nothing of how the extension does it.
#
# A state is what look() gives. A prediction is
#	gone, dead, back   sets of rows that vanish, are deleted softly, return
#	set                row => { column => value or undef }: what referential actions write
#	must, may          SQLSTATEs: with any in must the statement fails with one of must and may
#	moved              row => set of stamps that it takes over instead of returning
#	either             rows of which two orders of work make different things
#
# What a statement alone cannot tell is given with it: rows under holds, and what owners have said of erasure.
package Model;
use strict;
use warnings;
use Time::Local 'timegm';

# Columns separate by \x1f, NULL is \x1e.
sub columns
{
	my ($text) = @_;
	return { map { my ($k, $v) = split /=/, $_, 2; ($k => $v eq "\x1e" ? undef : $v) } split /\x1f/, $text // '' };
}

# The state of schema s. known: a state from before, between which and now no table and no key has changed.
sub look
{
	my ($session, $known) = @_;
	my %state = (tables => {}, keys => {});
	my ($tables, $keys) = ([], []);
	if ($known && $known->{statement}) { $state{$_} = $known->{$_} for qw(tables keys statement) }
	else
	{
		my @results = $session->query('SELECT observe.rows(), observe.edges(), observe.visible(); SELECT * FROM observe.table_list(); SELECT * FROM observe.key_list()');
		return { error => $results[-1]{error} } if $results[-1]{error};
		my @parts = @{ $results[0]{rows}[0] };
		$state{statement} = 'SET pgaccount.show_deleted = on; ' . ($parts[0] // 'SELECT LIMIT 0') . '; ' . ($parts[1] // 'SELECT LIMIT 0') . '; RESET pgaccount.show_deleted; '
		  . ($parts[2] // 'SELECT LIMIT 0');
		($tables, $keys) = ($results[1]{rows}, $results[2]{rows});
	}
	take_catalog(\%state, $tables, $keys);
	return read_rows(\%state, $session->query($state{statement}));
}

# What table_list and key_list say.
sub take_catalog
{
	my ($state, $tables, $keys) = @_;
	for (@$tables)
	{
		my %table;
		@table{qw(leaf root soft hidden on_parent flag digits replaces mail_of_all stamp heir_of)} = @$_;
		$table{$_} = ($table{$_} // 'f') eq 't' for qw(soft hidden flag replaces mail_of_all);
		$state->{tables}{ $table{leaf} } = \%table;
	}
	for (@$keys)
	{
		my %key;
		@key{qw(name child parent catalog action on_soft may_wait waits columns notnull defaults guarded declared)} = @$_;
		$key{$_} = ($key{$_} // 'f') eq 't' for qw(may_wait waits guarded declared);
		$key{columns} = [ split /,/, $key{columns} // '' ];
		$key{notnull} = ($key{notnull} // '') =~ /true/;
		$state->{keys}{ $key{name} } = \%key;
	}
	return;
}

# The state with tables and keys of another, and rows that its statement has given.
sub read_rows
{
	my ($like, @results) = @_;
	return { error => $results[-1]{error} } if $results[-1]{error};
	my %state = (rows => {}, visible => { root => {}, leaf => {} }, edges => {}, dangling => [], map { $_ => $like->{$_} } qw(tables keys statement));
	my ($rows, $edges, $visible) = map { $results[$_]{rows} } 1, 2, 4;
	for (@$rows)
	{
		my ($leaf, $rid, $stamp, $flag, $columns) = @$_;
		$state{twice} = $rid if $state{rows}{$rid};
		my $table = $state{tables}{$leaf};
		$state{rows}{$rid} = { leaf => $leaf, root => $table->{root}, soft => $table->{soft}, stamp => $stamp, flag => $flag,
			dead => $table->{soft} && defined $stamp, text => join("\x1f", sort split /\x1f/, $columns // '') };
	}
	for (@$edges)
	{
		my ($key, $child, $parent) = @$_;
		if (defined $parent) { push @{ $state{edges}{$key} }, [ $child, $parent ] }
		else                 { push @{ $state{dangling} }, [ $key, $child ] }
	}
	$state{visible}{ $_->[0] }{ $_->[1] }++ for @$visible;
	return \%state;
}

# An instant in UTC, as microseconds, in so many digits of a second.
sub instant
{
	my ($stamp, $digits) = @_;
	my ($y, $m, $d, $h, $min, $s, $fraction) = $stamp =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)(?:\.(\d+))?/ or return $stamp;
	my $unit = 10**(6 - $digits);
	my $micros = timegm($s, $min, $h, $d, $m - 1, $y) * 1_000_000 + substr(($fraction // 0) . '000000', 0, 6);
	return int(($micros + $unit / 2) / $unit);
}

# Were two rows deleted at once? Their tables may have stamps of other precision.
sub same_stamp
{
	my ($state, $a, $b) = @_;
	my ($first, $second) = map { $state->{rows}{$_} } $a, $b;
	return 1 if $first->{stamp} eq $second->{stamp};
	my ($x, $y) = map { $state->{tables}{ $_->{leaf} }{digits} // 6 } $first, $second;
	my $digits = $x < $y ? $x : $y;
	return instant($first->{stamp}, $digits) == instant($second->{stamp}, $digits);
}

# What must hold of every state. Returns a complaint, or undef. open: within a transaction.
sub invariants
{
	my ($state, $open) = @_;
	return "the state cannot be read: $state->{error}{C} $state->{error}{M}" if $state->{error};
	return "row $state->{twice} is there twice" if $state->{twice};
	for (@{ $state->{dangling} })
	{
		my ($key, $child) = @$_;
		next if $open && $state->{keys}{$key}{may_wait} || $state->{keys}{$key}{declared};
		return "key $key of row $child of $state->{rows}{$child}{leaf} dangles";
	}
	for my $rid (sort { $a <=> $b } keys %{ $state->{rows} })
	{
		my $row = $state->{rows}{$rid};
		my $table = $state->{tables}{ $row->{leaf} };
		if ($row->{soft} && $table->{flag} && (($row->{flag} // 'false') eq 'true' xor defined $row->{stamp}))
		{
			return "row $rid of $row->{leaf}: flag and stamp differ";
		}
		my $seen = !($row->{soft} && $table->{hidden} && $row->{dead});
		for (qw(root leaf))
		{
			my $times = $state->{visible}{$_}{$rid} // 0;
			return "row $rid of $row->{leaf}" . ($row->{dead} ? ', deleted,' : '') . " is seen $times times by the $_" if $times != $seen;
		}
	}
	for my $by (qw(root leaf))
	{
		for (keys %{ $state->{visible}{$by} })
		{
			return "row $_ is seen that is not there" if !$state->{rows}{$_};
		}
	}
	return;
}

# Does a child by this key follow the deletion of what it references?
sub follows
{
	my ($state, $key, $child) = @_;
	return 0 if !$state->{rows}{$child}{soft};
	return $key->{on_soft} eq 'follow' if $key->{on_soft};
	return $key->{action} eq 'c';
}

# A prediction of nothing.
sub nothing { return map { $_ => {} } qw(gone dead back set must may moved either) }

# The rows that must stay: those under a hold, and what their removal would take along, by catalog or policy.
sub under_hold
{
	my ($state, @holds) = @_;
	my %stay = map { map { $_ => 1 } keys %$_ } @holds;
	return \%stay if !%stay;
	my %children = children($state);
	my @queue = keys %stay;
	while (defined(my $rid = shift @queue))
	{
		for (@{ $children{$rid} })
		{
			my ($name, $child) = @$_;
			my $key = $state->{keys}{$name};
			push @queue, $child if ($key->{action} eq 'c' || $key->{catalog} eq 'c') && !$stay{$child}++;
		}
	}
	return \%stay;
}

# Whatever else would be refused: nothing goes that must stay, and what may go or not, may be refused. first: that is said before
# anything else.
sub refuse_held
{
	my ($p, $stay, $first) = @_;
	if (!grep { $stay->{$_} } keys %{ $p->{gone} })
	{
		$p->{may}{PT423} = 1 if grep { $stay->{$_} } keys %{ $p->{either} };
		return $p;
	}
	$p->{may} = $first ? {} : { %{ $p->{may} }, %{ $p->{must} } };
	$p->{must} = { PT423 => 1 };
	return $p;
}

# A DELETE of these rows, each softly or for good as its table says.
sub delete_rows
{
	my ($state, $stay, @rids) = @_;
	my %p = nothing();
	my $rows = $state->{rows};
	my (%first, @hard, @soft);
	for (@rids)
	{
		next if $rows->{$_}{dead};
		$first{$_} = 1;
		if ($rows->{$_}{soft}) { push @soft, $_; $p{dead}{$_} = 1 }
		else { push @hard, $_; $p{gone}{$_} = 1 }
	}
	my %children = children($state);
	follow($state, \%p, {}, @soft);
	refuse_softly($state, \%p, \%children, \%first);
	remove_softly($state, \%p, \%children, @soft);

	# referential actions of the rows that go for good
	my @queue = @hard;
	my @held;
	while (defined(my $rid = shift @queue))
	{
		for (@{ $children{$rid} })
		{
			my ($name, $child) = @$_;
			my $key = $state->{keys}{$name};
			my $row = $rows->{$child};
			my $action = $key->{catalog};
			next if $key->{declared};
			if ($action eq 'c')
			{
				if ($row->{soft} && $state->{tables}{ $row->{leaf} }{on_parent} ne 'delete') { $p{must}{23001} = 1 }
				elsif (!$p{gone}{$child}++) { push @queue, $child }
			}
			else { push @held, [ $key, $child ] }
		}
	}
	for (@held)
	{
		my ($key, $child) = @$_;
		next if $first{$child} && $p{gone}{$child};
		my $stays = $p{gone}{$child} ? 'may' : 'must';
		my $action = $key->{catalog};
		if ($action eq 'a') { $p{$stays}{23503} = 1 if $stays eq 'must' || !$key->{waits} }
		elsif ($action eq 'r') { $p{$stays}{$_} = 1 for qw(23503 23001) }
		else
		{
			write_keys(\%p, $key, $child) if $stays eq 'must';
			$p{$action eq 'n' ? $stays : 'may'}{23502} = 1 if $key->{notnull};
			$p{may}{23503} = 1 if $action eq 'd';
		}
	}
	return refuse_held(\%p, $stay, 0);
}

# Live rows that refuse the deletion of what they reference: unless they are deleted with it.
sub refuse_softly
{
	my ($state, $p, $children, $first) = @_;
	for my $rid (keys %{ $p->{dead} })
	{
		for (@{ $children->{$rid} })
		{
			my ($name, $child) = @$_;
			next if ($state->{keys}{$name}{on_soft} // '') ne 'refuse' || $state->{rows}{$child}{dead} || $first->{$child};
			# what follows by another key may be deleted by then
			$p->{ $p->{dead}{$child} ? 'may' : 'must' }{23001} = 1;
		}
	}
	return;
}

# Rows that are removed for good when what they reference is deleted: with what follows them, as a DELETE would. What is removed may be
# so before it would be deleted, or after: then it depends what becomes of what references it.
sub remove_softly
{
	my ($state, $p, $children, @soft) = @_;
	my %soft = map { $_ => 1 } @soft;
	my ($all, @held) = removed($state, $p, $children, {}, \%soft);
	return if !%$all;
	my ($least) = removed($state, $p, $children, $all, \%soft);
	for (@held)
	{
		my ($key, $child, $set, $rid) = @$_;
		if ($set->{$child})
		{
			# gone with what it references, or only when another row has followed
			$p->{may}{$_} = 1 for $set->{$child} eq 'at once' && $set->{$rid} eq 'at once' ? () : qw(23001 23502 23503);
			next;
		}
		my $stays = $all->{$child} ? 'may' : 'must';
		if ($key->{action} =~ /[acr]/) { $p->{$stays}{23001} = 1; next }
		write_keys($p, $key, $child) if $stays eq 'must';
		$p->{ $key->{action} eq 'n' ? $stays : 'may' }{23502} = 1 if $key->{notnull};
		$p->{may}{23503} = 1 if $key->{action} eq 'd';
	}
	my %without = (dead => { map { $_ => 1 } @soft });
	follow($state, \%without, $all, @soft);
	$p->{either}{$_} = 1 for grep { !$without{dead}{$_} && !$all->{$_} } keys %{ $p->{dead} };
	for (keys %$all)
	{
		if ($least->{$_}) { $p->{gone}{$_} = 1 }
		else              { $p->{either}{$_} = 1 }
	}
	if (%{ $p->{either} })
	{
		$p->{may} = { %{ $p->{may} }, %{ $p->{must} }, map { $_ => 1 } qw(23001 23502 23503) };
		$p->{must} = {};
		# nor is it known what of the rest is set
		for my $rid (keys %{ $p->{set} }) { $p->{set}{$rid}{$_} = 'any' for keys %{ $p->{set}{$rid} } }
	}
	return;
}

# The rows that are removed because of those that are deleted, but for some, and what stands by: [ key, row, the set it references, the
# row of it ]. In a set: those 'at once' that go with the rows which the statement names.
sub removed
{
	my ($state, $p, $children, $but, $soft) = @_;
	my $rows = $state->{rows};
	my (%seeds, %gone, @held);
	for my $rid (grep { !$but->{$_} } keys %{ $p->{dead} })
	{
		for (@{ $children->{$rid} }) { push @{ $seeds{ $_->[0] } }, [ $_->[1], $soft->{$rid} ] if ($state->{keys}{ $_->[0] }{on_soft} // '') eq 'remove' }
	}
	for my $name (sort keys %seeds)
	{
		my %set = map { $_->[0] => 'later' } @{ $seeds{$name} };
		$set{ $_->[0] } = 'at once' for grep { $_->[1] } @{ $seeds{$name} };
		my @queue = sort { $set{$a} cmp $set{$b} } keys %set;
		my $target = $state->{keys}{$name}{child};
		while (defined(my $rid = shift @queue))
		{
			for (@{ $children->{$rid} })
			{
				my ($by, $child) = @$_;
				my $key = $state->{keys}{$by};
				my $row = $rows->{$child};
				my $refuses = $row->{soft} && $key->{child} ne $target && $state->{tables}{ $row->{leaf} }{on_parent} ne 'delete';
				if ($key->{action} ne 'c' || $refuses) { push @held, [ $key, $child, \%set, $rid ] }
				elsif (!$set{$child})
				{
					$set{$child} = $set{$rid};
					push @queue, $child;
				}
			}
		}
		$gone{$_} = 1 for keys %set;
	}
	return (\%gone, @held);
}

# SET NULL or SET DEFAULT of a key.
sub write_keys
{
	my ($p, $key, $child) = @_;
	$p->{set}{$child}{$_} = $key->{action} eq 'd' || $key->{catalog} eq 'd' ? 'any' : undef for @{ $key->{columns} };
	return;
}

# row => [ [ key, child ] ... ]
sub children
{
	my ($state) = @_;
	my %children;
	for my $name (sort keys %{ $state->{edges} })
	{
		push @{ $children{ $_->[1] } }, [ $name, $_->[0] ] for @{ $state->{edges}{$name} };
	}
	return %children;
}

# Live children follow a soft deletion, but none a row that is passed.
sub follow
{
	my ($state, $p, $passed, @queue) = @_;
	my %children = children($state);
	while (defined(my $rid = shift @queue))
	{
		next if $passed->{$rid};
		for (@{ $children{$rid} })
		{
			my ($name, $child) = @$_;
			next if $state->{rows}{$child}{dead} || !follows($state, $state->{keys}{$name}, $child);
			push @queue, $child if !$p->{dead}{$child}++;
		}
	}
	return;
}

# Does a deleted child come back with a row? Within the time: also what was deleted before.
sub returns_with
{
	my ($state, $within, $child, $rid) = @_;
	return 1 if same_stamp($state, $child, $rid);
	return 0 if !$within;
	my ($x, $y) = map { $state->{tables}{ $state->{rows}{$_}{leaf} }{digits} // 6 } $child, $rid;
	my $digits = $x < $y ? $x : $y;
	return instant($state->{rows}{$child}{stamp}, $digits) <= instant($state->{rows}{$rid}{stamp}, $digits);
}

# restore of these rows: what was deleted with them comes back, but for what another deleted parent holds.
sub restore_rows
{
	my ($state, $within, @rids) = @_;
	my %p = nothing();
	my $rows = $state->{rows};
	my %named = map { $_ => 1 } grep { $rows->{$_}{dead} } @rids;
	my %children = children($state);
	my %parents;
	for my $name (keys %{ $state->{edges} })
	{
		for (@{ $state->{edges}{$name} })
		{
			push @{ $parents{ $_->[0] } }, $_->[1] if $_->[0] != $_->[1] && $rows->{ $_->[0] }{dead} && $rows->{ $_->[1] }{dead} && follows($state, $state->{keys}{$name}, $_->[0]);
		}
	}
	my %out;
	my $first = 1;
	while (1)
	{
		my %back = %named;
		my @queue = sort keys %named;
		while (defined(my $rid = shift @queue))
		{
			for (@{ $children{$rid} })
			{
				my ($name, $child) = @$_;
				my $row = $rows->{$child};
				next if $out{$child} || !$row->{dead} || !returns_with($state, $within, $child, $rid) || !follows($state, $state->{keys}{$name}, $child);
				push @queue, $child if !$back{$child}++;
			}
		}
		$p{reached} = {%back} if $first;
		$first = 0;
		my @held = grep {
			my $rid = $_;
			!$named{$rid} && grep { !$back{$_} } @{ $parents{$rid} }
		} keys %back;
		if (!@held) { $p{back} = \%back; last }
		$out{$_} = 1 for @held;
	}
	for (keys %out)
	{
		# with what holds it, which may itself take over a stamp
		$p{moved}{$_} = 1;
	}
	$p{moved}{$_} = 1 for grep { !$p{back}{$_} } keys %{ $p{reached} };
	for my $name (keys %{ $state->{edges} })
	{
		next if !$state->{keys}{$name}{guarded};
		for (@{ $state->{edges}{$name} })
		{
			my ($child, $parent) = @$_;
			$p{must}{23503} = 1 if $p{back}{$child} && $rows->{$parent}{dead} && !$p{back}{$parent};
		}
	}
	$p{may}{23505} = 1;
	return \%p;
}

# cleanup of these rows. Beside the prediction: the numbers of its plan, "relation action via" => rows.
sub clean_up
{
	my ($state, $stay, $force, @rids) = @_;
	my %p = (nothing(), gone => { map { $_ => 1 } @rids }, plan => {});
	my %children = children($state);
	my @queue = @rids;
	my @held;
	while (defined(my $rid = shift @queue))
	{
		for (@{ $children{$rid} })
		{
			my ($name, $child) = @$_;
			my $action = $state->{keys}{$name}{action};
			if ($action eq 'c' || $force && $action =~ /[ar]/) { push @queue, $child if !$p{gone}{$child}++ }
			else { push @held, [ $name, $child ] }
		}
	}
	for (@held)
	{
		my ($name, $child) = @$_;
		next if $p{gone}{$child};
		my $key = $state->{keys}{$name};
		my $action = $key->{action} =~ /[ar]/ ? 'protected' : $key->{action} eq 'n' ? 'set null' : 'set default';
		$p{plan}{"$key->{child} $action $name"}++;
		if ($action eq 'protected') { $p{must}{23001} = 1; next }
		write_keys(\%p, $key, $child);
		$p{$action eq 'set null' ? 'must' : 'may'}{23502} = 1 if $key->{notnull};
		$p{may}{23503} = 1 if $action eq 'set default';
	}
	$p{plan}{"$state->{rows}{$_}{root} delete"}++ for keys %{ $p{gone} };
	return refuse_held(\%p, $stay, 1);
}

# purge of a table's deleted rows, whose root is named: those that nothing holds go, with what follows them.
sub purge
{
	my ($state, $stay, $force, @rids) = @_;
	my $rows = $state->{rows};
	my %children = children($state);
	my %roots = map { $_ => 1 } grep { $rows->{$_}{dead} } @rids;
	my %p;
	while (1)
	{
		%p = (nothing(), gone => {%roots});
		my @queue = sort keys %roots;
		my (@held, %blocked, %from);
		while (defined(my $rid = shift @queue))
		{
			for (@{ $children{$rid} })
			{
				my ($name, $child) = @$_;
				my $key = $state->{keys}{$name};
				my $row = $rows->{$child};
				# a row that stays lets its parent go where its key is set
				push @{ $from{$child} }, $rid if $key->{action} !~ /[nd]/;
				if ($key->{action} eq 'c' && $row->{soft} && !$row->{dead} && !$force) { $blocked{$rid} = 1 }
				elsif ($key->{action} eq 'c' || $force && $key->{action} =~ /[ar]/) { push @queue, $child if !$p{gone}{$child}++ }
				else { push @held, [ $key, $child, $rid ] }
			}
		}
		for (@held)
		{
			my ($key, $child, $rid) = @$_;
			next if $p{gone}{$child};
			if ($key->{action} =~ /[ar]/) { $blocked{$rid} = 1; next }
			write_keys(\%p, $key, $child);
			$p{may}{23502} = 1 if $key->{notnull};
			$p{may}{23503} = 1 if $key->{action} eq 'd';
		}
		$blocked{$_} = 1 for grep { $stay->{$_} } keys %{ $p{gone} };
		# whatever leads to a blocked row is kept
		my @up = keys %blocked;
		while (defined(my $rid = shift @up))
		{
			for (@{ $from{$rid} }) { push @up, $_ if !$blocked{$_}++ }
		}
		my @kept = grep { $blocked{$_} } keys %roots;
		last if !@kept;
		delete @roots{@kept};
	}
	return \%p;
}

# Whether a state came of another as predicted. Returns a complaint, or undef.
sub compare
{
	my ($before, $after, $p) = @_;
	my @dead;
	for my $rid (sort { $a <=> $b } keys %{ $before->{rows} })
	{
		my $old = $before->{rows}{$rid};
		my $new = $after->{rows}{$rid};
		my $where = "row $rid of $old->{leaf}";
		next if $p->{either}{$rid};
		if ($p->{gone}{$rid})
		{
			return "$where is still there" if $new;
			next;
		}
		return "$where is gone" if !$new;
		my $is = $new->{dead} ? 'deleted' : 'live';
		my $should = $p->{dead}{$rid} || $old->{dead} && !$p->{back}{$rid} ? 'deleted' : 'live';
		return "$where is $is, not $should" if $is ne $should;
		if ($old->{dead} && $new->{dead})
		{
			return "$where has another stamp" if $old->{stamp} ne $new->{stamp} && !$p->{moved}{$rid};
		}
		push @dead, $rid if $p->{dead}{$rid};
		next if $old->{text} eq $new->{text} && !$p->{set}{$rid};
		my ($a, $b) = (columns($old->{text}), columns($new->{text}));
		for my $column (sort keys %$a)
		{
			my $want = $a->{$column};
			if ($p->{set}{$rid} && exists $p->{set}{$rid}{$column})
			{
				$want = $p->{set}{$rid}{$column};
				next if defined $want && $want eq 'any';
				if (defined $want && $want eq 'a hash')
				{
					next if !defined $a->{$column} && !defined $b->{$column};
					return "$where: $column is " . ($b->{$column} // 'NULL') . ', no hash' if !defined $b->{$column} || $b->{$column} eq ($a->{$column} // '') || $b->{$column} !~ /^[0-9a-f]+$/;
					next;
				}
			}
			next if !exists $b->{$column};
			return "$where: $column is " . ($b->{$column} // 'NULL') . ', not ' . ($want // 'NULL') if ($want // "\x1e") ne ($b->{$column} // "\x1e");
		}
	}
	for (sort { $a <=> $b } keys %{ $after->{rows} })
	{
		return "row $_ of $after->{rows}{$_}{leaf} is new" if !$before->{rows}{$_};
	}
	# what follows by way of a table with a coarser stamp has that one
	my ($digits) = sort { $a <=> $b } map { $after->{tables}{ $after->{rows}{$_}{leaf} }{digits} // 6 } @dead;
	my %stamps = map { instant($after->{rows}{$_}{stamp}, $digits) => $_ } @dead;
	return 'rows ' . join(', ', values %stamps) . ' of one deletion have different stamps' if keys %stamps > 1;
	return;
}

# What an INSERT does to the rows there are: where its table says so the deleted rows that have its keys go, with what was deleted with
# them, unless something else references them or a live row has a key. holders: the rows that have a unique key of the new one.
sub insert_row
{
	my ($state, $stay, @holders) = @_;
	my %p = nothing();
	my $rows = $state->{rows};
	my @dead = grep { $rows->{$_}{dead} } @holders;
	my $live = @dead < @holders;
	return \%p if !@dead;
	$p{taken} = $dead[0];
	return \%p if $live || grep { !$state->{tables}{ $rows->{$_}{leaf} }{replaces} } @dead;
	my %gone = map { $_ => 1 } @dead;
	my %children = children($state);
	my @queue = @dead;
	my (@others, $free);
	$free = 1;
	while (defined(my $rid = shift @queue))
	{
		for (@{ $children{$rid} })
		{
			my ($name, $child) = @$_;
			my $key = $state->{keys}{$name};
			my $row = $rows->{$child};
			if ($key->{action} eq 'c' && $row->{dead} && same_stamp($state, $child, $rid))
			{
				# whether it followed is not told by what it is
				$p{unsure} = 1 if !follows($state, $key, $child);
				push @queue, $child if !$gone{$child}++;
			}
			else
			{
				$p{unsure} = 1 if $row->{dead} && same_stamp($state, $child, $rid) && follows($state, $key, $child);
				push @others, $child;
			}
		}
	}
	$free = 0 if grep { !$gone{$_} } @others;
	return \%p if !$free && !$p{unsure};
	$p{gone} = \%gone if $free;
	$p{replaces} = $free;
	if (grep { $stay->{$_} } keys %gone) { $p{held} = 1; $p{gone} = {}; $p{replaces} = 0 }
	return \%p;
}

# Whether two states are the same.
sub same
{
	my ($before, $after) = @_;
	return compare($before, $after, { nothing() });
}

1;
