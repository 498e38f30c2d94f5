#!/usr/bin/env bash
# Removes this project's containers and networks, gracefully. Never a volume: `docker volume ls` shows what stays.
# Where there is no Docker there is nothing to remove.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh

command -v docker >/dev/null 2>&1 || exit 0
if ! docker version >/dev/null 2>&1; then
  complain "clean: no Docker engine answers $(id -un); containers of $project, if there are any, stay"
  exit 0
fi
of_this_project=(--filter "label=com.docker.compose.project=$project")
if [ -z "$(docker ps --all --quiet "${of_this_project[@]}")$(docker network ls --quiet "${of_this_project[@]}")" ]; then
  exit 0
fi
need_docker
one_at_a_time
words=$(mktemp)
trap 'rm -f "$words"' EXIT
compose --profile tools down --remove-orphans >"$words" 2>&1 || { cat "$words" >&2; exit 1; }
say "removed the containers and networks of $project; its volumes stay"
