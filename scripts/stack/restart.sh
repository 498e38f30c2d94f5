#!/usr/bin/env bash
# Applies an edit of config.yml or secrets.yml. Where preflight refuses it, nothing is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
. scripts/stack/waiting.sh

# The database's users get the passwords that secrets.yml says now. root's own is changed by hand first (docs/runbook.md).
give_database_passwords() {
  is_running mariadb || return 0
  # shellcheck disable=SC2016
  if ! docker exec "$(container_of mariadb)" sh -c 'mariadb '"$root_login"' </docker-entrypoint-initdb.d/2-users.sql'; then
    die "MariaDB does not take root's password of secrets.yml, or is away: nothing was restarted. docs/runbook.md: changing a password"
  fi
}

# Redis reads its password at its start only.
give_redis_password() {
  is_running redis || return 0
  # shellcheck disable=SC2016
  if ! docker exec "$(container_of redis)" sh -c 'REDISCLI_AUTH="$(cat /run/secrets/redis.password)" redis-cli ping' 2>&1 | grep -qx PONG; then
    say "redis restarts: its password is another one"
    compose restart redis >/dev/null 2>&1
  fi
}

need_docker
mapfile -t services < <(our_services)
[ ${#services[@]} -gt 0 ] || die "Nothing of ${project} runs. Start it with: make install"
hand_over || exit $?
give_database_passwords
give_redis_password
words=$(mktemp)
starter_words=$words
trap 'rm -f "$words"' EXIT
say "restarting ${#services[@]} services:"
compose restart "${services[@]}" >"$words" 2>&1 || { cat "$words" >&2; exit 1; }
wait_until_well "" "${services[@]}"
say "All services run the config.yml of now."
