# shellcheck shell=bash
#
# contenders.bash: login, refresh, register and authenticate against the statements they replace, and how
# far refused logins differ. Sourced by bench/run.
#
# One client, client and server on one core. Processor time of both is compared, not the clock's: what
# else the machine does falls on a long conversation otherwise than on a short one. The section account leaves
# argon2 out: the server runs with a hash that is ready (ready_hash.c), as the plain statements have it. The
# section argon2 has it at its default cost, and the plain statements have libsodium's of that cost; there they are
# called within one backend. Refused logins are measured by the clock, as who guesses does.

# A contender as a pgbench script; n counts on from run to run. Usage: account_script contender
account_script() {
    local hash="'argon2id-hash-of-ninety-seven-characters-or-so-as-stored-by-everyone-who-does-it-well-nowadays-'"
    echo '\set n :n + 1'
    echo '\set u random(1, 10000)'
    case $1 in
        login_plain | login_beside)
            echo 'BEGIN;'
            echo "SELECT * FROM plain.users WHERE lower(email) = 'u:u@example.org' AND deleted_at IS NULL \\gset r_"
            cat <<'SQL'
INSERT INTO plain.session (id, user_id, tenant_id, token_hash, created_at, refreshed_at, expires_at) VALUES (gen_random_uuid(), ':r_id', ':r_tenant_id', '\x0123456789012345678901234567890101234567890123456789012345678901', now(), now(), now() + interval '30 days');
UPDATE plain.users SET last_login = now() WHERE id = ':r_id';
COMMIT;
SQL
            ;;
        login_ours | login_silent) echo "SELECT * FROM account.login('u:u@example.org', 'secret123');" ;;
        refresh_plain | refresh_beside)
            cat <<'SQL'
BEGIN;
SELECT * FROM plain.session WHERE id = ':sid' FOR UPDATE;
UPDATE plain.session SET counter = counter + 1, token_hash = '\x0123456789012345678901234567890101234567890123456789012345678901', refreshed_at = now(), expires_at = now() + interval '30 days' WHERE id = ':sid';
COMMIT;
SQL
            ;;
        refresh_ours | refresh_silent | refresh_members) echo "SELECT refresh_token AS token FROM account.refresh(':token') \\gset" ;;
        switch_members)
            echo '\set t 1 + :n % 2'
            echo "SELECT refresh_token AS token FROM account.switch_tenant(':token', 't:t') \\gset"
            ;;
        register_plain | register_beside)
            printf "BEGIN;\nINSERT INTO plain.users (email, password) VALUES ('n' || :n || '@example.org', %s) RETURNING id \\\\gset\n" "$hash"
            printf "INSERT INTO plain.profiles (user_id, role) VALUES (':id', 'member');\nCOMMIT;\n"
            ;;
        register_ours | register_silent) echo "SELECT * FROM account.register('n' || :n || '@example.org', 'secret123');" ;;
    esac
}

# Processor time, in microseconds, of all server processes that have ended.
spent() {
    sleep 0.1 # the last one may be ending
    result=$(awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($14 + $15) * 1e6 / tick }' "/proc/$(head -n 1 "$work/data/postmaster.pid")/stat")
}

# Microseconds of one transaction of a contender, in server and client. Usage: account_once number contender run
account_once() {
    local before options='' TIMEFORMAT='%U %S' db=bench_account variables=(-D n=$(($3 * $1)))
    account_script "$2" >"$work/script.pgbench"
    case $2 in
        refresh_plain | refresh_beside) variables+=(-D "sid=$(psql -XqAt -d bench_account -c 'SELECT id FROM plain.session LIMIT 1')") ;;
        *_members)
            db=bench_members
            variables+=(-D "token=$(psql -XqAt -d bench_members -c "SELECT (account.issue_tokens(u.id::text)).refresh_token FROM app.users u JOIN app.tenants t ON t.id = u.tenant_id WHERE t.slug = 't2' LIMIT 1")")
            ;;
        refresh_ours | refresh_silent) variables+=(-D "token=$(psql -XqAt -d bench_account -c "SELECT (account.issue_tokens(id::text)).refresh_token FROM app.users LIMIT 1")") ;;
    esac
    # others register other emails
    case $2 in
        *_silent | *_beside) variables[1]=n=$((1000000000 + $3 * $1)) ;;
    esac
    case $2 in *_silent) options='-c pgaccount.log_events=off' ;; esac
    spent
    before=$result
    { time QUIET=1 PGOPTIONS=$options step "$work/log/pgbench" taskset -c "$core" pgbench -n -c 1 -t "$1" "${variables[@]}" -f "$work/script.pgbench" "$db"; } 2>"$work/log/client" || {
        cat "$work/log/pgbench"
        die "pgbench failed"
    }
    spent
    result=$(awk -v s="$before" -v e="$result" -v n="$1" '{ printf "%.3f", (e - s + ($1 + $2) * 1e6) / n }' "$work/log/client")
    sample "account|$2"
}

