# shellcheck shell=bash
#
# memory.bash: memory and temporary files at their peak. Sourced by bench/run.

# The backend's peak after one statement, in MB. The statement on stdin follows its preparation.
# Usage: peak preparation statement
peak() {
    cat >"$work/peak.sql" <<SQL
SET client_min_messages = error;
$1
\\c
SET client_min_messages = error;
$2
SELECT pg_backend_pid() AS pid \\gset
\\setenv PID :pid
\\! sed -n 's/^VmHWM:[[:space:]]*\\([0-9]*\\) kB/peak \\1/p' /proc/\$PID/status
SQL
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/peak" psql -X -q -v ON_ERROR_STOP=1 -d bench -f "$work/peak.sql" || {
        cat "$work/log/peak"
        die "a measured statement failed"
    }
    result=$(awk '/^peak / { print $2 / 1024 }' "$work/log/peak")
}

# Shared buffers count in a backend's peak as it touches them: few of them, so that all touch all.
section_memory() {
    local size kind insert label
    size=$(pick 5000000 500000)
    label=$(sed 's/000000$/,000,000/;t;s/000$/,000/' <<<"$size")
    restart_with 'shared_buffers = 64MB'
    for kind in update ours; do
        peak "SELECT bench.make_users('t', $size, 100); SELECT bench.attach('t', '$kind');
            VACUUM (FREEZE, ANALYZE) bench.t;" "$(deletion "$kind" t 'id > 0')"
        sample "delete|$kind|peak"
    done
    about 'peak memory' DELETE
    memory_row "delete $label rows" 'plain UPDATE' "$(mid 'delete|update|peak')" "$(mid 'delete|ours|peak')"
    insert="INSERT INTO bench.r (email, password, full_name) SELECT 'user' || i || '@example.org', repeat(md5(i::text), 2), 'Some Body ' || i
        FROM generate_series(1, $size) i;"
    for kind in users ours; do
        peak "SELECT bench.make_profiles('r', '$kind');" "$insert"
        sample "register|$kind|peak"
    done
    about 'peak memory' 'INSERT of users, profiles made'
    memory_row "register $label users" 'plain INSERT' "$(mid 'register|users|peak')" "$(mid 'register|ours|peak')"
    sql -c 'DROP TABLE IF EXISTS bench.t, bench.r CASCADE'
    cleanup_memory
    restart_with ''
}

# Here the bar is a difference: less than 50 MB more. As a ratio it is one of the peaks.
memory_row() {
    row "peak memory, $1" "$2" "$3" "$4" "$(awk -v p="$3" 'BEGIN { printf "%.3f", (p + 50) / p }')" '<'
}
