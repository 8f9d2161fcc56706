# reference.pl: prints doc/reference.md, from what the catalog of a server says and what its examples answer.
#
# Usage: perl reference.pl SCRATCH psql [argument...] — a superuser's psql, on a throwaway server that preloads the
# library and is otherwise as initdb makes it; databases and roles are made there. SCRATCH: a directory to write to.
#
# Each function, view, table and setting of the catalog gets its heading, with its comment; in which section, says the
# folder of src/ whose SQL makes it. Beside that:
#
#   triggers.md           names each trigger and policy that the sources make
#   examples/<name>.sql   shown with it. What is above a line "-- shown" runs first, unseen. The tables are those of
#                         tables.sql, or, if the first line is "-- on accounts" or "-- on members", the accounts of that file.
#   errors.md, events.md, findings.md
#                         one heading an SQLSTATE, type of event, finding; every one of the sources must be there.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::RealBin/../../test/lib";
use Shown qw(drop_database session weave slurp spew);

my ($scratch, @psql) = @ARGV;
die "usage: reference.pl SCRATCH psql [argument...]\n" if !@psql;
my $here = $FindBin::RealBin;
my $top = "$here/../..";
binmode STDOUT, ':encoding(UTF-8)';
$ENV{PGOPTIONS} = '-c client_min_messages=notice';

# Rows of a query, as arrays of cells.
sub rows
{
	my ($database, $sql) = @_;
	spew("$scratch/query.sql", $sql);
	my $words = join ' ', map { my $w = $_; $w =~ s/'/'\\''/g; "'$w'" } @psql, '-X', '-q', '-t', '-A', '-F', "\x1f", '-R', "\x1e",
	  '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', "$scratch/query.sql";
	open my $out, '-|:encoding(UTF-8)', $words or die "psql: $!";
	my $all = do { local $/; <$out> };
	close $out or die "psql failed: $sql\n";
	$all =~ s/\n\z//;
	return map { [ split /\x1f/, $_, -1 ] } split /\x1e/, $all;
}

# --- databases for examples ------------------------------------------------------------------------

my $cheap = '-c pgaccount.password_ops=1 -c pgaccount.password_memory=8MB';
my $database = 0;
my %roles;

sub prepare
{
	rows('postgres', 'CREATE DATABASE shown_tables');
	rows('postgres', "CREATE DATABASE shown_$_") for 'accounts', 'members';
	rows('shown_tables', "SET client_min_messages = error; CREATE EXTENSION pgaccount;\n" . slurp("$here/tables.sql"));
	local $ENV{PGOPTIONS} = $cheap;
	rows("shown_$_", "SET client_min_messages = error; CREATE EXTENSION pgaccount;\n" . slurp("$here/$_.sql")) for 'accounts', 'members';
	return;
}

# What texts answer in a database of their own, made from one of the three. Those before $shown are setup, and may not fail.
sub answers
{
	my ($kind, $setup, @texts) = @_;
	my $db = 'shown' . ++$database;
	my %seen;
	rows('postgres', "CREATE DATABASE $db TEMPLATE shown_$kind");
	local $ENV{PGOPTIONS} = $cheap;
	my @answers = session([ @psql, '-d', $db ], "$scratch/example.sql", \%seen, $setup, @texts);
	my $first = shift @answers;
	die "the setup of an example failed:\n$setup\n$first->[1]" if $first->[1] ne '' && $setup !~ /-- fails/;
	drop_database(\&rows, $db);
	return @answers;
}

# Of an example: which database it is for, what runs unseen, what is shown.
sub setup
{
	my $text = shift;
	my $kind = $text =~ s/^-- on (\w+)\n// ? $1 : 'tables';
	return ($kind, $text =~ /^(.*^)-- shown\n(.*)\z/ms ? ($1, $2) : ('', $text));
}

# The example of a thing, as Markdown; '' where it has none.
sub example
{
	my $name = shift;
	my $file = "$here/examples/$name.sql";
	return '' if !-e $file;
	my ($kind, $setup, $shown) = setup(slurp($file));
	my ($answer) = answers($kind, $setup, $shown);
	return "```sql\n$shown```\n\n```\n$answer->[0]```\n";
}

