# Sixteen clients register the same and different users, in bulk and one by one, while "the application"
# inserts, changes and deletes profiles and users. At the end every user has exactly one profile, no
# profile is an orphan, and no client saw an error that the contract does not name.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{PROFILE_RACE_SECONDS} || 8;
my $node = PostgreSQL::Test::Cluster->new('race');
$node->init;
$node->append_conf('postgresql.conf', qq(
shared_preload_libraries = 'pgaccount'
synchronous_commit = off
max_connections = 40
));
$node->start;

$node->safe_psql('postgres', q(
CREATE EXTENSION pgaccount;
CREATE TABLE tally (outcome text);

CREATE TABLE users (id bigserial PRIMARY KEY, n int);
CREATE TABLE profiles (user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE, role text, hits int NOT NULL DEFAULT 0);
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "auto"}');

CREATE TABLE pusers (id bigserial PRIMARY KEY, n int) PARTITION BY HASH (id);
CREATE TABLE pusers0 PARTITION OF pusers FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pusers1 PARTITION OF pusers FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE pprofiles (user_id bigint PRIMARY KEY REFERENCES pusers ON DELETE CASCADE, role text, hits int NOT NULL DEFAULT 0) PARTITION BY HASH (user_id);
CREATE TABLE pprofiles0 PARTITION OF pprofiles FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pprofiles1 PARTITION OF pprofiles FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT account.enable_profile('pusers', 'pprofiles', defaults => '{"role": "auto"}');
INSERT INTO users SELECT i FROM generate_series(1000001, 1000200) i;
INSERT INTO pusers SELECT i FROM generate_series(1000001, 1000200) i;

-- The application's own INSERT. It may find a profile that is not automatic any more (23505), or no
-- user (23503); nothing else.
CREATE FUNCTION app_profile(t regclass, id bigint, role text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %s (user_id, role) VALUES ($1, $2)', t) USING id, role;
	INSERT INTO tally VALUES (role);
EXCEPTION
	WHEN unique_violation THEN INSERT INTO tally VALUES ('23505');
	WHEN foreign_key_violation THEN INSERT INTO tally VALUES ('23503');
END $$;
));

my $dir = $node->basedir;
my %scripts = (
	# different users, one by one; the profile by the application, in the same transaction: never an error
	"register\@6" => q(BEGIN;
INSERT INTO TABLEusers (n) VALUES (1) RETURNING id \gset
INSERT INTO TABLEprofiles (user_id, role) VALUES (:id, 'app');
COMMIT;
INSERT INTO TABLEusers (n) VALUES (1);
),
	# the same users, from everywhere
	"same\@6" => q(\set id random(1000001, 1000200)
INSERT INTO TABLEusers (id) VALUES (:id) ON CONFLICT (id) DO NOTHING;
SELECT app_profile('TABLEprofiles', :id, 'same');
INSERT INTO TABLEprofiles (user_id, role) VALUES (:id, 'nothing') ON CONFLICT (user_id) DO NOTHING;
),
	"change\@3" => q(\set id random(1000001, 1000200)
UPDATE TABLEprofiles SET hits = hits + 1 WHERE user_id = :id;
),
	"delete\@3" => q(\set id random(1000001, 1000200)
DELETE FROM TABLEusers WHERE id = :id;
INSERT INTO TABLEusers (id) VALUES (:id) ON CONFLICT DO NOTHING;
),
	"bulk\@1" => q(INSERT INTO TABLEusers (n) SELECT i FROM generate_series(1, 100) i;
),
	"savepoint\@2" => q(BEGIN;
INSERT INTO TABLEusers (n) VALUES (2) RETURNING id \gset
SAVEPOINT s;
INSERT INTO TABLEprofiles (user_id, role) VALUES (:id, 'undone');
ROLLBACK TO s;
COMMIT;
));

for my $prefix ('', 'p')
{
	my @files;
	for my $name (sort keys %scripts)
	{
		(my $text = $scripts{$name}) =~ s/TABLE/$prefix/g;
		my ($file, $weight) = split /@/, $name;
		# deleting and inserting a user again under its profile's INSERT is 23503: not on foreign ids
		$text =~ s/INSERT INTO (p?)profiles \(user_id, role\) VALUES \(:id, 'nothing'\)[^\n]*\n//;
		append_to_file("$dir/$prefix$file.sql", $text);
		push @files, '-f', "$dir/$prefix$file.sql\@$weight";
	}
	my ($out, $err);
	my $ok = IPC::Run::run(
		[
			'pgbench', '-n', '-c', '16', '-j', '2', '-T', $seconds,
			'-h', $node->host, '-p', $node->port, @files, 'postgres'
		],
		'>', \$out, '2>', \$err);
	my $kind = $prefix ? 'partitioned' : 'plain';
	ok($ok, "$kind: pgbench ran to its end") or diag($err);
	unlike($err, qr/ERROR|aborted/, "$kind: no client saw an error of its own");
	is( $node->safe_psql('postgres', qq(
SELECT count(*) FROM ${prefix}users u FULL JOIN ${prefix}profiles p ON p.user_id = u.id WHERE u.id IS NULL OR p.user_id IS NULL)),
		'0', "$kind: every user has exactly one profile, and none is an orphan");
	is( $node->safe_psql('postgres', "SELECT count(*) FROM account.missing_profiles('${prefix}users')"),
		'0', "$kind: missing_profiles says so, too");
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM ${prefix}users"), '>', 1000, "$kind: and there were many");
	is( $node->safe_psql('postgres', "SELECT count(*) FROM ${prefix}profiles JOIN ${prefix}users ON id = user_id WHERE n = 2 AND role <> 'auto'"),
		'0', "$kind: what a savepoint took back left the automatic profile");
}
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM tally WHERE outcome = 'same'"), '>', 0, 'the application replaced automatic profiles');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM tally WHERE outcome = '23505'"), '>', 0, 'and met those that were changed or its own');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'no backend died');
$node->stop;
done_testing();
