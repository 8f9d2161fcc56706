# shellcheck shell=bash disable=SC2034 # variables here are for the scripts that source this
#
# throwaway.sh: what the suites, the demo and the benchmarks share. To be sourced by bash.
#
# Gives a temporary directory ($work), the packages that are missing, a copy of the sources built and
# installed, and a private cluster on a Unix socket, run by an unprivileged user. Whatever way the
# calling script ends, throwaway_end leaves nothing running and nothing on disk.
#
# PG_CONFIG chooses the server; the default is the first pg_config in PATH.

set -euo pipefail
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=
declare -A children=()
# What takes long to make is kept for the next time. root's is where only root can have put it.
if [ "$(id -u)" = 0 ]; then
    cache=/var/cache/pgaccount
else
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/pgaccount
fi
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
umask 022
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE \
    PGOPTIONS PGDATA PGAPPNAME PGSSLMODE PGCLIENTENCODING PSQLRC MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# --- who we are -----------------------------------------------------------------------------------

# PostgreSQL refuses to run as root, and installing needs root: both are had from either side.
if [ "$(id -u)" = 0 ]; then
    as_root=()
else
    as_root=(sudo -n)
fi

# The unprivileged user is known only once the packages are installed.
choose_user() {
    local user
    as_user=()
    user_name=$(id -un)
    [ "$(id -u)" = 0 ] || return 0
    for user in postgres nobody; do
        if id "$user" >/dev/null 2>&1; then
            user_name=$user
            break
        fi
    done
    [ "$user_name" != root ] || die "found no unprivileged user: PostgreSQL refuses to run as root"
    if command -v setpriv >/dev/null; then
        as_user=(setpriv --reuid "$user_name" --regid "$(id -g "$user_name")" --init-groups)
    elif command -v runuser >/dev/null; then
        as_user=(runuser -u "$user_name" --)
    else
        # su takes a shell command: hand it the words as the shell's own arguments.
        as_user=(su -s /bin/sh "$user_name" -c 'exec "$0" "$@"' --)
    fi
}

# Run a command as the unprivileged user, at home in the temporary directory.
unprivileged() {
    (cd "$work" && HOME=$work/home exec "${as_user[@]}" "$@")
}

# --- life and death -------------------------------------------------------------------------------

