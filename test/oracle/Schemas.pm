# Random schemas, and random statements over them. A case is a list of steps made from a seed alone, before anything runs; so it can
# be replayed without some of them. A step is { sql, op, ... }; what must come of it is Model's.
package Schemas;
use strict;
use warnings;
use Model;

# What may occur. One that is 0 waits for what is not right yet.
our %feature = (
	cast_keys => 1,           # keys whose referential DELETE carries a cast: varchar, domains, enums, arrays, ranges
	composite_type_keys => 1, # keys of a composite type
	inherited => 1,           # references to inheritance children, which their parent covers
	precision => 1,           # deleted_at of other types than timestamptz
	two_parents => 1,         # children that several keys delete, restored one by one
	guard_detach => 1,        # DETACH and ATTACH of guarded partitions
	reinsert => 1,            # ON CONFLICT on keys of deleted rows is always refused
	leaf_references => 1,     # references to a leaf partition, guarded
	children_keep => 1,       # children => true leaves alone what a child has declared for itself
	on_soft_delete => 1,      # policies for soft deletion
	declared => 1,            # references that no foreign key declares
	within => 1,              # restore of what was deleted before
	replace => 1,             # new rows that replace deleted ones
	deferred_enable => 1,     # enabling stamps rows whose foreign keys are deferred
	holds => 1,               # rows under a hold
	erasure => 1,             # rows erased in place, and by purge
	batches => 1,             # cleanups in batches
);

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }
sub n { return 1 + int rand $_[0] }

# Types of keys: name => [ declaration, how the number i is written, declarations of what may reference it ]
my %type = (
	int => [ 'int', sub { $_[0] }, qw(int int bigint smallint) ],
	bigint => [ 'bigint', sub { $_[0] }, qw(bigint bigint int) ],
	uuid => [ 'uuid', sub { sprintf '00000000-0000-4000-8000-%012d', $_[0] }, 'uuid' ],
	text => [ 'text', sub { "k$_[0]" }, 'text', 'text', 'varchar' ],
	citext => [ 'citext', sub { pick('k', 'K') . $_[0] }, 'citext' ],
	numeric => [ 'numeric', sub { $_[0] . pick('', '.0', '.00') }, 'numeric', 'numeric(10,2)' ],
	nocase => [ 'text COLLATE keys.nocase', sub { pick('k', 'K') . $_[0] }, 'text COLLATE keys.nocase' ],
	date => [ 'date', sub { sprintf '2024-01-%02d', $_[0] }, 'date' ],
	char => [ 'char(8)', sub { "k$_[0]" }, 'char(8)', 'char(6)' ],
	varchar => [ 'varchar(30)', sub { "k$_[0]" }, 'varchar(30)', 'varchar', 'text' ],
	enum => [ 'keys.e', sub { "v$_[0]" }, 'keys.e' ],
	array => [ 'int[]', sub { "{1,$_[0]}" }, 'int[]' ],
	texts => [ 'text[]', sub { "{k,k$_[0]}" }, 'text[]' ],
	range => [ 'int4range', sub { "[$_[0]," . ($_[0] + 1) . ')' }, 'int4range' ],
	pair => [ 'keys.pair', sub { "($_[0],k)" }, 'keys.pair' ],
	d_int => [ 'keys.d_int', sub { $_[0] }, qw(keys.d_int int bigint) ],
	d_bigint => [ 'keys.d_bigint', sub { $_[0] }, qw(keys.d_bigint bigint) ],
	d_uuid => [ 'keys.d_uuid', sub { sprintf '00000000-0000-4000-8000-%012d', $_[0] }, qw(keys.d_uuid uuid) ],
	d_text => [ 'keys.d_text', sub { "k$_[0]" }, qw(keys.d_text text) ],
	d_varchar => [ 'keys.d_varchar', sub { "k$_[0]" }, qw(keys.d_varchar varchar) ],
	d_char => [ 'keys.d_char', sub { "k$_[0]" }, 'keys.d_char', 'char(8)' ],
	d_citext => [ 'keys.d_citext', sub { pick('k', 'K') . $_[0] }, qw(keys.d_citext citext) ],
	d_numeric => [ 'keys.d_numeric', sub { $_[0] . pick('', '.0') }, qw(keys.d_numeric numeric) ],
	d_ints => [ 'keys.d_ints', sub { "{1,$_[0]}" }, 'keys.d_ints' ],
);
my %with_cast = map { $_ => 1 } qw(varchar enum array texts range d_int d_bigint d_uuid d_text d_varchar d_char d_citext d_numeric d_ints);

