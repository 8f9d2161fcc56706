# shellcheck shell=bash disable=SC2154 # what throwaway.sh sets
#
# chroot.sh: systems with other majors of PostgreSQL, in directories. To be sourced after throwaway.sh.
#
# Debian 12 has PostgreSQL 15 alone. 17 is Debian 13's, 18 that of Debian's next release, 16 Ubuntu 24.04's, and
# 19 comes from Debian's experimental packages, on top of unstable.
# Each is made by debootstrap when missing, below /var/cache/pgaccount, and kept.
#
#   CHROOT_16, ... CHROOT_19          their directories, where others are to be used
#   MIRROR, UBUNTU_MIRROR             where debootstrap finds Debian, Ubuntu (default: where it always does)

chroot_half_made=
# Variables besides those of these scripts, for whoever runs others.
handed_on=()

# The directory of a major's system. Usage: chroot_of major
chroot_of() {
    local variable=CHROOT_$1
    say "${!variable:-/var/cache/pgaccount/postgresql-$1}"
}

# A chroot needs root; so does debootstrap. Starts the calling script anew when it is not.
chroot_needs_root() {
    local name kept=()
    [ "$(id -u)" != 0 ] || return 0
    sudo -n true 2>/dev/null || die "a chroot needs root: run as root or with sudo"
    for name in PG_CONFIG SUITES ONLY MAJORS MAJOR DEBIAN MIRROR UBUNTU_MIRROR CHROOT_16 CHROOT_17 CHROOT_18 CHROOT_19 "${handed_on[@]}"; do
        kept+=("$name=${!name:-}")
    done
    exec sudo -n env "${kept[@]}" "$0" "$@"
}

# Run a command in a system, with mounts and processes that end with it. Usage: chroot_run directory command...
# TERM ends it all, for the first process of a namespace does not die of it.
chroot_run() {
    unshare --mount --pid --fork --kill-child bash -c 'set -e
        mount -t proc proc "$0/proc"
        mountpoint -q "$0/dev" || mount --rbind /dev "$0/dev"
        mount -t tmpfs tmpfs "$0/dev/shm"
        exec chroot "$0" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive "$@"' "$@"
}
# For step, which starts programs.
export -f chroot_run

# Run a command in the system that is visited, in a directory of it, as an unprivileged user. Usage: chroot_as user directory command...
chroot_as() {
    local user=$1 directory=$2
    shift 2
    chroot_run "$chroot_dir" setpriv --reuid "$user" --regid "$user" --init-groups env HOME="/home/$user" \
        sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
}
export -f chroot_as

# Make that user in the system, unless it is there. Usage: chroot_user name
chroot_user() {
    # shellcheck disable=SC2016 # the other system's shell's
    chroot_run "$chroot_dir" sh -c 'id "$0" >/dev/null 2>&1 || useradd --create-home "$0"' "$1"
}

# Install packages in a system, without starting what they would start. Usage: chroot_install directory package...
chroot_install() {
    local dir=$1
    shift
    # A failed update is not the end: the lists there are may do.
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/apt" bash -c 'chroot_run "$0" sh -c "apt-get update -qq; exec apt-get install -y -qq \
        --no-install-recommends -o Dpkg::Use-Pty=0 $*"' "$dir" "$@" || {
        tail -n 20 "$work/log/apt"
        die "apt-get could not install in $dir: $*"
    }
}

# Make a system of some suites' packages, the first of which it is, unless it is there. Nothing half made is ever
# taken for one: it gets its name when it is complete. Usage: chroot_bootstrap directory mirror script components
# "suite more" debootstrap's options... -- packages...
chroot_bootstrap() {
    local dir=$1 mirror=$2 script=$3 components=$4 suites=$5 options=(--variant=minbase) partial=$1.partial suite
    shift 5
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    command -v debootstrap >/dev/null || apt_install debootstrap
    mkdir -p "$(dirname "$dir")"
    chroot_half_made=$partial
    chroot_remove_half_made
    chroot_half_made=$partial
    say "making a system of ${suites// /, } in $dir: some minutes"
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/debootstrap" debootstrap "${options[@]}" "${suites%% *}" "$partial" "$mirror" \
        "/usr/share/debootstrap/scripts/$script" || {
        tail -n 20 "$work/log/debootstrap"
        die "debootstrap failed"
    }
    # The host's resolver, proxies and other ways to its mirrors serve there too.
    cp -L /etc/resolv.conf "$partial/etc/resolv.conf"
    apt-config dump Acquire | grep -E '^Acquire::(http|https|Check-Valid-Until|Retries)[: ]' >"$partial/etc/apt/apt.conf.d/90host" || true
    for suite in $suites; do
        printf 'deb %s %s %s\n' "$mirror" "$suite" "${components//,/ }"
    done >"$partial/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$partial/usr/sbin/policy-rc.d"
    chmod 755 "$partial/usr/sbin/policy-rc.d"
    mkdir -p "$partial/etc/postgresql-common/createcluster.d"
    printf 'create_main_cluster = false\n' >"$partial/etc/postgresql-common/createcluster.d/none.conf"
    chroot_install "$partial" "$@"
}

