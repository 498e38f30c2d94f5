#!/usr/bin/env bash
# `3t COMMAND ...` in a container: scripts/stack/command.sh halt because of the weather
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
need_docker
in_cli "$@" </dev/null
