# shellcheck shell=bash
#
# tokens.bash: tokens signed and checked, identity helpers in policies, passwords. Sourced by bench/run.

# A module of C functions for the benchmark alone. Usage: bench_module source name; sets $module
bench_module() {
    module=$work/$2.so
    cc -O2 -fPIC -shared -D_GNU_SOURCE -I"$("$PG_CONFIG" --includedir-server)" -I"$work/tree/src" \
        -o "$module" "$work/tree/bench/$1" -lsodium || die "could not compile $1"
}

# Medians that a script prints as name|median become samples of that name. Usage: medians group script variables...
medians() {
    local group=$1 script=$2 name
    shift 2
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/medians" psql -X -d bench "$@" -f "$work/tree/bench/$script" || {
        cat "$work/log/medians"
        die "$script failed"
    }
    while IFS='|' read -r name result; do sample "$group|$name"; done < <(grep -F '|' "$work/log/medians")
}


# Usage: token_row work ours floor-name floor bar
token_row() { row "$1" "$3" "$(mid "tokens|$4")" "$(mid "tokens|$2")" "$5"; }

# How many times as fast as the contender. Usage: faster_row work ours name contender bar
faster_row() { row "$1, times faster" "$3" "$(mid "tokens|$2")" "$(mid "tokens|$4")" "$5" '>='; }

section_tokens() {
    local whose helper loop
    bench_module token/floor.c token_floor
    medians tokens token/token.sql -v rounds="$(pick 41 11)" -v floor="$module"
    about 'sign a token' account.sign
    token_row 'sign a ready text' sign 'libsodium, base64, C' floor_sign 1.0
    faster_row 'sign a ready text' sign 'pgjwt: SQL, pgcrypto' pgjwt_sign 20
    faster_row 'sign a ready text' sign 'the least PL/pgSQL' lean_sign -
    about 'sign a token' account.jwt_sign
    token_row 'sign claims of jsonb' jwt_sign 'libsodium, base64, C' floor_sign -
    about 'verify a token' "authenticate's check"
    token_row 'verify a token, no jsonb' check_token 'libsodium, base64, C' floor_verify 1.2
    about 'verify a token' account.jws_valid
    token_row 'verify a signature' jws_valid 'libsodium, base64, C' floor_verify -
    about 'verify a token' account.jwt_verify
    token_row 'verify a token by its key, jsonb' jwt_verify 'libsodium, base64, C' floor_verify 2.0
    about 'verify a token' account.verify_access_token
    token_row 'verify an access token, jsonb' verify_access_token 'libsodium, base64, C' floor_verify 2.0
    faster_row 'verify an access token' verify_access_token 'pgjwt: SQL, pgcrypto' pgjwt_verify 10
    about 'identity in a policy, 1,000,000 rows' 'account.uid_bigint, uid'
    token_row 'uid_bigint() in a policy, 1,000,000 rows' bigint_uid 'a constant' bigint_constant 1.15
    token_row 'uid() in a policy, 1,000,000 rows' text_uid 'a constant' text_constant 1.15
    # A call alone, in nanoseconds: a hundred of them, without the loop around them. A session's identity may
    # have expired since the last statement: that look at the time comes on top.
    about 'identity helpers' 'one call'
    for whose in '' 'session '; do
        loop=$(mid "tokens|${whose}loop")
        for helper in 'uid_bigint()' 'uid()' 'tenant_id()' 'user_role()' 'is_staff()' 'is_authenticated()' "has_module('reports')"; do
            row "$helper, of the ${whose:-transaction}" 'an empty C function' "$(calls "${whose}floor_empty()" "$loop")" \
                "$(calls "${whose}account.$helper" "$loop")" "$([ -z "$whose" ] && echo 2.0 || echo -)"
        done
    done
}

# Usage: calls contender loop
calls() { awk -v a="$(mid "tokens|$1")" -v b="$2" 'BEGIN { print (a - b) * 10 }'; }

section_passwords() {
    local name dearest=0 cheapest=1000000 value
    medians passwords password/password.sql -v rounds="$(pick 60 7)"
    about 'hash a password' account.hash_password
    row 'hash a password' 'libsodium' "$(mid 'passwords|libsodium')" "$(mid 'passwords|hash_password')" 1.05
    about 'logins, whatever is stored' 'its check'
    while read -r name; do
        [[ $name == passwords\|* && $name != *libsodium && $name != *hash_password && $name != *'not padded' ]] || continue
        value=$(mid "$name")
        dearest=$(awk -v a="$dearest" -v b="$value" 'BEGIN { print (a > b) ? a : b }')
        cheapest=$(awk -v a="$cheapest" -v b="$value" 'BEGIN { print (a < b) ? a : b }')
        row "login: ${name#*|}" 'a right password' "$(mid 'passwords|right')" "$value" -
    done < <(printf '%s\n' "${!samples[@]}" | sort)
    row 'the dearest login' 'a right password' "$(mid 'passwords|right')" "$dearest" 1.10
    row 'the cheapest login' 'a right password' "$(mid 'passwords|right')" "$cheapest" 0.90 '>='
}
