# For test/attacks: calls of every function of the extension, made from the catalog, so that a new one is
# called too, with arguments that make sense and others.
package PublicApi;
use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(public_calls);

# By type: what makes no sense, but is of the type.
my %senseless = (
	text => [ q{''}, q{'x'}, q{E'a\'b"c\\\\'}, q<'{"id": [1'> ],
	regclass => [q{'pg_catalog.pg_class'}],
	jsonb => [ q{'[]'}, q{'{"a": {"b": null}}'} ],
	json => [q{'{"a": 1}'}],
	interval => [ q{'-1 day'}, q{'0'} ],
	bigint => [ '-1', '0' ],
	integer => [ '-1', '0' ],
	boolean => [ 'true', 'false' ],
	inet => [q{'::ffff:10.0.0.1/96'}],
	bytea => [q{'\x00'}],
	name => [q{'no such "name'}],
	'name[]' => [q{'{}'}],
	'text[]' => [q{'{a,NULL}'}],
	oid => ['0'],
	'"any"' => [ q{'{1,2}'::pg_catalog.int4[]}, q{'x'::pg_catalog.text}, q{'{"id": 1}'::pg_catalog.jsonb}, q{now()} ],
	'timestamp with time zone' => [q{'infinity'}],
);

# Statements that call all that a role may call, in the order of names: [name, statement].
#
# values: sensible arguments as SQL, by "function.argument", "argument" or type; a list of them is tried one
# by one. How often: with the sensible ones, each of the others in turn, senseless ones, all NULL.
sub public_calls
{
	my ($node, $db, $role, %params) = @_;
	my $values = $params{values};
	my $skip = $params{skip} // qr/^$/;
	my @calls;
	my $catalog = $node->safe_psql($db, <<"SQL");
SELECT p.oid::regprocedure::text, proname, prokind, array_to_string(COALESCE(proargnames, '{}'), ','), pronargdefaults, provariadic <> 0,
    (SELECT string_agg(format_type(t, NULL), ';' ORDER BY n) FROM unnest(proargtypes) WITH ORDINALITY a(t, n))
FROM pg_proc p WHERE pronamespace = 'account'::regnamespace AND has_function_privilege('$role', p.oid, 'EXECUTE')
    AND NOT prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) ORDER BY proname, p.oid::regprocedure::text
SQL
	for (split /\n/, $catalog)
	{
		my ($signature, $name, $kind, $names, $defaults, $variadic, $types) = split /\|/;
		next if $signature =~ $skip;
		my @types = split /;/, $types // '';
		my @names = (split /,/, $names // '')[ 0 .. $#types ];
		my @sensible;
		for my $i (0 .. $#types)
		{
			my $given = $values->{"$name.$names[$i]"} // $values->{ $names[$i] } // $values->{ $types[$i] } // $senseless{ $types[$i] } // ['NULL'];
			push @sensible, ref $given ? $given : [$given];
		}
		my @tuples = ([ map { $_->[0] } @sensible ]);
		for my $i (0 .. $#types)
		{
			my @others = (@{ $sensible[$i] }[ 1 .. $#{ $sensible[$i] } ], @{ $senseless{ $types[$i] } // [] }, $types[$i] =~ m{any} ? () : 'NULL');
			@others = @others[ 0 .. 2 ] if $params{brief} && @others > 3;
			push @tuples, map { my @t = map { $_->[0] } @sensible; $t[$i] = $_; [@t] } @others;
		}
		push @tuples, [ map { $_ =~ m{any} ? "'x'::pg_catalog.text" : 'NULL' } @types ] if @types > 1;
		# the defaults
		push @tuples, [ map { $_->[0] } @sensible[ 0 .. $#types - $defaults ] ] if $defaults;
		my %seen;
		for my $tuple (@tuples)
		{
			my @arguments = map {
				my $type = $types[$_];
				# an untyped literal stays one: it is what drivers bind
				$type =~ m{any} || $type eq 'text' && $tuple->[$_] =~ /^E?'/ ? $tuple->[$_]
				  : $tuple->[$_] eq 'NULL' ? "NULL::" . qualified($type)
				  : ($variadic eq 't' && $_ == $#types ? 'VARIADIC ' : '') . "($tuple->[$_])::" . qualified($type)
			} 0 .. $#$tuple;
			my $call = "account.$name(" . join(', ', @arguments) . ')';
			next if $seen{$call}++;
			push @calls, [ $signature, $kind eq 'p' ? "CALL $call" : "SELECT * FROM $call" ];
		}
	}
	return @calls;
}

# The name of a type, whatever the search_path.
sub qualified
{
	my ($type) = @_;
	return $type =~ /^(?:"?\w+"?)(?:\[\])?$/ && $type !~ /^(?:integer|bigint|boolean|interval)/ ? "pg_catalog.$type" : $type;
}

1;
