# Accounts by logical replication: users and profiles come from a publisher, keys and sessions are the subscriber's own.
# Who is deleted there cannot log in here, nor go on with a session of here.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %node;
for my $name (qw(publisher subscriber))
{
	my $n = $node{$name} = PostgreSQL::Test::Cluster->new($name);
	$n->init(allows_streaming => 'logical');
	$n->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'\npgaccount.password_memory = '8kB'\npgaccount.password_ops = 1\npgaccount.refresh_grace = 0\n");
	$n->start;
	$n->safe_psql('postgres', 'CREATE EXTENSION pgaccount; SELECT account.create_starter(); SELECT account.create_key()');
}
my ($pub, $sub) = @node{qw(publisher subscriber)};
$pub->safe_psql('postgres', q{
INSERT INTO app.tenants (slug) VALUES ('one');
SELECT account.register('ann@x.org', 'a-right-secret', 'ann', 'one', '{"display_name": "Ann"}'), account.register('bob@x.org', 'a-right-secret', 'bob', 'one');
CREATE PUBLICATION p FOR TABLE app.tenants, app.users, app.profiles});
$sub->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '" . $pub->connstr . " dbname=postgres' PUBLICATION p");
$sub->wait_for_subscription_sync($pub, 's');

# what the recipe says for a subscriber on which people log in
my ($recipe) = slurp_file("$FindBin::RealBin/../../doc/recipes.md") =~ /^## Replicas\n.*?^```sql\n(.*?)^```/ms or BAIL_OUT('the recipe is gone');
$sub->safe_psql('postgres', $recipe);

# A change on the publisher, and its arrival.
sub changes { my $answer = $pub->safe_psql('postgres', shift); $pub->wait_for_catchup('s'); return $answer }
# What the subscriber says.
sub says { return $sub->safe_psql('postgres', shift) }
sub refused
{
	my ($status, $out, $err) = $sub->psql('postgres', "\\set VERBOSITY sqlstate\n" . shift);
	return ($err =~ /ERROR:\s+(\w{5})/)[0] // $out;
}
my $list = q{SELECT string_agg(concat_ws(' ', username, display_name), ', ' ORDER BY username) FROM app.users JOIN app.profiles ON user_id = id};
my $login = q{SELECT status FROM account.login('ann@x.org', 'a-right-secret')};

is(says($list), 'ann Ann, bob', 'users and their profiles are here, one each');
is(says($login), '200', 'and log in');
my ($access, $refresh) = split /\|/, says(q{SELECT access_token, refresh_token FROM account.login('ann', 'a-right-secret')});
my ($other_access, $other_refresh) = split /\|/, says(q{SELECT access_token, refresh_token FROM account.login('ann', 'a-right-secret')});
my $ann = says("SELECT account.authenticate('$access')");
like($ann, qr/^[0-9a-f-]{36}$/, 'with a session of here');

is(changes("DELETE FROM app.users WHERE username = 'ann' RETURNING username"), 'ann', 'deleted there');
is(says($list), 'bob', 'it is in no list here');
is(says($login), '401', 'cannot log in here');
is(refused("SELECT account.authenticate('$access')"), 'PT401', 'nor go on with its token');
is(says("SELECT status, access_token FROM account.refresh('$refresh')"), '401|', 'nor with its session');

my $again = changes("SELECT user_id FROM account.register('Ann\@x.org', 'a-right-secret', 'ann', 'one')");
isnt($again, $ann, 'its email registers again there');
is(says($list), 'ann, bob', 'and comes here, with its own profile');
is(says("SELECT user_id FROM account.login('ann', 'a-right-secret')"), $again, 'who logs in is the second');
changes("DELETE FROM app.users WHERE id = '$again'");

is(changes("SELECT account.restore('app.users', '$ann')"), '1', 'restored there');
is(says($list), 'ann Ann, bob', 'it is in the list here, with its profile');
is(says("SELECT user_id FROM account.login('ann', 'a-right-secret')"), $ann, 'and logs in');
is(says("SELECT status, access_token FROM account.refresh('$refresh')"), '401|', 'its old session stays ended');
is(says("SELECT status, access_token FROM account.refresh('$other_refresh')"), '401|', 'also one that was not used meanwhile');
is(refused("SELECT account.authenticate('$other_access')"), 'PT401', 'and its token');

is(changes("UPDATE app.users SET is_active = false WHERE username = 'bob' RETURNING username"), 'bob', 'deactivated there');
is(says("SELECT status FROM account.login('bob', 'a-right-secret')"), '403', 'it is so here');
is(says('SELECT count(*) FROM account.missing_profiles(\'app.users\')') . says('SELECT count(*) = count(DISTINCT user_id) FROM app.profiles'), '0t', 'every user has one profile');
is(says(q{SELECT string_agg(type, ' ' ORDER BY id) FROM account.event WHERE type IN ('user_deleted', 'user_restored')}), 'user_deleted user_deleted user_restored', 'with the events of what came');
is(says("SELECT string_agg(code, ' ') FROM account.doctor() WHERE severity = 'error'"), '', 'doctor has no complaint');
for my $n ($sub, $pub)
{
	unlike(slurp_file($n->logfile), qr/TRAP:|PANIC|terminated by signal|ERROR:  (?!token is not valid)/, 'nothing crashed or failed: ' . $n->name);
	$n->stop;
}
done_testing();
