#!/bin/bash
# Everything that must hold, in one command: what a developer runs and what CI runs.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto} RUST_BACKTRACE=1
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

step() { printf '\n== %s\n' "$*"; }

step "set-up"
tests/setup.sh

step "form"
cargo fmt --all --check
git ls-files -z '*.sh' '.ci/run' | xargs -0 shellcheck

# Advisories are not among these: their database is fetched over the network, which a machine that
# tests need not have. `just advisories` asks for them.
step "dependencies"
cargo deny --log-level error check bans licenses sources

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items --quiet
cargo test --workspace --doc --locked --quiet

step "tests"
# With the tests, so that features, and with them all dependencies, are those of the test build.
cargo build --workspace --bins --tests --locked
export STARTTECH_AGENT_BIN=${STARTTECH_AGENT_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/starttech-agent}
if [ "$(id -u)" != 0 ]; then
  # dockerd and its logs are root's. Only the test programs run as root; everything was compiled, and
  # belongs, to whoever called this.
  host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
  export "CARGO_TARGET_${host}_RUNNER=sudo --preserve-env env PATH=$PATH HOME=$HOME"
fi
# Around the binary of the tests, by whoever compiled it.
STARTTECH_AGENT_DEB=${STARTTECH_AGENT_DEB:-$(packaging/deb/build.sh --binary "$STARTTECH_AGENT_BIN" "${CARGO_TARGET_DIR:-$PWD/target}/deb/tests")}
export STARTTECH_AGENT_DEB
cargo nextest run --workspace --locked

step "faults"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo env "PATH=$PATH" "STARTTECH_AGENT_BIN=$STARTTECH_AGENT_BIN")
"${as_root[@]}" "${CARGO_TARGET_DIR:-$PWD/target}/debug/fault-table"
