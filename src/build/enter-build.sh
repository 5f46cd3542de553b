#!/usr/bin/env bash
# Run as root of mount, process and network namespaces of its own: lays out what a build may see, gives up all rights,
# and becomes the command.
#   enter-build.sh WORKSPACE PLACE USER GROUP root|user [HIDDEN…] -- COMMAND…
set -euo pipefail

readonly workspace=$1 place=$2 user=$3 group=$4 rights=$5
shift 5

main() {
  umask 022
  # The workspace may lie below what is covered next: it stays reachable as the working directory.
  cd "$workspace"
  local shared
  for shared in /tmp /var/tmp /dev/shm /run/lock; do
    if [[ -d $shared && ! -L $shared ]]; then mount -t tmpfs -o mode=1777,nosuid,nodev none "$shared"; fi
  done
  mkdir -p "$place"
  mount --no-canonicalize --bind . "$place"
  while [[ $1 != -- ]]; do
    if [[ -d $1 ]]; then mount -t tmpfs -o mode=755,ro none "$1"; fi
    shift
  done
  shift
  cd "$place"
  case $rights in
    root)
      exec setpriv --reuid "$user" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all \
        --no-new-privs --pdeathsig KILL -- "$@"
      ;;
    user) exec unshare --user --map-user="$user" --map-group="$group" -- setpriv --no-new-privs --pdeathsig KILL -- "$@" ;;
  esac
}

main "$@"
