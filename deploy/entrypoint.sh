#!/bin/sh
# A file /run/secrets/NAME becomes the variable NAME: secrets are in no image, compose file or command line.
set -eu
for file in "${SECRETS:-/run/secrets}"/[A-Z]*; do
  [ -e "$file" ] || continue
  value="$(cat "$file")" || exit 1
  export "${file##*/}=$value"
done
exec "$@"
