# Every SQL block of the README, of doc/ and of examples/ does what it says, as printed: run with psql, section by section, each in a database
# of its own, on the tables that the section names. Every make target they name is there. Every file they link is, too.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Shown qw(documents slurp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = abs_path("$FindBin::RealBin/../..");


my %tables = do "$FindBin::RealBin/../lib/document_tables.pl" or die "document_tables.pl: $@ $!";

my $node = PostgreSQL::Test::Cluster->new('documents');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;

# What is shown is what a server of this major answers; others answer the same, in their words.
my $compares = $node->pg_version->major == 15;
my @psql = ('psql', '-h', $node->host, '-p', $node->port);
my $scratch = PostgreSQL::Test::Utils::tempdir();
my $query = sub {
	my ($db, $sql) = @_;
	return map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql($db, $sql);
};

my $makefile = slurp("$top/Makefile");
my %seen;
for my $file ("$top/README.md", sort glob "$top/doc/*.md $top/doc/*/*.md $top/examples/*.md $top/examples/*/*.md")
{
	my $name = basename($file);
	next if $file =~ m{/doc/reference};
	my ($text, $should, @failures) = documents($file, \@psql, $scratch, $query, \%tables);
	is("@failures", '', "$name: its SQL works");
	if ($compares && $text ne $should)
	{
		PostgreSQL::Test::Utils::append_to_file("$scratch/$name", $should);
		fail("$name shows what comes out (doc/reference/generate brings it up to date)");
		diag(qx{diff -u '$file' '$scratch/$name'});
	}
	$seen{"$name: $1"} = 1 while $text =~ /^#+ (.*)/mg;

	while ($text =~ /^```sh\n(.*?)^```/msg)
	{
		my $block = $1;
		for my $target ($block =~ /\bmake ([a-z][a-z0-9-]*)/g)
		{
			ok($makefile =~ /^\Q$target\E:|^\S.*\b\Q$target\E\b.*:/m || $target eq 'install', "$name: there is a target $target");
		}
	}
	# Mermaid takes a semicolon in a sequence diagram for the end of the line, and then draws nothing
	while ($text =~ /^```mermaid\nsequenceDiagram\n(.*?)^```/msg) { unlike($1, qr/;/, "$name: its sequence diagram can be drawn") }
	for my $link ($text =~ /\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)
	{
		ok(-e dirname($file) . "/$link", "$name: $link is there");
	}
}
is(join(', ', grep { !$seen{$_} } sort keys %tables), '', 'no tables are made for a section that is gone');

# The reference is what the catalog and its examples say.
if ($compares)
{
	my $other = PostgreSQL::Test::Cluster->new('reference');
	$other->init;
	$other->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
	$other->start;
	local $ENV{PGHOST} = $other->host;
	local $ENV{PGPORT} = $other->port;
	my $made = "$scratch/reference.md";
	is(system("'$^X' '$top/doc/reference/reference.pl' '$scratch' psql > '$made'"), 0, 'the reference can be made');
	my $same = slurp($made) eq slurp("$top/doc/reference.md");
	ok($same, 'doc/reference.md is up to date (doc/reference/generate brings it so)') or diag(qx{diff -u '$top/doc/reference.md' '$made' | head -100});
}

done_testing();
