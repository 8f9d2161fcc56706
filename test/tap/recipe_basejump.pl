# The block of doc/recipes/basejump.md on tables as Basejump's migrations make them, with its triggers, helpers and policies:
# roles of the API that see and change what they are members of, functions that nobody may call unless told, users that
# another server deletes for good. No table of users is pgaccount's here.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgaccount'");
$node->start;
my ($recipe) = slurp_file("$FindBin::RealBin/../../doc/recipes/basejump.md") =~ /^```sql\n(.*?)^```/ms or BAIL_OUT('the recipe is gone');

# what GoTrue has, and what the migrations of Basejump make, in short
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE gotrue LOGIN; CREATE ROLE basejump_owner LOGIN;
CREATE SCHEMA auth AUTHORIZATION gotrue;
CREATE SCHEMA basejump AUTHORIZATION basejump_owner;
SET ROLE gotrue;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text, deleted_at timestamptz);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
GRANT USAGE ON SCHEMA auth TO authenticated, anon, basejump_owner;
GRANT REFERENCES, SELECT ON auth.users TO basejump_owner;
RESET ROLE;
GRANT USAGE ON SCHEMA basejump TO gotrue;
SET ROLE basejump_owner;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA basejump TO authenticated;
CREATE TYPE basejump.account_role AS ENUM ('owner', 'member');
CREATE TABLE basejump.accounts (
    id uuid UNIQUE NOT NULL DEFAULT gen_random_uuid(), primary_owner_user_id uuid REFERENCES auth.users NOT NULL DEFAULT auth.uid(),
    name text, slug text UNIQUE, personal_account boolean NOT NULL DEFAULT false, updated_at timestamptz, created_at timestamptz,
    created_by uuid REFERENCES auth.users, updated_by uuid REFERENCES auth.users, private_metadata jsonb DEFAULT '{}', public_metadata jsonb DEFAULT '{}', PRIMARY KEY (id),
    CHECK (personal_account = (slug IS NULL)));
CREATE TABLE basejump.account_user (user_id uuid REFERENCES auth.users ON DELETE CASCADE NOT NULL, account_id uuid REFERENCES basejump.accounts ON DELETE CASCADE NOT NULL,
    account_role basejump.account_role NOT NULL, PRIMARY KEY (user_id, account_id));
CREATE TABLE basejump.invitations (id uuid UNIQUE NOT NULL DEFAULT gen_random_uuid(), account_role basejump.account_role NOT NULL,
    account_id uuid REFERENCES basejump.accounts ON DELETE CASCADE NOT NULL, token text UNIQUE NOT NULL, invited_by_user_id uuid REFERENCES auth.users NOT NULL, PRIMARY KEY (id));
CREATE TABLE basejump.billing_customers (account_id uuid REFERENCES basejump.accounts ON DELETE CASCADE NOT NULL, id text PRIMARY KEY, email text);
CREATE TABLE basejump.billing_subscriptions (id text PRIMARY KEY, account_id uuid REFERENCES basejump.accounts ON DELETE CASCADE NOT NULL,
    billing_customer_id text REFERENCES basejump.billing_customers ON DELETE CASCADE NOT NULL, status text);
CREATE FUNCTION basejump.slugify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.slug := lower(regexp_replace(NEW.slug, '[^a-zA-Z0-9-]+', '-', 'g'));
    RETURN NEW;
END $$;
CREATE TRIGGER slugify BEFORE INSERT OR UPDATE ON basejump.accounts FOR EACH ROW EXECUTE FUNCTION basejump.slugify();
CREATE FUNCTION basejump.stamps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    NEW.updated_by := auth.uid();
    RETURN NEW;
END $$;
CREATE TRIGGER stamps BEFORE INSERT OR UPDATE ON basejump.accounts FOR EACH ROW EXECUTE FUNCTION basejump.stamps();
CREATE FUNCTION basejump.protect_fields() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user IN ('authenticated', 'anon') AND (NEW.id, NEW.personal_account, NEW.primary_owner_user_id) IS DISTINCT FROM (OLD.id, OLD.personal_account, OLD.primary_owner_user_id) THEN
        RAISE EXCEPTION 'no permission to change this field';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER protect_fields BEFORE UPDATE ON basejump.accounts FOR EACH ROW EXECUTE FUNCTION basejump.protect_fields();
CREATE FUNCTION basejump.add_owner() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO basejump.account_user VALUES (NEW.primary_owner_user_id, NEW.id, 'owner');
    RETURN NEW;
