#!/bin/bash
# Links as cc does, with the functions of functions.txt side by side at the front: compile.sh has rustc call it.
#
# The kernel maps a program in pieces of 64 KiB. Where a daemon's few thousand functions lie among all others', nearly
# every piece has one of them, and all of the program stays in memory.
set -euo pipefail
export LC_ALL=C
list=${0%/*}/functions.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

objects=()
for argument in "$@"; do
  case $argument in *.o) objects+=("$argument") ;; esac
done
mangled=$(nm --defined-only --format=just-symbols "${objects[@]}" | sort -u)
# Names without the hashes of crates, which change with each compiler.
paste <(c++filt <<<"$mangled" | sed -E 's/\[[0-9a-f]{8,16}\]//g') <(printf '%s\n' "$mangled") |
  awk -F '\t' 'NR == FNR { place[$1] = FNR; next } $1 in place { print place[$1] "\t" $2 }' "$list" - |
  sort -n >"$work/placed"
cut -f 2 "$work/placed" >"$work/order"

listed=$(wc -l <"$list")
found=$(cut -f 1 "$work/placed" | uniq | wc -l)
if [ "$found" -lt $((listed / 2)) ]; then
  echo "link: of $listed functions that the daemon ran when this was recorded, $found are left: run packaging/deb/record.sh" >&2
  exit 1
fi
layout=("-Wl,--symbol-ordering-file=$work/order" "-Wl,--no-warn-symbol-ordering")
case " $* " in
  *" -fuse-ld=lld "*) ;;
  *)
    echo "link: only lld can lay functions, and rustc calls another linker here: the daemon will take twice the memory" >&2
    layout=()
    ;;
esac
cc "$@" "${layout[@]}"
