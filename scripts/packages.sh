# shellcheck shell=bash
# packages.sh - sourced: what odenet needs on a Debian system, and how to get it.
#
#   packages_need build test...    installs what these groups lack; nothing when all is there
#
# A thing counts as there however it came: a command by its name, a library by pkg-config.
# Only what is missing is installed, so a Node from elsewhere stays as it is.

# "command PROGRAM PACKAGE", "library PKG-CONFIG-NAME PACKAGE", "file PATH PACKAGE", "shared
# FILE PACKAGE" (a library to run with), "module NAME PACKAGE" (of the system's Python) or
# "runtime FILE PACKAGE" (a library that clang links with)
# shellcheck disable=SC2034 # read by name
packages_build=(
    "command autoconf autoconf"
    "command automake automake"
    "command gcc gcc"
    "command make make"
    "command pkg-config pkg-config"
    "file /usr/include/stdlib.h libc6-dev"
    "library gnutls libgnutls28-dev"
    "library jansson libjansson-dev"
    "library libcurl libcurl4-gnutls-dev"
    "library libmd libmd-dev"
    "library libmicrohttpd libmicrohttpd-dev"
    "library libuv libuv1-dev"
    "library openblas libopenblas-dev"
    "library sqlite3 libsqlite3-dev"
    "library zlib zlib1g-dev"
    "file /etc/ssl/certs/ca-certificates.crt ca-certificates"
)
# shellcheck disable=SC2034
packages_run=(
    "command curl curl"
    "command jq jq"
    "command setsid util-linux"
)
# shellcheck disable=SC2034
packages_test=(
    "library check check"
    "command chromium chromium"
    "command clang clang"
    "command clang-format-14 clang-format-14"
    "command curl curl"
    "command git git"
    "command jq jq"
    "command openssl openssl"
    "command mandoc mandoc"
    "command pgrep procps"
    "command shellcheck shellcheck"
    "command sqlite3 sqlite3"
    "command systemd-analyze systemd"
    "command systemd-nspawn systemd-container"
    "command xz xz-utils"
)

# shellcheck disable=SC2034
packages_fuzz=(
    "library check check"
    "command clang clang"
    "command jq jq"
    "runtime libclang_rt.fuzzer-$(uname -m).a libclang-rt-14-dev"
)
# shellcheck disable=SC2034
packages_bench=(
    "command awk mawk"
    "command jq jq"
    "command top procps"
)
# shellcheck disable=SC2034
packages_torch=(
    "module torch python3-torch"
    "shared libtcmalloc_minimal.so.4 libtcmalloc-minimal4"
)

# Prints where the loader finds a shared library; nothing if it does not.
packages_library () {
    PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2> /dev/null | awk -v name="$1" '$1 == name { print $NF; exit }'
}

# Has this thing? In the words of the lists above.
packages_has () {
    case $1 in
    command) command -v "$2" > /dev/null ;;
    library) command -v pkg-config > /dev/null && pkg-config --exists "$2" ;;
    file) [ -e "$2" ] ;;
    runtime) command -v clang > /dev/null && [ -e "$(clang -print-file-name="$2")" ] ;;
    shared) [ -n "$(packages_library "$2")" ] ;;
    module) /usr/bin/python3 -c "import $2" > /dev/null 2>&1 ;;
    esac
}

# The dashboard is built with Node 18 or newer. Debian's npm wants Debian's Node, so each of
# the two is asked for only where there is none that will do.
packages_node () {
    local major=0

    if command -v node > /dev/null; then
        major=$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null) || major=0
    fi
    [ "$major" -ge 18 ] || echo nodejs
    command -v npm > /dev/null || echo npm
}

# Prints the packages that the groups lack, one a line.
packages_missing () {
    local group list entry kind what package

    for group in "$@"; do
        declare -n list="packages_$group"
        for entry in "${list[@]}"; do
            read -r kind what package <<< "$entry"
            packages_has "$kind" "$what" || echo "$package"
        done
        if [ "$group" = build ]; then
            packages_node
        fi
    done | sort -u
}

# packages_need GROUP...: installs what is missing. Fails with a sentence that says what to do.
packages_need () {
    local missing as_root=()

    mapfile -t missing < <(packages_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get > /dev/null; then
        echo "These Debian packages, or what your system calls them, are missing:" >&2
        echo "    ${missing[*]}" >&2
        echo "There is no apt-get here: install them, and run this again." >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo > /dev/null; then
            echo "Packages are missing, and you are neither root nor is there sudo." >&2
            echo "Have them installed with: apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    echo "Installing: ${missing[*]}"
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq)
    "${as_root[@]}" update ||
        echo "apt-get update failed; going on with the lists that are there" >&2
    if ! "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" > /dev/null; then
        echo "Could not install: ${missing[*]}" >&2
        return 1
    fi
    mapfile -t missing < <(packages_missing "$@")
    if [ ${#missing[@]} -gt 0 ]; then
        echo "Installed, and yet not found: ${missing[*]}" >&2
        echo "Is another version before it in PATH?" >&2
        return 1
    fi
}
