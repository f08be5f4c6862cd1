"""JSON schemas of answers and of tools' arguments: is one sound, and what does not match it.

Schemas and values come from outside. Whatever they hold, a check ends soon, and with a finding: it
gives up after `CHECK_S`, patterns do not backtrack, and what could not be told is said. A schema
may refer to its own parts only: nothing is ever fetched. `format` asserts nothing.

Belongs here: the check of one value. Does not: what an answer is worth (`outcome`).
"""

import functools
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from fractions import Fraction
from typing import Any, Final, NamedTuple, cast

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import UnknownType, ValidationError, best_match
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY as SPECIFICATIONS
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from model_foundry.slot.patterns import found

# CPU time of one check; an answer of some hundred rows takes half of it.
CHECK_S: Final = 0.05
SCHEMA_MAX_BYTES: Final = 64 * 1024
SAID_MAX_CHARS: Final = 500
SHOWN_CHOICES: Final = 20
# Schemas in use at once: those of the recipes, and of requests that come by event.
CACHED_SCHEMAS: Final = 64
STEPS_PER_LOOK: Final = 16
# Of the look for endless references, whose steps are small: the garbage collector of a large
# process may take as long as a whole check.
STEPS_AT_LEAST: Final = 384
_DATA: Final = frozenset({"const", "default", "enum", "examples"})

_Errors = Iterator[ValidationError]
_Keyword = Callable[[Any, Any, Any, Any], _Errors | None]


class Finding(NamedTuple):
    """What a check found; all None if the value matches.

    `mismatch` says where and how the value differs. `fault` is what is wrong with the schema, which
    then matches nothing. `unchecked` is what could not be told.
    """

    mismatch: str | None = None
    fault: str | None = None
    unchecked: str | None = None


def check_schema(schema: object, limit_s: float = CHECK_S) -> None:
    """Find what is wrong with a schema before anything is checked against it.

    One that is very large, or takes more than `limit_s` (of CPU time), may be wrong all the same.

    Raises:
        ValueError: where and how it is no JSON schema, or what it refers to and does not hold.
    """
    _drafts()  # read once, on nobody's time
    with _Check(limit_s):
        try:
            _made(schema)
        except _LeftOutError:
            return
        except Exception as error:  # the library meets what it does not expect
            raise ValueError(_said(error)) from None


def checked(value: object, schema: object) -> Finding:
    """How a decoded JSON value differs from a schema. Raises nothing, whatever they are."""
    errors: list[ValidationError] = []
    _drafts()
    with _Check(CHECK_S) as check:
        try:
            for error in _made(schema).iter_errors(value):
                errors.append(error)  # noqa: PERF402 (those found before the time is over count)
        except _LeftOutError as reason:
            check.leave_out(str(reason))
        except RecursionError:
            return Finding(mismatch="it is nested too deeply")
        except Exception as error:  # likewise
            return Finding(fault=_said(error))
    if errors:
        worst = best_match(errors)
        return Finding(mismatch=f"{worst.json_path}: {worst.message}"[:SAID_MAX_CHARS])
    return Finding(unchecked="; ".join(check.left_out)[:SAID_MAX_CHARS] or None)


class _LeftOutError(Exception):
    """The rest of a check is left out; the text says why."""


class _Check:
    """A check under way: how long it may take yet, and what it had to leave out."""

    def __init__(self, limit_s: float, at_least: int = 0) -> None:
        self.limit_s = limit_s
        self._at_least = at_least
        self._ends = time.thread_time() + limit_s
        self._steps = 0
        self.left_out: dict[str, None] = {}

    def __enter__(self) -> "_Check":
        self._token = _RUNNING.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _RUNNING.reset(self._token)

    def step(self) -> None:
        """Once for each keyword and value.

        Raises:
            _LeftOutError: it took too long.
        """
        self._steps += 1
        if self._steps < self._at_least or self._steps % STEPS_PER_LOOK:
            return
        if time.thread_time() > self._ends:
            raise _LeftOutError(
                f"not checked to the end: that takes longer than {self.limit_s:g} s"
            )

    def leave_out(self, reason: str) -> None:
        self.left_out[reason] = None


