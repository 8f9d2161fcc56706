# DROP EXTENSION while failures are being recorded: neither waits for the other for ever.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgaccount');

# it has come as far as the ids of the events, the worker as far as it gets
my $reader = $node->background_psql('postgres');
my $dropper = $node->background_psql('postgres', on_error_stop => 0);
$reader->query_safe('BEGIN; SELECT last_value FROM account.event_id_seq');
$dropper->query_until(qr/dropping/, "\\echo dropping\nDROP EXTENSION pgaccount CASCADE;\n\\echo done\n");
my $waits = 'SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.';
ok($node->poll_query_until('postgres', "${waits}query LIKE 'DROP EXTENSION%'"), 'DROP EXTENSION waits for who reads the ids of events');
$node->psql('postgres', "SELECT account.create_key('none')");
ok($node->poll_query_until('postgres', "${waits}backend_type = 'pgaccount worker'"), 'and so does who records a failure');
$reader->query_safe('COMMIT');
$reader->quit;
$dropper->query_until(qr/done/, '');
$dropper->quit;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname = 'pgaccount'}), '0', 'the extension is dropped');
$node->stop;
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'nobody has waited in a circle');
done_testing();
