# shellcheck shell=bash disable=SC2154 # variables of throwaway.sh
#
# assertions.sh: a server with assertions, for test/sanitize and test/discard-caches. To be sourced after throwaway.sh.

# shellcheck source-path=SCRIPTDIR source=sources.sh
. "$(dirname "${BASH_SOURCE[0]}")/sources.sh"

# Build the sources of the distribution's PostgreSQL with assertions into $1.
build_server() {
    local prefix=$1
    fetch_sources "postgresql-$major" "$work/server"
    say "building it with assertions: some minutes"
    cd "$work/server"
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/server_build" sh -c '
        ./configure --prefix="$1" --enable-cassert --enable-debug --enable-tap-tests --with-openssl --with-icu --without-readline \
            --without-zlib $3 CFLAGS="-O1 -g -fno-omit-frame-pointer" &&
        make -s -j"$(nproc)" && make -s -j"$(nproc)" -C contrib &&
        for part in . contrib src/test/isolation $4; do make -s -C "$part" install DESTDIR="$2" || exit; done' sh "$prefix" "$work/stage" \
        "$([ "$major" -lt 17 ] || say --enable-injection-points)" "$([ "$major" -lt 17 ] || say src/test/modules/injection_points)" || {
        tail -n 30 "$work/log/server_build"
        die "the server could not be built"
    }
    cd "$top"
    # It gets its name when it is complete: nothing half made is ever taken for the server.
    mkdir -p "$prefix.partial"
    mv "$work/stage$prefix"/* "$prefix.partial/"
    mv "$prefix.partial" "$prefix"
    rm -rf "$work/server" "$work/sources"
}

# Set SERVER to the pg_config of a server with assertions, unless it is set: one built from the distribution's sources,
# once, and kept. Within throwaway_begin.
assertion_server() {
    local missing=() major
    [ -z "${SERVER:-}" ] || return 0
    throwaway_prepare pgtap tap
    major=$("$PG_CONFIG" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
    SERVER=$cache/server-$major/bin/pg_config
    # one that was built by an older version of this script lacks ICU
    if [ -x "$SERVER" ] && "$SERVER" --configure | grep -q -- --with-icu; then
        return 0
    fi
    command -v bzip2 >/dev/null || missing+=(bzip2)
    command -v pkg-config >/dev/null || missing+=(pkg-config)
    # from 17 on the sources have no generated files
    [ "$major" -lt 17 ] || command -v bison >/dev/null || missing+=(bison flex)
    has_header openssl/ssl.h || missing+=(libssl-dev)
    has_header unicode/ucol.h || missing+=(libicu-dev)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
    rm -rf "$cache/server-$major" "$cache/server-$major.partial"
    build_server "$cache/server-$major"
}
