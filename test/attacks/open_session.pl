# Whoever owns a table that a call writes runs code in the caller's session: it reads nothing of what is open there,
# leaves it as it is, and sees no password of the statement. And a partition's owner does not run its parent's code.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Attack;

my $node = new_server('main');
$node->safe_psql('postgres', <<"SQL", extra_params => [ '-v', 'owner=mallory', '-v', 'key=bigint' ]);
CREATE ROLE mallory LOGIN; CREATE ROLE app LOGIN; CREATE ROLE api LOGIN; CREATE ROLE plain LOGIN;
CREATE EXTENSION pgaccount;
CREATE SCHEMA mallory AUTHORIZATION mallory;
\\i $FindBin::Bin/hostile_model.sql
CREATE TABLE public.secret (s text);
INSERT INTO public.secret VALUES ('top secret 1'), ('top secret 2'), ('top secret 3');
SET SESSION AUTHORIZATION mallory;
CREATE TABLE mallory.loot (what text, value text);
CREATE TABLE mallory.try (sql text);
GRANT ALL ON mallory.try, mallory.loot TO PUBLIC;
CREATE FUNCTION mallory.steal() RETURNS trigger LANGUAGE plpgsql AS \$\$
DECLARE
    c refcursor := 'opened';
    r record;
    s text;
BEGIN
    SELECT sql INTO s FROM mallory.try;
    CASE s
    WHEN 'fetch' THEN FETCH c INTO r; INSERT INTO mallory.loot VALUES (s, r::text);
    WHEN 'move' THEN MOVE c;
    WHEN 'query' THEN INSERT INTO mallory.loot VALUES (s, current_query());
    WHEN 'context' THEN GET DIAGNOSTICS s = PG_CONTEXT; INSERT INTO mallory.loot VALUES ('context', s);
    WHEN 'caught context' THEN
        BEGIN RAISE 'x'; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS s = PG_EXCEPTION_CONTEXT; INSERT INTO mallory.loot VALUES ('caught context', s); END;
    WHEN 'fail' THEN RAISE 'a trigger that fails';
    ELSE EXECUTE s;
    END CASE;
    RETURN NULL;
END \$\$;
CREATE TRIGGER steal AFTER INSERT OR UPDATE ON mallory.profiles FOR EACH ROW EXECUTE FUNCTION mallory.steal();
RESET SESSION AUTHORIZATION;
SQL

# Run SQL around a registration, while the trigger tries something. What psql says, and what it complains of.
my $n = 0;
sub while_registering
{
	my ($try, $sql) = @_;
	my ($out, $err) = ('', '');
	$n++;
	$sql =~ s/%n/$n/g;
	$node->safe_psql('postgres', 'TRUNCATE mallory.try, mallory.loot; INSERT INTO mallory.try VALUES ($try$' . $try . '$try$)');
	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, on_error_stop => 0);
	return ($out, $err);
}
my $register = q{SELECT account.register('open%n@x.org', 'the-plain-password', 'open%n', 'acme') IS NULL;};

# --- cursors of the session ---------------------------------------------------------------------------------
for my $try ('fetch', 'move', q{SELECT cursor_to_xml('opened', 3, true, false, '')}, q{SELECT cursor_to_xmlschema('opened', true, false, '')},
	q{INSERT INTO mallory.loot SELECT name, statement FROM pg_catalog.pg_cursors})
{
	my (undef, $err) = while_registering($try, "BEGIN;\nDECLARE opened CURSOR FOR SELECT s FROM public.secret;\n$register\nCOMMIT;");
	like($err, qr/42501/, "a cursor of the session is not open to $try");
	is($node->safe_psql('postgres', 'SELECT value FROM mallory.loot'), '', '... and nothing was read');
}
{
	# by SQL of its own, cursors of its own are what they are without us
	my (undef, $err) = while_registering(q{DO $d$ DECLARE r record; c CURSOR FOR SELECT relname FROM pg_catalog.pg_class LIMIT 3; n int := 0; BEGIN OPEN c; FETCH c INTO r; MOVE c; CLOSE c; FOR r IN SELECT 1 FROM pg_catalog.pg_class LIMIT 60 LOOP n := n + 1; END LOOP; INSERT INTO mallory.loot VALUES ('own', n); END $d$}, $register);
	is($err, '', 'its own cursors are open to it');
	is($node->safe_psql('postgres', 'SELECT value FROM mallory.loot'), '60', '... and read');
}

