#!/usr/bin/env bash
# Resolves requirements.lock for every supported Python, with hashes and without any address, and takes the workers' part out of it.
#   --upgrade   newest versions; without it, what the lock has stays as long as pyproject.toml allows
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/uv pip compile pyproject.toml --universal --generate-hashes --all-extras --python-version 3.11 --no-managed-python \
  --no-header --no-emit-index-url --no-emit-find-links --quiet "$@" --output-file requirements.lock
.venv/bin/python scripts/worker_requirements.py
echo "requirements.lock: $(grep -c '^[a-z0-9].*==' requirements.lock) packages, celery-workers/requirements.txt: $(grep -c '^[a-z0-9].*==' celery-workers/requirements.txt)"
