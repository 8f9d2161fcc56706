# A session by PostgreSQL's protocol itself (version 3, simple queries, over a Unix socket, trust): what psql
# would hide is seen, a statement may be sent and its answer awaited later, and a cancel goes at any instant.
#
#	my $session = Wire->new(database => 'postgres');      # PGHOST, PGPORT, PGUSER say where
#	my ($result) = $session->query('DELETE FROM t RETURNING id');
#	$result->{tag}, $result->{rows}, $result->{error}{C}
package Wire;
use strict;
use warnings;
use IO::Socket::UNIX;
use IO::Select;
use Time::HiRes;

# a server that has gone is an answer like another
$SIG{PIPE} = 'IGNORE';

# Connect. user, database; dies where the server does not answer.
sub new
{
	my ($class, %params) = @_;
	my $path = "$ENV{PGHOST}/.s.PGSQL." . ($ENV{PGPORT} // 5432);
	my $socket = IO::Socket::UNIX->new(Peer => $path) or die "cannot connect to $path: $!\n";
	my $self = bless { socket => $socket, path => $path, buffer => '', status => '', notices => [] }, $class;
	my $options = join '', map { "$_\0" } user => $params{user} // $ENV{PGUSER}, database => $params{database},
	  application_name => $params{name} // 'oracle', client_encoding => 'UTF8', '';
	$self->put(pack('NN', 8 + length $options, 196608) . $options);
	my ($result) = $self->receive;
	die "cannot connect: $result->{error}{M}\n" if $result && $result->{error};
	return $self;
}

# Write all of it.
sub put
{
	my ($self, $bytes) = @_;
	while (length $bytes)
	{
		my $written = syswrite $self->{socket}, $bytes;
		die "connection lost: $!\n" if !defined $written;
		substr $bytes, 0, $written, '';
	}
	return;
}

# Send a statement, or several; receive or poll must follow before the next.
sub send_query
{
	my ($self, $sql) = @_;
	utf8::encode($sql) if utf8::is_utf8($sql);
	$self->{notices} = [];
	$self->{results} = undef;
	$self->put('Q' . pack('N', 5 + length $sql) . $sql . "\0");
	return;
}

# Whether the answer is there, waiting so many seconds at most.
sub poll
{
	my ($self, $seconds) = @_;
	my $until = Time::HiRes::time() + $seconds;
	until ($self->{results} && $self->{complete})
	{
		next if $self->take_message;
		my $left = $until - Time::HiRes::time();
		return 0 if !IO::Select->new($self->{socket})->can_read($left > 0 ? $left : 0);
		$self->fill;
	}
	return 1;
}

# The answer: a list of results, one for each statement. {lost => 1} where the server went away.
sub receive
{
	my ($self, $seconds) = @_;
	if (!$self->poll($seconds // 300))
	{
		die "no answer in time\n";
	}
	my $results = $self->{results};
	$self->{results} = undef;
	$self->{complete} = 0;
	return @$results;
}

sub query
{
	my ($self, $sql, $seconds) = @_;
	$self->send_query($sql);
	return $self->receive($seconds);
}

# Several statements, each for itself, sent at once; their answers one by one, as lists of results. On a busy machine each wait costs more
# than what is waited for.
sub pipeline
{
	my ($self, @statements) = @_;
	$self->send_query($_) for @statements;
	my @answers;
	for (@statements)
	{
		push @answers, [ $self->receive ];
		last if $self->{status} eq 'lost';
		$self->{notices} = [];
	}
	return @answers;
}

# The rows of one statement that must succeed.
sub rows
{
	my ($self, $sql) = @_;
	my ($result) = $self->query($sql);
	die "$result->{error}{M}\n$sql\n" if $result->{error};
	return $result->{rows};
}

# Several statements that must succeed.
sub must
{
	my ($self, $sql) = @_;
	for ($self->query($sql))
	{
		die "$_->{error}{C} $_->{error}{M}\n$sql\n" if $_->{error};
	}
	return;
}

# Ask the server to cancel what this session runs.
sub cancel
{
	my ($self) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $self->{path}) or return;
	syswrite $socket, pack 'NNNN', 16, 80877102, $self->{pid}, $self->{secret};
	my $nothing;
	sysread $socket, $nothing, 1;    # the postmaster closes once it has sent the signal
	return close $socket;
}

sub quit
{
	my ($self) = @_;
	return if !$self->{socket};
	eval { $self->put('X' . pack 'N', 4) };
	return close delete $self->{socket};
}

sub fill
{
	my ($self) = @_;
	my $read = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
	if (!$read)
	{
		push @{ $self->{results} }, { lost => 1, error => { C => '57P02', M => 'the server closed the connection' }, rows => [] };
		$self->{status} = 'lost';
		$self->{complete} = 1;
	}
	return;
}

# Take one message off the buffer. True where there was one.
sub take_message
{
	my ($self) = @_;
	return 0 if length $self->{buffer} < 5;
	my ($type, $length) = unpack 'aN', $self->{buffer};
	return 0 if length $self->{buffer} < 1 + $length;
	my $body = substr $self->{buffer}, 5, $length - 4;
	substr $self->{buffer}, 0, 1 + $length, '';
	my $current = \$self->{current};

	if ($type eq 'D')
	{
		my ($count, $at, @row) = (unpack('n', $body), 2);
		for (1 .. $count)
		{
			my $size = unpack 'N', substr $body, $at, 4;
			$at += 4;
			if ($size == 0xFFFFFFFF) { push @row, undef; next }
			push @row, substr $body, $at, $size;
			$at += $size;
		}
		push @{ $$current->{rows} }, \@row;
	}
	elsif ($type eq 'T') { $$current = { rows => [], columns => unpack('n', $body) } }
	elsif ($type eq 'C')
	{
		$$current->{tag} = substr $body, 0, -1;
		$$current->{rows} //= [];
		push @{ $self->{results} }, $$current;
		$$current = undef;
	}
	elsif ($type eq 'E' || $type eq 'N')
	{
		my %fields = map { length > 1 ? (substr($_, 0, 1), substr $_, 1) : () } split /\0/, $body;
		if ($type eq 'N') { push @{ $self->{notices} }, \%fields }
		else
		{
			push @{ $self->{results} }, { error => \%fields, rows => [] };
			$$current = undef;
			# a FATAL one is followed by nothing
			$self->{complete} = 1 if $fields{V} eq 'FATAL' || $fields{V} eq 'PANIC';
		}
	}
	elsif ($type eq 'I') { push @{ $self->{results} }, { rows => [], tag => '' } }
	elsif ($type eq 'Z')
	{
		$self->{status} = $body;
		$self->{results} //= [];
		$self->{complete} = 1;
	}
	elsif ($type eq 'K') { @$self{ 'pid', 'secret' } = unpack 'NN', $body }
	elsif ($type eq 'R') { die "the server wants a password\n" if unpack('N', $body) != 0 }
	return 1;
}

1;
