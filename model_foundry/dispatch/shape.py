"""What of a request decides whether a slot takes it: endpoint, features, length. Pure.

Belongs here: the shape of a request. Does not: who takes which (`choosing`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from model_foundry.slot.jobs import Endpoint, Request

_FORMATS: Final = ("json_schema", "json_object", "text")
# Lengths are told apart in steps of a quarter of an octave.
_STEPS: Final = 4
# No context is longer; a request may say any number.
_MOST_TOKENS: Final = 2**40


class Shape(NamedTuple):
    """A request's shape.

    Attributes:
        endpoint: chat or completion.
        response_format: its type; `other` if it is none of OpenAI's.
        tools: whether it offers tools.
        size_bytes: of the prompt's texts in UTF-8, rounded up.
        max_tokens: of the answer; 0 where the request sets no limit.
        tokens: of the prompt, where a server has counted them.
    """

    endpoint: Endpoint
    response_format: str | None
    tools: bool
    size_bytes: int
    max_tokens: int
    tokens: int | None = None

    @property
    def features(self) -> tuple[str, str | None, bool, int]:
        """What a server may refuse, however long the answer may be."""
        return self.endpoint, self.response_format, self.tools, self.size_bytes


def shape_of(request: Request, size_bytes: int) -> Shape:
    """The shape of a request whose prompt has so many bytes."""
    told = request.response_format
    named = None if told is None else told.get("type")
    return Shape(
        endpoint=request.endpoint,
        response_format=None if told is None else named if named in _FORMATS else "other",
        tools=bool(request.tools),
        size_bytes=_rounded_up(size_bytes),
        max_tokens=min(max(0, request.max_tokens or 0), _MOST_TOKENS),
    )


def prompt_bytes(request: Request) -> int:
    """Of all texts that a model reads, in UTF-8: the messages', the tools', the schema's."""
    size = len((request.prompt or "").encode())
    size += sum(len(text.encode()) for text in _texts(request.messages or ()))
    for part in (request.tools, request.response_format):
        if part is not None:
            size += len(msgspec.json.encode(part))
    return size


def _texts(value: object) -> Iterator[str]:
    """Every string of messages but those of images and sounds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in {"image_url", "input_audio", "file", "role", "type"}:
                yield from _texts(item)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for item in value:
            yield from _texts(item)


def _rounded_up(size: int) -> int:
    if size <= 1:
        return size
    return math.ceil(math.pow(2, math.ceil(math.log2(size) * _STEPS) / _STEPS))


def prefixes(request: Request, longest: int) -> tuple[int, ...]:
    """A number for each beginning of a prompt, the shortest first, and at most so many.

    Two requests have a number in common where they begin alike. It means nothing to another
    process.
    """
    parts: Sequence[Any]
    if request.messages is not None:
        parts = [
            (role, content)
            if isinstance(content := each.get("content"), str)
            and isinstance(role := each.get("role"), str)
            and len(each) == 2
            else msgspec.json.encode(each)
            for each in request.messages[:longest]
        ]
    else:
        prompt = request.prompt or ""
        ends = [2**power for power in range(8, len(prompt).bit_length())]
        parts = [prompt[:end] for end in [*ends, len(prompt)][-longest:]]
    chain, last = [], hash((request.endpoint, bool(request.tools)))
    for part in parts:
        last = hash((last, part))
        chain.append(last)
    return tuple(chain)