# The system that was just made is complete. Usage: chroot_complete directory
chroot_complete() {
    chroot_run "$1.partial" apt-get clean
    mv "$1.partial" "$1"
    chroot_half_made=
}

# Make a major's system when it is missing. Usage: chroot_make major
chroot_make() {
    local major=$1 dir debian=${MIRROR:-http://deb.debian.org/debian} tools=(gcc libc6-dev make libsodium-dev perl)
    local server=("postgresql-$major" "postgresql-server-dev-$major")
    dir=$(chroot_of "$major")
    [ ! -x "$dir/usr/lib/postgresql/$major/bin/pg_config" ] || return 0
    [ ! -e "$dir" ] || die "$dir exists, without PostgreSQL $major: remove it, or choose another CHROOT_$major"
    case $major in
        16)
            # Ubuntu's keys come from Debian 13, which has them in a package. It came with 16.2, whose MERGE
            # stumbles over DO NOTHING where rows change partitions.
            chroot_make 17
            chroot_install "$(chroot_of 17)" ubuntu-archive-keyring
            chroot_bootstrap "$dir" "${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}" gutsy main,universe 'noble noble-updates' \
                --keyring="$(chroot_of 17)/usr/share/keyrings/ubuntu-archive-keyring.gpg" --components=main,universe \
                -- "${tools[@]}" "${server[@]}"
            ;;
        17) chroot_bootstrap "$dir" "$debian" sid main trixie -- "${tools[@]}" "${server[@]}" ;;
        18) chroot_bootstrap "$dir" "$debian" sid main forky -- "${tools[@]}" "${server[@]}" ;;
        19)
            chroot_bootstrap "$dir" "$debian" sid main 'sid experimental' -- "${tools[@]}"
            # what is experimental is never taken unasked
            chroot_install "$dir.partial" -t experimental "${server[@]}"
            # pgTAP is plain SQL, and has no package there: the files for the last release are taken
            chroot_run "$dir.partial" sh -c 'cd /tmp && apt-get download -qq postgresql-18-pgtap &&
                dpkg-deb -x postgresql-*-pgtap_*.deb / && rm postgresql-*-pgtap_*.deb'
            ;;
        *) die "no system is known to have PostgreSQL $major" ;;
    esac
    chroot_complete "$dir"
}

# Make a Debian release with what builds a package when it is missing. Usage: chroot_make_debian number
chroot_make_debian() {
    local dir=$cache/debian-$1 suites=([12]=bookworm [13]=trixie)
    [ ! -x "$dir/usr/bin/autopkgtest" ] || return 0
    chroot_bootstrap "$dir" "${MIRROR:-http://deb.debian.org/debian}" sid main "${suites[$1]}" \
        -- build-essential fakeroot debhelper lintian autopkgtest libsodium-dev postgresql-all postgresql-server-dev-all
    chroot_complete "$dir"
}

# Make what an official image of a major is: a Debian with its server, and nothing that builds. Usage: chroot_make_image major
chroot_make_image() {
    local dir=$cache/image-$1 suites=([15]=bookworm [17]=trixie)
    [ ! -x "$dir/usr/lib/postgresql/$1/bin/postgres" ] || return 0
    [ -n "${suites[$1]:-}" ] || die "no release of Debian is known to have PostgreSQL $1"
    chroot_bootstrap "$dir" "${MIRROR:-http://deb.debian.org/debian}" sid main "${suites[$1]}" -- "postgresql-$1"
    chroot_complete "$dir"
}

# For at_exit.
chroot_remove_half_made() {
    [ -n "$chroot_half_made" ] && [ -d "$chroot_half_made" ] || return 0
    umount "$chroot_half_made/proc" "$chroot_half_made/sys" 2>/dev/null || true
    rm -rf --one-file-system "$chroot_half_made"
    chroot_half_made=
}

