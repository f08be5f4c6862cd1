"""Prefix affinity: a conversation stays where it was, and no place waits for it."""

import asyncio
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

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


def conversations(at_once: int) -> Iterator[Job]:
    """As they were recorded: so many were under way at once."""
    for first in range(0, CONVERSATIONS, at_once):
        for turn in range(1, TURNS + 1):
            for number in range(first, min(first + at_once, CONVERSATIONS)):
                yield job(request=Request(messages=messages(number, turn)))


async def cached_messages(home: Path, at_once: int, *, affinity: bool) -> tuple[int, float]:
    """How many messages a slot had read before as the beginning of a prompt; the wall time."""
    read_at: dict[str, dict[str, float]] = {"a": {}, "b": {}}
    cached = 0
    uneven = random.Random(5)

    def reading(name: str) -> Any:
        def decide(asked: Any) -> Told:
            nonlocal cached
            now, after_s = asyncio.get_running_loop().time(), uneven.uniform(0.005, 0.03)
            prompt = [str(each) for each in asked.body["messages"]]
            begun = ["".join(prompt[:length]) for length in range(1, len(prompt) + 1)]
            cached += sum(read_at[name].get(each, math.inf) <= now for each in begun)
            for each in begun:
                read_at[name].setdefault(each, now + after_s)
            return Told(after_s=after_s)

        return decide

    async def land(results: Sequence[Result]) -> None:
        assert {each.status for each in results} == {"ok"}

    async with (
        ToldSlot(reading("a"), name="a", parallel=2) as one,
        ToldSlot(reading("b"), name="b", parallel=2) as two,
    ):
        report = await dispatch(
            conversations(at_once),
            slots=[one.slot(), two.slot()],
            environment={},
            land=land,
            settings=quick(home, inference_prefix_affinity=affinity),
        )
    assert report.ok == CONVERSATIONS * TURNS
    return cached, report.wall_s


@pytest.mark.parametrize("at_once", [1, 8, CONVERSATIONS])
async def test_a_conversation_stays_where_it_was(tmp_path: Path, at_once: int) -> None:
    """A turn follows on the one before it, however far apart the two were recorded."""
    with_affinity, with_s = await cached_messages(tmp_path, at_once, affinity=True)
    without, without_s = await cached_messages(tmp_path, at_once, affinity=False)
    assert with_affinity >= 1.3 * without
    # Every beginning that somebody could have read: all turns but the first.
    possible = CONVERSATIONS * sum(2 * turn - 1 for turn in range(1, TURNS))
    assert with_affinity >= 0.9 * possible
    # No place waits for a job: twice the time would be one slot instead of two.
    assert with_s < 2.5 * without_s


def test_the_longest_beginning_counts_and_memory_is_bounded() -> None:
    affinity = Affinity(remembered=100)
    long = prefixes(Request(messages=messages(1, 5)), 256)
    short = prefixes(Request(messages=messages(1, 2)), 256)
    affinity.asked(short)
    assert affinity.begun(long, "a", {"a", "b"}) == (0, 3, None)
    affinity.ended(short, "a", answered=True)
    assert affinity.begun(long, "a", {"a", "b"}) == (3, 0, None)
    assert affinity.begun(long, "b", {"a", "b"}) == (0, 3, "a")
    assert affinity.begun(long, "b", {"b"}) == (0, 0, None)
    affinity.asked(long[:1])
    affinity.ended(long[:1], "b", answered=False)
    assert affinity.begun(long, "b", {"a", "b"}) == (0, 3, "a")
    affinity.asked(long[:1])
    affinity.ended(long[:1], "b", answered=True)
    assert affinity.begun(long, "b", {"a", "b"}) == (1, 3, "a")
    other = prefixes(Request(messages=messages(2, 5)), 256)
    assert affinity.begun(other, "a", {"a", "b"}) == (0, 0, None)
    for number in range(100, 200):
        new = prefixes(Request(messages=messages(number, 1)), 256)
        affinity.asked(new)
        affinity.ended(new, "a", answered=True)
    assert affinity.begun(long, "a", {"a", "b"}) == (0, 0, None)


def test_completions_begin_alike_too() -> None:
    text = "A long beginning. " * 100
    first, second = (
        prefixes(Request(endpoint="completion", prompt=text + end), 256) for end in ("x", "y")
    )
    alike = [a == b for a, b in zip(first, second, strict=True)]
    assert alike[:-1] == [True] * (len(first) - 1)
    assert not alike[-1]
