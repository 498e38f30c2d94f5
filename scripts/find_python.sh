#!/usr/bin/env bash
# Prints the path of a Python that 3T runs on; else says what was found, what is expected and the cure, and fails.
# PYTHON names one and ends the search. Candidates are run, not only looked up: a shim may be on the PATH and refuse to start.
set -uo pipefail

probe='
import sys
major_minor = "%d.%d" % sys.version_info[:2]
try:
    import ensurepip, venv
    pip = "pip"
except ImportError:
    pip = "no-pip"
print(major_minor, pip, sys.executable)
'
found=()
fallback=

refuse() {
  {
    echo "3T needs Python 3.11, 3.12 or 3.13 with its venv module; found:"
    printf '  %s\n' "${found[@]:-no python3 on the PATH}"
    echo "Cure: install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: PYTHON=/path/to/python3.12 make ..."
  } >&2
  exit 1
}

# Sets $version and $executable and returns 0 where the candidate can serve; else writes down why it cannot.
try() {
  local answer pip
  if ! command -v "$1" >/dev/null 2>&1; then
    [ -z "${PYTHON:-}" ] || found+=("$1: no such command")
    return 1
  fi
  if ! answer=$("$1" -c "$probe" 2>/dev/null); then
    found+=("$1 ($(command -v "$1")): does not start")
    return 1
  fi
  read -r version pip executable <<<"$answer"
  case $version in
    3.11 | 3.12 | 3.13) ;;
    *) found+=("$1 ($executable): version $version"); return 1 ;;
  esac
  if [ "$pip" = no-pip ]; then
    found+=("$1 ($executable): version $version without ensurepip (Debian, Ubuntu: apt-get install python$version-venv)")
    return 1
  fi
}

if [ -n "${PYTHON:-}" ]; then
  try "$PYTHON" || refuse
  echo "$executable"
  exit 0
fi
for candidate in python3 python3.12 python3.11 python3.13; do
  try "$candidate" || continue
  # The Redis server inside a wheel exists for Pythons below 3.13 only.
  if [ "$version" != 3.13 ] || command -v redis-server >/dev/null 2>&1; then
    echo "$executable"
    exit 0
  fi
  fallback=${fallback:-$executable}
done
[ -n "$fallback" ] || refuse
echo "$fallback"
