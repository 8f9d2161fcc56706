# shellcheck shell=bash
#
# reinsert.bash: INSERTs into tables where a new row may replace a deleted one. Sourced by bench/run.

# A table of memberships, of which a tenth is deleted. Usage: memberships kind
memberships() {
    sql -f - <<SQL >/dev/null
DROP TABLE IF EXISTS bench.members_$1;
CREATE TABLE bench.members_$1 (user_id bigint, group_id bigint, note text, deleted_at timestamptz, PRIMARY KEY (user_id, group_id));
SELECT account.enable_soft_delete('bench.members_$1', on_reinsert => '$1');
INSERT INTO bench.members_$1 SELECT i, i % 10, 'member' FROM generate_series(-100000, -1) i;
DELETE FROM bench.members_$1 WHERE group_id = 0;
SQL
}

# INSERTs of one row with a key of its own. Usage: one_reinsert statements kind run
one_reinsert() {
    local script='\set n :n + 1'
    script+=$'\n'"INSERT INTO bench.members_$2 VALUES (:n, 0, 'member');"
    micros "$1" $(($1 * $3)) simple <<<"$script"
    sample "reinsert|$2"
}

# One INSERT of many rows, whose keys nobody has. Usage: many_reinserts rows kind
many_reinserts() {
    memberships "$2"
    timed <<SQL
VACUUM (FREEZE, ANALYZE) bench.members_$2;
CHECKPOINT;
\timing on
INSERT INTO bench.members_$2 SELECT i, 0, 'member' FROM generate_series(1, $1) i;
SQL
    sample "reinserts|$2"
}

section_reinsert() {
    local kind
    for kind in refuse replace; do memberships "$kind"; done
    pin
    take_turns "$(pick 31 9)" one_reinsert 2000 -- refuse replace
    take_turns "$(pick 15 5)" many_reinserts 100000 -- refuse replace
    unpin
    about 'INSERT, a new row may replace a deleted one' "on_reinsert => 'replace'"
    row 'insert 1 row, one core' "on_reinsert => 'refuse'" "$(mid 'reinsert|refuse')" "$(mid 'reinsert|replace')" 1.30
    row 'insert 100,000 rows' "on_reinsert => 'refuse'" "$(mid 'reinserts|refuse')" "$(mid 'reinserts|replace')" 1.30
}
