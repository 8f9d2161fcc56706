# shellcheck shell=bash
#
# restore.bash: rows brought back by their keys, and rows removed for good. Sourced by bench/run.

# A table of so many rows that were deleted a year ago and 100,000 live ones, with two tables that reference it, both
# empty, or alone. Usage: deleted_rows size kind [alone]
deleted_rows() {
    cat <<SQL
SET client_min_messages = error;
SELECT bench.make_users('t', $1 + 100000, 100) \\g /dev/null
${3:+DROP TABLE bench.t_posts, bench.t_deals;}
SELECT bench.attach('t', '$2') \\g /dev/null
UPDATE bench.t SET deleted_at = now() - interval '1 year', is_deleted = true WHERE id <= $1;
VACUUM (FREEZE, ANALYZE) bench.t;
CHECKPOINT;
SQL
}

# All deleted rows come back, by an array of their keys. Usage: bulk_restore size kind
bulk_restore() {
    local statement="SELECT account.restore('bench.t', :'keys'::bigint[]) \\g /dev/null"
    [ "$2" = ours ] ||
        statement="UPDATE bench.t SET deleted_at = NULL, is_deleted = false WHERE id = ANY (:'keys'::bigint[]);"
    timed <<SQL
$(deleted_rows "$1" "$2")
SELECT array_agg(i) AS keys FROM generate_series(1, $1) i \\gset
\\timing on
$statement
SQL
    sample "restore|$2|$1"
}

# All deleted rows are removed. Usage: bulk_purge size kind; the kinds of a table alone end in _alone
bulk_purge() {
    local kind=${2%_alone} statement="DELETE FROM bench.t WHERE deleted_at < now() - interval '30 days';" alone=
    [ "$kind" = plain ] || statement="SELECT account.purge('bench.t', interval '30 days') \\g /dev/null"
    [ "$kind" = "$2" ] || alone=yes
    timed <<SQL
$(deleted_rows "$1" "$kind" $alone)
\\timing on
$statement
SQL
    sample "purge|$2|$1"
}

thousands() { sed ':a;s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/;ta' <<<"$1"; }

section_restore() {
    local size
    about 'restore rows by an array of keys' account.restore
    for size in 10000 100000 $(pick 1000000 ''); do
        take_turns "$([ "$size" = 1000000 ] && echo 3 || pick 9 3)" bulk_restore "$size" -- plain ours
        row "restore $(thousands "$size") rows" 'UPDATE of these keys' "$(mid "restore|plain|$size")" "$(mid "restore|ours|$size")" 1.15
    done
    sql -c 'DROP TABLE IF EXISTS bench.t CASCADE'
}

section_purge() {
    local size what
    about 'purge of rows that nothing references' account.purge
    for size in 10000 100000 $(pick 1000000 ''); do
        take_turns "$([ "$size" = 1000000 ] && echo 3 || pick 9 3)" bulk_purge "$size" -- plain ours plain_alone ours_alone
        what="purge of $(thousands "$size") rows"
        row "$what, no foreign key" 'DELETE by deleted_at' "$(mid "purge|plain_alone|$size")" "$(mid "purge|ours_alone|$size")" 1.5
        row "$what, two foreign keys" 'DELETE by deleted_at' "$(mid "purge|plain|$size")" "$(mid "purge|ours|$size")" 1.5
    done
    sql -c 'DROP TABLE IF EXISTS bench.t CASCADE'
}
