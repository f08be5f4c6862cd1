"""What is asked: a request, and the job that gives it a key and says where it came from. Pure.

A request is everything that determines the answer and nothing about who gives it: no slot, no
model, no key. That is what makes `job_id` stable, and a re-run ask only what has no answer.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, Literal, TypeVar, cast

import msgspec

Kind = Literal["generation", "translation"]
Priority = Literal["interactive", "batch"]
Endpoint = Literal["chat", "completion"]
Accept = Literal["strict", "unfence"]
T = TypeVar("T")

# What JSON can carry and PostgreSQL's jsonb and text cannot.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CANONICAL = msgspec.json.Encoder(order="sorted")


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question to a slot, in OpenAI's words; what is None is left to the server.

    `thinking` is None for the model's own default; `extra` are further fields of the body, sent as
    they are. U+0000 and lone surrogates are replaced by
    U+FFFD on construction, so that what is asked, hashed and stored is the same text.

    Raises:
        ValueError: a chat without messages, or a completion without a prompt.
    """

    endpoint: Endpoint = "chat"
    messages: Sequence[Mapping[str, Any]] | None = None
    prompt: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: Sequence[str] | None = None
    response_format: Mapping[str, Any] | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    tool_choice: str | Mapping[str, Any] | None = None
    thinking: bool | None = None
    extra: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        asked = self.messages if self.endpoint == "chat" else self.prompt
        if not asked:
            missing = "messages" if self.endpoint == "chat" else "a prompt"
            raise ValueError(f"a {self.endpoint} request needs {missing}")
        for name in ("temperature", "top_p"):
            if (number := getattr(self, name)) is not None:
                msgspec.structs.force_setattr(self, name, float(number))
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, str | Mapping | Sequence):
                msgspec.structs.force_setattr(self, name, storable(value))

    def parameters(self) -> dict[str, Any]:
        """The fields of OpenAI's request body, without `model` and without `thinking`."""
        fields = msgspec.structs.asdict(self)
        del fields["endpoint"], fields["thinking"]
        extra = fields.pop("extra") or {}
        return {name: value for name, value in fields.items() if value is not None} | extra


class Job(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A request on behalf of a recipe. `occurred_on` is the UTC day of what it was made from.

    `source_event_id` and `source_part` ("" or e.g. "message/2") say what that was;
    `source_event_ids` names all of the events, if there were several. `source_row` is what is kept
    of the source row beside the result. `deadline_s` is counted from when the job is taken from its
    source; None for the setting `inference_deadline_s`. `accept` says whether JSON may stand in a
    Markdown fence (`outcome.as_accepted`); it is no part of the job's identity. One that is `alone`
    has nothing in common with the others of its recipe, as if each were somebody else's.
    """

    recipe: str
    kind: Kind
    role: str
    occurred_on: date
    request: Request
    source_event_id: str | None = None
    source_part: str = ""
    source_event_ids: Sequence[str] = ()
    source_row: Mapping[str, Any] | None = None
    correlation_id: str | None = None
    priority: Priority = "batch"
    deadline_s: float | None = None
    accept: Accept = "strict"
    alone: bool = False

    def __post_init__(self) -> None:
        if not self.source_event_ids and self.source_event_id is not None:
            msgspec.structs.force_setattr(self, "source_event_ids", [self.source_event_id])
        for name in (
            "source_event_id",
            "source_event_ids",
            "source_part",
            "source_row",
            "correlation_id",
        ):
            msgspec.structs.force_setattr(self, name, storable(getattr(self, name)))

    @cached_property
    def job_id(self) -> str:
        """SHA-256, in hex, of recipe, source and request.

        Of objects the order of keys means nothing, but for a schema's properties: a model writes
        them in their order. Sorted ones add nothing to the key.
        """
        key: tuple[object, ...] = (
            self.recipe,
            self.source_event_id,
            self.source_part,
            self.request,
        )
        shapes = (self.request.response_format, self.request.tools)
        orders = [order for shape in shapes for order in _orders(shape)]
        if any(order != sorted(order) for order in orders):
            key = (*key, orders)
        return hashlib.sha256(_CANONICAL.encode(key)).hexdigest()


def _orders(schema: object) -> Iterator[list[str]]:
    """The names of the properties of a schema and of all schemas in it, in their order."""
    if isinstance(schema, Mapping):
        for key in sorted(schema, key=str):
            part = schema[key]
            if key == "properties" and isinstance(part, Mapping):
                yield [str(name) for name in part]
                for name in sorted(part, key=str):
                    yield from _orders(part[name])
            else:
                yield from _orders(part)
    elif isinstance(schema, Sequence) and not isinstance(schema, str | bytes):
        for part in schema:
            yield from _orders(part)


def storable(value: T) -> T:
    """The value with every character that PostgreSQL cannot hold as U+FFFD, keys included."""
    if isinstance(value, str):
        return cast(T, _UNSTORABLE.sub("\ufffd", value))
    if isinstance(value, Mapping):
        return cast(T, {storable(key): storable(item) for key, item in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return cast(T, [storable(item) for item in value])
    return value
