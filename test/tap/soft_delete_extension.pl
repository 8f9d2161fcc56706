# The extension's coming and going: with attached tables, in one of several databases, under open sessions.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;

sub fails
{
	my ($db, $sql, $state, $what, %params) = @_;
	my ($rc, $out, $err) = $node->psql($db, $sql, extra_params => [ '-v', 'VERBOSITY=verbose', '-v', 'ON_ERROR_STOP=1', @{ $params{extra} // [] } ]);
	like($err, qr/ERROR:\s+$state/, $what);
	return $err;
}

# preloaded, not installed: nothing happens
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE evil LOGIN; CREATE SCHEMA app AUTHORIZATION app');
is($node->safe_psql('postgres', "SET ROLE app; CREATE TABLE app.t (id int, deleted_at timestamptz); INSERT INTO app.t VALUES (1), (2);\n\\set QUIET off\nDELETE FROM app.t WHERE id = 1;\nTRUNCATE app.t;\n\\set QUIET on\nDROP TABLE app.t;"),
	"DELETE 1\nTRUNCATE TABLE", 'preloaded, not installed: a DELETE is a DELETE');

# the schema must not be there yet, whoever made it and whatever is in it
my $there = q{SELECT count(*) FROM pg_extension WHERE extname = 'pgaccount';
SELECT coalesce(string_agg(p.oid::regprocedure::text, ' ' ORDER BY 1), '') FROM pg_proc p WHERE pronamespace = 'account'::regnamespace};
$node->safe_psql('postgres', 'CREATE SCHEMA account');
fails('postgres', 'CREATE EXTENSION pgaccount', '42P06', 'an empty schema account of the installing role stops CREATE EXTENSION');
is($node->safe_psql('postgres', $there), "0\n", '... and stays empty');
$node->safe_psql('postgres', 'DROP SCHEMA account; GRANT CREATE ON DATABASE postgres TO evil');
$node->safe_psql('postgres', 'CREATE SCHEMA account', extra_params => [ '-U', 'evil' ]);
fails('postgres', 'CREATE EXTENSION pgaccount', '42P06', 'an empty schema account of somebody else stops CREATE EXTENSION');
is($node->safe_psql('postgres', $there), "0\n", '... and stays empty');
# overloads that calls of the extension's functions would find, none of which is one of them
$node->safe_psql('postgres', q{CREATE FUNCTION account.grant_api(text) RETURNS void LANGUAGE sql AS 'SELECT'; CREATE FUNCTION account.uid(int) RETURNS text LANGUAGE sql AS 'SELECT NULL'},
	extra_params => [ '-U', 'evil' ]);
fails('postgres', 'CREATE EXTENSION pgaccount', '42P06', 'planted overloads stop CREATE EXTENSION');
is($node->safe_psql('postgres', $there), "0\naccount.grant_api(text) account.uid(integer)", '... and get no company');
fails('postgres', "CREATE EXTENSION pgaccount SCHEMA $_", '0A000', "the schema is not to be chosen: $_") for 'account', 'public';
fails('postgres', 'CREATE EXTENSION pgaccount CASCADE', '42P06', 'CASCADE makes no difference');
is($node->safe_psql('postgres', $there), "0\naccount.grant_api(text) account.uid(integer)", 'nothing came of any of it');
# a schema "account" with a function of our name in it means nothing to the library
$node->safe_psql('postgres', q{SET ROLE evil; CREATE FUNCTION account.soft_delete() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
CREATE FUNCTION account.marks(timestamptz, boolean, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';});
$node->safe_psql('postgres', q{CREATE TABLE app.t (id int, deleted_at timestamptz); INSERT INTO app.t VALUES (1);
CREATE TRIGGER "00_account_soft_delete" BEFORE DELETE ON app.t FOR EACH ROW WHEN (account.marks(OLD.deleted_at, NULL, NULL)) EXECUTE FUNCTION account.soft_delete();
DELETE FROM app.t;});
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.t'), 0, 'a look-alike schema is not believed');
$node->safe_psql('postgres', 'DROP TABLE app.t; DROP SCHEMA account CASCADE');
fails('postgres', 'CREATE EXTENSION pgaccount', '42501', 'only a superuser may install', extra => [ '-U', 'evil' ]);
is($node->safe_psql('postgres', q{SELECT to_regnamespace('account') IS NULL}), 't', 'a failed CREATE EXTENSION leaves no schema');

# functions that the installing role would find, and that are better matches for the calls in doctor than the server's
$node->safe_psql('postgres', q{CREATE SCHEMA evil; SET search_path = evil;
CREATE FUNCTION quote_ident(name) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION format(text, name, regclass) RETURNS text LANGUAGE sql AS 'SELECT $1';}, extra_params => [ '-U', 'evil' ]);
$node->safe_psql('postgres', 'SET search_path = evil, pg_catalog, public; CREATE EXTENSION pgaccount');
is($node->safe_psql('postgres', q{SELECT pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) FROM pg_depend d
  WHERE pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) ~ '\mevil\.' AND pg_describe_object(d.classid, d.objid, d.objsubid) ~ '\maccount\.'}), '',
	'nothing of the extension uses what a role has planted in the search_path');
$node->safe_psql('postgres', 'DROP SCHEMA evil CASCADE');
is($node->safe_psql('postgres', q{SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'account'; SELECT DISTINCT d.classid::regclass FROM pg_depend d
  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgaccount')
  AND (SELECT x.schema FROM pg_identify_object(d.classid, d.objid, d.objsubid) x) IS DISTINCT FROM 'account' ORDER BY 1}),
	$node->safe_psql('postgres', 'SELECT current_user') . "\npg_namespace\npg_event_trigger", 'all of it is in its own schema, and its owner\'s');
# the owner of the database, who owns the schema public, cannot drop it that way, nor the other schema
$node->safe_psql('postgres', 'CREATE ROLE dba LOGIN; CREATE DATABASE dbas OWNER dba');
$node->safe_psql('dbas', 'CREATE EXTENSION pgaccount');
fails('dbas', 'DROP SCHEMA account CASCADE', '42501', 'the owner of the database cannot drop the schema', extra => [ '-U', 'dba' ]);
fails('dbas', 'DROP EXTENSION pgaccount', '42501', '... nor the extension', extra => [ '-U', 'dba' ]);
fails('dbas', 'CREATE FUNCTION account.uid(int) RETURNS text LANGUAGE sql RETURN $1', '42501', '... nor put anything into it', extra => [ '-U', 'dba' ]);
$node->safe_psql('dbas', 'DROP SCHEMA public CASCADE', extra_params => [ '-U', 'dba' ]);
is($node->safe_psql('dbas', q{SELECT account.http_status('PT404')}), '404', 'dropping the schema public takes nothing of the extension along');
fails('dbas', 'DROP SCHEMA account', '2BP01', 'the schema is not dropped alone');
$node->safe_psql('dbas', 'DROP EXTENSION pgaccount');
is($node->safe_psql('dbas', q{SELECT to_regnamespace('account') IS NULL}), 't', 'DROP EXTENSION takes the schema along');
$node->safe_psql('dbas', 'CREATE EXTENSION pgaccount');
is($node->safe_psql('dbas', q{SELECT account.http_status('PT404')}), '404', 'where there is no schema to create in, it is installed all the same');
$node->safe_psql('dbas', 'CREATE SCHEMA public; CREATE TABLE account.mine ()');
fails('dbas', 'DROP EXTENSION pgaccount', '2BP01', 'what a superuser has put into the schema is not dropped silently');
$node->safe_psql('postgres', 'DROP DATABASE dbas; DROP EXTENSION pgaccount');

$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount');
fails('postgres', 'ALTER EXTENSION pgaccount SET SCHEMA public', '0A000', 'not relocatable');
$node->safe_psql('postgres', q{SET ROLE app; SET search_path = app;
CREATE TABLE users (id int PRIMARY KEY, is_deleted boolean NOT NULL DEFAULT false, deleted_at timestamptz);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE parts (id int, deleted_at timestamptz) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (100);
INSERT INTO users SELECT generate_series(1, 9); INSERT INTO posts SELECT i, i FROM generate_series(1, 9) i; INSERT INTO parts SELECT generate_series(1, 9);
SELECT account.enable_soft_delete('users', guard_references => true), account.enable_soft_delete('posts'), account.enable_soft_delete('parts');
DELETE FROM users WHERE id = 1; DELETE FROM parts WHERE id = 1;});

# an open session with everything cached
my $in = ''; my $out = ''; my $err = '';
my $h = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-U', 'app', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
sub ask
{
	my $sql = shift;
	$out = $err = '';
	$in .= "$sql\n\\echo done\n";
	IPC::Run::pump($h) until $out =~ /^done$/m;
	$out =~ s/^done\n//m;
	$out =~ s/\n$//;
	return $out;
}
is(ask("SET search_path = app;\nPREPARE d(int) AS DELETE FROM users WHERE id = \$1;\nPREPARE s AS SELECT count(*) FROM users;\nEXECUTE d(2);\nEXECUTE s;"), "SET\nPREPARE\nPREPARE\nDELETE 1\n7", 'a session with prepared statements');

# plain refused, nothing changed
my $detail = fails('postgres', 'DROP EXTENSION pgaccount', '2BP01', 'DROP EXTENSION with attached tables is refused');
like($detail, qr/trigger .* on table app\.users/, '... and names them');
is(ask('EXECUTE d(3); EXECUTE s;'), "DELETE 1\n6", 'soft delete goes on');

# CASCADE gives the tables back as they are
my ($rc, $o, $e) = $node->psql('postgres', 'DROP EXTENSION pgaccount CASCADE');
is($rc, 0, 'DROP EXTENSION CASCADE');
unlike($e, qr/ERROR|PANIC|lost/, '... says no error');
is($node->safe_psql('postgres', 'SELECT count(*), count(deleted_at) FROM app.users; SELECT count(*), count(deleted_at) FROM app.posts; SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal'),
	"9|3\n9|3\n0", 'the rows are as they were, no trigger is left');
is(ask('EXECUTE s; EXECUTE d(4); EXECUTE s;'), "9\nDELETE 1\n8", 'the open session deletes for good');
is(ask('SET pgaccount.show_deleted = on; EXECUTE s; RESET pgaccount.show_deleted;'), "SET\n8\nRESET", 'and its setting means nothing');
is($node->safe_psql('postgres', "\\set QUIET off\nTRUNCATE app.parts_1;"), 'TRUNCATE TABLE', 'TRUNCATE is free');

# and back
$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount');
$node->safe_psql('postgres', q{SET ROLE app; SELECT account.enable_soft_delete('app.users'), account.enable_soft_delete('app.posts')});
is(ask('EXECUTE s; EXECUTE d(5); EXECUTE s;'), "5\nDELETE 1\n4", 'installed and enabled again, in the open session');
is(ask('SET pgaccount.show_deleted = on; EXECUTE s; RESET pgaccount.show_deleted;'), "SET\n8\nRESET", 'softly');

# DROP OWNED, DROP SCHEMA, DROP TABLE with enabled tables
$node->safe_psql('postgres', q{CREATE SCHEMA s2 AUTHORIZATION app; SET ROLE app; CREATE TABLE s2.a (id int PRIMARY KEY); CREATE TABLE s2.b (id int PRIMARY KEY, a int REFERENCES s2.a ON DELETE CASCADE);
SELECT account.enable_soft_delete('s2.a', guard_references => true), account.enable_soft_delete('s2.b')});
($rc, $o, $e) = $node->psql('postgres', 'DROP TABLE s2.b; INSERT INTO s2.a VALUES (1), (2); DELETE FROM s2.a WHERE id = 1; SELECT count(*) FROM s2.a; DROP SCHEMA s2 CASCADE');
is($o, 1, 'the child dropped, the parent goes on');
unlike($e, qr/WARNING|ERROR/, 'dropping tables is nobody\'s concern');

# rolled back DROP EXTENSION
is(ask('EXECUTE s;'), 4, 'before');
$node->safe_psql('postgres', 'BEGIN; DROP EXTENSION pgaccount CASCADE; ROLLBACK');
is(ask('EXECUTE d(6); EXECUTE s;'), "DELETE 1\n3", 'a DROP EXTENSION that was rolled back leaves all in place');

# another database
$node->safe_psql('postgres', 'CREATE DATABASE other');
is($node->safe_psql('other', "CREATE TABLE t (id int, deleted_at timestamptz); INSERT INTO t VALUES (1);\n\\set QUIET off\nDELETE FROM t;\n\\set QUIET on\nSELECT count(*) FROM t"), "DELETE 1\n0", 'another database is not concerned');

# an event trigger of the extension does not hinder single-statement DDL of others, nor their right to it
$node->safe_psql('other', 'CREATE EXTENSION pgaccount; GRANT CREATE ON DATABASE other TO app');
($rc, $o, $e) = $node->psql('other', 'CREATE SCHEMA x; CREATE TABLE x.t (id int PRIMARY KEY); ALTER TABLE x.t ADD COLUMN y int; ALTER TABLE x.t DROP COLUMN y; DROP SCHEMA x CASCADE', extra_params => [ '-U', 'app' ]);
is($rc, 0, 'ordinary DDL by an ordinary role');
$in .= "\\q\n";
IPC::Run::finish($h);
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC|terminated by signal|still referenced/, 'nothing crashed or leaked');
done_testing();