# --- prepared statements: what they say, and what they give ------------------------------------------------------
for my $try (q{INSERT INTO mallory.loot SELECT name, statement FROM pg_catalog.pg_prepared_statements}, q{CREATE TABLE mallory.stolen AS EXECUTE told}, q{EXPLAIN (VERBOSE) EXECUTE told},
	q{EXPLAIN ANALYZE CREATE TABLE mallory.stolen AS EXECUTE told})
{
	my (undef, $err) = while_registering($try, "PREPARE told AS SELECT 'of the session'::text AS word;\n$register");
	like($err, qr/42501/, "$try is refused");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM mallory.loot}), '0', '... and nothing was read');
}
{
	my (undef, $err) = while_registering(q{DO $d$ DECLARE r record; BEGIN FOR r IN EXECUTE 'EXPLAIN SELECT 1' LOOP END LOOP; CREATE TABLE mallory.made AS SELECT 1 AS n; DROP TABLE mallory.made; END $d$}, $register);
	is($err, '', 'statements of its own are explained and made tables of');
}

# --- what outlives the transaction, or concerns the rest of it --------------------------------------------------
for my $try ('SELECT pg_advisory_unlock_all()', 'SELECT pg_advisory_unlock(7)', 'SELECT pg_advisory_lock(8)', 'SELECT pg_advisory_lock_shared(8)', 'SELECT pg_try_advisory_lock(8, 8)',
	'SELECT setseed(0.5)', 'SET CONSTRAINTS ALL IMMEDIATE', 'SET CONSTRAINTS ALL DEFERRED', 'EXECUTE prepared')
{
	my ($out, $err) = while_registering($try, "SELECT pg_advisory_lock(7) IS NULL;\nPREPARE prepared AS SELECT 1;\n$register\nSELECT 'LOCKS', string_agg(objid::text, ',') FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND classid = 0;");
	like($err, qr/42501/, "$try is refused");
	like($out, qr/^LOCKS\|7$/m, '... and the locks of the session are as they were');
}
{
	my (undef, $err) = while_registering('SELECT pg_advisory_xact_lock(8)', $register);
	is($err, '', 'a lock of the transaction is allowed');
}

