"""What one slot's server takes otherwise than OpenAI's API says: a part of a fleet file's slot.

Belongs here: what a person declares of it. Does not: what becomes of a request (`slot.body`), or
what is learnt of a server while it is asked (`slot.refusals`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

Parameter = Literal[
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "stop",
    "response_format",
    "tools",
    "tool_choice",
    "chat_template_kwargs",
    "reasoning_effort",
]
ResponseFormats = Literal["json_schema", "json_object", "none"]
# What a request says itself, whatever the slot.
_ASKED: Final = frozenset(
    {"model", "messages", "prompt", "stream", "stream_options", "response_format", "tools", "n"}
)
_SECRET: Final = re.compile(
    r"(apikey|accesskey|secretkey|privatekey|secret|password|passwd|passphrase|authorization"
    r"|authtoken|accesstoken|bearertoken|bearer|credentials?|cookie)$|^(token|key|auth)$"
)


def _bounded(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if asked := sorted(_ASKED.intersection(value)):
        raise ValueError(f"{', '.join(asked)}: that is what a request says, not its slot")
    if secret := next(_secrets(value), None):
        raise ValueError(f"{secret}: a fleet file holds no secrets: give api_key: {{env: NAME}}")
    return value


def _secrets(value: object) -> Iterator[str]:
    """Names that a secret would have, at any depth."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if _SECRET.search(re.sub(r"[^a-z]", "", str(name).lower())):
                yield str(name)
            yield from _secrets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item)


def _not_asked(name: str) -> str:
    if name in _ASKED:
        raise ValueError(f"{name} is a parameter of its own")
    return name


_NewName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,62}$"), AfterValidator(_not_asked)
]


class Dialect(BaseModel):
    """How requests to a slot differ from OpenAI's, and how long its silences may be."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    omit: tuple[Parameter, ...] = Field((), description="Parameters that its server refuses.")
    rename: dict[Parameter, _NewName] = Field(
        {}, description="Its names of parameters, as in {max_tokens: max_completion_tokens}."
    )
    extra_body: Annotated[dict[str, JsonValue], AfterValidator(_bounded)] = Field(
        {}, description="Added to each request where that does not say otherwise."
    )
    stream_options: bool = Field(True, description="Whether it takes `stream_options`.")
    response_format: ResponseFormats = Field(
        "json_schema",
        description="What it can hold an answer to; a schema that it cannot goes into the prompt.",
    )
    idle_s: float | None = Field(
        None, gt=0, description="Silence that ends an attempt, instead of the setting's."
    )
    load_s: float | None = Field(
        None, gt=0, description="How long its server may load a model before it answers."
    )
