"""What JetStream says of the stream and its consumers, under the names of the NATS exporter."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import nats.errors
from nats.js.errors import NotFoundError
from prometheus_client.core import Metric

from model_foundry.exporter.source import gauge
from model_foundry.intake import jetstream
from model_foundry.intake.configuration import advisory_stream
from model_foundry.settings import Settings

# Consumers of one stream that are told of; more have no series.
CONSUMERS: Final = 100
_STREAM: Final = {
    "total_messages": "messages",
    "total_bytes": "bytes",
    "first_seq": "first_seq",
    "last_seq": "last_seq",
    "consumer_count": "consumer_count",
}
_CONSUMER: Final = ("num_pending", "num_ack_pending", "num_redelivered", "num_waiting")


class Stream:
    """JetStream as a source, over its API: the connection that drains use reaches it as well."""

    name = "nats"
    up = "foundry_nats_up"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: jetstream.Client | None = None

    async def look(self) -> Sequence[Metric]:
        """Both streams with their consumers, and the message that has waited longest."""
        if self._client is None or self._client.is_closed:
            self._client = await jetstream.connect(self._settings, name="model-foundry-exporter")
        try:
            return await self._ask(self._client)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(nats.errors.Error):
                await client.close()

    def lasting(self) -> Sequence[Metric]:
        """None: all of JetStream's figures are as they are."""
        return ()

    async def _ask(self, client: jetstream.Client) -> Sequence[Metric]:
        streams, consumers, lags = [], [], []
        for name in (self._settings.nats_stream, advisory_stream(self._settings)):
            try:
                streams.append((name, await self._api(client, f"STREAM.INFO.{name}")))
                listed = await self._api(client, f"CONSUMER.LIST.{name}")
            except NotFoundError:
                continue
            for each in (listed.get("consumers") or [])[:CONSUMERS]:
                consumers.append(((name, each["name"]), each))
                if each["name"] == self._settings.nats_durable:
                    lags.append(((name,), await self._lag_s(client, name, each)))
        return [
            *(
                gauge(
                    f"jetstream_stream_{figure}",
                    f"{field} of the stream.",
                    [((name,), info["state"].get(field, 0)) for name, info in streams],
                    ["stream_name"],
                )
                for figure, field in _STREAM.items()
            ),
            *(
                gauge(
                    f"jetstream_consumer_{figure}",
                    f"{figure} of the consumer.",
                    [(names, each.get(figure, 0)) for names, each in consumers],
                    ["stream_name", "consumer_name"],
                )
                for figure in _CONSUMER
            ),
            *(
                gauge(
                    f"jetstream_consumer_{part}_{seq}",
                    f"{seq} of the consumer, {part}.",
                    [(names, each[part][seq]) for names, each in consumers],
                    ["stream_name", "consumer_name"],
                )
                for part in ("delivered", "ack_floor")
                for seq in ("consumer_seq", "stream_seq")
            ),
            gauge(
                "foundry_persist_lag_seconds",
                "Age of the oldest message that no drain has acknowledged.",
                lags,
                ["stream_name"],
            ),
        ]

    async def _lag_s(self, client: jetstream.Client, stream: str, consumer: Any) -> float:
        if not consumer["num_pending"] and not consumer["num_ack_pending"]:
            return 0.0
        oldest = {"seq": consumer["ack_floor"]["stream_seq"] + 1, "next_by_subj": ">"}
        try:
            found = await self._api(client, f"STREAM.MSG.GET.{stream}", oldest)
        except NotFoundError:
            return 0.0
        stored_at = msgspec.convert(found["message"]["time"], datetime)
        return max(0.0, (datetime.now(UTC) - stored_at).total_seconds())

    async def _api(
        self, client: jetstream.Client, what: str, request: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        body = msgspec.json.encode(request or {})
        answer = await client.request(
            f"$JS.API.{what}", body, timeout=self._settings.exporter_source_timeout_s
        )
        said: dict[str, Any] = msgspec.json.decode(answer.data)
        if "error" in said:
            error = said["error"]
            if error.get("code") == 404:
                raise NotFoundError(**error)
            raise nats.errors.Error(str(error.get("description")))
        return said
