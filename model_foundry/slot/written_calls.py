"""Tool calls that stand in a text, between the marks that models put around them. Pure.

Servers that know their model's marks give the calls in a field of its own. The others, and some
when they stream, leave them in the text.

Belongs here: where the marks are. Does not: whether a call is one of those that were asked for.
"""

import json
import re
from typing import Any, Final, NamedTuple

from model_foundry.slot.text import after_space

_DECODER: Final = json.JSONDecoder()
_HERMES: Final = ("<tool_call>", "</tool_call>")
_MISTRAL: Final = "[TOOL_CALLS]"
_NAMED: Final = re.compile(r"\s*([\w.-]+)\s*(?:\[CALL_ID\]\w+\s*)?\[ARGS\]")


class Written(NamedTuple):
    """A text without its calls, and the calls as a message's `tool_calls`."""

    text: str
    calls: list[dict[str, Any]]


def written_calls(text: str) -> Written | None:
    """The calls at the end of a text, whole and nothing behind them; None: there are none."""
    for mark, read in ((_HERMES[0], _hermes), (_MISTRAL, _mistral)):
        before, found, _ = text.partition(mark)
        if not found:
            continue
        try:
            calls = read(text, len(before))
        except (ValueError, RecursionError):
            return None
        if calls and all(isinstance(call.get("name"), str) for call in calls):
            return Written(before.rstrip(), [{"function": call} for call in calls])
    return None


def _hermes(text: str, at: int) -> list[dict[str, Any]]:
    calls = []
    while at < len(text):
        if not text.startswith(_HERMES[0], at):
            raise ValueError
        call, at = _object(text, at + len(_HERMES[0]))
        calls.append(call)
        if text.startswith(_HERMES[1], at):  # the last one may have ended the turn
            at = after_space(text, at + len(_HERMES[1]))
    return calls


def _mistral(text: str, at: int) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    while at < len(text):
        if text.startswith(_MISTRAL, at):
            at += len(_MISTRAL)
        if named := _NAMED.match(text, at):
            arguments, at = _object(text, named.end())
            calls.append({"name": named[1], "arguments": arguments})
            continue
        found, at = _DECODER.raw_decode(text, after_space(text, at))
        at = after_space(text, at)
        calls += found if isinstance(found, list) else [found]
    if not all(isinstance(call, dict) for call in calls):
        raise ValueError
    return calls


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    found, end = _DECODER.raw_decode(text, after_space(text, at))
    if not isinstance(found, dict):
        raise ValueError  # noqa: TRY004 - of the text
    return found, after_space(text, end)
