# shellcheck shell=bash
#
# softdelete.bash: what a deletion costs: by statement, by row trigger, of one row, with heap-only updates. Sourced by bench/run.

# How a contender deletes. Usage: deletion kind table condition
deletion() {
    case $1 in
        update) echo "UPDATE bench.$2 SET deleted_at = now(), is_deleted = true WHERE $3;" ;;
        view) echo "DELETE FROM bench.$2_live WHERE $3;" ;;
        *) echo "DELETE FROM bench.$2 WHERE $3;" ;;
    esac
}

# All rows of a table made for it. Usage: bulk_delete label size fillfactor kind
bulk_delete() {
    timed <<SQL
SET client_min_messages = error;
SELECT bench.make_users('t', $2, $3);
SELECT bench.attach('t', '$4');
VACUUM (FREEZE, ANALYZE) bench.t;
CHECKPOINT;
\\timing on
$(deletion "$4" t 'id > 0')
SQL
    sample "$1|$4|$2"
}

# A thousand rows of a table of 100,000, the next thousand each time; the first in a session warms it.
slice_delete() {
    local kind=$1 run=$2 first=$(($2 * 5000)) i
    timed 4 < <(
        echo 'SET synchronous_commit = off;'
        deletion "$kind" "s_$kind" "id > $first AND id <= $((first + 1000))"
        echo '\timing on'
        for i in 1 2 3 4; do
            deletion "$kind" "s_$kind" "id > $((first + i * 1000)) AND id <= $((first + (i + 1) * 1000))"
        done
    )
    sample "slice|$kind|1000"
}

# Usage: one_delete label mode number kind run
one_delete() {
    local label=$1 mode=$2 per=$3 kind=$4 run=$5
    micros "$per" $((run * per)) "$mode" < <(
        echo '\set n :n + 1'
        deletion "$kind" "s_$kind" "id = :n"
    )
    sample "$label|$kind|1"
}

# The table of 100,000 (or more) rows of each contender.
standing_tables() {
    local kind
    for kind in "${@:2}"; do
        sql -c "SELECT bench.make_users('s_$kind', $1, 100)" -c "SELECT bench.attach('s_$kind', '$kind')" \
            -c "VACUUM (FREEZE, ANALYZE) bench.s_$kind" -c CHECKPOINT >/dev/null
    done
}

contenders=(update ours rule plpgsql pgtrigger view hard)

# Ours against the floor, and against each of the others. Usage: compare label work size bar group
compare() {
    local kind name floor ours
    ours=$(mid "$1|ours|$3")
    floor=$(mid "$1|update|$3")
    about "$5" DELETE
    row "$2" 'plain UPDATE' "$floor" "$ours" "$4"
    about 'delete, of every size and kind' DELETE
    for kind in rule:'DO INSTEAD rule' plpgsql:'PL/pgSQL trigger' pgtrigger:'django-pgtrigger' view:'view, INSTEAD OF'; do
        name=${kind#*:}
        kind=${kind%%:*}
        [ -n "${samples["$1|$kind|$3"]:-}" ] || continue
        row "$2" "$name" "$(mid "$1|$kind|$3")" "$(mid_beside "$1|ours|$3" "$1|$kind|$3")" 1 '<'
    done
    [ -z "${samples["$1|hard|$3"]:-}" ] || row "$2" 'hard DELETE' "$(mid "$1|hard|$3")" "$(mid_beside "$1|ours|$3" "$1|hard|$3")" -
}

# The floor and ours are close, and take more turns than the others, which are far. Usage: turns all more command...
turns() {
    local all=$1 more=$2
    shift 2
    take_turns "$all" "$@" -- "${contenders[@]}"
    take_turns "$more" "$@" -- update ours
}

section_softdelete() {
    local title
    title="delete 1,000 to $(pick 1,000,000 100,000) rows"
    standing_tables 100000 "${contenders[@]}"
    take_turns "$(pick 9 5)" slice_delete -- "${contenders[@]}"
    compare slice 'delete 1,000 rows' 1000 1.08 "$title"
    turns "$(pick 3 1)" "$(pick 4 2)" bulk_delete bulk 100000 100
    compare bulk 'delete 100,000 rows' 100000 1.08 "$title"
    [ -z "$quick" ] || return 0
    take_turns 2 bulk_delete bulk 1000000 100 -- update ours rule plpgsql pgtrigger view
    take_turns 3 bulk_delete bulk 1000000 100 -- update ours
    compare bulk 'delete 1,000,000 rows' 1000000 1.08 "$title"
}

# Where every update is heap-only the floor is lower, and ours must follow it down.
section_hot() {
    local title='delete 100,000, 1,000,000 rows, fillfactor 45'
    turns "$(pick 3 1)" "$(pick 6 2)" bulk_delete hot 100000 45
    compare hot 'delete 100,000 rows, fillfactor 45' 100000 1.15 "$title"
    [ -z "$quick" ] || return 0
    take_turns 5 bulk_delete hot 1000000 45 -- update ours
    compare hot 'delete 1,000,000 rows, fillfactor 45' 1000000 1.15 "$title"
}

section_trigger() {
    local title='delete 100,000, 1,000,000 rows, not preloaded'
    restart_with "shared_preload_libraries = ''"
    turns "$(pick 3 1)" "$(pick 4 2)" bulk_delete trigger 100000 100
    compare trigger 'delete 100,000 rows, not preloaded' 100000 1.20 "$title"
    if [ -z "$quick" ]; then
        take_turns 3 bulk_delete trigger 1000000 100 -- update ours
        compare trigger 'delete 1,000,000 rows, not preloaded' 1000000 1.20 "$title"
    fi
    restart_with ''
}

section_onerow() {
    local per runs mode
    per=2000
    runs=$(pick 31 9)
    pin
    for mode in simple prepared; do
        standing_tables $((per * (runs + 1))) "${contenders[@]}"
        take_turns "$runs" one_delete "one_$mode" "$mode" "$per" -- "${contenders[@]}"
        compare "one_$mode" "delete 1 row, $mode, one core" 1 1.15 'delete 1 row, one core'
    done
    unpin
}
