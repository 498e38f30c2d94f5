#!/usr/bin/env bash
# Makes .venv hold exactly what requirements.lock says, and the project itself, editable. Does nothing where it does already.
# Two at once wait for each other. An interrupted set-up is taken up again, for the stamp is written last.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/set-up.stamp

say() { printf 'set-up: %s\n' "$*" >&2; }

exec 9<.
if ! flock --nonblock 9; then
  say "another set-up is running, waiting for it"
  flock 9
fi

# Of pyproject.toml what the installation looks at, not the tools' rules. The folder is part of it, for the scripts in a virtual environment name it.
fingerprint="$({ sed '/^\[tool\.ruff\]/,$d' pyproject.toml; cat requirements.lock scripts/setup_venv.sh; } | sha256sum | cut -d ' ' -f 1) $PWD"

runs() { "$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
asked_for_another() { [ -n "${PYTHON:-}" ] && [ "$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" != "$1" ]; }

if version=$(runs) && ! asked_for_another "$version"; then
  if [ "$(cat "$stamp" 2>/dev/null)" = "$fingerprint" ]; then
    exit 0
  fi
else
  version=
fi

started=$SECONDS
if [ -n "$version" ] && [ "$(cut -d ' ' -f 2- "$stamp" 2>/dev/null || echo "$PWD")" = "$PWD" ]; then
  say "the lock or the project has changed, bringing $venv (Python $version) up to it"
else
  python=$(scripts/find_python.sh)
  say "making $venv with $python"
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi
rm -f "$stamp"

# uv does not ask the machine where its certificates are.
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
  if [ -z "${SSL_CERT_FILE:-}" ] && [ -r "$bundle" ]; then
    export SSL_CERT_FILE=$bundle
  fi
done
export PIP_DISABLE_PIP_VERSION_CHECK=1

# pip installs uv, whose entry of the lock stands for itself; uv installs the rest, many times faster.
with_uv() {
  local only_uv
  only_uv=$(mktemp)
  awk '/^[^ ]/ { inside = /^uv==/ } inside' requirements.lock >"$only_uv"
  "$venv/bin/python" -m pip install -qq --no-deps --require-hashes -r "$only_uv" || { rm -f "$only_uv"; return 1; }
  rm -f "$only_uv"
  "$venv/bin/uv" pip sync --quiet --no-managed-python --python "$venv/bin/python" --require-hashes --compile-bytecode requirements.lock || return 1
  "$venv/bin/uv" pip install --quiet --no-managed-python --python "$venv/bin/python" --no-deps --no-build-isolation --offline --editable .
}

with_pip() {
  "$venv/bin/python" -m pip install -qq --no-deps --require-hashes -r requirements.lock
  "$venv/bin/python" -m pip install -qq --no-deps --no-build-isolation --no-index --editable .
}

say "installing the $(grep -c '^[a-z0-9].*==' requirements.lock) packages of requirements.lock, each held against its hash"
if ! with_uv; then
  say "uv could not (its words are above), going on with pip, which takes a minute"
  with_pip
fi
printf '%s\n' "$fingerprint" >"$stamp"
say "ready after $((SECONDS - started)) s"
