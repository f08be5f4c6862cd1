"""Which slots of the profile are ready, and how many requests each takes at once."""

import asyncio
from collections.abc import Mapping, Sequence

from prometheus_client.core import Metric

from model_foundry.exporter.source import gauge
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError


class Slots:
    """The slots as a source; each has a series of its own that says whether it is up."""

    name = "slots"
    up = None

    def __init__(
        self, slots: Sequence[Slot], environment: Mapping[str, str], settings: Settings
    ) -> None:
        self.slots = slots
        within = min(settings.inference_look_s, settings.exporter_source_timeout_s * 0.75)
        settings = settings.model_copy(update={"inference_look_s": within})
        self._clients = [SlotClient(slot, environment, settings) for slot in slots]

    async def look(self) -> Sequence[Metric]:
        """Every slot, asked at once."""
        caps = await asyncio.gather(*(_cap(client) for client in self._clients))
        found = list(zip(self.slots, caps, strict=True))
        return [
            gauge(
                "foundry_slot_up",
                "Whether the slot's server is ready.",
                [((slot.name,), cap is not None) for slot, cap in found],
                ["slot"],
            ),
            gauge(
                "foundry_slot_info",
                "What the slot serves, by the fleet file.",
                [((slot.name, slot.model, slot.runtime), 1) for slot in self.slots],
                ["slot", "model", "backend"],
            ),
            gauge(
                "foundry_slot_places",
                "Requests that the slot takes at once.",
                [
                    ((slot.name,), (slot.parallel if cap is None else cap) + slot.queue_ahead)
                    for slot, cap in found
                ],
                ["slot"],
            ),
        ]

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()

    def lasting(self) -> Sequence[Metric]:
        """None: a slot's figures are as they are."""
        return ()


async def _cap(client: SlotClient) -> int | None:
    try:
        return await client.capacity()
    except SlotError:
        return None