_RUNNING: ContextVar[_Check] = ContextVar("_RUNNING")


def _made(schema: object) -> Any:
    """The validator of a schema.

    Raises:
        ValueError: the schema is wrong.
        _LeftOutError: it is very large.
        Exception: the library met what it does not expect.
    """
    try:
        encoded = msgspec.json.encode(schema)
        if len(encoded) > SCHEMA_MAX_BYTES:
            raise _LeftOutError(f"not checked: the schema has more than {SCHEMA_MAX_BYTES} bytes")
        return _validator(encoded)
    except RecursionError:
        raise ValueError("the schema is nested too deeply") from None


@functools.lru_cache(CACHED_SCHEMAS)
def _validator(encoded: bytes) -> Any:
    schema = msgspec.json.decode(encoded)
    if not isinstance(schema, Mapping):
        raise ValueError("a schema is an object")  # noqa: TRY004 (of a file's content)
    if not isinstance(schema.get("$schema", ""), str):
        raise ValueError("$['$schema']: it is no text")  # noqa: TRY004 (likewise)
    draft = validator_for(schema, default=Draft202012Validator)
    bounded = _bounded(draft, b'"patternProperties"' in encoded)
    # What is wrong with one that takes too long shows when it is used.
    with suppress(_LeftOutError), _Check(_RUNNING.get().limit_s / 2):
        rules = bounded(_undeclared(draft.META_SCHEMA), registry=_drafts())
        for error in rules.iter_errors(schema):
            raise ValueError(f"{error.json_path}: {error.message}")
    root = _resource(schema)
    registry = Registry().with_resource("", root).crawl()
    _look_up_references(root, registry.resolver_with_root(root))
    validator = bounded(root.contents, registry=registry)
    try:
        with _Check(_RUNNING.get().limit_s / 2, STEPS_AT_LEAST):
            validator.is_valid(None)
    except RecursionError:
        raise ValueError("it refers to itself without end") from None
    return validator


def _resource(schema: Any) -> Resource[Any]:
    return DRAFT202012.detect(schema).create_resource(_undeclared(schema))


def _undeclared(part: Any) -> Any:
    """A schema without the names of its draft, at which the library would take its own keywords."""
    if isinstance(part, Mapping):
        return {
            name: item if name in _DATA else _undeclared(item)
            for name, item in part.items()
            if name != "$schema" or not isinstance(item, str)
        }
    return [_undeclared(item) for item in part] if isinstance(part, list) else part


@functools.cache
def _drafts() -> Any:
    """The schemas of schemas, of all drafts."""
    return Registry().with_resources(
        [(uri, _resource(SPECIFICATIONS.contents(uri))) for uri in SPECIFICATIONS]
    )


def _look_up_references(part: Resource[Any], resolver: Any) -> None:
    """Look up what a schema and its subschemas refer to, each from where it stands.

    Raises:
        ValueError: the schema does not hold it.
    """
    _RUNNING.get().step()
    if isinstance(part.contents, Mapping):
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            if not isinstance(reference := part.contents.get(keyword), str):
                continue
            try:
                resolver.lookup(reference)
            except Unresolvable:
                raise ValueError(f"it refers to {reference}, which it does not hold") from None
    for subresource in part.subresources():
        _look_up_references(subresource, resolver.in_subresource(subresource))


@functools.cache
def _bounded(draft: Any, has_patterns: bool) -> Any:
    """A draft's validator, each of whose keywords and items counts as a step."""
    ours = dict(_OURS)
    if has_patterns:  # which the library would match with Python's engine, that backtracks
        ours["unevaluatedProperties"] = _unevaluated_beside_patterns
    keywords = {
        name: _watched(ours.get(name, keyword)) for name, keyword in draft.VALIDATORS.items()
    }
    made = extend(draft, keywords)
    descend = made.descend

    def watched_descend(self: Any, *args: Any, **kwargs: Any) -> _Errors:
        _RUNNING.get().step()
        return cast(_Errors, descend(self, *args, **kwargs))

    made.descend = watched_descend
    return made