# --- Markdown --------------------------------------------------------------------------------------

my %heading;    # names that have one

# A comment of the catalog as Markdown.
sub prose
{
	my $text = shift;
	$text =~ s/([\\*<\$])/\\$1/g;
	$text =~ s/&/&amp;/g;
	$text =~ s{\b((?:pg)?account\.[a-z_]+)(\(\))?}{ my ($name, $call) = ($1, $2 // '');
		$heading{$name} ? '[`' . "$name$call" . '`](#' . anchor($name) . ')' : "`$name$call`" }ge;
	return $text;
}

sub anchor
{
	my $name = lc shift;
	$name =~ s/ /-/g;
	$name =~ s/[^a-z0-9_-]//g;
	return $name;
}

sub cell { my $text = prose(shift); $text =~ s/\|/\\|/g; return $text }

# A type or default as one writes it.
sub short
{
	my $text = shift;
	$text =~ s/timestamp with time zone/timestamptz/g;
	$text =~ s/timestamp without time zone/timestamp/g;
	$text =~ s/DEFAULT ('[^']*'|NULL)::[a-z]+(?: with time zone| precision)?(?:\[\])?/DEFAULT $1/g;
	$text =~ s/'00:00:00'/'0'/g;
	return $text;
}

# --- what there is ---------------------------------------------------------------------------------

# Which section things of a folder belong to, in order; a file of the folder that belongs elsewhere says so itself.
my @sections = (
	[ softdelete => 'Soft delete' ], [ profile => 'Profiles' ], [ cleanup => 'References, cleanup and purge' ],
	[ hold => 'Holds and erasure' ], [ model => 'Account model' ], [ auth => 'Registration, login and sessions' ], [ account => 'Account lifecycle' ], [ members => 'Tenants and their members' ],
	[ password => 'Passwords' ], [ jwt => 'Keys and tokens' ], [ identity => 'Identity and tenants' ],
	[ monitor => 'Events, statistics, health' ]);
my %elsewhere = (
	fkey => 'cleanup', 'cleanup/erasure' => 'hold', base => 'monitor', 'account/starter' => 'model', 'account/tenant' => 'members', 'account/export_tenant' => 'members',
	'account/members' => 'members', 'account/last_member' => 'members', 'auth/members' => 'members',
	'auth/key_store' => 'jwt', 'auth/token' => 'jwt',
	'auth/identity' => 'identity', 'auth/tenant_isolation' => 'identity', 'account/doctor' => 'monitor', 'account/health' => 'monitor',
	'account/describe' => 'monitor', 'account/grant_api' => 'model');

my %placed = (act_as => 'identity', issue_access_token => 'jwt', issue_tokens => 'jwt', actor => 'identity', tenant_role => 'identity', has_tenant_role => 'identity');

my %section_of;
for my $file (sort glob "$top/src/*/*.sql")
{
	my ($folder, $piece) = $file =~ m{src/([^/]+)/([^/]+?)(?:--.*)?\.sql$};
	my $section = $elsewhere{"$folder/$piece"} // $elsewhere{$folder} // $folder;
	my $text = slurp($file);
	$section_of{$1} //= $placed{$1} // $section while $text =~ /^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|VIEW|TABLE|TYPE)\s+account\.(\w+)/mg;
}

prepare();
rows('shown_tables', 'CREATE ROLE shown_api');
rows('shown_tables', "SELECT account.grant_api('shown_api')");

my $member = q{EXISTS (SELECT FROM pg_depend AS d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount') AND d.classid = %s AND d.objid = %s)};

my @functions = rows('shown_tables', sprintf(q{
	SELECT p.proname, pg_get_function_arguments(p.oid), coalesce(pg_get_function_result(p.oid), ''), p.prokind, p.provolatile, p.proparallel,
	       coalesce(obj_description(p.oid, 'pg_proc'), ''),
	       CASE WHEN p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) THEN 'trigger'
	            WHEN has_function_privilege('pg_database_owner', p.oid, 'execute') THEN 'public'
	            WHEN has_function_privilege('shown_api', p.oid, 'execute') THEN 'api'
	            WHEN has_function_privilege('pg_monitor', p.oid, 'execute') THEN 'monitor' ELSE 'owner' END
	FROM pg_proc AS p WHERE %s ORDER BY p.proname, p.proargtypes::regtype[]::text = ANY ('{}') DESC, pg_get_function_arguments(p.oid) COLLATE "C"},
	sprintf($member, "'pg_proc'::regclass", 'p.oid')));

my @relations = rows('shown_tables', sprintf(q{
	SELECT c.relname, c.relkind, coalesce(obj_description(c.oid, 'pg_class'), ''),
	       (SELECT c.oid = ANY (e.extconfig) FROM pg_extension AS e WHERE e.extname = 'pgaccount'),
	       CASE WHEN has_table_privilege('pg_monitor', c.oid, 'select') THEN 'monitor'
	            WHEN has_table_privilege('pg_database_owner', c.oid, 'select') THEN 'dump' ELSE 'owner' END
	FROM pg_class AS c WHERE c.relkind IN ('r', 'v') AND %s
	UNION ALL
	SELECT t.typname, 'c', coalesce(obj_description(t.oid, 'pg_type'), ''), false, '' FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
	WHERE c.relkind = 'c' AND %s
	ORDER BY 1}, sprintf($member, "'pg_class'::regclass", 'c.oid'), sprintf($member, "'pg_type'::regclass", 't.oid')));

my @settings = rows('postgres', q{LOAD 'pgaccount';
	SELECT name, CASE WHEN context IN ('superuser', 'user') THEN set_config(name, boot_val || coalesce(unit, ''), true)
	       ELSE current_setting(name) END, context, vartype, short_desc, coalesce(extra_desc, ''), coalesce(array_to_string(enumvals, ', '), ''),
	       coalesce(unit, '')
	FROM pg_settings WHERE name LIKE 'pgaccount.%' ORDER BY name});

# Functions of one name are one thing; internal is what only the extension itself calls, which has no example.
my (%function, @names);
for (@functions)
{
	push @names, $_->[0] if !$function{ $_->[0] };
	push @{ $function{ $_->[0] } }, $_;
}
my %also = (claims => 'claim', uid_bigint => 'uid', uid_uuid => 'uid', tenant_bigint => 'tenant_id', tenant_uuid => 'tenant_id',
	has_module => 'user_role', has_tenant_role => 'tenant_role', is_staff => 'user_role', is_authenticated => 'user_role');
my %internal;
for my $name (@names)
{
	$internal{$name} = 1 if $name ne 'soft_delete' && ($function{$name}[0][7] eq 'trigger' || !-e "$here/examples/" . ($also{$name} // $name) . '.sql');
}
$heading{"account.$_"} = 1 for @names, map { $_->[0] } @relations;
$heading{ $_->[0] } = 1 for @settings;

my %who = (
	public => 'Everybody may call it.',
	api => 'For roles of [`account.grant_api`](#accountgrant_api).',
	monitor => 'For `pg_monitor` and the extension\'s owner.',
	owner => '*Privileged*: for the extension\'s owner, until it grants EXECUTE.');
my %volatile = (i => 'immutable', s => 'stable', v => 'volatile');
my %parallel = (s => 'parallel safe', r => 'parallel restricted', u => 'parallel unsafe');

# One form of a function, broken where it is long.
sub signature
{
	my ($name, $arguments, $result, $kind) = @{ +shift };
	my $call = $kind eq 'p' ? 'CALL ' : '';
	my $out = $arguments =~ s/(?:^|, )OUT .*//s ? short((rows('shown_tables',
		"SELECT pg_get_function_arguments(p.oid) FROM pg_proc AS p WHERE p.pronamespace = 'account'::regnamespace AND p.proname = '$name'"))[0][0]) : '';
	my @out = $out =~ /OUT ([^,]+)/g;
	$result = ($result =~ /^SETOF/ ? 'TABLE' : '') . '(' . join(', ', @out) . ')' if @out;
	$result = short($result);
	my $line = "${call}account.$name(" . short($arguments) . ')' . ($kind eq 'p' || $result eq '' ? '' : " → $result");
	return "$line\n" if length $line <= 110;
	# broken at its commas, but not at those within brackets and quotes
	my ($depth, $column, $text) = (0, 0, '');
	for my $word ($line =~ /'[^']*'|\([^()]*\)|, |[^',()]+|./g)
	{
		if ($word eq ', ' && $column + 24 > 100 || $word =~ /^\(.*,.*\)$/ && $column + length $word > 100)
		{
			if ($word eq ', ') { $text .= ",\n    "; $column = 4; next }
			my $inner = "";
			my $at = $column;
			for my $piece (split /(?<=, )/, $word)
			{
				if ($at + length $piece > 104) { $inner =~ s/ \z//; $inner .= "\n    "; $at = 4 }
				$inner .= $piece;
				$at += length $piece;
			}
			$text .= $inner;
			$column = $at;
			next;
		}
		$text .= $word;
		$column += length $word;
	}
	return "$text\n";
}