# The case of a seed: a list of steps.
sub generate
{
	my ($seed, %params) = @_;
	srand $seed;
	my $case = { steps => [], tables => [], keys => 0 };
	my $tables = 3 + int(rand() * rand() * 10);
	if (chance(0.3))
	{
		# by an owner who is nobody else
		add($case, 'CREATE SCHEMA s AUTHORIZATION oracle_owner', 'ddl');
		add($case, 'SET ROLE oracle_owner', 'ddl');
	}
	else { add($case, 'CREATE SCHEMA s', 'ddl') }
	add($case, 'CREATE SEQUENCE s.rid', 'ddl');
	make_table($case) for 1 .. $tables;
	make_key($case, $_) for grep { chance(0.9) } @{ $case->{tables} };
	make_key($case, pick(@{ $case->{tables} })) for 1 .. n($tables);
	make_rows($case);
	enable($case, $_) for grep { !$_->{of} && chance(0.65) } @{ $case->{tables} };
	declare($case, $_) for grep { chance(0.5) } @{ $case->{tables} };
	$case->{body} = @{ $case->{steps} };
	my $statements = $params{statements} // 25;
	while (@{ $case->{steps} } < $case->{body} + $statements)
	{
		if (chance(0.25)) { transaction($case) }
		else              { statement($case) }
	}
	return $case;
}

sub add
{
	my ($case, $sql, $op, %more) = @_;
	push @{ $case->{steps} }, { sql => $sql, op => $op, check => defined $case->{body}, %more };
	return;
}

# The number i as a literal of a table's key type; that of another type for the same table's keys.
sub literal
{
	my ($table, $i) = @_;
	return "'" . $type{ $table->{type} }[1]->($i) . "'";
}

sub second { return $_[0] % 3 + 1 }

# The condition that the key is i.
sub key_is
{
	my ($table, $i, $alias) = @_;
	my $dot = $alias ? "$alias." : '';
	my ($declaration) = $type{ $table->{type} }[0] =~ /^(\S+)/;
	$declaration = $type{ $table->{type} }[0] if $declaration !~ /^text$/;
	my $sql = "$dot$table->{id} = " . literal($table, $i) . '::' . $declaration;
	$sql .= " AND ${dot}region = " . second($i) if $table->{composite};
	return $sql;
}

