# shellcheck shell=bash
# What a backup is made of, and how its parts are told to be equal. Sourced after common.sh.

# shellcheck disable=SC2034  # the sourcing scripts'
manifest_title="3T backup, format 1"

# One line for each table: its name, how many rows it has, a checksum over all of them. Reads what the session of fd $1/$2 sees.
table_sums() {
  local into=$1 from=$2 table tables=() rows sum
  ask "$into" "SELECT table_name FROM information_schema.tables WHERE table_schema = '3t' AND table_type = 'BASE TABLE' ORDER BY table_name"
  while answer "$from" table; do tables+=("$table"); done
  for table in "${tables[@]}"; do
    ask "$into" "SELECT COUNT(*) FROM \`$table\`; CHECKSUM TABLE \`$table\`"
    answer "$from" rows && answer "$from" sum && done_with "$from" || return 1
    printf 'table %s %s %s\n' "$table" "$rows" "${sum##*$'\t'}"
  done
}

# A question to the session, whose answers end with a line of its own.
ask() { printf "%s; SELECT '-- end';\n" "$2" >&"$1"; }

# The next line of the answer. Fails at its end, and where the session has ended.
answer() {
  local -n line=$2
  IFS= read -r -t 600 -u "$1" line || die "MariaDB ended the session, see above"
  [ "$line" != "-- end" ]
}

# Reads the answer to its end; for a question whose answer is nothing.
done_with() {
  local line_of_it
  while answer "$1" line_of_it; do : "$line_of_it"; done
}

# In a container with the rights to read and write the files of the containers' user, and without a network.
in_saved_runs() { compose run --rm --no-deps -T --workdir /3t/saved_runs --entrypoint "$1" preflight "${@:2}" 2> >(without_compose_chatter >&2); }

# One line for each file of saved_runs: its hash and name. Spares and halves (.run_*) hold nothing that is needed.
file_sums() { in_saved_runs sh -c 'find . -type f ! -name .gitkeep ! -name ".run_*" -print0 | sort -z | xargs -0 -r sha256sum' </dev/null; }