# --- the password in the statement -------------------------------------------------------------------------
for my $try ('query', 'context', 'caught context')
{
	for my $sql ($register, q{DO $$ BEGIN PERFORM account.register('open%n@x.org', 'the-plain-password', 'open%n', 'acme'); END $$;},
		q{DO $$ BEGIN EXECUTE format('SELECT account.register(%L, %L, %L)', 'open%n@x.org', 'the-plain-password', 'open%n'); END $$;})
	{
		my (undef, $err) = while_registering($try, $sql);
		is($err, '', "$try: the call succeeds");
		is($node->safe_psql('postgres', q{SELECT value FROM mallory.loot WHERE value ~ 'plain-password'}), '', '... and shows no password');
	}
}
$node->safe_psql('postgres', 'ALTER TABLE mallory.profiles DISABLE TRIGGER steal; CREATE CONSTRAINT TRIGGER later AFTER INSERT ON mallory.profiles DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mallory.steal()');
for my $try ('query', 'context', 'caught context')
{
	my (undef, $err) = while_registering($try, $register);
	is($err, '', "deferred, $try: the call succeeds");
	is($node->safe_psql('postgres', q{SELECT value FROM mallory.loot WHERE value ~ 'plain-password'}), '', '... and shows no password');
}
{
	my $position = log_position($node);
	my (undef, $err) = while_registering('fail', $register);
	like($err, qr/a trigger that fails/, 'a deferred trigger that fails, does');
	unlike(slurp_file($node->logfile, $position), qr/plain-password/, '... and the log shows no password');
	my ($out) = while_registering('SELECT 1', "$register\nSELECT 'QUERY', current_query() ~ 'current_query';");
	like($out, qr/^QUERY\|t$/m, 'after the call current_query() is what it was');
	($out) = while_registering('fail', q{DO $$ BEGIN PERFORM account.register('open%n@x.org', 'the-plain-password', 'open%n', 'acme'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'QUERY %', current_query() ~ 'EXCEPTION'; END $$;} . "\nSELECT 1");
	my (undef, $notice) = while_registering('fail', q{DO $$ BEGIN PERFORM account.register('open%n@x.org', 'the-plain-password', 'open%n', 'acme'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'QUERY %', current_query() ~ 'EXCEPTION'; END $$;});
	like($notice, qr/QUERY t/, '... after a failure, too');
}

# --- partitions of another owner than their parent's ------------------------------------------------------------
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA tree AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA tree TO PUBLIC;
SET SESSION AUTHORIZATION mallory;
CREATE TABLE tree.plain (id int PRIMARY KEY, v int GENERATED ALWAYS AS (id + 1) STORED, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE tree.later (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE tree.mixed (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE FUNCTION tree.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER trap AFTER UPDATE OR DELETE ON tree.plain FOR EACH ROW EXECUTE FUNCTION tree.trap();
CREATE TRIGGER trap AFTER UPDATE OR DELETE ON tree.mixed FOR EACH ROW EXECUTE FUNCTION tree.trap();
CREATE CONSTRAINT TRIGGER trap AFTER UPDATE OR DELETE ON tree.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tree.trap();
SELECT account.enable_soft_delete('tree.plain'), account.enable_soft_delete('tree.later'), account.enable_soft_delete('tree.mixed');
RESET SESSION AUTHORIZATION;
CREATE TABLE public.plain_1 PARTITION OF tree.plain DEFAULT;
CREATE TABLE public.later_1 PARTITION OF tree.later DEFAULT;
CREATE TABLE public.mixed_1 PARTITION OF tree.mixed DEFAULT;
CREATE FUNCTION public.own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER own AFTER UPDATE OR DELETE ON public.mixed_1 FOR EACH ROW EXECUTE FUNCTION public.own();
INSERT INTO tree.plain SELECT generate_series(1, 4); INSERT INTO tree.later SELECT generate_series(1, 4); INSERT INTO tree.mixed SELECT generate_series(1, 4);
SET SESSION AUTHORIZATION mallory;
CREATE OR REPLACE FUNCTION tree.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE LOG 'CAUGHT kind=% table=% as=% session=% step=', TG_NAME, TG_TABLE_NAME, current_user, session_user; RETURN NULL; END $$;
SQL
for my $table (qw(plain later mixed))
{
	my $position = log_position($node);
	my ($out, $err) = ('', '');
	$node->psql('postgres', "DELETE FROM tree.$table WHERE id = 2; SELECT account.restore('tree.$table', 2); SELECT account.cleanup('tree.$table', 1);", extra_params => [ '-U', 'mallory' ], on_error_stop => 0, stdout => \$out, stderr => \$err);
	my @other = grep { $_->{as} ne 'mallory' } caught($node, $position);
	is(scalar(@other), 0, "$table: the parent's trigger does not run as the owner of the partition");
	$table eq 'mixed' ? like($err, qr/belongs to another role/, '... where it has code of both, the call is refused')
	  : is($err, '', '... and the calls succeed');
}
# from 16 on a partition may compute a column in its own way; before, the server refuses such a partition
my $own = 'CREATE TABLE public.own_1 PARTITION OF tree.own (v GENERATED ALWAYS AS (public.computed(id)) STORED) DEFAULT';
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION public.computed(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RAISE LOG 'CAUGHT kind=computed table=own_1 as=% session=% step=', current_user, session_user; RETURN $1; END $$;
SET SESSION AUTHORIZATION mallory;
CREATE TABLE tree.own (id int PRIMARY KEY, v int GENERATED ALWAYS AS (id + 1) STORED, deleted_at timestamptz) PARTITION BY LIST (id);
SELECT account.enable_soft_delete('tree.own');
SQL
if ($node->pg_version < 16)
{
	my $err;
	$node->psql('postgres', $own, stderr => \$err);
	like($err, qr/generat/, 'own: a partition has the generated columns of its parent');
}
else
{
	$node->safe_psql('postgres', "$own; INSERT INTO tree.own SELECT generate_series(1, 4); DELETE FROM tree.own WHERE id = 2");
	my $position = log_position($node);
	is($node->safe_psql('postgres', q{SELECT account.restore('tree.own', 2)}, extra_params => [ '-U', 'mallory' ]), '1', 'own: a row of a partition that computes a column in its own way is restored');
	is(join(' ', map { $_->{as} } caught($node, $position)), 'postgres', '... as the owner of the partition');
}

# --- a deferred trigger that changes what it is --------------------------------------------------------------
for my $ddl ('DROP TRIGGER itself ON tree.changing', 'ALTER TABLE tree.changing RENAME CONSTRAINT itself TO another', 'ALTER TABLE tree.changing DISABLE TRIGGER itself')
{
	$node->safe_psql('postgres', <<"SQL");
SET client_min_messages = error;
DROP TABLE IF EXISTS tree.changing;
SET SESSION AUTHORIZATION mallory;
CREATE TABLE tree.changing (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('tree.changing');
INSERT INTO tree.changing VALUES (1), (2);
DELETE FROM tree.changing;
CREATE OR REPLACE FUNCTION tree.change() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $ddl; RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN NULL; END \$\$;
CREATE CONSTRAINT TRIGGER itself AFTER UPDATE OR DELETE ON tree.changing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tree.change();
SQL
	my ($out, $err) = ('', '');
	$node->psql('postgres', q{SELECT account.restore('tree.changing', 1); SELECT count(*) FROM tree.changing}, stdout => \$out, stderr => \$err);
	is("$out$err", "1\n1", "a deferred trigger may $ddl");
}
stop_server($node);
done_testing();
