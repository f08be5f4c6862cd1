"""Prefix affinity: a conversation stays where it was, and no place waits for it."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from model_foundry.dispatch.affinity import Affinity
from model_foundry.dispatch.dispatcher import dispatch
from model_foundry.dispatch.shape import prefixes
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import Result
from model_foundry_tests.asking import job, quick
from model_foundry_tests.told_slot import Told, ToldSlot

AT_ONCE = 8
TURNS = 5
CONVERSATIONS = 40


def messages(number: int, turns: int) -> list[dict[str, Any]]:
    said = []
    for turn in range(turns):
        said.append({"role": "user", "content": f"{number}: question {turn}"})
        said.append({"role": "assistant", "content": f"{number}: answer {turn}"})
    return said[:-1]


def conversations() -> Iterator[Job]:
    for first in range(0, CONVERSATIONS, AT_ONCE):
        for turn in range(1, TURNS + 1):
            for number in range(first, first + AT_ONCE):
                yield job(request=Request(messages=messages(number, turn)))


async def cached_messages(home: Path, *, affinity: bool) -> tuple[int, float]:
    """How many messages a slot had read before as the beginning of a prompt; the wall time."""
    seen: dict[str, set[str]] = {"a": set(), "b": set()}
    cached = 0
    uneven = random.Random(5)

    def reading(name: str) -> Any:
        def decide(asked: Any) -> Told:
            nonlocal cached
            prompt = [str(each) for each in asked.body["messages"]]
            begun = ["".join(prompt[:length]) for length in range(1, len(prompt) + 1)]
            cached += sum(each in seen[name] for each in begun)
            seen[name].update(begun)
            return Told(after_s=uneven.uniform(0.005, 0.03))

        return decide

    async def land(results: Sequence[Result]) -> None:
        assert {each.status for each in results} == {"ok"}

    async with (
        ToldSlot(reading("a"), name="a", parallel=2) as one,
        ToldSlot(reading("b"), name="b", parallel=2) as two,
    ):
        report = await dispatch(
            conversations(),
            slots=[one.slot(), two.slot()],
            environment={},
            land=land,
            settings=quick(home, inference_prefix_affinity=affinity),
        )
    assert report.ok == CONVERSATIONS * TURNS
    return cached, report.wall_s


async def test_a_conversation_stays_where_it_was(tmp_path: Path) -> None:
    with_affinity, with_s = await cached_messages(tmp_path, affinity=True)
    without, without_s = await cached_messages(tmp_path, affinity=False)
    assert with_affinity >= 1.3 * without
    # Every beginning that somebody could have read: all turns but the first.
    possible = CONVERSATIONS * sum(2 * turn - 1 for turn in range(1, TURNS))
    assert with_affinity >= 0.9 * possible
    assert with_s < 1.5 * without_s


def test_the_longest_beginning_counts_and_memory_is_bounded() -> None:
    affinity = Affinity(remembered=100)
    long = prefixes(Request(messages=messages(1, 5)), 256)
    affinity.asked(prefixes(Request(messages=messages(1, 2)), 256), "a")
    affinity.asked(long[:1], "b")
    assert affinity.of(long) == ("a", 3)
    other = prefixes(Request(messages=messages(2, 5)), 256)
    assert affinity.of(other) == (None, 0)
    for number in range(100, 200):
        affinity.asked(prefixes(Request(messages=messages(number, 1)), 256), "a")
    assert affinity.of(long) == (None, 0)


def test_completions_begin_alike_too() -> None:
    text = "A long beginning. " * 100
    first, second = (
        prefixes(Request(endpoint="completion", prompt=text + end), 256) for end in ("x", "y")
    )
    alike = [a == b for a, b in zip(first, second, strict=True)]
    assert alike[:-1] == [True] * (len(first) - 1)
    assert not alike[-1]
