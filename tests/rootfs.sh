#!/bin/bash
# Makes FILE, a tar of a root file system of SUITE (bookworm, jammy) that boots systemd in a container and has
# apt work without a network: what the package needs, Docker among it, lies in a repository of its own.
set -euo pipefail
suite=$1 file=$2

# Docker as a person would install it later, and what the package depends on, wait as files.
hook=$(mktemp)
trap 'rm -f "$hook"' EXIT
cat >"$hook" <<'HOOK'
#!/bin/bash
set -euo pipefail
root=$1
mkdir "$root/opt/debs"
# What an installation asks for, though it is in the image: it may be upgraded, and is removed.
chroot "$root" apt-get clean
chroot "$root" apt-get -qq install --yes --no-install-recommends --download-only docker.io iptables ca-certificates
mv "$root"/var/cache/apt/archives/*.deb "$root/opt/debs/"
(cd "$root/opt/debs" && apt-ftparchive packages . >Packages)
rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt/debs ./' >"$root/etc/apt/sources.list"

# A container shares its kernel with the machine: what sets that up is the machine's business.
for unit in systemd-sysctl.service systemd-modules-load.service systemd-udevd.service systemd-networkd.service \
  systemd-resolved.service systemd-timesyncd.service systemd-logind.service systemd-remount-fs.service \
  apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service e2scrub_all.timer fstrim.timer; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# The first process. Mounts are shared, as on every machine with systemd. It sees the machine's version 1
# controllers mounted one by one, or it would not enforce MemoryMax.
cat >"$root/sbin/container-init" <<'INIT'
#!/bin/sh
mount --make-rshared /
cd /sys/fs/cgroup || exit 1
if grep -q '^0::/' /proc/self/cgroup && [ "$(wc -l </proc/self/cgroup)" = 1 ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
  for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mkdir "$controller" && mount -t cgroup -o "$controller" cgroup "$controller" || rmdir "$controller"
  done
  mkdir systemd unified
  mount -t cgroup -o none,name=systemd cgroup systemd
  mount -t cgroup2 cgroup2 unified
fi
cd /
exec /sbin/init
INIT
chmod 755 "$root/sbin/container-init"
HOOK
chmod 700 "$hook"

mkdir -p "$(dirname "$file")"
# Ubuntu has Docker and busybox elsewhere than Debian.
case $suite in jammy | noble) components=main,universe ;; *) components=main ;; esac
mmdebstrap --quiet --variant=minbase --components="$components" --include=apt,systemd,systemd-sysv,dbus,busybox-static,procps \
  --customize-hook="$hook" "$suite" "$file.part.tar.zst"
mv "$file.part.tar.zst" "$file"
