#!/bin/sh
# layers.sh - every include obeys the arrows of ARCHITECTURE.md, section 1.
#
# A quoted include starts at the top of the tree and names a file of one of the folders that
# the including folder may see; and the libraries that are a folder's business stay there.
set -eu

cd "${srcdir:-$(dirname "$0")/..}"
includes=$(mktemp)
trap 'rm -f "$includes"' EXIT

# Each line: FILE:LINE:INCLUDED, quotes or brackets kept.
find core schema api daemon cli client web tests \( -name work -o -name node_modules \) -prune -o \
    -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) -print |
    sort |
    xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' /dev/null |
    sed -E 's/^([^:]+:[0-9]+):[^"<]*(["<][^">]*[">]).*/\1:\2/' > "$includes"

awk -F: '
    BEGIN {
        sees["core"] = "core/"
        sees["schema"] = "schema/ core/"
        sees["api"] = "api/ schema/ core/base/"
        sees["daemon"] = "daemon/ api/ schema/ core/ web/assets.h"
        sees["web"] = "web/ api/asset.h core/base/"
        sees["cli"] = "cli/ schema/ core/"
        sees["client"] = "client/ core/base/"
        sees["tests"] = "tests/ cli/ client/ daemon/ api/ schema/ core/ web/"
        bars["core"] = "jansson.h uv.h sqlite3.h microhttpd.h gnutls/gnutls.h curl/curl.h"
        bars["schema"] = "uv.h sqlite3.h microhttpd.h gnutls/gnutls.h curl/curl.h"
        bars["api"] = "sqlite3.h curl/curl.h"
        bars["daemon"] = "microhttpd.h gnutls/gnutls.h"
        bars["web"] = "jansson.h uv.h sqlite3.h microhttpd.h gnutls/gnutls.h curl/curl.h"
        bars["cli"] = "uv.h sqlite3.h microhttpd.h gnutls/gnutls.h curl/curl.h"
        bars["client"] = "uv.h sqlite3.h microhttpd.h gnutls/gnutls.h"
    }
    {
        folder = $1
        sub(/\/.*/, "", folder)
        name = substr($3, 2, length($3) - 2)
        checked++
        if ($3 ~ /^"/) {
            n = split(sees[folder], allowed, " ")
            fine = 0
            for (i = 1; i <= n; i++)
                fine = fine || index(name, allowed[i]) == 1
            if (!fine)
                complain("may not include " name "; it sees " sees[folder])
            else if ((getline line < name) < 0)
                complain("includes " name ", which is not in the tree")
            close(name)
        } else {
            n = split(bars[folder], barred, " ")
            for (i = 1; i <= n; i++)
                if (name == barred[i])
                    complain("may not include <" name ">")
        }
    }
    function complain(text) {
        print $1 ":" $2 ": " folder " " text
        bad++
    }
    END {
        if (checked < 100) {
            print "only " checked + 0 " includes found: this test looks in the wrong place"
            bad++
        }
        printf "%d includes checked, %d bad\n", checked, bad
        exit bad > 0
    }
' "$includes"
