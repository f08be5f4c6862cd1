"""Where Prometheus finds the slots' own figures, as file-based service discovery reads it. Pure."""

from collections.abc import Iterable, Mapping
from typing import TypedDict
from urllib.parse import urlsplit

from model_foundry.fleet.file import Slot


class TargetGroup(TypedDict):
    """One slot: `host:port`, and the labels that its series get."""

    targets: list[str]
    labels: dict[str, str]


def target_groups(slots: Iterable[Slot], environment: Mapping[str, str]) -> list[TargetGroup]:
    """One group for each slot that has `/metrics`; of runtime `openai`, nothing is known.

    llama.cpp's series name no model and vLLM's no slot, so both come from the fleet.

    Raises:
        FoundryError: the variable that should hold a slot's endpoint is not set.
    """
    return [_group(slot, slot.url(environment)) for slot in slots if slot.runtime != "openai"]


def _group(slot: Slot, url: str) -> TargetGroup:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return {
        "targets": [f"{host}:{port}"],
        "labels": {
            "slot": slot.name,
            "model": slot.model,
            "runtime": slot.runtime,
            "__scheme__": parts.scheme,
            "__metrics_path__": f"{parts.path}/metrics",
        },
    }
