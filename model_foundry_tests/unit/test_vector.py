"""deploy/vector/vector.toml: its own tests on the real VRL engine, and that they would notice.

Not Vector itself: `vector validate` and `vector test` are for whoever has it.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "vrl_python", reason="the VRL engine (wheel vrl-python) is missing: vector.toml is not tested"
)
from model_foundry_tests.vector import Vector

CONFIG = Path(__file__).parents[2] / "deploy" / "vector" / "vector.toml"
TEXT = CONFIG.read_text(encoding="utf-8")
PROGRAMS, TESTS = TEXT.split("\n[[tests]]", 1)
BOUNDED_TAGS = {
    "event", "service", "status", "level", "reason", "slot", "model", "backend", "direction",
    "timing_source",  # server, client, unknown
}  # fmt: skip


def test_its_own_tests_hold() -> None:
    vector = Vector(TEXT)
    assert len(vector.config["tests"]) > 40
    assert list(vector.failures()) == []


def _mutants() -> Iterator[tuple[str, str]]:
    """Each rule of the programs, broken: what, and the file with it."""
    rules: dict[str, Callable[[re.Match[str]], str]] = {
        r'\{ abort "\w+" \}': lambda found: "{ null }",  # not rejected
        r'^    abort "\w+"$': lambda found: "    null",
        r"^( *)out\.\w+ = .*$": lambda found: f"{found[1]}null",  # not kept
        r"^    \"\w+\": \w+,$": lambda found: "",
        r"(?<=if )(?!\{)(.+?)(?= \{)": lambda found: f"!({found[1]})",  # the other way round
        r"r'\^.*?\$'": lambda found: "r'.*'",  # any text will do
        r"^    r'.*',$": lambda found: "",  # a secret not masked
        r"includes\(\[.*?\],": lambda found: "includes([],",
        r"/ 1000\.0": lambda found: "/ 1.0",
        r", 2048,": lambda found: ", 9999,",
        r", 512,": lambda found: ", 9999,",
        r"downcase\((string\(.*?\) \?\? \".*?\")\)": lambda found: found[1],
        r"^\.timestamp = .*$": lambda found: "",
        r"happened = received(?= \})": lambda found: "null",
        r"^route\.(\w+) = '(.*)'$": lambda found: f"route.{found[1]} = '!({found[2]})'",
        r"(?<=^name = \")(?=\w)": lambda found: "renamed_",
        r"(?<=^namespace = \")(?=\w)": lambda found: "renamed_",
        r"(?<=[ {])(\w+) = \"\{\{": lambda found: f'renamed_{found[1]} = "{{{{',  # a tag
    }
    for pattern, broken in rules.items():
        found_any = False
        for found in re.finditer(pattern, PROGRAMS, re.MULTILINE):
            if PROGRAMS.rfind("[sinks", 0, found.start()) >= 0:
                continue  # what only Vector can test
            found_any = True
            line = PROGRAMS.count("\n", 0, found.start()) + 1
            text = PROGRAMS[: found.start()] + broken(found) + PROGRAMS[found.end() :]
            yield f"{line}: {found[0][:60]}", text + "\n[[tests]]" + TESTS
        assert found_any, f"no rule looks like {pattern}"


def _survives(text: str) -> bool:
    try:
        return not any(Vector(text).failures())
    except ValueError:
        return False  # does not compile


def test_a_broken_program_fails_them() -> None:
    mutants = list(_mutants())
    assert len(mutants) > 100
    assert [what for what, text in mutants if _survives(text)] == []


def test_no_label_is_unbounded() -> None:
    vector = Vector(TEXT)
    metrics = {
        name: metric
        for name, transform in vector.transforms.items()
        if transform["type"] == "log_to_metric"
        for metric in transform["metrics"]
    }
    assert set(metrics) == {name for name in vector.transforms if name.startswith("m_")}
    assert {tag for metric in metrics.values() for tag in metric["tags"]} <= BOUNDED_TAGS
    guard = vector.transforms["cardinality_guard"]
    assert (guard["type"], guard["inputs"]) == ("tag_cardinality_limit", ["m_*"])
    sinks = vector.config["sinks"]
    assert sinks["prometheus"]["inputs"] == ["cardinality_guard", "vector_internal"]
    assert set(sinks["loki"]["labels"]) == {"app", "service_name", "event"}
    assert set(sinks["loki"]["structured_metadata"]) == {"correlation_id", "level"}


def test_what_loki_is_sent_has_every_field_its_templates_name() -> None:
    vector = Vector(TEXT)
    loki = vector.config["sinks"]["loki"]
    templates = [*loki["labels"].values(), *loki["structured_metadata"].values()]
    fields = {name for text in templates for name in re.findall(r"{{ (\w+) }}", text)}
    for event in ({"event": "log", "service": "familiar"}, {"event": "nothing"}):
        flow = vector.flow(event, "normalize")
        [sent] = [line for name in loki["inputs"] for line in flow.get(name, [])]
        assert fields <= set(sent)
