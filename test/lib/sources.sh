# shellcheck shell=bash disable=SC2154 # $work is of throwaway.sh
#
# sources.sh: sources as the distribution has them, PostgreSQL's and others'. To be sourced after throwaway.sh, or where say,
# die and $work/log are there.

# Fetch and unpack the sources of a package, as its makers have released them: of a version, or of the newest there is. Their
# index is kept in $work, so that the system's own package lists stay as they are. Usage: fetch_sources package directory [version]
fetch_sources() {
    local package=$1 wanted=${3:-} apt version tarball signed='' fetched=$work/sources
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ ! -e "$keyring" ] || signed="[signed-by=$keyring] "
    mkdir -p "$fetched" "$work/lists/partial" "$2"
    apt-get indextargets --format "deb-src $signed"'$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' 'Component: main' | sort -u >"$work/sources.list"
    apt=(-o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists"
        -o APT::Sandbox::User=root)
    say "fetching the sources of $package"
    # A mirror may list a version that it no longer has: the next older one serves as well.
    {
        apt-get "${apt[@]}" update -qq || true
        for version in ${wanted:-$(apt-cache "${apt[@]}" showsrc "$package" | sed -n 's/^Version: //p' | sort -urV)}; do
            (cd "$fetched" && apt-get "${apt[@]}" source -qq --download-only "$package=$version") && break
        done
    } >"$work/log/source" 2>&1 || true
    tarball=$(find "$fetched" -name '*.orig.tar.*' ! -name '*.asc' | head -n 1)
    if [ -z "$tarball" ]; then
        cat "$work/log/source"
        die "could not fetch the sources of $package"
    fi
    tar -C "$2" --strip-components=1 -xf "$tarball"
    rm -rf "$fetched"
}