sub function_text
{
	my $name = shift;
	my @forms = @{ $function{$name} };
	my $text = "### account.$name\n\n```\n" . join('', map { signature($_) } @forms) . "```\n\n";
	# the form for text says only that it is that
	my ($main) = sort { length $b->[6] <=> length $a->[6] } @forms;
	my ($what, $errors) = split / (?=Errors: )/, $main->[6], 2;
	$text .= prose($what) . "\n\n";
	$text .= prose($errors) . "\n\n" if defined $errors;
	$text .= "$who{ $main->[7] } " if $who{ $main->[7] };
	$text .= ucfirst("$volatile{ $main->[4] }, $parallel{ $main->[5] }.") . "\n\n" if $main->[3] ne 'p';
	$text .= "Commits between its batches: no call of it in a transaction block.\n\n" if $main->[3] eq 'p';
	my $example = $also{$name} ? "Example: [`account.$also{$name}`](#account$also{$name}).\n" : example($name);
	return "$text$example" . ($example eq '' ? '' : "\n");
}

sub relation_text
{
	my ($name, $kind, $comment, $dumped, $reader) = @{ +shift };
	my %kind = (r => 'Table', v => 'View', c => 'Type');
	my $text = "### account.$name\n\n$kind{$kind}. " . prose($comment) . "\n\n| column | type | |\n| --- | --- | --- |\n";
	for (rows('shown_tables', qq{SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), '')
		FROM pg_attribute AS a WHERE a.attrelid = 'account.$name'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum}))
	{
		$text .= "| `$_->[0]` | " . short($_->[1]) . ' | ' . cell($_->[2]) . " |\n";
	}
	my %reader = (monitor => '`pg_monitor` may read it.',
		dump => 'The database\'s owner may read it, and whom [`account.grant_dump`](#accountgrant_dump) names.',
		owner => 'The extension\'s owner alone may read it.');
	if ($kind ne 'c')
	{
		$text .= "\n$reader{$reader}";
		$text .= $dumped eq 't' ? ' `pg_dump` takes its rows.' : ' `pg_dump` does not take its rows.' if $kind eq 'r';
		$text .= "\n";
	}
	my $example = -e "$here/examples/$name.sql" && !$function{$name} ? example($name) : '';
	return "$text\n$example" . ($example eq '' ? '' : "\n");
}

