#!/bin/sh
# ./prepare.sh NAME [NOTARY]: make what compose.yaml needs and no repository should hold: a certificate authority,
# certificates, passwords. What is there already stays. Run it as root: containers read their keys as numbers.
#
# NAME is the registry's in image names, NOTARY (default: the same) the name by which signers reach the Notary server.
# For other names than before it stops, and says which certificates to remove first.
set -eu
[ "$#" -eq 1 ] || [ "$#" -eq 2 ] || { echo "usage: $0 NAME [NOTARY]" >&2; exit 2; }
export LC_ALL=C
label='[a-z0-9]([a-z0-9-]*[a-z0-9])?'
for name in "$@"; do
  case $name in *[!a-z0-9.:-]*) fits=no ;; *) fits=yes ;; esac
  if [ "$fits" = no ] || ! printf '%s\n' "$name" | grep -Eqx "$label(\\.$label)*(:[0-9]{1,5})?"; then
    echo "$0: \"$name\" is no host[:port]: write it in small letters, as in image names, such as registry.example.com" >&2
    exit 2
  fi
done
cd "$(dirname "$0")"
proxy=65532 database=999
umask 077

(cd ../.. && "${PYTHON:-.venv/bin/python}" -m certs stack "deploy/compose/tls" "$1" --notary "${2:-$1}")
chmod 711 tls
chmod 644 tls/*.crt
for name in proxy registry notary-server notary-client notary-signer; do chown "$proxy:$proxy" "tls/$name.key"; done

mkdir -p data/registry secrets
chmod 711 data secrets
chown "$proxy:$proxy" data/registry
password() { [ -e "secrets/$1" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$1"; }
for name in database notary-server-database notary-signer-database; do
  password "$name.password"
  chown "$database:$database" "secrets/$name.password"
done
password notary-signer.passphrase

# Notary reads these from its environment alone.
url() { printf '%s' "postgres://$1:$(cat "secrets/notary-$1-database.password")@database:5432/$1?sslmode=disable"; }
echo "NOTARY_SERVER_STORAGE_DB_URL=$(url server)" >secrets/notary-server.env
{
  echo "NOTARY_SIGNER_STORAGE_DB_URL=$(url signer)"
  echo "NOTARY_SIGNER_FIRST=$(cat secrets/notary-signer.passphrase)"
} >secrets/notary-signer.env

sed -i "s/^name: .*/name: $1/" config.yaml
echo "next: docker-compose up --detach --build, then write your root's key into config.yaml"
