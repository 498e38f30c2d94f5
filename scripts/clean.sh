#!/usr/bin/env bash
# Removes the demo's state and the tools' caches. Never providence/saved_runs, secrets.yml, the halt and nonce files of a real service, or .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
shopt -s nullglob
for folder in state/demo-*; do
  rm -rf "$folder"
  echo "removed $folder"
done
rmdir state 2>/dev/null || true   # holds more than the demo's: stays
rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
find . -name .venv -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
echo "removed the caches"
