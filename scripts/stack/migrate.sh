#!/usr/bin/env bash
# Applies one file of migrations/ to the running database: the next one, once.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/stack/common.sh

file=${1:-}
[ -n "$file" ] || die "Expected a file: make migrate FILE=migrations/NNNN_what.sql"
[ -f "$file" ] || die "There is no file $file. There are: $(cd migrations && printf '%s ' [0-9]*.sql)"
name=$(basename "$file" .sql)
[[ $name =~ ^([0-9]{4})_[a-z0-9_]+$ ]] || die "Expected a name like NNNN_what.sql, was $(basename "$file")"
version=$((10#${BASH_REMATCH[1]}))

need_docker
need_running mariadb
last=$(sql 3t -e 'SELECT MAX(version) FROM schema_migrations') || die "The database could not be asked, see above: nothing was changed"
applied=$(sql 3t -e "SELECT CONCAT(name, ', at ', applied_at) FROM schema_migrations WHERE version = $version")
[ -z "$applied" ] || die "Version $version was applied already ($applied): nothing was changed"
[ "$version" -eq $((last + 1)) ] || die "Out of order: the database has version $last, so $((last + 1)) is next, and this is $version. Nothing was changed"

sql 3t <"$file" || die "$file failed, see above. Statements before that one stay applied: mend the rest by hand; make backup keeps what there is"
[ "$(sql 3t -e "SELECT COUNT(*) FROM schema_migrations WHERE version = $version")" = 1 ] ||
  die "$file ran, but did not write its row into schema_migrations: expected as its last statement"
say "applied $name; the database has version $version now"
