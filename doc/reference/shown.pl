# shown.pl: what README and doc/ show brought up to date. Usage: shown.pl SCRATCH psql [argument...]
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::RealBin/../../test/lib";
use Shown qw(documents spew);

my ($scratch, @psql) = @ARGV;
my $top = abs_path("$FindBin::RealBin/../..");
my $query = sub {
	my ($db, $sql) = @_;
	spew("$scratch/query.sql", $sql);
	my $words = join ' ', map { my $w = $_; $w =~ s/'/'\\''/g; "'$w'" } @psql, qw(-X -q -t -A -v ON_ERROR_STOP=1 -d), $db, '-f', "$scratch/query.sql";
	my $all = qx{$words};
	die "psql failed: $sql\n" if $?;
	return map { [$_] } split /\n/, $all;
};
# tables that the test makes for a section
my %tables = do "$top/test/lib/document_tables.pl" or die "document_tables.pl: $@ $!";

for my $file ("$top/README.md", sort glob "$top/doc/*.md $top/doc/*/*.md")
{
	next if $file =~ m{/doc/reference};
	next if $ENV{ONLY} && $file !~ /$ENV{ONLY}/;
	my ($text, $should, @failures) = documents($file, \@psql, $scratch, $query, \%tables);
	print STDERR "$file: $_\n" for @failures;
	next if $text eq $should;
	spew($file, $should);
	print "$file is new\n";
}
