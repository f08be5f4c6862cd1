"""Any JSON, of the names that a reader looks for; known documents with anything in any place."""

import copy
import functools
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD: tuple[Any, ...] = (
    *(1e200, -1e200, 1e308, 5e-324, 2**70, -(2**63), 0, -0.0, 9e18, -8.9e18, 1e-9, -1),
    *(10**400, 10**4000, "1e400", "9" * 500, " 12 ", "NaN", "Infinity", "true", "", "200", "error"),
    *("20000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-02-30T00:00Z", 1e18, 1e15, 1e99),
    *("[" * 3_000, "[" * 1_500 + "]" * 1_500, '{"a":' * 2_500, '"\\u0000"', '"\\ud800"', "null"),
    *("user", "assistant", "tool", "model", "human", "gpt", "function_call", "reasoning", "text"),
    *("tool_use", "tool_result", "thinking", "image", "chat.completion.chunk", "response", "error"),
    *("data: {}", "data: [", 'data: {"choices": [{}]}', "GENERATION", "message", "blob"),
    *([[]], [{}], {"": None}, [None], {"choices": [{}, {}]}, {"candidates": [1, 2]}),
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=12)  # surrogates and U+0000 included


@functools.cache
def any_json(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """JSON of any shape, keys among them these names."""
    keys = st.sampled_from(names) | ANY_TEXT
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(ODD) | ANY_TEXT
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(keys, inner, max_size=6)
            | inner.map(json.dumps)  # JSON in text
        ),
        max_leaves=12,
    )  # fmt: skip


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a payload."""
    inner = (
        value.items() if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list) else ()
    )  # fmt: skip
    for key, one in inner:
        yield (*above, key)
        yield from places(one, (*above, key))


def altered(payload: Any, changes: list[tuple[int, Any]]) -> Any:
    """A payload of the corpus with other values in some places."""
    payload = copy.deepcopy(payload)
    for chance, value in changes:
        known = list(places(payload))
        if not known:
            return value
        *above, last = known[chance % len(known)]
        functools.reduce(lambda inner, key: inner[key], above, payload)[last] = value
    return payload
