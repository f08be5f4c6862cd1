"""Publish one event, and wait until the stream has it. NATS_URL is your NATS; needs nats-py."""

import asyncio
import json
import os
import uuid

import nats


async def main() -> None:
    client = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    payload = {"tool_name": "read_clock", "arguments": {}, "result": "12:00", "duration_ms": 0.4}
    event = {"event_id": str(uuid.uuid4()), "correlation_id": "my-session", "payload": payload}
    taken = await client.jetstream().publish("llm.tool_call", json.dumps(event).encode())
    print(f"{taken.stream} has {event['event_id']} as message {taken.seq}")
    await client.close()


asyncio.run(main())
