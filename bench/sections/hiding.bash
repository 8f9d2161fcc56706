# shellcheck shell=bash
#
# hiding.bash: what hiding deleted rows and the planner hook cost. Sourced by bench/run.

one_select() {
    local per=$1 kind=$2 table condition='' label=hidden
    case $kind in
        hidden) table=s_ours ;;
        written) table=s_update condition=' AND deleted_at IS NULL' ;;
        *) table=s_update label=hook ;;
    esac
    micros "$per" 0 simple <<SQL
\\set id random(1, 100000)
SELECT id, email FROM bench.$table WHERE id = :id$condition;
SQL
    sample "$label|$kind"
}

section_hidden() {
    standing_tables 100000 update ours
    pin
    take_turns "$(pick 61 21)" one_select 5000 -- written hidden
    unpin
    about 'SELECT by key' 'SELECT, deleted rows hidden'
    row 'SELECT by key, hidden table' 'condition written out' "$(mid 'hidden|written')" "$(mid 'hidden|hidden')" 1.05
}

# Two servers, one with the library preloaded and one without, side by side.
section_hook() {
    standing_tables 100000 update ours
    throwaway_stop
    cp -a "$work/data" "$work/data_without"
    printf "port = 5433\nshared_preload_libraries = ''\n" >>"$work/data_without/postgresql.conf"
    throwaway_start
    unprivileged "$bindir/pg_ctl" -D "$work/data_without" -l "$work/log/server_without" -w start >/dev/null </dev/null
    pin
    taskset -p -c "$core" "$(head -n 1 "$work/data_without/postmaster.pid")" >/dev/null
    hook_select() { PGPORT=$([ "$2" = preloaded ] && echo 5432 || echo 5433) one_select "$1" "$2"; }
    take_turns "$(pick 61 21)" hook_select 5000 -- absent preloaded
    unprivileged "$bindir/pg_ctl" -D "$work/data_without" -m fast -w stop >/dev/null
    rm -rf "$work/data_without"
    unpin
    about 'SELECT by key' 'SELECT, library preloaded'
    row 'SELECT by key, unmanaged table' 'library not loaded' "$(mid 'hook|absent')" "$(mid 'hook|preloaded')" 1.03
}
