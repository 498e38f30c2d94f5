#!/usr/bin/env bash
# Builds and starts everything, and waits until all of it is well. Again after an edit: only what changed is built and restarted.
#   SKIP="grafana tempo otel-collector"   leaves these out
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
. scripts/stack/waiting.sh

optional="flower prometheus alertmanager grafana tempo otel-collector"   # nothing needs these to start or to trade
built=(preflight simulator observer_a celery_worker providence)          # one service for each image of ours
skip=" ${SKIP:-} "

skipped() { [[ $skip == *" $1 "* ]]; }

# Everything that is missing, at once.
check() {
  local problems=() name
  for name in ${SKIP:-}; do
    [[ " $optional " == *" $name "* ]] || problems+=("SKIP: expected of $optional, was $name")
  done
  [ -f secrets.yml ] ||
    problems+=("secrets.yml is missing. Cure: cp secrets.example.yml secrets.yml; chmod 600 secrets.yml; then fill it in (mode simulator needs no change)")
  for name in grafana flower prometheus; do
    skipped "$name" || check_port "$name"
  done
  [ ${#problems[@]} -eq 0 ] || die "$(printf '%s\n' "${problems[@]}")"
}

# A port that another program has. That of a container of ours is our own.
check_port() {
  local key=${1^^}_PORT port holder
  port=$(setting "$key")
  [ -z "$(docker ps --quiet --filter "publish=$port" --filter "label=com.docker.compose.project=$project")" ] || return 0
  # In a process of its own: a connection that is refused would say so.
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    holder=$(docker ps --filter "publish=$port" --format '{{.Names}}' | head -n 1)
    problems+=("Port $port of 127.0.0.1 is in use${holder:+ by the container $holder}. Cure: another number for $key in .env")
  fi
}

addresses() {
  local name port list=
  for name in grafana flower prometheus; do
    skipped "$name" && continue
    port=$(setting "${name^^}_PORT")
    list+="${list:+, }${name^} http://127.0.0.1:$port"
  done
  printf '%s' "${list:-without dashboards}"
}

need_docker
one_at_a_time
check
words=$(mktemp)
starter_words=$words
trap 'rm -f "$words"' EXIT

say "building the images of $BUILD_ID (the first time: a minute or two)"
compose build "${built[@]}" >"$words" 2>&1 || { cat "$words" >&2; die "The images could not be built, see above"; }
say "built after $SECONDS s"
hand_over || exit $?
give_passwords

wanted=() left=()
for service in $(compose config --services | sort); do
  case $service in
    preflight | cli) ;;
    *) if skipped "$service"; then left+=("$service"); else wanted+=("$service"); fi ;;
  esac
done
if [ ${#left[@]} -gt 0 ]; then
  compose rm --stop --force "${left[@]}" >"$words" 2>&1 || true   # there may be none
fi
say "starting ${#wanted[@]} services:"
compose up --detach --no-deps "${wanted[@]}" >"$words" 2>&1 &   # all of them but preflight, which has been asked
wait_until_well $! "${wanted[@]}"
wait
say "3T runs after $SECONDS s: $(addresses)${left[*]:+. Left out: ${left[*]}}"