# Make $work and see to its end. A socket's path may have 107 bytes, so TMPDIR is taken when short.
throwaway_begin() {
    local base=${TMPDIR:-/tmp}
    [ ${#base} -le 40 ] || base=/tmp
    trap throwaway_exit EXIT
    trap 'throwaway_signal 129' HUP
    trap 'throwaway_signal 130' INT
    trap 'throwaway_signal 143' TERM
    work=$(mktemp -d "$base/pgaccount.XXXXXX")
    chmod 755 "$work"
}

throwaway_signal() {
    trap '' HUP INT TERM
    exit "$1"
}

# Redefined by scripts that have something to say at the very end; gets the exit status.
at_exit() { return "$1"; }

throwaway_exit() {
    local status=$?
    trap '' HUP INT TERM
    trap - EXIT
    set +e
    throwaway_end
    at_exit "$status"
    exit $?
}

# Stop what runs, remove what is there.
throwaway_end() {
    local pidfile pid child try
    # The steps that were running, with their process groups.
    for child in "${!children[@]}"; do kill -TERM -- "-$child" 2>/dev/null; done
    for child in "${!children[@]}"; do
        for try in $(seq 50); do
            kill -0 -- "-$child" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$child" 2>/dev/null
    done
    children=()
    remove_for_now
    [ -n "$work" ] && [ -d "$work" ] || return 0
    # Every server below $work, ours and those of the TAP tests. A pid file may be stale: the process
    # must have its data directory, which is its working directory, in $work.
    while IFS= read -r pidfile; do
        pid=$(head -n 1 "$pidfile" 2>/dev/null)
        case $pid in '' | *[!0-9]*) continue ;; esac
        case $(readlink "/proc/$pid/cwd" 2>/dev/null) in "$work"/*) ;; *) continue ;; esac
        kill -QUIT "$pid" 2>/dev/null
        for try in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null
    done < <(find "$work" -name postmaster.pid 2>/dev/null)
    # Files are root's and the unprivileged user's; a dying backend may still write one.
    for try in 1 2 3 4 5; do
        rm -rf "$work" 2>/dev/null && break
        sleep 0.2
    done
    [ ! -d "$work" ] || "${as_root[@]}" rm -rf "$work"
    work=
}

# Start a command in a process group of its own, logged, so that a signal to the script can end all of it. Its
# process is $started, a key of children until whoever waits for it takes it out. Usage: start_step LOG command...
start_step() {
    local log=$1
    shift
    : >"$log"
    setsid timeout --kill-after=10 "${STEP_TIMEOUT:-900}" "$@" >"$log" 2>&1 </dev/null &
    started=$!
    children[$started]=$log
}

# Run one. Usage: step LOG command...; returns the command's status (124: took too long). The output is
# shown as it comes, or only kept in LOG when QUIET is set.
step() {
    local log=$1 status=0 tail='' child
    start_step "$@"
    child=$started
    if [ -z "${QUIET:-}" ]; then
        tail -n +1 -s 0.1 -f --pid="$child" "$log" 2>/dev/null &
        tail=$!
    fi
    wait "$child" || status=$?
    unset "children[$child]"
    [ -z "$tail" ] || wait "$tail" || true
    return "$status"
}

# The same as the unprivileged user, in the temporary directory.
unprivileged_step() { as_unprivileged step "$@"; }

# Usage: as_unprivileged step|start_step LOG command...
as_unprivileged() {
    local run=$1 log=$2 status=0
    shift 2
    cd "$work"
    HOME=$work/home "$run" "$log" "${as_user[@]}" "$@" || status=$?
    cd "$top"
    return "$status"
}

# --- packages -------------------------------------------------------------------------------------

# Files of the system that are there while packages are installed.
for_now=()
remove_for_now() {
    [ ${#for_now[@]} = 0 ] || "${as_root[@]}" rm -f "${for_now[@]}"
    for_now=()
}

# Install packages by name. PostgreSQL's package would make and start a cluster "main", PgBouncer's its
# service: neither is wanted here.
apt_install() {
    local conf=/etc/postgresql-common/createcluster.d/pgaccount-throwaway.conf policy=/usr/sbin/policy-rc.d
    [ -z "${IN_PLACE:-}" ] || die "missing: $*; install it first"
    command -v apt-get >/dev/null || die "missing: $*, and there is no apt-get to install it"
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        die "missing: $*; run as root or with sudo, or install it first"
    fi
    say "installing: $*"
    "${as_root[@]}" apt-get update -qq || say "apt-get update failed: trying with the lists there are"
    if [ ! -e "$conf" ]; then
        for_now+=("$conf")
        "${as_root[@]}" mkdir -p "${conf%/*}"
        printf 'create_main_cluster = false\n' | "${as_root[@]}" tee "$conf" >/dev/null
    fi
    if [ ! -e "$policy" ]; then
        for_now+=("$policy")
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    local status=0
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confold "$@" </dev/null >"$work/apt.log" 2>&1 || status=$?
    remove_for_now
    if [ "$status" != 0 ]; then
        tail -n 30 "$work/apt.log"
        die "apt-get could not install: $*"
    fi
}

# The major version to install where no server was chosen: the distribution's own.
default_major() {
    local major
    major=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
    say "${major:-15}"
}

has_header() { printf '#include <%s>\n' "$1" | cc -E -o /dev/null - 2>/dev/null; }

# Find PG_CONFIG, and install what building and running need. Arguments: of pgtap, tap, prove or packages, what is needed too.
throwaway_prepare() {
    local missing=() major='' pgxs want

    PG_CONFIG=${PG_CONFIG:-pg_config}
    if command -v "$PG_CONFIG" >/dev/null; then
        major=$("$PG_CONFIG" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
    elif [ "$PG_CONFIG" != pg_config ]; then
        die "there is no PG_CONFIG=$PG_CONFIG"
    fi
    command -v make >/dev/null || missing+=(make)
    if ! command -v cc >/dev/null; then
        missing+=(gcc libc6-dev libsodium-dev)
    elif ! has_header sodium.h; then
        missing+=(libsodium-dev)
    fi
    if [ -z "$major" ]; then
        if command -v apt-get >/dev/null && [ -z "$(apt-cache depends postgresql 2>/dev/null)" ]; then
            "${as_root[@]}" apt-get update -qq || true
        fi
        major=$(default_major)
        missing+=("postgresql-$major" "postgresql-server-dev-$major")
    else
        [ -e "$("$PG_CONFIG" --pgxs)" ] || missing+=("postgresql-server-dev-$major")
        [ -x "$("$PG_CONFIG" --bindir)/initdb" ] || missing+=("postgresql-$major")
    fi
    for want in "$@"; do
        case $want in
            pgtap)
                command -v pg_prove >/dev/null || missing+=(libtap-parser-sourcehandler-pgtap-perl)
                if ! command -v "$PG_CONFIG" >/dev/null ||
                    [ ! -e "$("$PG_CONFIG" --sharedir)/extension/pgtap.control" ]; then
                    # plain SQL: any major's will do
                    compgen -G '/usr/share/postgresql/*/extension/pgtap.control' >/dev/null ||
                        missing+=("postgresql-$major-pgtap")
                fi
                ;;
            prove) command -v prove >/dev/null || missing+=(perl) ;;
            tap)
                command -v prove >/dev/null || missing+=(perl)
                perl -MIPC::Run -e 1 2>/dev/null || missing+=(libipc-run-perl)
                PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || missing+=(pgbouncer)
                # only the distribution's own server finds the distribution's modules; there is none for 19 yet
                if [ -z "$major" ] || [ "$major" -lt 19 ] && [ "$("$PG_CONFIG" --pkglibdir)" = "/usr/lib/postgresql/$major/lib" ]; then
                    [ -e "/usr/lib/postgresql/${major:-$(default_major)}/lib/pg_cron.so" ] ||
                        missing+=("postgresql-${major:-$(default_major)}-cron")
                fi
                ;;
            *) missing+=("$want") ;;
        esac
    done
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"

    PG_CONFIG=$(command -v "$PG_CONFIG") || die "pg_config is still missing"
    export PG_CONFIG
    pgxs=$("$PG_CONFIG" --pgxs)
    [ -e "$pgxs" ] || die "$PG_CONFIG has no PGXS: install postgresql-server-dev-$major"
    bindir=$("$PG_CONFIG" --bindir)
    [ -x "$bindir/initdb" ] || die "$bindir has no initdb: install postgresql-$major"
    server_test=$(cd "$(dirname "$pgxs")/../test" && pwd)
    choose_user
    mkdir -p "$work/home" "$work/log"
    chown "$user_name" "$work/home" "$work/log"
}

