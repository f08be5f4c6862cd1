#!/bin/sh
# Publish one event, and wait until the stream has it. NATS_URL is your NATS; needs curl alone.
set -eu
url=${NATS_URL:-nats://127.0.0.1:4222}
id=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)
payload='{"tool_name":"read_clock","arguments":{},"result":"12:00","duration_ms":0.4}'
event="{\"event_id\":\"$id\",\"correlation_id\":\"my-session\",\"payload\":$payload}"
said=$(mktemp)
trap 'rm -f "$said"' EXIT
{
    printf 'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.%s 1\r\n' "$id"
    printf 'PUB llm.tool_call _INBOX.%s %s\r\n%s\r\n' "$id" "$(printf %s "$event" | wc -c)" "$event"
    for _ in 1 2 3 4 5 6 7 8 9 10; do # until somebody answers on the inbox: the stream, or nobody
        if grep -q 'MSG _INBOX' "$said"; then break; fi
        sleep 0.2
    done
    printf 'QUIT\r\n' # no word of NATS: the server closes the connection
} | curl --silent --no-buffer --max-time 10 "telnet://${url#nats://}" > "$said" || true
grep -o '{"stream":.*}' "$said" # nothing: it was not taken