END $$;
CREATE TRIGGER add_owner AFTER INSERT ON basejump.accounts FOR EACH ROW EXECUTE FUNCTION basejump.add_owner();
CREATE FUNCTION basejump.has_role_on_account(account_id uuid, account_role basejump.account_role DEFAULT NULL) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
    SELECT EXISTS (SELECT FROM basejump.account_user m WHERE m.user_id = auth.uid() AND m.account_id = has_role_on_account.account_id
        AND (m.account_role = has_role_on_account.account_role OR has_role_on_account.account_role IS NULL)) $$;
GRANT EXECUTE ON FUNCTION basejump.has_role_on_account(uuid, basejump.account_role) TO authenticated;
CREATE FUNCTION basejump.accept(token text) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE i basejump.invitations;
BEGIN
    SELECT * INTO i FROM basejump.invitations WHERE invitations.token = accept.token;
    IF NOT FOUND THEN RAISE EXCEPTION 'invitation not found'; END IF;
    INSERT INTO basejump.account_user VALUES (auth.uid(), i.account_id, i.account_role);
    DELETE FROM basejump.invitations WHERE invitations.token = accept.token;
    RETURN i.account_id;
END $$;
GRANT EXECUTE ON FUNCTION basejump.accept(text) TO authenticated;
ALTER TABLE basejump.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE basejump.account_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE basejump.invitations ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA basejump TO authenticated;
CREATE POLICY own ON basejump.account_user FOR SELECT TO authenticated USING (user_id = auth.uid());
CREATE POLICY mates ON basejump.account_user FOR SELECT TO authenticated USING (basejump.has_role_on_account(account_id));
CREATE POLICY removed ON basejump.account_user FOR DELETE TO authenticated USING (basejump.has_role_on_account(account_id, 'owner')
    AND user_id <> (SELECT primary_owner_user_id FROM basejump.accounts a WHERE a.id = account_id));
CREATE POLICY members ON basejump.accounts FOR SELECT TO authenticated USING (basejump.has_role_on_account(id));
CREATE POLICY makers ON basejump.accounts FOR INSERT TO authenticated WITH CHECK (NOT personal_account);
CREATE POLICY named ON basejump.accounts FOR UPDATE TO authenticated USING (basejump.has_role_on_account(id, 'owner'));
CREATE POLICY gone ON basejump.accounts FOR DELETE TO authenticated USING (basejump.has_role_on_account(id, 'owner') AND NOT personal_account);
CREATE POLICY invited ON basejump.invitations TO authenticated USING (basejump.has_role_on_account(account_id, 'owner'));
RESET ROLE;
-- whoever installs extensions here has the same habit
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE EXTENSION pgaccount;
SQL

my @user = map { sprintf '00000000-0000-4000-8000-%012d', $_ } 0 .. 4;

# What a user's request gives, or its SQLSTATE.
sub as_user
{
	my ($n, @statements) = @_;
	my ($status, $out, $err) = $node->psql('postgres', join ";\n", "\\set VERBOSITY sqlstate\nBEGIN", 'SET LOCAL ROLE authenticated', "SET LOCAL request.jwt.claim.sub = '$user[$n]'", @statements, 'COMMIT');
	return $err =~ /ERROR:\s+(\w+)/ ? $1 : $out;
}

$node->safe_psql('postgres', join ';', map { "INSERT INTO auth.users VALUES ('$user[$_]', 'user$_\@example.com')" } 1 .. 4);
is(as_user(1, q{INSERT INTO basejump.accounts (name, slug) VALUES ('Team', 'The team'), ('Side', 'side')}), '', 'a user makes accounts');
$node->safe_psql('postgres', qq{INSERT INTO basejump.account_user SELECT u, id, 'member' FROM basejump.accounts, unnest('{$user[2],$user[3]}'::uuid[]) u WHERE slug = 'the-team';
INSERT INTO basejump.invitations (account_role, account_id, token, invited_by_user_id) SELECT 'member', id, 'token', '$user[1]' FROM basejump.accounts WHERE slug = 'the-team';
INSERT INTO basejump.billing_customers SELECT id, 'cus', 'x' FROM basejump.accounts WHERE slug = 'the-team'; INSERT INTO basejump.billing_subscriptions SELECT 'sub', account_id, id, 'active' FROM basejump.billing_customers});

my ($status, $out, $err) = $node->psql('postgres', "SET ROLE basejump_owner;\n$recipe");
is($status, 0, 'the block of the recipe, by the owner of the tables') or diag $err;
like($err, qr/soft delete is enabled for what follows "accounts", too: basejump.account_user, basejump.invitations, basejump.billing_customers, basejump.billing_subscriptions\n/, 'tells what follows');
unlike($err, qr/WARNING/, 'and warns of nothing');

