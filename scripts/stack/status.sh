#!/usr/bin/env bash
# `3t status` in a container, told what config.yml says now, so that it sees an edit that was not applied. Hands its options on.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
need_docker
in_cli status --newest-config - "$@" <config.yml
