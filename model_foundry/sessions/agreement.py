"""How far a session's workers kept to the plan, and to each other, told from their texts.

The plan is what orchestrators said before the first worker answered. A decision of it was *told* to
a worker whose request repeats it, and *kept* where the worker's answer or tool call mentions it;
the rest of what it was told it *ignored*. It *differs* where its answer gives a setting another
value than the plan or another worker does. It *introduces* what its answer has and neither the plan
nor its own request. Its *overlap* with another is the share (Jaccard) of what the two introduced
that both did.

A mention is no obedience, and silence no disobedience: this finds where to look, and no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any, NamedTuple

import msgspec

from model_foundry.sessions.decisions import decisions, mentions, normalized, settings, terms

PLANNER = "orchestrator"
WORKER = "worker"


class Said(NamedTuple):
    """One chat: asked with the texts `asked`, `who` said `said` and called tools with `called`."""

    who: str
    role: str | None
    slot: str | None
    asked: Sequence[str]
    said: str
    called: str = ""


class Worker(NamedTuple):
    """How far one worker kept to the plan; lists are sorted. `overlap` is None where there is no
    other worker, or none of the two introduced anything."""

    worker: str
    slots: list[str]
    plan_decisions: int
    told: list[str]
    kept: list[str]
    ignored: list[str]
    differs: list[str]
    introduced: list[str]
    overlap: float | None


def agreement(chats: Sequence[Said]) -> list[Worker]:
    """One Worker for each that was asked, in the order of their first answers.

    Args:
        chats: in the order in which they were answered; who is neither planner nor worker by its
            role does not count.
    """
    first = next((n for n, chat in enumerate(chats) if chat.role == WORKER), len(chats))
    plan = normalized("\n".join(chat.said for chat in chats[:first] if chat.role == PLANNER))
    wanted = decisions(plan)
    workers: dict[str, list[Said]] = {}
    for chat in chats[first:]:
        if chat.role == WORKER:
            workers.setdefault(chat.who, []).append(chat)
    texts = {who: _Text(said, plan, wanted) for who, said in workers.items()}
    planned = settings(plan)
    overlaps: dict[str, list[float]] = {who: [] for who in texts}
    for (one, mine), (other, theirs) in combinations(texts.items(), 2):
        if either := mine.introduced | theirs.introduced:
            share = len(mine.introduced & theirs.introduced) / len(either)
            overlaps[one].append(share)
            overlaps[other].append(share)
    return [
        Worker(
            worker=who,
            slots=sorted({chat.slot for chat in workers[who] if chat.slot is not None}),
            plan_decisions=len(wanted),
            told=sorted(text.told),
            kept=sorted(text.kept),
            ignored=sorted(text.told - text.kept),
            differs=sorted(
                text.differences("the plan", planned)
                | {
                    difference
                    for other, theirs in texts.items()
                    if other != who
                    for difference in text.differences(other, theirs.settings)
                }
            ),
            introduced=sorted(text.introduced),
            overlap=fmean(overlaps[who]) if overlaps[who] else None,
        )
        for who, text in texts.items()
    ]


class _Text:
    """Everything that one worker was asked and said."""

    def __init__(self, chats: Sequence[Said], plan: str, wanted: set[str]) -> None:
        asked = normalized("\n".join(dict.fromkeys(text for chat in chats for text in chat.asked)))
        said = normalized("\n".join(chat.said for chat in chats))
        self.settings = settings(said)
        self.told = _mentioned(wanted, asked)
        if any(chat.called for chat in chats):
            done = normalized("\n".join(f"{chat.said}\n{chat.called}" for chat in chats))
            self.kept = _mentioned(self.told, done)
        else:
            self.kept = _mentioned(self.told, said, self.settings)
        known = f"{plan}\n{asked}".casefold()
        self.introduced = {term for term in terms(said) if not mentions(known, term, {})}

    def differences(self, other: str, theirs: Mapping[str, set[str]]) -> set[str]:
        """Settings that both name and neither gives a value of the other's."""
        return {
            f"{key} = {_listed(values)}, {other}: {_listed(theirs[key])}"
            for key, values in self.settings.items()
            if key in theirs and not values & theirs[key]
        }


def _mentioned(wanted: set[str], text: str, made: Mapping[str, set[str]] | None = None) -> set[str]:
    """Those that a normalized text repeats; `made`: its settings, if they are known."""
    if not wanted:
        return set()
    lower, made = text.casefold(), settings(text) if made is None else made
    return {one for one in wanted if mentions(lower, one, made)}


def _listed(values: set[str]) -> str:
    return " or ".join(sorted(values))


def asked_texts(messages: str | None) -> list[str]:
    """What a model was told, from a chat's messages as JSON: all but its own words and tools'."""
    return [
        text
        for message in _listed_json(messages)
        if isinstance(message, dict) and message.get("role") in {"system", "developer", "user"}
        for text in _texts(message.get("content"))
    ]


def called_text(tool_calls: str | None) -> str:
    """The arguments of tool calls (JSON), one value a line."""
    lines: list[str] = []
    for call in _listed_json(tool_calls):
        function = call.get("function") if isinstance(call, dict) else None
        arguments = function.get("arguments") if isinstance(function, dict) else None
        lines.extend(_values("", _json(arguments) if isinstance(arguments, str) else arguments))
    return "\n".join(lines)


def _values(name: str, value: Any) -> Iterator[str]:
    """The texts that JSON holds, and its numbers as `name=number`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(name, inner)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{name}={value}"


def _json(text: str) -> Any:
    """What the text holds; itself where that is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _listed_json(text: str | None) -> list[Any]:
    found = _json(text) if text else []
    return found if isinstance(found, list) else []


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return [text for text in texts if isinstance(text, str)]
