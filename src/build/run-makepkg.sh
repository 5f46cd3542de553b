#!/usr/bin/env bash
# Run as the building user in the place of a build: puts what the package needs into the sysroot, then makes it.
#   run-makepkg.sh OPTION…
set -euo pipefail
shopt -s nullglob

for package in "$PWD"/needs/*.pkg.tar.zst; do
  bsdtar -xf "$package" -C "$VEND_SYSROOT" --no-same-owner --no-same-permissions
done
cd start
exec makepkg --config ../makepkg.conf "$@"
