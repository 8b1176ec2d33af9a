#!/bin/bash
# Makes a cross-build sysroot out of the Debian packages that this machine's own apt sources offer.
# Nothing is installed on the machine and no foreign architecture is added to its dpkg.
#   usage: mk-sysroot.sh arm64|armhf DIR       needs root, for mmdebstrap
set -euo pipefail
arch=${1:?arch}
dir=${2:?dir}
here=$(cd "$(dirname "$0")" && pwd)
. /etc/os-release
suite=$VERSION_CODENAME
"$here/../need" mmdebstrap
# The libraries of packaging/build-packages, and what a compiler needs of the foreign C library.
libraries=$(sed -n 's/^\(lib[^ ]*-dev\|nlohmann-json3-dev\|googletest\)$/\1/p' "$here/../build-packages")
include=$(echo libc6-dev libstdc++-12-dev linux-libc-dev $libraries | tr ' ' ,)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/sources.sh"
attempt() {
  rm -rf "$dir"
  mmdebstrap --quiet --variant=extract --mode=root --architectures="$arch" --include="$include" \
    --extract-hook="'$here/fake-dpkg-db.sh' \"\$1\" $arch" "$suite" "$dir" "$1"
}
apt_sources all "$work/all.sources"
apt_sources nosec "$work/nosec.sources"
attempt "$work/all.sources" || {
  echo "mk-sysroot: once more without the security suite" >&2
  attempt "$work/nosec.sources"
}
echo "sysroot for $arch: $dir ($(du -sm "$dir" | cut -f1) MB)"