# Warnings are errors where we look for them, never in the build a user makes. The exceptions are what
# PostgreSQL's own headers and conventions set off.
strict_flags='-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare -Werror'

# --- build ----------------------------------------------------------------------------------------

# Copy the sources, and nothing that was built from them. A copy, because the checkout may hold objects
# made for another major, and because the unprivileged user may not be able to read the checkout.
copy_tree() {
    mkdir -p "$1"
    tar -C "$top" --exclude=./.git --exclude=./results --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
        --exclude='./pgaccount--*.sql' --exclude=./build --exclude=./tmp_check -cf - . |
        tar -C "$1" --no-same-owner -xf -
}

# Build a copy of the sources, or with IN_PLACE what has changed of them, and install it. Arguments: variables for make.
throwaway_build() {
    local become=()
    say "building for $("$PG_CONFIG" --version)"
    if [ -n "${IN_PLACE:-}" ]; then
        ln -s "$top" "$work/tree"
    else
        copy_tree "$work/tree"
    fi
    if ! QUIET=1 step "$work/log/build" make -C "$work/tree" -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" "$@"; then
        cat "$work/log/build"
        die "the build failed"
    fi
    [ -w "$("$PG_CONFIG" --pkglibdir)" ] || become=("${as_root[@]}")
    if [ ${#become[@]} != 0 ] && ! "${become[@]}" true 2>/dev/null; then
        die "may not write to $("$PG_CONFIG" --pkglibdir): run as root or with sudo to install"
    fi
    "${become[@]}" make -C "$work/tree" -s install PG_CONFIG="$PG_CONFIG" "$@" >"$work/log/install" 2>&1 || {
        cat "$work/log/install"
        die "make install failed"
    }
    [ "$(id -u)" != 0 ] || chown -R "$user_name" "$work/tree"
}

# --- cluster --------------------------------------------------------------------------------------

# Usage: throwaway_initdb data-directory locale
throwaway_initdb() {
    mkdir "$1"
    chown "$user_name" "$1"
    chmod 700 "$1"
    unprivileged "$bindir/initdb" -D "$1" -U postgres -A trust -E UTF8 "$2" --no-sync --no-instructions >"$work/log/initdb" 2>&1 || {
        cat "$work/log/initdb"
        die "initdb failed"
    }
}

# Make and start the cluster: no TCP, a socket only we can reach. Arguments: lines for postgresql.conf.
throwaway_cluster() {
    local line
    mkdir "$work/socket" "$work/tmp"
    chown "$user_name" "$work/socket" "$work/tmp"
    chmod 700 "$work/socket"
    throwaway_initdb "$work/data" --locale=C.UTF-8
    {
        printf "listen_addresses = ''\nunix_socket_directories = '%s'\nport = 5432\n" "$work/socket"
        printf "fsync = off\nmax_connections = 60\nlog_line_prefix = '%%m [%%p] %%q%%u@%%d/%%a '\n"
        printf "shared_preload_libraries = 'pgaccount'\n"
        for line in "$@"; do printf '%s\n' "$line"; done
    } >>"$work/data/postgresql.conf"
    export PGHOST=$work/socket PGPORT=5432 PGUSER=postgres
    throwaway_start
}

throwaway_start() {
    unprivileged "${server_wrapper[@]}" "$bindir/pg_ctl" -D "$work/data" -l "$work/log/server" -w -t 120 start \
        >"$work/log/pg_ctl" 2>&1 </dev/null || {
        cat "$work/log/pg_ctl" "$work/log/server" 2>/dev/null
        die "the server did not start"
    }
}

throwaway_stop() {
    unprivileged "$bindir/pg_ctl" -D "$work/data" -m "${1:-fast}" -w stop >/dev/null
}

# A command before pg_ctl that shapes the server's environment; empty unless a script sets it.
server_wrapper=()
