# shellcheck shell=bash
#
# profiles.bash: profiles made with their users: in bulk, one by one, by 8 clients. Sourced by bench/run.

# Into new tables, or into tables that VACUUM knows to be empty: the planner sees those otherwise.
# Usage: bulk_register size new|vacuumed kind
bulk_register() {
    local size=$1 state=$2 kind=$3
    timed <<SQL
SET client_min_messages = error;
SELECT bench.make_profiles('r', '$kind');
$([ "$state" = new ] || echo "VACUUM ANALYZE bench.r, bench.r_profiles;")
CHECKPOINT;
\\timing on
BEGIN;
INSERT INTO bench.r (email, password, full_name)
    SELECT 'user' || i || '@example.org', repeat(md5(i::text), 2), 'Some Body ' || i FROM generate_series(1, $size) i;
$([ "$kind" != app ] || echo "INSERT INTO bench.r_profiles (user_id, role) SELECT id, 'member' FROM bench.r;")
COMMIT;
SQL
    sample "register|$kind|$state|$size"
}

section_profiles() {
    take_turns "$(pick 3 1)" bulk_register 100000 new -- app ours plpgsql
    take_turns "$(pick 4 3)" bulk_register 100000 new -- app ours
    compare_profiles 'register 100,000 users at once' new 100000
    take_turns "$(pick 5 3)" bulk_register 100000 vacuumed -- app ours
    compare_profiles 'register 100,000 users, tables vacuumed empty' vacuumed 100000
    [ -z "$quick" ] || return 0
    take_turns 5 bulk_register 1000000 new -- app ours
    compare_profiles 'register 1,000,000 users at once' new 1000000
}

compare_profiles() {
    local ours floor
    ours=$(mid "register|ours|$2|$3")
    floor=$(mid "register|app|$2|$3")
    about 'register users at once' 'INSERT of users'
    row "$1" 'two statements' "$floor" "$ours" 1.05
    about 'register users at once, set proof' 'INSERT of users'
    row "$1, set proof" 'two statements' "$floor" "$ours" 0.75
    [ -z "${samples["register|plpgsql|$2|$3"]:-}" ] ||
        row "$1" 'PL/pgSQL row trigger' "$(mid "register|plpgsql|$2|$3")" "$ours" -
}

# One registration. An application asks for the id, and then makes the profile.
registration_script() {
    local user="INSERT INTO bench.o_$1 (email, password, full_name) VALUES ('u' || :client_id || 'n' || :n || '@example.org', 'argon2id-hash-of-sixty-four-characters-or-so-as-stored-by-everyone', 'Some Body')"
    echo '\set n :n + 1'
    if [ "$1" = app ]; then
        printf "BEGIN;\n%s RETURNING id \\\\gset\nINSERT INTO bench.o_app_profiles (user_id, role) VALUES (:id, 'member');\nCOMMIT;\n" "$user"
    else
        printf '%s;\n' "$user"
    fi
}

one_register() {
    micros "$1" $(($1 * $3)) simple < <(registration_script "$2")
    sample "one|$2"
}

section_registration() {
    local kind
    for kind in app ours plpgsql; do sql -c "SELECT bench.make_profiles('o_$kind', '$kind')" >/dev/null; done
    pin
    take_turns "$(pick 31 9)" one_register 2000 -- app ours plpgsql
    unpin
    about 'one registration' 'INSERT of the user'
    row 'one registration, one core' 'BEGIN; two INSERTs; COMMIT' "$(mid 'one|app')" "$(mid 'one|ours')" 0.65
    row 'one registration, one core' 'PL/pgSQL row trigger' "$(mid 'one|plpgsql')" "$(mid 'one|ours')" -
}

eight_register() {
    local seconds=$1 kind=$2 run=$3
    registration_script "$kind" >"$work/eight.pgbench"
    QUIET=1 step "$work/log/pgbench" pgbench -n -c 8 -j 2 -T "$seconds" -D n=$((run * 100000000)) -f "$work/eight.pgbench" bench || {
        cat "$work/log/pgbench"
        die "pgbench failed"
    }
    result=$(awk '/^tps = / { print $3 }' "$work/log/pgbench")
    sample "eight|$kind"
}

section_clients() {
    local kind
    for kind in app ours plpgsql; do sql -c "SELECT bench.make_profiles('o_$kind', '$kind')" >/dev/null; done
    take_turns "$(pick 5 3)" eight_register "$(pick 8 2)" -- app ours plpgsql
    about 'registrations of 8 clients' 'INSERT of the user'
    row 'registrations of 8 clients, how many more' 'BEGIN; two INSERTs; COMMIT' "$(mid 'eight|app')" "$(mid 'eight|ours')" 1.9 '>='
    row 'registrations of 8 clients, how many more' 'PL/pgSQL row trigger' "$(mid 'eight|plpgsql')" "$(mid 'eight|ours')" -
}
