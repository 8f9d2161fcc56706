# shellcheck shell=bash
#
# last_member.bash: one UPDATE of 100,000 memberships, where the last owner of each tenant is kept. Sourced by bench/run.

# 100,000 members of 1,000 tenants, each of which has 91 owners. Usage: bulk_members kind; changes of the role, or another column, with or without
bulk_members() {
    local protect='' change="note = 'new'"
    [[ $1 != kept_* ]] || protect="SELECT account.protect_last_member('bench.lm_members', 'tenant_id', 'role')"
    [[ $1 != *_role ]] || change="role = CASE user_id % 100 WHEN 0 THEN role ELSE 'member' END"
    timed <<SQL
SET client_min_messages = error;
DROP TABLE IF EXISTS bench.lm_members, bench.lm_users, bench.lm_tenants;
CREATE TABLE bench.lm_tenants (id int PRIMARY KEY, name text);
CREATE TABLE bench.lm_users (id int PRIMARY KEY, email text);
CREATE TABLE bench.lm_members (user_id int NOT NULL REFERENCES bench.lm_users, tenant_id int NOT NULL REFERENCES bench.lm_tenants, role text NOT NULL, note text, PRIMARY KEY (user_id, tenant_id));
INSERT INTO bench.lm_tenants SELECT i, 'T' || i FROM generate_series(0, 999) i;
INSERT INTO bench.lm_users SELECT i, 'u' || i || '@example.org' FROM generate_series(0, 99999) i;
INSERT INTO bench.lm_members SELECT i, i / 100, CASE WHEN i % 100 < 91 THEN 'owner' ELSE 'member' END, 'some note' FROM generate_series(0, 99999) i;
CREATE INDEX ON bench.lm_members (tenant_id);
VACUUM (FREEZE, ANALYZE) bench.lm_members, bench.lm_users, bench.lm_tenants;
CHECKPOINT;
$protect \\g /dev/null
\\timing on
UPDATE bench.lm_members SET $change;
SQL
    sample "last_member|$1"
}

section_last_member() {
    about 'UPDATE of 100,000 memberships' account.protect_last_member
    take_turns "$(pick 15 5)" bulk_members -- free_note kept_note free_role kept_role
    row 'another column than the role' 'a table that is not protected' "$(mid 'last_member|free_note')" "$(mid 'last_member|kept_note')" 1.30
    row 'the role, of 90,000 that have it' 'a table that is not protected' "$(mid 'last_member|free_role')" "$(mid 'last_member|kept_role')" 1.30
    sql -c 'DROP TABLE IF EXISTS bench.lm_members, bench.lm_users, bench.lm_tenants'
}
