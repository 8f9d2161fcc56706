# shellcheck shell=bash
#
# tally.sh: tests that passed and failed, and the one line at the end. To be sourced after throwaway.sh.

passed=0
failed=0
finished= # set by the script when it has got to its end

pass() {
    passed=$((passed + 1))
    say "ok: $*"
}

fail() {
    failed=$((failed + 1))
    say "FAILED: $*"
}

# Pass if the command succeeds. Usage: verdict "what" command...
verdict() { if "${@:2}"; then pass "$1"; else fail "$1"; fi; }

# A script that did not get to its end has failed, also before the first test.
at_exit() {
    local status=$1
    if [ -z "$finished" ]; then
        say "the run ended early"
        failed=$((failed + 1))
    elif [ $((passed + failed)) = 0 ]; then
        say "no test was run"
        failed=1
    fi
    say "$passed passed, $failed failed"
    [ "$status" != 0 ] || [ "$failed" = 0 ] || status=1
    return "$status"
}
