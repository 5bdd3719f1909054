#!/bin/bash
# Compiles the release and prints its path: compile.sh [OPTION…]. Options are rustc's, for the program alone.
#
# Besides the profile of Cargo.toml: no path of this machine, and the functions that the daemon runs lie side by side
# (link.sh).
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

cargo fetch --locked --quiet
# Other flags would build all of target/ anew, hence a directory of its own.
target=$root/target/package
# Names of version 0 tell the instances of a generic function apart, as functions.txt must.
flags=(-Csymbol-mangling-version=v0)
# Messages of panics have the sources' paths, which must not tell where this was built.
flags+=("--remap-path-prefix=$root=/starttech-agent" "--remap-path-prefix=$target=/starttech-agent/target")
for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
  flags+=("--remap-path-prefix=${sources%/}=/registry")
done
CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}" | sed 's/\x1f$//') \
  cargo rustc --quiet --release --locked --package starttech-agent --bin starttech-agent --target-dir "$target" \
  -- -Clinker=packaging/deb/link.sh -Clinker-flavor=gcc "$@" >&2
echo "$target/release/starttech-agent"
