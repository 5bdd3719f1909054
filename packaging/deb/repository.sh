#!/bin/bash
# Puts packages into a signed apt repository in a directory, which goes into an S3 bucket as it is:
#
#   repository.sh --key FINGERPRINT [--passphrase-file FILE] [--valid-days N] DIRECTORY [DEB…]
#
# The key is in the caller's GnuPG (GNUPGHOME). What is in the directory stays: bring the bucket's content here first,
# and all its versions remain installable. --valid-days has hosts refuse an index that is older, so that nobody can
# keep them on an old one; then it must be signed anew before that, without any DEB.
set -euo pipefail

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 64
}
fail() {
  echo "repository: $*" >&2
  exit 1
}

key='' valid_days='' sign=(gpg --batch --yes)
while [ $# -gt 0 ]; do
  case $1 in
    --key) key=${2:?} && shift 2 ;;
    --passphrase-file) sign+=(--pinentry-mode loopback --passphrase-file "${2:?}") && shift 2 ;;
    --valid-days) valid_days=${2:?} && shift 2 ;;
    -*) usage ;;
    *) break ;;
  esac
done
if [ -z "$key" ] || [ $# = 0 ]; then usage; fi
# Short ids can be forged.
[[ $key =~ ^[0-9A-Fa-f]{40}$ ]] || fail "--key wants the whole fingerprint, 40 digits: gpg --list-secret-keys"
directory=$1
shift
suite=stable component=main
pool=pool/$component/s/starttech-agent
export LC_ALL=C.UTF-8
umask 022

mkdir -p "$directory/$pool"
for deb in "$@"; do
  name=$(dpkg-deb --field "$deb" Package)
  [ "$name" = starttech-agent ] || fail "$deb is a package of $name"
  version=$(dpkg-deb --field "$deb" Version)
  to=$directory/$pool/${name}_${version}_$(dpkg-deb --field "$deb" Architecture).deb
  # Hosts have it already: a version says what it is, once and for all.
  if [ -e "$to" ] && ! cmp -s "$deb" "$to"; then
    fail "$(basename "$to") is published with other content: raise the version"
  fi
  install -m 0644 "$deb" "$to"
done

cd "$directory"
mapfile -t architectures < <(find pool -name '*.deb' | sed 's/.*_\(.*\)\.deb$/\1/' | sort -u)
[ ${#architectures[@]} -gt 0 ] || fail "there is no package in $directory"
release=dists/$suite
for architecture in "${architectures[@]}"; do
  index=$release/$component/binary-$architecture
  mkdir -p "$index/by-hash/SHA256"
  apt-ftparchive --arch "$architecture" packages pool >"$index/Packages"
  gzip -9nc "$index/Packages" >"$index/Packages.gz"
  # A bucket is not changed in one moment. Under their hashes the indices of before are there until hosts have the
  # new Release, which is uploaded last.
  for file in "$index/Packages" "$index/Packages.gz"; do
    cp "$file" "$index/by-hash/SHA256/$(sha256sum "$file" | cut -d' ' -f1)"
  done
done

rm -f "$release"/{InRelease,Release,Release.gpg}
about=(
  -o "APT::FTPArchive::Release::Origin=StartTech"
  -o "APT::FTPArchive::Release::Label=starttech-agent"
  -o "APT::FTPArchive::Release::Suite=$suite"
  -o "APT::FTPArchive::Release::Codename=$suite"
  -o "APT::FTPArchive::Release::Components=$component"
  -o "APT::FTPArchive::Release::Architectures=${architectures[*]}"
  -o "APT::FTPArchive::Release::Acquire-By-Hash=yes"
  -o "APT::FTPArchive::Release::Patterns::=Packages"
  -o "APT::FTPArchive::Release::Patterns::=Packages.gz"
  -o "APT::FTPArchive::MD5=false" -o "APT::FTPArchive::SHA1=false"
)
if [ -n "$valid_days" ]; then
  about+=(-o "APT::FTPArchive::Release::ValidTime=$((valid_days * 86400))")
fi
unsigned=$(mktemp)
trap 'rm -f "$unsigned"' EXIT
apt-ftparchive "${about[@]}" release "$release" >"$unsigned"
install -m 0644 "$unsigned" "$release/Release"
"${sign[@]}" --local-user "$key" --digest-algo SHA512 --clearsign --output "$release/InRelease" "$release/Release"
"${sign[@]}" --local-user "$key" --digest-algo SHA512 --armor --detach-sign --output "$release/Release.gpg" "$release/Release"
gpg --batch --yes --export --output starttech-agent.gpg "$key"
chmod 0644 "$release"/* starttech-agent.gpg 2>/dev/null || true
echo "signed by $key: $(find pool -name '*.deb' | wc -l) packages in $directory"
