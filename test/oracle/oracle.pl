#!/usr/bin/perl
# The oracle: see README.md. Prints TAP, one test for each part.
#
#	oracle.pl [--seed N] [--seconds N | --rounds N] [--parts "schemas queries interleavings failures"] [--results directory] [--keep-going] [--without feature,…]
#	          [--with feature,…] [--statistics]
#
# PGHOST, PGPORT and PGUSER name a server with the library preloaded, and a superuser. The databases oracle… are made anew.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use Time::HiRes 'time';
use Wire;
use Schemas;
use Replay;
use Queries;
use Interleavings;
use Failures;

$| = 1;

my %option = (seed => 1, seconds => 60, parts => 'schemas queries interleavings failures', shrink => 60);
GetOptions(\%option, 'seed=i', 'seconds=i', 'rounds=i', 'parts=s', 'results=s', 'shrink=i', 'statistics', 'keep-going', 'without=s', 'with=s')
  or exit 2;
$Schemas::feature{$_} = 0 for split /,/, $option{without} // '';
$Schemas::feature{$_} = 1 for split /,/, $option{with} // '';

# Each part: its share of the time, how many rounds beside one of schemas, and what makes a round of a seed: it returns undef or a
# failure { kind, message, note, script }.
my %parts = (
	schemas => [ 0.45, 1, sub {
		my ($seed) = @_;
		my $case = Schemas::generate($seed);
		my $failure = Replay::replay($case->{steps});
		return if !$failure;
		($failure) = Replay::shrink($case->{steps}, $failure, seconds => $option{shrink}) if $failure->{kind} !~ /lost/;
		$failure->{script} = join '', map { "$_;\n" } 'SET search_path = s, public', @{ $failure->{log} };
		return $failure;
	} ],
	queries => [ 0.2, 20, sub { return Queries::round($_[0], $option{shrink}) } ],
	interleavings => [ 0.2, 3, sub { return Interleavings::round($_[0], $option{shrink}) } ],
	failures => [ 0.15, 0.5, sub { return Failures::round($_[0]) } ],
);

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	local $/ = undef;
	return <$in>;
}

# A database with what the cases rest on.
sub make_database
{
	my $session = Wire->new(database => 'postgres');
	$session->must('DROP DATABASE IF EXISTS oracle WITH (FORCE)');
	$session->must('CREATE DATABASE oracle');
	$session->quit;
	$session = Wire->new(database => 'oracle');
	$session->must(slurp("$FindBin::Bin/$_")) for qw(prelude.sql observe.sql);
	$session->quit;
	return;
}

# Wait for a server that has crashed.
sub wait_for_server
{
	for (1 .. 60)
	{
		my $session = eval { Wire->new(database => 'postgres') };
		if ($session && eval { $session->must('SELECT 1'); 1 }) { $session->quit; return }
		sleep 1;
	}
	die "the server does not come back\n";
}

# What reproduces a failure, for psql in an empty database.
sub report
{
	my ($part, $seed, $failure) = @_;
	my $text = "oracle: $part, seed $seed\n$failure->{kind}: $failure->{message}\n" . ($failure->{note} // '');
	$text =~ s/^/-- /gm;
	(my $prelude = slurp("$FindBin::Bin/prelude.sql")) =~ s/^--.*\n//;
	$text .= "$prelude$failure->{script}-- $failure->{message}\n";
	print "# $part, seed $seed: $failure->{kind}: $failure->{message}\n" =~ s/\n(?=.)/\n# /gr;
	if ($option{results})
	{
		my $file = "$option{results}/oracle-$part-$seed.sql";
		open my $out, '>', $file or die "$file: $!\n";
		print $out $text;
		close $out;
		print "# $file reproduces it\n";
	}
	else { print $text =~ s/^/#   /gmr }
	return;
}

my @parts = split ' ', $option{parts};
my ($failed, $number) = (0, 0);
print '1..' . @parts . "\n# seed $option{seed}, " . ($option{rounds} ? "$option{rounds} rounds" : "$option{seconds} seconds") . "\n";
my $shares = 0;
for (@parts) { $shares += ($parts{$_} // die "no such part: $_\n")->[0] }
for my $part (@parts)
{
	my ($share, $times, $round) = @{ $parts{$part} };
	make_database();
	my $end = time + $option{seconds} * $share / $shares;
	my ($tried, $bad) = (0, 0);
	for (my $n = 0 ; $option{rounds} ? $n < $option{rounds} * $times : time < $end ; $n++)
	{
		my $seed = $option{seed} * 1_000_000 + $n;
		my $failure = eval { $round->($seed) };
		$failure = { kind => 'broken', message => $@, script => '' } if !$failure && $@;
		$tried++;
		next if !$failure;
		$bad++;
		report($part, $seed, $failure);
		last if !$option{'keep-going'};
		if ($failure->{kind} =~ /lost|broken/)
		{
			wait_for_server();
			make_database();
			$_->() for \&Queries::forget, \&Interleavings::forget, \&Failures::forget, \&Batches::forget;
		}
	}
	$failed += $bad;
	print $bad ? 'not ' : '', 'ok ', ++$number, " - $part: $tried from seed ", $option{seed} * 1_000_000, $bad ? ", $bad failed" : '', "\n";
}
if ($option{statistics})
{
	printf "# %7d %s\n", $Replay::count{$_}, $_ for sort keys %Replay::count;
	printf "# %7d %s\n", $Failures::met{$_}, $_ for sort keys %Failures::met;
}
exit($failed ? 1 : 0);
