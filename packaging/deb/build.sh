#!/bin/bash
# Builds starttech-agent_VERSION_ARCHITECTURE.deb and prints its path: build.sh [--binary FILE] [DIRECTORY]
# DIRECTORY is target/deb. --binary takes a program that is there, for tests of the package; else the release is built.
#
# The same tree, compiler and Debian release give the same bytes, wherever they lie. dpkg-deb and not cargo-deb or
# debhelper: it is on every machine that has apt, nothing has to be compiled or pinned for it, and what the package
# does on a host stands in debian/, word for word.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

# What a host must have at least: Ubuntu 22.04 has 2.35, Debian 12 has 2.36.
glibc_floor=2.35
# The most that an instance shall have to fetch.
most_bytes=6000000

binary=
if [ "${1:-}" = --binary ]; then
  binary=$(realpath "$2")
  # It is for tests and is not shipped: quick, not small.
  level=1
  shift 2
fi
out=${1:-target/deb}
mkdir -p "$out"
out=$(cd "$out" && pwd)

say() { echo "deb: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

# The time of all files and of the changelog's entry is the commit's. Cargo is not told it: it would compile the
# cryptography anew for each commit.
epoch=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct)}
unset SOURCE_DATE_EPOCH
export TZ=UTC LC_ALL=C.UTF-8
# More than one thread cuts the archive elsewhere.
export DPKG_DEB_THREADS_MAX=1
umask 022

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# A pre-release comes before its release: 1.0.0-rc.1 is 1.0.0~rc.1 to dpkg.
version=${STARTTECH_AGENT_VERSION:-${version/-/\~}}
architecture=$(dpkg --print-architecture)
# Who answers for it, as for Debian's own tools.
maintainer="${DEBFULLNAME:-StartTech platform team} <${DEBEMAIL:-platform@starttech.example}>"

if [ -z "$binary" ]; then
  say "compiling the release"
  binary=$(packaging/deb/compile.sh)
  released=yes
fi

say "man pages, completions, licences"
# With the workspace, so that the build is the tests'.
cargo build --quiet --locked --workspace --example manual --example notices
examples=${CARGO_TARGET_DIR:-$root/target}/debug/examples

export SOURCE_DATE_EPOCH=$epoch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
stage=$work/starttech-agent
put() { install -D -m "$1" "$2" "$stage/$3"; }

put 0755 "$binary" usr/bin/starttech-agent
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$stage/usr/bin/starttech-agent"
put 0644 systemd/starttech-agent.service lib/systemd/system/starttech-agent.service

put 0644 agent/agent.example.toml etc/starttech-agent/agent.toml
mkdir -p "$stage/etc/starttech-agent/conf.d"
git -c safe.directory='*' ls-files dashboards | while read -r file; do put 0644 "$file" "usr/share/starttech-agent/$file"; done
# Beside one another as in packaging/, for they name one another.
for file in packaging/{iam/*.json,packer/*.hcl,terraform/*.tf,user-data/*.yaml}; do
  put 0644 "$file" "usr/share/starttech-agent/${file#packaging/}"
done
put 0755 packaging/packer/provision.sh usr/share/starttech-agent/packer/provision.sh

"$examples/manual" "$work/manual"
for file in "$work"/manual/man/*.1; do
  gzip -9n "$file"
  put 0644 "$file.gz" "usr/share/man/man1/${file##*/}.gz"
done
put 0644 "$work/manual/completions/starttech-agent.bash" usr/share/bash-completion/completions/starttech-agent
put 0644 "$work/manual/completions/starttech-agent.fish" usr/share/fish/vendor_completions.d/starttech-agent.fish
put 0644 "$work/manual/completions/_starttech-agent" usr/share/zsh/vendor-completions/_starttech-agent