# The key i as an argument of the extension's functions.
sub key_argument
{
	my ($table, @i) = @_;
	my $t = $table->{type};
	my @raw = map { $type{$t}[1]->($_) } @i;
	if ($table->{composite} || $t !~ /array|texts|ints|range|pair/ && chance(0.2))
	{
		my @objects = map { '{"' . $table->{id} . qq(": "$raw[$_]") . ($table->{composite} ? ', "region": ' . second($i[$_]) : '') . '}' } 0 .. $#i;
		return "'" . (@i == 1 ? $objects[0] : '[' . join(', ', @objects) . ']') . "'::jsonb";
	}
	return 'ARRAY[' . join(', ', map { "'$_'" } @raw) . ']::' . ($type{$t}[0] =~ /^(\S+)/)[0] . '[]' if @i > 1;
	return "'$raw[0]'" . ($t !~ /array|texts|ints|pair/ && chance(0.3) ? '::' . ($type{$t}[0] =~ /^(\S+)/)[0] : '');
}

sub make_table
{
	my ($case) = @_;
	my $number = 1 + grep { !$_->{of} } @{ $case->{tables} };
	my @types = grep { ($feature{cast_keys} || !$with_cast{$_}) && ($feature{composite_type_keys} || $_ ne 'pair') } sort keys %type;
	my %table = (name => "t$number", id => 'id', type => chance(0.4) ? pick('int', 'bigint', 'uuid', 'text') : pick(@types), columns => [qw(a b)], n => 3 + n(5),
		fks => [], leaves => [], plain => []);
	my $kind = rand;
	my $hashable = $table{type} !~ /pair|nocase/;
	$table{composite} = 1 if $kind < 0.15 || $kind > 0.9;
	my @columns = ("id $type{ $table{type} }[0]", 'rid bigint NOT NULL DEFAULT nextval(\'s.rid\')', 'a int', "b text DEFAULT 'x'");
	push @columns, 'region int' if $table{composite};
	push @columns, "g int GENERATED ALWAYS AS (a * 2) STORED" if chance(0.2);
	if (chance(0.3)) { push @columns, 'deleted_at ' . ($feature{precision} ? pick(map({ ("timestamptz($_)", "timestamp($_)") } 0 .. 6), 'timestamptz', 'timestamp', 'keys.stamp') : 'timestamptz'); $table{stamp} = 'deleted_at'; $table{coarse} = $columns[-1] =~ /\([0-5]\)/ }
	if (chance(0.2)) { push @columns, 'is_deleted ' . pick('boolean', 'boolean NOT NULL DEFAULT false'); $table{flagged} = chance(0.5) }
	push @columns, 'mail text' if chance(0.25) && $kind < 0.8 && $kind >= 0.3;
	my $dropped = chance(0.3);
	push @columns, 'junk text' if $dropped;
	@columns = sort { rand() <=> 0.5 } @columns if chance(0.5);
	my $key = $table{composite} ? '(id, region)' : '(id)';
	$table{mail} = 1 if grep { /^mail/ } @columns;
	if ($kind < 0.15)
	{
		# by list, so that rows move; one of them in two levels
		add($case, "CREATE TABLE s.$table{name} (" . join(', ', @columns) . ", PRIMARY KEY $key) PARTITION BY LIST (region)", 'ddl');
		add($case, "CREATE TABLE s.$table{name}_1 PARTITION OF s.$table{name} FOR VALUES IN (1)", 'ddl');
		add($case, "CREATE TABLE s.$table{name}_2 PARTITION OF s.$table{name} FOR VALUES IN (2) PARTITION BY LIST (region)", 'ddl');
		add($case, "CREATE TABLE s.$table{name}_2a PARTITION OF s.$table{name}_2 FOR VALUES IN (2)", 'ddl');
		add($case, "CREATE TABLE s.$table{name}_3 (" . join(', ', reverse map { /^(?:id|rid|region) / && !/NOT NULL/ ? "$_ NOT NULL" : $_ } grep { !/junk|^g / } @columns) . ')', 'ddl')
		  if !grep { /^g / } @columns;
		add($case, "ALTER TABLE s.$table{name} DROP COLUMN junk", 'ddl') if $dropped;
		add($case, grep({ /^g / } @columns) ? "CREATE TABLE s.$table{name}_3 PARTITION OF s.$table{name} FOR VALUES IN (3)"
			: "ALTER TABLE s.$table{name} ATTACH PARTITION s.$table{name}_3 FOR VALUES IN (3)", 'ddl');
		$dropped = 0;
		$table{leaves} = [ [ "$table{name}_1", 'FOR VALUES IN (1)' ], [ "$table{name}_3", 'FOR VALUES IN (3)' ] ];
		$table{all_leaves} = [ "$table{name}_1", "$table{name}_2a", "$table{name}_3" ];
		$table{moves} = 1;
	}
	elsif ($kind < 0.25 && $hashable)
	{
		add($case, "CREATE TABLE s.$table{name} (" . join(', ', @columns) . ", PRIMARY KEY $key) PARTITION BY HASH (id)", 'ddl');
		add($case, "CREATE TABLE s.$table{name}_0 PARTITION OF s.$table{name} FOR VALUES WITH (MODULUS 2, REMAINDER 0) PARTITION BY HASH (id)", 'ddl');
		add($case, "CREATE TABLE s.$table{name}_00 PARTITION OF s.$table{name}_0 FOR VALUES WITH (MODULUS 1, REMAINDER 0)", 'ddl');
		add($case, "CREATE TABLE s.$table{name}_1 PARTITION OF s.$table{name} FOR VALUES WITH (MODULUS 2, REMAINDER 1)", 'ddl');
		$table{leaves} = [ [ "$table{name}_1", 'FOR VALUES WITH (MODULUS 2, REMAINDER 1)' ] ];
		$table{all_leaves} = [ "$table{name}_00", "$table{name}_1" ];
	}
	else
	{
		add($case, "CREATE TABLE s.$table{name} (" . join(', ', @columns) . ", PRIMARY KEY $key)", 'ddl');
		if ($kind < 0.35)
		{
			add($case, "CREATE TABLE s.$table{name}k (own int, PRIMARY KEY $key) INHERITS (s.$table{name})", 'ddl');
			push @{ $case->{tables} }, { %table, name => "$table{name}k", of => $table{name}, columns => [qw(a b)], fks => [], leaves => [] };
			$table{heirs} = 1;
		}
	}
	add($case, "ALTER TABLE s.$table{name} DROP COLUMN junk", 'ddl') if $dropped;
	push @{ $case->{tables} }, \%table;
	add($case, "CREATE VIEW s.v_$table{name} AS SELECT * FROM s.$table{name}", 'ddl') if chance(0.3) && ($table{view} = 1);
	add($case, "ALTER TABLE s.$table{name} ADD CONSTRAINT $table{name}_mail UNIQUE (mail)", 'ddl') if $table{mail};
	return;
}

# A foreign key of a table.
sub make_key
{
	my ($case, $child) = @_;
	my @parents = grep { $feature{inherited} || !$_->{of} && !$_->{heirs} } @{ $case->{tables} };
	return if !@parents || @{ $child->{fks} } > 2 || !$feature{inherited} && $child->{of};
	my $parent = chance(0.15) ? $child : pick(@parents);
	$parent = pick(@parents) if !$feature{inherited} && ($parent->{of} || $parent->{heirs});
	my $number = ++$case->{keys};
	my @column = ("f$number");
	push @column, "f${number}r" if $parent->{composite};
	my @types = @{ $type{ $parent->{type} } }[ 2 .. $#{ $type{ $parent->{type} } } ];
	my $column_type = pick(@types);
	my $action = pick('CASCADE', 'CASCADE', 'CASCADE', 'CASCADE', 'NO ACTION', 'RESTRICT', 'SET NULL', 'SET DEFAULT', 'NO ACTION');
	my $not_null = $action =~ /SET/ ? chance(0.1) : chance(0.2);
	add($case, "ALTER TABLE s.$child->{name} ADD COLUMN $column[0] $column_type" . ($action eq 'SET DEFAULT' && @column == 1 && chance(0.5) ? ' DEFAULT ' . literal($parent, 1) : '')
		. (@column > 1 ? ", ADD COLUMN $column[1] int" : ''), 'ddl');
	my %fk = (name => "fk$number", parent => $parent, columns => \@column, action => $action, column_type => $column_type, not_null => $not_null);
	my $set_columns = @column > 1 && $action eq 'SET NULL' && chance(0.4) ? " ($column[0])" : '';
	my $deferrable = $action eq 'RESTRICT' ? '' : pick('', '', '', ' DEFERRABLE', ' DEFERRABLE INITIALLY DEFERRED');
	$fk{waits} = $deferrable =~ /DEFERRED/;
	$fk{may_wait} = $deferrable ne '';
	$fk{ddl} = "ALTER TABLE s.$child->{name} ADD CONSTRAINT fk$number FOREIGN KEY (" . join(', ', @column) . ") REFERENCES s.$parent->{name} ($parent->{id}"
	  . ($parent->{composite} ? ', region' : '') . ')' . (@column > 1 && !$set_columns && chance(0.2) ? ' MATCH FULL' : '') . pick('', ' ON UPDATE CASCADE') . " ON DELETE $action$set_columns$deferrable";
	push @{ $child->{fks} }, \%fk;
	push @{ $case->{late} }, \%fk if $not_null;
	$fk{child} = $child;
	return;
}

# Rows of all tables, whose keys are 1 to n; an heir's are 13 and more. Then the constraints.
sub make_rows
{
	my ($case) = @_;
	for my $table (@{ $case->{tables} })
	{
		$table->{from} = $table->{of} ? 12 : 0;
		my @columns = insert_columns($table, 'setup');
		my @rows = map { '(' . join(', ', insert_values($table, $table->{from} + $_, 'setup')) . ')' } 1 .. $table->{n};
		add($case, "INSERT INTO s.$table->{name} (" . join(', ', @columns) . ') VALUES ' . join(', ', @rows), 'setup');
		# enabling stamps these
		add($case, "UPDATE s.$table->{name} SET is_deleted = true WHERE rid % 4 = 0", 'setup') if $table->{flagged};
	}
	for my $table (@{ $case->{tables} })
	{
		for my $fk (@{ $table->{fks} })
		{
			add($case, $fk->{ddl}, 'ddl');
			add($case, "ALTER TABLE s.$table->{name} ALTER $fk->{columns}[0] SET NOT NULL", 'ddl') if $fk->{not_null} && !$table->{of} && !$table->{heirs};
			add($case, "CREATE INDEX ON s.$table->{name} (" . join(', ', @{ $fk->{columns} }) . ')', 'ddl') if chance(0.5);
		}
	}
	return;
}

# What owners say of a table, before anything happens.
sub declare
{
	my ($case, $table) = @_;
	my $t = "s.$table->{name}";
	if ($feature{on_soft_delete} && @{ $table->{fks} } && chance(0.5))
	{
		my $policy = pick("'cascade'", "'protect'", 'NULL', 'NULL', 'NULL');
		add($case, "SELECT account.set_reference_policy('$t', '" . pick(@{ $table->{fks} })->{name} . "', $policy, '" . pick('follow', 'keep', 'remove', 'refuse') . "')", 'ddl', allow => ['22023']);
	}
	if ($feature{declared} && @{ $table->{fks} } && chance(0.2))
	{
		my $fk = pick(@{ $table->{fks} });
		add($case, "ALTER TABLE $t DROP CONSTRAINT $fk->{name}", 'ddl');
		add($case, "SELECT account.set_reference('$t', ARRAY[" . join(', ', map { "'$_'" } @{ $fk->{columns} }) . "]::name[], 's.$fk->{parent}{name}', 'cascade')", 'ddl', allow => ['22023']);
	}
	return if !$feature{erasure} || chance(0.4);
	set_erasure($case, $table);
	# tables that inherit are purged with their parent, each as it says
	add($case, "SELECT account.set_purge('$t', 'erase')", 'set_purge', table => $t) if !$table->{of} && !$table->{heirs} && chance(0.4);
	return;
}

# Say of a column that it is erased.
sub set_erasure
{
	my ($case, $table) = @_;
	my $column = pick('b', 'b', 'a', $table->{mail} ? 'mail' : 'b');
	my $method = pick('null', $column eq 'a' ? 'constant:0' : $column eq 'b' ? ('constant:gone', 'hash', 'default') : 'hash');
	add($case, "SELECT account.set_erasure('s.$table->{name}', '$column', '$method')", 'set_erasure', table => "s.$table->{name}", column => $column, method => $method);
	return;
}

sub insert_columns
{
	my ($table) = @_;
	return ($table->{id}, $table->{composite} ? 'region' : (), $table->{columns}[0], $table->{mail} ? 'mail' : (), map { @{ $_->{columns} } } @{ $table->{fks} });
}

sub insert_values
{
	my ($table, $i, $setup) = @_;
	return (literal($table, $i), $table->{composite} ? second($i) : (), int rand 10, $table->{mail} ? "'m" . ($setup ? $i : n(14)) . "'" : (),
		map { reference($_, $setup) } @{ $table->{fks} });
}

# Values for the columns of a foreign key.
sub reference
{
	my ($fk, $setup) = @_;
	my $parent = $fk->{parent};
	if (!$fk->{not_null} && chance($setup ? 0.3 : 0.2)) { return map { 'NULL' } @{ $fk->{columns} } }
	my $i = ($parent->{of} ? 12 : 0) + n($setup ? $parent->{n} : $parent->{n} + 1);
	return (literal($parent, $i), @{ $fk->{columns} } > 1 ? second($i) : ());
}

sub enable
{
	my ($case, $table) = @_;
	my @options;
	if (!$table->{was})
	{
		$table->{stamp} = 'deleted_at';
		my $own = $feature{children_keep} || !$case->{children};
		if ($own && chance(0.2)) { $table->{stamp} = 'gone_at'; push @options, "deleted_at => 'gone_at'" }
		push @options, "flag => 'is_gone'" if $own && chance(0.2);
		push @options, "deleted_by => 'gone_by'" if $own && chance(0.2);
		$case->{own} ||= @options;
		$table->{columns_options} = [@options];
	}
	else { @options = @{ $table->{columns_options} } }
	push @options, 'hide => false' if chance(0.1);
	push @options, 'guard_references => true' if chance(0.35);
	push @options, "on_parent_delete => '" . pick('delete', 'delete', 'refuse') . "'" if chance(0.7);
	push @options, "on_reinsert => '" . pick('replace', 'replace', 'refuse') . "'" if $feature{replace} && chance(0.3);
	if (chance(0.15) && ($feature{children_keep} || !$case->{own})) { push @options, 'children => true'; $case->{children} = 1 }
	$table->{was} = $table->{soft} = 1;
	$table->{perhaps} = 1 if $case->{open};    # the transaction may be rolled back
	add($case, "SELECT account.enable_soft_delete('s.$table->{name}'" . join('', map { ", $_" } @options) . ')', 'enable', allow => [qw(22023 55000), $case->{open} ? '55006' : ()]);
	add($case, "SELECT account.unique_among_live('s.$table->{name}', 'mail')", 'ddl', allow => [qw(22023 23505)]) if $table->{mail} && chance(0.6);
	return;
}

# A condition on rows of a table, by the alias x.
sub condition
{
	my ($table) = @_;
	my $kind = rand;
	my $i = sub { $table->{from} + n($table->{n} + 1) };
	return key_is($table, $i->(), 'x') if $kind < 0.5;
	return '(' . join(' OR ', map { '(' . key_is($table, $i->(), 'x') . ')' } 1 .. 3) . ')' if $kind < 0.65;
	return "x.$table->{columns}[0] % " . (2 + n(3)) . ' = ' . int rand 3 if $kind < 0.8;
	return 'true' if $kind < 0.83;
	if (@{ $table->{fks} })
	{
		my $fk = pick(@{ $table->{fks} });
		return "x.$fk->{columns}[0] IS " . pick('NULL', 'NOT NULL') if $kind < 0.9;
		my $parent = $fk->{parent};
		return pick('', 'NOT ') . "EXISTS (SELECT FROM s.$parent->{name} p WHERE p.$parent->{id} = x.$fk->{columns}[0] AND p.$parent->{columns}[0] < " . n(9) . ')';
	}
	return 'x.rid % 3 = ' . int rand 3;
}

sub transaction
{
	my ($case) = @_;
	add($case, 'BEGIN' . pick('', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE'), 'begin');
	$case->{open} = 1;
	for (1 .. n(4))
	{
		if (chance(0.4))
		{
			add($case, 'SAVEPOINT p', 'savepoint');
			statement($case) for 1 .. n(2);
			add($case, pick('ROLLBACK TO p', 'ROLLBACK TO p', 'RELEASE p'), 'release');
		}
		elsif ($feature{deferred_enable} && chance(0.06)) { enable($case, pick(grep { !$_->{of} } @{ $case->{tables} })) }
		else { statement($case) }
		add($case, 'SET CONSTRAINTS ALL ' . pick('IMMEDIATE', 'DEFERRED'), 'constraints', allow => ['23503']) if chance(0.1);
	}
	add($case, pick('COMMIT', 'COMMIT', 'ROLLBACK'), 'end');
	$case->{open} = 0;
	return;
}

# One statement, or what belongs together.
sub statement
{
	my ($case) = @_;
	my $table = pick(@{ $case->{tables} });
	my $kind = rand;
	return delete_statement($case, $table) if $kind < 0.32;
	return restore($case, $table) if $kind < 0.43;
	return cleanup($case, $table) if $kind < 0.51;
	return insert($case, $table) if $kind < 0.62;
	return update($case, $table) if $kind < 0.72;
	return delete_statement($case, $table) if $case->{open};
	return purge($case, $table) if $kind < 0.78;
	return ddl($case, $table) if $kind < 0.87;
	return hold($case, $table) if $kind < 0.92 && $feature{holds};
	return erase($case, $table) if $kind < 0.96 && $feature{erasure};
	return batches($case, $table) if $feature{batches};
	return delete_statement($case, $table);
}

sub delete_statement
{
	my ($case, $table) = @_;
	my $cond = condition($table);
	my $t = "s.$table->{name}";
	my $leaf = @{ $table->{all_leaves} // [] } && chance(0.2);
	$t = 's.' . pick(@{ $table->{all_leaves} }) if $leaf;
	my $match = "SELECT x.rid FROM $t x WHERE $cond";
	my $kind = rand;
	my @more;
	if ($kind < 0.3) { return add($case, "DELETE FROM $t x WHERE $cond", 'delete', match => $match) }
	if ($kind < 0.45) { return add($case, "DELETE FROM $t x WHERE $cond RETURNING x.rid" . pick('', ', *'), 'delete', match => $match, returning => 1) }
	if ($kind < 0.55) { return add($case, "WITH g AS (DELETE FROM $t x WHERE $cond RETURNING x.rid) SELECT rid FROM g", 'delete', match => $match, returning => 1, tag => 'SELECT') }
	if ($kind < 0.65) { return add($case, "MERGE INTO $t x USING (SELECT rid AS r FROM $t x WHERE $cond) y ON x.rid = y.r WHEN MATCHED THEN DELETE", 'delete', match => $match, tag => 'MERGE') }
	if ($kind < 0.75 && @{ $table->{fks} })
	{
		my $fk = pick(@{ $table->{fks} });
		my $p = $fk->{parent};
		my $from = "s.$p->{name} p WHERE p.$p->{id} = x.$fk->{columns}[0] AND p.$p->{columns}[0] > " . n(6);
		return add($case, "DELETE FROM $t x USING $from" . ($kind < 0.7 ? ' RETURNING x.rid, p.rid' : ''), 'delete', match => "SELECT DISTINCT x.rid FROM $t x, $from", returning => $kind < 0.7);
	}
	if ($kind < 0.82 && $table->{view} && !$leaf) { return add($case, "DELETE FROM s.v_$table->{name} x WHERE $cond", 'delete', match => "SELECT x.rid FROM s.v_$table->{name} x WHERE $cond") }
	if ($kind < 0.9)
	{
		my $name = 'p' . ++$case->{prepared};
		add($case, "PREPARE $name AS DELETE FROM $t x WHERE $cond", 'quiet');
		push @{ $case->{plans} }, [ $name, $match ];
		return add($case, "EXECUTE $name", 'delete', match => $match, allow => [qw(0A000 26000)]);
	}
	if ($case->{plans} && chance(0.5))
	{
		my $plan = pick(@{ $case->{plans} });
		return add($case, "EXECUTE $plan->[0]", 'delete', match => $plan->[1], allow => [qw(0A000 26000)]);
	}
	add($case, 'BEGIN', 'begin') if !$case->{open};
	add($case, "DECLARE c CURSOR FOR SELECT x.rid FROM $t x WHERE $cond" . pick('', ' FOR UPDATE'), 'quiet');
	add($case, 'FETCH c', 'fetch', allow => ['34000']);
	add($case, "DELETE FROM $t WHERE CURRENT OF c", 'delete', current => 1, allow => [qw(24000 34000)]);
	add($case, 'CLOSE c', 'quiet', allow => ['34000']);
	add($case, 'COMMIT', 'end') if !$case->{open};
	return;
}

sub keys_of
{
	my ($table, $most) = @_;
	my %i = map { $table->{from} + n($table->{n} + 1) => 1 } 1 .. (chance(0.6) ? 1 : n($most));
	my @i = sort { $a <=> $b } keys %i;
	@i = ($i[0]) if $table->{type} =~ /array|texts|ints|pair/ && !$table->{composite};
	return @i;
}

sub matching
{
	my ($table, @i) = @_;
	return "SELECT x.rid FROM s.$table->{name} x WHERE " . join ' OR ', map { '(' . key_is($table, $_, 'x') . ')' } @i;
}

sub restore
{
	my ($case, $table) = @_;
	my @i = keys_of($table, 4);
	my $within = $feature{within} && chance(0.25);
	add($case, "SELECT account.restore('s.$table->{name}', " . key_argument($table, @i) . ($within ? ", within => '1 hour'" : '') . ')', 'restore', match => matching($table, @i), within => $within,
		allow => [qw(23505 22023)]);
	return;
}

sub cleanup
{
	my ($case, $table) = @_;
	my @i = keys_of($table, 4);
	my $force = chance(0.3) ? 'true' : 'false';
	my $arguments = "('s.$table->{name}', " . key_argument($table, @i) . ", $force)";
	add($case, "SELECT * FROM account.cleanup$arguments", 'cleanup', plan => "SELECT * FROM account.cleanup_plan$arguments", force => $force eq 'true', match => matching($table, @i), allow => $table->{type} =~ /^(?:array|texts|d_ints)$/ ? ['22023'] : []);
	return;
}

sub purge
{
	my ($case, $table) = @_;
	my $force = chance(0.2) ? ', force => true' : '';
	# a stamp of few digits may have been rounded up, and a child of more digits has it from its parent
	my $older = (grep { $_->{coarse} } @{ $case->{tables} }) ? '-1 second' : '0';
	add($case, "SELECT account.purge('s.$table->{name}', '$older'$force)", 'purge', force => $force ne '', target => $table->{name}, match => "SELECT x.rid FROM s.$table->{name} x", allow => ['22023']);
	return;
}

# A hold on some rows, or the end of the oldest.
sub hold
{
	my ($case, $table) = @_;
	if ($case->{holds} && chance(0.6))
	{
		$case->{holds}--;
		return add($case, q{SELECT account.release_hold(id, 'over') FROM account.hold WHERE released_at IS NULL ORDER BY id LIMIT 1}, 'release_hold');
	}
	$case->{holds}++;
	my @i = keys_of($table, 2);
	return add($case, "SELECT account.place_hold('s.$table->{name}', " . key_argument($table, @i) . ", 'case')", 'hold', match => matching($table, @i), allow => [qw(PT404 22023)]);
}

# What is erased, and an erasure.
sub erase
{
	my ($case, $table) = @_;
	my $t = "s.$table->{name}";
	if (chance(0.2))
	{
		set_erasure($case, $table);
		return if chance(0.5);
		# what says which row it is stays
		my $key = pick($table->{id}, $table->{composite} ? 'region' : (), map { @{ $_->{columns} } } @{ $table->{fks} });
		return add($case, "SELECT account.set_erasure('$t', '$key', 'null')", 'set_erasure', table => $t, column => $key, method => 'null', allow => ['22023']);
	}
	return add($case, "SELECT account.set_purge('$t', " . pick("'erase'", "'erase'", "'remove'", 'NULL') . ')', 'set_purge', table => $t, allow => ['22023']) if !$table->{of} && !$table->{heirs} && chance(0.2);
	my @i = keys_of($table, 3);
	return add($case, "SELECT account.erase('$t', " . key_argument($table, @i) . ')', 'erase', match => matching($table, @i), allow => $table->{type} =~ /^(?:array|texts|d_ints)$/ ? ['22023'] : []);
}

# A cleanup in batches, which is stopped time and again.
sub batches
{
	my ($case, $table) = @_;
	my ($i) = keys_of($table, 1);
	my $raw = $type{ $table->{type} }[1]->($i);
	my $key = $table->{composite} || $raw =~ /^[\[{]/ || chance(0.2) ? qq({"$table->{id}": "$raw") . ($table->{composite} ? ', "region": ' . second($i) : '') . '}' : $raw;
	my $force = chance(0.4) ? 'true' : 'false';
	my $stop = pick('time', 'time', 'cancel', 'kill');
	return add($case, "CALL account.cleanup_batches('s.$table->{name}', '$key', $force, batch_size => " . n(4) . ($stop eq 'time' ? ", max_runtime => '0'" : '') . ')', 'batches', stop => $stop,
		force => $force eq 'true', match => matching($table, $i));
}

sub insert
{
	my ($case, $table) = @_;
	my $i = $table->{from} + n($table->{n} + 3);
	my @values = insert_values($table, $i);
	my ($mail) = grep { /^'m\d+'$/ } @values;
	my $sql = "INSERT INTO s.$table->{name} (" . join(', ', insert_columns($table)) . ') VALUES (' . join(', ', @values) . ')';
	my $conflict = '';
	if (chance(0.3))
	{
		$conflict = " ON CONFLICT ($table->{id}" . ($table->{composite} ? ', region' : '') . ') DO ' . pick('NOTHING', "UPDATE SET $table->{columns}[0] = 7");
		$conflict = ' ON CONFLICT DO NOTHING' if chance(0.2);
	}
	add($case, "$sql$conflict" . pick('', ' RETURNING rid'), 'insert', conflict => $conflict, mail => $table->{mail} && $mail ? $mail =~ /(\w+)/ : undef, match => matching($table, $i),
		allow => [qw(23503 23505 23502 23514)]);
	return;
}

sub update
{
	my ($case, $table) = @_;
	my $cond = condition($table);
	my $kind = rand;
	my $t = "s.$table->{name}";
	if ($kind < 0.3 && $table->{soft})
	{
		return add($case, "UPDATE $t x SET $table->{stamp} = now() WHERE $cond AND x.$table->{stamp} IS NULL", 'delete', match => "SELECT x.rid FROM $t x WHERE $cond AND x.$table->{stamp} IS NULL",
			tag => 'UPDATE', allow => ['42703']);
	}
	if ($kind < 0.5 && @{ $table->{fks} })
	{
		my $fk = pick(@{ $table->{fks} });
		my @values = reference($fk);
		return add($case, "UPDATE $t x SET " . join(', ', map { "$fk->{columns}[$_] = $values[$_]" } 0 .. $#values) . " WHERE $cond", 'update', allow => [qw(23503 23502)]);
	}
	if ($kind < 0.65 && $table->{moves})
	{
		return add($case, "UPDATE $t x SET region = " . n(3) . " WHERE $cond", 'update', allow => [qw(23503 23505 23001)]);
	}
	if ($kind < 0.8)
	{
		my $i = $table->{from} + n($table->{n} + 3);
		return add($case, "UPDATE $t x SET $table->{id} = " . literal($table, $i) . ' WHERE ' . key_is($table, $table->{from} + n($table->{n}), 'x'), 'update', allow => [qw(23503 23505 23001)]);
	}
	return add($case, "UPDATE $t x SET $table->{columns}[0] = " . n(9) . " WHERE $cond", 'update');
}

sub ddl
{
	my ($case, $table) = @_;
	my $t = "s.$table->{name}";
	my $kind = rand;
	if ($kind < 0.1) { return add($case, "ALTER TABLE $t ADD COLUMN IF NOT EXISTS more int DEFAULT " . n(9), 'ddl') if !$table->{of} }
	if ($kind < 0.2 && !$table->{of}) { return add($case, "ALTER TABLE $t DROP COLUMN IF EXISTS more", 'ddl') }
	if ($kind < 0.3 && $table->{soft} && !$table->{perhaps} && !$case->{children} && !$table->{of} && !$table->{heirs} && !$table->{view})
	{
		my $name = 'gone' . ++$case->{renamed};
		add($case, "ALTER TABLE $t RENAME COLUMN $table->{stamp} TO $name", 'ddl');
		s/deleted_at => '[^']*'/deleted_at => '$name'/ for @{ $table->{columns_options} };
		push @{ $table->{columns_options} }, "deleted_at => '$name'" if !grep { /deleted_at =>/ } @{ $table->{columns_options} };
		$table->{stamp} = $name;
		$case->{own} = 1;
		return;
	}
	if ($kind < 0.45 && @{ $table->{leaves} })
	{
		my $leaf = pick(@{ $table->{leaves} });
		add($case, "ALTER TABLE $t DETACH PARTITION s.$leaf->[0]", 'ddl', allow => ['23503']);
		add($case, "ALTER TABLE $t ATTACH PARTITION s.$leaf->[0] $leaf->[1]", 'ddl', allow => ['42809', $feature{guard_detach} ? () : '42710']);
		return;
	}
	if ($kind < 0.6 && @{ $table->{fks} })
	{
		my $fk = pick(@{ $table->{fks} });
		my $soft = $feature{on_soft_delete} && chance(0.6) ? ", '" . pick('follow', 'keep', 'remove', 'refuse') . "'" : '';
		return add($case, "SELECT account.set_reference_policy('$t', '$fk->{name}', " . pick("'cascade'", "'protect'", "'restrict'", "'set null'", 'NULL') . "$soft)", 'ddl', allow => ['22023']);
	}
	if ($kind < 0.66 && @{ $table->{fks} } && $feature{declared})
	{
		my $fk = pick(@{ $table->{fks} });
		my $columns = 'ARRAY[' . join(', ', map { "'$_'" } @{ $fk->{columns} }) . ']::name[]';
		my $reference = "SELECT account.set_reference('$t', $columns, 's.$fk->{parent}{name}', ";
		return add($case, "${reference}NULL)", 'ddl', allow => ['22023']) if chance(0.2);
		add($case, "ALTER TABLE $t DROP CONSTRAINT IF EXISTS $fk->{name}", 'ddl');
		return add($case, $reference . pick("'cascade'", "'cascade'", "'protect'", "'set null'") . ($feature{on_soft_delete} && chance(0.4) ? ", '" . pick('follow', 'keep', 'remove', 'refuse') . "'" : '') . ')', 'ddl',
			allow => ['22023']);
	}
	if ($kind < 0.72 && @{ $table->{fks} })
	{
		my $fk = pick(@{ $table->{fks} });
		add($case, "ALTER TABLE $t DROP CONSTRAINT IF EXISTS $fk->{name}", 'ddl');
		add($case, $fk->{ddl}, 'ddl', allow => ['23503']);
		return;
	}
	if ($kind < 0.78 && $table->{soft} && !$table->{of})
	{
		add($case, "SELECT account.disable_soft_delete('$t')", 'ddl');
		$table->{soft} = 0;
		return;
	}
	if ($kind < 0.9 && !$table->{of}) { return enable($case, $table) }
	return add($case, "TRUNCATE $t", 'truncate', allow => [qw(0A000)]) if $kind > 0.97;
	return add($case, "ANALYZE $t", 'ddl');
}

1;
