# shellcheck shell=bash
#
# monitor.bash: what events of changed users and counted calls cost. Sourced by bench/run.

# Map a users table, with a session for each of its users. They came in another order than users go.
map_users() {
    sql -c "SELECT account.use_tables('bench.$1')" -c 'TRUNCATE account.session, account.event' -c "
        INSERT INTO account.session (id, user_id, token_hash, created_at, refreshed_at, expires_at)
        SELECT gen_random_uuid(), id::text, '', now(), now(), now() + interval '1 day' FROM bench.$1 ORDER BY random()" \
        -c 'VACUUM (FREEZE, ANALYZE) account.session' -c CHECKPOINT >/dev/null
}

# All rows of a table made for it; ours is mapped.
bulk_mapped() {
    local map=''
    [ "$1" != ours ] || map="SELECT account.use_tables('bench.t') \\g /dev/null"
    timed <<SQL
SET client_min_messages = error;
TRUNCATE account.event;
SELECT bench.make_users('t', 100000, 100);
SELECT bench.attach('t', '$1');
$map
VACUUM (FREEZE, ANALYZE) bench.t;
CHECKPOINT;
\\timing on
$(deletion "$1" t 'id > 0')
SQL
    sample "mapped|$1"
}

section_events() {
    local per=2000 runs
    runs=$(pick 31 9)
    standing_tables $((per * (runs + 1))) update ours
    map_users s_ours
    pin
    take_turns "$runs" one_delete one_mapped simple "$per" -- update ours
    unpin
    about 'delete mapped users' 'DELETE, its event, sessions ended'
    row 'delete 1 mapped user, one core' 'plain UPDATE' "$(mid 'one_mapped|update|1')" "$(mid 'one_mapped|ours|1')" 1.7
    take_turns "$(pick 9 3)" bulk_mapped -- update ours
    row 'delete 100,000 mapped users' 'plain UPDATE' "$(mid 'mapped|update')" "$(mid 'mapped|ours')" 2.0
    sql -c 'SELECT account.forget_tables()' -c 'DROP TABLE IF EXISTS bench.t CASCADE' >/dev/null
}

# The same calls with statistics and events, and without. Failures are queued; nobody records them meanwhile.
counted_calls() {
    local kind=$1 run=$2 token first=0
    [ "$kind" = off ] || first=2200
    if [ "$kind" = on ]; then
        restart_with 'max_worker_processes = 2' 'pgaccount.event_queue_size = 65536'
    else
        restart_with "shared_preload_libraries = ''" "session_preload_libraries = 'pgaccount'" 'max_worker_processes = 2' 'pgaccount.log_events = off'
    fi
    token=$(sql -c 'SELECT account.issue_access_token(min(id)::text) FROM bench.s_update')
    pin
    # the first calls of a server warm it
    micros 500 0 simple <<<"SELECT account.authenticate('$token', false);"
    micros 4000 0 simple <<<"SELECT account.authenticate('$token', false);"
    sample "authenticate|$kind"
    micros 200 $((run * 4400 + first)) simple < <(
        echo '\set n :n + 1'
        deletion ours s_ours 'id = :n'
    )
    micros 2000 $((run * 4400 + first + 200)) simple < <(
        echo '\set n :n + 1'
        deletion ours s_ours 'id = :n'
    )
    sample "delete|$kind"
    micros 200 0 simple <<<"DO \$\$ BEGIN PERFORM account.activate_key('none'); EXCEPTION WHEN OTHERS THEN NULL; END \$\$;"
    micros 2000 0 simple <<<"DO \$\$ BEGIN PERFORM account.activate_key('none'); EXCEPTION WHEN OTHERS THEN NULL; END \$\$;"
    sample "failure|$kind"
    if [ "$kind" = on ]; then
        micros 4000 0 simple <<<'SELECT 1;'
        sample 'health|floor'
        micros 4000 0 simple <<<'SELECT account.health();'
        sample 'health|ours'
    fi
    unpin
}

section_statistics() {
    local runs
    runs=$(pick 21 5)
    standing_tables $((4400 * (runs + 1))) update ours
    sql -c "SELECT account.use_tables('bench.s_update')" -c 'SELECT account.create_key()' >/dev/null
    take_turns "$runs" counted_calls -- on off
    about 'statistics and events' 'on'
    row 'authenticate, statistics' 'the same, off' "$(mid 'authenticate|off')" "$(mid 'authenticate|on')" 1.05
    row 'delete 1 row, statistics' 'the same, off' "$(mid 'delete|off')" "$(mid 'delete|on')" 1.05
    row 'a call that fails, queued' 'the same, off' "$(mid 'failure|off')" "$(mid 'failure|on')" 1.05
    about 'health' 'SELECT account.health()'
    row 'health' 'SELECT 1' "$(mid 'health|floor')" "$(mid 'health|ours')" 10
    restart_with ''
    sql -c 'SELECT account.forget_tables()' -c 'DELETE FROM account.signing_key' >/dev/null
}
