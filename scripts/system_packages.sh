#!/usr/bin/env bash
# Installs the servers that the tests start for themselves: MariaDB and Redis (Debian, Ubuntu; as root). Starts and enables none of them.
#   --if-missing   what `make test` calls: does nothing where all is there, and only says so where it may not install
#   --containers   what `make test-compose` calls: docker-compose 1.29 instead, beside the `docker compose` of the engine that is there
set -euo pipefail

say() { printf 'deps: %s\n' "$*" >&2; }
there() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

if_missing='' containers='' cure="make deps"
for option; do
  case $option in
    --if-missing) if_missing=yes ;;
    --containers) containers=yes cure="scripts/system_packages.sh --containers" ;;
    *) say "expected --if-missing or --containers, was $option"; exit 2 ;;
  esac
done

missing=()
if [ "$containers" ]; then
  there docker-compose || missing+=(docker-compose)
else
  there mariadbd && there mariadb-install-db || missing+=(mariadb-server)
  there redis-server || missing+=(redis-server)
fi
if [ ${#missing[@]} -eq 0 ]; then
  [ "$if_missing" ] || say "all is installed"
  exit 0
fi

if [ "$(id -u)" -ne 0 ] || ! there apt-get; then
  if [ "$if_missing" ]; then
    say "not installed: ${missing[*]}. The tests that need it are skipped; to have them: sudo $cure"
    exit 0
  fi
  say "not installed: ${missing[*]}. Expected root on Debian or Ubuntu; elsewhere install them with the system's package manager"
  exit 1
fi

say "installing ${missing[*]}"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  # A package's servers start when it is installed, unless this file says no.
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
log=$(mktemp)
install() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${missing[@]}"
}
if ! install >"$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  say "apt-get could not install ${missing[*]}, its words are above"
  exit 1
fi
rm -f "$log"
if there systemctl; then
  for package in "${missing[@]}"; do
    systemctl disable --quiet "${package/mariadb-server/mariadb}" 2>/dev/null || true   # not running systemd: nothing to disable
  done
fi
say "installed; no server was started"
