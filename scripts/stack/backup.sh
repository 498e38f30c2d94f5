#!/usr/bin/env bash
# The database and the saved runs, of one moment, into backups/3t-UTC.tar, while trading goes on.
# Neither secrets.yml nor config.yml is in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
. scripts/stack/parts.sh
umask 077

paused=
finish() {
  [ -z "$paused" ] || docker unpause "$paused" >/dev/null
  rm -rf "${folder:-}"
}

# The dump and the session see the same moment: nobody may commit between the start of the one and of the other.
dump_and_sums() {
  local database=$1 dump
  coproc SESSION { docker exec -i "$database" mariadb "$root_login" --batch --skip-column-names --unbuffered 3t; }
  local from=${SESSION[0]} into=${SESSION[1]}
  ask "$into" "FLUSH TABLES WITH READ LOCK"
  done_with "$from"
  docker exec "$database" mariadb-dump "$root_login" --single-transaction --skip-lock-tables --hex-blob --routines --triggers \
    --add-drop-database --databases 3t >"$folder/database.sql" &
  dump=$!
  # This line is the first one that it writes after it began its transaction.
  # shellcheck disable=SC2016  # MariaDB's quotes
  until grep -aqs '^USE `3t`' "$folder/database.sql" || ! kill -0 "$dump" 2>/dev/null; do sleep 0.05; done
  ask "$into" "START TRANSACTION WITH CONSISTENT SNAPSHOT; UNLOCK TABLES"
  done_with "$from"
  table_sums "$into" "$from" >"$folder/tables"
  wait "$dump" || die "mariadb-dump failed, see above"
  tail -n 1 "$folder/database.sql" | grep -q '^-- Dump completed' || die "mariadb-dump ended before the end"
}

manifest() {
  local part
  printf '%s\nmade %s by %s\n' "$manifest_title" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$BUILD_ID"
  for part in database.sql.gz saved_runs.tar.gz saved_runs.sha256; do
    printf 'part %s %s\n' "$part" "$(sha256sum <"$folder/$part" | cut -d ' ' -f 1)"
  done
  cat "$folder/tables"
}

need_docker
one_at_a_time
need_running mariadb
mkdir -p backups
file=backups/3t-$(date -u +%Y%m%dT%H%M%SZ).tar
[ ! -e "$file" ] || die "$file is there already"
folder=$(mktemp -d backups/unfinished-XXXXXX)
trap finish EXIT
trap 'exit 130' INT TERM HUP

# Paused, Providence leaves its files as a crash would: that is what they are made for.
if is_running providence; then
  paused=$(container_of providence)
  docker pause "$paused" >/dev/null
fi
file_sums >"$folder/saved_runs.sha256"
in_saved_runs tar --create --numeric-owner --exclude ./.gitkeep --exclude '.run_*' . </dev/null >"$folder/saved_runs.tar"
dump_and_sums "$(container_of mariadb)"
[ -z "$paused" ] || docker unpause "$paused" >/dev/null
paused=

gzip "$folder/database.sql" "$folder/saved_runs.tar"
manifest >"$folder/manifest"
tar --create --file "$folder/whole.tar" --directory "$folder" manifest database.sql.gz saved_runs.tar.gz saved_runs.sha256
sync "$folder/whole.tar"
mv "$folder/whole.tar" "$file"
say "$file: $(grep -c '^table ' "$folder/manifest") tables with $(awk '$1 == "table" { n += $3 } END { print n + 0 }' "$folder/manifest") rows, $(wc -l <"$folder/saved_runs.sha256") files of saved runs, $(du -h "$file" | cut -f 1)"
