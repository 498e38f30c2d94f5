#!/usr/bin/env bash
# Makes what docker-compose.cluster.yml needs, in cluster/: an authority of our own, and a certificate and key each for MariaDB and Redis.
# Run on the host that has the stores. What is there stays; RENEW=1 makes the two certificates anew, by the same authority.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077

days=3650
folder=${CLUSTER_FOLDER:-cluster}

command -v openssl >/dev/null 2>&1 || { echo "openssl is not installed. Cure: apt-get install openssl" >&2; exit 1; }

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

# Each file appears whole or not at all; the certificate last, so that one that is there has its key.
make_authority() {
  new_key "$folder/.ca.key"
  openssl req -x509 -new -key "$folder/.ca.key" -sha256 -days "$days" -subj "/CN=3T cluster" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign" -out "$folder/.ca.pem"
  mv "$folder/.ca.key" "$folder/ca.key"
  mv "$folder/.ca.pem" "$folder/ca.pem"
}

# The name is that of the service: hosts that join know the stores' address by it (docker-compose.worker.yml).
make_certificate() {
  local name=$1
  new_key "$folder/.$name.key"
  openssl req -new -key "$folder/.$name.key" -subj "/CN=$name" |
    openssl x509 -req -sha256 -days "$days" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
      -extfile <(printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$name") \
      -out "$folder/.$name.pem" 2>/dev/null
  mv "$folder/.$name.key" "$folder/$name.key"
  mv "$folder/.$name.pem" "$folder/$name.pem"
}

mkdir -p "$folder"
[ -f "$folder/ca.pem" ] || make_authority
for name in mariadb redis; do
  if [ -n "${RENEW:-}" ] || [ ! -f "$folder/$name.pem" ]; then
    make_certificate "$name"
  fi
  openssl verify -CAfile "$folder/ca.pem" "$folder/$name.pem" >/dev/null ||
    { echo "$folder/$name.pem is not of the authority $folder/ca.pem. Cure: RENEW=1 scripts/cluster_certificates.sh" >&2; exit 1; }
done
echo "$folder: certificates until $(openssl x509 -in "$folder/mariadb.pem" -noout -enddate | cut -d = -f 2). Hosts that join get ca.pem alone; no key leaves this host."
