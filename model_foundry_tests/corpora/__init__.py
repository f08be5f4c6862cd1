"""Inputs, one file each: what came, and what must become of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_HERE = Path(__file__).parent
# What the envelope says, not the payload.
ENVELOPE = (
    *("event_id", "correlation_id", "causation_id", "source", "occurred_at", "occurred_on"),
    "batch_id",
)


class Case(NamedTuple):
    """A payload, and every column of the rows that it makes which is not NULL."""

    family: str
    name: str
    payload: Any
    rows: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """Its name over all families."""
        return f"{self.family}/{self.name}"


def cases(kind: str) -> Iterator[Case]:
    """Those of `corpora/<kind>/<family>/<name>.json`."""
    for path in sorted((_HERE / kind).glob("*/*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        yield Case(path.parent.name, path.stem, told["payload"], told["rows"])


def columns_said(row: dict[str, Any]) -> dict[str, Any]:
    """A row's columns that are not NULL and come from the payload."""
    return {name: said for name, said in row.items() if said is not None and name not in ENVELOPE}
