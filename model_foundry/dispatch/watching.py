"""Slots that do not answer, looked at until their health returns.

Belongs here: when a slot is looked at, and what is said of it. Does not: what makes one suspect
(`blame`), what a look is (`client`).
"""

import asyncio
import logging
import time
from collections.abc import Callable

from model_foundry.dispatch.announce import Announcer
from model_foundry.dispatch.served_slot import ServedSlot
from model_foundry.settings import Settings
from model_foundry.slot.errors import SlotError

log = logging.getLogger(__name__)


async def watch(
    served: ServedSlot,
    settings: Settings,
    announcer: Announcer | None,
    *,
    still_away: Callable[[], None],
    is_well: Callable[[], None],
) -> None:
    """Look at a slot whenever it is suspect, until cancelled; it begins as one."""
    told_of_loading = False
    while True:
        await served.suspect.wait()
        served.suspect.clear()
        try:
            cap = await served.client.capacity()
        except SlotError as error:
            if served.trouble != str(error):
                log.warning("slot %s is paused: %s", served.slot.name, error)
                if announcer is not None:
                    announcer.paused(served.slot, error.kind)
            served.trouble = str(error)
            told_of_loading = error.kind == "loading"
            if told_of_loading:
                served.loads(time.monotonic())
            else:
                served.loading_at = None
            served.suspect.set()
            still_away()
            await asyncio.sleep(settings.inference_probe_s)
        else:
            if served.paused_at is not None and served.tally.requests:
                log.info("slot %s answers again", served.slot.name)
                if announcer is not None:
                    announcer.answers_again(served.slot)
            if told_of_loading:  # else looks say nothing of it, and only an answer does
                told_of_loading, served.loading_at = False, None
            served.cap = 0 if served.locked else cap
            served.paused_at = None
            is_well()
