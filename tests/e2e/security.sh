#!/bin/bash
# security.sh - tokens, TLS, and sockets that systemd hands over, with the real programs.
# shellcheck source=tests/e2e/lib.sh disable=SC2016,SC2119,SC2317 # jq has dollars, lib.sh calls
. "${srcdir:-$(dirname "$0")/../..}/tests/e2e/lib.sh"
need openssl

# certificate NAME: $work/NAME.crt and .key, of localhost.
certificate () {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj "/CN=$1" -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -keyout "$work/$1.key" -out "$work/$1.crt" 2> /dev/null
}

# token NAME ROLE [END]: makes one, in $token, and adds it to the file.
token () {
    local lines

    lines=$(./odenetd --make-token "$@" 2> /dev/null)
    token=$(head -n 1 <<< "$lines")
    tail -n 1 <<< "$lines" >> "$work/tokens"
}

# as TOKEN METHOD PATH [CURL-ARGUMENT...]
as () {
    local shown=$1

    shift
    ask "$@" -H "Authorization: Bearer $shown"
}

code_becomes () {
    as "$1" GET /v1/runs
    [ "$code" = "$2" ]
}

# --- what is refused at the start -----------------------------------------------------------

certificate one
install -m 600 /dev/null "$work/tokens"
token reader read
reader=$token
token ci submit 2100-01-01
ci=$token
token late admin 2001-01-01
late=$token

refused () {
    ! ./odenetd --state-dir "$state" --check-config "$@" 2> "$work/refusal"
}

check "no address of others without tokens" refused --listen 0.0.0.0
check "and it says so" grep -q 'needs tokens (--token-file)' "$work/refusal"
check "nor without TLS" refused --listen 0.0.0.0 --token-file "$work/tokens"
check "and it says so" grep -q 'needs TLS (--tls-cert' "$work/refusal"
check "a token file has no plain tokens" test -z "$(grep -F "$ci" "$work/tokens")"

# --- tokens and TLS -------------------------------------------------------------------------

daemon_answers () {
    kill -0 "$daemon" || { echo "# the daemon ended"; exit 1; }
    [ -s "$state/odenetd.address" ] || return 1
    url=$(head -n 1 "$state/odenetd.address")
    curl -sSf -o /dev/null "$url/livez"
}

export CURL_CA_BUNDLE=$work/one.crt
house_start --token-file "$work/tokens" --tls-cert "$work/one.crt" --tls-key "$work/one.key"
check "the address says https" test "${url%%:*}" = https
ask GET /v1/runs
same "without a token" "$code" 401
check "it is said what is wanted" grep -qi '^www-authenticate: bearer' "$head"
as "$late" GET /v1/runs
same "with an old one" "$code" 401
as "$reader" GET /v1/runs
same "a reader may read" "$code" 200
check "under TLS for good" grep -qi '^strict-transport-security:' "$head"
brief small 1 > "$work/small.json"
as "$reader" POST /v1/jobs --json "@$work/small.json"
same "and not submit" "$code" 403
as "$ci" POST /v1/jobs --json "@$work/small.json"
same "who may submit does" "$code" 201

ask POST /v1/session --json "{\"token\": \"$reader\"}" -c "$work/jar"
same "a token begins a session" "$code" 200
ask GET /v1/runs -b "$work/jar"
same "whose cookie will do" "$code" 200
curl -sS --unix-socket "$state/odenetd.sock" -o "$body" http://localhost/v1/runs
holds "the owner needs no token at the socket" '.runs | length == 1'

sed -i '/^reader /d' "$work/tokens"
until_true "a token that was struck off is gone" code_becomes "$reader" 401
ask GET /v1/runs -b "$work/jar"
same "and its session" "$code" 401

certificate two
cp "$work/two.key" "$work/one.key"
cp "$work/two.crt" "$work/one.crt"
until_true "a new certificate is in use" code_becomes "$ci" 200
house_stop
same "it ends in order" "$code" 0

# --- a socket that is handed over -----------------------------------------------------------

# systemd-socket-activate becomes the daemon at the first connection, which waits for it.
activated () {
    rm -f "$state/odenetd.address"
    systemd-socket-activate -l "${url#http://}" ./odenetd --state-dir "$state" \
        --worker "$PWD/odenet" > "$work/activated.log" 2>&1 &
    daemon=$!
    until_true "the port listens" grep -q '^Listening on' "$work/activated.log"
    ask GET /v1/runs
    same "the request that started the daemon is answered" "$code" 200
    same "at the address that was handed over" "$(cat "$state/odenetd.address")" "$url"
    house_stop
    same "and it ends in order" "$code" 0
}

if command -v systemd-socket-activate > /dev/null; then
    url=http://${url#https://} # a port that was free a moment ago
    for _ in 1 2 3; do
        activated
    done
fi
finish
