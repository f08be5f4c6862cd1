"""What is sent as it happens to MODEL_FOUNDRY_TELEMETRY_URL: the events of docs/telemetry.md.

Belongs here: the shape of an event, and the sender that never keeps anybody waiting.
Does not: who has something to tell (`dispatch`, `intake`, familiar), the figures that are served
for scraping (`exporter`).
"""

from model_foundry.telemetry.events import Level, Status, event
from model_foundry.telemetry.sender import Counts, Sender, sender_of

__all__ = ["Counts", "Level", "Sender", "Status", "event", "sender_of"]
