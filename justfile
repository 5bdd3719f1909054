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
