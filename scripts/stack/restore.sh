#!/usr/bin/env bash
# Puts a backup into fresh volumes, proves that it is equal, and starts nothing but MariaDB.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh
. scripts/stack/waiting.sh
. scripts/stack/parts.sh
umask 077

file=${1:-}
[ -n "$file" ] || die "Expected a file: make restore FILE=backups/3t-UTC.tar"
[ -f "$file" ] || die "There is no file $file. There are: $(printf '%s ' backups/*.tar)"

part_of() { awk -v part="$1" '$1 == "part" && $2 == part { print $3 }' "$folder/manifest"; }

unpack() {
  local part
  tar --extract --file "$file" --directory "$folder" || die "$file is no backup, or is damaged. Nothing was changed"
  [ "$(head -n 1 "$folder/manifest" 2>/dev/null)" = "$manifest_title" ] || die "$file holds no manifest of \"$manifest_title\". Nothing was changed"
  for part in database.sql.gz saved_runs.tar.gz saved_runs.sha256; do
    [ "$(sha256sum <"$folder/$part" | cut -d ' ' -f 1)" = "$(part_of "$part")" ] ||
      die "$file is damaged: $part is not what its manifest says. Nothing was changed"
  done
}

# Only into what is new: nothing that may be worth something is written over.
refuse_what_is_there() {
  local volume=${project}_mariadb_data
  [ -z "$(docker ps --quiet --filter "label=com.docker.compose.project=$project")" ] ||
    die "3T runs. Cure: make backup, if its data may be wanted; make clean; docker volume rm $volume; then again"
  ! docker volume inspect "$volume" >/dev/null 2>&1 ||
    die "The volume $volume exists. Cure: make clean; docker volume rm $volume, which destroys the database in it; then again"
}

move_aside() {
  local aside
  [ -n "$(find providence/saved_runs -mindepth 1 ! -name .gitkeep -print -quit 2>/dev/null)" ] || return 0
  aside=providence/saved_runs.before-$(date -u +%Y%m%dT%H%M%SZ)
  mv providence/saved_runs "$aside"
  install -d -m 755 providence/saved_runs
  [ ! -e "$aside/.gitkeep" ] || cp --preserve=mode "$aside/.gitkeep" providence/saved_runs/
  say "the saved runs that were there are in $aside now"
}

restore_database() {
  local database
  compose up --detach --no-deps mariadb >"$starter_words" 2>&1 || { tell_words; exit 1; }
  wait_until_well "" mariadb
  database=$(container_of mariadb)
  gunzip --stdout "$folder/database.sql.gz" | docker exec -i "$database" mariadb "$root_login" || not_restored "the database refused the dump, see above"
  coproc SESSION { docker exec -i "$database" mariadb "$root_login" --batch --skip-column-names --unbuffered 3t; }
  table_sums "${SESSION[1]}" "${SESSION[0]}" >"$folder/tables"
  diff <(grep '^table ' "$folder/manifest") "$folder/tables" >&2 || not_restored "these tables differ (left: the backup)"
  say "$(wc -l <"$folder/tables") tables are equal to those of the backup"
  # An order id of before must never be made again.
  sql 3t -e "UPDATE platform_state SET value = UUID() WHERE name = 'epoch'; SELECT CONCAT('the epoch is new: ', value) FROM platform_state WHERE name = 'epoch'"
}

restore_saved_runs() {
  move_aside
  gunzip --stdout "$folder/saved_runs.tar.gz" | in_saved_runs tar --extract --numeric-owner --same-owner --same-permissions ||
    not_restored "the saved runs could not be written, see above"
  diff "$folder/saved_runs.sha256" <(file_sums) >&2 || not_restored "these saved runs differ (left: the backup)"
  say "$(wc -l <"$folder/saved_runs.sha256") files of saved runs are equal to those of the backup"
}

not_restored() {
  compose rm --stop --force mariadb >/dev/null 2>&1
  die "NOT restored: $1. Cure: docker volume rm ${project}_mariadb_data; then again, or with another backup"
}

need_docker
one_at_a_time
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
starter_words=$folder/words
unpack
refuse_what_is_there
compose build preflight >"$starter_words" 2>&1 || { cat "$starter_words" >&2; exit 1; }
hand_over || exit $?
restore_database
restore_saved_runs
say "Restored; only MariaDB runs. Next: make halt, to look before anything is traded; make install; make status; make resume"
