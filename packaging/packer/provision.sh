#!/bin/bash
# Installs Docker and the agent into an image, as root: REPOSITORY is the repository's URL, and its key lies in
# /tmp/starttech-agent.asc, as repository.sh exports it.
set -euo pipefail
: "${REPOSITORY:?}"
export DEBIAN_FRONTEND=noninteractive

# The first boot's own installations come first.
if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null || true; fi

# Nothing starts here: what a service finds out and keeps on its first start is a host's own.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
trap 'rm -f /usr/sbin/policy-rc.d' EXIT

# The user data writes the very same two files: apt refuses a repository that two files give different keys.
install -D -m 0644 /tmp/starttech-agent.asc /etc/apt/keyrings/starttech-agent.asc
cat >/etc/apt/sources.list.d/starttech-agent.sources <<SOURCES
Types: deb
URIs: $REPOSITORY
Suites: stable
Components: main
Signed-By: /etc/apt/keyrings/starttech-agent.asc
SOURCES
mkdir -p /etc/docker
echo '{"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}' >/etc/docker/daemon.json
apt-get update -qq
apt-get install -y -qq --no-install-recommends docker.io starttech-agent

starttech-agent check --offline
# One by one: of several, one that is enabled is enough for systemctl.
for unit in starttech-agent docker; do systemctl is-enabled --quiet "$unit"; done
# Whoever it ran for must not be in the image: the streams of hosts would be one.
test ! -e /var/lib/starttech-agent
rm -f /tmp/starttech-agent.asc
apt-get clean