my $members = q{SELECT count(*) FROM basejump.account_user m JOIN basejump.accounts a ON a.id = account_id WHERE slug = 'the-team'};
is(as_user(2, $members), '3', 'members see one another as before');
is(as_user(4, $members), '0', 'others do not');
is(as_user(2, qq{WITH d AS (DELETE FROM basejump.account_user WHERE user_id = '$user[3]' RETURNING 1) SELECT count(*) FROM d}), '0', 'a member removes nobody');
is(as_user(1, qq{WITH d AS (DELETE FROM basejump.account_user WHERE user_id = '$user[3]' RETURNING 1) SELECT count(*) FROM d}), '1', 'an owner does');
is(as_user(1, qq{WITH d AS (DELETE FROM basejump.account_user WHERE user_id = '$user[1]' RETURNING 1) SELECT count(*) FROM d}), '0', 'but not the primary owner');
is(as_user(3, 'SELECT count(*) FROM basejump.accounts'), '0', 'who was removed sees the account no more');
is(as_user(1, $members), '2', 'nor does anybody see the membership');
is(as_user(3, q{SELECT count(*) FROM basejump.accept('token')}), '1', 'an invitation brings the same user back, in place of the membership that was deleted');
is(as_user(3, $members), '3', 'into the account');
is(as_user(4, q{SELECT basejump.accept('token')}), 'P0001', 'and is used up');

# an account goes, and all that is its
$node->safe_psql('postgres', qq{INSERT INTO basejump.invitations (account_role, account_id, token, invited_by_user_id) SELECT 'member', id, 'token 2', '$user[1]' FROM basejump.accounts WHERE slug = 'the-team'});
is(as_user(2, q{WITH d AS (DELETE FROM basejump.accounts WHERE slug = 'the-team' RETURNING 1) SELECT count(*) FROM d}), '0', 'a member deletes no account');
is(as_user(1, q{WITH d AS (DELETE FROM basejump.accounts WHERE slug = 'the-team' RETURNING 1) SELECT count(*) FROM d}), '1', 'an owner does, under its policy');
is(as_user(2, 'SELECT (SELECT count(*) FROM basejump.accounts), (SELECT count(*) FROM basejump.account_user)'), '0|0', 'members see neither it nor memberships');
is(as_user(2, q{SELECT basejump.has_role_on_account(id) FROM account.deleted(NULL::basejump.accounts)}), '', 'nor have a role in it');
is(as_user(4, q{SELECT basejump.accept('token 2')}), 'P0001', 'its invitations lead nowhere');
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM basejump.billing_customers), (SELECT count(*) FROM basejump.billing_subscriptions)'), '0|0', 'its bills are kept with it');
is(as_user(4, q{INSERT INTO basejump.accounts (name, slug) VALUES ('Another', 'the team')}), '', 'its slug is free');
my $restore = q{SET ROLE basejump_owner; SELECT account.restore('basejump.accounts', id) FROM account.deleted(NULL::basejump.accounts) WHERE name = 'Team'};
($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$restore");
like($err, qr/23505/, 'so it does not come back while that is taken');
is(as_user(4, q{WITH u AS (UPDATE basejump.accounts SET slug = 'another' WHERE slug = 'the-team' RETURNING 1) SELECT count(*) FROM u}), '1', 'the other takes another');
is($node->safe_psql('postgres', $restore), '7', 'the owner of the tables brings it back: account, members, invitation, customer, subscription');
is(as_user(2, $members), '3', 'with who was in it last');
is(as_user(4, q{SELECT count(*) FROM basejump.accept('token 2')}), '1', 'and its invitation');

# GoTrue deletes a user for good
is($node->safe_psql('postgres', qq{SET ROLE gotrue; DELETE FROM auth.users WHERE id = '$user[3]'; RESET ROLE; SET pgaccount.show_deleted = on; SELECT count(*) FROM basejump.account_user WHERE user_id = '$user[3]'}), '0',
	'a user that is deleted for good takes its memberships along');
my ($deleted) = $node->psql('postgres', qq{SET ROLE gotrue; DELETE FROM auth.users WHERE id = '$user[1]'});
isnt($deleted, 0, 'a primary owner is not deleted, as without pgaccount');

is($node->safe_psql('postgres', q{SELECT code, object FROM account.doctor() WHERE severity <> 'info' ORDER BY 1, 2}), 'unique_blocks_reuse|basejump.invitations_token_key',
	'the doctor says that tokens of invitations are not used again: they are random');
$node->stop;
done_testing();
