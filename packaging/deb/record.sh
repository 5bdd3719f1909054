#!/bin/bash
# Records in functions.txt which functions the daemon runs, for link.sh: record.sh. It takes some minutes.
#
# The daemon runs under valgrind: first with nothing to do, then in tests in which much happens to it. What a test says
# of a daemon that is fifty times slower does not count. Wants valgrind, and what tests/setup.sh sets up.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C
list=packaging/deb/functions.txt
: >"$list"
program=$(packaging/deb/compile.sh -Cstrip=none)
cargo build --quiet --workspace --bins --tests --locked

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
traced() {
  mkdir "$work/$1"
  cat >"$work/$1/starttech-agent" <<END
#!/bin/sh
exec valgrind --quiet --tool=callgrind --demangle=no --compress-strings=no \
  --callgrind-out-file=$work/$1/trace.%p $program "\$@"
END
  chmod +x "$work/$1/starttech-agent"
  export STARTTECH_AGENT_BIN=$work/$1/starttech-agent
}
# Without the hashes of crates, as link.sh has them.
names() { c++filt | sed -E 's/\[[0-9a-f]{8,16}\]//g' | sort -u; }
# Of all traces of the daemon. Behind an apostrophe stands how deep a recursion is.
functions() {
  grep --files-with-matches '^cmd: .* run' "$work/$1"/trace.* |
    xargs sed -nE "s/^fn=([^']*).*/\1/p" | names
}

traced idle
target/debug/bench-logs --only idle --idle 90 >&2
traced busy
cargo nextest run --workspace --locked --no-fail-fast \
  -E 'binary(identity) or binary(health) or binary(measures) or binary(ships) or binary(control) or binary(alerts)' || true

nm --defined-only --format=just-symbols "$program" | names >"$work/all"
functions idle | comm -12 - "$work/all" >"$work/first"
functions busy | comm -12 - "$work/all" | comm -13 "$work/first" - >"$work/second"
cat "$work/first" "$work/second" >"$list"
echo "record: $(wc -l <"$work/first") functions of a daemon that has nothing to do, $(wc -l <"$work/second") more of one that has" >&2
