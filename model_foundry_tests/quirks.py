"""What servers send otherwise than OpenAI does: the corpus `slot_answers`, one behaviour a file.

A file says which public reports it comes from, what is sent, in words and as `events`, a `body` or
pieces as `sent`, and what becomes of it, in words and as the fields of an `answer` or the kind
of an `error`. `python -m model_foundry_tests.quirks` writes their table into docs/servers.md.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Endpoint

_FILES = Path(__file__).parent / "corpora" / "slot_answers"
PAGE = Path(__file__).parent.parent / "docs" / "servers.md"
_HEAD = "| behaviour | what is sent | what becomes of it | reports |\n| --- | --- | --- | --- |\n"


class Quirk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One behaviour. Exactly one of `events`, `body` and `sent` is given, and of answer and error.

    An event is JSON, or the data of an event as it stands; a piece of `sent` is a text, or bytes in
    hex. Fields that an answer does not name have the values of `UNNAMED`. With `tools`, tools were
    offered.
    """

    report: str
    sends: str
    becomes: str
    endpoint: Endpoint = "chat"
    tools: bool = False
    events: list[dict[str, Any] | str] | None = None
    body: Any = None
    sent: list[str | dict[str, str]] | None = None
    answer: dict[str, Any] | None = None
    error: str | None = None

    def pieces(self) -> list[bytes]:
        """The bytes of the response's body, as they are sent."""
        if self.events is not None:
            return [_event(event) for event in self.events]
        if self.body is not None:
            return [json.dumps(self.body).encode()]
        return [
            piece.encode() if isinstance(piece, str) else bytes.fromhex(piece["hex"])
            for piece in self.sent or ()
        ]

    def as_stream(self) -> list[bytes]:
        """Its document as a stream of one event."""
        return [_event(self.body), _event("[DONE]")]


UNNAMED: dict[str, Any] = {
    "text": "",
    "reasoning": None,
    "finish_reason": "stop",
    "tool_calls": None,
    "response_model": None,
    "input_tokens": None,
    "output_tokens": None,
}


def shown(completion: Completion) -> dict[str, Any]:
    """The fields of an answer that a file may name."""
    return {
        name: getattr(completion if hasattr(completion, name) else completion.timings, name)
        for name in UNNAMED
    }


@cache
def quirks() -> dict[str, Quirk]:
    """All behaviours by name."""
    return {
        path.stem: msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Quirk)
        for path in sorted(_FILES.glob("*.yaml"))
    }


def table() -> str:
    """What becomes of each behaviour, in Markdown."""
    return _HEAD + "".join(
        _row([name, quirk.sends, quirk.becomes, quirk.report]) for name, quirk in quirks().items()
    )


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _event(event: Any) -> bytes:
    return f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page[: page.index(_HEAD)] + table(), encoding="utf-8")
