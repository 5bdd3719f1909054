# What developers and CI run. `just` alone lists it.

[private]
default:
    @just --list

# Everything that must hold before a change lands.
check:
    tests/run.sh

# The tests alone, or those whose names contain FILTER.
test FILTER='':
    cargo nextest run --workspace {{ FILTER }}

# What shipping logs costs beside other ways, as a table: --quick for a trial, --seconds, --lines …
bench-logs *ARGUMENTS:
    cargo build --quiet --profile bench-fast --workspace --bins --locked
    @# It runs in a container without a libc.
    cargo rustc --quiet --profile bench-fast -p starttech-agent-tests --bin line-printer --locked -- -C target-feature=+crt-static
    @# dockerd and its logs are root's.
    $([ "$(id -u)" = 0 ] || echo sudo) env "PATH=$PATH" STARTTECH_AGENT_BIN="${STARTTECH_AGENT_BIN:-$PWD/target/bench-fast/starttech-agent}" target/bench-fast/bench-logs {{ ARGUMENTS }}

# What measuring containers costs beside other ways, as a table: --seconds, --containers 1,10,50, --json.
bench-metrics *ARGUMENTS:
    cargo build --quiet --profile bench-fast --workspace --bins --locked
    @# dockerd is root's.
    $([ "$(id -u)" = 0 ] || echo sudo) env "PATH=$PATH" STARTTECH_AGENT_BIN="${STARTTECH_AGENT_BIN:-$PWD/target/bench-fast/starttech-agent}" target/bench-fast/bench-metrics {{ ARGUMENTS }}

# How soon a container's death is told, as a table: --deaths 100, --at-once 200.
bench-alerts *ARGUMENTS:
    @# With the tests, so that the build is theirs: waiting, not computing, is what it measures.
    cargo build --quiet --workspace --bins --tests --locked
    @# dockerd is root's.
    $([ "$(id -u)" = 0 ] || echo sudo) env "PATH=$PATH" STARTTECH_AGENT_BIN="${STARTTECH_AGENT_BIN:-$PWD/target/debug/starttech-agent}" target/debug/bench-alerts {{ ARGUMENTS }}

# What each fault costs under load, as a table; fails if a promise breaks: --seconds 60 for the full one, --only, --rate, --jobs, --json …
faults *ARGUMENTS:
    @# With the tests, so that the build is theirs.
    cargo build --quiet --workspace --bins --tests --locked
    @# dockerd and its logs are root's.
    $([ "$(id -u)" = 0 ] || echo sudo) env "PATH=$PATH" STARTTECH_AGENT_BIN="${STARTTECH_AGENT_BIN:-$PWD/target/debug/starttech-agent}" target/debug/fault-table {{ ARGUMENTS }}

# Feeds a part of the agent with inputs that look for its faults: TARGET is a file of tests/fuzz/targets.
fuzz TARGET SECONDS='180':
    mkdir -p target/fuzz/corpus/{{ TARGET }} target/fuzz/found/{{ TARGET }}
    @# No sanitizer: the agent has no unsafe code. What is found along the way stays out of the tree.
    cargo +nightly fuzz run --fuzz-dir tests/fuzz --sanitizer none {{ TARGET }} \
        target/fuzz/corpus/{{ TARGET }} tests/fuzz/corpus/{{ TARGET }} -- \
        -max_total_time={{ SECONDS }} -timeout=20 -artifact_prefix=target/fuzz/found/{{ TARGET }}/

# Installs what the tests need.
setup:
    tests/setup.sh

# Formatting and lints, in seconds.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Known vulnerabilities in dependencies: fetches the advisory database, so it needs the network.
advisories:
    cargo deny check advisories

# A thousand agents in virtual time: calls a second of each API beside the account's quota.
fleet:
    cargo nextest run -p starttech-agent --test fleet --no-capture

# The package of this release for this machine's architecture, in target/deb.
deb:
    packaging/deb/build.sh

# The release's package on hosts of these releases: for every night, as it takes minutes.
package-test *SUITES='bookworm jammy':
    tests/setup.sh {{ SUITES }}
    @# dockerd is root's.
    export STARTTECH_AGENT_DEB="$(packaging/deb/build.sh)" STARTTECH_TEST_SUITES="{{ SUITES }}" && \
        cargo nextest run --workspace --locked --no-capture -E 'binary(package) or binary(repository)'
