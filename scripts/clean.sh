#!/usr/bin/env bash
# Removes the demo's state and the tools' caches. Never providence/saved_runs, secrets.yml, the halt and nonce files of a real service, or .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
shopt -s nullglob
for folder in state/demo-*/; do
  lock=${folder}supervisor.lock
  if [ -e "$lock" ] && ! flock --nonblock "$lock" true; then
    echo "clean: a demo runs in $folder ($(cat "$lock")): nothing was removed. Stop it first" >&2
    exit 1
  fi
done
for folder in state/demo-*/; do
  rm -rf "$folder"
  echo "removed $folder"
done
[ ! -d state ] || rmdir --ignore-fail-on-non-empty state   # holds more than the demo's: stays
rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
find . -name .venv -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
echo "removed the caches"
