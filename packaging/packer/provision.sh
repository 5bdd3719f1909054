#!/bin/bash
# Installs Docker and the agent into an image, as root: REPOSITORY is the repository's URL, and its key lies in
# /tmp/starttech-agent.gpg.
set -euo pipefail
: "${REPOSITORY:?}"
export DEBIAN_FRONTEND=noninteractive

# The first boot's own installations come first.
if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null || true; fi

# Nothing starts here: what a service finds out and keeps on its first start is a host's own.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
trap 'rm -f /usr/sbin/policy-rc.d' EXIT

install -D -m 0644 /tmp/starttech-agent.gpg /etc/apt/keyrings/starttech-agent.gpg
cat >/etc/apt/sources.list.d/starttech-agent.sources <<SOURCES
Types: deb
URIs: $REPOSITORY
Suites: stable
Components: main
Signed-By: /etc/apt/keyrings/starttech-agent.gpg
SOURCES
mkdir -p /etc/docker
echo '{"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}' >/etc/docker/daemon.json
apt-get update -qq
apt-get install -y -qq --no-install-recommends docker.io starttech-agent

starttech-agent check --offline
systemctl is-enabled --quiet starttech-agent docker
# Whoever it ran for must not be in the image: the streams of hosts would be one.
test ! -e /var/lib/starttech-agent
rm -f /tmp/starttech-agent.gpg
apt-get clean
