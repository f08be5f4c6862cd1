"""Schemas of any kind, and values of any kind: a finding, soon, and nothing fetched."""

import gc
import json
import socket
import time
from typing import Any

import pytest

from model_foundry.slot.schemas import CHECK_S, Finding, check_schema, checked

OK = Finding()
# CPU time beyond the limit that the last keyword, and what comes before the check, may take.
GRACE_S = 0.15


def nested(depth: int, inner: Any = None) -> list[Any]:
    value: list[Any] = [] if inner is None else [inner]
    for _ in range(depth):
        value = [value]
    return value


def within_limit(value: Any, schema: Any) -> Finding:
    gc.disable()  # the collector of a large test process is none of the check
    try:
        began = time.thread_time()
        finding = checked(value, schema)
        assert time.thread_time() - began < CHECK_S + GRACE_S
    finally:
        gc.enable()
    return finding


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ([], "object"),
        (True, "object"),
        (None, "object"),
        ({"type": "strnig"}, r"\$\.type"),
        ({"properties": {"a": {"minimum": "x"}}}, r"\$\.properties\.a\.minimum"),
        ({"multipleOf": 0}, r"\$\.multipleOf"),
        ({"pattern": 5}, r"\$\.pattern"),
        ({"required": 5}, r"\$\.required"),
        ({"$schema": 5}, r"\$schema"),
        ({"$schema": []}, r"\$schema"),
        ({"$id": 5}, r"\$id"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"$ref": "#"}, "itself without end"),
        ({"allOf": [{"$ref": "#/allOf/0"}]}, "itself without end"),
        ({"$dynamicRef": "#nowhere"}, "#nowhere"),
        ({"$id": "http://a/b", "properties": {"x": {"$id": "c", "$ref": "#/$defs/y"}}}, "#/"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:9/a.json"}}}, "127.0.0.1"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "passwd"),
        (json.loads('{"not": ' * 480 + "{}" + "}" * 480), "nested too deeply"),
    ],
)
def test_a_schema_that_is_wrong_says_where(schema: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        check_schema(schema)
    finding = within_limit({"a": 1}, schema)
    assert finding.fault is not None
    assert finding.mismatch is None


def test_a_schema_may_refer_to_its_own_parts_and_fetches_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a schema was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    tree = {
        "$defs": {"node": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        "$ref": "#/$defs/node",
    }
    check_schema(tree)
    assert checked([[], [[]]], tree) == OK
    assert checked([[], [1]], tree).mismatch == "$[1][0]: 1 is not of type 'array'"
    assert within_limit(nested(100_000), tree).mismatch == "it is nested too deeply"
    assert checked({}, {"$ref": "http://127.0.0.1:9/a.json"}).fault is not None


def test_a_reference_is_followed_from_where_it_stands() -> None:
    inner = {"$id": "http://a/inner", "$defs": {"t": {"type": "string"}}, "$ref": "#/$defs/t"}
    schema = {"$id": "http://a/outer", "properties": {"a": inner, "b": {"$ref": "inner"}}}
    check_schema(schema)
    assert checked({"a": "x", "b": "y"}, schema) == OK
    assert checked({"a": 1}, schema).mismatch == "$.a: 1 is not of type 'string'"
    assert checked({"b": 1}, schema).mismatch == "$.b: 1 is not of type 'string'"


def test_what_only_looks_like_a_reference_is_none() -> None:
    schema = {"const": {"$ref": "#/nowhere", "$schema": "x"}, "default": {"$ref": "#/nowhere"}}
    check_schema(schema)
    assert checked({"$ref": "#/nowhere", "$schema": "x"}, schema) == OK
    check_schema({"properties": {"$ref": {"type": "string"}, "$schema": {"type": "string"}}})


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^(a+)+$", "a" * 28, True),
        ("^(a+)+$", "a" * 28 + "!", False),
        ("^(a|a)*$", "a" * 10_000 + "!", False),
        (r"^\p{L}+$", "日本", True),
        (r"^\p{L}+$", "12", False),
        (r"^\P{L}+$", "12", True),
        (r"^\p{Script=Greek}+$", "αβ", True),
        (r"^\p{gc=Lu}$", "a", False),
        (r"^\u0041[\u0042-\u0043]$", "AB", True),
        (r"^\\u0041$", r"\u0041", True),
        (r"^\ud83d\ude00\u{1F600}$", "😀😀", True),
        (r"^\cI$", "\t", True),
        (r"^(?<year>\d{4})$", "2026", True),
        ("a$", "a\n", False),
        ("^[0-9]+$", "١٢", False),
    ],
)
def test_patterns_are_those_of_ecma_and_do_not_backtrack(
    pattern: str, text: str, *, fits: bool
) -> None:
    check_schema({"pattern": pattern})
    finding = within_limit(text, {"pattern": pattern})
    assert finding == OK if fits else finding.mismatch is not None
    named = {"patternProperties": {pattern: False}}
    assert (within_limit({text: 1}, named) == OK) is not fits
    closed = {"patternProperties": {pattern: True}, "additionalProperties": False}
    assert (within_limit({text: 1}, closed) == OK) is fits


