#!/bin/bash
# Puts packages into a signed apt repository in a directory, which goes into an S3 bucket as it is:
#
#   repository.sh --key FINGERPRINT [--passphrase-file FILE] [--valid-days N] DIRECTORY [DEB…]
#
# The key is in the caller's GnuPG (GNUPGHOME). What is in the directory stays: bring the bucket's content here first,
# and all its versions remain installable. --valid-days has hosts refuse an index that is older, so that nobody can
# keep them on an old one; then it must be signed anew before that, without any DEB. What fails changes nothing.
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
    --passphrase-file)
      # Whole, like GNUPGHOME below: the index is made from another directory.
      [ -r "${2:?}" ] || fail "cannot read $2"
      sign+=(--pinentry-mode loopback --passphrase-file "$(realpath -- "$2")") && shift 2
      ;;
    --valid-days) valid_days=${2:?} && shift 2 ;;
    -*) usage ;;
    *) break ;;
  esac
done
if [ -z "$key" ] || [ $# = 0 ]; then usage; fi
# Short ids can be forged.
[[ $key =~ ^[0-9A-Fa-f]{40}$ ]] || fail "--key wants the whole fingerprint, 40 digits: gpg --list-secret-keys"
if [ -n "$valid_days" ] && ! [[ $valid_days =~ ^[1-9][0-9]{0,4}$ ]]; then
  fail "--valid-days wants a number of days, not $valid_days"
fi
if [ -n "${GNUPGHOME:-}" ]; then
  GNUPGHOME=$(realpath -- "$GNUPGHOME")
  export GNUPGHOME
fi
suite=stable component=main
pool=pool/$component/s/starttech-agent
export LC_ALL=C.UTF-8
umask 022

mkdir -p "$1"
directory=$(realpath -- "$1")
shift
# All is made beside the directory, and moved into it when it is signed.
new=$(mktemp -d "$directory.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/$pool"
if [ -d "$directory/pool" ]; then
  # Links where that is possible: there may be many versions.
  cp --archive --link "$directory/pool" "$new" 2>/dev/null || cp --archive "$directory/pool" "$new"
fi
for deb in "$@"; do
  name=$(dpkg-deb --field "$deb" Package)
  [ "$name" = starttech-agent ] || fail "$deb is a package of $name"
  version=$(dpkg-deb --field "$deb" Version)
  to=$new/$pool/${name}_${version}_$(dpkg-deb --field "$deb" Architecture).deb
  if [ -e "$to" ]; then
    # Hosts have it already: a version says what it is, once and for all.
    cmp -s "$deb" "$to" || fail "$(basename "$to") is published with other content: raise the version"
  else
    install -m 0644 "$deb" "$to"
  fi
done

cd "$new"
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
  # Of several sums apt asks by-hash for the longest, and there is SHA256 alone.
  -o "APT::FTPArchive::MD5=false" -o "APT::FTPArchive::SHA1=false" -o "APT::FTPArchive::SHA512=false"
)
if [ -n "$valid_days" ]; then
  about+=(-o "APT::FTPArchive::Release::ValidTime=$((valid_days * 86400))")
fi
# Not in the directory that it is about: it would have itself listed.
apt-ftparchive "${about[@]}" release "$release" >Release
mv Release "$release/Release"
"${sign[@]}" --local-user "$key" --digest-algo SHA512 --clearsign --output "$release/InRelease" "$release/Release"
"${sign[@]}" --local-user "$key" --digest-algo SHA512 --armor --detach-sign --output "$release/Release.gpg" "$release/Release"
gpg --batch --yes --export --output starttech-agent.gpg "$key"
# Hosts read this one without gpg, and it can stand in user data.
gpg --batch --yes --export --armor --output starttech-agent.asc "$key"

# What is named comes before what names it.
move() {
  local file
  while IFS= read -r file; do
    mkdir -p "$directory/$(dirname "$file")"
    chmod 0644 "$file"
    mv -f "$file" "$directory/$file"
  done
}
find pool -name '*.deb' | while IFS= read -r file; do
  [ -e "$directory/$file" ] || echo "$file"
done | move
find dists -path '*/by-hash/*' -type f | move
find dists -path "$release/$component/*" -type f | move
printf '%s\n' starttech-agent.gpg starttech-agent.asc "$release"/{Release.gpg,Release,InRelease} | move
echo "signed by $key: $(find "$directory/pool" -name '*.deb' | wc -l) packages in $directory"
