# shellcheck shell=bash
#
# instructions.bash: counted instructions, for what a clock cannot tell apart. Sourced by bench/run.

# Where times differ by less than their noise, instructions still tell. The server is stopped meanwhile.
section_instructions() {
    local rows label
    rows=$(pick 20000 4000)
    label=$(sed 's/000$/,000/' <<<"$rows")
    build_without_gate
    throwaway_stop
    QUIET=1 STEP_TIMEOUT=3600 unprivileged_step "$work/log/medians" env WITHOUT_GATE="$work/without_gate/pgaccount.so" \
        "$work/tree/bench/instructions/run" "$work/tmp/instructions" "$(pick 2000 400)" "$rows" || {
        cat "$work/log/medians"
        die "instructions/run failed"
    }
    rm -rf "$work/tmp/instructions"
    throwaway_start
    about 'SELECT by key, instructions' 'SELECT, library preloaded'
    counted_row 'SELECT by key, unmanaged table' unmanaged 'library not loaded' 1.03
    about 'SELECT by key, instructions' 'SELECT, deleted rows hidden'
    counted_row 'SELECT by key, hidden table' hidden 'condition written out' 1.05
    about 'delete, instructions' DELETE
    counted_row 'delete 1 row' one 'plain UPDATE' 1.15
    counted_row "delete $label rows" rows 'plain UPDATE' 1.08
    counted_row "delete $label rows, not preloaded" trigger 'plain UPDATE' 1.20
    about 'the gate, instructions' 'search_path and settings of the owner'
    counted_row 'delete 1 row whose child follows' gate_child 'the current user alone changed' 1.05
    counted_row 'insert 1 user with its profile' gate_profile 'the current user alone changed' 1.05
}

# The library with nothing left of the gate but the change of the current user.
build_without_gate() {
    local objects wrapped='' name
    copy_tree "$work/without_gate"
    objects=$(cd "$work/without_gate" && printf '%s ' src/*.c src/*/*.c bench/instructions/without_gate.c | sed 's/\.c /.o /g')
    for name in run_as run_as_self run_as_end names_begin names_end; do wrapped+=" -Wl,--wrap=$name"; done
    QUIET=1 step "$work/log/without_gate" make -C "$work/without_gate" -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" \
        OBJS="$objects" SHLIB_LINK="-lsodium$wrapped" || {
        cat "$work/log/without_gate"
        die "the library without the gate could not be built"
    }
}

# Usage: counted_row work name floor-name bar
counted_row() {
    local name floor ours
    IFS='|' read -r name floor ours < <(grep "^$2|" "$work/log/medians") || die "instructions/run did not count $2"
    row "$1, instructions" "$3" "$floor" "$ours" "$4"
}
