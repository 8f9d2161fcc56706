# What must become of rows that are erased in place: those of a table and what follows a deletion of them keep their keys and references, the
# columns of which their owners have said so get what they said, and nothing else changes.
#
# said: table => { column => method }. erased: row => the stamp that it had when it was erased.
package Erasure;
use strict;
use warnings;
use Model;

# Does a row follow by this key what it references?
sub follows
{
	my ($key) = @_;
	my $soft = $key->{on_soft} // '';
	return $soft eq 'follow' || $soft ne 'keep' && $soft ne 'refuse' && $key->{action} eq 'c';
}

# These rows and what follows them. dead_only: no live row of a table with soft delete follows.
sub closure
{
	my ($state, $dead_only, @rids) = @_;
	my %set = map { $_ => 1 } @rids;
	my %children = Model::children($state);
	my @queue = @rids;
	while (defined(my $rid = shift @queue))
	{
		for (@{ $children{$rid} })
		{
			my ($name, $child) = @$_;
			my $row = $state->{rows}{$child};
			next if !follows($state->{keys}{$name}) || $dead_only && $row->{soft} && !$row->{dead};
			push @queue, $child if !$set{$child}++;
		}
	}
	return keys %set;
}

# What is said of a row's columns: of its table's, else of those of the table that this one inherits from.
sub said_of
{
	my ($state, $said, $row) = @_;
	my $above = $state->{tables}{ $row->{leaf} }{heir_of};
	return { defined $above ? %{ $said->{"s.$above"} // {} } : (), %{ $said->{"s.$row->{root}"} // {} } };
}

# Write what is predicted of a row that is erased.
sub set_columns
{
	my ($p, $rid, $columns, $text) = @_;
	for (keys %$columns)
	{
		my ($method, $constant) = split /:/, $columns->{$_}, 2;
		$p->{set}{$rid}{$_} = $method eq 'null' ? undef : $method eq 'constant' ? $constant : $method eq 'hash' ? 'a hash' : $_ eq 'b' ? 'x' : undef;
	}
	# what is generated of it
	$p->{set}{$rid}{g} = 'any' if exists $columns->{a} && $text =~ /(?:^|\x1f)g=/;
	return;
}

# account.erase of these rows. count: what it returns.
sub erase
{
	my ($state, $stay, $said, @rids) = @_;
	my %p = Model::nothing();
	$p{count} = 0;
	for my $rid (closure($state, 0, @rids))
	{
		my $row = $state->{rows}{$rid};
		my $columns = said_of($state, $said, $row);
		next if !%$columns;
		$p{count}++;
		set_columns(\%p, $rid, $columns, $row->{text});
		$p{must} = { PT423 => 1 } if $stay->{$rid};
	}
	# a table whose rows could follow may have columns to erase, and no rows; a hold is judged before that is asked
	$p{may}{22023} = 1 if !$p{count};
	$p{may}{PT423} = 1 if !$p{count} && grep { $stay->{$_} } @rids;
	return \%p;
}

# purge of a table where it erases: its deleted rows, but for those that must stay or lead to one, and those that were erased since.
sub purge
{
	my ($state, $stay, $said, $erased, @rids) = @_;
	my %p = Model::nothing();
	$p{count} = 0;
	for my $root (grep { $state->{rows}{$_}{dead} } @rids)
	{
		my $row = $state->{rows}{$root};
		next if defined $erased->{$root} && $erased->{$root} eq $row->{stamp};
		# another parent's stamp is taken over
		$p{unsure} = 1 if defined $erased->{$root};
		my @set;
		for my $rid (closure($state, 1, $root))
		{
			my $member = $state->{rows}{$rid};
			next if !%{ said_of($state, $said, $member) };
			push @set, $rid if $rid eq $root || !defined $erased->{$rid} || $erased->{$rid} ne ($member->{stamp} // '');
		}
		next if grep { $stay->{$_} } @set;
		$p{count}++;
		for my $rid (@set)
		{
			my $member = $state->{rows}{$rid};
			set_columns(\%p, $rid, said_of($state, $said, $member), $member->{text});
		}
	}
	return \%p;
}

1;
