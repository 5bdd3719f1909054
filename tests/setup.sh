#!/bin/bash
# Installs what the tests need on a fresh Debian 12 or Ubuntu 22.04 machine with Rust and git.
# Runs as root or, through sudo, as anybody; does nothing the second time.
# Arguments: the releases to test the package on, such as bookworm and jammy; else this machine's own.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# What each program comes with. docker.io starts no service here and none is needed: every test runs
# a dockerd of its own.
packages=()
need() { command -v "$1" >/dev/null 2>&1 || packages+=("$2"); }
need dockerd docker.io
need docker docker.io
need gcc gcc
need curl curl
need shellcheck shellcheck
need iptables iptables
need setpriv util-linux
need objdump binutils
need lintian lintian
need apt-ftparchive apt-utils
need gpg gpg
need mmdebstrap mmdebstrap
need zstd zstd
# Ubuntu's package of a browser wants snapd, which containers do not have: Playwright's is taken there, below.
browser() { command -v chromium || command -v google-chrome || command -v chromium-browser; }
grep -q '^ID=ubuntu' /etc/os-release || browser >/dev/null || packages+=(chromium)
fc-list 2>/dev/null | grep -q . || packages+=(fontconfig fonts-dejavu-core)
[ -x /bin/busybox ] && [ -z "$(ldd /bin/busybox 2>/dev/null | grep '=>' || true)" ] || packages+=(busybox-static)
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)
# Only systemd mounts the control groups by itself.
grep -q ' /sys/fs/cgroup' /proc/self/mountinfo || packages+=(cgroupfs-mount)

# The emulator wants Python 3.11 or later; Ubuntu 22.04 has it beside its own 3.10.
python() {
  local candidate
  for candidate in python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
      >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}
python >/dev/null || packages+=(python3.11 python3.11-venv)

if [ ${#packages[@]} -gt 0 ]; then
  say "installing ${packages[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install -y -qq --no-install-recommends \
    "${packages[@]}" >/dev/null
fi
if ! grep -q ' /sys/fs/cgroup' /proc/self/mountinfo; then
  say "mounting the control groups"
  as_root cgroupfs-mount
fi

# The debug builds of these tools start as fast and compile in a quarter of the time.
for tool in cargo-nextest cargo-deny; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    say "compiling $tool"
    cargo install --quiet --locked --debug "$tool"
  fi
done

cache=${XDG_CACHE_HOME:-$HOME/.cache}/starttech-agent-tests
emulator=$cache/emulator-$(sha256sum tests/emulator.txt | cut -c1-12)
if [ ! -e "$emulator/ready" ]; then
  say "installing the emulator into $emulator"
  rm -rf "$emulator"
  mkdir -p "$cache"
  "$(python)" -m venv "$emulator"
  "$emulator/bin/pip" install --quiet --disable-pip-version-check --no-compile -r tests/emulator.txt
  touch "$emulator/ready"
fi
if ! browser >/dev/null; then
  say "installing a browser by Playwright"
  "$emulator/bin/pip" install --quiet --disable-pip-version-check playwright
  as_root env "PLAYWRIGHT_BROWSERS_PATH=$cache/browser" "$emulator/bin/playwright" install --with-deps chromium >/dev/null
  as_root ln -sf "$(find "$cache/browser" -path '*chrome-linux*/chrome' -type f | head -n 1)" /usr/local/bin/chromium
fi
# What reads the user data on a host. Unpacked, for installed it would have its say when this machine boots.
schema=$cache/cloud-init
if [ ! -e "$schema/ready" ]; then
  say "unpacking cloud-init into $schema"
  rm -rf "$schema"
  mkdir -p "$schema"
  apt-cache show cloud-init >/dev/null 2>&1 || as_root apt-get update -qq
  (cd "$schema" && apt-get download -qq cloud-init 2>/dev/null && dpkg -x cloud-init_*.deb . && rm cloud-init_*.deb)
  "$emulator/bin/pip" install --quiet --disable-pip-version-check --no-compile \
    --target "$schema/usr/lib/python3/dist-packages" configobj==5.0.9
  touch "$schema/ready"
fi
# Hosts to install the package on: of this machine's own release, or of those that are named.
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=("$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)")
for suite in "${suites[@]}"; do
  file=$cache/rootfs-$suite-$(sha256sum tests/rootfs.sh | cut -c1-12).tar.zst
  if [ ! -e "$file" ]; then
    say "making a root file system of $suite in $file"
    as_root tests/rootfs.sh "$suite" "$file"
  fi
done
say "ready"