documents=usr/share/doc/starttech-agent
put 0644 packaging/deb/debian/copyright "$documents/copyright"
"$examples/notices" | gzip -9n >"$work/third-party.txt.gz"
put 0644 "$work/third-party.txt.gz" "$documents/third-party.txt.gz"
# Links lead to where things are on a host. Pictures are not there, the package has no room for them; of what
# only the source's repository has, the name is left.
for file in README.md INSTALL.md docs/*.md; do
  sed -E '/^!\[/d
    s#\[([^]]*)\]\((\.\./)?(ARCHITECTURE|CONTRIBUTING)\.md\)#\1#g
    s#\]\((\.\./)?CHANGELOG\.md\)#](/usr/share/doc/starttech-agent/changelog.gz)#g
    s#\]\((\.\./)?LICENSE\)#](/usr/share/doc/starttech-agent/copyright)#g
    s#(\.\./)?packaging/(iam|packer|terraform|user-data)\b#/usr/share/starttech-agent/\2#g
    s#\]\((\.\./)?dashboards/#](/usr/share/starttech-agent/dashboards/#g
    s#\]\((\.\./)?agent/agent\.example\.toml#](/etc/starttech-agent/agent.toml#g' "$file" >"$work/document"
  put 0644 "$work/document" "$documents/$file"
done
{
  echo "starttech-agent ($version) stable; urgency=medium"
  echo
  # The newest chapter, filled anew: what goes on stands below what begins.
  awk '/^## / { if (chapters++) exit; next }
    chapters {
      begins = sub(/^- /, "")
      for (i = 1; i <= NF; i++) {
        if (line == "") line = "  * " $i
        else if (i == 1 && begins) { print line; line = "  * " $i }
        else if (length(line " " $i) > 76) { print line; line = "    " $i }
        else line = line " " $i
      }
    }
    END { print line }' CHANGELOG.md
  echo
  echo " -- $maintainer  $(date -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$work/changelog.gz"
put 0644 "$work/changelog.gz" "$documents/changelog.gz"
put 0644 packaging/deb/debian/lintian-overrides usr/share/lintian/overrides/starttech-agent

# What the program needs of its host, by its own words.
libraries=$(objdump -p "$stage/usr/bin/starttech-agent" | awk '$1 == "NEEDED" { print $2 }' | sort)
unknown=$(grep -vxE 'libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1|ld-linux.*' <<<"$libraries" || true)
[ -z "$unknown" ] || fail "it wants libraries that the package does not depend on: $unknown"
glibc=$(objdump -T "$stage/usr/bin/starttech-agent" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
glibc=${glibc#GLIBC_}
newest=$(printf '%s\n' "$glibc" "$glibc_floor" | sort -V | tail -n 1)
[ "$newest" = "$glibc_floor" ] || fail "it wants glibc $glibc, and hosts have $glibc_floor: build it on an older release"

# In KiB, each file and directory rounded up, as dpkg-gencontrol counts.
size=$(find "$stage" -printf '%y %s\n' | awk '{ sum += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print sum }')
mkdir "$stage/DEBIAN"
sed "s/@VERSION@/$version/;s/@ARCHITECTURE@/$architecture/;s/@GLIBC@/$glibc/;s/@SIZE@/$size/;s/@MAINTAINER@/$maintainer/" \
  packaging/deb/debian/control.in >"$stage/DEBIAN/control"
echo /etc/starttech-agent/agent.toml >"$stage/DEBIAN/conffiles"
for script in postinst prerm postrm; do
  install -m 0755 "packaging/deb/debian/$script" "$stage/DEBIAN/$script"
done
(cd "$stage" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) >"$work/md5sums"
install -m 0644 "$work/md5sums" "$stage/DEBIAN/md5sums"

find "$stage" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
deb=$out/starttech-agent_${version}_${architecture}.deb
dpkg-deb --root-owner-group -Zxz "-z${level:-9}" --build "$stage" "$deb" >/dev/null
bytes=$(stat -c %s "$deb")
if [ "${released:-no}" = yes ] && [ "$bytes" -gt "$most_bytes" ]; then
  fail "$deb has $bytes bytes, more than $most_bytes"
fi
say "$bytes bytes, $size KiB installed, glibc $glibc or later"
echo "$deb"
