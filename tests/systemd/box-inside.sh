#!/bin/bash
# box-inside.sh - what box.sh runs inside the container, as root, once systemd is up.
set -uo pipefail

checks=0 failures=0 url=http://127.0.0.1:7433
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# check WHAT COMMAND...
check () {
    local what=$1

    shift
    checks=$((checks + 1))
    if "$@" > /box/out 2>&1; then
        echo "ok $checks - $what"
    else
        failures=$((failures + 1))
        echo "not ok $checks - $what"
        head -c 2000 /box/out | sed 's/^/# /'
        systemctl status --no-pager -n 15 odenetd-network 2>&1 | sed 's/^/# /'
    fi
}

# property NAME: of the service
property () {
    systemctl show -p "$1" --value odenetd-network
}

# until_true SECONDS COMMAND...
until_true () {
    local end=$((SECONDS + $1))

    shift
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

is () {
    echo "found $1, expected $2"
    [ "$1" = "$2" ]
}

restarted () {
    [ "$(property NRestarts)" -ge "$1" ] && is "$(property ActiveState)" active
}

status_of () {
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

within () {
    echo "$1 ms"
    [ "$1" -le "$2" ]
}

now_ms () {
    echo $(($(date +%s%N) / 1000000))
}

# --- it starts, and says so
check "the service starts" timeout 60 systemctl start odenetd-network
check "it is active once it is ready" is "$(property ActiveState)" active
check "its status says what it does" is "$(property StatusText)" "0 running, 0 queued"
check "it answers" curl -sSf "$url/readyz"

# --- as whom
pid=$(property MainPID)
check "it is not root" [ "$(status_of "$pid" Uid | cut -f 1)" -ne 0 ]
check "it has no capabilities" is "$(status_of "$pid" CapEff)" 0000000000000000
check "and cannot get any" is "$(status_of "$pid" NoNewPrivs)" 1
check "system calls are filtered" is "$(status_of "$pid" Seccomp)" 2
check "the database lies in the state directory" [ -s /var/lib/odenet/odenet.db ]
check "which is its own" is "$(stat -L -c '%u %a' /var/lib/odenet/)" \
    "$(status_of "$pid" Uid | cut -f 1) 700"

# --- its settings
check "its log has priorities" sh -c \
    "journalctl -u odenetd-network -p info --no-pager -o cat | grep -q '^info daemon ready'"
echo '{"log_level": "debug"}' > /etc/odenet/odenetd.conf
chmod 644 /etc/odenet/odenetd.conf
check "a reload is done when systemctl says so" timeout 20 systemctl reload odenetd-network
check "the file in /etc/odenet was read" until_true 5 sh -c \
    "journalctl -u odenetd-network --no-pager -o cat | grep -q 'reloaded applied=log_level'"
check "and it is the same process" is "$(property MainPID)" "$pid"

# --- workers have what they need
jq '.data.train_size = 200 | .data.test_size = 50 | .resources.threads = 2 |
    .model.units |= map(.blocks = 2) | .levels |= map(.epochs = 1)' \
    /box/quickstart.json > /box/job.json
run=$(curl -sS --json @/box/job.json "$url/v1/jobs" | tee /box/out | jq -r '.runs[0].id')
curl -sS "$url/v1/runs/$run?wait=200" > /box/run.json
check "a run trains to its end" jq -e '.state == "succeeded"' /box/run.json
[ "$(jq -r .state /box/run.json)" = succeeded ] ||
    { jq -c . /box/run.json; cat "/var/lib/odenet/runs/$run/worker.log"; } | sed 's/^/# /'

# --- the watchdog bites what hangs
mkdir -p /run/systemd/system/odenetd-network.service.d
printf '[Service]\nWatchdogSec=2\n' > /run/systemd/system/odenetd-network.service.d/box.conf
systemctl daemon-reload
systemctl restart odenetd-network
sleep 5         # two and a half periods
check "a daemon that comes on is left alone" is "$(property NRestarts)" 0
kill -STOP "$(property MainPID)"
check "one that hangs is started anew" until_true 20 restarted 1
check "because of the watchdog" sh -c \
    "journalctl -b -u odenetd-network --no-pager | grep -qi 'watchdog timeout'"
check "and answers again" until_true 10 curl -sSf "$url/readyz"

# --- a disk that is nearly full, by a floor that is above all disks
echo '{"disk_floor_mib": 1073741824}' > /etc/odenet/odenetd.conf
systemctl reload odenetd-network
check "it is not ready while the disk is short" until_true 5 sh -c \
    "curl -sS $url/readyz | grep -q 'waits for storage'"
check "and its status says why" until_true 10 sh -c \
    "systemctl show -p StatusText odenetd-network | grep -q 'the disk is nearly full'"
echo '{}' > /etc/odenet/odenetd.conf
systemctl reload odenetd-network
check "and is again, by itself" until_true 5 curl -sSf "$url/readyz"

# --- it is backed up
check "a backup is made" sh -c "curl -sSf -X POST $url/v1/backup | jq -e '.bytes > 0'"
check "in the state directory" sh -c "ls /var/lib/odenet/backups/odenet-*.db"

# --- it stops in order
jq '.levels |= map(.epochs = 1000) | .data.train_size = 5000' /box/job.json > /box/long.json
run=$(curl -sS --json @/box/long.json "$url/v1/jobs" | jq -r '.runs[0].id')
until_true 60 sh -c "curl -sS $url/v1/runs/$run | jq -e '.step > 0'"
began=$(now_ms)
check "it stops while a run trains" systemctl stop odenetd-network
check "within ten seconds" within $(($(now_ms) - began)) 10000
check "with exit code 0" is "$(property ExecMainStatus)" 0
check "which systemd calls a success" is "$(property Result)" success
check "after a checkpoint" sh -c "ls /var/lib/odenet/runs/$run/checkpoints/*.safetensors"

# --- it says why it does not start
echo '{"port": "none"}' > /etc/odenet/odenetd.conf
systemctl start odenetd-network 2> /dev/null
check "a wrong file keeps it from starting, as an error in the journal" until_true 5 sh -c \
    "journalctl -u odenetd-network -p err --no-pager -o cat | grep -q 'odenetd.conf.*whole number'"
check "and is not tried again" is "$(property ActiveState)" failed
rm /etc/odenet/odenetd.conf

# --- its other form
check "the socket listens" systemctl start odenetd.socket
check "and nobody is there yet" is "$(systemctl show -p ActiveState --value odenetd)" inactive
check "a request brings the service up, and is answered" curl -sSf --max-time 60 "$url/readyz"
pid=$(systemctl show -p MainPID --value odenetd)
network_of () {
    readlink "/proc/$1/ns/net"
}
check "which has a network of its own, with nothing in it" [ "$(network_of "$pid")" != "$(network_of 1)" ]
curl -sS -o /dev/null -X POST "$url/v1/runs/$run/cancel" # the long one
run=$(curl -sS --json @/box/job.json "$url/v1/jobs" | jq -r '.runs[0].id')
curl -sS "$url/v1/runs/$run?wait=200" > /box/run.json
check "a run trains there, too" jq -e '.state == "succeeded"' /box/run.json

# ask_on: as long as /box/asking is there; what fails is told in /box/lost.
ask_on () {
    while [ -e /box/asking ]; do
        curl -sSf --max-time 30 -o /dev/null "$url/v1/runs" 2>> /box/lost && echo answered >> /box/asked
    done
}
touch /box/asking /box/lost /box/asked
ask_on & client=$!
for _ in 1 2 3 4; do
    systemctl reset-failed odenetd # by hand it may start as often as one likes
    systemctl restart odenetd
done
rm /box/asking
wait "$client"
check "of requests that are made all the while four restarts lose none" [ ! -s /box/lost ]
check "and there were some" [ "$(wc -l < /box/asked)" -ge 5 ]
check "it stops with its socket" systemctl stop odenetd.socket odenetd

echo "Checks: $checks, Failures: $failures"
[ "$failures" -eq 0 ]
