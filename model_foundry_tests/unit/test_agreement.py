"""How far workers kept to a plan, on texts whose decisions are known."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_foundry.sessions.agreement import Said, agreement, asked_texts, called_text
from model_foundry.sessions.decisions import decisions, mentions, normalized, settings, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Listen on port 8080.", {"port = 8080"}),
        ("1. The timeout is 30 s.\n2. Set max_tokens=64.", {"timeout = 30s", "max_tokens = 64"}),
        ("Run three replicas, mode=strict.", {"replica = 3", "mode = strict"}),
        ("Write `the plan` to docs/plan.md with DuckDB.", {"the plan", "docs/plan.md", "duckdb"}),
        ("Ask Hiroshi about the GPU and qwen3-30b.", {"hiroshi", "gpu", "qwen3-30b"}),
        ("ポートは８０８０、「夜間バックアップ」をDuckDBで。",
         {"ポート = 8080", "夜間バックアップ", "duckdb"}),
        ("Look up what limits the backup disk.", set()),
        ("It happened on 2026-11-20.", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_decisions_of_a_text(text: str, expected: set[str]) -> None:
    assert decisions(normalized(text)) == expected


PLANS = Path(__file__).parents[1] / "corpora" / "plans"
PAGE = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text(encoding="utf-8")


def labelled() -> list[tuple[str, set[str]]]:
    """Texts of ten kinds, each with the decisions that a reader finds in it."""
    found = []
    for file in sorted(PLANS.glob("*.txt")):
        for block in file.read_text(encoding="utf-8").split("---\n"):
            text, _, labels = block.rstrip("\n").rpartition("\n=")
            found.append((text, {label.strip() for label in labels.split(" | ")} - {""}))
    return found


def test_what_is_found_in_labelled_plans_and_answers_are_decisions() -> None:
    texts = labelled()
    assert (len(texts), len(list(PLANS.glob("*.txt")))) == (60, 10)
    found = [(decisions(normalized(text)), wanted) for text, wanted in texts]
    right = sum(len(some & wanted) for some, wanted in found)
    precision = right / sum(len(some) for some, _ in found)
    recall = right / sum(len(wanted) for _, wanted in found)
    assert precision >= 0.9
    assert recall >= 0.9
    said = re.search(r"precision (0\.\d\d), recall (0\.\d\d)", PAGE)
    assert said is not None
    assert said.groups() == (f"{precision:.2f}", f"{recall:.2f}")


@given(st.text(max_size=300))
@example("A0ß")
@example("A0İ")
def test_any_text_mentions_its_own_decisions(text: str) -> None:
    ready = normalized(text)
    made = settings(ready)
    assert all(mentions(ready.casefold(), one, made) for one in decisions(ready))


def test_part_of_a_word_or_number_is_no_mention() -> None:
    assert not mentions("gpus are 80800", "gpu", {})
    assert not mentions("port 80800", "8080", {})
    assert mentions("gpuは8080", "gpu", {})
    assert not mentions("the port is 9090, code 8080", "port = 8080", {"port": {"9090"}})
    assert mentions("8080 is the port", "port = 8080", {})


def said(who: str, role: str, asked: str, text: str) -> Said:
    return Said(who, role, "s", [asked], text)


PLAN = said("boss", "orchestrator", "Do it.", "Use port 8080 and `event_inbox`, for 30 days.")


def test_kept_ignored_and_differing() -> None:
    everything = "Use port 8080 and `event_inbox`, for 30 days."
    kept, ignored, strayed = agreement(
        [
            PLAN,
            said("a", "worker", everything, "Port 8080 reads event_inbox; 30 days, in Kafka_1."),
            said("b", "worker", "Something about port 8080.", "I made coffee, as in Kafka_1."),
            said("c", "worker", everything, "event_inbox: port 9090 with redis_cache."),
            said("boss", "orchestrator", "Answer.", "Use port 1."),
        ]
    )
    assert (kept.told, kept.kept, kept.ignored) == (
        ["day = 30", "event_inbox", "port = 8080"],
        ["day = 30", "event_inbox", "port = 8080"],
        [],
    )
    assert (ignored.told, ignored.kept, ignored.ignored) == (["port = 8080"], [], ["port = 8080"])
    assert (strayed.kept, strayed.ignored) == (["event_inbox"], ["day = 30", "port = 8080"])
    assert kept.differs == ["port = 8080, c: 9090"]
    assert ignored.differs == []
    assert strayed.differs == ["port = 9090, a: 8080", "port = 9090, the plan: 8080"]
    assert (kept.introduced, strayed.introduced) == (["kafka_1"], ["9090", "redis_cache"])
    # a and b introduced the same one thing; with c, neither shares anything.
    assert (kept.overlap, ignored.overlap, strayed.overlap) == (0.5, 0.5, 0.0)
    assert kept.plan_decisions == 3


def test_several_chats_of_a_worker_are_one_worker() -> None:
    [worker] = agreement(
        [PLAN, said("a", "worker", "Use port 8080.", ""), said("a", "worker", "", "Port 8080.")]
    )
    assert (worker.told, worker.kept, worker.overlap) == (["port = 8080"], ["port = 8080"], None)


def test_a_tool_call_keeps_a_decision_but_introduces_nothing() -> None:
    asked = "Use port 8080 and event_inbox."
    [worker] = agreement([PLAN, Said("a", "worker", "s", [asked], "Done.", "port=8080\nnew_table")])
    assert (worker.kept, worker.ignored) == (["port = 8080"], ["event_inbox"])
    assert (worker.introduced, worker.differs) == ([], [])


def test_without_a_plan_nothing_is_told_and_without_workers_nobody_is_named() -> None:
    assert agreement([]) == []
    assert agreement([PLAN]) == []
    [worker] = agreement([said("a", "worker", "Use port 8080.", "Port 8080.")])
    assert (worker.plan_decisions, worker.told, worker.introduced) == (0, [], [])


def test_what_was_asked_and_said_is_read_from_any_shape() -> None:
    messages = (
        '[{"role":"system","content":"a"},{"role":"assistant","content":"no"},3,'
        '{"role":"user","content":[{"type":"text","text":"b"},{"type":"image_url"}]}]'
    )
    assert asked_texts(messages) == ["a", "b"]
    assert asked_texts(None) == asked_texts("{}") == asked_texts("[[]]") == []
    calls = '[{"function":{"arguments":"{\\"path\\":\\"a.md\\",\\"top_k\\":2}"}},{"function":4}]'
    assert called_text(calls) == "a.md\ntop_k=2"
    assert called_text('[{"function":{"arguments":"{broken"}}]') == "{broken"


def test_long_texts_cost_in_proportion() -> None:
    began = time.process_time()
    for text in (
        "a" * 50_000,
        "1" * 50_000,
        "a_" * 25_000,
        "a." * 25_000,
        '"' * 50_000,
        "=" * 50_000,
    ):
        terms(normalized(text))
        settings(normalized(text))
    assert time.process_time() - began < 15
