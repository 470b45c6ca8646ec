#!/bin/bash
# box.sh - the services as systemd really runs them: in a container with a systemd of its own.
#
# The container sees this machine's files through an overlay in memory, its network is its own
# loopback, and nothing of it is left. Skipped (77) where that cannot be: it takes root, and
# Debian's systemd-container. Runs in the build tree. box-inside.sh is what happens inside.
set -euo pipefail

top=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
skip () {
    echo "skipped: $1"
    exit 77
}
[ "$(id -u)" -eq 0 ] || skip "only root can start a container"
for program in systemd-nspawn unshare curl jq; do
    command -v "$program" > /dev/null || skip "$program is missing"
done

# All mounts are made in a name space of their own, which goes with this process.
if [ "${BOX_INNER:-}" != 1 ]; then
    unshare --mount true 2> /dev/null || skip "no mounts can be made here"
    BOX_INNER=1 exec unshare --mount --propagation private "$0" "$@"
fi

box=$(mktemp -d)
root=$box/root
trap 'umount "$root" "$box" 2> /dev/null || :; rmdir "$box" 2> /dev/null || :' EXIT
mount -t tmpfs -o size=1g tmpfs "$box"
mkdir "$box/changes" "$box/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$box/changes,workdir=$box/work" overlay "$root" ||
    skip "no overlay can be mounted here"

# What this machine starts by itself is not started in there.
for target in multi-user graphical sockets timers; do
    rm -rf "$root/etc/systemd/system/$target.target.wants"
done
: > "$root/etc/machine-id"
program=$(sed -n 's/^ExecStart=//p' systemd/odenetd.service)
case $program in
/home/* | /root/* | /tmp/*) skip "the service sees no homes, and it would be installed in one: $program" ;;
esac
install -D odenetd "$root$program"
install -D odenet "$root$(dirname "$program")/../bin/odenet"
install -m 644 systemd/odenetd.service systemd/odenetd-network.service \
    "$top/systemd/odenetd.socket" "$root/etc/systemd/system/"
install -D -m 644 "$top/recipes/quickstart.json" "$root/box/quickstart.json"
install "$top/tests/systemd/box-inside.sh" "$root/box/inside.sh"
cat > "$root/etc/systemd/system/box.service" << 'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/box/inside.sh; echo $? > /box/status'
StandardOutput=file:/box/said
StandardError=inherit
ExecStopPost=/bin/systemctl --no-block exit
UNIT
cat > "$root/etc/systemd/system/box.target" << 'UNIT'
[Unit]
Requires=basic.target box.service
After=basic.target
AllowIsolate=yes
UNIT

timeout -k 5 "${BOX_TIMEOUT_S:-300}" systemd-nspawn -q -D "$root" --boot --register=no --keep-unit \
    --private-network --link-journal=no --console=pipe systemd.unit=box.target \
    < /dev/null > "$box/console" 2>&1 || :
if [ ! -e "$root/box/said" ]; then
    tail -n 20 "$box/console"
    skip "no systemd boots in a container here"
fi
cat "$root/box/said"
if [ ! -s "$root/box/status" ]; then
    echo "the box did not finish:"
    tail -n 30 "$box/console"
    exit 1
fi
exit "$(cat "$root/box/status")"
