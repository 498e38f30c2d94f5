#!/usr/bin/env bash
# `docker compose` or `docker-compose`, whichever is there, for this project: scripts/compose.sh ps
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/stack/common.sh
need_docker
exec "${compose_command[@]}" "$@"
