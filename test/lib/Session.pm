# A session of psql that stays open, for tests in Perl: what a statement leaves behind, the next one meets.
#
#	use FindBin;
#	use lib "$FindBin::Bin/../lib";
#	use Session;
#	my $session = Session->new('-d', $node->connstr('postgres'));
#	is($session->ask('SELECT 1'), '1');
#	$session->quit;
package Session;
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;

# Start psql with these arguments beside -XAtq. What it says of errors comes with its answers.
sub new
{
	my ($class, @arguments) = @_;
	my $self = bless { in => '', out => '' }, $class;
	$self->{run} = IPC::Run::start([ 'psql', '-XAtq', @arguments ], '<', \$self->{in}, '>', \$self->{out}, '2>&1',
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $self;
}

# The answer to statements; dies where none comes.
sub ask
{
	my ($self, $sql) = @_;
	$self->{out} = '';
	$self->{in} .= "$sql;\n\\echo =end=\n";
	$self->{run}->pump until $self->{out} =~ /=end=\n/;
	(my $answer = $self->{out}) =~ s/\n?=end=\n//;
	return $answer;
}

sub quit
{
	my ($self) = @_;
	$self->{in} .= "\\q\n";
	return $self->{run}->finish;
}

1;