# Microseconds of processor time of a call inside one backend, about so many users in turn; unseen: no token is
# kept. Usage: account_call number contender run
account_call() {
    local call options='' db=bench_account
    case $2 in
        members_*) call="time_authenticate($1, ${2#members_})" db=bench_members ;;
        select_*) call="time_select($1, ${2#select_})" ;;
        authenticate_*) call="time_authenticate($1, ${2#authenticate_})" ;;
        unseen_*) call="time_authenticate($1, ${2#unseen_})" options='-c pgaccount.known_tokens=0' ;;
    esac
    PGOPTIONS=$options QUIET=1 step "$work/log/call" psql -XqAt -v ON_ERROR_STOP=1 -d "$db" -c "SELECT $call" || {
        cat "$work/log/call"
        die "a measured call failed"
    }
    result=$(cat "$work/log/call")
    sample "account|$2"
}

# The starter with users, and the tables that an application without pgaccount would have.
account_tables() {
    bench_module account/ready_hash.c ready_hash
    server_wrapper=(env "LD_PRELOAD=$module")
    restart_with 'pgaccount.password_memory = 8kB' 'pgaccount.password_ops = 1'
    server_wrapper=()
    createdb bench_account
    bench_module token/floor.c token_floor
    QUIET=1 step "$work/log/account" psql -XqAt -v ON_ERROR_STOP=1 -d bench_account -v floor="$module" -f "$work/tree/bench/account/tables.sql" || {
        cat "$work/log/account"
        die "account/tables.sql failed"
    }
}

section_account() {
    account_tables
    createdb -T bench_account bench_members
    QUIET=1 step "$work/log/members" psql -XqAt -v ON_ERROR_STOP=1 -d bench_members -f "$work/tree/bench/account/members.sql" || {
        cat "$work/log/members"
        die "account/members.sql failed"
    }
    pin
    # those without events have turns of their own, with the plain ones again: so the tables of both age alike
    take_turns "$(pick 19 3)" account_once 4000 -- login_plain login_ours refresh_plain refresh_ours register_plain register_ours
    take_turns "$(pick 7 3)" account_once 4000 -- login_beside login_silent refresh_beside refresh_silent register_beside register_silent
    take_turns "$(pick 11 5)" account_call "$(pick 100000 50000)" -- select_1 authenticate_1 select_16 authenticate_16 select_1000 authenticate_1000 unseen_1000 members_1000
    take_turns "$(pick 11 3)" account_once 4000 -- refresh_members switch_members
    unpin
    about 'sessions' 'account.login, argon2 set aside'
    row 'login' 'SELECT, INSERT session, UPDATE' "$(mid 'account|login_plain')" "$(mid 'account|login_ours')" 1.30
    about 'sessions' account.refresh
    row 'refresh' 'SELECT, UPDATE' "$(mid 'account|refresh_plain')" "$(mid 'account|refresh_ours')" 1.0
    about 'register' 'account.register, argon2 set aside'
    row 'register' 'BEGIN; two INSERTs; COMMIT' "$(mid 'account|register_plain')" "$(mid 'account|register_ours')" 1.30
    about 'the same without events' 'pgaccount.log_events off'
    row 'login, no events' 'SELECT, INSERT session, UPDATE' "$(mid 'account|login_beside')" "$(mid 'account|login_silent')" -
    row 'refresh, no events' 'SELECT, UPDATE' "$(mid 'account|refresh_beside')" "$(mid 'account|refresh_silent')" -
    row 'register, no events' 'BEGIN; two INSERTs; COMMIT' "$(mid 'account|register_beside')" "$(mid 'account|register_silent')" -
    about 'authenticate' account.authenticate
    row 'authenticate, one token' 'SELECT of the user by key' "$(mid 'account|select_1')" "$(mid 'account|authenticate_1')" 1.0
    row 'authenticate, 16 tokens in turn' 'SELECT of the users by key' "$(mid 'account|select_16')" "$(mid 'account|authenticate_16')" 1.3
    row 'authenticate, 1,000 tokens in turn' 'SELECT of the users by key' "$(mid 'account|select_1000')" "$(mid 'account|authenticate_1000')" 1.3
    about 'members of several tenants' account.authenticate
    row 'authenticate a member, 1,000 tokens in turn' 'the same without members' "$(mid 'account|authenticate_1000')" "$(mid 'account|members_1000')" 1.15
    about 'members of several tenants' account.switch_tenant
    row 'switch_tenant' 'refresh of a member' "$(mid 'account|refresh_members')" "$(mid 'account|switch_members')" 1.1
    about 'authenticate, a token not seen before' account.authenticate
    row 'authenticate, 1,000 tokens not seen before' 'SELECT of the users by key' "$(mid 'account|select_1000')" "$(mid 'account|unseen_1000')" -
    dropdb bench_account
    dropdb bench_members
    restart_with ''
}