def _watched(keyword: _Keyword) -> _Keyword:
    def watched(validator: Any, wanted: Any, value: Any, schema: Any) -> _Errors:
        _RUNNING.get().step()
        yield from keyword(validator, wanted, value, schema) or ()

    return watched


# Keywords that take longer in the library, or know less. Their words are the library's.


def _pattern(validator: Any, pattern: Any, value: Any, _: Any) -> _Errors:
    if validator.is_type(value, "string") and _matches(pattern, value) is False:
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, value: Any, _: Any) -> _Errors:
    if validator.is_type(value, "object"):
        for pattern, subschema in patterns.items():
            for name, item in value.items():
                if _matches(pattern, name):
                    yield from validator.descend(item, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, value: Any, schema: Any) -> _Errors:
    if not validator.is_type(value, "object"):
        return
    named = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    extra = [
        name
        for name in value
        if name not in named and all(_matches(pattern, name) is False for pattern in patterns)
    ]
    if validator.is_type(allowed, "object"):
        for name in extra:
            yield from validator.descend(value[name], allowed, path=name)
    elif not allowed and extra:
        shown = ", ".join(map(repr, extra[:SHOWN_CHOICES]))
        were = "was" if len(extra) == 1 else "were"
        yield ValidationError(f"Additional properties are not allowed ({shown} {were} unexpected)")


def _unevaluated_beside_patterns(_: Any, wanted: Any, __: Any, ___: Any) -> _Errors:
    if wanted is not True:
        _RUNNING.get().leave_out("unevaluatedProperties beside patternProperties is not checked")
    yield from ()


def _matches(pattern: Any, text: str) -> bool | None:
    _RUNNING.get().step()
    matches = found(pattern, text)
    if matches is None:
        _RUNNING.get().leave_out(f"the pattern {pattern[:100]!r} is not checked")
    return matches


def _multiple_of(validator: Any, factor: Any, value: Any, _: Any) -> _Errors:
    # As written: 0.3 is a multiple of 0.1, which binary fractions deny.
    if validator.is_type(value, "number") and Fraction(str(value)) % Fraction(str(factor)):
        yield ValidationError(f"{value!r} is not a multiple of {factor}")


def _enum(_: Any, choices: Any, value: Any, __: Any) -> _Errors:
    key = _key(value)
    if not any(_key(choice) == key for choice in choices):
        shown = ", ".join(map(repr, choices[:SHOWN_CHOICES]))
        more = ", …" if len(choices) > SHOWN_CHOICES else ""
        yield ValidationError(f"{value!r} is not one of [{shown}{more}]")


def _const(_: Any, wanted: Any, value: Any, __: Any) -> _Errors:
    if _key(wanted) != _key(value):
        yield ValidationError(f"{wanted!r} was expected")


def _unique_items(validator: Any, wanted: Any, value: Any, _: Any) -> _Errors:
    if not wanted or not validator.is_type(value, "array"):
        return
    if len({_key(item) for item in value}) < len(value):
        yield ValidationError(f"{value!r} has non-unique elements")


def _key(value: Any) -> Hashable:
    """Equal for values that JSON schema takes for equal: 1 and 1.0, but not 1 and true.

    Numbers as texts: the hashes of large integers can be made equal by whoever sends them.
    """
    _RUNNING.get().step()
    if isinstance(value, str | bool | None):
        return (type(value), value)
    if isinstance(value, int | float):
        return str(int(value) if value == int(value) else value)
    if isinstance(value, Mapping):
        return frozenset((name, _key(item)) for name, item in value.items())
    return tuple(map(_key, value))


_OURS: Final[Mapping[str, _Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "divisibleBy": _multiple_of,
    "enum": _enum,
    "const": _const,
    "uniqueItems": _unique_items,
}


def _said(error: Exception) -> str:
    # UnknownType's own text is the whole schema and the whole value.
    text = f"there is no type {error.type!r}" if isinstance(error, UnknownType) else str(error)
    return (text or type(error).__name__)[:SAID_MAX_CHARS]