# --- a visit --------------------------------------------------------------------------------------

export chroot_dir=
chroot_tmp=
chroot_major=

# Go to a major's system, with a copy of the sources: $chroot_tmp/tree, as it is called in there. The caller's
# at_exit calls chroot_end. Usage: chroot_begin major
chroot_begin() {
    local path
    chroot_make "$1"
    chroot_major=$1
    chroot_dir=$(chroot_of "$1")
    path=$(mktemp -d "$chroot_dir/tmp/pga.XXXXXX")
    chmod 755 "$path"
    chroot_tmp=/tmp/${path##*/}
    copy_tree "$path/tree"
}

# Remove what was left there.
chroot_end() {
    [ -n "$chroot_tmp" ] || return 0
    rm -rf --one-file-system "${chroot_dir:?}$chroot_tmp"
    chroot_tmp=
}

# The system's own name.
chroot_name() { sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$chroot_dir/etc/os-release"; }

# Compile with every warning an error, in a copy of its own.
chroot_compile() {
    copy_tree "$chroot_dir$chroot_tmp/strict"
    say "compiling for $(chroot_run "$chroot_dir" "/usr/lib/postgresql/$chroot_major/bin/pg_config" --version)"
    step "$work/log/build" bash -c 'chroot_run "$@"' - "$chroot_dir" make -C "$chroot_tmp/strict" -s -j"$(nproc)" \
        COPT="$strict_flags" PG_CONFIG="/usr/lib/postgresql/$chroot_major/bin/pg_config" ||
        die "it does not compile for PostgreSQL $chroot_major"
    say "it compiles for PostgreSQL $chroot_major, without a warning"
}

# make installcheck as PGXS users run it: by an unprivileged user ("builder") in a tree of its own, on a server of the
# system's packages that it owns, and against what was installed before. Usage: chroot_installcheck major tree
# more options of pg_virtualenv...
chroot_installcheck() {
    local major=$1 tree=$2 passed diffs
    shift 2
    chroot_user builder
    chroot_run "$chroot_dir" chown -R builder: "$tree"
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/installcheck" bash -c 'chroot_as "$@"' - builder "$tree" \
        pg_virtualenv -v "$major" -i '--locale=C.UTF-8' -o shared_preload_libraries=pgaccount -o max_prepared_transactions=10 \
        -o pgaccount.slow_threshold=-1 "$@" make -s installcheck PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" || {
        grep -E '^not ok|FAILED' "$work/log/installcheck" || tail -n 60 "$work/log/installcheck"
        for diffs in "$chroot_dir$tree"/{,output_iso/}regression.diffs; do
            [ ! -e "$diffs" ] || head -n 200 "$diffs"
        done
        die "make installcheck fails on PostgreSQL $major"
    }
    passed=$(grep -cE '^ok [0-9]|\.\.\. ok' "$work/log/installcheck") || die "make installcheck ran no test on PostgreSQL $major"
    say "make installcheck, by the unprivileged owner of the server: $passed tests passed"
}

# Lend the system another server: $chroot_tmp/old has its directories below their own names (programs find their
# files relative to themselves), $chroot_tmp/libraries the shared libraries it needs that the system does not
# have. The server must not be built for a newer C library. Usage: chroot_lend pg_config destdir-of-the-extension
chroot_lend() {
    local old=$chroot_dir$chroot_tmp/old libraries=$chroot_dir$chroot_tmp/libraries dir library
    mkdir -p "$old" "$libraries"
    for dir in --bindir --pkglibdir --sharedir --libdir; do
        dir=$("$1" "$dir")
        case $dir in /usr/lib/*-linux-*) continue ;; esac
        [ -e "$old$dir" ] || { mkdir -p "$old${dir%/*}" && cp -a "$dir" "$old$dir"; }
    done
    cp -a "$2/." "$old/"
    # libpq and what the programs load; never what the C library is made of.
    while read -r library; do
        case ${library##*/} in libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | ld-linux*) continue ;; esac
        [ -n "$(find "$chroot_dir"/lib/ "$chroot_dir"/usr/lib/ -name "${library##*/}" -print -quit)" ] || cp -L "$library" "$libraries/"
    done < <(find "$("$1" --bindir)" "$("$1" --pkglibdir)" "$2" -type f \( -perm -u+x -o -name '*.so' \) -exec ldd {} + 2>/dev/null |
        sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u)
}