@pytest.mark.parametrize(
    "pattern", ["^(?=a)", "(?<!a)b", r"(a)\1", "(", "a{2000}", r"(\p{L}{100}){10}", "\ud800"]
)
def test_a_pattern_that_cannot_be_matched_is_said_to_be_unchecked(pattern: str) -> None:
    check_schema({"pattern": pattern.encode("utf-8", "replace").decode()})
    for value, schema in (
        ("b", {"pattern": pattern}),
        ({"b": 1}, {"patternProperties": {pattern: False}}),
        ({"b": 1}, {"patternProperties": {pattern: True}, "additionalProperties": False}),
    ):
        finding = within_limit(value, schema)
        if finding.fault is None:
            assert finding.mismatch is None
            assert "is not checked" in str(finding.unchecked)
        else:
            assert pattern == "\ud800"


def test_what_is_wrong_beside_what_is_unchecked_is_wrong() -> None:
    schema = {"properties": {"a": {"pattern": "(?=x)"}, "b": {"type": "string"}}}
    assert checked({"a": "x", "b": 1}, schema).mismatch == "$.b: 1 is not of type 'string'"


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        (int("1" * 400), {"multipleOf": 0.1}, True),
        (int("1" * 400), {"multipleOf": 7e300}, False),
        (0.3, {"multipleOf": 0.1}, True),
        (0.35, {"multipleOf": 0.1}, False),
        (1e308, {"multipleOf": 1e-300}, True),
        (True, {"multipleOf": 2}, True),
        ([1, 1.0], {"uniqueItems": True}, False),
        ([1, True, "1", [1], {"a": 1}], {"uniqueItems": True}, True),
        ([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], {"uniqueItems": True}, False),
        (1.0, {"enum": [2, 1]}, True),
        (True, {"enum": [1]}, False),
        (False, {"const": 0}, False),
        ({"a": [1.0]}, {"const": {"a": [1]}}, True),
        ("2026-13-45", {"format": "date"}, True),
        ("☃", {"format": "no-such-format"}, True),
        ({"b": 1}, {"properties": {"a": {}}, "unevaluatedProperties": False}, False),
        ([1, 2], {"prefixItems": [{}], "unevaluatedItems": False}, False),
        (3, {"$schema": "http://json-schema.org/draft-03/schema#", "divisibleBy": 2}, False),
        (
            5,
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "maximum": 5,
                "exclusiveMaximum": True,
            },
            False,
        ),
        ("x", {"$schema": "http://example.org/mine", "type": "string"}, True),
    ],
)
def test_values_are_compared_as_json_schema_says(value: Any, schema: Any, *, fits: bool) -> None:
    check_schema(schema)
    finding = within_limit(value, schema)
    assert (finding == OK) if fits else (finding.mismatch is not None)


def test_a_part_that_names_another_draft_is_bounded_as_well() -> None:
    draft = "https://json-schema.org/draft/2020-12/schema"
    inner = {"$schema": draft, "pattern": "^(a+)+$"}
    schema = {"$schema": draft, "properties": {"a": {"$id": "http://a/b", **inner}, "b": inner}}
    for name in "ab":
        assert within_limit({name: "a" * 40 + "!"}, schema).mismatch is not None


_DOUBLING = {f"d{depth}": {"anyOf": [{"$ref": f"#/$defs/d{depth + 1}"}] * 2} for depth in range(40)}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (1, {"$defs": {**_DOUBLING, "d40": {"type": "string"}}, "$ref": "#/$defs/d0"}),
        ([{"a": n} for n in range(400_000)], {"uniqueItems": True}),
        ([n * (2**61 - 1) for n in range(400_000)], {"uniqueItems": True}),
        ([[n] for n in range(1_000)], {"items": {"enum": [[n] for n in range(9_000)]}}),
        ([{"a": "x" * 1_000}] * 1_000, {"anyOf": [{"type": "string"}] * 1_500}),
        ([1] * 100_000, {"allOf": [{"items": {}}] * 1_000}),
        ("a" * 1_000_000, {"pattern": r"^(?:\w{1,100}){5}!$"}),
        (["ab" * 500] * 1_000, {"items": {"pattern": "(a|b)*a(a|b){500}c"}}),
        (1, {"enum": list(range(100_000))}),
    ],
    ids=["doubling", "unique", "hashes", "enum", "messages", "items", "text", "texts", "large"],
)
def test_a_check_gives_up_in_time_and_says_so(value: Any, schema: Any) -> None:
    finding = within_limit(value, schema)
    assert finding.fault is None
    assert finding.mismatch or "not checked" in str(finding.unchecked)
    began = time.thread_time()
    check_schema(schema)
    assert time.thread_time() - began < CHECK_S + GRACE_S


def test_many_anchors_hold_nobody_up() -> None:
    anchors = {f"a{n}": {"$anchor": f"a{n}"} for n in range(1_500)}
    assert within_limit(1, {"$defs": anchors, "$ref": "#a9"}).fault is None


def test_evaluated_properties_beside_patterns_are_said_to_be_unchecked() -> None:
    schema = {"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False}
    assert "unevaluatedProperties" in str(within_limit({"a" * 40 + "!": 1}, schema).unchecked)


def test_a_mismatch_is_short() -> None:
    assert len(str(checked("x" * 10_000, {"type": "integer"}).mismatch)) <= 500
    many = {"properties": {}, "additionalProperties": False}
    assert len(str(checked({f"k{n}": 1 for n in range(10_000)}, many).mismatch)) <= 500