sub setting_text
{
	my ($name, $value, $context, $type, $short, $extra, $values) = @{ +shift };
	my %who = (postmaster => 'set in `postgresql.conf`, and takes a restart', superuser => 'for superusers', user => 'any role may set it',
		sighup => 'set in `postgresql.conf`');
	my $default = $value eq '' ? 'empty' : "`$value`";
	return "### $name\n\n" . prose($short) . ' ' . prose($extra) . "\n\nDefault: $default" . ($values ne '' ? " (one of $values)" : '')
	  . "; $who{$context}.\n\n";
}

# --- errors, events, findings: texts whose headings are those that the sources have ---------------

my $sources = join '', map { slurp($_) } sort glob "$top/src/*/*.c $top/src/*/*.h $top/src/*/*.sql";

sub sources_events { return grep { $_ ne 'account_event' } $sources =~ /^#define EVENT_[A-Z_]+\s+"([a-z_]+)"$/mg }

# in SQL 'warning', 'code', or the end of a CASE of the severity; in C "warning", "code"
sub sources_findings
{
	my %codes;
	$codes{$1} = 1 while $sources =~ /'(?:error|warning|info)'(?:\s+END)?,\s*'([a-z]+_[a-z_]+)'/g;
	$codes{$1} = 1 while $sources =~ /"(?:error|warning|info)",\s*"([a-z]+_[a-z_]+)"/g;
	$codes{$1} = 1 while $sources =~ /ELSE 'info' END,\s*'([a-z]+_[a-z_]+)'/g;
	return keys %codes;
}

# names of triggers and policies; one that has more in it ends with an underscore, and is shown with dots
sub sources_triggers
{
	return map { s/_\z/_\x{2026}/r } $sources =~ /^#define \w+\s+"((?:00_|zz_|~)account_\w+|pgaccount_tenant\w*)"/mg;
}

# Names of SQLSTATEs whose errors are the caller's to see; those of the trigger protocol are for who calls a trigger function.
my %sqlstate = (INVALID_PARAMETER_VALUE => '22023', OBJECT_NOT_IN_PREREQUISITE_STATE => '55000', INSUFFICIENT_PRIVILEGE => '42501',
	FEATURE_NOT_SUPPORTED => '0A000', T_R_SERIALIZATION_FAILURE => '40001', TRIGGERED_DATA_CHANGE_VIOLATION => '27000',
	UNIQUE_VIOLATION => '23505', NOT_NULL_VIOLATION => '23502', RESTRICT_VIOLATION => '23001', FOREIGN_KEY_VIOLATION => '23503', PROGRAM_LIMIT_EXCEEDED => '54000',
	OUT_OF_MEMORY => '53200', UNDEFINED_OBJECT => '42704', NO_ACTIVE_SQL_TRANSACTION => '25P01', INVALID_TRANSACTION_TERMINATION => '2D000',
	DUPLICATE_TABLE => '42P07', CHECK_VIOLATION => '23514', OBJECT_IN_USE => '55006', LOCK_NOT_AVAILABLE => '55P03', QUERY_CANCELED => '57014', READ_ONLY_SQL_TRANSACTION => '25006',
	DEPENDENT_OBJECTS_STILL_EXIST => '2BP01', NULL_VALUE_NOT_ALLOWED => '22004', CANNOT_COERCE => '42846');
my %not_shown = map { $_ => 1 } qw(E_R_I_E_TRIGGER_PROTOCOL_VIOLATED E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED UNDEFINED_TABLE
	UNDEFINED_FUNCTION SYSTEM_ERROR NUMERIC_VALUE_OUT_OF_RANGE INTERNAL_ERROR DATA_CORRUPTED SUCCESSFUL_COMPLETION WARNING);

sub sources_errors
{
	my %codes;
	while ($sources =~ /errcode\(ERRCODE_(\w+)\)/g)
	{
		my $name = $1;
		next if $not_shown{$name};
		if ($name =~ /^ACCOUNT_/)
		{
			$sources =~ /define ERRCODE_$name\s+MAKE_SQLSTATE\('P', 'T', '(\d)', '(\d)', '(\d)'\)/ or die "no SQLSTATE of $name";
			$codes{"PT$1$2$3"} = 1;
			next;
		}
		$codes{ $sqlstate{$name} // die "reference.pl: which SQLSTATE is $name? Name it in %%sqlstate.\n" } = 1;
	}
	return keys %codes;
}

# One of the three texts, with what its examples answer; its headings must be those given.
sub told
{
	my ($file, @want) = @_;
	my ($text, @failures) = weave(slurp("$here/$file"), sub {
		my ($section, @texts) = @_;
		my ($kind, $setup, $shown) = setup($texts[0]);
		return answers($kind, $setup, $shown, @texts[ 1 .. $#texts ]);
	});
	die "$file: @failures\n" if @failures;
	$text =~ s/(^```sql\n)((?:(?!^```).)*^```\n)/$1 . (setup($2))[2]/gmse;
	my %there;
	$there{$_}++ for $text =~ /^### (\S+)/mg;
	my @twice = grep { $there{$_} > 1 } sort keys %there;
	die "doc/reference/$file has twice: @twice\n" if @twice;
	my @missing = grep { !$there{$_} } sort @want;
	die "doc/reference/$file has no heading for: @missing\n" if @missing;
	$text =~ s/`((?:pg)?account\.[a-z_]+)`/$heading{$1} ? "[`$1`](#" . anchor($1) . ')' : "`$1`"/ge;
	return $text;
}

# --- the document ---------------------------------------------------------------------------------

my $tables = slurp("$here/tables.sql");
my $accounts = slurp("$here/accounts.sql");
my $members = slurp("$here/members.sql");
my $body = '';
my @contents;
# a folder that no section is named for has one of its own name
my %titled = map { $_->[0] => 1 } @sections;
for my $folder (sort keys %{ { map { $_ => 1 } values %section_of } })
{
	push @sections, [ $folder => ucfirst $folder ] if !$titled{$folder};
}
for (@sections)
{
	my ($section, $title) = @$_;
	my @here = grep { ($section_of{$_} // 'monitor') eq $section && !$internal{$_} } @names;
	my @tables = grep { ($section_of{ $_->[0] } // 'monitor') eq $section } @relations;
	push @contents, [ $title, (map { "account.$_" } @here), map { "account.$_->[0]" } grep { !$function{ $_->[0] } } @tables ];
	$body .= "## $title\n\n";
	$body .= function_text($_) for @here;
	$body .= relation_text($_) for @tables;
}
push @contents, [ 'Settings', map { $_->[0] } @settings ];
$body .= "## Settings\n\nThe prefix `pgaccount` is the extension's own: a name below it that is none of these is refused.\n\n";
$body .= setting_text($_) for @settings;
push @contents, [ 'Errors' ], [ 'Types of events' ], [ 'Findings of the doctor' ], [ 'What \\d shows' ], [ 'What the extension calls itself' ];
$body .= "## Errors\n\n" . told('errors.md', sources_errors());
$body .= "\n## Types of events\n\n" . told('events.md', sources_events());
$body .= "\n## Findings of the doctor\n\n" . told('findings.md', sources_findings());
my $triggers = slurp("$here/triggers.md");
my @untold = grep { $triggers !~ /`\Q$_\E`/ && $triggers !~ /`\Q$_\E_\x{2026}`/ } sources_triggers();
die "doc/reference/triggers.md does not name: @untold\n" if @untold;
$triggers =~ s/`((?:pg)?account\.[a-z_]+)`/$heading{$1} ? "[`$1`](#" . anchor($1) . ')' : "`$1`"/ge;
$body .= "\n## What \\d shows\n\n$triggers";
$body .= "\n## What the extension calls itself\n\nTriggers that it puts on tables, and what its own statements use. They show in `\\df account.*` and `\\d`; nobody else calls them.\n\n";
$body .= function_text($_) for grep { $internal{$_} } @names;
$body =~ s/\n+\z/\n/;

my $contents = join '', map
{
	my ($title, @of) = @$_;
	"- [$title](#" . anchor($title) . ')' . (@of ? ': ' . join(' · ', map { my $n = $_; $n =~ s/^(?:pg)?account\.//; "[$n](#" . anchor($_) . ')' } @of) : '') . "\n"
} @contents;

print <<"END";
# Reference

Every function, view, table, setting, error, type of event and finding, with an example and what it answers.
`doc/reference/generate` makes this file: signatures and texts are those of the catalog (`\\df+ account.*`, `\\d+`), and
examples are run. A test compares, so nothing here lags behind. Times, ids and tokens stand for what a run gives.

$contents
## Conventions

- `key "any"` takes a value of the key's type, an array of keys, or a `jsonb` object that names the columns of a unique
  key: `42`, `ARRAY[1, 2]`, `'{"email": "ann\@example.com"}'`. Beside it stands a form for `text`, so that parameters without a
  type work; a text that starts with `{` or `[` is the object or array.
- `user_id` is text, or a value of the key's type.
- `regclass` is a table of any schema: `'users'`, `'app.users'`, `'"Users"'`.
- Errors have an SQLSTATE, DETAIL and HINT. Where a text says \"Errors\", it names those of the function itself; beside them
  there are those of the server and of the table's own constraints.

Examples run in a new database, on these tables:

```sql
$tables```

or on these accounts, of users with one tenant,

```sql
$accounts```

and of users with several:

```sql
$members```

$body
END
