"""JSON schemas of answers and of tools' arguments: is one sound, and what does not match it. Pure.

A schema may refer to its own parts only: nothing is ever fetched.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

MISMATCH_MAX_CHARS: Final = 500
# Schemas in use at once: those of the recipes, and of requests that come by event.
CACHED_SCHEMAS: Final = 256


def check_schema(schema: Mapping[str, Any]) -> None:
    """Find what is wrong with a schema before anything is checked against it.

    Raises:
        ValueError: where and how it is no JSON schema, or what it refers to and does not hold.
    """
    _validator(msgspec.json.encode(schema))


def mismatch(value: object, schema: Mapping[str, Any]) -> str | None:
    """Where and how a decoded JSON value differs from a schema; None if it does not.

    A schema that is itself wrong matches nothing.
    """
    try:
        error = best_match(_validator(msgspec.json.encode(schema)).iter_errors(value))
    except ValueError as wrong:
        return f"the schema is wrong: {wrong}"[:MISMATCH_MAX_CHARS]
    except RecursionError:
        return "it is nested too deeply"
    return f"{error.json_path}: {error.message}"[:MISMATCH_MAX_CHARS] if error else None


@functools.lru_cache(CACHED_SCHEMAS)
def _validator(encoded: bytes) -> Any:
    schema = msgspec.json.decode(encoded)
    if not isinstance(schema, Mapping):
        raise ValueError("a schema is an object")  # noqa: TRY004 (of a file's content)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        root = Resource.from_contents(schema, default_specification=DRAFT202012)
        resolver = Registry().resolver_with_root(root)
        for reference in _references(schema):
            resolver.lookup(reference)
    except SchemaError as error:
        raise ValueError(f"{error.json_path}: {error.message}") from None
    except Unresolvable as error:
        raise ValueError(f"it refers to {error.ref}, which it does not hold") from None
    return kind(schema, registry=Registry())


def _references(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for item in part:
            yield from _references(item)
