#!/usr/bin/env bash
# The services' logs, or one's; goes on with them where a person looks, until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
need_docker
options=(--tail "${LINES_OF_LOG:-100}")
[ ! -t 1 ] || options+=(--follow)
exec "${compose_command[@]}" logs "${options[@]}" "$@"
