# Shown.pm: SQL of the documents, run by psql, and what it answers as the documents show it.
#
# What differs from one run to the next is made the same: times, uuids, tokens, hashes. Tables are laid out here, as psql
# does, because their width would follow what differs. So a document is right if what it shows is, to the letter, what
# comes out again: the test compares, and the same code writes it.
package Shown;

use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(drop_database documents session statements weave slurp spew);

sub slurp
{
	my $file = shift;
	local $/;
	open my $in, '<:encoding(UTF-8)', $file or die "$file: $!";
	return scalar <$in>;
}

sub spew
{
	my ($file, $text) = @_;
	open my $out, '>:encoding(UTF-8)', $file or die "$file: $!";
	print $out $text;
	close $out or die "$file: $!";
	return;
}

# Lay out one result as psql does. Rows are arrays of cells; the first one has the names of the columns.
sub table
{
	my ($rows, $footer) = @_;
	my ($head, @body) = @$rows;
	my (@width, @right);
	for my $i (0 .. $#$head)
	{
		$width[$i] = length $head->[$i];
		my $numeric = 1;
		for my $row (@body)
		{
			for my $line (split /\n/, $row->[$i], -1) { $width[$i] = length $line if length $line > $width[$i] }
			$numeric = 0 if $row->[$i] !~ /^(?:-?\d+(?:\.\d+)?)?$/;
		}
		$right[$i] = $numeric && @body;
	}
	my @out;
	push @out, join '|', map
	{
		my $space = $width[$_] - length $head->[$_];
		' ' . ' ' x int($space / 2) . $head->[$_] . ' ' x ($space - int($space / 2)) . ' '
	} 0 .. $#$head;
	push @out, join '+', map { '-' x ($_ + 2) } @width;
	for my $row (@body)
	{
		my @cells = map { [ split /\n/, $_, -1 ] } @$row;
		my $lines = 1;
		for (@cells) { $lines = @$_ if @$_ > $lines }
		for my $n (0 .. $lines - 1)
		{
			push @out, join '|', map
			{
				my $cell = $cells[$_][$n] // '';
				my $space = ' ' x ($width[$_] - length $cell);
				' ' . ($right[$_] ? "$space$cell" : "$cell$space") . ($n < $#{ $cells[$_] } ? '+' : ' ')
			} 0 .. $#$head;
		}
	}
	s/ +$// for @out;
	return join "\n", @out, $footer;
}

# Make the same what differs. %$seen numbers the uuids of a document.
sub settle
{
	my ($text, $seen) = @_;
	$text =~ s/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
		$seen->{$&} \/\/= sprintf('%08x-0000-4000-8000-000000000000', 1 + keys %$seen)/gex;
	$text =~ s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d(?::\d\d)?/2026-01-31 12:00:00+00/g;
	$text =~ s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?/2026-01-31 12:00:00/g;
	$text =~ s/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::\d\d)?|Z)/2026-01-31T12:00:00+00:00/g;
	$text =~ s/\beyJ[A-Za-z0-9_-]{6}[A-Za-z0-9_.-]+/eyJhbGciOi.../g;
	$text =~ s/(\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+)\$[A-Za-z0-9+\/]+\$[A-Za-z0-9+\/]+/$1\$.../g;
	$text =~ s/(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[0-9])(?=[A-Za-z0-9_-]*[A-Z_])[A-Za-z0-9_-]{40,}/kZ3Vd0.../g;
	$text =~ s/"(iat|nbf|exp)": 1[0-9]{9}\b/"$1": 1769860800/g;
	$text =~ s/\b(duration_ms"?:? *)[0-9.]+/${1}12.5/g;
	return $text;
}

# Statements of a text, and meta-commands of psql, each with the comment that follows it on its line.
sub statements
{
	my $text = shift;
	my @statements;
	my $now = '';
	while (length $text)
	{
		if ($now !~ /\S/ && $text =~ s/^(\\[^\n]*\n)//) { push @statements, "$now$1"; $now = '' }
		elsif ($text =~ s/^(--[^\n]*\n?)//) { $now .= $1 }
		elsif ($text =~ s/^('(?:[^']|'')*'|"[^"]*"|(\$\w*\$).*?\2)//s) { $now .= $1 }
		elsif ($text =~ s/^(;[ \t]*(?:--[^\n]*)?\n?)//) { push @statements, "$now$1"; $now = '' }
		elsif ($text =~ s/^(\\g[^\n]*\n)//) { push @statements, "$now$1"; $now = '' }
		else { $now .= substr $text, 0, 1, '' }
	}
	push @statements, $now if $now =~ /\S/;
	return @statements;
}

# Run texts of SQL one after the other in one session, on past errors: what each answers. An answer that has an error says
# so in the second field: [ answer, error ]. Usage: session([ 'psql', arguments... ], file for the input, \%seen, texts...)
sub session
{
	my ($psql, $file, $seen, @texts) = @_;
	my $mark = "\x1d";
	my @pieces;    # [ number of the text, statement ]
	for my $n (0 .. $#texts) { push @pieces, [ $n, $_ ] for statements($texts[$n]) }
	# what \pset says of itself is no answer
	my ($quiet, $loud) = ("\\set QUIET on\n", "\\set QUIET off\n");
	my $input = "$quiet\\pset pager off\n\\pset format unaligned\n\\pset fieldsep '\x1f'\n\\pset recordsep '\x1e'\n"
	  . "\\set VERBOSITY verbose\n$loud\\echo $mark\n";
	for (@pieces)
	{
		# what describes is laid out by psql itself
		my $described = $_->[1] =~ /^\s*\\d/;
		$input .= "$quiet\\pset format aligned\n\\pset recordsep '\\n'\n$loud" if $described;
		$input .= $_->[1];
		$input .= "\n" if $input !~ /\n\z/;
		$input .= "$quiet\\pset format unaligned\n\\pset recordsep '\x1e'\n$loud" if $described;
		$input .= "\\echo $mark\n";
	}
	spew($file, $input);
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	local $ENV{PGTZ} = 'UTC';
	my @command = (@$psql, '-X');
	my $words = join ' ', map { my $w = $_; $w =~ s/'/'\\''/g; "'$w'" } @command;
	open my $out, '-|:encoding(UTF-8)', "$words <'$file' 2>&1" or die "psql: $!";
	my $all = do { local $/; <$out> };
	close $out;
	my @parts = split /\Q$mark\E\n/, $all, -1;
	shift @parts;
	die "psql ended early:\n$all" if @parts < @pieces;

	my @answers = map { [ '', '' ] } @texts;
	for my $p (@pieces)
	{
		my $raw = settle(shift @parts, $seen);
		my ($n) = @$p;
		my @lines;
		while (length $raw)
		{
			if ($raw =~ s/^([^\n\x1e]*)\x1e(.*?)(\(\d+ rows?\))\n//s)
			{
				my ($head, $body, $footer) = ($1, $2, $3);
				my @rows = ([ split /\x1f/, $head, -1 ]);
				if ($body ne '')
				{
					$body =~ s/\x1e\z//;
					push @rows, [ $_ eq '' ? '' : map { s/[ \t]+$//r } split /\x1f/, $_, -1 ] for $body eq '' ? '' : split /\x1e/, $body, -1;
				}
				push @lines, table(\@rows, $footer), '';
			}
			elsif ($raw =~ s/^([^\n]*)\n//)
			{
				my $line = $1;
				next if $line =~ /^(?:LOCATION|SCHEMA NAME|TABLE NAME|COLUMN NAME|CONSTRAINT NAME|DATATYPE NAME):/;
				$answers[$n][1] .= "$line\n" if $line =~ /^(?:ERROR|FATAL|PANIC):|^psql:|^invalid command/;
				$line =~ s/^((?:NOTICE|INFO):  )00000: /$1/;
				$line =~ s/^(WARNING:  )01000: /$1/;
				$line =~ s/ +\z//;
				push @lines, $line;
			}
			else { push @lines, $raw; $raw = '' }
		}
		$answers[$n][0] .= join '', map { "$_\n" } @lines;
	}
	$_->[0] =~ s/\n+\z/\n/ for @answers;
	return @answers;
}

# Remove a database, and the roles that its examples made: those that own nothing else. $query runs SQL in a database and
# gives rows.
sub drop_database
{
	my ($query, $name) = @_;
	$query->('postgres', "DROP DATABASE $name WITH (FORCE)");
	for my $role ($query->('postgres', "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^(pg_|shown_)' AND NOT rolsuper"))
	{
		next if !defined $role->[0] || $role->[0] eq '';
		$query->('postgres', "DROP ROLE $role->[0]");
	}
	return;
}

# The parts of a document: [ 'text', lines ], [ 'sql', lines, section ], [ 'shown', lines ], where a block without
# language right behind one of SQL is what that answers.
sub parts
{
	my $text = shift;
	my ($section, $language, @parts) = ('');
	for my $line (split /^/, $text)
	{
		if (!defined $language)
		{
			$section = $1 if $line =~ /^#+ (.*)/;
			if ($line =~ /^```(\w*)/)
			{
				$language = $1;
				my $after_sql = @parts > 1 && $parts[-2][0] eq 'sql' && $parts[-1][1] =~ /^```\n\s*\z/;
				push @parts, [ 'text', '' ] if !@parts || $parts[-1][0] ne 'text';
				$parts[-1][1] .= $line;
				push @parts, [ $language eq 'sql' ? 'sql' : $language eq '' && $after_sql ? 'shown' : 'text', '', $section ];
				next;
			}
		}
		elsif ($line =~ /^```/)
		{
			undef $language;
			push @parts, [ 'text', '' ] if $parts[-1][0] ne 'text';
		}
		push @parts, [ 'text', '' ] if !@parts;
		$parts[-1][1] .= $line;
	}
	return @parts;
}

# A document with what its SQL answers in place of what it shows, and what failed without being shown. $run gets a section
# and its blocks of SQL, and gives what session() does. Usage: my ($text, @failures) = weave($document, $run)
sub weave
{
	my ($document, $run) = @_;
	my @parts = parts($document);
	my (%blocks, @order, @failures);
	for my $i (0 .. $#parts)
	{
		next if $parts[$i][0] ne 'sql';
		push @order, $parts[$i][2] if !$blocks{ $parts[$i][2] };
		push @{ $blocks{ $parts[$i][2] } }, $i;
	}
	for my $section (@order)
	{
		my @of = @{ $blocks{$section} };
		my @answers = $run->($section, map { $parts[$_][1] } @of);
		for my $i (@of)
		{
			my ($answer, $error) = @{ shift @answers };
			if ($i + 2 <= $#parts && $parts[ $i + 2 ][0] eq 'shown') { $parts[ $i + 2 ][1] = $answer }
			elsif ($error ne '') { push @failures, "$section: $error" }
		}
	}
	return (join('', map { $_->[1] } @parts), @failures);
}

# What is to be there before the SQL of a section runs: `<!-- setup`, SQL, `-->` in the document.
sub setups
{
	my $text = shift;
	my ($section, $in, %setup) = ('');
	for my $line (split /^/, $text)
	{
		if ($in)
		{
			if ($line =~ /^-->/) { $in = 0 }
			else { $setup{$section} .= $line }
		}
		elsif ($line =~ /^<!-- setup$/) { $in = 1 }
		elsif ($line =~ /^```/ ... $line =~ /^```\s*$/) { }
		elsif ($line =~ /^#+ (.*)/) { $section = $1 }
	}
	return %setup;
}

# A document as it is, as it should be, and what fails in it. Each section has a database of its own, or,
# where the document says `<!-- one database -->`, they follow one another in one. Usage: documents(file, [ 'psql', ... ], scratch directory, $query, \%tables),
# the last by "name: section".
sub documents
{
	my ($file, $psql, $scratch, $query, $tables) = @_;
	my ($name) = $file =~ m{([^/]+)$};
	my $text = slurp($file);
	my %setup = setups($text);
	my $one = $text =~ /^<!-- one database -->$/m;
	my ($count, $db, %seen) = (0);
	local $ENV{PGOPTIONS} = '-c pgaccount.password_ops=1 -c pgaccount.password_memory=8MB';
	my ($should, @failures) = weave($text, sub {
		my ($section, @texts) = @_;
		if (!$one || !$count)
		{
			drop_database($query, $db) if $db;
			$db = 'document' . ++$count . '_' . lc $name =~ s/\W.*//r;
			$query->('postgres', "CREATE DATABASE $db");
		}
		my $before = join "\n", grep { defined } $setup{$section}, $tables->{"$name: $section"};
		$before = "CREATE EXTENSION pgaccount;\n$before" if !$one && "@texts" !~ /CREATE EXTENSION/;
		my ($first, @answers) = session([ @$psql, '-d', $db ], "$scratch/document.sql", \%seen,
			"SET client_min_messages = error;\n$before\nRESET client_min_messages;\n", @texts);
		die "$name: $section: the setup fails:\n$first->[1]" if $first->[1] ne '';
		return @answers;
	});
	drop_database($query, $db) if $db;
	return ($text, $should, @failures);
}

1;