section_argon2() {
    account_tables
    restart_with ''
    account_medians argon2 "$(pick 200 20)"
    about 'argon2 at its default cost' account.login
    row 'login, argon2' 'SELECT, libsodium, INSERT session, UPDATE' "$(mid 'argon2|login_libsodium')" "$(mid 'argon2|login_argon2')" 1.02
    about 'argon2 at its default cost' account.register
    row 'register, argon2' 'BEGIN; two INSERTs, libsodium; COMMIT' "$(mid 'argon2|register_libsodium')" "$(mid 'argon2|register_argon2')" 1.02
    refusals
    resets
    dropdb bench_account
}

# Medians that a script of bench/account prints. Usage: account_medians script rounds
account_medians() {
    local who
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/$1" psql -XqAt -v ON_ERROR_STOP=1 -d bench_account -v rounds="$2" -f "$work/tree/bench/account/$1.sql" || {
        cat "$work/log/$1"
        die "account/$1.sql failed"
    }
    while IFS='|' read -r who result; do sample "$1|$who"; done < <(grep -F '|' "$work/log/$1")
}

# The clock would tell who exists, if one refusal took longer than another. What else the machine does is in that
# time too; processor time shows what is ours.
refusals() {
    local who
    account_medians refusals "$(pick 200 20)"
    about 'refused logins' account.login
    for who in unknown inactive deleted; do
        row "refused login: $who user" 'a wrong password' "$(mid 'refusals|wrong')" "$(mid "refusals|$who")" -
    done
    refusals_row "slowest of $(pick 200 20) refused logins" '' 1.05
    refusals_row 'the same in processor time' ' cpu' -
}

# The same of requests for a new password.
resets() {
    local who kinds
    account_medians resets "$(pick 200 20)"
    about 'requests for a new password' account.request_password_reset
    for who in unknown inactive deleted; do
        row "request for a new password: $who user" 'a known user' "$(mid 'resets|known')" "$(mid "resets|$who")" -
    done
    kinds=$(for who in known unknown inactive deleted; do mid "resets|$who"; done | sort -g)
    row "slowest of $(pick 200 20) requests by known, unknown, inactive, deleted logins" 'the quickest' "$(head -n 1 <<<"$kinds")" "$(tail -n 1 <<<"$kinds")" 1.05 '<'
}

# The dearest kind of refusal against the cheapest. Usage: refusals_row work suffix bar
refusals_row() {
    local who kinds
    kinds=$(for who in wrong unknown inactive deleted; do mid "refusals|$who$2"; done | sort -g)
    row "$1" 'the quickest' "$(head -n 1 <<<"$kinds")" "$(tail -n 1 <<<"$kinds")" "$3" '<'
}
