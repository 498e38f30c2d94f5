#!/usr/bin/env bash
# Applies an edit of config.yml or secrets.yml. Where preflight refuses it, nothing is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
. scripts/stack/waiting.sh

need_docker
one_at_a_time
mapfile -t services < <(our_services)
[ ${#services[@]} -gt 0 ] || die "Nothing of ${project} runs. Start it with: make install"
hand_over || exit $?
give_passwords
words=$(mktemp)
starter_words=$words
trap 'rm -f "$words"' EXIT
say "restarting ${#services[@]} services:"
compose restart "${services[@]}" >"$words" 2>&1 || { cat "$words" >&2; exit 1; }
wait_until_well "" "${services[@]}"
say "All services run the config.yml of now."
