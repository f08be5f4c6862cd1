#!/bin/sh
# Makes the secrets that compose.yaml mounts, in deploy/secrets/, once; what is there already stays as it is.
# The folder is closed to others; the files in it are readable because containers read them as users of their own.
set -eu
umask 022
folder="$(dirname "$0")/secrets"
mkdir -p "$folder" && chmod 700 "$folder"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
write() { [ -e "$folder/$1" ] || { printf '%s\n' "$2" >"$folder/$1" && echo "made $folder/$1"; }; }

write postgres_password "$(random)"
write nats_password "$(random)"
write grafana_password "$(random)"
postgres="postgresql://foundry:$(cat "$folder/postgres_password")@postgres:5432"
nats="$(cat "$folder/nats_password")"
write postgres_url "$postgres/foundry"
write dagster_postgres_url "$postgres/dagster"
write nats_url "nats://foundry:$nats@nats:4222"
write nats_users "FOUNDRY_PASSWORD: \"$nats\"
SYSTEM_PASSWORD: \"$(random)\""
