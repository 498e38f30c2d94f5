# shellcheck shell=bash
# What the scripts around the containers share. Sourced, from the project's root; asks nothing of Docker by itself.

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }
die() { complain "$*"; exit 1; }

# A setting as Compose itself sees it: the environment's, else that of .env.
setting() {
  local line
  if [ -n "${!1:-}" ]; then
    printf '%s' "${!1}"
    return
  fi
  line=$(grep -E "^$1=" .env 2>/dev/null | tail -n 1) || true
  printf '%s' "${line#*=}"
}

project=$(setting COMPOSE_PROJECT_NAME)
project=${project:-3t}
root_login=--defaults-extra-file=/run/secrets/root.cnf   # inside MariaDB's container: no password on a command line
compose_command=()

# Finds `docker compose` or `docker-compose` (COMPOSE names one and ends the search), or says what is missing and how to get it.
need_docker() {
  local words
  command -v docker >/dev/null 2>&1 ||
    die "Docker is not installed. Cure: apt-get install docker.io docker-compose (Debian, Ubuntu), or see https://docs.docker.com/engine/install"
  if ! words=$(docker version --format '{{.Server.Version}}' 2>&1); then
    case $words in
      *"permission denied"*) die "Docker's socket may not be used by $(id -un). Cure: sudo usermod -aG docker $(id -un), then log in again; or use sudo" ;;
      *) die "No Docker engine answers ($(tail -n 1 <<<"$words")). Cure: sudo systemctl start docker; then again" ;;
    esac
  fi
  pick_compose
  export BUILD_ID=${BUILD_ID:-$(git describe --always --dirty --tags 2>/dev/null || echo dev)}
}

pick_compose() {
  if [ -n "${COMPOSE:-}" ]; then
    read -ra compose_command <<<"$COMPOSE"
    "${compose_command[@]}" version >/dev/null 2>&1 || die "COMPOSE=\"$COMPOSE\" does not start. Expected \"docker compose\" or \"docker-compose\""
  elif docker compose version >/dev/null 2>&1; then
    compose_command=(docker compose)
  elif command -v docker-compose >/dev/null 2>&1; then
    compose_command=(docker-compose)
  else
    die "Neither \`docker compose\` nor \`docker-compose\` is installed. Cure: apt-get install docker-compose (Debian, Ubuntu) or docker-compose-plugin (Docker's own packages)"
  fi
}

# Two that change the containers at once would take them out of each other's hands. Held until this script ends; no file is made for it.
one_at_a_time() {
  exec {turn}<docker-compose.yml
  flock --nonblock "$turn" || die "Another make of this folder is at work (install, restart, backup, restore or clean): nothing was changed. Cure: wait for it, then again"
}

compose() { "${compose_command[@]}" "$@"; }

# The container of a service of this project, also a stopped one; nothing where there is none.
container_of() {
  docker ps --all --quiet --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1" \
    --filter label=com.docker.compose.oneoff=False | head -n 1
}

# Of each container of this project, also stopped ones: service, image as it was asked for, state, health (or none), start.
containers() {
  local ids
  mapfile -t ids < <(docker ps --all --quiet --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.oneoff=False)
  [ ${#ids[@]} -gt 0 ] || return 0
  # One that goes away meanwhile is left out.
  docker inspect --format \
    '{{index .Config.Labels "com.docker.compose.service"}} {{.Config.Image}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.StartedAt}}' \
    "${ids[@]}" 2>/dev/null || true
}

# Those that run an image of ours, but not preflight.
our_services() { containers | awk -v ours="$project/" '$1 != "preflight" && index($2, ours) == 1 { print $1 }' | sort; }

is_running() {
  local id
  id=$(container_of "$1")
  [ -n "$id" ] && [ "$(docker inspect --format '{{.State.Running}}' "$id")" = true ]
}

need_running() {
  is_running "$1" || die "$1 does not run. Look with: ${compose_command[*]} ps; start it with: make install"
}

# Checks config.yml and secrets.yml and gives each service its part. A refusal is printed alone, and changes nothing.
hand_over() {
  local words id code
  if ! words=$(compose up --detach --no-deps --force-recreate preflight 2>&1); then
    complain "$words"
    return 1
  fi
  id=$(container_of preflight)
  code=$(docker wait "$id")
  if [ "$code" != 0 ]; then
    docker logs "$id" >&2
    return "$code"
  fi
  docker logs "$id"
}

# The stores that run get the passwords that were handed over.
give_passwords() {
  if [ "$(containers | awk '$1 == "mariadb" { print $4 }')" = healthy ]; then
    # root's own password is changed by hand first (docs/runbook.md).
    docker exec "$(container_of mariadb)" sh -c "mariadb $root_login </docker-entrypoint-initdb.d/2-users.sql" ||
      die "MariaDB does not take root's password of secrets.yml: no service was restarted. docs/runbook.md: changing a password"
  fi
  # Redis reads its password at its start only.
  # shellcheck disable=SC2016  # the container's shell reads the file
  if is_running redis && ! docker exec "$(container_of redis)" sh -c 'REDISCLI_AUTH="$(cat /run/secrets/redis.password)" redis-cli ping' 2>&1 | grep -qx PONG; then
    say "redis restarts: its password is another one"
    compose restart redis >/dev/null 2>&1
  fi
}

# Runs the command `3t` in a container of its own, beside the others. It says who halted: the person, not the containers' user.
in_cli() {
  # Asked before the first start, Compose would build an image and make every volume, only for `3t` to find no config.yml.
  docker volume inspect "${project}_config" >/dev/null 2>&1 || die "$project was never started on this machine. Cure: make install"
  compose --profile tools run --rm --no-deps -T -e "LOGNAME=$(id -un)" -e "COLUMNS=${COLUMNS:-$(tput cols 2>/dev/null || echo 100)}" cli "$@" \
    2> >(without_compose_chatter >&2)
}

# `run` tells of each network and volume that it looks at.
without_compose_chatter() { grep -vE '^(time=.*level=|\s*(Container|Network|Volume) |(Creating|Starting|Running) )' || true; }

sql() { docker exec -i "$(container_of mariadb)" mariadb "$root_login" --batch --skip-column-names "$@"; }
