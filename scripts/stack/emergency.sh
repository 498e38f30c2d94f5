#!/usr/bin/env bash
# `3t flatten --emergency` where the key is, in the running worker's container, or in one of its own where that one does not run.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
need_docker
flatten=(3t flatten --emergency "$@")
if is_running celery_worker_reconcile; then
  compose exec -T -e "LOGNAME=$(id -un)" celery_worker_reconcile "${flatten[@]}" </dev/null
else
  compose run --rm --no-deps -T -e "LOGNAME=$(id -un)" celery_worker_reconcile "${flatten[@]}" </dev/null 2> >(without_compose_chatter >&2)
fi
