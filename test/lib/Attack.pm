# For test/attacks: a server whose log tells who ran what, and what was caught in it.
#
# Traps write one line to the server's log, which no rollback takes back:
#
#	CAUGHT kind=<what sort of code> table=<what it hangs on> as=<current_user> session=<session_user> step=<what was done>
#
# The step is what the test has put into the setting attack.step.
package Attack;
use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_server log_position caught nothing_caught stop_server);

# A running server. preload => 0: without the library in shared_preload_libraries; conf: more settings.
sub new_server
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	# its ANALYZE evaluates index expressions as their owner, under a search_path of the server's own
	$node->append_conf('postgresql.conf', <<'CONF');
log_statement = none
log_line_prefix = '%m [%p] %q%a '
fsync = off
full_page_writes = off
autovacuum = off
restart_after_crash = on
autovacuum = off
max_prepared_transactions = 2
pgaccount.password_memory = '8kB'
pgaccount.password_ops = 1
pgaccount.slow_threshold = -1
CONF
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'") if $params{preload} // 1;
	$node->append_conf('postgresql.conf', $params{conf}) if $params{conf};
	$node->start;
	return $node;
}

# Stop it; no process of it has crashed.
sub stop_server
{
	my ($node) = @_;
	my @crashes = grep { /was terminated by signal|TRAP:|PANIC:|Failed process was running/ } split /\n/, slurp_file($node->logfile);
	is(join("\n", @crashes), '', $node->name . ': no process crashed');
	return $node->stop;
}

# Where the log ends now.
sub log_position
{
	my ($node) = @_;
	return -s $node->logfile;
}

# What was caught since a position of the log: a list of hashes, each with the first lines of its context.
sub caught
{
	my ($node, $position) = @_;
	my (@caught, $last);
	for (split /\n/, slurp_file($node->logfile, $position // 0))
	{
		if (/LOG:  CAUGHT kind=(.*?) table=(.*?) as=(.*?) session=(.*?) step=(.*)$/)
		{
			$last = { kind => $1, table => $2, as => $3, session => $4, step => $5, context => [] };
			push @caught, $last;
		}
		elsif ($last && (/ (?:CONTEXT|STATEMENT):  (.*)/ || /^\t(.*)/))
		{
			push @{ $last->{context} }, $1 if @{ $last->{context} } < 6;
		}
		else
		{
			$last = undef;
		}
	}
	return @caught;
}

# Pass where nothing was caught since a position, but what "except" (a sub on one catch) allows; say what was.
sub nothing_caught
{
	my ($node, $position, $what, %params) = @_;
	my (%times, %steps, %context, $n);
	for my $catch (caught($node, $position))
	{
		next if $params{except} && $params{except}->($catch);
		my $line = "kind=$catch->{kind} table=$catch->{table} as=$catch->{as} session=$catch->{session}";
		$times{$line}++;
		$steps{$line}{ $catch->{step} }++;
		$context{$line} = join "\n            ", @{ $catch->{context} } if @{ $catch->{context} } && !$context{$line};
	}
	my @lines = sort keys %times;
	ok(!@lines, $what) or do
	{
		diag(sprintf "    %d kinds of catches:", scalar @lines);
		for (@lines)
		{
			last if ++$n > ($params{show} // 40);
			my @steps = sort keys %{ $steps{$_} };
			my $more = @steps > 6 ? ' | ' . (@steps - 6) . ' more' : '';
			diag("    $times{$_} x $_\n        steps: " . join(' | ', @steps[ 0 .. ($#steps < 5 ? $#steps : 5) ]) . "$more\n            " . ($context{$_} // ''));
		}
	};
	return scalar @lines;
}

1;
